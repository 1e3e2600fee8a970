//! A camera that signs frames of a given size as fast as it is asked: everything but the pictures is real.

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use wire::context::Codec;
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::frame::{DetectorState, SignedFrame};
use wire::grants::GrantList;
use wire::id::{CameraId, Digest, Micros, SessionId};
use wire::label::{Label, Labels};
use wire::region::Region;
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};

/// What its frames are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Bytes of all layers together.
    pub bytes: usize,
    /// How many of these are one sealed layer, under the label `face` and with one region; 0 for a frame with nothing masked.
    pub sealed: usize,
    /// Frames in a group.
    pub group: u64,
}

/// The camera.
pub struct Camera {
    key: SigningKey,
    signer: SessionSigner,
    record: SignedRecord,
    shape: Shape,
    next: u64,
    noise: Vec<u8>,
}

impl Camera {
    /// The camera with that key, in its first session.
    ///
    /// # Errors
    /// When its record cannot be signed.
    pub fn new(key: SigningKey, shape: Shape) -> anyhow::Result<Self> {
        let session = SessionId { number: 1, nonce: [7; 16] };
        let signer = SessionSigner::new(key.clone(), session);
        let record = EpochRecord {
            camera: signer.camera(),
            session,
            link: Link::First,
            epoch: 0,
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: String::new(),
            owners: Vec::new(),
            viewers_version: 1,
            viewers_digest: Digest::ZERO,
            grants: GrantList::default().digest(),
        };
        let record = SignedRecord::sign(&record, &key)?;
        Ok(Self { key, signer, record, shape, next: 0, noise: noise(shape.bytes + 4096) })
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// What its frames are like.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Its one epoch, in which nothing is granted.
    #[must_use]
    pub const fn record(&self) -> &SignedRecord {
        &self.record
    }

    /// Signs the next frame, captured at that time.
    ///
    /// # Errors
    /// When the shape breaks a rule of the format.
    pub fn frame(&mut self, captured_at: Micros) -> anyhow::Result<SignedFrame> {
        let sequence = self.next;
        self.next += 1;
        let start = Start { codec: Codec::Jpeg, width: 1280, height: 720, record: self.record.digest() };
        // Another stretch of the noise each time: no two frames have the same bytes.
        let from = usize::try_from(sequence % 4096)?;
        let layer = |from: usize, length: usize| Bytes::copy_from_slice(self.noise.get(from..from + length).unwrap_or_default());
        let public = self.shape.bytes.saturating_sub(self.shape.sealed);
        let region = Region { label: Label::FACE, x: 640, y: 320, w: 160, h: 192, track: 1 };
        let masked = self.shape.sealed > 0;
        let draft = Draft {
            start: sequence.is_multiple_of(self.shape.group.max(1)).then_some(start),
            sequence,
            captured_at,
            fail_closed: false,
            detector: DetectorState::Ready,
            regions: masked.then_some(region).into_iter().collect(),
            public: layer(from, public),
            sealed: masked.then(|| (Label::FACE, layer(from + public, self.shape.sealed))).into_iter().collect(),
        };
        Ok(self.signer.sign(draft)?)
    }
}

/// Bytes that compress no better than a JPEG; the same every time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length.div_ceil(8)).flat_map(|_| next()).collect()
}
