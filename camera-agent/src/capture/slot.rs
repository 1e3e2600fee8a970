//! Where the newest picture waits to be taken.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Error, Stamp};
use crate::picture::{Picture, Planes};

/// What [`super::Capture::take`] found.
#[derive(Debug)]
pub enum Taken {
    /// The newest picture.
    Picture(Picture),
    /// Nothing new within the time.
    Nothing,
    /// There will be no more pictures: the source came to its end, or gave up for that reason.
    Ended(Option<Arc<Error>>),
}

/// What was counted since capture began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Pictures that the source delivered.
    pub delivered: u64,
    /// Dropped: a newer one came before anybody took it.
    pub overtaken: u64,
    /// Dropped: it could not be decoded.
    pub garbage: u64,
    /// Dropped: this machine's clock was not set.
    pub clock: u64,
    /// Dropped: it came from a source that had been given up.
    pub stale: u64,
    /// How often the source was opened again.
    pub reopened: u64,
}

/// The slot, shared by the source's thread and whoever takes.
#[derive(Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
pub(super) struct State {
    picture: Option<Picture>,
    pub(super) counters: Counters,
    /// Which opening of the source may deliver.
    pub(super) opening: u64,
    /// When the opening began, succeeded, or delivered last.
    pub(super) heard: Option<Instant>,
    /// Whether the opening succeeded.
    pub(super) open: bool,
    /// Whether it delivered at all.
    pub(super) fruitful: bool,
    ended: Option<Option<Arc<Error>>>,
    stopped: bool,
}

impl Slot {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on only this opening delivers.
    pub(super) fn begin(&self, opening: u64) {
        let mut state = self.lock();
        state.opening = opening;
        state.heard = Some(Instant::now());
        (state.open, state.fruitful) = (false, false);
    }

    /// The opening succeeded: from now on pictures are waited for.
    pub(super) fn opened(&self, opening: u64) {
        let mut state = self.lock();
        if state.opening == opening {
            state.heard = Some(Instant::now());
            state.open = true;
        }
    }

    /// Puts a picture there. With `wait`, only when the one before was taken. Returns whether to go on.
    pub(super) fn deliver(&self, opening: u64, planes: Planes, stamp: Stamp, wait: bool) -> bool {
        let mut state = self.lock();
        while wait && state.picture.is_some() && !state.stopped && state.opening == opening {
            // Somebody who takes slowly is no silence of the source.
            state.heard = Some(Instant::now());
            state = self.changed.wait_timeout(state, Duration::from_millis(200)).unwrap_or_else(PoisonError::into_inner).0;
        }
        if state.stopped {
            return false;
        }
        if state.opening != opening {
            state.counters.stale += 1;
            return false;
        }
        let number = state.counters.delivered;
        state.counters.delivered += 1;
        state.heard = Some(Instant::now());
        state.fruitful = true;
        let before = state.picture.replace(Picture { number, captured_at: stamp.captured_at, at: stamp.at, planes });
        if before.is_some() {
            state.counters.overtaken += 1;
        }
        self.changed.notify_all();
        true
    }

    /// Waits at most so long for a picture.
    pub(super) fn take(&self, within: Duration) -> Taken {
        let until = Instant::now() + within;
        let mut state = self.lock();
        loop {
            if let Some(picture) = state.picture.take() {
                self.changed.notify_all();
                return Taken::Picture(picture);
            }
            if let Some(reason) = &state.ended {
                return Taken::Ended(reason.clone());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Taken::Nothing;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// No more pictures.
    pub(super) fn end(&self, reason: Option<Arc<Error>>) {
        self.lock().ended.get_or_insert(reason);
        self.changed.notify_all();
    }

    /// Tells the source's thread to stop.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Sleeps until then, unless stopped or replaced before. Returns whether to go on.
    pub(super) fn sleep(&self, opening: u64, until: Instant) -> bool {
        let mut state = self.lock();
        loop {
            if state.stopped || state.opening != opening {
                return false;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
