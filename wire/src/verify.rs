//! Verifying: the only way to a [`Verified`] value, which is all that the hub, the archive and the opener accept.

use std::ops::Deref;
use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};

use crate::bytes::Malformed;
use crate::context::Context;
use crate::epoch::EpochRecord;
use crate::frame::{Frame, LayerKind, SIGNATURE, SignedFrame};
use crate::id::{CameraId, Digest};
use crate::sign::{EPOCH, SignedRecord};

/// Proof that the value inside was verified: nothing but this module makes one.
#[derive(Debug, Clone)]
pub struct Verified<T>(T);

impl<T> Deref for Verified<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Why something was not verified. Always the sender's fault, or that of whoever stood in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is not well-formed.
    #[error("malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The public key is not canonical, or of small order.
    #[error("the public key is not a usable Ed25519 key")]
    WeakKey,
    /// The signature does not hold.
    #[error("the signature does not hold")]
    BadSignature,
    /// It belongs to another camera.
    #[error("it belongs to another camera")]
    OtherCamera,
    /// It belongs to another session.
    #[error("it belongs to another session")]
    OtherSession,
    /// It belongs to another group, or opens one in the middle of one.
    #[error("it belongs to another group")]
    OtherGroup,
    /// Its group names another epoch record.
    #[error("its group names another epoch record")]
    OtherRecord,
    /// A group does not begin with a key frame.
    #[error("a group must begin with a key frame")]
    NoKeyFrame,
    /// The sequence does not rise.
    #[error("the sequence does not rise")]
    Sequence,
    /// A layer's label is not in the epoch record, or not in the group's key frame.
    #[error("a layer has a label that its group does not have")]
    Labels,
    /// It does not follow the frame that it must follow.
    #[error("it does not follow the frame before it")]
    Chain,
    /// Something follows the session's end.
    #[error("the session has ended")]
    Ended,
}

impl Refusal {
    /// A short name for counters and messages.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::WeakKey => "weak-key",
            Self::BadSignature => "bad-signature",
            Self::OtherCamera => "other-camera",
            Self::OtherSession => "other-session",
            Self::OtherGroup => "other-group",
            Self::OtherRecord => "other-record",
            Self::NoKeyFrame => "no-key-frame",
            Self::Sequence => "sequence",
            Self::Labels => "labels",
            Self::Chain => "chain",
            Self::Ended => "ended",
        }
    }
}

/// An Ed25519 public key (RFC 8032), if it is canonical and not of small order.
///
/// # Errors
/// [`Refusal::WeakKey`] otherwise.
pub fn public_key(bytes: &[u8; 32]) -> Result<VerifyingKey, Refusal> {
    let key = VerifyingKey::from_bytes(bytes).map_err(|_| Refusal::WeakKey)?;
    if key.is_weak() || !is_canonical(bytes) { Err(Refusal::WeakKey) } else { Ok(key) }
}

/// Whether a compressed point's y coordinate is below 2²⁵⁵ − 19 (RFC 8032, 5.1.3). That the sign bit may not be set where x is 0 need not
/// be looked at: x is 0 only at y = ±1, which is of small order and refused for that.
fn is_canonical(bytes: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = bytes;
    *first < 0xed || middle.iter().any(|byte| *byte != 0xff) || last & 0x7f != 0x7f
}

/// Checks an Ed25519 signature strictly: no small-order or non-canonical A or R, and S below the group's order. The one rule for
/// everything that is signed.
///
/// # Errors
/// [`Refusal::WeakKey`] for the key, [`Refusal::BadSignature`] for all else.
pub fn signature(key: &[u8; 32], message: &[u8], signature: &[u8; SIGNATURE]) -> Result<(), Refusal> {
    strict(&public_key(key)?, message, signature)
}

pub(crate) fn strict(key: &VerifyingKey, message: &[u8], signature: &[u8; SIGNATURE]) -> Result<(), Refusal> {
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| Refusal::BadSignature)
}

/// An epoch record with everything that its frames need checked against.
#[derive(Debug, Clone)]
pub struct Record {
    record: EpochRecord,
    digest: Digest,
    key: VerifyingKey,
    signed: SignedRecord,
}

impl Record {
    /// What stands in it.
    #[must_use]
    pub const fn record(&self) -> &EpochRecord {
        &self.record
    }

    /// What group contexts name.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The form that travels.
    #[must_use]
    pub const fn signed(&self) -> &SignedRecord {
        &self.signed
    }
}

/// Verifies an epoch record of `camera`.
///
/// # Errors
/// When it is malformed, of another camera, or its signature does not hold.
pub fn record(signed: SignedRecord, camera: CameraId) -> Result<Verified<Record>, Refusal> {
    let record = EpochRecord::from_bytes(signed.record.clone())?;
    if record.camera != camera {
        return Err(Refusal::OtherCamera);
    }
    let key = public_key(camera.as_bytes())?;
    strict(&key, &[EPOCH, &signed.record].concat(), &signed.signature)?;
    Ok(Verified(Record { digest: signed.digest(), record, key, signed }))
}

/// Verifies the frames of one group, in order.
#[derive(Debug, Clone)]
pub struct Group {
    record: Arc<Verified<Record>>,
    context: Arc<Context>,
    layers: Arc<[LayerKind]>,
    sequence: u64,
    digest: Digest,
    ended: bool,
}

impl Group {
    /// Verifies the key frame that opens a group. Whether its predecessor is the right one is for the caller to see, who may have
    /// it or not: [`Context::previous`].
    ///
    /// # Errors
    /// When the frame is not a verifiable key frame of the record's camera, session and epoch.
    pub fn open(record: &Arc<Verified<Record>>, frame: Frame) -> Result<(Self, Verified<SignedFrame>), Refusal> {
        let context = Arc::clone(frame.context.as_ref().ok_or(Refusal::NoKeyFrame)?);
        let stated = record.record();
        if context.camera != stated.camera {
            return Err(Refusal::OtherCamera);
        }
        if context.session != stated.session {
            return Err(Refusal::OtherSession);
        }
        if context.record != record.digest() {
            return Err(Refusal::OtherRecord);
        }
        let layers: Arc<[LayerKind]> = frame.layers.iter().map(|layer| layer.kind).collect();
        let known = |kind: &LayerKind| match kind {
            LayerKind::Public => true,
            LayerKind::Sealed(label) => stated.labels.name(*label).is_some(),
        };
        if !layers.iter().all(known) {
            return Err(Refusal::Labels);
        }
        let previous = context.previous;
        let mut group =
            Self { record: Arc::clone(record), context, layers, sequence: frame.header.sequence, digest: previous, ended: false };
        let verified = group.check(frame)?;
        Ok((group, verified))
    }

    /// Verifies the frame that follows. After a refusal the group is as it was before.
    ///
    /// # Errors
    /// When the frame does not follow, or does not belong here.
    pub fn next(&mut self, frame: Frame) -> Result<Verified<SignedFrame>, Refusal> {
        if self.ended {
            return Err(Refusal::Ended);
        }
        if frame.header.flags.key || frame.header.group != self.context.group {
            return Err(Refusal::OtherGroup);
        }
        if frame.header.sequence <= self.sequence {
            return Err(Refusal::Sequence);
        }
        frame.check_regions(&self.context)?;
        if !frame.layers.iter().map(|layer| layer.kind).eq(self.layers.iter().copied()) {
            return Err(Refusal::Labels);
        }
        self.check(frame)
    }

    fn check(&mut self, frame: Frame) -> Result<Verified<SignedFrame>, Refusal> {
        let digests = frame.layer_digests();
        let signed = frame.signed_bytes(&self.context, &digests, self.digest);
        strict(&self.record.key, &signed, &frame.signature)?;
        self.digest = Digest::of(&[&signed]);
        self.sequence = frame.header.sequence;
        self.ended = frame.header.flags.end;
        Ok(Verified(SignedFrame::new(frame, Arc::clone(&self.context), digests, self.digest)))
    }

    /// What its frames share.
    #[must_use]
    pub const fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// The record that it is sealed under.
    #[must_use]
    pub const fn record(&self) -> &Arc<Verified<Record>> {
        &self.record
    }

    /// The last frame verified: sequence and digest.
    #[must_use]
    pub const fn last(&self) -> (u64, Digest) {
        (self.sequence, self.digest)
    }

    /// Whether the session's end was verified.
    #[must_use]
    pub const fn ended(&self) -> bool {
        self.ended
    }
}
