//! Certificates: who vouches for whom.
//!
//! ```text
//! root CA        P-256, 10 years   made once by `init`, its key belongs offline; permits only the relay's own host names
//! ├ issuing CA   P-256, 2 years    at the relay
//! │ ├ server     P-256, 90 days    what the relay shows to our own programs; renewed by the relay
//! │ ├ cameras    Ed25519, 1 year   client authentication only, the name in the subject, for keys that never left the camera
//! │ └ CRL        24 hours          renewed by the relay while it runs
//! ├ relay key    Ed25519, 2 years  signs receipts and log heads, nothing else
//! └ CRL          2 years           for the issuing CA; a new one takes the root key
//! short-lived      P-256, 10 days    by itself: what browsers are shown over WebTransport, known to them by its hash
//! ```
//!
//! P-256 where browsers look (they refuse Ed25519), Ed25519 where only our own programs do. The issuing CA vouches for a camera's
//! *name*, never for its pictures: viewers pin the camera id.

pub mod host;
pub mod request;
pub mod root;

pub mod issuing;
pub mod short_lived;

pub mod authority;
pub mod files;

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PublicKeyData, SerialNumber};
use time::{Duration, OffsetDateTime};
use wire::id::{CameraId, Micros};

/// How far a certificate's beginning lies in the past, for clocks that are a little behind.
const SKEW: Duration = Duration::minutes(5);

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The certificate library refused.
    #[error("no certificate could be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The clock shows a time that no certificate can carry.
    #[error("the clock of this machine shows an impossible time: set it, then try again")]
    Clock,
    /// The CA has expired, so nothing that it signs would be believed.
    #[error("the {0} has expired: it must be renewed first")]
    Expired(&'static str),
    /// A key and a certificate do not belong together.
    #[error("the key of the {0} is not the one in its certificate")]
    Mismatch(&'static str),
}

/// A fresh P-256 key.
fn p256() -> Result<KeyPair, Error> {
    Ok(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?)
}

/// What all certificates share: a random serial number of 128 bits, both key identifiers, and a validity that ends with its issuer's.
fn params(common_name: &str, now: Micros, days: i64, issuer_ends: Option<OffsetDateTime>) -> Result<CertificateParams, Error> {
    let now = instant(now)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(serial()?);
    params.use_authority_key_identifier_extension = true;
    params.not_before = now.checked_sub(SKEW).ok_or(Error::Clock)?;
    let end = now.checked_add(Duration::days(days)).ok_or(Error::Clock)?;
    params.not_after = issuer_ends.map_or(end, |issuer| issuer.min(end));
    Ok(params)
}

fn serial() -> Result<SerialNumber, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(SerialNumber::from_slice(&bytes))
}

/// A time as certificates have it: whole seconds.
fn instant(at: Micros) -> Result<OffsetDateTime, Error> {
    let seconds = i64::try_from(at.0 / 1_000_000).map_err(|_| Error::Clock)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| Error::Clock)
}

/// An Ed25519 public key, as rcgen wants it.
struct Ed25519([u8; 32]);

impl From<CameraId> for Ed25519 {
    fn from(camera: CameraId) -> Self {
        Self(*camera.as_bytes())
    }
}

impl PublicKeyData for Ed25519 {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &PKCS_ED25519
    }
}

#[cfg(test)]
mod tests;
