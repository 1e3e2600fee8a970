//! The queue itself, without locks and waiting.

use std::collections::VecDeque;

use super::{Bounds, Popped, Skipped};

#[derive(Debug)]
struct Entry<G, T> {
    /// Counts key frames: a group that is sent again from its key frame is told from the first time.
    run: u64,
    group: G,
    size: usize,
    value: T,
    /// What was dropped right before this frame.
    before: Option<Skipped<G>>,
}

#[derive(Debug)]
pub(super) struct Line<G, T> {
    bounds: Bounds,
    entries: VecDeque<Entry<G, T>>,
    bytes: usize,
    run: u64,
    group: Option<G>,
    /// The current run has lost a frame: the rest of it is worth nothing.
    broken: bool,
    /// What was dropped behind the last entry.
    tail: Option<Skipped<G>>,
    pub(super) dropped: u64,
    pub(super) closed: bool,
}

fn merge<G>(first: Option<Skipped<G>>, second: Option<Skipped<G>>) -> Option<Skipped<G>> {
    match (first, second) {
        (Some(first), Some(second)) => Some(Skipped { from: first.from, to: second.to, frames: first.frames + second.frames }),
        (first, second) => first.or(second),
    }
}

impl<G, T> Line<G, T> {
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

impl<G: Copy + Eq, T> Line<G, T> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, entries: VecDeque::new(), bytes: 0, run: 0, group: None, broken: false, tail: None, dropped: 0, closed: false }
    }

    /// Returns how many frames were dropped.
    pub(super) fn push(&mut self, group: G, key: bool, size: usize, value: T) -> u64 {
        let before = self.dropped;
        if key {
            self.run += 1;
            self.broken = false;
        } else if self.group != Some(group) {
            // A group without its key frame.
            self.broken = true;
        }
        self.group = Some(group);
        while !self.broken && !self.fits(size) && self.drop_oldest() {}
        if self.broken || !self.fits(size) {
            self.broken = true;
            self.tail = merge(self.tail.take(), Some(Skipped { from: group, to: group, frames: 1 }));
            self.dropped += 1;
        } else {
            let before = self.tail.take();
            self.bytes += size;
            self.entries.push_back(Entry { run: self.run, group, size, value, before });
        }
        self.dropped - before
    }

    pub(super) fn pop(&mut self) -> Option<Popped<G, T>> {
        let Some(front) = self.entries.front_mut() else {
            // Told with the next frame, or at the end: a group that loses its tail frame by frame is one skip.
            return if self.closed { self.tail.take().map(Popped::Skipped) } else { None };
        };
        if let Some(skipped) = front.before.take() {
            return Some(Popped::Skipped(skipped));
        }
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.size;
        Some(Popped::Item(entry.value))
    }

    fn fits(&self, size: usize) -> bool {
        self.entries.len() < self.bounds.items && size <= self.bounds.bytes.saturating_sub(self.bytes)
    }

    /// Drops what waits of the oldest group, unless that is the one being pushed.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.entries.front().map(|entry| entry.run).filter(|run| *run != self.run) else { return false };
        let mut skipped = None;
        while let Some(entry) = self.entries.pop_front_if(|entry| entry.run == oldest) {
            self.bytes -= entry.size;
            self.dropped += 1;
            let this = Skipped { from: entry.group, to: entry.group, frames: 1 };
            skipped = merge(merge(skipped, entry.before), Some(this));
        }
        let place = self.entries.front_mut().map_or(&mut self.tail, |entry| &mut entry.before);
        *place = merge(skipped, place.take());
        true
    }

    #[cfg(test)]
    pub(super) fn load(&self) -> (usize, usize) {
        (self.entries.len(), self.entries.iter().map(|entry| entry.size).sum())
    }
}
