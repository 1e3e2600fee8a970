//! An agent that only signs: a camera's frames, verified as the relay does it.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use wire::context::Codec;
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::frame::{DetectorState, Frame, SignedFrame};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, Fingerprint, Micros, SessionId};
use wire::label::{Label, Labels};
use wire::message;
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};
use wire::verify::{self, Group, Record, Verified};

pub type Shot = Arc<Verified<SignedFrame>>;

/// 2023-11-14 22:13:20 UTC.
pub const NOON: u64 = 1_700_000_000_000_000;

pub struct Agent {
    pub name: &'static str,
    key: SigningKey,
    session: SessionId,
    signer: SessionSigner,
    pub record: Arc<Verified<Record>>,
    pub grants: message::Grants,
    epochs: u64,
    group: Option<Group>,
    sequence: u64,
    /// Milliseconds behind [`NOON`].
    pub millis: u64,
    /// Bytes of the public layer.
    pub size: usize,
}

impl Agent {
    pub fn new(name: &'static str, seed: u8, session: u64) -> Self {
        Self::with_nonce(name, seed, session, 0x5e)
    }

    pub fn with_nonce(name: &'static str, seed: u8, session: u64, nonce: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let session = SessionId { number: session, nonce: [nonce; 16] };
        let (record, grants) = epoch(&key, session, 0);
        let signer = SessionSigner::new(key.clone(), session);
        Self { name, key, session, signer, record, grants, epochs: 1, group: None, sequence: 0, millis: 0, size: 300 }
    }

    pub fn camera(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    pub fn message(&self) -> message::Camera {
        let chain = vec![Bytes::from_static(b"camera"), Bytes::from_static(b"root")];
        message::Camera { subscription: 7, name: self.name.parse().unwrap(), chain, crls: vec![Bytes::from_static(b"crl")] }
    }

    /// Begins an epoch; the next frame must be a key frame.
    pub fn next_epoch(&mut self) {
        (self.record, self.grants) = epoch(&self.key, self.session, self.epochs);
        self.epochs += 1;
    }

    /// `K` a key frame, `P` one that depends on it, `E` the session's end, `-` a sequence that is drawn and never sent, `e` a new
    /// epoch, `^` and `v` the clock steps 10 s forwards and back.
    pub fn shoot(&mut self, stream: &str) -> Vec<Shot> {
        let mut shots = Vec::new();
        for letter in stream.chars() {
            match letter {
                'K' | 'P' => shots.push(self.shot(letter == 'K')),
                'E' => {
                    let frame = self.signer.end(self.sequence, Micros(NOON + self.millis * 1000)).unwrap();
                    self.sequence += 1;
                    shots.push(self.verified(&frame));
                }
                '-' => self.sequence += 1,
                'e' => self.next_epoch(),
                '^' => self.millis += 10_000,
                'v' => self.millis -= 10_000,
                _ => panic!("no frame is called {letter}"),
            }
        }
        shots
    }

    /// One frame, and the clock is 33 ms further.
    pub fn shot(&mut self, key: bool) -> Shot {
        let fill = u8::try_from(self.sequence % 251).unwrap();
        let start = key.then(|| Start { codec: Codec::H264, width: 64, height: 64, record: self.record.digest() });
        let draft = Draft {
            start,
            sequence: self.sequence,
            captured_at: Micros(NOON + self.millis * 1000),
            fail_closed: false,
            detector: DetectorState::Ready,
            regions: Vec::new(),
            public: vec![fill; self.size].into(),
            sealed: vec![(Label::FACE, Bytes::from(vec![!fill; 64]))],
        };
        let frame = self.signer.sign(draft).unwrap();
        self.sequence += 1;
        self.millis += 33;
        self.verified(&frame)
    }

    fn verified(&mut self, frame: &SignedFrame) -> Shot {
        let frame = Frame::decode(frame.bytes().clone()).unwrap();
        let verified = if frame.header.flags.key {
            let (group, verified) = Group::open(&self.record, frame).unwrap();
            self.group = Some(group);
            verified
        } else {
            self.group.as_mut().unwrap().next(frame).unwrap()
        };
        Arc::new(verified)
    }
}

fn epoch(key: &SigningKey, session: SessionId, epoch: u64) -> (Arc<Verified<Record>>, message::Grants) {
    let camera = CameraId(key.verifying_key().to_bytes());
    let grant = |viewer: u8| Grant { recipient: Fingerprint([viewer; 32]), label: Label::FACE, wrapped: vec![viewer; 81].into() };
    let grants: Vec<Grant> = [1, 2].map(grant).into();
    let list = GrantList::of(&grants).unwrap();
    let record = EpochRecord {
        camera,
        session,
        link: Link::First,
        epoch,
        source: SourceKind::Sample,
        labels: Labels::default(),
        detector: "none".to_owned(),
        owners: Vec::new(),
        viewers_version: 1,
        viewers_digest: Digest::ZERO,
        grants: list.digest(),
    };
    let signed = SignedRecord::sign(&record, key).unwrap();
    let grants = message::Grants { subscription: 9, record: signed.digest(), list, grants };
    (Arc::new(verify::record(signed, camera).unwrap()), grants)
}
