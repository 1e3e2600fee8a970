//! Frames that wait for the ones before them, in the camera's order and within bounds.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Place;
use crate::frame::Frame;

/// More frames than this are not held: the first is then dealt with at once.
const MAX_FRAMES: usize = 512;
/// Nor more bytes.
const MAX_BYTES: usize = 128 << 20;

pub(super) struct Held {
    pub(super) frame: Frame,
    /// On the monotonic clock.
    pub(super) arrived: Duration,
}

impl Held {
    fn size(&self) -> usize {
        self.frame.bytes().len()
    }
}

/// What waits at one place in the camera's order.
pub(super) struct Waiting {
    pub(super) held: Held,
    /// Another frame for the same place. Which of them is the camera's, if any, the signature will say.
    pub(super) other: Option<Held>,
    /// How often the very same bytes came again.
    pub(super) repeated: u64,
}

pub(super) struct Hold {
    frames: BTreeMap<Place, Waiting>,
    bytes: usize,
}

impl Hold {
    pub(super) const fn new() -> Self {
        Self { frames: BTreeMap::new(), bytes: 0 }
    }

    /// Keeps a frame. Of several for one place, two are kept.
    pub(super) fn insert(&mut self, place: Place, held: Held) {
        let size = held.size();
        match self.frames.get_mut(&place) {
            None => {
                self.frames.insert(place, Waiting { held, other: None, repeated: 0 });
            }
            Some(waiting) if waiting.held.frame.bytes() == held.frame.bytes() => {
                waiting.repeated = waiting.repeated.saturating_add(1);
                return;
            }
            Some(waiting) if waiting.other.is_none() => waiting.other = Some(held),
            Some(_) => return,
        }
        self.bytes = self.bytes.saturating_add(size);
    }

    pub(super) fn first(&self) -> Option<(Place, &Held)> {
        self.frames.first_key_value().map(|(place, waiting)| (*place, &waiting.held))
    }

    pub(super) fn remove(&mut self, place: Place) -> Option<Waiting> {
        let waiting = self.frames.remove(&place)?;
        let size = waiting.held.size() + waiting.other.as_ref().map_or(0, Held::size);
        self.bytes = self.bytes.saturating_sub(size);
        Some(waiting)
    }

    pub(super) fn is_overfull(&self) -> bool {
        self.frames.len() > MAX_FRAMES || self.bytes > MAX_BYTES
    }
}
