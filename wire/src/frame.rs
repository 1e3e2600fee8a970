//! A frame: one capture instant, its public layer, its sealed layers, and the header under the signature.

mod flags;
mod layer;

use std::sync::Arc;

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader};
use crate::context::Context;
use crate::id::{Digest, Micros};
use crate::region::{MAX_REGIONS, Region, overlap};

pub use flags::{DetectorState, Flags};
pub use layer::{Body, Layer, LayerKind};

/// No frame is longer than this on the wire. A lossless still of 50 megapixels fits; a relay caps live frames far lower.
pub const MAX_FRAME: usize = 64 << 20;

/// The public layer and one sealed layer per label.
pub const MAX_LAYERS: usize = 13;

/// How long an Ed25519 signature is, in bytes.
pub const SIGNATURE: usize = 64;

/// Everything of a frame but its layers and its signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Which group it belongs to.
    pub group: u64,
    /// Its number in the session, from 0; never used twice.
    pub sequence: u64,
    /// When it was captured, by the camera's clock.
    pub captured_at: Micros,
    /// What it says about itself.
    pub flags: Flags,
    /// What is masked.
    pub regions: Vec<Region>,
}

/// A frame as it travels: well-formed, but nobody has verified it. Whoever changes a field encodes and decodes it anew: what is passed on
/// after verification are the bytes that were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The group's context, on key frames.
    pub context: Option<Arc<Context>>,
    /// What the frame says.
    pub header: Header,
    /// Public first, then sealed by label; a layer's place in this list is its index in the CTR block.
    pub layers: Vec<Layer>,
    /// Ed25519 over [`Self::signed_bytes`].
    pub signature: [u8; SIGNATURE],
    /// The bytes that this was read from, kept here so that what is verified and what is passed on cannot come apart.
    wire: Bytes,
}

impl Frame {
    pub(crate) const fn draft(context: Option<Arc<Context>>, header: Header, layers: Vec<Layer>) -> Self {
        Self { context, header, layers, signature: [0; SIGNATURE], wire: Bytes::new() }
    }

    /// Reads exactly one frame. The layers share the memory of `bytes`.
    ///
    /// # Errors
    /// When the bytes are not exactly one well-formed frame.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        if bytes.len() > MAX_FRAME {
            return Err(Malformed::new("frame", Problem::TooLong));
        }
        let mut reader = Reader::new(bytes.clone());
        let flags = Flags::from_word(reader.u16("flags")?)?;
        let context = if flags.key { Some(Arc::new(Context::read(&mut reader)?)) } else { None };
        let group = reader.u64("group")?;
        let sequence = reader.u64("sequence")?;
        let captured_at = Micros(reader.u64("captured at")?);
        let count = reader.count("regions", MAX_REGIONS)?;
        let regions = (0..count).map(|_| Region::read(&mut reader)).collect::<Result<_, _>>()?;
        let count = reader.count("layers", MAX_LAYERS)?;
        let layers = (0..count).map(|_| Layer::read(&mut reader)).collect::<Result<_, _>>()?;
        let signature = reader.array("signature")?;
        reader.end("frame")?;
        let frame = Self { context, header: Header { group, sequence, captured_at, flags, regions }, layers, signature, wire: bytes };
        frame.check()?;
        Ok(frame)
    }

    /// What can be said without the group's context.
    pub(crate) fn check(&self) -> Result<(), Malformed> {
        if let Some(context) = &self.context {
            if context.group != self.header.group {
                return Err(Malformed::new("group", Problem::Contradiction));
            }
            // Only a session's first group has nothing before it.
            if (context.group == 0) != (context.previous == Digest::ZERO) {
                return Err(Malformed::new("previous frame", Problem::Contradiction));
            }
            self.check_regions(context)?;
        }
        if self.header.flags.end {
            return if self.layers.is_empty() && self.header.regions.is_empty() {
                Ok(())
            } else {
                Err(Malformed::new("end of session", Problem::Contradiction))
            };
        }
        let public_first = self.layers.first().is_some_and(|layer| layer.kind == LayerKind::Public);
        let ascending = self.layers.windows(2).all(|pair| matches!(pair, [a, b] if a.kind < b.kind));
        if !public_first || !ascending {
            return Err(Malformed::new("layers", Problem::Contradiction));
        }
        // Every region must have a sealed layer to hold its originals.
        let sealed = |label| self.layers.iter().any(|layer| layer.kind == LayerKind::Sealed(label));
        if self.header.regions.iter().all(|region| sealed(region.label)) && !overlap(&self.header.regions) {
            Ok(())
        } else {
            Err(Malformed::new("regions", Problem::Contradiction))
        }
    }

    /// That every region lies in the picture and on the codec's grid.
    pub(crate) fn check_regions(&self, context: &Context) -> Result<(), Malformed> {
        let grid = context.codec.grid();
        if self.header.regions.iter().all(|region| region.fits(context.width, context.height, grid)) {
            Ok(())
        } else {
            Err(Malformed::new("regions", Problem::Contradiction))
        }
    }

    /// The bytes that this was read from.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.wire
    }

    /// How many bytes it takes on the wire with every layer as it is here.
    pub(crate) fn encoded_length(&self) -> usize {
        let context = if self.context.is_some() { Context::LENGTH } else { 0 };
        let layers: usize = self.layers.iter().map(|layer| 3 + layer.present().map_or(32, |bytes| 4 + bytes.len())).sum();
        2 + context + 8 + 8 + 8 + 1 + Region::LENGTH * self.header.regions.len() + 1 + layers + SIGNATURE
    }

    /// The bytes on the wire, each layer whole where `keep` says so and as its digest where not. `digests` are the layers' digests in
    /// order, so that a withheld layer is not hashed again.
    pub(crate) fn encode_with(&self, digests: &[Digest], keep: impl Fn(LayerKind) -> bool) -> Bytes {
        let mut out = Vec::with_capacity(self.encoded_length());
        out.extend_from_slice(&self.header.flags.to_word().to_be_bytes());
        if let Some(context) = &self.context {
            context.write(&mut out);
        }
        self.write_numbers(&mut out);
        for (layer, digest) in self.layers.iter().zip(digests) {
            out.extend_from_slice(&layer.kind.to_bytes());
            match layer.present() {
                Some(bytes) if keep(layer.kind) => {
                    out.push(1);
                    crate::bytes::put_long(&mut out, bytes);
                }
                _ => {
                    out.push(0);
                    out.extend_from_slice(digest.as_bytes());
                }
            }
        }
        out.extend_from_slice(&self.signature);
        Bytes::from(out)
    }

    /// The bytes on the wire.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        self.encode_with(&self.layer_digests(), |_| true)
    }

    /// Each layer's digest, in order.
    #[must_use]
    pub fn layer_digests(&self) -> Vec<Digest> {
        self.layers.iter().map(Layer::digest).collect()
    }

    /// The bytes under the signature: domain ‖ context ‖ frame with every layer as (kind, label, digest) ‖ digest of the previous frame.
    /// The same whether layers are present or withheld.
    #[must_use]
    pub fn signed_bytes(&self, context: &Context, digests: &[Digest], previous: Digest) -> Vec<u8> {
        let fixed = crate::sign::FRAME.len() + Context::LENGTH + 2 + 8 + 8 + 8 + 1 + 1 + 32;
        let mut out = Vec::with_capacity(fixed + Region::LENGTH * self.header.regions.len() + 34 * self.layers.len());
        out.extend_from_slice(crate::sign::FRAME);
        context.write(&mut out);
        out.extend_from_slice(&self.header.flags.to_word().to_be_bytes());
        self.write_numbers(&mut out);
        for (layer, digest) in self.layers.iter().zip(digests) {
            out.extend_from_slice(&layer.kind.to_bytes());
            out.extend_from_slice(digest.as_bytes());
        }
        out.extend_from_slice(previous.as_bytes());
        out
    }

    /// Group to number of layers: alike on the wire and under the signature.
    fn write_numbers(&self, out: &mut Vec<u8>) {
        let header = &self.header;
        out.extend_from_slice(&header.group.to_be_bytes());
        out.extend_from_slice(&header.sequence.to_be_bytes());
        out.extend_from_slice(&header.captured_at.0.to_be_bytes());
        out.push(u8::try_from(header.regions.len()).unwrap_or(u8::MAX));
        for region in &header.regions {
            region.write(out);
        }
        out.push(u8::try_from(self.layers.len()).unwrap_or(u8::MAX));
    }
}

/// A frame together with what its signature says beyond the frame's own bytes: the group's context and its place in the chain.
/// On its own this is a claim; [`crate::verify::Verified`] around it is the proof.
#[derive(Debug, Clone)]
pub struct SignedFrame {
    frame: Frame,
    context: Arc<Context>,
    digests: Vec<Digest>,
    digest: Digest,
}

impl SignedFrame {
    pub(crate) const fn new(frame: Frame, context: Arc<Context>, digests: Vec<Digest>, digest: Digest) -> Self {
        Self { frame, context, digests, digest }
    }

    /// A frame that was signed just now: what others read, they read from these bytes.
    pub(crate) fn signed(mut frame: Frame, context: Arc<Context>, digests: Vec<Digest>, digest: Digest) -> Self {
        frame.wire = frame.encode_with(&digests, |_| true);
        Self::new(frame, context, digests, digest)
    }

    /// The context of its group, which a frame that opens none does not carry itself.
    #[must_use]
    pub const fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// What the frame says.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.frame.header
    }

    /// Its layers, public first; the place in the list is the index in the CTR block.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.frame.layers
    }

    /// The layers' digests, in the same order.
    #[must_use]
    pub fn layer_digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The masked picture, if it was sent.
    #[must_use]
    pub fn public(&self) -> Option<&Bytes> {
        self.frame.layers.first().and_then(Layer::present)
    }

    /// SHA-256 of the bytes under the signature: the next frame's predecessor, the archive's leaf.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The bytes on the wire, as they came.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.frame.wire
    }

    /// The bytes on the wire for somebody who is sent only the layers that `keep` names: the others become digests, and the
    /// signature still holds.
    #[must_use]
    pub fn withhold(&self, keep: impl Fn(LayerKind) -> bool) -> Bytes {
        if self.frame.layers.iter().all(|layer| keep(layer.kind) || layer.present().is_none()) {
            self.frame.wire.clone()
        } else {
            self.frame.encode_with(&self.digests, keep)
        }
    }
}
