//! Where the faces are.
//!
//! A [`Model`] says which detector there is and loads it; a [`Detector`] looks at a [`Small`] copy of a picture. A [`Schedule`] says which
//! pictures are looked at, and how closely: often at a small copy, and now and then at a larger one that shows small faces too. [`Worker`]
//! runs the detector on a thread of its own, with the newest picture whenever it is idle, and survives whatever the detector does:
//! [`Worker::state`] says so, and the planner of masks fails closed on it.

mod small;

pub mod centerface;

mod schedule;

mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use schedule::{Look, Rhythm, Schedule};
pub use small::Small;
pub use worker::{Config, Counters, Worker};

use crate::picture::{Area, Size};

/// A detector that is not loaded yet.
pub trait Model: Send + Sync {
    /// Name and version, for the epoch record: printable ASCII, at most 64 bytes ([`wire::epoch::MAX_DETECTOR`]).
    fn name(&self) -> String;

    /// How large a copy of a picture it wants to see when it looks thoroughly.
    fn small(&self, picture: Size) -> Size;

    /// How large a copy is enough for a quick look; by default there is no difference.
    fn quick(&self, picture: Size) -> Size {
        self.small(picture)
    }

    /// The longer side of the smallest face that it can be expected to find, in pixels of the copy. That it does not find a smaller one says
    /// nothing.
    fn smallest(&self) -> f32 {
        0.0
    }

    /// Loads it. Called on the detector's thread, again after it failed.
    ///
    /// # Errors
    /// When its model is not there or cannot be used.
    fn load(&self) -> Result<Box<dyn Detector>, Error>;
}

/// Finds faces.
pub trait Detector {
    /// What it found, in pixels of the small copy. A missed face is a leak, a false one costs a few bits.
    ///
    /// # Errors
    /// When it cannot say. The picture is then masked whole.
    fn detect(&mut self, small: &Small) -> Result<Vec<Found>, Error>;
}

impl dyn Model + '_ {
    /// How large a copy of a picture it wants to see.
    #[must_use]
    pub fn copy(&self, picture: Size, look: Look) -> Size {
        match look {
            Look::Quick => self.quick(picture),
            Look::Thorough => self.small(picture),
        }
    }
}

/// A face, or what was taken for one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Where.
    pub area: Area,
    /// How sure, from 0 to 1.
    pub score: f32,
}

impl Found {
    /// The same in pixels of the picture that the copy shows.
    #[must_use]
    pub fn enlarged(self, of: Size, small: Size) -> Self {
        let (across, down) = scale(of, small);
        let Area { x, y, w, h } = self.area;
        Self { area: Area { x: x * across, y: y * down, w: w * across, h: h * down }, ..self }
    }
}

/// How many pixels of a picture a pixel of its copy stands for, across and down.
fn scale(of: Size, small: Size) -> (f32, f32) {
    (f32::from(of.width()) / f32::from(small.width()), f32::from(of.height()) / f32::from(small.height()))
}

/// What a detector said about a picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// The picture's number.
    pub number: u64,
    /// When that picture was captured, by the monotonic clock.
    pub at: Instant,
    /// The picture's size.
    pub size: Size,
    /// How closely it looked.
    pub look: Look,
    /// The longer side of the smallest face about which it says something, in pixels of the picture.
    pub smallest: f32,
    /// The faces, in pixels of the picture.
    pub faces: Vec<Found>,
    /// How long it took.
    pub took: Duration,
}

impl Detection {
    /// What was found in a copy of a picture.
    #[must_use]
    pub fn new(model: &dyn Model, (number, at): (u64, Instant), small: &Small, look: Look, faces: &[Found], took: Duration) -> Self {
        let (of, copy) = (small.of(), small.size());
        let (across, down) = scale(of, copy);
        let faces = faces.iter().map(|found| found.enlarged(of, copy)).collect();
        Self { number, at, size: of, look, smallest: model.smallest() * across.max(down), faces, took }
    }
}

/// Why there is no detection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model's file is not there.
    #[error("the detector's model {} cannot be read: {why}; every picture is masked whole until it is there", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The model cannot be used.
    #[error("the detector's model cannot be used: {0}")]
    Model(String),
    /// A detection failed.
    #[error("the detector failed: {0}")]
    Failed(String),
    /// It says that almost everything is a face.
    #[error("the detector found {0} faces in one picture, which is nonsense")]
    Nonsense(usize),
    /// It panicked.
    #[error("the detector broke down: {0}")]
    Panicked(String),
}
