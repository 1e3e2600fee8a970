//! Assessing a camera's stream as it comes: frames in any order go in, verified frames in the camera's order come out, and at any
//! moment there is a verdict. Knows no key and no clock; the caller hands in both kinds of time.
//!
//! A frame waits in the `hold` until what precedes it was accepted, a bounded time at most. The `order` of a key frame and the last
//! accepted one says what lies between them; the `past` tells a repetition from a frame that is merely late; the `records` know what
//! was to be handed out; the `findings` are what the verdict is made of. Whatever a stranger sends, each of them is bounded.

mod config;
mod findings;
mod hold;
mod order;
mod past;
mod records;
mod stretches;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;

use crate::frame::{Frame, SignedFrame};
use crate::grants::Grant;
use crate::id::{Digest, Micros, SessionId};
use crate::message;
use crate::sign::SignedRecord;
use crate::verdict::{Finding, Reason, Report};
use crate::verify::{Group, Record, Refusal, Verified, record as verify_record};
pub use config::{Config, Mode, Now, Standing};
use findings::Findings;
use hold::{Held, Hold, Waiting};
use order::{Order, stretch_before};
use past::Past;
use records::Records;
use stretches::Stretches;

/// How many stretches of frames that will not come are remembered.
const MAX_GIVEN_UP: usize = 64;

/// Session number and sequence: the camera's order.
type Place = (u64, u64);

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

/// The last frame that was accepted.
#[derive(Debug, Clone, Copy)]
struct Position {
    session: SessionId,
    group: u64,
    sequence: u64,
    digest: Digest,
    ended: bool,
}

impl Position {
    const fn place(&self) -> Place {
        (self.session.number, self.sequence)
    }
}

/// Assesses one camera's stream. After each thing that came, [`Self::next`] is asked until it has nothing more to say: only so its
/// memory stays bounded.
pub struct Assessor {
    config: Config,
    key_frames_only: bool,
    standing: Standing,
    records: Records,
    hold: Hold,
    given_up: Stretches,
    group: Option<Group>,
    position: Option<Position>,
    /// Where what is shown begins.
    first: Option<Place>,
    past: Past,
    newest: Option<(Place, Micros)>,
    /// The newest key frame.
    opened: Option<Place>,
    /// The group has no picture to go on from.
    skipping: bool,
    finished: bool,
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
            key_frames_only: false,
            standing: Standing::Waiting,
            records: Records::new(config.recipient, config.patience),
            hold: Hold::new(),
            given_up: Stretches::new(MAX_GIVEN_UP),
            group: None,
            position: None,
            first: None,
            past: Past::new(),
            newest: None,
            opened: None,
            skipping: false,
            finished: false,
            findings: Findings::new(),
            delivered: 0,
            events: VecDeque::new(),
        }
    }

    /// For a stream of key frames alone: what lies between them is not missing, and nothing waits for it.
    #[must_use]
    pub const fn key_frames_only(mut self) -> Self {
        self.key_frames_only = true;
        self
    }

    /// Takes in what the certificates say.
    pub fn standing(&mut self, standing: Standing) {
        self.standing = standing;
    }

    /// Takes in an epoch record.
    pub fn record(&mut self, signed: SignedRecord, now: Now) {
        if self.records.contains(signed.digest()) {
            return;
        }
        match verify_record(signed, self.config.camera) {
            Ok(record) => self.records.add(record, &mut self.findings, now.monotonic),
            Err(refusal) => self.findings.add(Reason::RecordRefused(refusal), now.monotonic),
        }
    }

    /// Takes in an epoch's grants. A list that its record does not name counts as none.
    pub fn grants(&mut self, message: message::Grants) {
        self.records.offer(&message);
    }

    /// Our own grants under that record, each one listed in it.
    #[must_use]
    pub fn own_grants(&self, record: Digest) -> &[Grant] {
        self.records.grants(record)
    }

    /// Takes in a frame message. What comes of it, [`Self::next`] says.
    pub fn frame(&mut self, session: u64, bytes: Bytes, now: Now) {
        let frame = match Frame::decode(bytes) {
            Ok(frame) => frame,
            Err(malformed) => return self.findings.add(Reason::NotAFrame(Refusal::Malformed(malformed)), now.monotonic),
        };
        let place = (session, frame.header.sequence);
        if let Some(context) = &frame.context {
            if context.camera != self.config.camera {
                return self.refuse(place, Refusal::OtherCamera, now);
            }
            if context.session.number != session {
                return self.refuse(place, Refusal::OtherSession, now);
            }
        }
        if self.position.is_some_and(|position| place <= position.place()) {
            return self.late(place, frame, now);
        }
        self.hold.insert(place, Held { frame, arrived: now.monotonic });
    }

    /// Takes in the relay's word that frames will not come: what waits for them waits no more. Nothing else is concluded from it.
    pub fn gap(&mut self, gap: &message::Gap) {
        self.given_up.insert(gap.session, gap.first, gap.last);
    }

    /// Nothing more will come: whatever waits need not.
    pub const fn finish(&mut self) {
        self.finished = true;
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
        self.hold.first().map(|(_, held)| self.overdue_at(held))
    }

    /// The frame before the newest group: session number and sequence. Whoever watches again begins at the key frame of a running group, so
    /// only what is not newer than this was certainly seen before.
    #[must_use]
    pub fn before_newest_group(&self) -> Option<(u64, u64)> {
        self.opened.and_then(|(session, sequence)| Some((session, sequence.checked_sub(1)?)))
    }

    /// How many frames were delivered.
    #[must_use]
    pub const fn delivered(&self) -> u64 {
        self.delivered
    }

    /// The verdict at this moment.
    #[must_use]
    pub fn report(&self, now: Now) -> Report {
        let mut findings = self.findings.clone();
        self.records.find(self.finished, now.monotonic, &mut findings);
        let mut findings = findings.current(self.config.memory, now.monotonic);
        let mut add = |reason| findings.push(Finding { reason, count: 1 });
        match &self.standing {
            Standing::Waiting => add(Reason::NoCertificateYet),
            Standing::Known { revocation_unknown_since: Some(since) } => add(Reason::RevocationUnknown { since: *since }),
            Standing::Known { revocation_unknown_since: None } => {}
            Standing::Unknown(why) => add(Reason::UnknownCamera(why.clone())),
            Standing::Revoked { since } => add(Reason::Revoked { since: *since }),
        }
        match (self.newest, self.config.mode) {
            (None, _) => add(if self.waits_for_record() { Reason::NoRecordYet } else { Reason::NoFrameYet }),
            (Some((newest, captured_at)), Mode::Live { tolerance, highest }) => {
                if captured_at.distance(now.wall) > tolerance {
                    add(Reason::OtherTime { captured_at, now: now.wall });
                }
                if let Some(highest) = highest.filter(|highest| newest <= *highest) {
                    add(Reason::SeenBefore { newest, highest });
                }
            }
            (Some(_), Mode::Range) => {}
        }
        Report::of(findings)
    }

    fn waits_for_record(&self) -> bool {
        let context = self.hold.first().and_then(|(_, held)| held.frame.context.as_ref());
        context.is_some_and(|context| !self.records.contains(context.record))
    }

    fn overdue_at(&self, held: &Held) -> Duration {
        held.arrived.saturating_add(self.config.patience)
    }

    fn refuse(&mut self, (session, sequence): Place, refusal: Refusal, now: Now) {
        self.findings.add(Reason::Refused { session, sequence, refusal }, now.monotonic);
    }

    /// A frame at or behind the position. One that was delivered already is a replay, another one signed for its place is a fork; one that
    /// was given up before it came is just late.
    fn late(&mut self, place: Place, frame: Frame, now: Now) {
        let (session, sequence) = place;
        let verified = match &frame.context {
            Some(context) => self.records.get(context.record).map(|record| Group::open(record, frame).map(|(_, frame)| frame.digest())),
            None => self.past.verify(place, frame),
        };
        let reason = match (verified, self.past.digest(place)) {
            (Some(Err(refusal)), _) => Reason::Refused { session, sequence, refusal },
            (Some(Ok(digest)), Some(seen)) if digest != seen => Reason::Forked { session, sequence },
            _ if self.past.contains(place) => Reason::Replayed { session, sequence },
            // Live, it is from before one joined; of a stretch of the past it belongs to what was asked for, and is not shown.
            _ if self.config.mode == Mode::Range && self.first.is_some_and(|first| place < first) => {
                Reason::Missing { session, first: sequence, last: sequence }
            }
            _ => return,
        };
        self.findings.add(reason, now.monotonic);
    }

    /// Deals with the first held frame, if that can be done by now. Says whether it was.
    fn step(&mut self, now: Now) -> bool {
        let Some((place, held)) = self.hold.first() else { return false };
        let overdue = self.finished || self.hold.is_overfull() || now.monotonic >= self.overdue_at(held);
        let Some(context) = &held.frame.context else { return self.step_within(place, overdue, now) };
        let Some(record) = self.records.get(context.record) else {
            if overdue {
                self.give_up(place, now);
            }
            return overdue;
        };
        let (link, arrived, digest) = (&record.record().link, held.arrived, context.record);
        let mut order = Order::of(self.position.as_ref(), &self.past, context, place.1, link);
        if self.key_frames_only {
            order = order.of_key_frames(link);
        }
        let settled = self.records.settled(digest, arrived, now.monotonic);
        let ready = overdue || (settled && order.waits_for_nothing(&self.given_up));
        if ready {
            self.open(place, order, now);
        }
        ready
    }

    /// Deals with a frame that opens no group.
    fn step_within(&mut self, place: Place, overdue: bool, now: Now) -> bool {
        let next = self.position.and_then(|position| Some((position.session.number, position.sequence.checked_add(1)?)));
        let follows = self.group.is_some() && next == Some(place);
        let hopeless = || {
            stretch_before(self.position.as_ref(), place).is_some_and(|(session, first, last)| self.given_up.cover(session, first, last))
        };
        if !follows && !overdue && !hopeless() {
            return false;
        }
        let Some(before) = self.group.clone().filter(|group| group.context().session.number == place.0) else {
            self.give_up(place, now);
            return true;
        };
        let Some(Waiting { held, other, repeated }) = self.hold.remove(place) else { return false };
        let mut group = before.clone();
        match group.next(held.frame) {
            Ok(frame) => {
                if let Some(first) = next.map(|next| next.1).filter(|first| *first < place.1) {
                    // The chain holds across the numbers: the camera itself skipped them.
                    self.findings.add(Reason::Missing { session: place.0, first, last: place.1 - 1 }, now.monotonic);
                }
                self.group = Some(group);
                self.accept(frame, Some(before), now);
                self.contend(place, other, repeated, now);
            }
            Err(refusal) if follows => {
                self.refuse(place, refusal, now);
                self.retry(place, other);
            }
            // What it must follow is missing, so nothing can be said of it.
            Err(_) => self.lose(place, now),
        }
        true
    }

    /// Deals with a key frame whose record is here.
    fn open(&mut self, place: Place, order: Order, now: Now) {
        let Some(Waiting { held, other, repeated }) = self.hold.remove(place) else { return };
        let record = held.frame.context.as_ref().and_then(|context| self.records.get(context.record));
        let Some(record) = record else { return };
        let opened = Group::open(record, held.frame).and_then(|opened| order.refusal.map_or(Ok(opened), Err));
        let (group, frame) = match opened {
            Ok(opened) => opened,
            Err(refusal) => {
                self.refuse(place, refusal, now);
                return self.retry(place, other);
            }
        };
        for missing in order.missing {
            self.findings.add(missing.reason.clone(), now.monotonic);
            self.events.push_back(Event::Gap(missing.reason));
        }
        for reason in order.stated {
            self.findings.add(reason, now.monotonic);
        }
        self.group = Some(group);
        self.skipping = false;
        self.accept(frame, None, now);
        self.contend(place, other, repeated, now);
    }

    fn accept(&mut self, frame: Verified<SignedFrame>, before: Option<Group>, now: Now) {
        let Some(record) = self.group.as_ref().map(|group| Arc::clone(group.record())) else { return };
        let (session, header) = (frame.context().session, frame.header());
        let (sequence, ended) = (header.sequence, header.flags.end);
        let place = (session.number, sequence);
        self.first.get_or_insert(place);
        self.position = Some(Position { session, group: header.group, sequence, digest: frame.digest(), ended });
        self.newest = Some((place, header.captured_at));
        if header.flags.key {
            self.opened = Some(place);
        }
        self.past.push(place, frame.digest(), before);
        self.records.used(&frame, now.monotonic);
        if ended {
            return self.events.push_back(Event::End(session));
        }
        if frame.public().is_none() {
            let reason = Reason::PublicMissing { session: session.number, sequence };
            self.findings.add(reason.clone(), now.monotonic);
            self.events.push_back(Event::Gap(reason));
            self.skipping = true;
        }
        if !self.skipping {
            self.delivered += 1;
            self.events.push_back(Event::Frame(Box::new(frame), record));
        }
    }

    /// What else came for the place of a frame that was accepted just now.
    fn contend(&mut self, place: Place, other: Option<Held>, repeated: u64, now: Now) {
        if let Some(other) = other {
            self.late(place, other.frame, now);
        }
        if repeated > 0 {
            self.findings.add_many(Reason::Replayed { session: place.0, sequence: place.1 }, repeated, now.monotonic);
        }
    }

    /// Lets the other frame for the place of a refused one have its turn.
    fn retry(&mut self, place: Place, other: Option<Held>) {
        if let Some(other) = other {
            self.hold.insert(place, other);
        }
    }

    /// Lets go of a held frame of which nothing can be said, since its record, its key frame or the one before it is missing.
    fn give_up(&mut self, place: Place, now: Now) {
        self.hold.remove(place);
        self.lose(place, now);
    }

    fn lose(&mut self, place: Place, now: Now) {
        let (session, sequence) = place;
        let first = stretch_before(self.position.as_ref(), place).map_or(0, |(_, first, _)| first.min(sequence));
        self.given_up.insert(session, first, sequence);
        // Who joins live in the middle of a group could not expect to read its rest.
        if self.position.is_some() || self.config.mode == Mode::Range {
            self.findings.add(Reason::Unverifiable { session, sequence }, now.monotonic);
        }
    }
}
