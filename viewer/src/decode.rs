//! From layers to pictures. The bytes are the camera's own (the signature says so); they are bounded all the same, since a camera's key
//! can be stolen.
//!
//! Frames are given in the camera's order, each once: first its public layer, then what was opened of it. In the codec `h264` a frame
//! builds on the ones before it in its group. Where one of them was missed, or could not be decoded, nothing of that stream is shown until
//! the next group: never a picture that is half another's.

mod h264;
mod jpeg;

use wire::context::Codec;
use wire::frame::SignedFrame;
use wire::label::Label;
use wire::region::Region;

use crate::picture::Picture;
use h264::Streams;
use jpeg::Jpeg;

/// Why a layer is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The codec is not one that this version decodes.
    #[error("the camera sends {0}, which this version does not decode: update this program")]
    Codec(Codec),
    /// The picture is not what the header says.
    #[error("the layer does not hold the picture that its frame announces: {0}")]
    Mismatch(&'static str),
    /// The codec's library refuses it.
    #[error("the picture cannot be decoded: {0}")]
    Broken(String),
    /// A frame that it builds on is missing.
    #[error("a frame that it builds on was missed or could not be decoded: it goes on with the next group")]
    MidGroup,
}

/// Decodes the layers of one camera's stream.
pub struct Decoder {
    jpeg: Jpeg,
    h264: Streams,
}

impl std::fmt::Debug for Decoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Decoder")
    }
}

impl Decoder {
    /// A decoder that has seen nothing.
    ///
    /// # Errors
    /// When the library gives none (out of memory).
    pub fn new() -> Result<Self, Error> {
        Ok(Self { jpeg: Jpeg::new()?, h264: Streams::default() })
    }

    /// The public layer of the next frame: a picture of exactly the size that its group has.
    ///
    /// # Errors
    /// When it is not, or was not sent.
    pub fn public(&mut self, frame: &SignedFrame) -> Result<Picture, Error> {
        let context = frame.context();
        let layer = frame.public().ok_or(Error::Mismatch("its public layer was not sent"));
        match context.codec {
            Codec::Jpeg => self.jpeg.picture(context.width, context.height, layer?),
            // Of one that was not sent it must know too.
            Codec::H264 => self.h264.public(frame, layer.ok().map(|layer| &layer[..])),
            Codec::Png => Err(Error::Codec(context.codec)),
        }
    }

    /// An opened layer of that frame: the patches of the label's regions, in their order.
    ///
    /// # Errors
    /// When it is not exactly that.
    pub fn patches(&mut self, frame: &SignedFrame, label: Label, plain: &[u8]) -> Result<Vec<Picture>, Error> {
        let regions: Vec<Region> = frame.header().regions.iter().filter(|region| region.label == label).copied().collect();
        match frame.context().codec {
            Codec::Jpeg => self.jpeg.patches(&regions, plain),
            Codec::H264 => self.h264.patches(label, &regions, plain),
            Codec::Png => Err(Error::Codec(Codec::Png)),
        }
    }
}
