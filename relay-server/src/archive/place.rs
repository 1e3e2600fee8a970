//! Where frames stand: by session number and sequence, never by time, because a camera's clock may step.

use std::fmt;

use wire::frame::SignedFrame;
use wire::id::SessionId;

/// A frame's place in its camera's order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The session's number.
    pub session: u64,
    /// The frame's number in it.
    pub sequence: u64,
}

impl Place {
    /// Of this frame.
    #[must_use]
    pub fn of(frame: &SignedFrame) -> Self {
        Self { session: frame.context().session.number, sequence: frame.header().sequence }
    }

    /// Whether it is the very next one in the same session.
    #[must_use]
    pub fn follows(self, other: Self) -> bool {
        self.session == other.session && other.sequence.checked_add(1) == Some(self.sequence)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.session, self.sequence)
    }
}

/// Which group of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GroupId {
    pub(super) session: SessionId,
    pub(super) group: u64,
}

impl GroupId {
    pub(super) fn of(frame: &SignedFrame) -> Self {
        let context = frame.context();
        Self { session: context.session, group: context.group }
    }
}

/// Frames of one session without a hole between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The session's number.
    pub session: u64,
    /// The first sequence.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
}

impl Run {
    /// Only this frame.
    #[must_use]
    pub const fn at(place: Place) -> Self {
        Self { session: place.session, first: place.sequence, last: place.sequence }
    }

    /// Takes the other in if nothing is missing between the two. Says whether it did.
    pub fn join(&mut self, other: Self) -> bool {
        let touch = |a: u64, b: u64| a <= b.saturating_add(1);
        if self.session != other.session || !touch(other.first, self.last) || !touch(self.first, other.last) {
            return false;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_join_only_without_a_hole() {
        let run = |session, first, last| Run { session, first, last };
        let mut joined = run(1, 5, 9);
        assert!(joined.join(run(1, 10, 12)) && joined == run(1, 5, 12));
        assert!(joined.join(run(1, 3, 6)) && joined == run(1, 3, 12));
        assert!(!joined.join(run(1, 14, 14)), "13 is missing");
        assert!(!joined.join(run(2, 13, 13)), "another session");
        assert!(!joined.join(run(1, 0, 1)), "2 is missing");
    }
}
