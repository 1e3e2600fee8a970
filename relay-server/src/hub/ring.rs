//! The newest frames of one camera, and the cursors that walk over them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Item;
use crate::limits::{REORDER, RING_BYTES, RING_FRAMES};
use crate::verify::Place;

/// Newest frames, in the order in which they came. Positions count from 0 and are never used twice.
#[derive(Default)]
pub struct Ring {
    items: VecDeque<Arc<Item>>,
    /// Position of the first item that is still here.
    first: u64,
    bytes: usize,
    newest: Option<Arc<Item>>,
    /// The newest key frame and its position.
    newest_key: Option<(Place, u64)>,
    /// The last frame of each of the latest sessions.
    tails: VecDeque<Place>,
}

/// Sessions whose last frame is remembered, to say what a viewer missed across a restart of the agent.
const TAILS: usize = 8;

/// Where a viewer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The position of the next item to look at.
    at: u64,
    /// The key frame that the viewer joined at: what belongs before it is of no use to it.
    from: Place,
}

impl Cursor {
    /// The key frame that it joined at.
    #[must_use]
    pub const fn from(&self) -> Place {
        self.from
    }
}

/// What comes next at a cursor.
#[derive(Debug, Clone)]
pub enum Next {
    /// This frame. The cursor is behind it now.
    Item(Arc<Item>),
    /// Nothing yet.
    Nothing,
    /// The frames at the cursor are gone.
    Fallen,
}

impl Ring {
    /// Takes in a frame, if it is live. What comes late is live when it is of the newest session and was captured at most [`REORDER`]
    /// before the newest; what is older is backfill.
    pub fn push(&mut self, item: Arc<Item>) -> bool {
        let newest = self.newest.as_ref();
        let is_newest = newest.is_none_or(|newest| item.place > newest.place);
        let is_live = is_newest
            || newest.is_some_and(|newest| {
                newest.session == item.session && newest.captured_at.0.saturating_sub(item.captured_at.0) <= micros(REORDER)
            });
        if !is_live {
            return false;
        }
        let position = self.end();
        if is_newest {
            self.newest = Some(Arc::clone(&item));
            match self.tails.back_mut().filter(|tail| tail.session == item.place.session) {
                Some(tail) => *tail = item.place,
                None => self.tails.push_back(item.place),
            }
            if self.tails.len() > TAILS {
                self.tails.pop_front();
            }
        }
        if item.key && self.newest_key.is_none_or(|(place, _)| item.place > place) {
            self.newest_key = Some((item.place, position));
        }
        self.bytes += item.size();
        self.items.push_back(item);
        while self.items.len() > 1 && (self.items.len() > RING_FRAMES || self.bytes > RING_BYTES) {
            self.bytes -= self.items.pop_front().map_or(0, |item| item.size());
            self.first += 1;
        }
        true
    }

    /// The position behind the newest item.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.first + self.items.len() as u64
    }

    /// A cursor at the newest key frame, if that is still here.
    #[must_use]
    pub fn join(&self) -> Option<Cursor> {
        self.newest_key.filter(|(_, at)| *at >= self.first).map(|(from, at)| Cursor { at, from })
    }

    /// A cursor at the newest key frame, if a viewer here has not looked at it yet, and joined at an older one.
    #[must_use]
    pub fn ahead(&self, cursor: &Cursor) -> Option<Cursor> {
        self.join().filter(|newest| newest.at >= cursor.at && newest.from > cursor.from)
    }

    /// Whether the frame at a cursor has not fallen off.
    #[must_use]
    pub const fn holds(&self, cursor: &Cursor) -> bool {
        cursor.at >= self.first
    }

    /// What comes next; moves the cursor over it.
    pub fn next(&self, cursor: &mut Cursor) -> Next {
        loop {
            let Some(offset) = cursor.at.checked_sub(self.first) else { return Next::Fallen };
            let Some(item) = usize::try_from(offset).ok().and_then(|offset| self.items.get(offset)) else { return Next::Nothing };
            cursor.at += 1;
            if item.place >= cursor.from {
                return Next::Item(Arc::clone(item));
            }
        }
    }

    /// The newest frame.
    #[must_use]
    pub const fn newest(&self) -> Option<&Arc<Item>> {
        self.newest.as_ref()
    }

    /// What there was from `first` on and before `until`, as (session, first, last sequence), oldest first. Of a session that is no longer
    /// remembered nothing can be said.
    #[must_use]
    pub fn between(&self, first: Place, until: Place) -> Vec<(u64, u64, u64)> {
        let sessions = self.tails.iter().filter(|tail| (first.session..=until.session).contains(&tail.session));
        let stretch = |tail: &Place| {
            let from = if tail.session == first.session { first.sequence } else { 0 };
            let to = if tail.session == until.session { until.sequence.checked_sub(1)? } else { tail.sequence };
            (from <= to).then_some((tail.session, from, to))
        };
        sessions.filter_map(stretch).collect()
    }
}

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
