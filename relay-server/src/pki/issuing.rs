//! The issuing CA: what the relay certifies by itself, from day to day.

use rcgen::{
    Certificate, CertificateRevocationList, CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use time::{Duration, OffsetDateTime};
use wire::id::{Micros, Name};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::host::Host;
use super::request::Request;
use super::{Ed25519, Error, instant, p256, params};

const SERVER_DAYS: i64 = 90;
const CAMERA_DAYS: i64 = 365;
/// How long a revocation list counts as fresh. Viewers say "revocation unknown since" beyond that.
pub const CRL_HOURS: i64 = 24;

/// The issuing CA with its key.
pub struct Issuing {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    root: CertificateDer<'static>,
    ends: OffsetDateTime,
}

/// A certificate that counts no longer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The serial number in the certificate, big-endian.
    pub serial: Vec<u8>,
    /// When the operator revoked it.
    pub at: Micros,
    /// Since when it is not to be trusted (the entry's invalidityDate); at most `at`.
    pub distrust_since: Micros,
}

impl Issuing {
    /// Takes up the work of an issuing CA.
    ///
    /// # Errors
    /// When the certificate does not parse, or the key is not its own.
    pub fn new(certificate: CertificateDer<'static>, key: KeyPair, root: CertificateDer<'static>) -> Result<Self, Error> {
        let issuer = {
            let (_, parsed) = X509Certificate::from_der(&certificate).map_err(|_| rcgen::Error::CouldNotParseCertificate)?;
            if parsed.public_key().raw != key.subject_public_key_info() {
                return Err(Error::Mismatch("issuing CA"));
            }
            parsed.validity().not_after.to_datetime()
        };
        Ok(Self { ends: issuer, issuer: Issuer::from_ca_cert_der(&certificate, key)?, certificate, root })
    }

    /// Certifies a camera's key under a name. The chain begins with the camera's certificate and ends with the root.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off or the CA has expired.
    pub fn camera(&self, request: &Request, name: &Name, now: Micros) -> Result<Vec<CertificateDer<'static>>, Error> {
        self.alive(now)?;
        let mut params = params(name.as_str(), now, CAMERA_DAYS, Some(self.ends))?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let camera = params.signed_by(&Ed25519::from(request.camera()), &self.issuer)?;
        Ok(vec![camera.into(), self.certificate.clone(), self.root.clone()])
    }

    /// Certifies a new server key for the relay's hosts.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off or the CA has expired.
    pub fn server(&self, hosts: &[Host], now: Micros) -> Result<(Certificate, KeyPair), Error> {
        self.alive(now)?;
        let name = hosts.first().map(ToString::to_string).unwrap_or_default();
        let mut params = params(&name, now, SERVER_DAYS, Some(self.ends))?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in hosts {
            params.subject_alt_names.push(match host {
                Host::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
                Host::Ip(address) => SanType::IpAddress(*address),
            });
        }
        let key = p256()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }

    /// The list of revoked cameras, fresh for [`CRL_HOURS`]. Its number is the time, so that it rises without a counter to keep.
    ///
    /// # Errors
    /// When the clock is off or the CA has expired.
    pub fn crl(&self, revoked: &[Revoked], now: Micros) -> Result<CertificateRevocationList, Error> {
        self.alive(now)?;
        let at = instant(now)?;
        let entry = |revoked: &Revoked| {
            Ok(RevokedCertParams {
                serial_number: SerialNumber::from_slice(&revoked.serial),
                revocation_time: instant(revoked.at)?,
                reason_code: None,
                invalidity_date: Some(instant(revoked.distrust_since)?),
            })
        };
        let params = CertificateRevocationListParams {
            this_update: at - super::SKEW,
            next_update: at.checked_add(Duration::hours(CRL_HOURS)).ok_or(Error::Clock)?,
            crl_number: SerialNumber::from(now.0),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(entry).collect::<Result<_, Error>>()?,
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?)
    }

    /// The issuing CA's own certificate.
    #[must_use]
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The root's certificate, which every chain ends with.
    #[must_use]
    pub const fn root(&self) -> &CertificateDer<'static> {
        &self.root
    }

    fn alive(&self, now: Micros) -> Result<(), Error> {
        if instant(now)? < self.ends { Ok(()) } else { Err(Error::Expired("issuing CA")) }
    }
}
