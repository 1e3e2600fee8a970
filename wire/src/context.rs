//! The group context: what all frames of a group share, carried by its key frame.

use std::fmt;

use crate::bytes::{Malformed, Problem, Reader};
use crate::id::{CameraId, Digest, SessionId};

/// The version of the format that this crate speaks.
pub const VERSION: u8 = 1;

/// How a picture became a public layer and sealed layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Codec {
    /// One JPEG (4:2:0), and per label its region patches; every frame is a group of its own.
    Jpeg = 1,
    /// One H.264 stream, and per label a second one.
    H264 = 2,
    /// One PNG, and per label its region patches; lossless.
    Png = 3,
}

impl Codec {
    /// The side of the blocks that regions are aligned to, in luma pixels.
    #[must_use]
    pub const fn grid(self) -> u16 {
        match self {
            Self::Jpeg | Self::H264 => 16,
            Self::Png => 1,
        }
    }

    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Jpeg),
            2 => Some(Self::H264),
            3 => Some(Self::Png),
            _ => None,
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "jpeg",
            Self::H264 => "h264",
            Self::Png => "png",
        })
    }
}

/// What all frames of a group share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Context {
    /// Which camera signs.
    pub camera: CameraId,
    /// In which session.
    pub session: SessionId,
    /// Counts from 0 in each session.
    pub group: u64,
    /// How the layers are encoded.
    pub codec: Codec,
    /// Pixels, not 0.
    pub width: u16,
    /// Pixels, not 0.
    pub height: u16,
    /// Digest of the epoch record under which this group is sealed.
    pub record: Digest,
    /// Digest of the last frame before this group; zero for a session's first.
    pub previous: Digest,
}

impl Context {
    /// Its size on the wire and under the signature, in bytes.
    pub const LENGTH: usize = 1 + 32 + SessionId::LENGTH + 8 + 1 + 2 + 2 + 32 + 32;

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        out.extend_from_slice(self.camera.as_bytes());
        out.extend_from_slice(&self.session.to_bytes());
        out.extend_from_slice(&self.group.to_be_bytes());
        out.push(self.codec as u8);
        out.extend_from_slice(&self.width.to_be_bytes());
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(self.record.as_bytes());
        out.extend_from_slice(self.previous.as_bytes());
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "group context";
        read_version(reader, FIELD)?;
        let context = Self {
            camera: CameraId(reader.array(FIELD)?),
            session: read_session(reader, FIELD)?,
            group: reader.u64(FIELD)?,
            codec: Codec::from_number(reader.u8("codec")?).ok_or(Malformed::new("codec", Problem::Unknown))?,
            width: reader.u16("width")?,
            height: reader.u16("height")?,
            record: Digest(reader.array(FIELD)?),
            previous: Digest(reader.array(FIELD)?),
        };
        if context.width == 0 || context.height == 0 {
            return Err(Malformed::new("width × height", Problem::Contradiction));
        }
        Ok(context)
    }
}

pub(crate) fn read_version(reader: &mut Reader, field: &'static str) -> Result<(), Malformed> {
    if reader.u8(field)? == VERSION { Ok(()) } else { Err(Malformed::new("version", Problem::Unknown)) }
}

pub(crate) fn read_session(reader: &mut Reader, field: &'static str) -> Result<SessionId, Malformed> {
    Ok(SessionId { number: reader.u64(field)?, nonce: reader.array(field)? })
}
