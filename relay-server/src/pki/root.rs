//! The root CA: made once, used rarely, kept offline.

use rcgen::{
    BasicConstraints, Certificate, CertificateRevocationList, CertificateRevocationListParams, CertifiedIssuer, CidrSubnet,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, SerialNumber,
};
use time::Duration;
use wire::id::Micros;

use super::host::Host;
use super::{Ed25519, Error, instant, p256, params};

const ROOT_DAYS: i64 = 3653;
const ISSUING_DAYS: i64 = 731;
const RELAY_DAYS: i64 = 731;
/// As long as the issuing CA lives: a fresh one needs the root key, which lies in a drawer.
const CRL_DAYS: i64 = ISSUING_DAYS;

/// The root CA with its key.
pub struct Root {
    issuer: CertifiedIssuer<'static, KeyPair>,
    ends: time::OffsetDateTime,
    host: Host,
}

impl Root {
    /// Makes a root that can vouch for these hosts only. The first is the relay's canonical name.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off.
    pub fn create(canonical: &Host, further: &[Host], now: Micros) -> Result<Self, Error> {
        let mut params = params(&format!("Celosia root CA of {canonical}"), now, ROOT_DAYS, None)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(1));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.name_constraints = Some(only(std::iter::once(canonical).chain(further)));
        let ends = params.not_after;
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, p256()?)?, ends, host: canonical.clone() })
    }

    /// The root's own certificate.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        self.issuer.as_ref()
    }

    /// Its private key, PKCS #8 in PEM: the most precious bytes of an installation.
    #[must_use]
    pub fn key_pem(&self) -> String {
        self.issuer.key().serialize_pem()
    }

    /// Certifies a new issuing CA.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off.
    pub fn issuing(&self, now: Micros) -> Result<(Certificate, KeyPair), Error> {
        let mut params = params(&format!("Celosia issuing CA of {}", self.host), now, ISSUING_DAYS, Some(self.ends))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = p256()?;
        Ok((params.signed_by(&key, &self.issuer)?, key))
    }

    /// Certifies the relay key. Its one purpose, time stamping, is what receipts and log heads are; it keeps the key from being taken
    /// for a camera's or a server's.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off.
    pub fn relay_key(&self, public: &[u8; 32], now: Micros) -> Result<Certificate, Error> {
        let mut params = params(&format!("Celosia receipts of {}", self.host), now, RELAY_DAYS, Some(self.ends))?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::TimeStamping];
        Ok(params.signed_by(&Ed25519(*public), &self.issuer)?)
    }

    /// The list of revoked issuing CAs: none.
    ///
    /// # Errors
    /// When the clock is off.
    pub fn crl(&self, now: Micros) -> Result<CertificateRevocationList, Error> {
        let at = instant(now)?;
        let params = CertificateRevocationListParams {
            this_update: at - super::SKEW,
            next_update: at.checked_add(Duration::days(CRL_DAYS)).ok_or(Error::Clock)?,
            crl_number: SerialNumber::from(now.0),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        Ok(params.signed_by(&self.issuer)?)
    }
}

/// Constraints that permit these hosts (and the domains below them), and nothing else. A kind of name that is not mentioned at all
/// would be unconstrained (RFC 5280, 4.2.1.10), so a kind without any permitted name is excluded whole.
fn only<'a>(hosts: impl Iterator<Item = &'a Host> + Clone) -> NameConstraints {
    let permitted_subtrees = hosts
        .clone()
        .map(|host| match host {
            Host::Dns(name) => GeneralSubtree::DnsName(name.clone()),
            Host::Ip(address) => {
                GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*address, if address.is_ipv4() { 32 } else { 128 }))
            }
        })
        .collect();
    let mut excluded_subtrees = Vec::new();
    if !hosts.clone().any(|host| matches!(host, Host::Dns(_))) {
        excluded_subtrees.push(GeneralSubtree::DnsName(String::new()));
    }
    if !hosts.clone().any(|host| matches!(host, Host::Ip(address) if address.is_ipv4())) {
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])));
    }
    if !hosts.clone().any(|host| matches!(host, Host::Ip(address) if address.is_ipv6())) {
        excluded_subtrees.push(GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])));
    }
    NameConstraints { permitted_subtrees, excluded_subtrees }
}
