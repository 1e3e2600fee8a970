//! What a viewer asks for.

use crate::bytes::{Malformed, Problem, Reader, put_short};
use crate::id::{Micros, Name};

/// Which layers a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Layers {
    /// The masked picture; sealed layers come as digests.
    Public = 0,
    /// The sealed layers too, with the grants.
    Sealed = 1,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// From the newest group on.
    Live,
    /// What was captured in that time, both ends included.
    Range {
        /// Not before.
        from: Micros,
        /// Not after.
        to: Micros,
    },
}

/// What a viewer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Chosen by the viewer.
    pub subscription: u32,
    /// Which camera.
    pub camera: Name,
    /// Which layers.
    pub layers: Layers,
    /// When.
    pub span: Span,
    /// Of a range, how fast: percent of real time, 0 for as fast as it goes.
    pub pace: u16,
    /// Only key frames.
    pub key_frames_only: bool,
}

impl Subscribe {
    const LIVE: u8 = 0;
    const RANGE: u8 = 1;

    /// Everything behind the subscription's number.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_short(out, self.camera.as_str().as_bytes());
        out.push(self.layers as u8);
        match self.span {
            Span::Live => out.push(Self::LIVE),
            Span::Range { from, to } => {
                out.push(Self::RANGE);
                out.extend_from_slice(&from.0.to_be_bytes());
                out.extend_from_slice(&to.0.to_be_bytes());
            }
        }
        out.extend_from_slice(&self.pace.to_be_bytes());
        out.push(self.key_frames_only.into());
    }

    pub(super) fn read(subscription: u32, reader: &mut Reader) -> Result<Self, Malformed> {
        let camera = super::read_name(reader)?;
        let layers = match reader.u8("layers")? {
            0 => Layers::Public,
            1 => Layers::Sealed,
            _ => return Err(Malformed::new("layers", Problem::Unknown)),
        };
        let span = match reader.u8("span")? {
            Self::LIVE => Span::Live,
            Self::RANGE => Span::Range { from: Micros(reader.u64("from")?), to: Micros(reader.u64("to")?) },
            _ => return Err(Malformed::new("span", Problem::Unknown)),
        };
        if matches!(span, Span::Range { from, to } if from > to) {
            return Err(Malformed::new("span", Problem::Contradiction));
        }
        let pace = reader.u16("pace")?;
        let key_frames_only = match reader.u8("key frames only")? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::new("key frames only", Problem::Unknown)),
        };
        Ok(Self { subscription, camera, layers, span, pace, key_frames_only })
    }
}
