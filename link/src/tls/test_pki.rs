//! An operator's certificates for tests, and every way in which they can be wrong.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, NameConstraints, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, RevokedCertParams, SerialNumber,
};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use time::OffsetDateTime;
use wire::id::Micros;

use super::{Identity, RootFingerprint};

/// A fixed instant for tests that need no real handshake: 2026-01-01.
pub(crate) const NOW: Micros = Micros(1_767_225_600_000_000);

pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The host that the test servers are.
pub(crate) const HOST: &str = "relay.example";

pub(crate) fn at(time: Micros) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(i64::try_from(time.0 / 1_000_000).unwrap()).unwrap()
}

pub(crate) fn plus(time: Micros, span: Duration) -> Micros {
    Micros(time.0 + u64::try_from(span.as_micros()).unwrap())
}

pub(crate) fn minus(time: Micros, span: Duration) -> Micros {
    Micros(time.0 - u64::try_from(span.as_micros()).unwrap())
}

/// The real time, for handshakes.
pub(crate) fn now() -> Micros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    Micros(u64::try_from(since.as_micros()).unwrap())
}

/// A root, an issuing CA, and what they sign.
pub(crate) struct Operator {
    pub(crate) root: CertifiedIssuer<'static, KeyPair>,
    pub(crate) issuing: CertifiedIssuer<'static, KeyPair>,
    now: Micros,
}

fn params(name: &str, now: Micros) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = at(minus(now, DAY));
    params.not_after = at(plus(now, DAY * 30));
    params
}

pub(crate) fn p256() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

pub(crate) fn ed25519() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

fn authority(params: &mut CertificateParams, depth: u8) {
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
}

impl Operator {
    pub(crate) fn new(now: Micros) -> Self {
        Self::with(now, |_| {})
    }

    /// With a change to the root's certificate.
    pub(crate) fn with(now: Micros, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut root = params("root", now);
        authority(&mut root, 1);
        let permitted = [HOST, "localhost"].map(|name| GeneralSubtree::DnsName(name.to_owned()));
        root.name_constraints = Some(NameConstraints { permitted_subtrees: permitted.to_vec(), excluded_subtrees: vec![] });
        change(&mut root);
        let root = CertifiedIssuer::self_signed(root, p256()).unwrap();
        let mut issuing = params("issuing", now);
        authority(&mut issuing, 0);
        let issuing = CertifiedIssuer::signed_by(issuing, p256(), &root).unwrap();
        Self { root, issuing, now }
    }

    pub(crate) fn fingerprint(&self) -> RootFingerprint {
        RootFingerprint::of(self.root.der())
    }

    pub(crate) fn server(&self) -> Identity {
        self.server_with(|_| {})
    }

    /// A server certificate with a change.
    pub(crate) fn server_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut server = params("server", self.now);
        server.subject_alt_names = vec![rcgen::SanType::DnsName(HOST.try_into().unwrap())];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut server);
        self.sign(server, &p256())
    }

    pub(crate) fn camera(&self, name: &str) -> Identity {
        self.camera_with(name, &ed25519(), |_| {})
    }

    /// A camera certificate with a change.
    pub(crate) fn camera_with(&self, name: &str, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut camera = params(name, self.now);
        camera.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut camera);
        self.sign(camera, key)
    }

    /// Signs with the issuing CA; the chain ends with the root.
    pub(crate) fn sign(&self, params: CertificateParams, key: &KeyPair) -> Identity {
        let certificate = params.signed_by(key, &self.issuing).unwrap();
        let chain = vec![certificate.der().clone(), self.issuing.der().clone(), self.root.der().clone()];
        Identity { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    /// The issuing CA's list, made `age` ago and valid for two days: (serial, distrust since).
    pub(crate) fn crl(&self, age: Duration, revoked: &[(&[u8], Option<Micros>)]) -> CertificateRevocationListDer<'static> {
        list(&self.issuing, minus(self.now, age), DAY * 2, revoked)
    }

    /// The root's list, made an hour ago and valid for a year.
    pub(crate) fn root_crl(&self, revoked: &[(&[u8], Option<Micros>)]) -> CertificateRevocationListDer<'static> {
        list(&self.root, minus(self.now, HOUR), DAY * 365, revoked)
    }

    pub(crate) fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }
}

pub(crate) fn list(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    made: Micros,
    valid: Duration,
    revoked: &[(&[u8], Option<Micros>)],
) -> CertificateRevocationListDer<'static> {
    let entry = |(serial, since): &(&[u8], Option<Micros>)| RevokedCertParams {
        serial_number: SerialNumber::from_slice(serial),
        revocation_time: at(made),
        reason_code: None,
        invalidity_date: since.map(at),
    };
    let params = CertificateRevocationListParams {
        this_update: at(made),
        next_update: at(plus(made, valid)),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: revoked.iter().map(entry).collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).unwrap().der().clone()
}
