//! A camera that signs what a test tells it: a stream is a string, `K` for a key frame, `f` for one that follows, `E` for the end of the
//! session, `.` for a frame that is signed and lost. Its layers are real: a picture whose grey tells the frame's number, and sealed under
//! `face` the texture that its one mask hides, as JPEG or, if the test says so, as H.264.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use camera_agent::encode::{self, Encoder, Rate};
use camera_agent::mask::{self, Fill, Fixed, Masked, Meta, Planner};
use camera_agent::picture::{Area, Picture, Planes, Pool, Size};
use ed25519_dalek::SigningKey;
use seal::grant::{self, Scope};
use seal::keys::ContentKey;
use seal::layer::{Draft as SealedDraft, GroupSealer};
use seal::nonce::Nonces;
use wire::context::Codec;
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::frame::{DetectorState, SignedFrame};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, Micros, SessionId, ViewerKeys};
use wire::label::{Label, Labels};
use wire::message;
use wire::region::Region;
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};

use crate::picture::Luma;

/// The size of its pictures.
pub const SIZE: (u16, u16) = (96, 64);

/// Its one mask.
pub const MASK: Region = Region { label: Label::FACE, x: 32, y: 16, w: 32, h: 32, track: 1 };

/// Between two frames.
pub const INTERVAL: Duration = Duration::from_millis(20);

/// A camera.
pub struct Camera {
    /// Its key.
    pub key: SigningKey,
    /// How the next session's record is linked to the one before.
    pub link: Link,
    /// Which epoch the next record begins.
    pub epoch: u64,
    /// The next frame's number.
    pub sequence: u64,
    /// The next frame's time.
    pub time: Micros,
    /// Whether a frame has one mask, or none.
    pub masked: bool,
    session: SessionSigner,
    record: Option<SignedRecord>,
    content: ContentKey,
    readers: Vec<ViewerKeys>,
    grants: Vec<Grant>,
    nonces: Nonces,
    sealer: Option<GroupSealer>,
    /// Encodes H.264; JPEG otherwise.
    video: Option<Box<dyn Encoder>>,
}

impl Camera {
    /// The camera with that key, in a session with that number. Its first frame is captured now.
    #[must_use]
    pub fn new(seed: u8, session: u64) -> Self {
        Self::with_nonce(seed, SessionId { number: session, nonce: [seed; 16] })
    }

    /// The same with a session of the test's own.
    #[must_use]
    pub fn with_nonce(seed: u8, session: SessionId) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        Self {
            session: SessionSigner::new(key.clone(), session),
            key,
            link: Link::First,
            epoch: 0,
            sequence: 0,
            time: now(),
            masked: true,
            record: None,
            content: ContentKey::random().unwrap(),
            readers: Vec::new(),
            grants: Vec::new(),
            nonces: Nonces::new(),
            sealer: None,
            video: None,
        }
    }

    /// Encodes H.264 from now on.
    #[must_use]
    pub fn video(mut self) -> Self {
        // Groups begin where the test says, and nowhere else.
        let config = encode::Config::H264 { rate: Rate::Quantiser(24), group: Duration::from_secs(86_400) };
        self.video = Some(config.start().unwrap());
        self
    }

    /// Captures from another time on.
    #[must_use]
    pub fn from(self, time: Micros) -> Self {
        Self { time, ..self }
    }

    /// Links its session to the one before.
    #[must_use]
    pub fn after(self, link: Link) -> Self {
        Self { link, ..self }
    }

    /// Grants what its mask hides from the next epoch on.
    #[must_use]
    pub fn granting(mut self, reader: ViewerKeys) -> Self {
        self.readers.push(reader);
        self
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// How a next session says that this one ended in order.
    #[must_use]
    pub fn ended(&self) -> Link {
        Link::Ended(self.session.last().unwrap())
    }

    /// How a next session says that this one broke off.
    #[must_use]
    pub fn broken(&self) -> Link {
        Link::Broken(self.session.last().unwrap())
    }

    /// Signs the next epoch's record, under new keys.
    pub fn begin_epoch(&mut self) -> SignedRecord {
        self.content = ContentKey::random().unwrap();
        let mut record = EpochRecord {
            camera: self.id(),
            session: self.session.session(),
            link: self.link,
            epoch: self.epoch,
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: "fake 1".to_owned(),
            owners: Vec::new(),
            viewers_version: 1,
            viewers_digest: Digest::ZERO,
            grants: Digest::ZERO,
        };
        self.epoch += 1;
        let scope = Scope::of(&record, Label::FACE).unwrap();
        self.grants = self.readers.iter().map(|reader| grant::wrap(&self.content, &scope, reader).unwrap()).collect();
        record.grants = self.list().digest();
        let signed = SignedRecord::sign(&record, &self.key).unwrap();
        self.record = Some(signed.clone());
        signed
    }

    /// The running epoch's record; begins one if none runs.
    pub fn record(&mut self) -> SignedRecord {
        match &self.record {
            Some(record) => record.clone(),
            None => self.begin_epoch(),
        }
    }

    fn list(&self) -> GrantList {
        GrantList::of(&self.grants).unwrap()
    }

    /// The grants of the running epoch: those for one reader, or all of them.
    pub fn grants(&mut self, subscription: u32, reader: Option<ViewerKeys>) -> message::Grants {
        let record = self.record().digest();
        let recipient = reader.map(|reader| reader.fingerprint());
        let for_them = |grant: &&Grant| recipient.is_none_or(|recipient| recipient == grant.recipient);
        let grants = self.grants.iter().filter(for_them).cloned().collect();
        message::Grants { subscription, record, list: self.list(), grants }
    }

    /// Signs a stream.
    pub fn frames(&mut self, stream: &str) -> Vec<SignedFrame> {
        self.record();
        stream.chars().filter_map(|kind| self.frame(kind)).collect()
    }

    fn frame(&mut self, kind: char) -> Option<SignedFrame> {
        let (sequence, captured_at) = (self.sequence, self.time);
        self.sequence += 1;
        self.time.0 += INTERVAL.as_micros() as u64;
        if kind == 'E' {
            return Some(self.session.end(sequence, captured_at).unwrap());
        }
        let record = self.record().digest();
        if kind == 'K' || self.sealer.is_none() {
            self.sealer = Some(GroupSealer::new(&self.content.group(self.session.next_group())));
        }
        let regions = if self.masked { vec![MASK] } else { Vec::new() };
        let (codec, public, plain) = match &mut self.video {
            None => (Codec::Jpeg, Bytes::from(shown(sequence).to_jpeg()), patches(sequence, regions.len())),
            Some(encoder) => {
                if kind == 'K' {
                    encoder.force_key();
                }
                let encoded = encoder.encode(&masked(sequence, self.masked)).unwrap();
                assert_eq!(encoded.key, kind == 'K');
                let plain = encoded.sealed.into_iter().next().map_or_else(|| vec![0], |layer| layer.plaintext);
                (Codec::H264, encoded.public, plain)
            }
        };
        let draft = SealedDraft::from(plain.as_slice());
        let nonce = self.nonces.frame(sequence).unwrap().layer(1).unwrap();
        let sealed = self.sealer.as_mut().unwrap().seal(nonce, draft).unwrap();
        let frame = self.session.sign(Draft {
            start: (kind == 'K').then_some(Start { codec, width: SIZE.0, height: SIZE.1, record }),
            sequence,
            captured_at,
            fail_closed: false,
            detector: DetectorState::Ready,
            regions,
            public,
            sealed: vec![(Label::FACE, sealed)],
        });
        (kind != '.').then(|| frame.unwrap())
    }
}

/// The public picture of a frame.
#[must_use]
pub fn shown(sequence: u64) -> Luma {
    Luma::flat(SIZE.0.into(), SIZE.1.into(), 16 + (sequence % 200) as u8)
}

/// What its mask hides.
#[must_use]
pub fn hidden(sequence: u64) -> Luma {
    Luma::texture(MASK.w.into(), MASK.h.into(), 1000 + sequence)
}

/// The patches of a frame, as JPEG.
fn patches(sequence: u64, count: usize) -> Vec<u8> {
    let mut plain = vec![u8::try_from(count).unwrap()];
    for _ in 0..count {
        let patch = hidden(sequence).to_jpeg();
        plain.extend_from_slice(&u32::try_from(patch.len()).unwrap().to_be_bytes());
        plain.extend_from_slice(&patch);
    }
    plain
}

/// A frame's picture with what its mask hides, masked as an agent does.
fn masked(sequence: u64, masked: bool) -> Masked {
    let mut luma = shown(sequence);
    if masked {
        luma.paste(MASK.x.into(), MASK.y.into(), &hidden(sequence));
    }
    let size = Size::new(SIZE.0.into(), SIZE.1.into()).unwrap();
    let mut planes = Planes::new(size);
    planes.planes_mut()[0].copy_from_slice(&luma.samples);
    let area = Area { x: MASK.x.into(), y: MASK.y.into(), w: MASK.w.into(), h: MASK.h.into() };
    let fixed = if masked { vec![Fixed { label: MASK.label, shape: area.into() }] } else { Vec::new() };
    let mut planner = Planner::new(mask::Config { faces: None, fixed, ..mask::Config::default() });
    let at = Instant::now();
    planner.push(Meta { number: sequence, at, size }, ());
    let plan = planner.due(at).remove(0).plan;
    mask::apply(Picture { number: sequence, captured_at: Micros(0), at, planes }, plan, Fill::Solid, &Pool::new(1)).unwrap()
}

/// The clock on the wall.
#[must_use]
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Micros(u64::try_from(since.as_micros()).unwrap())
}

/// That long ago.
#[must_use]
pub fn ago(span: Duration) -> Micros {
    Micros(now().0 - u64::try_from(span.as_micros()).unwrap())
}
