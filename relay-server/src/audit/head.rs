//! A head: what the relay key says the log is at some time. Whoever keeps one can tell later whether anything before it was changed.
//!
//! ```text
//! ┌───────────────────────┬────────────────────┬────────────────┬─────────────────────────────────────────────┐
//! │ number of entries u64 │ hash of the last 32 │ time u64 (µs)  │ Ed25519 over "celosia log v1" ‖ all that: 64 │   112 bytes
//! └───────────────────────┴────────────────────┴────────────────┴─────────────────────────────────────────────┘
//! ```

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use wire::id::{Digest, Micros};

const DOMAIN: &[u8] = b"celosia log v1";
const BODY: usize = 8 + 32 + 8;
const LENGTH: usize = BODY + 64;

/// A signed head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many entries there were.
    pub entries: u64,
    /// The hash of the last.
    pub hash: Digest,
    /// When.
    pub at: Micros,
    signature: [u8; 64],
}

/// A text or bytes that are no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a head of a relay's log: 224 hexadecimal digits are needed")]
pub struct NotAHead;

impl Head {
    pub(super) fn sign(key: &SigningKey, entries: u64, hash: Digest, at: Micros) -> Self {
        let unsigned = Self { entries, hash, at, signature: [0; 64] };
        Self { signature: key.sign(&[DOMAIN, &unsigned.body()].concat()).to_bytes(), ..unsigned }
    }

    /// Whether the relay key signed it.
    #[must_use]
    pub fn is_signed_by(&self, key: &VerifyingKey) -> bool {
        let signature = Signature::from_bytes(&self.signature);
        key.verify_strict(&[DOMAIN, &self.body()].concat(), &signature).is_ok()
    }

    fn body(&self) -> Vec<u8> {
        [self.entries.to_be_bytes().as_slice(), self.hash.as_bytes(), &self.at.0.to_be_bytes()].concat()
    }

    /// Its bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        [self.body().as_slice(), &self.signature].concat()
    }

    /// From its bytes; the signature is not checked yet.
    ///
    /// # Errors
    /// When they are not so many.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotAHead> {
        let bytes: &[u8; LENGTH] = bytes.try_into().map_err(|_| NotAHead)?;
        let (entries, rest) = bytes.split_first_chunk().ok_or(NotAHead)?;
        let (hash, rest) = rest.split_first_chunk().ok_or(NotAHead)?;
        let (at, signature) = rest.split_first_chunk().ok_or(NotAHead)?;
        Ok(Self {
            entries: u64::from_be_bytes(*entries),
            hash: Digest(*hash),
            at: Micros(u64::from_be_bytes(*at)),
            signature: signature.try_into().map_err(|_| NotAHead)?,
        })
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.to_bytes()))
    }
}

impl FromStr for Head {
    type Err = NotAHead;

    fn from_str(text: &str) -> Result<Self, NotAHead> {
        Self::from_bytes(&HEXLOWER.decode(text.trim().as_bytes()).map_err(|_| NotAHead)?)
    }
}
