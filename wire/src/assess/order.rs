//! How a key frame stands to the last frame that was accepted: what lies between them, and what they say of each other.

use super::past::Past;
use super::stretches::Stretches;
use super::{Place, Position};
use crate::context::Context;
use crate::epoch::Link;
use crate::id::Digest;
use crate::verdict::Reason;
use crate::verify::Refusal;

/// Frames that lie in between and did not come.
#[derive(Debug)]
pub(super) struct Missing {
    pub(super) reason: Reason,
    /// Session, first and last sequence, where they are known.
    stretch: Option<(u64, u64, u64)>,
}

/// What a key frame implies. It counts once the frame is verified.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// What may still come.
    pub(super) missing: Vec<Missing>,
    /// What holds however long one waits.
    pub(super) stated: Vec<Reason>,
    /// Why the frame cannot stand beside what was accepted, though it is signed.
    pub(super) refusal: Option<Refusal>,
}

impl Order {
    /// Whether nothing that is missing can still come.
    pub(super) fn waits_for_nothing(&self, given_up: &Stretches) -> bool {
        self.missing.iter().all(|missing| missing.stretch.is_some_and(|(session, first, last)| given_up.cover(session, first, last)))
    }

    fn lacks(&mut self, session: u64, first: u64, last: u64) {
        let reason = Reason::Missing { session, first, last };
        self.missing.push(Missing { reason, stretch: Some((session, first, last)) });
    }

    /// What follows from a key frame of that sequence and context, under a record with that link.
    pub(super) fn of(position: Option<&Position>, past: &Past, context: &Context, sequence: u64, link: &Link) -> Self {
        let mut order = Self::default();
        match position {
            Some(position) if position.session == context.session => order.within(position, past, context, sequence),
            Some(position) if position.session.number == context.session.number => {
                order.stated.push(Reason::ForkedSession { session: context.session.number });
            }
            Some(position) => {
                order.between(position, past, context.session.number, link);
                order.head(context, sequence, true);
            }
            None => order.head(context, sequence, false),
        }
        order
    }

    /// In the session that was seen last.
    fn within(&mut self, position: &Position, past: &Past, context: &Context, sequence: u64) {
        let (session, next) = (position.session.number, position.sequence.saturating_add(1));
        if position.ended {
            self.refusal = Some(Refusal::Ended);
        } else if context.group <= position.group {
            self.refusal = Some(Refusal::OtherGroup);
        } else if context.previous == position.digest {
            // A number that the camera itself skipped: nothing can be waited for.
            if sequence > next {
                self.stated.push(Reason::Missing { session, first: next, last: sequence.saturating_sub(1) });
            }
        } else if sequence <= next || past.has_digest(context.previous) {
            // Both are signed, and they contradict each other.
            self.refusal = Some(Refusal::Chain);
        } else {
            self.lacks(session, next, sequence.saturating_sub(1));
        }
    }

    /// From the session that was seen last to this one, by this one's word.
    fn between(&mut self, position: &Position, past: &Past, session: u64, link: &Link) {
        let seen = position.session.number;
        let Some(last) = link.last() else {
            return self.stated.push(Reason::LinkContradicts { session });
        };
        if last.session.number > seen {
            let reason = Reason::SessionsMissing { after: seen, before: session };
            return self.missing.push(Missing { reason, stretch: None });
        }
        if last.session.number < seen {
            // It does not know the one that was seen (a file that a power cut set back), so it cannot vouch for that one's end.
            if !position.ended {
                self.stated.push(Reason::TailUnknown { session: seen });
            }
            return;
        }
        if last.session != position.session {
            return self.stated.push(Reason::ForkedSession { session: seen });
        }
        let exact = matches!(link, Link::Ended(_));
        let other_digest = || past.digest((seen, last.sequence)).is_some_and(|digest| digest != last.digest);
        let contradicts = if last.sequence > position.sequence {
            position.ended
        } else if last.sequence == position.sequence {
            last.digest != position.digest
        } else {
            exact || other_digest()
        };
        if contradicts {
            return self.stated.push(Reason::LinkContradicts { session });
        }
        if last.sequence > position.sequence {
            let reason = Reason::TailMissing { session: seen, until: last.sequence };
            let stretch = Some((seen, position.sequence.saturating_add(1), last.sequence));
            self.missing.push(Missing { reason, stretch });
        }
        if !exact && !position.ended {
            self.stated.push(Reason::TailUnknown { session: seen });
        }
    }

    /// From the session's first frame to this one. Who joins in the middle is told nothing.
    fn head(&mut self, context: &Context, sequence: u64, expected: bool) {
        let session = context.session.number;
        let Some(last) = sequence.checked_sub(1) else { return };
        if context.previous == Digest::ZERO {
            self.stated.push(Reason::Missing { session, first: 0, last });
        } else if expected {
            self.lacks(session, 0, last);
        }
    }

    /// For somebody who asked for key frames alone: only a session's end, which is one, can be missing.
    pub(super) fn of_key_frames(mut self, link: &Link) -> Self {
        let exact = matches!(link, Link::Ended(_));
        let counts = |reason: &Reason| match reason {
            Reason::Missing { .. } => false,
            Reason::TailMissing { .. } => exact,
            _ => true,
        };
        self.missing.retain(|missing| counts(&missing.reason));
        self.stated.retain(counts);
        self
    }
}

/// The stretch between the position and a frame that opens no group.
pub(super) fn stretch_before(position: Option<&Position>, (session, sequence): Place) -> Option<(u64, u64, u64)> {
    let position = position?;
    let first = if position.session.number == session { position.sequence.saturating_add(1) } else { 0 };
    // An empty stretch (first above last) is covered by anything.
    Some((session, first, sequence.checked_sub(1)?))
}
