//! What is masked, as the file says it.

use std::path::PathBuf;
use std::time::Duration;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};
use wire::label::{Label, LabelName, Labels};

use super::duration;
use crate::detect::{self, Rhythm, centerface::CenterFace};
use crate::mask::{self, Faces, Fixed, MAX_SHAPES, NotAPolygon, Polygon, Shape};
use crate::picture::Area;

/// What scores at least this share of the threshold is a face where one was expected.
const FAINT: f32 = 0.3;

/// How faces are found, and how their masks behave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Detect {
    /// Whether faces are looked for.
    pub on: bool,
    /// How wide a copy of the picture the detector looks at when it looks thoroughly, in pixels.
    pub width: u16,
    /// How wide a copy it looks at in between.
    pub quick_width: u16,
    /// The shortest time from one detection to the next.
    #[serde(with = "duration")]
    pub every: Duration,
    /// The shortest time from one thorough detection to the next.
    #[serde(with = "duration")]
    pub thorough: Duration,
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
    /// Everything but the zones, and in these the areas and the faces that are found.
    Inverse,
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

/// An area that is always masked: a rectangle, or a polygon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Mask {
    /// Why: under this label its originals are sealed.
    pub label: String,
    /// Of a rectangle: left edge, in pixels.
    pub x: Option<u16>,
    /// Upper edge.
    pub y: Option<u16>,
    /// Width.
    pub w: Option<u16>,
    /// Height.
    pub h: Option<u16>,
    /// Of a polygon: its corners in turn, x and y in pixels.
    pub points: Option<Vec<[u16; 2]>>,
}

/// A zone that the mode `inverse` shows: a rectangle, or a polygon.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Zone {
    /// What the agent calls it when it says what it shows.
    pub name: String,
    /// Of a rectangle: left edge, in pixels.
    pub x: Option<u16>,
    /// Upper edge.
    pub y: Option<u16>,
    /// Width.
    pub w: Option<u16>,
    /// Height.
    pub h: Option<u16>,
    /// Of a polygon: its corners in turn, x and y in pixels.
    pub points: Option<Vec<[u16; 2]>>,
}

impl Mask {
    /// A rectangle: left and upper edge, width and height in pixels.
    #[must_use]
    pub fn rectangle(label: &str, [x, y, w, h]: [u16; 4]) -> Self {
        Self { label: label.to_owned(), x: Some(x), y: Some(y), w: Some(w), h: Some(h), points: None }
    }

    const fn drawn(&self) -> Drawn<'_> {
        Drawn { rectangle: [self.x, self.y, self.w, self.h], points: self.points.as_ref() }
    }

    /// Where it is; `None` where that is not said as it must be.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        self.drawn().shape()
    }
}

impl Zone {
    const fn drawn(&self) -> Drawn<'_> {
        Drawn { rectangle: [self.x, self.y, self.w, self.h], points: self.points.as_ref() }
    }

    /// Where it is; `None` where that is not said as it must be.
    #[must_use]
    pub fn shape(&self) -> Option<Shape> {
        self.drawn().shape()
    }
}

/// Either of both, as the file says it.
#[derive(Clone, Copy)]
struct Drawn<'a> {
    rectangle: [Option<u16>; 4],
    points: Option<&'a Vec<[u16; 2]>>,
}

impl Drawn<'_> {
    fn shape(self) -> Option<Shape> {
        match (self.rectangle, self.points) {
            ([Some(x), Some(y), Some(w), Some(h)], None) => {
                Some(Shape::Rectangle(Area { x: x.into(), y: y.into(), w: w.into(), h: h.into() }))
            }
            ([None, None, None, None], Some(points)) => polygon(points).ok().map(Shape::Polygon),
            _ => None,
        }
    }

    fn validate(self, check: &mut Check<'_>) {
        let keys = ["x", "y", "w", "h"];
        match self.points {
            Some(points) => {
                for (key, value) in keys.into_iter().zip(self.rectangle) {
                    check.ensure(value.is_none(), key, "an area has either points or x, y, w and h");
                }
                if let Err(error) = polygon(points) {
                    check.wrong("points", error.to_string());
                }
            }
            None => {
                for (key, value) in keys.into_iter().zip(self.rectangle) {
                    check.ensure(value.is_some(), key, "this key is missing: an area has x, y, w and h, or points");
                }
                let [.., w, h] = self.rectangle;
                check.ensure(w != Some(0), "w", "an area has a width");
                check.ensure(h != Some(0), "h", "an area has a height");
            }
        }
    }
}

fn polygon(points: &[[u16; 2]]) -> Result<Polygon, NotAPolygon> {
    Polygon::new(&points.iter().map(|[x, y]| (*x, *y)).collect::<Vec<_>>())
}

impl Default for Detect {
    fn default() -> Self {
        let (faces, detector, rhythm) = (Faces::default(), CenterFace::default(), Rhythm::default());
        Self {
            on: true,
            width: detector.width,
            quick_width: detector.quick_width,
            every: rhythm.every,
            thorough: rhythm.thorough,
            threshold: faces.sure,
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
            Mode::Inverse => mask::Mode::Inverse,
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
        CenterFace { model: self.model.clone(), width: self.width, quick_width: self.quick_width, threshold: self.threshold * FAINT }
    }

    /// How the detector is run.
    #[must_use]
    pub fn worker(&self) -> detect::Config {
        detect::Config { rhythm: self.rhythm(), ..detect::Config::default() }
    }

    /// How often the detector looks, and how closely: twice within the look-ahead at least, for pictures that nobody looked at wait for no
    /// longer.
    #[must_use]
    pub fn rhythm(&self) -> Rhythm {
        Rhythm { every: self.every.min(self.look_ahead / 2), thorough: self.thorough }
    }

    /// How faces are masked.
    #[must_use]
    pub fn faces(&self) -> Faces {
        Faces { look_ahead: self.look_ahead, hold: self.hold, margin: self.margin, sure: self.threshold, ..Faces::default() }
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

/// The fixed areas with their labels.
#[must_use]
pub fn fixed(masks: &[Mask], labels: &Labels) -> Vec<Fixed> {
    masks.iter().filter_map(|mask| Some(Fixed { label: labels.find(&mask.label)?, shape: mask.shape()? })).collect()
}

impl Validate for Detect {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure((64..=3840).contains(&self.width), "width", "a width is from 64 to 3840 pixels");
        check.ensure((64..=3840).contains(&self.quick_width), "quick_width", "a width is from 64 to 3840 pixels");
        check.ensure(self.threshold > 0.0 && self.threshold <= 1.0, "threshold", "a threshold is above 0 and at most 1");
        check.ensure(
            self.every <= Duration::from_secs(10),
            "every",
            "at most 10s: what appears in between would be masked whole for longer",
        );
        let second = Duration::from_secs(1);
        check.ensure(self.thorough <= second, "thorough", "at most 1s: small faces that appear in between are seen for longer");
        let look_ahead = Duration::from_millis(20)..=Duration::from_secs(60);
        check.ensure(look_ahead.contains(&self.look_ahead), "look_ahead", "a look-ahead is from 20ms to 60s: every picture is late by it");
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
        self.drawn().validate(check);
    }
}

impl Validate for Zone {
    fn validate(&self, check: &mut Check<'_>) {
        if let Err(error) = self.name.parse::<LabelName>() {
            let text = if self.name.is_empty() { "this key is missing: a zone has a name".to_owned() } else { error.to_string() };
            check.wrong("name", text.replace("not a label", "not a name"));
        }
        self.drawn().validate(check);
        if self.shape().is_some_and(|shape| shape.crosses_itself()) {
            check.wrong("points", "the outline crosses itself, so it cannot be said what lies inside: give the corners in turn");
        }
    }
}

/// Whether there are more areas or zones than the planner takes.
pub(super) const fn too_many(shapes: usize) -> bool {
    shapes > MAX_SHAPES
}
