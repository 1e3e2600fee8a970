//! From a masked picture to its layers.
//!
//! An [`Encoder`] turns each [`Masked`] into one public layer and one sealed layer per label in use. It keeps what it needs from one
//! picture to the next, and decides which of them are key frames; [`Encoder::force_key`] asks for one. What it gives for the public comes
//! from [`Masked::planes`] and from nothing else.
//!
//! # The plaintext of a sealed layer
//!
//! In the codec `jpeg`, for the label `l`, when n regions of the frame have that label:
//!
//! ```text
//! u8   n
//! n times, in the order in which these regions stand in the frame:
//!   u32  length of the JPEG, big-endian
//!   ...  the JPEG: baseline, Y'CbCr in 4:2:0 (JFIF), width and height exactly those of the region
//! ```
//!
//! Nothing follows. A patch is pasted at its region's corner and fills it; there is no margin, since regions lie on the grid of the
//! JPEG's blocks. At the right and lower edge of a picture with odd sides a region may have odd sides, and then the JPEG does.
//!
//! In the codec `h264` the regions of a label lie on a canvas, a picture of its own that is just large enough for them:
//!
//! ```text
//! u8   n; where it is 0, nothing follows, and the label's stream stands still
//! u8   columns of the canvas, in blocks of 16 pixels
//! u8   rows of the canvas, likewise
//! n times, in the order in which these regions stand in the frame:
//!   u8  column of the region's upper left block in the canvas
//!   u8  row, likewise
//! ...  one H.264 access unit (Annex B), whose picture is the canvas
//! ```
//!
//! A region of w × h pixels is the rectangle of w × h pixels from that block on; it lies in the canvas whole. What else the canvas shows
//! is a flat grey, and around each region a margin of 16 pixels as the public sees them: it makes the region's edges as good as its middle,
//! and is not to be pasted. Columns and rows stay the same within a group. The H.264 of the public layer shows the picture with
//! its width and height rounded up to even numbers, at least 16; the columns and rows beyond are to be cut off. Both streams are
//! Constrained Baseline, one picture in each access unit and none out of order, in the full range and the matrix of BT.601 as their
//! parameter sets say; these stand in front of every key frame. A group's key frame is an IDR picture in the public stream, and in the
//! stream of every label that the group has, so that each begins anew with it.

mod h264;
mod jpeg;

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wire::context::Codec;
use wire::id::Micros;
use wire::label::Label;

use crate::mask::{Masked, Plan};
pub use h264::Rate;

/// How long a group lasts, unless the config says otherwise.
pub const GROUP: Duration = Duration::from_secs(2);

/// Bits per second of both layers together, unless the config says otherwise: good for 1280 × 720 at 30 pictures a second.
pub const BITRATE: u32 = 3_000_000;

/// Makes layers.
pub trait Encoder: Send {
    /// Which codec it is.
    fn codec(&self) -> Codec;

    /// The next picture will be a key frame, whatever it would have been.
    fn force_key(&mut self);

    /// Whether the rate allows one more picture. Asked once for each picture, before it is encoded; one that is not allowed is dropped
    /// and changes nothing.
    fn has_room(&mut self, masked: &Masked) -> bool;

    /// Encodes a picture.
    ///
    /// # Errors
    /// When the codec refuses. The picture is lost then; the next one is a key frame.
    fn encode(&mut self, masked: &Masked) -> Result<Encoded, Error>;
}

/// Which codec, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Config {
    /// One H.264 stream, and one per label.
    H264 {
        /// How many bits they may take.
        rate: Rate,
        /// The time from one key frame to the next.
        group: Duration,
    },
    /// One JPEG, and one per region.
    Jpeg {
        /// From 1 to 100; 80 is good.
        quality: u8,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self::H264 { rate: Rate::Bitrate(BITRATE), group: GROUP }
    }
}

impl Config {
    /// Which codec it is.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::H264 { .. } => Codec::H264,
            Self::Jpeg { .. } => Codec::Jpeg,
        }
    }

    /// Starts the encoder.
    ///
    /// # Errors
    /// When the config asks for what the codec cannot do.
    pub fn start(&self) -> Result<Box<dyn Encoder>, Error> {
        match *self {
            Self::H264 { rate, group } => Ok(Box::new(h264::H264::new(rate, group)?)),
            Self::Jpeg { quality } => Ok(Box::new(jpeg::Jpeg::new(quality)?)),
        }
    }
}

/// The layers of one picture, still in clear.
pub struct Encoded {
    /// The picture's number.
    pub number: u64,
    /// When it was captured by the wall clock.
    pub captured_at: Micros,
    /// When it was captured by the monotonic clock.
    pub at: Instant,
    /// How it is encoded.
    pub codec: Codec,
    /// Whether a group begins here.
    pub key: bool,
    /// What is masked.
    pub plan: Plan,
    /// The public layer.
    pub public: Bytes,
    /// The sealed layers, lowest label first. Only sealing may see them.
    pub sealed: Vec<Clear>,
}

/// A sealed layer before it is sealed: the originals of one label's regions.
pub struct Clear {
    /// Which label.
    pub label: Label,
    /// As this module describes it. May say that there are no regions.
    pub plaintext: Vec<u8>,
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Encoded({}, {}, {} bytes, {} sealed layers)", self.number, self.codec, self.public.len(), self.sealed.len())
    }
}

impl fmt::Debug for Clear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clear({}, ..)", self.label.number())
    }
}

/// Why a picture has no layers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The config asks for what the codec cannot do.
    #[error("a JPEG quality of {0} is impossible: 1 to 100 are possible, 80 is good")]
    Quality(u8),
    /// The config asks for what the codec cannot do.
    #[error("a quantiser of {0} is impossible: 12 to 51 are possible, 28 is good")]
    Quantiser(u8),
    /// The codec has a largest picture.
    #[error("a picture of {0} is larger than this codec takes (3840×2160): set the source to a smaller one, or encode.codec to \"jpeg\"")]
    TooLarge(crate::picture::Size),
    /// The codec refuses.
    #[error("the picture could not be encoded: {0}; it is dropped")]
    Codec(String),
}
