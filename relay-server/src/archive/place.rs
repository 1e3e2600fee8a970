//! Where frames stand: by session number and sequence, never by time, because a camera's clock may step.

use wire::frame::SignedFrame;
use wire::id::SessionId;

pub use crate::verify::Place;

/// Whether a frame is the very next one in the same session.
pub(super) fn follows(next: Place, before: Place) -> bool {
    next.session == before.session && before.sequence.checked_add(1) == Some(next.sequence)
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
