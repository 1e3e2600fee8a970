//! A small deterministic camera: fixed keys, sessions written as strings, a viewer who holds grants. Everything that it makes is the
//! same in every run.
//!
//! A session is a string: `K` is a key frame, `.` a frame that depends on the one before, `E` the end, and `|` begins an epoch.

#![allow(dead_code)]

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use wire::context::Codec;
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::frame::{DetectorState, SignedFrame};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, Fingerprint, Micros, SessionId, ViewerKeys};
use wire::label::{Label, Labels};
use wire::message;
use wire::region::Region;
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};

/// When every session begins, by the camera's clock: 2026-03-01 12:00:00 UTC.
pub const START: Micros = Micros(1_772_366_400_000_000);

/// Between two frames.
pub const TICK: u64 = 33_333;

/// The label that the config names; its number is 0.
pub const TILL: &str = "till";

/// A camera with a fixed key.
pub struct Camera {
    pub key: SigningKey,
}

/// The camera of most tests.
pub fn front_door() -> Camera {
    Camera { key: SigningKey::from_bytes(&[1; 32]) }
}

/// Another camera of the same operator.
pub fn back_door() -> Camera {
    Camera { key: SigningKey::from_bytes(&[2; 32]) }
}

/// A viewer who holds grants for `face` and `till`.
pub fn guard() -> Fingerprint {
    ViewerKeys { exchange: [0x11; 32], signing: [0x12; 32] }.fingerprint()
}

/// A viewer who holds a grant for `till`.
pub fn cashier() -> Fingerprint {
    ViewerKeys { exchange: [0x21; 32], signing: [0x22; 32] }.fingerprint()
}

/// The till's label in every session here.
pub fn till() -> Label {
    labels().find(TILL).unwrap()
}

pub fn labels() -> Labels {
    Labels::new(vec![TILL.parse().unwrap()]).unwrap()
}

/// The grants of one epoch. Their ciphertext is text: opening is not this crate's business.
pub fn grants(session: SessionId, epoch: u64) -> Vec<Grant> {
    let grant = |recipient, label: Label, who: &str| Grant {
        recipient,
        label,
        wrapped: Bytes::from(format!("grant of label {} for the {who} in {session}/{epoch}", label.number())),
    };
    vec![grant(guard(), till(), "guard"), grant(guard(), Label::FACE, "guard"), grant(cashier(), till(), "cashier")]
}

/// An epoch: its record, and everything granted under it.
#[derive(Clone)]
pub struct Epoch {
    pub record: SignedRecord,
    pub list: GrantList,
    pub grants: Vec<Grant>,
}

impl Epoch {
    /// The message of grants that an honest relay sends to `recipient`.
    pub fn grants_for(&self, recipient: Fingerprint) -> message::Grants {
        let grants = self.grants.iter().filter(|grant| grant.recipient == recipient).cloned().collect();
        message::Grants { subscription: 1, record: self.record.digest(), list: self.list.clone(), grants }
    }
}

/// A session as it was signed.
pub struct Session {
    pub id: SessionId,
    pub epochs: Vec<Epoch>,
    pub frames: Vec<SignedFrame>,
    pub last: Link,
}

/// How the next session of the same camera knows this one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Its end.
    Ended,
    /// Up to that many frames before its last.
    BrokenAt(usize),
}

impl Session {
    /// The link by which the next session names this one.
    pub fn link(&self, known: Known) -> Link {
        let at = |back: usize| {
            let frame = &self.frames[self.frames.len() - 1 - back];
            wire::epoch::LastFrame { session: self.id, sequence: frame.header().sequence, digest: frame.digest() }
        };
        match known {
            Known::Ended => Link::Ended(at(0)),
            Known::BrokenAt(back) => Link::Broken(at(back)),
        }
    }
}

/// How a session is made.
#[derive(Clone)]
pub struct Plan {
    /// The session's number.
    pub number: u64,
    /// Fills the session's random bytes.
    pub nonce: u8,
    /// How it knows the one before.
    pub link: Link,
    /// Its frames.
    pub script: &'static str,
    /// The first sequence.
    pub sequence: u64,
    /// When its first frame was captured.
    pub start: Micros,
    pub codec: Codec,
}

impl Plan {
    pub fn new(number: u64, script: &'static str) -> Self {
        let nonce = u8::try_from(number % 200).unwrap();
        Self { number, nonce, link: Link::First, script, sequence: 0, start: Micros(START.0 + number * 10_000_000), codec: Codec::H264 }
    }

    pub fn link(self, link: Link) -> Self {
        Self { link, ..self }
    }

    pub fn nonce(self, nonce: u8) -> Self {
        Self { nonce, ..self }
    }

    pub fn id(&self) -> SessionId {
        SessionId { number: self.number, nonce: [self.nonce; 16] }
    }
}

impl Camera {
    pub fn id(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// The record of one epoch.
    pub fn record(&self, plan: &Plan, epoch: u64, list: &GrantList) -> EpochRecord {
        EpochRecord {
            camera: self.id(),
            session: plan.id(),
            link: plan.link,
            epoch,
            source: SourceKind::Sample,
            labels: labels(),
            detector: "centerface 1".into(),
            owners: vec![ViewerKeys { exchange: [0x11; 32], signing: [0x12; 32] }],
            viewers_version: 7,
            viewers_digest: Digest::of(&[b"authorized viewers"]),
            grants: list.digest(),
        }
    }

    pub fn epoch(&self, plan: &Plan, epoch: u64) -> Epoch {
        let grants = grants(plan.id(), epoch);
        let list = GrantList::of(&grants).unwrap();
        Epoch { record: SignedRecord::sign(&self.record(plan, epoch, &list), &self.key).unwrap(), list, grants }
    }

    /// Signs a whole session.
    pub fn film(&self, plan: &Plan) -> Session {
        let mut signer = SessionSigner::new(self.key.clone(), plan.id());
        let mut epochs = vec![self.epoch(plan, 0)];
        let mut frames = Vec::new();
        let mut sequence = plan.sequence;
        for item in plan.script.chars() {
            let record = epochs.last().unwrap().record.digest();
            let captured_at = Micros(plan.start.0 + sequence * TICK);
            match item {
                '|' => {
                    epochs.push(self.epoch(plan, u64::try_from(epochs.len()).unwrap()));
                    continue;
                }
                'E' => frames.push(signer.end(sequence, captured_at).unwrap()),
                _ => {
                    let start = (item == 'K').then_some(Start { codec: plan.codec, width: 640, height: 360, record });
                    frames.push(signer.sign(draft(plan.number, sequence, captured_at, start)).unwrap());
                }
            }
            sequence += 1;
        }
        let last = signer.last().map_or(Link::First, Link::Ended);
        Session { id: plan.id(), epochs, frames, last }
    }

    /// A session with nothing special about it.
    pub fn session(&self, number: u64, script: &'static str) -> Session {
        self.film(&Plan::new(number, script))
    }
}

/// A frame with a masked face and a masked till.
pub fn draft(session: u64, sequence: u64, captured_at: Micros, start: Option<Start>) -> Draft {
    let region = |label, x, track| Region { label, x, y: 32, w: 48, h: 64, track };
    Draft {
        start,
        sequence,
        captured_at,
        fail_closed: false,
        detector: DetectorState::Ready,
        regions: vec![region(till(), 320, 0), region(Label::FACE, 16, 1)],
        public: Bytes::from(format!("public {session}/{sequence}")),
        sealed: vec![
            (till(), Bytes::from(format!("sealed till {session}/{sequence}"))),
            (Label::FACE, Bytes::from(format!("sealed face {session}/{sequence}"))),
        ],
    }
}
