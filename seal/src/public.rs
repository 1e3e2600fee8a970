//! A viewer's public keys as people pass them on: a line to paste, and a fingerprint to compare aloud.
//!
//! ```text
//! "celosia1" ‖ base32 (RFC 4648, lower case, no padding) of
//! ┌────────────────┬─────────────┬──────────────┬─────────────────────────────────────┐
//! │ version u8 = 1 │ X25519 (32) │ Ed25519 (32) │ first 4 of SHA-256 of what precedes │   69 bytes, 119 characters
//! └────────────────┴─────────────┴──────────────┴─────────────────────────────────────┘
//! ```

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::VerifyingKey;
use x25519_dalek::{PublicKey, StaticSecret};

use wire::id::{Digest, Fingerprint, ViewerKeys};

const PREFIX: &str = "celosia1";
const VERSION: u8 = 1;
const CHECKSUM: usize = 4;

/// How many characters the line has.
pub const LENGTH: usize = 119;

/// Why a text is not a viewer's public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else was pasted.
    #[error("not a viewer's public key: a line of {LENGTH} characters that begins with “{PREFIX}” is needed")]
    Text,
    /// A later version's.
    #[error("a public key of version {0}, which this version does not know: update this program")]
    Version(u8),
    /// A character is wrong or missing.
    #[error("the public key has a typing error, or was cut off: copy it again")]
    Checksum,
    /// The numbers are no keys.
    #[error("the public key is not a key (low order, or not in its one form): somebody made it up, do not trust who sent it")]
    Weak,
}

/// A viewer's public keys that may be granted something: neither is of low order, both are in their one form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicIdentity(ViewerKeys);

impl PublicIdentity {
    /// Checks the keys.
    ///
    /// # Errors
    /// When one of them is of low order or not canonical.
    pub fn new(keys: ViewerKeys) -> Result<Self, Error> {
        if exchange_is_sound(&keys.exchange) && signing_is_sound(&keys.signing) { Ok(Self(keys)) } else { Err(Error::Weak) }
    }

    /// The keys.
    #[must_use]
    pub const fn keys(&self) -> &ViewerKeys {
        &self.0
    }
}

impl fmt::Display for PublicIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = [[VERSION].as_slice(), &self.0.exchange, &self.0.signing].concat();
        let checksum = checksum(&body);
        write!(f, "{PREFIX}{}", BASE32_NOPAD.encode(&[body.as_slice(), &checksum].concat()).to_ascii_lowercase())
    }
}

impl FromStr for PublicIdentity {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let body = text.strip_prefix(PREFIX).ok_or(Error::Text)?;
        if body.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(Error::Text);
        }
        if text.len() != LENGTH {
            return Err(Error::Checksum);
        }
        let bytes = BASE32_NOPAD.decode(body.to_ascii_uppercase().as_bytes()).map_err(|_| Error::Checksum)?;
        let (body, sum) = bytes.split_last_chunk::<CHECKSUM>().ok_or(Error::Checksum)?;
        if *sum != checksum(body) {
            return Err(Error::Checksum);
        }
        let (version, keys) = body.split_first().ok_or(Error::Text)?;
        if *version != VERSION {
            return Err(Error::Version(*version));
        }
        let (exchange, signing) = keys.split_first_chunk().ok_or(Error::Text)?;
        Self::new(ViewerKeys { exchange: *exchange, signing: signing.try_into().map_err(|_| Error::Text)? })
    }
}

/// A fingerprint for two people to compare: 16 groups of 4 hexadecimal digits.
#[must_use]
pub fn spoken(fingerprint: Fingerprint) -> String {
    let pairs: Vec<String> = fingerprint.as_bytes().chunks(2).map(|pair| pair.iter().map(|byte| format!("{byte:02x}")).collect()).collect();
    pairs.join(" ")
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let [a, b, c, d, ..] = Digest::of(&[body]).0;
    [a, b, c, d]
}

/// Below 2^255 − 19, and of an order that any private key of ours brings to something else than zero.
fn exchange_is_sound(key: &[u8; 32]) -> bool {
    let mut most_significant_first = *key;
    most_significant_first.reverse();
    let mut prime = [0xff; 32];
    prime[0] = 0x7f;
    prime[31] = 0xed;
    most_significant_first < prime && StaticSecret::from([0x55; 32]).diffie_hellman(&PublicKey::from(*key)).was_contributory()
}

fn signing_is_sound(key: &[u8; 32]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|parsed| !parsed.is_weak() && parsed.to_edwards().compress().as_bytes() == key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::identity::Identity;

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/public.json"), |vector| {
            let keys = ViewerKeys { exchange: vector.array("exchange"), signing: vector.array("signing") };
            match vector.optional("refused") {
                None => {
                    let public = PublicIdentity::new(keys).unwrap();
                    assert_eq!(public.to_string(), vector.text("text"));
                    assert_eq!(vector.text("text").parse(), Ok(public));
                    assert_eq!(spoken(keys.fingerprint()), vector.text("fingerprint"));
                }
                Some(why) => assert_eq!(vector.text("text").parse::<PublicIdentity>(), Err(Error::Weak), "{why}"),
            }
        });
    }

    #[test]
    fn any_changed_character_is_noticed() {
        let text = PublicIdentity::new(Identity::generate().unwrap().public()).unwrap().to_string();
        assert_eq!(text.len(), LENGTH);
        assert!(format!(" {text}\n").parse::<PublicIdentity>().is_ok(), "control: as pasted");
        for place in 0..LENGTH {
            for replacement in ["a", "7", "A", "1", "é", ""] {
                let changed = format!("{}{replacement}{}", &text[..place], &text[place + 1..]);
                assert!(changed == text || changed.parse::<PublicIdentity>().is_err(), "{changed}");
            }
        }
        assert_eq!("front-door".parse::<PublicIdentity>(), Err(Error::Text));
        assert_eq!(text.to_uppercase().parse::<PublicIdentity>(), Err(Error::Text));
    }
}
