//! Reading a range: a camera's frames in the order of sessions and sequences, each verified again before it leaves.
//!
//! Asked for is a stretch of time; what comes is whole groups up to their last frame in it: of every group with a frame captured in that
//! time (by the camera's clock, which may step), all frames from its key frame to the last one captured in it. Segments are read in
//! large blocks from front to back, usually one at a time; where backfill made two overlap, they are merged.

mod cursor;
mod newest;
mod plan;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use wire::frame::SignedFrame;
use wire::grants::GrantList;
use wire::id::{CameraId, Digest, Micros};
use wire::message;
use wire::verify::{Record, Verified};

use super::counters::{Counters, add};
use super::index::{self, Index};
use super::place::{Place, follows};
use super::segment::HELD;
use super::shelf::Shelf;
use cursor::{Cursor, Step, What};
use plan::Plan;

pub(super) use newest::newest_epoch;

/// How many records are remembered as told.
const MAX_TOLD: usize = 64;

/// What of a camera is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Not before.
    pub from: Micros,
    /// Not after.
    pub to: Micros,
    /// Only the key frames of the groups.
    pub key_frames_only: bool,
}

impl Asked {
    pub(super) fn contains(&self, at: Micros) -> bool {
        self.from <= at && at <= self.to
    }
}

/// What comes, in order.
#[derive(Debug)]
pub enum Item {
    /// Who the camera is, as it was said when the frames that follow were stored.
    Camera(Arc<message::Camera>),
    /// The epoch of frames that follow: its record and all of its grants.
    Epoch(Arc<Epoch>),
    /// A frame with all its layers; [`SignedFrame::withhold`] gives the bytes with the public one alone.
    Frame(Box<Verified<SignedFrame>>),
    /// Frames that do not come.
    Gap(Gap),
    /// That was all.
    End,
}

/// A record and its grants.
#[derive(Debug)]
pub struct Epoch {
    /// The record.
    pub record: Arc<Verified<Record>>,
    /// Every grant that it names.
    pub grants: message::Grants,
}

impl Epoch {
    pub(super) fn without_grants(record: Arc<Verified<Record>>) -> Self {
        let grants = message::Grants { subscription: HELD, record: record.digest(), list: GrantList::default(), grants: Vec::new() };
        Self { record, grants }
    }
}

/// Frames of one session that do not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The session's number.
    pub session: u64,
    /// The first missing sequence.
    pub first: u64,
    /// The last missing sequence.
    pub last: u64,
    /// Why.
    pub cause: Cause,
}

/// Why frames do not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The archive does not have them, or they are damaged.
    Missing,
    /// They, or some of them, were captured at another time than asked for: the camera's clock stepped in between.
    OtherTime,
}

/// Why reading ended early. Nothing comes after it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Retention deleted a segment before it was its turn.
    #[error("segment {number} was deleted while the range was read: ask again for what is left")]
    Deleted {
        /// Which.
        number: u64,
    },
    /// A segment could not be read.
    #[error("segment {number} of the archive cannot be read: {problem}")]
    Unreadable {
        /// Which.
        number: u64,
        /// What is wrong.
        problem: String,
    },
    /// The index did not answer.
    #[error(transparent)]
    Index(#[from] index::Error),
}

/// A range being read, front to back. Every call may read from the disk.
pub struct Range {
    /// What is still to come; `None` when it ended.
    rest: Option<Merge>,
    out: VecDeque<Item>,
}

/// Several segments as one.
struct Merge {
    camera: CameraId,
    asked: Asked,
    index: Arc<dyn Index>,
    counters: Arc<Counters>,
    plan: Plan,
    /// Open segments, each with its next step.
    open: Vec<(Cursor, Step)>,
    told_camera: Option<Arc<message::Camera>>,
    told: VecDeque<Digest>,
    /// The last place that was given, or would have been.
    passed: Option<Place>,
}

impl Range {
    /// Nothing but the end.
    #[must_use]
    pub(super) fn empty() -> Self {
        Self { rest: None, out: [Item::End].into() }
    }

    pub(super) fn new(shelf: &Shelf, asked: Asked, index: &Arc<dyn Index>, archive: &Path, counters: Arc<Counters>) -> Result<Self, Error> {
        let plan = Plan::new(shelf, asked, &**index, archive)?;
        let merge = Merge {
            camera: shelf.camera,
            asked,
            index: Arc::clone(index),
            counters,
            plan,
            open: Vec::new(),
            told_camera: None,
            told: VecDeque::new(),
            passed: None,
        };
        Ok(Self { rest: Some(merge), out: VecDeque::new() })
    }
}

impl Iterator for Range {
    type Item = Result<Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(item) = self.out.pop_front() {
                return Some(Ok(item));
            }
            match self.rest.as_mut()?.step(&mut self.out) {
                Ok(true) => {}
                Ok(false) => {
                    self.rest = None;
                    self.out.push_back(Item::End);
                }
                Err(error) => {
                    self.rest = None;
                    return Some(Err(error));
                }
            }
        }
    }
}

impl Merge {
    /// Goes one frame further. Says whether there was one.
    fn step(&mut self, out: &mut VecDeque<Item>) -> Result<bool, Error> {
        self.open_due()?;
        let first = self.open.iter().enumerate().min_by_key(|(_, (_, step))| step.place).map(|(at, _)| at);
        let Some((cursor, step)) = first.and_then(|at| self.open.get_mut(at)) else { return Ok(false) };
        let place = step.place;
        match std::mem::replace(&mut step.what, What::Between) {
            What::OtherTime => self.plan.leave_out(place, place),
            What::Between => self.passed = self.passed.max(Some(place)),
            What::Frame(frame) => {
                let (camera, epoch) = (cursor.camera().cloned(), cursor.epoch().cloned());
                self.gap(place, out);
                self.introduce(camera, epoch, out);
                add(&self.counters.frames_read, 1);
                out.push_back(Item::Frame(frame));
                self.passed = self.passed.max(Some(place));
            }
        }
        self.advance(place)?;
        Ok(true)
    }

    /// Opens the segments whose turn it is.
    fn open_due(&mut self) -> Result<(), Error> {
        while let Some(first) = self.plan.next_first() {
            if self.open.iter().any(|(_, step)| step.place < first) {
                break;
            }
            let Some(selected) = self.plan.take_next() else { break };
            let mut cursor = Cursor::open(self.camera, selected, self.asked, &*self.index, &mut self.plan)?;
            if let Some(step) = cursor.next(&self.counters)? {
                self.open.push((cursor, step));
            }
        }
        Ok(())
    }

    /// Moves every open segment beyond this place.
    fn advance(&mut self, place: Place) -> Result<(), Error> {
        let mut at = 0;
        while let Some((cursor, step)) = self.open.get_mut(at) {
            if step.place > place {
                at += 1;
                continue;
            }
            match cursor.next(&self.counters)? {
                Some(next) => *step = next,
                None => drop(self.open.swap_remove(at)),
            }
        }
        Ok(())
    }

    fn gap(&mut self, place: Place, out: &mut VecDeque<Item>) {
        let Some(passed) = self.passed.filter(|passed| !follows(place, *passed) && place > *passed) else { return };
        let first = if passed.session == place.session { passed.sequence + 1 } else { 0 };
        let Some(last) = place.sequence.checked_sub(1).filter(|last| *last >= first) else { return };
        let at = |sequence| Place { session: place.session, sequence };
        let cause = if self.plan.left_out(at(first), at(last)) { Cause::OtherTime } else { Cause::Missing };
        out.push_back(Item::Gap(Gap { session: place.session, first, last, cause }));
    }

    fn introduce(&mut self, camera: Option<Arc<message::Camera>>, epoch: Option<Arc<Epoch>>, out: &mut VecDeque<Item>) {
        if let Some(camera) = camera.filter(|camera| self.told_camera.as_ref() != Some(camera)) {
            self.told_camera = Some(Arc::clone(&camera));
            out.push_back(Item::Camera(camera));
        }
        let Some(epoch) = epoch else { return };
        let record = epoch.record.digest();
        if self.told.contains(&record) {
            return;
        }
        self.told.push_back(record);
        if self.told.len() > MAX_TOLD {
            self.told.pop_front();
        }
        out.push_back(Item::Epoch(epoch));
    }
}
