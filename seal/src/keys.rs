//! The whole hierarchy of keys on one page: what is derived from what, and under which domain string.
//!
//! ```text
//! content key ──group──▶ group secret ┬─layer───────▶ layer key
//!   (random)                          └─commitment──▶ commitment (public)
//!
//! password ──PBKDF2, scrypt──▶ master ┬─sign-in─────▶ sign-in secret ──▶ the relay, which keeps scrypt of it
//!                                     └─unlock──────▶ unlock key ──▶ unwraps a viewer's private keys
//! recovery code (16 random bytes) ────┬─recovery sign-in──▶ sign-in secret
//!                                     └─recovery unlock───▶ unlock key
//! ```
//!
//! Every arrow is HKDF-SHA256 (RFC 5869) without salt, its info the domain string and what stands behind it, 32 bytes out.

use std::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::secret::{NoRandomness, Secret};

/// The strings that keep one use of a key apart from every other. ASCII, no terminator.
pub mod domain {
    /// Content key → group secret; followed by the group (u64).
    pub const GROUP: &[u8] = b"celosia group v1";
    /// Group secret → layer key.
    pub const LAYER: &[u8] = b"celosia layer v1";
    /// Group secret → commitment.
    pub const COMMITMENT: &[u8] = b"celosia commitment v1";
    /// HPKE's info of a grant.
    pub const GRANT: &[u8] = b"celosia grant v1";
    /// HPKE's info of a grant for a range, given later by an owner.
    pub const REGRANT: &[u8] = b"celosia regrant v1";
    /// Salt of an account's password.
    pub const SALT: &[u8] = b"celosia salt v1";
    /// Master → sign-in secret.
    pub const SIGN_IN: &[u8] = b"celosia sign-in v1";
    /// Master → unlock key.
    pub const UNLOCK: &[u8] = b"celosia unlock v1";
    /// Recovery code → sign-in secret.
    pub const RECOVERY_SIGN_IN: &[u8] = b"celosia recovery sign-in v1";
    /// Recovery code → unlock key.
    pub const RECOVERY_UNLOCK: &[u8] = b"celosia recovery unlock v1";
    /// Checksum of a recovery code.
    pub const RECOVERY_CHECKSUM: &[u8] = b"celosia recovery checksum v1";
    /// Associated data of a wrapped private key.
    pub const WRAP: &[u8] = b"celosia wrap v1";
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(PartialEq, Eq)]
        pub struct $name(Secret);

        impl $name {
            /// From bytes that already are this kind of key.
            #[must_use]
            pub const fn from_secret(secret: Secret) -> Self {
                Self(secret)
            }

            /// The bytes themselves. Whoever copies them erases the copy.
            #[must_use]
            pub fn expose(&self) -> &[u8; 32] {
                self.0.expose()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

key! {
    /// Opens one label for one epoch of one session. It is what a grant carries.
    ContentKey
}

key! {
    /// Opens one label for one group. It is what a grant for a range carries.
    GroupSecret
}

key! {
    /// The AES-256 key of one label's layers in one group (FIPS 197).
    LayerKey
}

key! {
    /// A stretched password: whoever has it can sign in and unlock.
    Master
}

key! {
    /// What a viewer shows the relay instead of a password. The relay keeps scrypt of it.
    SignInSecret
}

key! {
    /// Unwraps a viewer's private keys (AES-256-GCM).
    UnlockKey
}

/// 32 public bytes that only one group secret gives. They stand in clear before a label's first sealed layer in a group, under the
/// camera's signature, so a key that does not give them is refused before anything is decrypted.
#[derive(Debug, Clone, Copy)]
pub struct Commitment([u8; Self::LENGTH]);

impl ContentKey {
    /// A fresh one, for one (session, epoch, label).
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, NoRandomness> {
        Secret::random().map(Self)
    }

    /// The secret of one group.
    #[must_use]
    pub fn group(&self, group: u64) -> GroupSecret {
        GroupSecret(derive(self.expose(), domain::GROUP, &group.to_be_bytes()))
    }
}

impl GroupSecret {
    /// The key of this group's layers.
    #[must_use]
    pub fn layer_key(&self) -> LayerKey {
        LayerKey(derive(self.expose(), domain::LAYER, &[]))
    }

    /// What the group's first layer commits to.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment(*derive(self.expose(), domain::COMMITMENT, &[]).expose())
    }
}

impl Master {
    /// For the relay.
    #[must_use]
    pub fn sign_in_secret(&self) -> SignInSecret {
        SignInSecret(derive(self.expose(), domain::SIGN_IN, &[]))
    }

    /// For the viewer's private keys.
    #[must_use]
    pub fn unlock_key(&self) -> UnlockKey {
        UnlockKey(derive(self.expose(), domain::UNLOCK, &[]))
    }
}

impl Commitment {
    /// Its size in bytes.
    pub const LENGTH: usize = 32;

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }

    /// Whether `bytes` are this commitment, in constant time.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        self.0.ct_eq(bytes).into()
    }
}

/// HKDF-SHA256 of `from` without salt, info = `domain` ‖ `context`.
#[allow(clippy::expect_used, reason = "HKDF refuses outputs above 255 × 32 bytes only, and this one is 32")]
pub(crate) fn derive(from: &[u8], domain: &[u8], context: &[u8]) -> Secret {
    let (mut extracted, hkdf) = Hkdf::<Sha256>::extract(None, from);
    extracted.zeroize();
    Secret::filled(|out| hkdf.expand_multi_info(&[domain, context], out).expect("32 bytes are a valid length"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/keys.json"), |vector| {
            let secret = ContentKey::from_secret(Secret::from_bytes(&vector.array("content_key"))).group(vector.number("group"));
            assert_eq!(*secret.expose(), vector.array("group_secret"));
            assert_eq!(*secret.layer_key().expose(), vector.array("layer_key"));
            assert_eq!(*secret.commitment().as_bytes(), vector.array("commitment"));
        });
    }

    #[test]
    fn every_domain_and_group_gives_another_key() {
        let key = ContentKey::from_secret(Secret::from_bytes(&[1; 32]));
        let other = ContentKey::from_secret(Secret::from_bytes(&[2; 32]));
        let mut all = vec![*key.expose(), *other.expose()];
        for group in [key.group(0), key.group(1), key.group(u64::MAX), other.group(0)] {
            all.extend([*group.expose(), *group.layer_key().expose(), *group.commitment().as_bytes()]);
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn no_key_prints_itself() {
        let key = ContentKey::random().unwrap();
        assert_eq!(format!("{key:?} {:?}", key.group(0)), "ContentKey(..) GroupSecret(..)");
    }

    #[test]
    fn a_commitment_is_compared_whole() {
        let commitment = GroupSecret::from_secret(Secret::from_bytes(&[3; 32])).commitment();
        assert!(commitment.is(commitment.as_bytes()));
        assert!(!commitment.is(&commitment.as_bytes()[..31]), "a prefix is not enough");
        assert!(!commitment.is(&[]));
    }
}
