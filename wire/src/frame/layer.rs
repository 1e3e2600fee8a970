//! The layers of a frame: here, or withheld.

use ::bytes::Bytes;

use super::MAX_FRAME;
use crate::bytes::{Malformed, Problem, Reader, length32};
use crate::id::Digest;
use crate::label::Label;

/// Which layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LayerKind {
    /// The masked picture.
    Public,
    /// The originals of one label's regions, encrypted.
    Sealed(Label),
}

impl LayerKind {
    pub(super) const fn to_bytes(self) -> [u8; 2] {
        match self {
            Self::Public => [0, 0],
            Self::Sealed(label) => [1, label.number()],
        }
    }

    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "layer kind";
        match reader.array(FIELD)? {
            [0, 0] => Ok(Self::Public),
            [1, label] => Label::from_number(label).map(Self::Sealed).ok_or(Malformed::new(FIELD, Problem::Unknown)),
            _ => Err(Malformed::new(FIELD, Problem::Unknown)),
        }
    }
}

/// A layer's bytes, or what stands for them where they were not sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Here they are.
    Present(Bytes),
    /// Only their digest ([`Layer::digest`]).
    Withheld(Digest),
}

/// One layer of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Which.
    pub kind: LayerKind,
    /// Its bytes.
    pub body: Body,
}

impl Layer {
    /// `SHA-256(length ‖ bytes)`: what the signature covers, whether the bytes are here or not.
    #[must_use]
    pub fn digest(&self) -> Digest {
        match &self.body {
            Body::Present(bytes) => Digest::of(&[&length32(bytes).to_be_bytes(), bytes]),
            Body::Withheld(digest) => *digest,
        }
    }

    /// The bytes, if they are here.
    #[must_use]
    pub const fn present(&self) -> Option<&Bytes> {
        match &self.body {
            Body::Present(bytes) => Some(bytes),
            Body::Withheld(_) => None,
        }
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "layer";
        let kind = LayerKind::read(reader)?;
        let body = match reader.u8(FIELD)? {
            0 => Body::Withheld(Digest(reader.array(FIELD)?)),
            1 => Body::Present(reader.long(FIELD, MAX_FRAME)?),
            _ => return Err(Malformed::new(FIELD, Problem::Unknown)),
        };
        Ok(Self { kind, body })
    }
}
