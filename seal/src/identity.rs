//! A viewer's own keys: one that receives grants, one that signs what an owner does.

use std::fmt;

use ed25519_dalek::SigningKey;
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use wire::id::ViewerKeys;

use crate::keys::UnlockKey;
use crate::secret::{NoRandomness, Secret};
use crate::wrap::{self, Kind, Wrapped};

/// A viewer's private keys. They are made on the viewer's machine, leave it only wrapped, and are erased when dropped.
pub struct Identity {
    exchange: StaticSecret,
    signing: SigningKey,
    public: ViewerKeys,
}

/// Both private keys, each wrapped under an unlock key: what an identity file keeps, and what a relay keeps for an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wraps {
    /// The X25519 key.
    pub exchange: Wrapped,
    /// The Ed25519 key.
    pub signing: Wrapped,
}

impl Identity {
    /// New keys from the operating system.
    ///
    /// # Errors
    /// When it has no randomness to give.
    pub fn generate() -> Result<Self, NoRandomness> {
        Ok(Self::from_secrets(&Secret::random()?, &Secret::random()?))
    }

    /// From an X25519 (RFC 7748) and an Ed25519 (RFC 8032) private key.
    #[must_use]
    pub fn from_secrets(exchange: &Secret, signing: &Secret) -> Self {
        let exchange = StaticSecret::from(*exchange.expose());
        let signing = SigningKey::from_bytes(signing.expose());
        let public = ViewerKeys { exchange: PublicKey::from(&exchange).to_bytes(), signing: signing.verifying_key().to_bytes() };
        Self { exchange, signing, public }
    }

    /// What others may know.
    #[must_use]
    pub const fn public(&self) -> ViewerKeys {
        self.public
    }

    /// Signs what an owner does. Every signed string begins with its own domain.
    #[must_use]
    pub const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(crate) const fn exchange(&self) -> &StaticSecret {
        &self.exchange
    }

    /// Wraps both private keys, each under its own random nonce.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn wrap(&self, unlock: &UnlockKey) -> Result<Wraps, wrap::Error> {
        let fingerprint = self.public.fingerprint();
        Ok(Wraps {
            exchange: Wrapped::new(unlock, Kind::Exchange, fingerprint, self.exchange.as_bytes())?,
            signing: Wrapped::new(unlock, Kind::Signing, fingerprint, self.signing.as_bytes())?,
        })
    }
}

impl Wraps {
    /// The private keys of `public`.
    ///
    /// # Errors
    /// When the unlock key is another one, anything was changed, or the private keys are not those of `public`.
    pub fn open(&self, unlock: &UnlockKey, public: &ViewerKeys) -> Result<Identity, wrap::Error> {
        let fingerprint = public.fingerprint();
        let exchange = self.exchange.open(unlock, Kind::Exchange, fingerprint)?;
        let signing = self.signing.open(unlock, Kind::Signing, fingerprint)?;
        let identity = Identity::from_secrets(&exchange, &signing);
        if identity.public == *public { Ok(identity) } else { Err(wrap::Error::OtherKeys) }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.public.fingerprint().short())
    }
}

/// PKCS#8 v1 of RFC 8410 without the public key: always these 16 bytes, then the key.
pub(crate) mod pkcs8 {
    use super::{Kind, Secret, Zeroizing};

    /// Its size in bytes.
    pub(crate) const LENGTH: usize = 48;

    const fn prefix(kind: Kind) -> &'static [u8; 16] {
        match kind {
            Kind::Exchange => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x6e\x04\x22\x04\x20",
            Kind::Signing => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
        }
    }

    pub(crate) fn encode(kind: Kind, key: &[u8; 32]) -> Zeroizing<[u8; LENGTH]> {
        let mut out = Zeroizing::new([0; LENGTH]);
        let (front, back) = out.split_at_mut(16);
        front.copy_from_slice(prefix(kind));
        back.copy_from_slice(key);
        out
    }

    pub(crate) fn decode(kind: Kind, bytes: &[u8; LENGTH]) -> Option<Secret> {
        let key = bytes.strip_prefix(prefix(kind).as_slice())?;
        key.try_into().ok().map(Secret::from_bytes)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn only_the_one_form_is_read() {
            let encoded = encode(Kind::Exchange, &[9; 32]);
            assert_eq!(decode(Kind::Exchange, &encoded), Some(Secret::from_bytes(&[9; 32])));
            assert_eq!(decode(Kind::Signing, &encoded), None, "of the other kind");
            for byte in 0..16 {
                let mut changed = *encoded;
                if let Some(byte) = changed.get_mut(byte) {
                    *byte ^= 1;
                }
                assert_eq!(decode(Kind::Exchange, &changed), None);
            }
        }
    }
}
