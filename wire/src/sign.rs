//! Signing: the domain strings, and the agent's side of the chain.

use std::sync::Arc;

use ::bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::bytes::{Malformed, Problem};
use crate::context::{Codec, Context};
use crate::epoch::{EpochRecord, LastFrame, MAX_RECORD};
use crate::frame::{Body, DetectorState, Flags, Frame, Header, Layer, LayerKind, MAX_FRAME, MAX_LAYERS, SIGNATURE, SignedFrame};
use crate::id::{CameraId, Digest, Micros, SessionId};
use crate::region::{MAX_REGIONS, Region};

/// In front of every signed frame.
pub const FRAME: &[u8] = b"celosia frame v1";
/// In front of every signed epoch record.
pub const EPOCH: &[u8] = b"celosia epoch v1";
/// In front of every signed receipt.
pub const RECEIPT: &[u8] = b"celosia receipt v1";

/// An epoch record with its signature: the form that travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedRecord {
    /// [`EpochRecord::to_bytes`].
    pub record: Bytes,
    /// Ed25519 over `"celosia epoch v1" ‖ record`.
    pub signature: [u8; SIGNATURE],
}

impl SignedRecord {
    /// Signs a record with the camera's key.
    ///
    /// # Errors
    /// When nobody would read it (too many owners, say), or it names another camera: nothing is signed then.
    pub fn sign(record: &EpochRecord, key: &SigningKey) -> Result<Self, NotSigned> {
        let bytes = Bytes::from(record.to_bytes());
        if EpochRecord::from_bytes(bytes.clone())? != *record {
            return Err(Malformed::new("epoch record", Problem::Contradiction).into());
        }
        if record.camera.0 != key.verifying_key().to_bytes() {
            return Err(NotSigned::OtherCamera);
        }
        let signature = key.sign(&[EPOCH, &bytes].concat()).to_bytes();
        Ok(Self { record: bytes, signature })
    }

    /// SHA-256 of the bytes under the signature: what group contexts name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[EPOCH, &self.record])
    }

    /// Record ‖ signature.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        [&self.record[..], &self.signature].concat().into()
    }

    /// Splits what [`Self::encode`] joined; the record itself is read when it is verified.
    ///
    /// # Errors
    /// When it is too long or too short.
    pub fn decode(mut bytes: Bytes) -> Result<Self, Malformed> {
        const FIELD: &str = "epoch record";
        if bytes.len() > MAX_RECORD {
            return Err(Malformed::new(FIELD, Problem::TooLong));
        }
        let at = bytes.len().checked_sub(SIGNATURE).ok_or(Malformed::new(FIELD, Problem::Truncated))?;
        let signature = bytes.split_off(at);
        let signature = signature[..].try_into().map_err(|_| Malformed::new(FIELD, Problem::Truncated))?;
        Ok(Self { record: bytes, signature })
    }
}

/// How a group begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// How the layers are encoded.
    pub codec: Codec,
    /// Pixels, not 0.
    pub width: u16,
    /// Pixels, not 0.
    pub height: u16,
    /// Digest of the epoch record that the group is sealed under.
    pub record: Digest,
}

/// What is to be signed as one frame.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Begins a group with this frame.
    pub start: Option<Start>,
    /// Drawn before sealing; above the one before.
    pub sequence: u64,
    /// When it was captured.
    pub captured_at: Micros,
    /// Masked whole because the masks could not be vouched for.
    pub fail_closed: bool,
    /// What the detector said.
    pub detector: DetectorState,
    /// What is masked.
    pub regions: Vec<Region>,
    /// The masked picture, encoded.
    pub public: Bytes,
    /// Sealed layers, ascending by label.
    pub sealed: Vec<(crate::label::Label, Bytes)>,
}

/// Why a draft is not signed. Always a fault of the agent's own code, kept as an error so that nothing false is ever signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// The first frame of a session, or one after the end, begins no group.
    #[error("no group is open")]
    NoGroup,
    /// The sequence is not above the last one.
    #[error("sequence {sequence} is not above {last}")]
    Sequence {
        /// The one asked for.
        sequence: u64,
        /// The last one signed.
        last: u64,
    },
    /// The session has ended.
    #[error("the session has ended")]
    Ended,
    /// The frame has other layers than the group's key frame.
    #[error("a group's frames all have the layers of its key frame")]
    Layers,
    /// The record names another camera than the key's.
    #[error("the record names another camera")]
    OtherCamera,
    /// Nobody would read it.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// Signs the frames of one session, each chained to the one before.
pub struct SessionSigner {
    key: SigningKey,
    session: SessionId,
    group: Option<(Arc<Context>, Arc<[LayerKind]>)>,
    groups: u64,
    last: Option<(u64, Digest)>,
    ended: bool,
}

impl SessionSigner {
    /// Begins a session.
    #[must_use]
    pub const fn new(key: SigningKey, session: SessionId) -> Self {
        Self { key, session, group: None, groups: 0, last: None, ended: false }
    }

    /// Which camera signs.
    #[must_use]
    pub fn camera(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// In which session.
    #[must_use]
    pub const fn session(&self) -> SessionId {
        self.session
    }

    /// The last frame signed, for the link of the next session.
    #[must_use]
    pub fn last(&self) -> Option<LastFrame> {
        self.last.map(|(sequence, digest)| LastFrame { session: self.session, sequence, digest })
    }

    /// The group that the next frame with a start begins.
    #[must_use]
    pub const fn next_group(&self) -> u64 {
        self.groups
    }

    /// Signs a frame.
    ///
    /// # Errors
    /// When the draft breaks a rule of the format: nothing is signed then.
    pub fn sign(&mut self, draft: Draft) -> Result<SignedFrame, NotSigned> {
        let key = draft.start.is_some();
        let flags = Flags { key, end: false, fail_closed: draft.fail_closed, detector: draft.detector };
        let public = Layer { kind: LayerKind::Public, body: Body::Present(draft.public) };
        let sealed = draft.sealed.into_iter().map(|(label, bytes)| Layer { kind: LayerKind::Sealed(label), body: Body::Present(bytes) });
        let layers: Vec<Layer> = std::iter::once(public).chain(sealed).collect();
        self.finish(draft.start, draft.sequence, draft.captured_at, flags, draft.regions, layers)
    }

    /// Ends the session with its end frame, in a group of its own that takes over size, codec and record of the last one.
    ///
    /// # Errors
    /// When the session has no frame yet, has ended, or the sequence is not above the last one.
    pub fn end(&mut self, sequence: u64, captured_at: Micros) -> Result<SignedFrame, NotSigned> {
        let (last, _) = self.group.as_ref().ok_or(NotSigned::NoGroup)?;
        let start = Start { codec: last.codec, width: last.width, height: last.height, record: last.record };
        let flags = Flags { key: true, end: true, fail_closed: false, detector: DetectorState::Off };
        let frame = self.finish(Some(start), sequence, captured_at, flags, Vec::new(), Vec::new())?;
        self.ended = true;
        Ok(frame)
    }

    fn finish(
        &mut self,
        start: Option<Start>,
        sequence: u64,
        captured_at: Micros,
        flags: Flags,
        regions: Vec<Region>,
        layers: Vec<Layer>,
    ) -> Result<SignedFrame, NotSigned> {
        if self.ended {
            return Err(NotSigned::Ended);
        }
        if let Some((last, _)) = self.last
            && sequence <= last
        {
            return Err(NotSigned::Sequence { sequence, last });
        }
        if regions.len() > MAX_REGIONS || layers.len() > MAX_LAYERS {
            return Err(Malformed::new("frame", Problem::TooLong).into());
        }
        let previous = self.last.map_or(Digest::ZERO, |(_, digest)| digest);
        let context = match start {
            Some(start) => Arc::new(Context {
                camera: self.camera(),
                session: self.session,
                group: self.groups,
                codec: start.codec,
                width: start.width,
                height: start.height,
                record: start.record,
                previous,
            }),
            None => {
                let (context, kinds) = self.group.as_ref().ok_or(NotSigned::NoGroup)?;
                if !layers.iter().map(|layer| layer.kind).eq(kinds.iter().copied()) {
                    return Err(NotSigned::Layers);
                }
                Arc::clone(context)
            }
        };
        let header = Header { group: context.group, sequence, captured_at, flags, regions };
        let mut frame = Frame::draft(flags.key.then(|| context.clone()), header, layers);
        frame.check()?;
        frame.check_regions(&context)?;
        if frame.encoded_length() > MAX_FRAME {
            return Err(Malformed::new("frame", Problem::TooLong).into());
        }
        let digests = frame.layer_digests();
        let signed = frame.signed_bytes(&context, &digests, previous);
        frame.signature = self.key.sign(&signed).to_bytes();
        let digest = Digest::of(&[&signed]);
        self.last = Some((sequence, digest));
        if flags.key {
            self.groups += 1;
            self.group = Some((Arc::clone(&context), frame.layers.iter().map(|layer| layer.kind).collect()));
        }
        Ok(SignedFrame::signed(frame, context, digests, digest))
    }
}
