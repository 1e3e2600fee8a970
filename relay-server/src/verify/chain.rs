//! What is remembered of a camera's frames, so that a later one cannot contradict an earlier one. Frames come in any order of groups
//! and sessions; a frame whose neighbours are not known contradicts nothing.

use std::collections::{BTreeMap, VecDeque};

use wire::epoch::{EpochRecord, Link};
use wire::frame::SignedFrame;
use wire::id::{Digest, SessionId};
use wire::verify::{Refusal, Verified};

use super::Fault;
use crate::limits::{CHAIN_FRAMES, SESSIONS};

/// Where a frame stands among all frames of its camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The session's number.
    pub session: u64,
    /// The frame's number in it.
    pub sequence: u64,
}

impl Place {
    /// Where this frame stands.
    #[must_use]
    pub fn of(frame: &SignedFrame) -> Self {
        Self { session: frame.context().session.number, sequence: frame.header().sequence }
    }
}

/// Whether a frame is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is.
    New,
    /// It was verified before, exactly so.
    Again,
}

struct Known {
    digest: Digest,
    previous: Digest,
    group: u64,
    key: bool,
}

struct Session {
    id: SessionId,
    /// The end frame's sequence, or what the next session's record says.
    ended: Option<u64>,
    highest: Option<u64>,
}

/// The memory of one camera's frames: the last [`CHAIN_FRAMES`] that came, and [`SESSIONS`] sessions.
#[derive(Default)]
pub struct Chain {
    frames: BTreeMap<Place, Known>,
    order: VecDeque<Place>,
    sessions: BTreeMap<u64, Session>,
}

impl Chain {
    /// Takes in what a verified record says about its session and the one before.
    ///
    /// # Errors
    /// When there is another session with that number, or the session before went otherwise.
    pub fn record(&mut self, record: &EpochRecord) -> Result<(), Fault> {
        if let Some(last) = record.link.last() {
            let number = last.session.number;
            if let Some(session) = self.sessions.get(&number) {
                if session.id != last.session {
                    return Err(Fault::ForkedSession { session: number });
                }
                let beyond = session.highest.is_some_and(|highest| highest > last.sequence);
                if matches!(record.link, Link::Ended(_)) && beyond {
                    return Err(Refusal::Ended.into());
                }
            }
            let known = self.frames.get(&Place { session: number, sequence: last.sequence });
            if known.is_some_and(|known| known.digest != last.digest) {
                return Err(Refusal::Chain.into());
            }
        }
        self.session(record.session)?;
        if let Link::Ended(last) = record.link
            && let Some(session) = self.sessions.get_mut(&last.session.number)
        {
            session.ended = Some(last.sequence);
        }
        Ok(())
    }

    /// Takes in a verified frame and the digest of the one before it, which for a key frame only its context tells.
    ///
    /// # Errors
    /// When it contradicts an earlier one; nothing is remembered of it then.
    pub fn accept(&mut self, frame: &Verified<SignedFrame>, previous: Digest) -> Result<Seen, Fault> {
        let (place, header) = (Place::of(frame), frame.header());
        let known = Known { digest: frame.digest(), previous, group: header.group, key: header.flags.key };
        let session = self.session(frame.context().session)?;
        let after_end = session.ended.is_some_and(|end| place.sequence > end);
        let end_before = header.flags.end && session.highest.is_some_and(|highest| highest > place.sequence);
        if let Some(earlier) = self.frames.get(&place) {
            let forked = Fault::Forked { session: place.session, sequence: place.sequence };
            return if earlier.digest == known.digest { Ok(Seen::Again) } else { Err(forked) };
        }
        if after_end || end_before {
            return Err(Refusal::Ended.into());
        }
        if !self.fits(place, &known) {
            return Err(Refusal::Chain.into());
        }
        if let Some(session) = self.sessions.get_mut(&place.session) {
            session.highest = session.highest.max(Some(place.sequence));
            if header.flags.end {
                session.ended = Some(place.sequence);
            }
        }
        while self.order.len() >= CHAIN_FRAMES {
            if let Some(oldest) = self.order.pop_front() {
                self.frames.remove(&oldest);
            }
        }
        self.order.push_back(place);
        self.frames.insert(place, known);
        Ok(Seen::New)
    }

    fn session(&mut self, id: SessionId) -> Result<&Session, Fault> {
        while self.sessions.len() > SESSIONS {
            self.sessions.pop_first();
        }
        let session = self.sessions.entry(id.number).or_insert(Session { id, ended: None, highest: None });
        if session.id == id { Ok(session) } else { Err(Fault::ForkedSession { session: id.number }) }
    }

    /// Whether a frame agrees with its neighbours, as far as they are known.
    fn fits(&self, place: Place, frame: &Known) -> bool {
        let Place { session, sequence } = place;
        let first = frame.previous == Digest::ZERO;
        if frame.key && first != (frame.group == 0) {
            return false;
        }
        let from = Place { session, sequence: 0 };
        let to = Place { session, sequence: u64::MAX };
        if let Some((at, below)) = self.frames.range(from..place).next_back() {
            let groups = if frame.key { below.group < frame.group } else { below.group <= frame.group };
            // What it names as its predecessor must be the one below, or one in between that has not come.
            let follows = below.digest == frame.previous;
            let adjacent = at.sequence.checked_add(1) == Some(sequence);
            if !groups || !follows && (adjacent || first || self.holds(session, frame.previous)) {
                return false;
            }
        } else if !first && self.holds(session, frame.previous) {
            return false;
        }
        if let Some((at, above)) = self.frames.range(place..=to).next() {
            let groups = if above.key { frame.group < above.group } else { frame.group <= above.group };
            let precedes = above.previous == frame.digest;
            let adjacent = sequence.checked_add(1) == Some(at.sequence);
            if !groups || !precedes && (adjacent || above.previous == Digest::ZERO || self.holds(session, above.previous)) {
                return false;
            }
        }
        true
    }

    /// Whether a frame of that session with this digest is remembered.
    fn holds(&self, session: u64, digest: Digest) -> bool {
        let (from, to) = (Place { session, sequence: 0 }, Place { session, sequence: u64::MAX });
        self.frames.range(from..=to).any(|(_, known)| known.digest == digest)
    }
}

#[cfg(test)]
mod tests;
