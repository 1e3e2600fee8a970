//! A clip, and where its faces are.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Error;
use crate::capture::Source as _;
use crate::capture::y4m::{Config, Stream};
use crate::picture::{Area, Planes, Pool};

/// The true boxes of each picture.
pub type Truth = Vec<Vec<Area>>;

/// Without a frame rate of its own, a clip has this time from one picture to the next.
const USUAL: Duration = Duration::from_nanos(33_333_333);

/// A Y4M file with its truth.
#[derive(Debug)]
pub struct Clip {
    path: PathBuf,
    truth: Truth,
}

impl Clip {
    /// Reads the truth. The clip itself is read picture by picture, each time anew.
    ///
    /// # Errors
    /// When the truth cannot be read or is none.
    pub fn open(path: &Path, truth: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(truth).map_err(|why| Error::Unreadable { path: truth.to_owned(), why })?;
        let not = |why: String| Error::NotTruth { path: truth.to_owned(), why };
        let boxes: Vec<Vec<[f32; 4]>> = serde_json::from_str(&text).map_err(|error| not(error.to_string()))?;
        if boxes.iter().flatten().flatten().any(|value| !value.is_finite())
            || boxes.iter().flatten().any(|[_, _, w, h]| *w <= 0.0 || *h <= 0.0)
        {
            return Err(not("a box has no size".to_owned()));
        }
        let truth = boxes.into_iter().map(|boxes| boxes.into_iter().map(|[x, y, w, h]| Area { x, y, w, h }).collect()).collect();
        Ok(Self { path: path.to_owned(), truth })
    }

    /// The file's name without its ending.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    /// Where the faces are.
    #[must_use]
    pub const fn truth(&self) -> &Truth {
        &self.truth
    }

    /// The pictures, and the time from one to the next.
    pub(super) fn play(&self) -> Result<(Pictures, Duration), Error> {
        let stream = Stream::open(Config { path: Some(self.path.clone()), pace: true, repeat: false })?;
        let interval = stream.about().interval.unwrap_or(USUAL);
        // As many as may wait in the planner.
        Ok((Pictures { stream, pool: Pool::new(64), number: 0, truth: self.truth.len() }, interval))
    }
}

/// The pictures of a clip, one after the other.
pub(super) struct Pictures {
    stream: Stream,
    pool: Pool,
    number: usize,
    truth: usize,
}

impl Pictures {
    /// The next one with its number, from 0.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Planes)>, Error> {
        let number = self.number;
        let picture = self.stream.next(&self.pool)?;
        if picture.is_none() && number != self.truth || picture.is_some() && number >= self.truth {
            return Err(Error::Lengths { pictures: self.counted(picture.is_some())?, truth: self.truth });
        }
        self.number += 1;
        Ok(picture.map(|planes| (number, planes)))
    }

    /// How many there are altogether.
    fn counted(&mut self, one_more: bool) -> Result<usize, Error> {
        let mut count = self.number + usize::from(one_more);
        while self.stream.next(&self.pool)?.is_some() {
            count += 1;
        }
        Ok(count)
    }
}
