//! Assessing a camera's stream as it comes: frames in any order go in, verified frames in the camera's order come out, and at any
//! moment there is a verdict. Knows no key and no clock; the caller hands in both kinds of time.

mod findings;
mod hold;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;

use crate::epoch::Link;
use crate::frame::{Body, Frame, LayerKind, SignedFrame};
use crate::grants::Grant;
use crate::id::{CameraId, Digest, Fingerprint, Micros, SessionId};
use crate::message;
use crate::sign::SignedRecord;
use crate::verdict::{Finding, Reason, Report};
use crate::verify::{Group, Record, Refusal, Verified, record as verify_record};
use findings::Findings;
use hold::{Held, Hold};

/// How many epoch records are remembered.
const MAX_RECORDS: usize = 64;

/// How many delivered frames are remembered, to tell a fork from a repetition.
const MAX_SEEN: usize = 1024;

/// Both kinds of time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since any fixed moment; never goes back.
    pub monotonic: Duration,
    /// The clock on the wall.
    pub wall: Micros,
}

/// What the stream claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Now.
    Live {
        /// How far the camera's clock may be from ours.
        tolerance: Duration,
        /// Session number and sequence of the highest frame seen live before.
        highest: Option<(u64, u64)>,
    },
    /// A stretch of the past.
    Range,
}

impl Mode {
    /// How far a live picture's time may be from the clock here.
    pub const TOLERANCE: Duration = Duration::from_secs(30);
}

/// What is known about the camera besides its frames; whoever can read certificates says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has come yet.
    Waiting,
    /// The operator vouches for it, and it is the one that was pinned.
    Known {
        /// If the revocation list is out of date, since when.
        revocation_unknown_since: Option<Micros>,
    },
    /// Nobody vouches for it, or it is not the pinned one; the sentence says which and what to do.
    Unknown(String),
    /// Its key is distrusted since that time.
    Revoked {
        /// By the revocation list.
        since: Micros,
    },
}

/// How to assess.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Whose frames are expected.
    pub camera: CameraId,
    /// What the stream claims to be.
    pub mode: Mode,
    /// The key whose sealed layers were asked for.
    pub recipient: Option<Fingerprint>,
    /// How long a frame waits for the ones before it.
    pub patience: Duration,
    /// How long a gap or a withheld layer weighs on the verdict; `None` for ever. What is tampered weighs for ever.
    pub memory: Option<Duration>,
}

impl Config {
    /// How long a frame waits for the ones before it.
    pub const PATIENCE: Duration = Duration::from_millis(500);
    /// How long a gap weighs on the verdict of a live stream.
    pub const MEMORY: Duration = Duration::from_secs(60);
}

/// What comes out.
#[derive(Debug)]
pub enum Event {
    /// The next frame, verified, with the record that it is sealed under.
    Frame(Box<Verified<SignedFrame>>, Arc<Verified<Record>>),
    /// Frames before the next one did not come; decoders start anew at its group.
    Gap(Reason),
    /// The session ended in order.
    End(SessionId),
}

/// The grants of one record, as far as they match it.
#[derive(Debug, Default)]
struct Own {
    matched: bool,
    missing: Vec<crate::label::Label>,
    grants: Vec<Grant>,
}

struct Known {
    record: Arc<Verified<Record>>,
    own: Own,
    first_used: Option<Duration>,
}

/// The last frame that was delivered.
#[derive(Debug, Clone, Copy)]
struct Position {
    session: SessionId,
    sequence: u64,
    digest: Digest,
    ended: bool,
}

/// Assesses one camera's stream.
pub struct Assessor {
    config: Config,
    standing: Standing,
    records: VecDeque<(Digest, Known)>,
    /// Grants whose record has not come yet.
    early_grants: VecDeque<message::Grants>,
    sessions: BTreeMap<u64, SessionId>,
    hold: Hold,
    group: Option<Group>,
    position: Option<Position>,
    seen: VecDeque<((u64, u64), Digest)>,
    newest: Option<((u64, u64), Micros)>,
    findings: Findings,
    delivered: u64,
    events: VecDeque<Event>,
}

impl Assessor {
    /// Nothing has come yet.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            standing: Standing::Waiting,
            records: VecDeque::new(),
            early_grants: VecDeque::new(),
            sessions: BTreeMap::new(),
            hold: Hold::new(),
            group: None,
            position: None,
            seen: VecDeque::new(),
            newest: None,
            findings: Findings::new(),
            delivered: 0,
            events: VecDeque::new(),
        }
    }

    /// Takes in what the certificates say.
    pub fn standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Takes in an epoch record.
    pub fn record(&mut self, signed: SignedRecord, now: Now) {
        let digest = signed.digest();
        if self.known(digest).is_some() {
            return;
        }
        let verified = match verify_record(signed, self.config.camera) {
            Ok(verified) => Arc::new(verified),
            Err(refusal) => return self.findings.add(Reason::RecordRefused(refusal), now),
        };
        let session = verified.record().session;
        let first = *self.sessions.entry(session.number).or_insert(session);
        if first != session {
            self.findings.add(Reason::ForkedSession { session: session.number }, now);
        }
        while self.sessions.len() > MAX_RECORDS {
            self.sessions.pop_first();
        }
        if self.records.len() >= MAX_RECORDS {
            self.records.pop_front();
        }
        self.records.push_back((digest, Known { record: verified, own: Own::default(), first_used: None }));
        if let Some(at) = self.early_grants.iter().position(|grants| grants.record == digest)
            && let Some(grants) = self.early_grants.remove(at)
        {
            self.grants(grants);
        }
    }

    /// Takes in an epoch's grants. A list that its record does not name counts as none.
    pub fn grants(&mut self, message: message::Grants) {
        let recipient = self.config.recipient;
        let Some((_, known)) = self.records.iter_mut().find(|(digest, _)| *digest == message.record) else {
            if self.early_grants.len() >= 8 {
                self.early_grants.pop_front();
            }
            self.early_grants.push_back(message);
            return;
        };
        if message.list.digest() != known.record.record().grants {
            return;
        }
        let Some(recipient) = recipient else { return };
        let mut own = Own { matched: true, ..Own::default() };
        for entry in message.list.of_recipient(recipient) {
            match message.grants.iter().find(|grant| grant.entry() == *entry) {
                Some(grant) => own.grants.push(grant.clone()),
                None => own.missing.push(entry.label),
            }
        }
        known.own = own;
    }

    /// Our own grants under that record, each one listed in it.
    #[must_use]
    pub fn own_grants(&self, record: Digest) -> &[Grant] {
        self.known(record).map_or(&[], |known| &known.own.grants)
    }

    /// Takes in a frame message. What comes of it, [`Self::next`] says.
    pub fn frame(&mut self, session: u64, bytes: Bytes, now: Now) {
        let frame = match Frame::decode(bytes.clone()) {
            Ok(frame) => frame,
            Err(malformed) => return self.findings.add(Reason::NotAFrame(Refusal::Malformed(malformed)), now),
        };
        let sequence = frame.header.sequence;
        if frame.context.as_ref().is_some_and(|context| context.session.number != session) {
            return self.findings.add(Reason::Refused { session, sequence, refusal: Refusal::OtherSession }, now);
        }
        let place = (session, sequence);
        let held = Held { frame, bytes, arrived: now.monotonic };
        if self.place().is_some_and(|at| place <= at) {
            return self.late(place, held, now);
        }
        if let Some(other) = self.hold.get(place) {
            // Two with one number before either was verified: the signature decides; the second is tried only if the first fails.
            if other.bytes != held.bytes {
                self.hold.second(place, held);
            }
            return;
        }
        self.hold.insert(place, held);
    }

    /// Takes in the relay's word that frames will not come: what waits for them waits no more.
    pub fn gap(&mut self, gap: &message::Gap) {
        self.hold.give_up((gap.session, gap.last));
    }

    /// The next thing that can be said, if there is one by now.
    pub fn next(&mut self, now: Now) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            if !self.step(now) {
                return None;
            }
        }
    }

    /// When [`Self::next`] should be asked again though nothing has come (on the monotonic clock).
    #[must_use]
    pub fn wake_at(&self) -> Option<Duration> {
        self.hold.first().map(|(_, held)| held.arrived + self.config.patience)
    }

    /// The newest verified frame: session number and sequence.
    #[must_use]
    pub fn newest(&self) -> Option<(u64, u64)> {
        self.newest.map(|(place, _)| place)
    }

    /// How many frames were delivered.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The verdict at this moment.
    #[must_use]
    pub fn report(&self, now: Now) -> Report {
        let mut findings = self.findings.current(self.config.memory, now);
        let mut add = |reason| findings.push(Finding { reason, count: 1 });
        match &self.standing {
            Standing::Waiting => add(Reason::NoCertificateYet),
            Standing::Known { revocation_unknown_since: Some(since) } => add(Reason::RevocationUnknown { since: *since }),
            Standing::Known { revocation_unknown_since: None } => {}
            Standing::Unknown(why) => add(Reason::UnknownCamera(why.clone())),
            Standing::Revoked { since } => add(Reason::Revoked { since: *since }),
        }
        match self.newest {
            None if self.records.is_empty() && self.hold.first().is_some() => add(Reason::NoRecordYet),
            None => add(Reason::NoFrameYet),
            Some((newest, captured_at)) => {
                if let Mode::Live { tolerance, highest } = self.config.mode {
                    if captured_at.distance(now.wall) > tolerance {
                        add(Reason::OtherTime { captured_at, now: now.wall });
                    }
                    if let Some(highest) = highest
                        && newest <= highest
                    {
                        add(Reason::SeenBefore { newest, highest });
                    }
                }
            }
        }
        Report::of(findings)
    }

    fn known(&self, digest: Digest) -> Option<&Known> {
        self.records.iter().find(|(candidate, _)| *candidate == digest).map(|(_, known)| known)
    }

    fn place(&self) -> Option<(u64, u64)> {
        self.position.map(|position| (position.session.number, position.sequence))
    }

    /// A frame at or behind the position. One that was delivered already is a replay, another one signed for its place is a fork; one that
    /// was given up before it came is just late.
    fn late(&mut self, place: (u64, u64), held: Held, now: Now) {
        let (session, sequence) = place;
        let seen = self.seen.iter().find(|(candidate, _)| *candidate == place).map(|(_, digest)| *digest);
        let record = held.frame.context.as_ref().and_then(|context| self.known(context.record)).map(|known| Arc::clone(&known.record));
        let verified = record.map(|record| Group::open(&record, held.frame));
        let reason = match (verified, seen) {
            (Some(Err(refusal)), _) => Reason::Refused { session, sequence, refusal },
            (Some(Ok((_, frame))), Some(digest)) if frame.digest() != digest => Reason::Forked { session, sequence },
            (_, Some(_)) => Reason::Replayed { session, sequence },
            (_, None) => return,
        };
        self.findings.add(reason, now);
    }

    /// Tries the first held frame. Says whether anything changed.
    fn step(&mut self, now: Now) -> bool {
        let overfull = self.hold.is_overfull();
        let Some((place, held)) = self.hold.first() else { return false };
        let overdue = overfull || held.given_up() || now.monotonic >= held.arrived + self.config.patience;
        let follows = match &held.frame.context {
            Some(context) => self.follows_as_key(place, &context.session, context.previous, context.record),
            None => self.group.as_ref().is_some_and(|group| {
                let next = (group.context().session.number, group.last().0 + 1);
                place == next && held.frame.header.group == group.context().group
            }),
        };
        let has_record = held.frame.context.as_ref().is_none_or(|context| self.known(context.record).is_some());
        match (follows, has_record) {
            (true, true) => self.deliver(place, now),
            _ if !overdue => return false,
            (false, true) if held.frame.context.is_some() => {
                self.note_gap(place, now);
                self.deliver(place, now);
            }
            // Without its key frame, or without its record, nothing can be said of it: it counts as missing.
            _ => {
                self.hold.remove(place);
                self.group = None;
            }
        }
        true
    }

    /// Whether nothing can be missing between the position and this key frame.
    fn follows_as_key(&self, place: (u64, u64), session: &SessionId, previous: Digest, record: Digest) -> bool {
        let Some(position) = self.position else { return true };
        if position.session == *session {
            // A wrong predecessor right behind the position cannot be cured by waiting.
            return previous == position.digest || place.1 == position.sequence + 1;
        }
        let link = self.known(record).map(|known| known.record.record().link);
        let exact = matches!(link, Some(Link::Ended(last) | Link::Broken(last))
            if last.session == position.session && last.sequence <= position.sequence);
        exact && previous == Digest::ZERO
    }

    /// Says what is missing between the position and this key frame.
    fn note_gap(&mut self, place: (u64, u64), now: Now) {
        let (Some(position), Some((_, held))) = (self.position, self.hold.first()) else { return };
        let Some(context) = held.frame.context.clone() else { return };
        let reason = if position.session == context.session {
            Reason::Missing { session: place.0, first: position.sequence + 1, last: place.1.saturating_sub(1) }
        } else {
            match self.known(context.record).map(|known| known.record.record().link) {
                Some(Link::Ended(last) | Link::Broken(last)) if last.session == position.session => {
                    if last.sequence > position.sequence {
                        Reason::TailMissing { session: position.session.number, until: last.sequence }
                    } else {
                        Reason::Missing { session: place.0, first: 0, last: place.1.saturating_sub(1) }
                    }
                }
                _ => Reason::SessionsMissing { after: position.session.number, before: place.0 },
            }
        };
        self.findings.add(reason.clone(), now);
        self.events.push_back(Event::Gap(reason));
        self.group = None;
    }

    fn deliver(&mut self, place: (u64, u64), now: Now) {
        let Some(held) = self.hold.remove(place) else { return };
        let (session, sequence) = place;
        match self.verify(held) {
            Ok(frame) => {
                self.judge_chain(&frame, now);
                self.accept(frame, now);
                if let Some(other) = self.hold.take_second(place) {
                    self.late(place, other, now);
                }
            }
            Err(refusal) => {
                self.findings.add(Reason::Refused { session, sequence, refusal }, now);
                if let Some(other) = self.hold.take_second(place) {
                    self.hold.insert(place, other);
                }
            }
        }
    }

    fn verify(&mut self, held: Held) -> Result<Verified<SignedFrame>, Refusal> {
        let Some(context) = &held.frame.context else {
            return self.group.as_mut().ok_or(Refusal::NoKeyFrame)?.next(held.frame);
        };
        let record = &self.known(context.record).ok_or(Refusal::OtherRecord)?.record;
        let (group, frame) = Group::open(record, held.frame)?;
        self.group = Some(group);
        Ok(frame)
    }

    /// What a verified frame says about the ones before it.
    fn judge_chain(&mut self, frame: &SignedFrame, now: Now) {
        let (Some(position), true) = (self.position, frame.header().flags.key) else { return };
        let context = frame.context();
        if position.session == context.session {
            // Both are signed, and they contradict each other.
            if frame.header().sequence == position.sequence + 1 && context.previous != position.digest {
                let reason =
                    Reason::Refused { session: context.session.number, sequence: frame.header().sequence, refusal: Refusal::Chain };
                self.findings.add(reason, now);
            }
            return;
        }
        let Some(link) = self.known(context.record).map(|known| known.record.record().link) else { return };
        let contradicts = match link {
            Link::First => true,
            Link::Ended(last) if last.session == position.session => {
                last.sequence < position.sequence || (last.sequence == position.sequence && last.digest != position.digest)
            }
            Link::Broken(last) if last.session == position.session => {
                (last.sequence == position.sequence && last.digest != position.digest)
                    || (last.sequence < position.sequence && self.seen_otherwise((last.session.number, last.sequence), last.digest))
            }
            _ => false,
        };
        if contradicts {
            self.findings.add(Reason::LinkContradicts { session: context.session.number }, now);
        } else if matches!(link, Link::Broken(last) if last.session == position.session) && !position.ended {
            self.findings.add(Reason::TailUnknown { session: position.session.number }, now);
        }
    }

    fn seen_otherwise(&self, place: (u64, u64), digest: Digest) -> bool {
        self.seen.iter().any(|(candidate, seen)| *candidate == place && *seen != digest)
    }

    fn accept(&mut self, frame: Verified<SignedFrame>, now: Now) {
        let Some(record) = self.group.as_ref().map(|group| Arc::clone(group.record())) else { return };
        let (session, sequence) = (frame.context().session, frame.header().sequence);
        let place = (session.number, sequence);
        // A skipped number between two chained frames: the camera itself never sent it.
        if let Some(position) = self.position
            && position.session == session
            && frame.context().previous == position.digest
            && frame.header().flags.key
            && sequence > position.sequence + 1
        {
            self.findings.add(Reason::Missing { session: session.number, first: position.sequence + 1, last: sequence - 1 }, now);
        }
        let ended = frame.header().flags.end;
        self.position = Some(Position { session, sequence, digest: frame.digest(), ended });
        self.newest = Some((place, frame.header().captured_at));
        if self.seen.len() >= MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back((place, frame.digest()));
        if ended {
            self.group = None;
            self.events.push_back(Event::End(session));
            return;
        }
        self.judge_withheld(&frame, &record, now);
        if frame.public().is_none() {
            let reason = Reason::PublicMissing { session: session.number, sequence };
            self.findings.add(reason.clone(), now);
            self.events.push_back(Event::Gap(reason));
            self.group = None;
            return;
        }
        self.delivered += 1;
        self.events.push_back(Event::Frame(Box::new(frame), record));
    }

    /// Whether everything that is ours was handed out with this frame.
    fn judge_withheld(&mut self, frame: &SignedFrame, record: &Arc<Verified<Record>>, now: Now) {
        if self.config.recipient.is_none() {
            return;
        }
        let patience = self.config.patience;
        let Some((_, known)) = self.records.iter_mut().find(|(digest, _)| *digest == record.digest()) else { return };
        let first_used = *known.first_used.get_or_insert(now.monotonic);
        let labels = &record.record().labels;
        let name = |label| labels.name(label).unwrap_or("?").to_owned();
        let mut reasons = Vec::new();
        if known.own.matched {
            reasons.extend(known.own.missing.iter().map(|label| Reason::GrantWithheld { label: name(*label) }));
            for layer in frame.layers() {
                if let (LayerKind::Sealed(label), Body::Withheld(_)) = (layer.kind, &layer.body)
                    && known.own.grants.iter().any(|grant| grant.label == label)
                {
                    reasons.push(Reason::LayerWithheld { label: name(label) });
                }
            }
        } else if now.monotonic >= first_used + patience {
            reasons.push(Reason::NoGrantList { epoch: record.record().epoch });
        }
        for reason in reasons {
            self.findings.add(reason, now);
        }
    }
}
