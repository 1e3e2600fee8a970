//! Receipts: the relay's signed word that it had these frames at that time.

use ::bytes::Bytes;
use ed25519_dalek::{Signer as _, SigningKey};

use crate::bytes::{Malformed, Reader};
use crate::frame::SIGNATURE;
use crate::id::{CameraId, Digest, Micros};
use crate::sign::RECEIPT;
use crate::verify::{self, Refusal};

/// What a relay says when a segment of its archive closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Whose frames.
    pub camera: CameraId,
    /// Which segment of that camera.
    pub segment: u64,
    /// How many frames.
    pub leaves: u64,
    /// Tree head over the frames' digests in archive order ([`crate::merkle::Tree`]).
    pub head: Digest,
    /// When the relay closed the segment, by its clock.
    pub received_at: Micros,
}

/// A receipt with the relay's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedReceipt {
    /// What is said.
    pub receipt: Receipt,
    /// Ed25519 by the relay key over `"celosia receipt v1" ‖ receipt`.
    pub signature: [u8; SIGNATURE],
}

impl Receipt {
    /// Its size in bytes.
    pub const LENGTH: usize = 32 + 8 + 8 + 32 + 8;

    fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::LENGTH + SIGNATURE);
        out.extend_from_slice(self.camera.as_bytes());
        out.extend_from_slice(&self.segment.to_be_bytes());
        out.extend_from_slice(&self.leaves.to_be_bytes());
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(&self.received_at.0.to_be_bytes());
        out
    }

    /// Signs it with the relay key.
    #[must_use]
    pub fn sign(self, key: &SigningKey) -> SignedReceipt {
        SignedReceipt { receipt: self, signature: key.sign(&[RECEIPT, &self.to_bytes()].concat()).to_bytes() }
    }
}

impl SignedReceipt {
    /// Receipt ‖ signature.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = self.receipt.to_bytes();
        out.extend_from_slice(&self.signature);
        out.into()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are not exactly one receipt.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        const FIELD: &str = "receipt";
        let mut reader = Reader::new(bytes);
        let receipt = Receipt {
            camera: CameraId(reader.array(FIELD)?),
            segment: reader.u64(FIELD)?,
            leaves: reader.u64(FIELD)?,
            head: Digest(reader.array(FIELD)?),
            received_at: Micros(reader.u64(FIELD)?),
        };
        let signature = reader.array(FIELD)?;
        reader.end(FIELD)?;
        Ok(Self { receipt, signature })
    }

    /// The bytes under the signature.
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        [RECEIPT, &self.receipt.to_bytes()].concat()
    }

    /// Checks the relay's signature.
    ///
    /// # Errors
    /// When the key is weak or the signature does not hold.
    pub fn verify(&self, relay_key: &[u8; 32]) -> Result<(), Refusal> {
        verify::signature(relay_key, &self.signed_bytes(), &self.signature)
    }
}
