//! A chain of certificates against exactly one root.

use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::identity::MAX_CHAIN;
use super::provider::SIGNATURES;

/// The largest certificate that is looked at, in bytes. Ours are below 0.5 kB.
pub const MAX_CERTIFICATE: usize = 8 * 1024;

/// Why a chain is not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No path of valid signatures leads from the certificate to the root.
    #[error("it was not issued by this root certificate")]
    NotIssuedByRoot,
    /// A certificate in the chain has run out.
    #[error("a certificate in its chain has expired (or this machine's clock is wrong)")]
    Expired,
    /// A certificate in the chain begins in the future.
    #[error("a certificate in its chain is not valid yet (or this machine's clock is wrong)")]
    NotYetValid,
    /// The extended key usage does not allow this (RFC 5280, 4.2.1.12).
    #[error("its certificate is not meant for this use")]
    WrongUse,
    /// A name lies outside what the root allows its issuing CA (RFC 5280, 4.2.1.10).
    #[error("its certificate carries a name that the root does not allow its issuing CA")]
    NameConstraint,
    /// The certificate is for other names than the one that was asked for.
    #[error("its certificate is for another host name: type the one that its operator told you")]
    WrongName,
    /// The root is not a certificate authority, or lies outside its own validity.
    #[error("the root is not a valid certificate authority")]
    NotAnAuthority,
    /// More, or larger, certificates than any chain here has.
    #[error("its chain is longer than any chain here")]
    TooLong,
    /// Anything else: encodings, extensions, algorithms that are not used here.
    #[error("its certificate is malformed or of a kind that is not used here ({0})")]
    Malformed(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::UnknownIssuer | Error::InvalidSignatureForPublicKey | Error::PathLenConstraintViolated => Self::NotIssuedByRoot,
            Error::CertExpired { .. } => Self::Expired,
            Error::CertNotValidYet { .. } => Self::NotYetValid,
            Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => Self::WrongUse,
            Error::NameConstraintViolation => Self::NameConstraint,
            Error::CertNotValidForName(_) => Self::WrongName,
            other => Self::Malformed(other.to_string()),
        }
    }
}

/// What the end entity must be good for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Usage<'a> {
    /// A TLS server of this name.
    Server(&'a ServerName<'a>),
    /// A TLS client.
    Client,
}

/// Verifies the end entity through some of the intermediates up to exactly this root: signatures, validity, uses, name constraints,
/// and for a server its name (RFC 5280, section 6; RFC 9525).
pub(crate) fn verify(
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    root: &CertificateDer<'_>,
    usage: Usage<'_>,
    now: UnixTime,
) -> Result<(), Fault> {
    let all = || intermediates.iter().chain([end_entity, root]);
    if intermediates.len() > MAX_CHAIN || all().any(|certificate| certificate.len() > MAX_CERTIFICATE) {
        return Err(Fault::TooLong);
    }
    let anchors = [anchor(root, now)?];
    let certificate = EndEntityCert::try_from(end_entity)?;
    let wanted = match usage {
        Usage::Server(_) => KeyUsage::server_auth(),
        Usage::Client => KeyUsage::client_auth(),
    };
    certificate.verify_for_usage(SIGNATURES.all, &anchors, intermediates, now, wanted, None, None)?;
    if let Usage::Server(name) = usage {
        certificate.verify_is_valid_for_subject_name(name)?;
    }
    Ok(())
}

/// The root as a trust anchor. webpki takes an anchor's role and validity on trust; here they are checked, because the root came
/// from the peer and only its fingerprint was known.
fn anchor<'a>(root: &'a CertificateDer<'_>, now: UnixTime) -> Result<TrustAnchor<'a>, Fault> {
    let (_, parsed) = X509Certificate::from_der(root).map_err(|_| Fault::NotAnAuthority)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    let valid = parsed.validity().not_before.timestamp() <= now && now <= parsed.validity().not_after.timestamp();
    if !parsed.is_ca() || !valid {
        return Err(Fault::NotAnAuthority);
    }
    Ok(webpki::anchor_from_trusted_cert(root)?)
}

/// The last certificate that signed itself, if there is one: what a relay presents as its root.
pub(crate) fn last_self_signed<'a>(certificates: &'a [CertificateDer<'a>]) -> Option<&'a CertificateDer<'a>> {
    certificates.iter().rev().filter(|certificate| certificate.len() <= MAX_CERTIFICATE).find(|certificate| {
        X509Certificate::from_der(certificate).is_ok_and(|(_, parsed)| {
            parsed.is_ca() && parsed.subject().as_raw() == parsed.issuer().as_raw() && parsed.verify_signature(None).is_ok()
        })
    })
}
