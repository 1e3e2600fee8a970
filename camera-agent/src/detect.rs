//! Where the faces are.
//!
//! A [`Model`] says which detector there is and loads it; a [`Detector`] looks at a [`Small`] copy of a picture. [`Worker`] runs it on a
//! thread of its own, with the newest picture whenever it is idle, and survives whatever the detector does: [`Worker::state`] says so, and
//! the planner of masks fails closed on it.

mod small;

pub mod centerface;

mod worker;

use std::path::PathBuf;

pub use small::Small;
pub use worker::{Config, Counters, Detection, Worker};

use crate::picture::{Area, Size};

/// A detector that is not loaded yet.
pub trait Model: Send + Sync {
    /// Name and version, for the epoch record: printable ASCII, at most 64 bytes ([`wire::epoch::MAX_DETECTOR`]).
    fn name(&self) -> String;

    /// How large a copy of a picture it wants to see.
    fn small(&self, picture: Size) -> Size;

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

/// A face, or what was taken for one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Where.
    pub area: Area,
    /// How sure, from 0 to 1.
    pub score: f32,
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
