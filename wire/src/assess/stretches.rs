//! Stretches of sequence numbers, few and bounded: what was delivered, and what will not come.

use super::Place;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    session: u64,
    first: u64,
    last: u64,
}

/// Sorted, disjoint, and never adjacent; beyond `most` the lowest is forgotten.
pub(super) struct Stretches {
    list: Vec<Stretch>,
    most: usize,
}

impl Stretches {
    pub(super) const fn new(most: usize) -> Self {
        Self { list: Vec::new(), most }
    }

    pub(super) fn insert(&mut self, session: u64, first: u64, last: u64) {
        if first > last {
            return;
        }
        // What is inserted mostly continues the highest.
        if let Some(highest) = self.list.last_mut()
            && highest.session == session
            && highest.last.checked_add(1) == Some(first)
        {
            highest.last = last;
            return;
        }
        let mut new = Stretch { session, first, last };
        self.list.retain(|old| {
            let touches = old.session == session && old.first <= new.last.saturating_add(1) && new.first <= old.last.saturating_add(1);
            if touches {
                new.first = new.first.min(old.first);
                new.last = new.last.max(old.last);
            }
            !touches
        });
        let at = self.list.partition_point(|old| (old.session, old.first) < (new.session, new.first));
        self.list.insert(at, new);
        if self.list.len() > self.most {
            self.list.remove(0);
        }
    }

    /// Whether all of it is in here. Nothing is in everything.
    pub(super) fn cover(&self, session: u64, first: u64, last: u64) -> bool {
        first > last || self.below(session, first).is_some_and(|found| found.session == session && found.last >= last)
    }

    pub(super) fn contain(&self, (session, sequence): Place) -> bool {
        self.cover(session, sequence, sequence)
    }

    /// The last stretch that begins at or before that number.
    fn below(&self, session: u64, first: u64) -> Option<&Stretch> {
        let above = self.list.partition_point(|old| (old.session, old.first) <= (session, first));
        self.list.get(above.checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_join_and_the_lowest_is_forgotten() {
        let mut stretches = Stretches::new(2);
        stretches.insert(1, 5, 7);
        stretches.insert(1, 8, 9);
        stretches.insert(1, 1, 3);
        assert!(stretches.cover(1, 5, 9) && stretches.cover(1, 1, 3) && !stretches.cover(1, 3, 5));
        stretches.insert(1, 4, 4);
        assert!(stretches.cover(1, 1, 9) && !stretches.cover(1, 1, 10) && !stretches.cover(0, 1, 9) && !stretches.contain((1, 0)));
        stretches.insert(2, 0, u64::MAX);
        stretches.insert(2, 7, 9);
        assert!(stretches.cover(2, 1, u64::MAX) && stretches.cover(1, 1, 9));
        stretches.insert(3, 0, 0);
        assert!(!stretches.cover(1, 1, 9) && stretches.contain((3, 0)));
        assert!(stretches.cover(9, 1, 0), "nothing is in everything");
    }
}
