//! One camera on the archive's thread: which frame goes into which open segment.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use wire::frame::SignedFrame;
use wire::id::{Digest, Name};
use wire::verify::Verified;

use crate::clock::Clock;

use super::budget::Budget;
use super::counters::{Counters, NotStored, add};
use super::disk::Disk;
use super::groups::Groups;
use super::held::{self, Held, Stretches};
use super::index::{self, Closed, Index};
use super::lane::{self, EpochStep, Lane};
use super::place::{GroupId, Place, Run};
use super::settings::Config;
use super::shelf::{Epoch, Shelf, lock};

/// Open segments of one camera: live frames in one, backfilled ones in the other.
const MAX_LANES: usize = 2;

/// What is handed to the operating system at once, in bytes.
const FLUSH_BYTES: usize = 256 << 10;

/// How many turns a camera may take at once.
const BURST: u32 = 32;

/// What every part of the archive's thread needs.
pub(super) struct Tools {
    pub(super) config: Config,
    pub(super) archive: PathBuf,
    pub(super) disk: Arc<dyn Disk>,
    pub(super) index: Arc<dyn Index>,
    pub(super) key: SigningKey,
    pub(super) clock: Clock,
    pub(super) counters: Arc<Counters>,
}

/// Why a frame was not stored.
#[derive(Debug)]
pub(super) enum Trouble {
    /// It is the frame's fault, or the camera's.
    Refused(NotStored),
    /// It is the disk's.
    Disk(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<index::Error> for Trouble {
    fn from(error: index::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

impl From<held::Error> for Trouble {
    fn from(error: held::Error) -> Self {
        Self::Disk(error.to_string())
    }
}

/// The highest number given out, per name.
#[derive(Default)]
pub(super) struct Numbers(pub(super) HashMap<Name, u64>);

impl Numbers {
    fn next(&mut self, name: &Name, index: &dyn Index) -> Result<u64, index::Error> {
        let highest = match self.0.get(name) {
            Some(highest) => *highest,
            None => index.last_number(name)?,
        };
        self.0.insert(name.clone(), highest + 1);
        Ok(highest + 1)
    }
}

/// A segment that was open when the disk failed.
pub(super) struct Abandoned {
    pub(super) shelf: Arc<Shelf>,
    pub(super) name: Name,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// How much of it is on disk for certain.
    pub(super) durable: u64,
}

pub(super) struct Desk {
    pub(super) shelf: Arc<Shelf>,
    lanes: Vec<Lane>,
    groups: Groups,
    budget: Budget,
    stretches: Stretches,
    /// The greatest place held.
    highest: Option<Place>,
    /// Frames that came again and are held: told durable when everything is.
    again: Vec<Run>,
}

impl Desk {
    pub(super) fn new(shelf: Arc<Shelf>, config: &Config) -> Self {
        let highest = highest(&shelf);
        let budget = Budget::new(BURST, config.turns_per_second);
        Self { shelf, lanes: Vec::new(), groups: Groups::default(), budget, stretches: Stretches::default(), highest, again: Vec::new() }
    }

    /// Whether something is to be done or told in time.
    pub(super) fn is_busy(&self) -> bool {
        !self.lanes.is_empty() || !self.again.is_empty()
    }

    /// How many files are not wholly on disk.
    pub(super) fn unsynced(&self) -> usize {
        self.lanes.iter().filter(|lane| !lane.is_synced()).count()
    }

    /// Stores a frame. Segments that are closed on the way go to `closed`, whatever comes of the frame.
    pub(super) fn store(
        &mut self,
        tools: &Tools,
        numbers: &mut Numbers,
        frame: &Arc<Verified<SignedFrame>>,
        now: Duration,
        closed: &mut Vec<Closed>,
    ) -> Result<(), Trouble> {
        let stored = self.try_store(tools, numbers, frame, now, closed);
        if stored.is_err() {
            self.groups.give_up(GroupId::of(frame));
        }
        stored
    }

    fn try_store(
        &mut self,
        tools: &Tools,
        numbers: &mut Numbers,
        frame: &Arc<Verified<SignedFrame>>,
        now: Duration,
        closed: &mut Vec<Closed>,
    ) -> Result<(), Trouble> {
        let place = Place::of(frame);
        match Held::of(self.held(tools, place)?, frame.digest()) {
            Held::Same => {
                self.groups.held(frame);
                add(&tools.counters.repeated, 1);
                if !self.again.last_mut().is_some_and(|last| last.join(Run::at(place))) {
                    self.again.push(Run::at(place));
                }
                return Ok(());
            }
            Held::Forked => {
                tracing::warn!(camera = %self.shelf.camera, session = place.session, sequence = place.sequence, "the camera signed another frame with the place of one that is held");
                if let Some(tidings) = self.shelf.tidings() {
                    tidings.forked(place);
                }
                return Err(Trouble::Refused(NotStored::Forked));
            }
            Held::No | Held::Perhaps => {}
        }
        if !self.groups.fits(frame) {
            self.find_beginning(tools, frame, now)?;
        }
        let epoch = lock(&self.shelf.papers).epoch(frame.context().record).ok_or(Trouble::Refused(NotStored::NoRecord))?;
        let at = self.lane_for(tools, numbers, frame, &epoch, now, closed)?;
        let Some(lane) = self.lanes.get_mut(at) else { return Err(Trouble::Refused(NotStored::OutOfOrder)) };
        lane.frame(frame);
        self.groups.held(frame);
        self.highest = self.highest.max(Some(place));
        lock(&self.shelf.view).recent.add(place, frame.digest());
        add(&tools.counters.frames, 1);
        add(&tools.counters.bytes, u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX));
        if lane.buffered() >= FLUSH_BYTES { self.flush_lane(tools, at) } else { Ok(()) }
    }

    fn held(&mut self, tools: &Tools, place: Place) -> Result<Option<Digest>, held::Error> {
        if self.highest.is_none_or(|highest| place > highest) {
            return Ok(None);
        }
        match self.lanes.iter().find_map(|lane| lane.digest(place)) {
            Some(digest) => Ok(Some(digest)),
            None => match self.stretches.look_up(&self.shelf, &*tools.index, &tools.archive, place, false) {
                // What cannot be read is not held: better twice than not at all.
                Err(error @ held::Error::Unreadable { .. }) => {
                    tracing::error!(camera = %self.shelf.camera, "{error}");
                    add(&tools.counters.damaged, 1);
                    Ok(None)
                }
                answer => answer,
            },
        }
    }

    /// A group that was begun long ago goes on: what is held of it is read back.
    fn find_beginning(&mut self, tools: &Tools, frame: &SignedFrame, now: Duration) -> Result<(), Trouble> {
        let absent = || Trouble::Refused(NotStored::NoPredecessor);
        if self.groups.is_broken(frame) || !self.budget.take(now) {
            return Err(absent());
        }
        self.flush(tools)?;
        match held::group_before(&self.shelf, &*tools.index, &tools.archive, frame) {
            Ok(before) => self.groups.adopt(before.ok_or_else(absent)?),
            Err(held::Error::Index(error)) => return Err(error.into()),
            Err(held::Error::Unreadable { .. }) => return Err(absent()),
        }
        if self.groups.fits(frame) { Ok(()) } else { Err(absent()) }
    }

    /// The lane that takes the frame, with everything in it that must stand before the frame.
    fn lane_for(
        &mut self,
        tools: &Tools,
        numbers: &mut Numbers,
        frame: &SignedFrame,
        epoch: &Epoch,
        now: Duration,
        closed: &mut Vec<Closed>,
    ) -> Result<usize, Trouble> {
        let refused = || Trouble::Refused(NotStored::OutOfOrder);
        let (place, key) = (Place::of(frame), frame.header().flags.key);
        let below = |lane: &Lane| lane.last().is_none_or(|last| last < place);
        let joined = self.find(|lane| if key { below(lane) } else { lane.goes_on_with(frame) });
        if let Some((at, lane)) = joined.and_then(|at| self.lanes.get_mut(at).map(|lane| (at, lane))) {
            let step = lane.step(epoch);
            if step == EpochStep::Back {
                return Err(refused());
            }
            if !is_full(lane, tools, frame, now) {
                if step == EpochStep::Next {
                    if !self.budget.take(now) {
                        return Err(refused());
                    }
                    let durable = lane.begin_epoch(&*tools.disk, epoch)?;
                    add(&tools.counters.syncs, lane.take_syncs());
                    self.durable(durable);
                }
                return Ok(at);
            }
        }
        // A new segment. In the ordinary case it follows the one that was full, and costs nothing out of turn.
        if !(key && (joined.is_some() || self.lanes.is_empty())) && !self.budget.take(now) {
            return Err(refused());
        }
        let replaced = joined.or_else(|| if self.lanes.len() < MAX_LANES { None } else { self.find(below).or_else(|| self.lowest()) });
        if let Some(at) = replaced {
            self.close_lane(tools, at, closed)?;
        }
        self.open_lane(tools, numbers, frame, epoch, now)
    }

    /// Of the lanes that pass the test, the one with the greatest frame.
    fn find(&self, test: impl Fn(&Lane) -> bool) -> Option<usize> {
        let passing = self.lanes.iter().enumerate().filter(|(_, lane)| test(lane));
        passing.max_by_key(|(_, lane)| lane.last()).map(|(at, _)| at)
    }

    fn lowest(&self) -> Option<usize> {
        self.lanes.iter().enumerate().min_by_key(|(_, lane)| lane.last()).map(|(at, _)| at)
    }

    fn open_lane(
        &mut self,
        tools: &Tools,
        numbers: &mut Numbers,
        frame: &SignedFrame,
        epoch: &Epoch,
        now: Duration,
    ) -> Result<usize, Trouble> {
        let (name, camera) = lock(&self.shelf.papers).camera().cloned().ok_or(Trouble::Refused(NotStored::NoCamera))?;
        let mut tries = 0;
        let lane = loop {
            let number = numbers.next(&name, &*tools.index)?;
            let path = lane::path(&tools.archive, &name, number);
            match Lane::open(&*tools.disk, path, name.clone(), number, &camera, now) {
                // A file that was left alone when the archive was opened.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 100 => tries += 1,
                lane => break lane?,
            }
        };
        add(&tools.counters.segments_opened, 1);
        let at = self.lanes.len();
        self.lanes.push(lane);
        let Some(lane) = self.lanes.last_mut() else { return Ok(at) };
        lane.begin_epoch(&*tools.disk, epoch)?;
        add(&tools.counters.syncs, lane.take_syncs());
        let place = Place::of(frame);
        for earlier in if frame.header().flags.key { Vec::new() } else { self.groups.repeated(frame) } {
            lane.repeat(place.session, &earlier);
        }
        Ok(at)
    }

    /// Takes a lane out and closes its segment. After an error it is back, to be abandoned with the others.
    fn close_lane(&mut self, tools: &Tools, at: usize, closed: &mut Vec<Closed>) -> Result<(), Trouble> {
        let Some(lane) = self.lanes.get_mut(at) else { return Ok(()) };
        let (done, durable) = lane.close(self.shelf.camera, &tools.key, tools.clock.now())?;
        let mut lane = self.lanes.remove(at);
        self.durable(durable);
        add(&tools.counters.syncs, lane.take_syncs());
        add(&tools.counters.segments_closed, 1);
        match done {
            Some(done) => closed.push(done),
            // Nothing but its beginning: the frame that it was made for never came in.
            None => tools.disk.remove(lane.path())?,
        }
        Ok(())
    }

    /// Notes frames as durable, and tells so: they were synced before, never after.
    fn durable(&self, runs: Vec<Run>) {
        let tidings = self.shelf.tidings();
        let mut view = lock(&self.shelf.view);
        for run in runs {
            view.durable(run);
            if let Some(tidings) = &tidings {
                tidings.durable(run);
            }
        }
    }

    fn flush_lane(&mut self, tools: &Tools, at: usize) -> Result<(), Trouble> {
        let Some(lane) = self.lanes.get_mut(at).filter(|lane| lane.buffered() > 0) else { return Ok(()) };
        lane.flush()?;
        if let Some(open) = lane.view(tools.clock.now()) {
            lock(&self.shelf.view).open.insert(lane.number, open);
        }
        Ok(())
    }

    /// Lets readers see everything.
    pub(super) fn flush(&mut self, tools: &Tools) -> Result<(), Trouble> {
        (0..self.lanes.len()).try_for_each(|at| self.flush_lane(tools, at))
    }

    /// Waits until everything is on disk.
    pub(super) fn sync(&mut self, tools: &Tools) -> Result<(), Trouble> {
        self.flush(tools)?;
        for at in 0..self.lanes.len() {
            if let Some(lane) = self.lanes.get_mut(at).filter(|lane| !lane.is_synced()) {
                let durable = lane.sync()?;
                add(&tools.counters.syncs, lane.take_syncs());
                self.durable(durable);
            }
        }
        self.tell_again();
        Ok(())
    }

    /// Everything that was flushed is on disk: the whole disk was synced.
    pub(super) fn synced(&mut self) {
        for at in 0..self.lanes.len() {
            let durable = self.lanes.get_mut(at).map(Lane::synced).unwrap_or_default();
            self.durable(durable);
        }
        self.tell_again();
    }

    /// What came again is on disk too.
    fn tell_again(&mut self) {
        let again = std::mem::take(&mut self.again);
        self.durable(again);
    }

    /// Closes the segments that are `age` old, and gives when the next one will be.
    pub(super) fn close_aged(&mut self, tools: &Tools, now: Duration, age: Duration, closed: &mut Vec<Closed>) -> Result<(), Trouble> {
        while let Some(at) = self.lanes.iter().position(|lane| lane.age(now) >= age) {
            self.close_lane(tools, at, closed)?;
        }
        Ok(())
    }

    /// How old the oldest open segment is.
    pub(super) fn age(&self, now: Duration) -> Duration {
        self.lanes.iter().map(|lane| lane.age(now)).max().unwrap_or_default()
    }

    /// Gives up every open segment after the disk failed: what was not synced counts as lost, because after a failed sync nobody knows.
    pub(super) fn abandon(&mut self, tools: &Tools) -> Vec<Abandoned> {
        self.groups.clear();
        self.again.clear();
        let mut view = lock(&self.shelf.view);
        view.recent.clear();
        let mut abandoned = Vec::new();
        for lane in self.lanes.drain(..) {
            tools.counters.lost.fetch_add(lane.unsynced_frames(), Ordering::Relaxed);
            let durable = lane.durable_bytes();
            if let Some(mut open) = view.open.remove(&lane.number) {
                let rows: Vec<_> = open.rows.iter().copied().filter(|row| row.offset < durable).collect();
                if !rows.is_empty() {
                    (open.rows, open.segment.bytes) = (Arc::new(rows), durable.min(open.segment.bytes));
                    view.open.insert(lane.number, open);
                }
            }
            let (shelf, path) = (Arc::clone(&self.shelf), lane.path().to_owned());
            abandoned.push(Abandoned { shelf, name: lane.name.clone(), number: lane.number, path, durable });
        }
        abandoned
    }

    /// Storing goes on after the disk failed.
    pub(super) fn resume(&mut self) {
        self.highest = highest(&self.shelf);
    }
}

fn highest(shelf: &Shelf) -> Option<Place> {
    lock(&shelf.view).closed.values().map(|segment| segment.last).max()
}

/// Whether a new segment should begin with this frame: at a key frame somewhat early, so that few groups are cut in two.
fn is_full(lane: &Lane, tools: &Tools, frame: &SignedFrame, now: Duration) -> bool {
    let Config { segment_age, segment_bytes, segment_frames, .. } = tools.config;
    let bytes = lane.bytes() + u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX);
    let (age, frames) = (lane.age(now), lane.frames());
    let early =
        frame.header().flags.key && (age >= segment_age / 6 * 5 || bytes >= segment_bytes / 8 * 7 || frames >= segment_frames / 8 * 7);
    lane.frames() > 0 && (early || age >= segment_age || bytes > segment_bytes || frames >= segment_frames)
}
