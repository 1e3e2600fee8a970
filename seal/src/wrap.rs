//! A wrapped private key: one format for identity files and for accounts.
//!
//! ```text
//! ┌────────────┬──────────────────────────────────────────────┬──────────┐
//! │ nonce (12) │ AES-256-GCM of PKCS#8 v1 (RFC 8410), 48 bytes │ tag (16) │   76 bytes
//! └────────────┴──────────────────────────────────────────────┴──────────┘
//! associated data = "celosia wrap v1" ‖ kind u8 (1 = X25519, 2 = Ed25519) ‖ fingerprint (32)
//! ```

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use zeroize::Zeroizing;

use wire::id::Fingerprint;

use crate::identity::pkcs8;
use crate::keys::{UnlockKey, domain};
use crate::secret::{NoRandomness, Secret, fill_random};

const NONCE: usize = 12;
const TAG: usize = 16;

/// Why a private key was not wrapped or unwrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// It does not open.
    #[error("the password is wrong, or the keys were changed")]
    Refused,
    /// It opens, but to something else.
    #[error("the unwrapped keys are not those that they should be: whoever wrapped them made a mistake or lied")]
    OtherKeys,
}

/// Which of a viewer's two private keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// X25519 (RFC 7748).
    Exchange = 1,
    /// Ed25519 (RFC 8032).
    Signing = 2,
}

/// One private key under an unlock key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    nonce: [u8; NONCE],
    ciphertext: [u8; pkcs8::LENGTH],
    tag: [u8; TAG],
}

impl Wrapped {
    /// Its size in bytes.
    pub const LENGTH: usize = NONCE + pkcs8::LENGTH + TAG;

    pub(crate) fn new(unlock: &UnlockKey, kind: Kind, fingerprint: Fingerprint, key: &[u8; 32]) -> Result<Self, Error> {
        let mut nonce = [0; NONCE];
        fill_random(&mut nonce)?;
        Self::with_nonce(unlock, kind, fingerprint, key, nonce)
    }

    fn with_nonce(unlock: &UnlockKey, kind: Kind, fingerprint: Fingerprint, key: &[u8; 32], nonce: [u8; NONCE]) -> Result<Self, Error> {
        let mut bytes = pkcs8::encode(kind, key);
        let tag = cipher(unlock)
            .encrypt_inout_detached(&Nonce::from(nonce), &associated(kind, fingerprint), bytes.as_mut_slice().into())
            .map_err(|_| Error::Refused)?;
        Ok(Self { nonce, ciphertext: *bytes, tag: tag.into() })
    }

    pub(crate) fn open(&self, unlock: &UnlockKey, kind: Kind, fingerprint: Fingerprint) -> Result<Secret, Error> {
        let mut bytes = Zeroizing::new(self.ciphertext);
        cipher(unlock)
            .decrypt_inout_detached(
                &Nonce::from(self.nonce),
                &associated(kind, fingerprint),
                bytes.as_mut_slice().into(),
                &Tag::from(self.tag),
            )
            .map_err(|_| Error::Refused)?;
        pkcs8::decode(kind, &bytes).ok_or(Error::OtherKeys)
    }

    /// Nonce ‖ ciphertext ‖ tag.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        let (nonce, rest) = out.split_at_mut(NONCE);
        let (ciphertext, tag) = rest.split_at_mut(pkcs8::LENGTH);
        nonce.copy_from_slice(&self.nonce);
        ciphertext.copy_from_slice(&self.ciphertext);
        tag.copy_from_slice(&self.tag);
        out
    }

    /// What [`Self::to_bytes`] wrote; `None` for any other number of bytes. Whether it opens is another question.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (nonce, rest) = bytes.split_first_chunk()?;
        let (ciphertext, tag) = rest.split_first_chunk()?;
        Some(Self { nonce: *nonce, ciphertext: *ciphertext, tag: tag.try_into().ok()? })
    }
}

fn cipher(unlock: &UnlockKey) -> Aes256Gcm {
    Aes256Gcm::new(unlock.expose().into())
}

fn associated(kind: Kind, fingerprint: Fingerprint) -> Vec<u8> {
    [domain::WRAP, &[kind as u8], fingerprint.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/wraps.json"), |vector| {
            let kind = if vector.text("kind") == "exchange" { Kind::Exchange } else { Kind::Signing };
            let unlock = UnlockKey::from_secret(Secret::from_bytes(&vector.array("unlock_key")));
            let fingerprint = Fingerprint(vector.array("fingerprint"));
            let key = vector.array("private_key");
            let wrapped = Wrapped::with_nonce(&unlock, kind, fingerprint, &key, vector.array("nonce")).unwrap();
            assert_eq!(wrapped.to_bytes().as_slice(), vector.bytes("wrapped"));
            assert_eq!(Wrapped::from_bytes(&vector.bytes("wrapped")).unwrap().open(&unlock, kind, fingerprint).unwrap().expose(), &key);
        });
    }

    #[test]
    fn two_wraps_of_one_key_have_nothing_in_common() {
        let unlock = UnlockKey::from_secret(Secret::random().unwrap());
        let wrap = || Wrapped::new(&unlock, Kind::Signing, Fingerprint([1; 32]), &[2; 32]).unwrap();
        let (one, other) = (wrap(), wrap());
        assert_ne!(one.nonce, other.nonce);
        assert_ne!(one.ciphertext, other.ciphertext);
    }

    #[test]
    fn attack_exchange_what_a_wrap_stands_for() {
        let unlock = UnlockKey::from_secret(Secret::random().unwrap());
        let wrapped = Wrapped::new(&unlock, Kind::Exchange, Fingerprint([1; 32]), &[2; 32]).unwrap();
        assert!(wrapped.open(&unlock, Kind::Exchange, Fingerprint([1; 32])).is_ok(), "control");
        assert_eq!(wrapped.open(&unlock, Kind::Signing, Fingerprint([1; 32])), Err(Error::Refused), "as the other kind");
        assert_eq!(wrapped.open(&unlock, Kind::Exchange, Fingerprint([9; 32])), Err(Error::Refused), "as somebody else's");
        let other = UnlockKey::from_secret(Secret::random().unwrap());
        assert_eq!(wrapped.open(&other, Kind::Exchange, Fingerprint([1; 32])), Err(Error::Refused), "under another password");
        assert_eq!(Wrapped::from_bytes(&[0; Wrapped::LENGTH - 1]), None);
        assert_eq!(Wrapped::from_bytes(&[0; Wrapped::LENGTH + 1]), None);
    }
}
