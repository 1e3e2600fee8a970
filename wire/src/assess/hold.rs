//! Frames that wait for the ones before them, in the camera's order and within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use ::bytes::Bytes;

use crate::frame::Frame;

/// More frames than this are not held: the first is then dealt with at once.
const MAX_FRAMES: usize = 512;
/// Nor more bytes.
const MAX_BYTES: usize = 128 << 20;
/// Contenders for one place that are kept beside the first.
const MAX_SECONDS: usize = 8;

pub(super) struct Held {
    pub(super) frame: Frame,
    pub(super) bytes: Bytes,
    /// On the monotonic clock.
    pub(super) arrived: Duration,
}

pub(super) struct Waiting {
    held: Held,
    given_up: bool,
}

impl std::ops::Deref for Waiting {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.held
    }
}

impl Waiting {
    /// Whether what it waits for is known not to come.
    pub(super) const fn given_up(&self) -> bool {
        self.given_up
    }
}

pub(super) struct Hold {
    frames: BTreeMap<(u64, u64), Waiting>,
    seconds: BTreeMap<(u64, u64), Held>,
    bytes: usize,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self { frames: BTreeMap::new(), seconds: BTreeMap::new(), bytes: 0 }
    }

    pub(super) fn insert(&mut self, place: (u64, u64), held: Held) {
        self.bytes += held.bytes.len();
        self.frames.insert(place, Waiting { held, given_up: false });
    }

    /// Keeps another frame for a place that is taken.
    pub(super) fn second(&mut self, place: (u64, u64), held: Held) {
        if self.seconds.len() < MAX_SECONDS {
            self.seconds.entry(place).or_insert(held);
        }
    }

    pub(super) fn take_second(&mut self, place: (u64, u64)) -> Option<Held> {
        self.seconds.remove(&place)
    }

    pub(super) fn get(&self, place: (u64, u64)) -> Option<&Held> {
        self.frames.get(&place).map(|waiting| &waiting.held)
    }

    pub(super) fn first(&self) -> Option<((u64, u64), &Waiting)> {
        self.frames.first_key_value().map(|(place, waiting)| (*place, waiting))
    }

    pub(super) fn remove(&mut self, place: (u64, u64)) -> Option<Held> {
        let held = self.frames.remove(&place)?.held;
        self.bytes = self.bytes.saturating_sub(held.bytes.len());
        self.seconds.retain(|other, _| *other >= place);
        Some(held)
    }

    /// Frames up to `last` will not come: whatever waits behind them need not.
    pub(super) fn give_up(&mut self, last: (u64, u64)) {
        let next = (last.0, last.1.saturating_add(1));
        for (_, waiting) in self.frames.range_mut(..=next) {
            waiting.given_up = true;
        }
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES
    }
}
