//! The negative control: what protects against an attack is a field under the signature. Signed without that field, the changed frame
//! would pass; so the tests that see it refused see that field at work, and would fail without it.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_dalek::{Signature, Signer as _};
use wire::context::Context;
use wire::frame::Frame;
use wire::id::{CameraId, Digest, Micros, SessionId};

use crate::camera::front_door;

/// A field under the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Camera,
    Session,
    Group,
    Sequence,
    CapturedAt,
    Flags,
    Size,
    Regions,
    Layers,
    Record,
    Previous,
}

/// A frame as a verifier puts it together: what it carries, its group's context, and the digest of what it is said to follow.
#[derive(Clone)]
pub struct Piece {
    pub frame: Frame,
    pub context: Arc<Context>,
    pub previous: Digest,
}

impl Piece {
    pub fn of(bytes: Bytes, context: &Arc<Context>, previous: Digest) -> Self {
        let frame = Frame::decode(bytes).unwrap();
        let context = frame.context.clone().unwrap_or_else(|| Arc::clone(context));
        Self { frame, context, previous }
    }

    /// The bytes under the signature, if the format forgot these fields.
    fn signed_without(&self, fields: &[Field]) -> Vec<u8> {
        let Self { mut frame, context, mut previous } = self.clone();
        let mut context = Context::clone(&context);
        let mut digests = frame.layer_digests();
        for field in fields {
            match field {
                Field::Camera => context.camera = CameraId([0; 32]),
                Field::Session => context.session = SessionId { number: 0, nonce: [0; 16] },
                Field::Group => (context.group, frame.header.group) = (0, 0),
                Field::Sequence => frame.header.sequence = 0,
                Field::CapturedAt => frame.header.captured_at = Micros(0),
                Field::Flags => {
                    frame.header.flags =
                        wire::frame::Flags { key: false, end: false, fail_closed: false, detector: wire::frame::DetectorState::Off }
                }
                Field::Size => (context.width, context.height) = (0, 0),
                Field::Regions => frame.header.regions.clear(),
                Field::Layers => {
                    digests.clear();
                    frame.layers.clear();
                }
                Field::Record => context.record = Digest::ZERO,
                Field::Previous => (context.previous, previous) = (Digest::ZERO, Digest::ZERO),
            }
        }
        frame.signed_bytes(&context, &digests, previous)
    }
}

/// Whether a signature made over `signed` holds over `shown`, in a format that forgot these fields.
pub fn holds_without(fields: &[Field], signed: &Piece, shown: &Piece) -> bool {
    let key = front_door().key;
    let signature: Signature = key.sign(&signed.signed_without(fields));
    key.verifying_key().verify_strict(&shown.signed_without(fields), &signature).is_ok()
}

/// That it is these fields, all of them, that tell the two apart.
#[track_caller]
pub fn protects(fields: &[Field], signed: &Piece, shown: &Piece) {
    assert!(holds_without(&[], signed, signed), "the control itself must be able to pass");
    assert!(!holds_without(&[], signed, shown), "the format as it is tells them apart");
    assert!(holds_without(fields, signed, shown), "without {fields:?} it would not");
    for left in 0..fields.len() {
        let others: Vec<Field> = fields.iter().enumerate().filter(|(at, _)| *at != left).map(|(_, field)| *field).collect();
        assert!(!holds_without(&others, signed, shown), "{:?} alone tells them apart as well", fields[left]);
    }
}
