//! What stands in the database for an account: JSON, so that a later version reads an earlier one's. New fields need a default.

use link::api::account::{Keys, PublicKeys, WrappedKeys};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wire::id::{Fingerprint, Name};

use super::hash::Kept;

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When it was made, in microseconds since the Unix epoch.
    pub since: u64,
    /// Raised with every change of what somebody signs in with: who checked an older one begins anew.
    pub version: u64,
    /// The public keys, and the private ones under the password.
    pub keys: Keys,
    /// What is kept of the sign-in secret.
    pub sign_in: Kept,
    /// What the recovery code opens.
    pub recovery: KeptRecovery,
}

/// The relay's side of a recovery code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRecovery {
    /// What is kept of its sign-in secret.
    pub sign_in: Kept,
    /// The private keys under the code.
    pub wrapped: WrappedKeys,
}

impl Record {
    /// The fingerprint of its keys.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.keys.public.fingerprint()
    }
}

/// What a deleted name is remembered by.
pub(super) fn name_hash(name: &Name) -> [u8; 32] {
    Sha256::new().chain_update(b"celosia name v1").chain_update(name.as_str()).finalize().into()
}

/// Whether these can be somebody's public keys, as far as the relay can tell: the signing key is in its one form and not of low order. Whoever
/// grants something to the other key checks that one too.
#[must_use]
pub fn are_keys(keys: &PublicKeys) -> bool {
    ed25519_dalek::VerifyingKey::from_bytes(&keys.ed25519.0)
        .is_ok_and(|key| !key.is_weak() && key.to_edwards().compress().as_bytes() == &keys.ed25519.0)
        && keys.x25519.0 != [0; 32]
}
