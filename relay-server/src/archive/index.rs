//! What is known of closed segments without opening them. It can be rebuilt from the segments at any time, so it is written only when
//! one closes or goes.

mod database;

use wire::id::{CameraId, Micros, Name};

use super::place::Place;

pub use database::Database;

/// A closed segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// The camera's name when it was written: the folder that it lies in.
    pub name: Name,
    /// Size of the file.
    pub bytes: u64,
    /// How many frames it holds.
    pub frames: u64,
    /// Its first frame: the least place.
    pub first: Place,
    /// Its last frame: the greatest place.
    pub last: Place,
    /// The earliest capture time in it.
    pub from: Micros,
    /// The latest.
    pub to: Micros,
    /// When it was closed, by the relay's clock.
    pub closed_at: Micros,
    /// Its first frame belongs to a group that another segment begins.
    pub continues: bool,
}

/// A stretch of a segment of about a second: from a key frame to before the next row's. Only a segment's first row may begin in the
/// middle of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where it begins in the file.
    pub offset: u64,
    /// Where the record of its first frame stands in the file; the record's grants follow it.
    pub record: u64,
    /// Its first frame.
    pub first: Place,
    /// The group of its first frame.
    pub group: u64,
    /// The earliest capture time in it.
    pub from: Micros,
    /// The latest.
    pub to: Micros,
    /// Whether its first frame is a key frame.
    pub key: bool,
}

impl Row {
    /// Whether anything in it may have been captured then.
    #[must_use]
    pub fn overlaps(&self, from: Micros, to: Micros) -> bool {
        self.from <= to && self.to >= from
    }

    /// Whether everything in it was captured then.
    #[must_use]
    pub fn lies_within(&self, from: Micros, to: Micros) -> bool {
        self.from >= from && self.to <= to
    }
}

/// A closed segment with its rows, as it goes into the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// Whose it is.
    pub camera: CameraId,
    /// Its number; numbers rise per name.
    pub number: u64,
    /// What is known of it.
    pub segment: Segment,
    /// Its stretches, in order.
    pub rows: Vec<Row>,
}

/// Why the index did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has it open.
    #[error("another process (a running relay, most likely) has the archive's index {0} open")]
    Busy(String),
    /// It cannot be read or written.
    #[error("the archive's index {path} cannot be read or written: {problem}")]
    Storage {
        /// Which file.
        path: String,
        /// What the database says.
        problem: String,
    },
    /// It does not know the rows of a segment that it knows.
    #[error("the archive's index lacks segment {0}: stop the relay, move index.redb aside, and start it again to rebuild the index")]
    Rows(u64),
}

/// The index. Its calls block on the disk, and what they wrote is durable when they return.
pub trait Index: Send + Sync {
    /// Every closed segment that it knows, without rows.
    ///
    /// # Errors
    /// When it cannot be read; so for every method here.
    fn segments(&self) -> Result<Vec<(CameraId, u64, Segment)>, Error>;

    /// The rows of a segment, in order.
    ///
    /// # Errors
    /// [`Error::Rows`] when it has none.
    fn rows(&self, camera: CameraId, number: u64) -> Result<Vec<Row>, Error>;

    /// The highest number that a segment of that name ever had.
    ///
    /// # Errors
    /// When it cannot be read.
    fn last_number(&self, name: &Name) -> Result<u64, Error>;

    /// Takes segments in, all or none; known ones are replaced.
    ///
    /// # Errors
    /// When it cannot be written.
    fn put(&self, closed: &[Closed]) -> Result<(), Error>;

    /// Forgets segments, all or none.
    ///
    /// # Errors
    /// When it cannot be written.
    fn remove(&self, gone: &[(CameraId, u64)]) -> Result<(), Error>;
}
