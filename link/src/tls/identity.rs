//! A certificate chain and the private key that belongs to it.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use zeroize::Zeroize as _;

use super::provider::provider;

/// How many certificates a chain may hold: end entity, issuing CA, root, and one to spare.
pub const MAX_CHAIN: usize = 4;

/// What a peer shows and proves: its chain, end entity first, and its private key.
pub struct Identity {
    /// The certificates as they are sent, the end entity's first. A relay's ends with the root, so that it can be pinned.
    pub chain: Vec<CertificateDer<'static>>,
    /// The end entity's private key (PKCS#8), erased from memory on drop.
    pub key: PrivateKeyDer<'static>,
}

/// A chain and key that cannot be used together.
#[derive(Debug, Clone, thiserror::Error)]
pub enum BadIdentity {
    /// The chain's text is not PEM (RFC 7468) or holds no certificate.
    #[error("the certificate file holds no PEM certificate that can be read")]
    Chain,
    /// More certificates than any chain here has.
    #[error("the certificate file holds {0} certificates, and a chain has at most {MAX_CHAIN}")]
    TooLong(usize),
    /// The key's text is not PEM or holds no private key.
    #[error("the key file holds no PEM private key that can be read (PKCS#8 is expected)")]
    Key,
    /// The key has another public key than the certificate, or is of a kind that TLS here does not use.
    #[error("the private key does not fit its certificate: {0}")]
    Mismatch(rustls::Error),
}

impl Identity {
    /// Reads a chain and a key from PEM (RFC 7468).
    ///
    /// # Errors
    /// Text that is not PEM, a chain that is empty or too long, a key that does not belong to the first certificate.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, BadIdentity> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<Vec<_>, _>>().map_err(|_| BadIdentity::Chain)?;
        if chain.is_empty() {
            return Err(BadIdentity::Chain);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| BadIdentity::Key)?;
        let identity = Self { chain, key };
        identity.certified().map(|_| identity)
    }

    /// The form in which rustls shows it.
    ///
    /// # Errors
    /// A chain that is empty or too long, a key that does not belong to its first certificate.
    pub fn certified(&self) -> Result<Arc<CertifiedKey>, BadIdentity> {
        match self.chain.len() {
            0 => Err(BadIdentity::Chain),
            1..=MAX_CHAIN => {
                CertifiedKey::from_der(self.chain.clone(), self.key.clone_key(), &provider()).map(Arc::new).map_err(BadIdentity::Mismatch)
            }
            length => Err(BadIdentity::TooLong(length)),
        }
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

impl Drop for Identity {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificates", &self.chain.len()).field("key", &format_args!("(..)")).finish()
    }
}
