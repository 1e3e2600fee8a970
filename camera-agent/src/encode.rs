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

mod jpeg;

use std::fmt;
use std::time::Instant;

use bytes::Bytes;
use wire::context::Codec;
use wire::id::Micros;
use wire::label::Label;

use crate::mask::{Masked, Plan};

/// Makes layers.
pub trait Encoder: Send {
    /// Which codec it is.
    fn codec(&self) -> Codec;

    /// The next picture will be a key frame, whatever it would have been.
    fn force_key(&mut self);

    /// Encodes a picture.
    ///
    /// # Errors
    /// When the codec refuses. The picture is lost then; the next one is a key frame.
    fn encode(&mut self, masked: &Masked) -> Result<Encoded, Error>;
}

/// Which codec, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Config {
    /// One JPEG, and one per region.
    Jpeg {
        /// From 1 to 100; 80 is good.
        quality: u8,
    },
}

impl Default for Config {
    fn default() -> Self {
        Self::Jpeg { quality: 80 }
    }
}

impl Config {
    /// Which codec it is.
    #[must_use]
    pub const fn codec(&self) -> Codec {
        match self {
            Self::Jpeg { .. } => Codec::Jpeg,
        }
    }

    /// Starts the encoder.
    ///
    /// # Errors
    /// When the config asks for what the codec cannot do.
    pub fn start(&self) -> Result<Box<dyn Encoder>, Error> {
        match *self {
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
    /// The codec refuses.
    #[error("the picture could not be encoded: {0}; it is dropped")]
    Codec(String),
}
