//! What makes a key a camera of this operator: its certificate, and whether it was taken back.
//!
//! ```text
//! camera certificate   Ed25519 key (the camera id) · subject is exactly CN = name · no SAN · EKU exactly client authentication
//!   └ issuing CA       ECDSA P-256, at the relay, with a list of revoked cameras at most 24 h old
//!       └ root CA      ECDSA P-256, offline, with a list of revoked issuing CAs
//! ```
//!
//! Both lists are needed: whoever stole an issuing CA can sign fresh lists of cameras, but not the root's list that names the thief.

mod revocation;

#[cfg(test)]
mod tests;

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use wire::id::{CameraId, Micros, Name};
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::{FromDer as _, X509Certificate};

pub use revocation::{MAX_AGE, MAX_LIST, MAX_LISTS, Revocation};

use crate::tls::Fault;
use crate::tls::chain::{self, Usage};

/// A camera, as its operator's CA introduces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// The name at this relay. The CA vouches for it; for the pictures only the key does.
    pub name: Name,
    /// The camera's key, in canonical form and of full order.
    pub id: CameraId,
    /// The certificate's serial number, big-endian, by which it is revoked.
    pub serial: Vec<u8>,
    /// The certificate's last second.
    pub not_after: Micros,
    /// Whether it was taken back, as far as the lists tell.
    pub revocation: Revocation,
}

/// Why a certificate makes no camera.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The chain does not lead to the root.
    #[error("the camera's certificate cannot be trusted: {0}")]
    Chain(#[from] Fault),
    /// Not camera, issuing CA, and at most the root.
    #[error("the camera's chain must be its certificate, the issuing CA's and at most the root's, in this order")]
    Order,
    /// The key is of another kind, not canonical, or of small order (RFC 8032, 5.1.3 and 5.1.7).
    #[error("the camera's certificate carries a key that no camera makes: Ed25519 in canonical form and of full order is needed")]
    Key,
    /// It may do more, or less, than authenticate a client.
    #[error("the camera's certificate must be for client authentication and nothing else")]
    Use,
    /// The subject is not exactly a common name that is a camera's name, or there is a subject alternative name.
    #[error("the camera's certificate must carry one camera name as its only name")]
    Name,
    /// A revocation list of this CA that is malformed, too large, or not signed by it.
    #[error("a certificate revocation list cannot be used: {0}")]
    List(String),
}

/// Verifies a camera's certificate at an instant: `chain` is camera ‖ issuing CA (‖ root), all DER; `crls` may come in any order, and
/// those of other authorities are passed over.
///
/// A revoked camera is no error here: whether a frame of it still counts depends on receipts.
///
/// # Errors
/// Everything that makes it no camera of this root at this instant.
pub fn verify<C: AsRef<[u8]>, L: AsRef<[u8]>>(chain: &[C], root: &[u8], crls: &[L], now: Micros) -> Result<Camera, Error> {
    let (leaf, issuing) = match chain {
        [leaf, issuing] => (leaf, issuing),
        [leaf, issuing, last] if last.as_ref() == root => (leaf, issuing),
        _ => return Err(Error::Order),
    };
    let [leaf, issuing, root] = [leaf.as_ref(), issuing.as_ref(), root].map(CertificateDer::from);
    let instant = UnixTime::since_unix_epoch(Duration::from_micros(now.0));
    // Only this one intermediate is offered, so the path is exactly camera, issuing CA, root.
    chain::verify(&leaf, std::slice::from_ref(&issuing), &root, Usage::Client, instant)?;

    let [leaf, issuing, root] = [parse(&leaf)?, parse(&issuing)?, parse(&root)?];
    if leaf.issuer().as_raw() != issuing.subject().as_raw() || issuing.issuer().as_raw() != root.subject().as_raw() {
        return Err(Error::Order);
    }
    Ok(Camera {
        id: key(&leaf)?,
        name: name(&leaf)?,
        serial: leaf.raw_serial().to_vec(),
        not_after: revocation::micros(leaf.validity().not_after),
        revocation: revocation::check(&leaf, &issuing, &root, crls, now)?,
    })
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Fault::Malformed("its encoding cannot be read".to_owned()).into()),
    }
}

fn key(leaf: &X509Certificate<'_>) -> Result<CameraId, Error> {
    let info = leaf.public_key();
    if info.algorithm.algorithm != OID_SIG_ED25519 || info.algorithm.parameters.is_some() {
        return Err(Error::Key);
    }
    let bytes: [u8; 32] = info.subject_public_key.data.as_ref().try_into().map_err(|_| Error::Key)?;
    wire::verify::public_key(&bytes).map_err(|_| Error::Key)?;
    Ok(CameraId(bytes))
}

fn name(leaf: &X509Certificate<'_>) -> Result<Name, Error> {
    let usage = leaf.extended_key_usage().ok().flatten().ok_or(Error::Use)?.value;
    let others = [usage.any, usage.server_auth, usage.code_signing, usage.email_protection, usage.time_stamping, usage.ocsp_signing];
    if !usage.client_auth || others.contains(&true) || !usage.other.is_empty() {
        return Err(Error::Use);
    }
    let alternative = leaf.subject_alternative_name().map_err(|_| Error::Name)?;
    let mut attributes = leaf.subject().iter_attributes();
    match (attributes.next(), attributes.next(), leaf.subject().iter_common_name().next(), alternative) {
        (Some(_), None, Some(name), None) => name.as_str().map_err(|_| Error::Name)?.parse().map_err(|_| Error::Name),
        _ => Err(Error::Name),
    }
}
