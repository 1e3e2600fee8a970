//! What is masked, as the file says it.

use std::path::PathBuf;
use std::time::Duration;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};
use wire::label::{Label, LabelName, Labels};

use super::duration;
use crate::detect::{self, centerface::CenterFace};
use crate::mask::{self, Faces, Fixed, MAX_FIXED};
use crate::picture::Area;

/// How faces are found, and how their masks behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detect {
    /// Whether faces are looked for.
    pub on: bool,
    /// How wide a copy of the picture the detector looks at, in pixels.
    pub width: u16,
    /// The shortest time from one detection to the next.
    #[serde(with = "duration")]
    pub every: Duration,
    /// From which score on something is a face, from 0 to 1.
    pub threshold: f32,
    /// How long a picture waits for a detection at or after it.
    #[serde(with = "duration")]
    pub look_ahead: Duration,
    /// How long a face that is lost stays masked.
    #[serde(with = "duration")]
    pub hold: Duration,
    /// How much larger than the face its mask is.
    pub margin: f32,
    /// A model instead of the one in the binary (ONNX, CenterFace's outputs); relative to the file's own folder.
    pub model: Option<PathBuf>,
}

/// What is masked besides faces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Masking {
    /// How much.
    pub mode: Mode,
    /// With what.
    pub fill: Fill,
}

/// How much is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The areas, and the faces that are found.
    #[default]
    Masks,
    /// Everything.
    All,
}

/// With what a mask is filled. Never with anything that depends on what is under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fill {
    /// One grey.
    #[default]
    Solid,
    /// A colour from around it.
    Surround,
}

/// An area that is always masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// Why: under this label its originals are sealed.
    pub label: String,
    /// Left edge, in pixels.
    pub x: u16,
    /// Upper edge.
    pub y: u16,
    /// Width.
    pub w: u16,
    /// Height.
    pub h: u16,
}

impl Default for Detect {
    fn default() -> Self {
        let (faces, detector) = (Faces::default(), CenterFace::default());
        Self {
            on: true,
            width: detector.width,
            every: Duration::ZERO,
            threshold: detector.threshold,
            look_ahead: faces.look_ahead,
            hold: faces.hold,
            margin: faces.margin,
            model: None,
        }
    }
}

impl Masking {
    /// How much, for the planner.
    #[must_use]
    pub const fn mode(self) -> mask::Mode {
        match self.mode {
            Mode::Masks => mask::Mode::Masks,
            Mode::All => mask::Mode::All,
        }
    }

    /// With what.
    #[must_use]
    pub const fn fill(self) -> mask::Fill {
        match self.fill {
            Fill::Solid => mask::Fill::Solid,
            Fill::Surround => mask::Fill::Surround,
        }
    }
}

impl Detect {
    /// The detector.
    #[must_use]
    pub fn model(&self) -> CenterFace {
        CenterFace { model: self.model.clone(), width: self.width, threshold: self.threshold }
    }

    /// How the detector is run.
    #[must_use]
    pub fn worker(&self) -> detect::Config {
        detect::Config { interval: self.every, ..detect::Config::default() }
    }

    /// How faces are masked.
    #[must_use]
    pub fn faces(&self) -> Faces {
        Faces { look_ahead: self.look_ahead, hold: self.hold, margin: self.margin, ..Faces::default() }
    }
}

/// The names of the labels, in the order in which they first appear.
pub(super) fn names(masks: &[Mask]) -> Vec<LabelName> {
    let mut names: Vec<LabelName> = Vec::new();
    for name in masks.iter().filter_map(|mask| mask.label.parse().ok()) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The fixed rectangles with their labels, the most important first.
#[must_use]
pub fn fixed(masks: &[Mask], labels: &Labels) -> Vec<Fixed> {
    let area = |mask: &Mask| Area { x: mask.x.into(), y: mask.y.into(), w: mask.w.into(), h: mask.h.into() };
    let mut fixed: Vec<Fixed> =
        masks.iter().filter_map(|mask| Some(Fixed { label: labels.find(&mask.label)?, area: area(mask) })).collect();
    fixed.sort_by_key(|fixed| fixed.label);
    fixed
}

impl Validate for Detect {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure((64..=3840).contains(&self.width), "width", "a width is from 64 to 3840 pixels");
        check.ensure(self.threshold > 0.0 && self.threshold <= 1.0, "threshold", "a threshold is above 0 and at most 1");
        check.ensure(
            self.every <= Duration::from_secs(10),
            "every",
            "at most 10s: what appears in between would be masked whole for longer",
        );
        let look_ahead = Duration::from_millis(20)..=Duration::from_secs(5);
        check.ensure(look_ahead.contains(&self.look_ahead), "look_ahead", "a look-ahead is from 20ms to 5s: every picture is late by it");
        check.ensure(self.hold <= Duration::from_secs(60), "hold", "a hold is at most 60s");
        check.ensure((1.0..=4.0).contains(&self.margin), "margin", "a margin is from 1.0 to 4.0: 1.3 is 15 % more on each side");
    }
}

impl Validate for Mask {
    fn validate(&self, check: &mut Check<'_>) {
        match self.label.parse::<LabelName>() {
            Err(error) => check.wrong("label", error.to_string()),
            Ok(name) if Label::BUILT_IN.iter().any(|(_, taken)| *taken == name.as_str()) => {
                check.wrong("label", "this label has a meaning of its own: face, outside, whole-frame and metadata cannot name an area");
            }
            Ok(_) => {}
        }
        check.ensure(self.w > 0, "w", "an area has a width");
        check.ensure(self.h > 0, "h", "an area has a height");
    }
}

/// Whether there are more areas than the planner takes.
pub(super) const fn too_many(masks: &[Mask]) -> bool {
    masks.len() > MAX_FIXED
}
