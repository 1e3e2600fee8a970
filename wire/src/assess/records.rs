//! The epoch records that came, the grants under them that are ours, and what was kept back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ::bytes::Bytes;

use super::findings::Findings;
use crate::epoch::EpochRecord;
use crate::frame::{Body, LayerKind, SignedFrame};
use crate::grants::Grant;
use crate::id::{Digest, Fingerprint, SessionId};
use crate::label::Label;
use crate::message;
use crate::verdict::Reason;
use crate::verify::{Record, Verified};

/// How many epoch records are remembered.
const MAX_RECORDS: usize = 64;
/// How many sessions are remembered, to notice two with one number.
const MAX_SESSIONS: usize = 256;
/// How many messages of grants wait for their record.
const MAX_EARLY: usize = 8;

/// What a message of grants holds for us, without the rest of its bytes.
#[derive(Debug, Clone)]
struct Own {
    grants: Vec<Grant>,
    missing: Vec<Label>,
}

impl Own {
    fn of(message: &message::Grants, recipient: Fingerprint) -> Self {
        let mut own = Self { grants: Vec::new(), missing: Vec::new() };
        for entry in message.list.of_recipient(recipient) {
            let named = |grant: &&Grant| (grant.recipient, grant.label) == (entry.recipient, entry.label);
            match message.grants.iter().filter(named).find(|grant| grant.entry() == *entry) {
                Some(grant) => own.grants.push(Grant { wrapped: Bytes::copy_from_slice(&grant.wrapped), ..grant.clone() }),
                None => own.missing.push(entry.label),
            }
        }
        own
    }

    /// Adds what another message with the same list brought; nothing is taken back.
    fn merge(&mut self, other: Self) {
        for grant in other.grants {
            if let Some(at) = self.missing.iter().position(|label| *label == grant.label) {
                self.missing.remove(at);
                self.grants.push(grant);
            }
        }
    }
}

/// Grants whose record has not come yet.
struct Early {
    record: Digest,
    list: Digest,
    own: Own,
}

struct Withheld {
    label: Label,
    count: u64,
    last: Duration,
}

struct Known {
    record: Arc<Verified<Record>>,
    /// The grants that are ours, once a list came that the record names.
    own: Option<Own>,
    /// When its first frame came.
    wanted: Option<Duration>,
    /// How many of its frames were accepted, and when the last one.
    frames: u64,
    last: Duration,
    /// Sealed layers that came as digests. Whether that matters is known when the grants are.
    withheld: Vec<Withheld>,
}

impl Known {
    fn find(&self, overdue: impl Fn(Duration) -> bool, findings: &mut Findings) {
        if self.frames == 0 {
            return;
        }
        let record = self.record.record();
        let name = |label| record.labels.name(label).unwrap_or("?").to_owned();
        match &self.own {
            None if self.wanted.is_none_or(overdue) => {
                findings.add_many(Reason::NoGrantList { epoch: record.epoch }, self.frames, self.last);
            }
            None => {}
            Some(own) => {
                for label in &own.missing {
                    findings.add_many(Reason::GrantWithheld { label: name(*label) }, self.frames, self.last);
                }
                for withheld in self.withheld.iter().filter(|withheld| own.grants.iter().any(|grant| grant.label == withheld.label)) {
                    findings.add_many(Reason::LayerWithheld { label: name(withheld.label) }, withheld.count, withheld.last);
                }
            }
        }
    }
}

pub(super) struct Records {
    /// The one that was used last is the last; the first is forgotten first.
    list: VecDeque<Known>,
    early: VecDeque<Early>,
    sessions: BTreeMap<u64, SessionId>,
    recipient: Option<Fingerprint>,
    patience: Duration,
}

impl Records {
    pub(super) const fn new(recipient: Option<Fingerprint>, patience: Duration) -> Self {
        Self { list: VecDeque::new(), early: VecDeque::new(), sessions: BTreeMap::new(), recipient, patience }
    }

    pub(super) fn contains(&self, digest: Digest) -> bool {
        self.get(digest).is_some()
    }

    /// The record that a context names.
    pub(super) fn get(&self, digest: Digest) -> Option<&Arc<Verified<Record>>> {
        self.known(digest).map(|known| &known.record)
    }

    /// Our own grants under it.
    pub(super) fn grants(&self, digest: Digest) -> &[Grant] {
        self.known(digest).and_then(|known| known.own.as_ref()).map_or(&[], |own| &own.grants)
    }

    /// Takes in a record; what it contradicts or displaces goes to the findings.
    pub(super) fn add(&mut self, record: Verified<Record>, findings: &mut Findings, now: Duration) {
        self.note_sessions(record.record(), findings, now);
        if self.list.len() >= MAX_RECORDS {
            // The last one is in use: a flood of old records must not make it forgotten, and with it what was withheld under it.
            if let Some(old) = self.list.pop_front()
                && self.recipient.is_some()
            {
                old.find(|_| true, findings);
            }
        }
        let digest = record.digest();
        let known = Known { record: Arc::new(record), own: None, wanted: None, frames: 0, last: now, withheld: Vec::new() };
        let at = self.list.len() - usize::from(self.list.back().is_some_and(|last| last.wanted.is_some()));
        self.list.insert(at, known);
        let (ready, early) = std::mem::take(&mut self.early).into_iter().partition(|early| early.record == digest);
        self.early = early;
        let ready: VecDeque<Early> = ready;
        for Early { list, own, .. } in ready {
            self.settle(digest, list, own);
        }
    }

    /// Both the session itself and the one that it names as its predecessor are the camera's word.
    fn note_sessions(&mut self, record: &EpochRecord, findings: &mut Findings, now: Duration) {
        for session in [Some(record.session), record.link.last().map(|last| last.session)].into_iter().flatten() {
            if *self.sessions.entry(session.number).or_insert(session) != session {
                findings.add(Reason::ForkedSession { session: session.number }, now);
            }
            if self.sessions.len() > MAX_SESSIONS {
                self.sessions.pop_first();
            }
        }
    }

    /// Takes in an epoch's grants. A list that its record does not name counts as none.
    pub(super) fn offer(&mut self, message: &message::Grants) {
        let Some(recipient) = self.recipient else { return };
        let (list, own) = (message.list.digest(), Own::of(message, recipient));
        if self.contains(message.record) {
            return self.settle(message.record, list, own);
        }
        if self.early.len() >= MAX_EARLY {
            self.early.pop_front();
        }
        self.early.push_back(Early { record: message.record, list, own });
    }

    fn settle(&mut self, record: Digest, list: Digest, offered: Own) {
        let Some(known) = self.list.iter_mut().find(|known| known.record.digest() == record) else { return };
        if known.record.record().grants != list {
            return;
        }
        match &mut known.own {
            Some(own) => own.merge(offered),
            None => known.own = Some(offered),
        }
    }

    /// Whether a frame under that record should wait no longer for our grants. The first that asks sets the time.
    pub(super) fn settled(&mut self, digest: Digest, arrived: Duration, now: Duration) -> bool {
        let (recipient, patience) = (self.recipient, self.patience);
        let Some(known) = self.latest(digest) else { return false };
        let wanted = *known.wanted.get_or_insert(arrived);
        recipient.is_none() || known.own.is_some() || now >= wanted.saturating_add(patience)
    }

    /// Notes an accepted frame: what of it was kept back.
    pub(super) fn used(&mut self, frame: &SignedFrame, now: Duration) {
        let Some(known) = self.latest(frame.context().record) else { return };
        known.frames = known.frames.saturating_add(1);
        known.last = now;
        for layer in frame.layers() {
            let (LayerKind::Sealed(label), Body::Withheld(_)) = (layer.kind, &layer.body) else { continue };
            match known.withheld.iter_mut().find(|withheld| withheld.label == label) {
                Some(withheld) => {
                    withheld.count = withheld.count.saturating_add(1);
                    withheld.last = now;
                }
                None => known.withheld.push(Withheld { label, count: 1, last: now }),
            }
        }
    }

    /// What is kept back from us by now; with `finished`, nothing can still come.
    pub(super) fn find(&self, finished: bool, now: Duration, findings: &mut Findings) {
        if self.recipient.is_some() {
            let overdue = |wanted: Duration| finished || now >= wanted.saturating_add(self.patience);
            self.list.iter().for_each(|known| known.find(overdue, findings));
        }
    }

    /// The record, which counts as used now.
    fn latest(&mut self, digest: Digest) -> Option<&mut Known> {
        let at = self.list.iter().position(|known| known.record.digest() == digest)?;
        if at + 1 < self.list.len()
            && let Some(known) = self.list.remove(at)
        {
            self.list.push_back(known);
        }
        self.list.back_mut()
    }

    fn known(&self, digest: Digest) -> Option<&Known> {
        self.list.iter().find(|known| known.record.digest() == digest)
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;
    use crate::epoch::{Link, SourceKind};
    use crate::grants::GrantList;
    use crate::id::CameraId;
    use crate::label::Labels;
    use crate::sign::SignedRecord;
    use crate::verify::record;

    #[test]
    fn a_flood_of_anything_stays_within_its_bounds() {
        let key = SigningKey::from_bytes(&[1; 32]);
        let camera = CameraId(key.verifying_key().to_bytes());
        let mut records = Records::new(Some(Fingerprint([2; 32])), Duration::ZERO);
        let mut findings = Findings::new();
        for number in 1..1000_u64 {
            let stated = EpochRecord {
                camera,
                session: SessionId { number, nonce: [0; 16] },
                link: Link::First,
                epoch: 0,
                source: SourceKind::Sample,
                labels: Labels::default(),
                detector: String::new(),
                owners: Vec::new(),
                viewers_version: 0,
                viewers_digest: Digest::ZERO,
                grants: Digest::ZERO,
            };
            let verified = record(SignedRecord::sign(&stated, &key).unwrap(), camera).unwrap();
            let digest = verified.digest();
            records.offer(&message::Grants { subscription: 0, record: digest, list: GrantList::default(), grants: Vec::new() });
            if number % 2 == 0 {
                records.add(verified, &mut findings, Duration::ZERO);
                assert!(records.contains(digest));
            }
        }
        assert_eq!((records.list.len(), records.early.len(), records.sessions.len()), (MAX_RECORDS, MAX_EARLY, MAX_SESSIONS));
    }
}
