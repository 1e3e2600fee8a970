//! The archive's thread, without the thread: frames and the time go in, files come out.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use wire::frame::SignedFrame;
use wire::id::CameraId;
use wire::verify::Verified;

use super::Storing;
use super::counters::{NotStored, add};
use super::desk::{Abandoned, Desk, Numbers, Tools, Trouble};
use super::index::Closed;
use super::mend::{Mender, Outcome};
use super::place::Place;
use super::retention::retain;
use super::segment::Fault;
use super::shelf::{Shelf, lock};

/// How long the pauses between two attempts get when the disk keeps failing.
const MAX_RETRY: Duration = Duration::from_secs(30);

/// Up to so many files are synced one by one; where more are due, their file system is synced once. So syncs do not grow with cameras.
const ONE_BY_ONE: usize = 8;

/// Every camera's shelf.
pub(super) type Shelves = Mutex<HashMap<CameraId, Arc<Shelf>>>;

/// The disk failed.
struct Stop {
    since: Duration,
    retry_at: Duration,
    pause: Duration,
    abandoned: Vec<Abandoned>,
    unindexed: Vec<Closed>,
    /// Frames not stored since.
    missed: u64,
}

pub(super) struct Writer {
    tools: Tools,
    shelves: Arc<Shelves>,
    storing: Arc<Storing>,
    desks: HashMap<CameraId, Desk>,
    numbers: Numbers,
    stop: Option<Stop>,
    /// Retention could not bring the archive below its bounds.
    overfull: bool,
    /// The pause after the next failure; short again once something was synced.
    pause: Duration,
    flush_at: Duration,
    sync_at: Duration,
}

impl Writer {
    pub(super) fn new(tools: Tools, shelves: Arc<Shelves>, storing: Arc<Storing>, numbers: Numbers) -> Self {
        let pause = tools.config.retry;
        let (flush_at, sync_at) = (Duration::ZERO, Duration::ZERO);
        let desks = HashMap::new();
        let mut writer = Self { tools, shelves, storing, desks, numbers, stop: None, overfull: false, pause, flush_at, sync_at };
        writer.retain();
        writer
    }

    /// Stores a frame, or counts why not.
    pub(super) fn frame(&mut self, shelf: &Arc<Shelf>, frame: &Arc<Verified<SignedFrame>>, now: Duration) {
        if let Some(stop) = &mut self.stop {
            stop.missed += 1;
            return self.tools.counters.count(NotStored::Disk);
        }
        let config = &self.tools.config;
        let desk = self.desks.entry(shelf.camera).or_insert_with(|| Desk::new(Arc::clone(shelf), config));
        let idle = !desk.is_busy();
        let mut closed = Vec::new();
        let stored = desk.store(&self.tools, &mut self.numbers, frame, now, &mut closed);
        if idle {
            self.flush_at = self.flush_at.min(now + self.tools.config.flush_interval);
            self.sync_at = self.sync_at.min(now + self.tools.config.sync_interval);
        }
        match stored {
            Ok(()) => {}
            Err(Trouble::Refused(reason)) => {
                let Place { session, sequence } = Place::of(frame);
                tracing::debug!(camera = %shelf.camera.short(), session, sequence, "a frame is not stored: {reason}");
                self.tools.counters.count(reason);
            }
            Err(Trouble::Disk(problem)) => {
                self.tools.counters.count(NotStored::Disk);
                return self.fail(problem, closed, now);
            }
        }
        self.shelve(closed, now);
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Duration) {
        if self.stop.is_some() {
            return self.retry(now, false);
        }
        let age = self.tools.config.segment_age;
        let mut closed = Vec::new();
        let mut work = || {
            if now >= self.flush_at {
                self.desks.values_mut().try_for_each(|desk| desk.flush(&self.tools))?;
                self.flush_at = now + self.tools.config.flush_interval;
            }
            if now >= self.sync_at {
                sync(&self.tools, &mut self.desks)?;
                self.sync_at = now + self.tools.config.sync_interval;
                self.pause = self.tools.config.retry;
            }
            self.desks.values_mut().try_for_each(|desk| desk.close_aged(&self.tools, now, age, &mut closed))
        };
        match work() {
            Err(Trouble::Disk(problem)) => self.fail(problem, closed, now),
            Ok(()) | Err(Trouble::Refused(_)) => self.shelve(closed, now),
        }
    }

    /// Lets readers see everything that came so far.
    pub(super) fn flush(&mut self, now: Duration) {
        self.flush_at = now;
        self.tick(now);
    }

    /// How long nothing is due, if no frame comes.
    pub(super) fn idle(&self, now: Duration) -> Duration {
        if let Some(stop) = &self.stop {
            return stop.retry_at.saturating_sub(now);
        }
        let busy = self.desks.values().filter(|desk| desk.is_busy());
        let oldest = busy.map(|desk| desk.age(now)).max();
        let Some(oldest) = oldest else { return MAX_RETRY };
        let close_at = now + self.tools.config.segment_age.saturating_sub(oldest);
        self.flush_at.min(self.sync_at).min(close_at).saturating_sub(now)
    }

    /// Closes everything, for good.
    pub(super) fn finish(&mut self, now: Duration) {
        if self.stop.is_some() {
            return self.retry(now, true);
        }
        let mut closed = Vec::new();
        let tools = &self.tools;
        let done = self.desks.values_mut().try_for_each(|desk| desk.close_aged(tools, now, Duration::ZERO, &mut closed));
        match done {
            Err(Trouble::Disk(problem)) => self.fail(problem, closed, now),
            Ok(()) | Err(Trouble::Refused(_)) => self.shelve(closed, now),
        }
    }

    /// Takes closed segments into the index and lets readers see them as such.
    fn shelve(&mut self, closed: Vec<Closed>, now: Duration) {
        if closed.is_empty() {
            return;
        }
        match self.tools.index.put(&closed) {
            Ok(()) => self.show(closed),
            Err(error) => self.fail(error.to_string(), closed, now),
        }
    }

    fn show(&mut self, closed: Vec<Closed>) {
        for Closed { camera, number, segment, .. } in closed {
            let shelf = lock(&self.shelves).get(&camera).cloned();
            if let Some(shelf) = shelf {
                let mut view = lock(&shelf.view);
                view.open.remove(&number);
                view.closed.insert(number, segment);
            }
        }
        self.retain();
    }

    fn retain(&mut self) {
        // Not under the lock: whoever hands over a frame needs it, and never waits for the disk.
        let shelves: Vec<_> = lock(&self.shelves).values().cloned().collect();
        let overfull = retain(&self.tools, &shelves);
        if overfull && !self.overfull {
            tracing::warn!("the archive is larger than its bounds allow, and there is no closed segment left that could be deleted");
        }
        self.overfull = overfull;
    }

    /// The disk failed: storing stops until it works again. Live goes on.
    fn fail(&mut self, problem: String, unindexed: Vec<Closed>, now: Duration) {
        tracing::error!(
            "storing in {} stopped: {problem}. Live goes on. Free the disk or repair it: storing is tried again by itself, at least every {} s",
            self.tools.archive.display(),
            MAX_RETRY.as_secs()
        );
        add(&self.tools.counters.disk_errors, 1);
        let mut abandoned: Vec<Abandoned> = Vec::new();
        for desk in self.desks.values_mut() {
            abandoned.extend(desk.abandon(&self.tools));
        }
        let pause = self.pause;
        self.pause = (pause * 2).min(MAX_RETRY);
        self.tell(Some(&problem));
        self.storing.set(Some(problem));
        self.stop = Some(Stop { since: now, retry_at: now + pause, pause, abandoned, unindexed, missed: 0 });
    }

    /// Tells every camera's agent that nothing is stored, or everything is again.
    fn tell(&self, problem: Option<&str>) {
        let shelves: Vec<_> = lock(&self.shelves).values().cloned().collect();
        for tidings in shelves.iter().filter_map(|shelf| shelf.tidings()) {
            tidings.problem(problem.map(str::to_owned));
        }
    }

    /// Tries to bring what was abandoned in order; if that works, storing goes on.
    fn retry(&mut self, now: Duration, last: bool) {
        let Some(stop) = self.stop.as_mut().filter(|stop| last || now >= stop.retry_at) else { return };
        if let Err(problem) = mend_all(&self.tools, stop) {
            stop.pause = (stop.pause * 2).min(MAX_RETRY);
            stop.retry_at = now + stop.pause;
            tracing::debug!("storing stays stopped: {problem}");
            return;
        }
        let Some(stop) = self.stop.take() else { return };
        self.show(stop.unindexed);
        self.desks.values_mut().for_each(Desk::resume);
        self.storing.set(None);
        self.tell(None);
        if !last {
            let seconds = now.saturating_sub(stop.since).as_secs();
            tracing::warn!(frames_not_stored = stop.missed, seconds, "storing goes on");
        }
    }

    /// Whether the archive stopped storing; for tests.
    #[cfg(test)]
    pub(super) fn has_stopped(&self) -> bool {
        self.stop.is_some()
    }
}

/// Waits until everything is on disk, and tells so.
fn sync(tools: &Tools, desks: &mut HashMap<CameraId, Desk>) -> Result<(), Trouble> {
    if desks.values().map(Desk::unsynced).sum::<usize>() > ONE_BY_ONE {
        desks.values_mut().try_for_each(|desk| desk.flush(tools))?;
        if tools.disk.sync_all(&tools.archive)? {
            add(&tools.counters.syncs, 1);
            desks.values_mut().for_each(Desk::synced);
            return Ok(());
        }
    }
    desks.values_mut().try_for_each(|desk| desk.sync(tools))
}

fn mend_all(tools: &Tools, stop: &mut Stop) -> Result<(), String> {
    let mender = Mender { disk: &*tools.disk, key: &tools.key, now: tools.clock.now() };
    while let Some(abandoned) = stop.abandoned.last() {
        let Abandoned { path, name, number, durable, shelf } = abandoned;
        let closed = close(tools, &mender, abandoned).map_err(|fault| format!("{}: {fault}", path.display()))?;
        match closed {
            Some(closed) => stop.unindexed.push(closed),
            None => drop(lock(&shelf.view).open.remove(number)),
        }
        tracing::debug!(camera = %name, segment = number, durable, "closed a segment that was open when the disk failed");
        stop.abandoned.pop();
    }
    tools.index.put(&stop.unindexed).map_err(|error| error.to_string())
}

fn close(tools: &Tools, mender: &Mender<'_>, abandoned: &Abandoned) -> Result<Option<Closed>, Fault> {
    let Abandoned { path, name, number, durable, .. } = abandoned;
    let length = match std::fs::metadata(path) {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Fault::Io(error)),
    };
    if *durable == 0 {
        tools.disk.remove(path)?;
        return Ok(None);
    }
    if length > *durable {
        let mut file = tools.disk.open(path)?;
        file.cut(*durable)?;
        file.sync()?;
    }
    match mender.mend(path, name, *number)? {
        Outcome::Sound(closed, _) | Outcome::Mended(closed, _) => {
            tools.counters.segments_closed.fetch_add(1, Ordering::Relaxed);
            Ok(Some(closed))
        }
        Outcome::Removed(_) => Ok(None),
    }
}
