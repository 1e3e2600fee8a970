//! A camera that signs what it is told to: a stream is a string, `K` for a key frame, `f` for one that follows, `E` for the end of the
//! session, `.` for a frame that is signed and lost.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use wire::context::Codec;
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::frame::{DetectorState, SignedFrame};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, Fingerprint, Micros, SessionId, ViewerKeys};
use wire::label::{Label, Labels};
use wire::message;
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};

/// Between two frames, in microseconds.
pub const INTERVAL: u64 = 33_333;

/// The first frame's time.
pub const START: Micros = Micros(1_700_000_000_000_000);

pub struct Camera {
    pub key: SigningKey,
    pub signer: SessionSigner,
    pub epoch: u64,
    pub link: Link,
    pub record: Option<SignedRecord>,
    pub grants: Vec<Grant>,
    pub owners: Vec<ViewerKeys>,
    /// The next frame's number.
    pub sequence: u64,
    /// The next frame's time.
    pub time: Micros,
    /// Bytes of the public layer, and of the sealed layer of the label `face`, if there is one.
    pub public: usize,
    pub sealed: Option<usize>,
    /// Bytes of the sealed layer of the label `whole-frame`, if there is one.
    pub whole: Option<usize>,
}

impl Camera {
    /// The camera with that key, in a session with that number.
    pub fn new(seed: u8, session: u64) -> Self {
        Self::with_nonce(seed, SessionId { number: session, nonce: [7; 16] })
    }

    pub fn with_nonce(seed: u8, session: SessionId) -> Self {
        Self::with_key(SigningKey::from_bytes(&[seed; 32]), session)
    }

    pub fn with_key(key: SigningKey, session: SessionId) -> Self {
        Self {
            signer: SessionSigner::new(key.clone(), session),
            key,
            epoch: 0,
            link: Link::First,
            record: None,
            grants: Vec::new(),
            owners: Vec::new(),
            sequence: 0,
            time: START,
            public: 1000,
            sealed: Some(500),
            whole: None,
        }
    }

    pub fn id(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// Grants the label `face` to a key from the next epoch on.
    pub fn granting(mut self, recipient: u8) -> Self {
        let wrapped = Bytes::from(vec![recipient; 81]);
        self.grants.push(Grant { recipient: Fingerprint([recipient; 32]), label: Label::FACE, wrapped });
        self.grants.sort_by_key(|grant| grant.recipient);
        self
    }

    /// Grants the label `face` to somebody from the next epoch on.
    pub fn granting_to(mut self, recipient: Fingerprint) -> Self {
        self.grants.push(Grant { recipient, label: Label::FACE, wrapped: Bytes::from(vec![1; 81]) });
        self.grants.sort_by_key(|grant| grant.recipient);
        self
    }

    /// Signs the next epoch's record.
    pub fn begin_epoch(&mut self) -> SignedRecord {
        let record = EpochRecord {
            camera: self.id(),
            session: self.signer.session(),
            link: self.link,
            epoch: self.epoch,
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: String::new(),
            owners: self.owners.clone(),
            viewers_version: 1,
            viewers_digest: Digest::ZERO,
            grants: GrantList::of(&self.grants).unwrap().digest(),
        };
        self.epoch += 1;
        let signed = SignedRecord::sign(&record, &self.key).unwrap();
        self.record = Some(signed.clone());
        signed
    }

    /// The grants of the running epoch.
    pub fn grants(&self, subscription: u32) -> message::Grants {
        message::Grants {
            subscription,
            record: self.record.as_ref().unwrap().digest(),
            list: GrantList::of(&self.grants).unwrap(),
            grants: self.grants.clone(),
        }
    }

    /// Signs a stream. Begins an epoch if none has begun.
    pub fn frames(&mut self, stream: &str) -> Vec<SignedFrame> {
        if self.record.is_none() {
            self.begin_epoch();
        }
        stream.chars().filter_map(|kind| self.frame(kind)).collect()
    }

    fn frame(&mut self, kind: char) -> Option<SignedFrame> {
        let (sequence, captured_at) = (self.sequence, self.time);
        self.sequence += 1;
        self.time.0 += INTERVAL;
        if kind == 'E' {
            return Some(self.signer.end(sequence, captured_at).unwrap());
        }
        let record = self.record.as_ref().unwrap().digest();
        // Every frame has other bytes, so that swapped ones are told apart.
        let filled = |length: usize, salt: u8| Bytes::from(vec![u8::try_from(sequence % 251).unwrap() ^ salt; length]);
        let frame = self.signer.sign(Draft {
            start: (kind == 'K').then_some(Start { codec: Codec::H264, width: 1280, height: 720, record }),
            sequence,
            captured_at,
            fail_closed: false,
            detector: DetectorState::Ready,
            regions: Vec::new(),
            public: filled(self.public, 0),
            sealed: self
                .sealed
                .map(|length| (Label::FACE, filled(length, 0xff)))
                .into_iter()
                .chain(self.whole.map(|length| (Label::WHOLE_FRAME, filled(length, 0x0f))))
                .collect(),
        });
        (kind != '.').then(|| frame.unwrap())
    }
}
