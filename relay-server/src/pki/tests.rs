//! Certificates as the other end sees them: real TLS handshakes over a buffer, with what the CAs here made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use link::tls::{self, Fault, Identity, Root as Pinned, Trust, TrustError};
use rcgen::{CertificateParams, CertificateSigningRequest, PKCS_ED25519};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::{ClientConnection, ServerConnection};
use x509_parser::prelude::*;

use super::host::Host;
use super::issuing::{Issuing, Revoked};
use super::request::Request;
use super::root::Root;
use super::*;

const HOUR: u64 = 3_600_000_000;
const DAY: u64 = 24 * HOUR;

fn now() -> Micros {
    Micros(u64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()).unwrap())
}

fn hosts(names: &[&str]) -> Vec<Host> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

struct Operator {
    root: Root,
    issuing: Issuing,
}

impl Operator {
    fn new(names: &[&str]) -> Self {
        Self::at(names, now())
    }

    fn at(names: &[&str], at: Micros) -> Self {
        let hosts = hosts(names);
        let root = Root::create(&hosts[0], &hosts[1..], at).unwrap();
        let (certificate, key) = root.issuing(at).unwrap();
        let issuing = Issuing::new(certificate.into(), key, root.certificate().der().clone()).unwrap();
        Self { root, issuing }
    }

    fn fingerprint(&self) -> tls::RootFingerprint {
        Pinned::new(self.root.certificate().der().clone()).fingerprint
    }

    fn server(&self, names: &[&str]) -> Identity {
        let (certificate, key) = self.issuing.server(&hosts(names), now()).unwrap();
        self.identity(certificate.into(), &key)
    }

    fn identity(&self, certificate: CertificateDer<'static>, key: &KeyPair) -> Identity {
        let chain = vec![certificate, self.issuing.certificate().clone(), self.root.certificate().der().clone()];
        Identity { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    fn camera(&self, name: &str) -> Identity {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let request = Request::verify(request(&key).der()).unwrap();
        let chain = self.issuing.camera(&request, &name.parse().unwrap(), now()).unwrap();
        Identity { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    fn crls(&self, revoked: &[Revoked]) -> Vec<CertificateRevocationListDer<'static>> {
        vec![self.issuing.crl(revoked, now()).unwrap().into(), self.root.crl(now()).unwrap().into()]
    }
}

fn request(key: &KeyPair) -> CertificateSigningRequest {
    CertificateParams::default().serialize_request(key).unwrap()
}

/// The outcome of a handshake: what the client says of the server, and the client certificate that the server took.
struct Met {
    client: Result<(), TrustError>,
    server: Result<Option<Vec<CertificateDer<'static>>>, rustls::Error>,
}

fn meet(server: &tls::Server, trust: Trust, identity: Option<&Identity>, host: &str) -> Met {
    let client = tls::Client::new(trust, identity, tls::API).unwrap();
    let mut left = ClientConnection::new(client.config(), ServerName::try_from(host.to_owned()).unwrap()).unwrap();
    let mut right = ServerConnection::new(server.tcp().unwrap()).unwrap();
    let mut failed = None;
    for _ in 0..10 {
        let mut wire = Vec::new();
        while left.wants_write() {
            left.write_tls(&mut wire).unwrap();
        }
        let mut bytes = wire.as_slice();
        while !bytes.is_empty() {
            right.read_tls(&mut bytes).unwrap();
            if let Err(error) = right.process_new_packets() {
                failed.get_or_insert(error);
                break;
            }
        }
        let mut wire = Vec::new();
        while right.wants_write() {
            right.write_tls(&mut wire).unwrap();
        }
        let mut bytes = wire.as_slice();
        while !bytes.is_empty() && left.read_tls(&mut bytes).is_ok() && left.process_new_packets().is_ok() {}
    }
    let server = match failed {
        Some(error) => Err(error),
        None => Ok(right.peer_certificates().map(|chain| chain.iter().map(|one| one.clone().into_owned()).collect())),
    };
    Met { client: client.outcome().refusal().map_or(Ok(()), Err), server }
}

fn relay(operator: &Operator, shown: &Identity, revoked: &[Revoked]) -> tls::Server {
    tls::Server::new(shown, operator.root.certificate().der().clone(), operator.crls(revoked)).unwrap()
}

fn serial_of(certificate: &CertificateDer<'_>) -> Vec<u8> {
    X509Certificate::from_der(certificate).unwrap().1.raw_serial().to_vec()
}

#[test]
fn a_relay_is_believed_under_its_root_and_only_there() {
    let operator = Operator::new(&["relay.example", "127.0.0.1"]);
    let server = relay(&operator, &operator.server(&["relay.example", "127.0.0.1"]), &[]);
    let pinned = Trust::Pinned(operator.fingerprint());
    assert_eq!(meet(&server, pinned, None, "relay.example").client, Ok(()));
    assert_eq!(meet(&server, pinned, None, "127.0.0.1").client, Ok(()));
    assert_eq!(meet(&server, pinned, None, "other.example").client, Err(TrustError::Chain(Fault::WrongName)));
    let other = Operator::new(&["relay.example"]);
    assert!(matches!(meet(&server, Trust::Pinned(other.fingerprint()), None, "relay.example").client, Err(TrustError::RootChanged { .. })));
}

/// The issuing CA lies at the relay: whoever steals it cannot speak for any other host.
#[test]
fn name_constraints_are_breached_by_any_other_name() {
    let operator = Operator::new(&["relay.example"]);
    let pinned = Trust::Pinned(operator.fingerprint());
    let breach = Err(TrustError::Chain(Fault::NameConstraint));
    for name in ["bank.example", "example", "xrelay.example", "192.0.2.1", "2001:db8::1"] {
        let server = relay(&operator, &operator.server(&[name]), &[]);
        assert_eq!(meet(&server, pinned, None, name).client, breach, "{name}");
        let both = relay(&operator, &operator.server(&["relay.example", name]), &[]);
        assert_eq!(meet(&both, pinned, None, "relay.example").client, breach, "{name} beside the right one");
    }
    // The control: the same names under a root that permits them.
    let open = Operator::new(&["bank.example", "192.0.2.1", "2001:db8::1"]);
    for name in ["bank.example", "192.0.2.1", "2001:db8::1"] {
        let server = relay(&open, &open.server(&[name]), &[]);
        assert_eq!(meet(&server, Trust::Pinned(open.fingerprint()), None, name).client, Ok(()), "{name}");
    }
    // A root for addresses alone permits no DNS name.
    let addresses = Operator::new(&["192.0.2.1"]);
    let server = relay(&addresses, &addresses.server(&["bank.example"]), &[]);
    assert_eq!(meet(&server, Trust::Pinned(addresses.fingerprint()), None, "bank.example").client, breach);
}

#[test]
fn a_camera_is_let_in_by_its_certificate() {
    let operator = Operator::new(&["relay.example"]);
    let server = relay(&operator, &operator.server(&["relay.example"]), &[]);
    let camera = operator.camera("front-door");
    let met = meet(&server, Trust::Pinned(operator.fingerprint()), Some(&camera), "relay.example");
    let chain = met.server.unwrap().unwrap();
    let (_, leaf) = X509Certificate::from_der(&chain[0]).unwrap();
    assert_eq!(leaf.subject().iter_common_name().next().unwrap().as_str().unwrap(), "front-door");
    assert!(leaf.subject_alternative_name().unwrap().is_none());
    let uses = leaf.extended_key_usage().unwrap().unwrap().value;
    assert!(uses.client_auth && !uses.server_auth && !uses.any);
    assert!(!leaf.is_ca());
}

#[test]
fn a_camera_of_another_ca_is_refused() {
    let (ours, theirs) = (Operator::new(&["relay.example"]), Operator::new(&["relay.example"]));
    let server = relay(&ours, &ours.server(&["relay.example"]), &[]);
    let stranger = theirs.camera("front-door");
    let met = meet(&server, Trust::Pinned(ours.fingerprint()), Some(&stranger), "relay.example");
    assert!(met.server.is_err());
    // The control: one of ours is taken.
    let camera = ours.camera("front-door");
    assert!(meet(&server, Trust::Pinned(ours.fingerprint()), Some(&camera), "relay.example").server.unwrap().is_some());
}

#[test]
fn a_revoked_camera_is_refused_and_the_others_are_not() {
    let operator = Operator::new(&["relay.example"]);
    let (bad, good) = (operator.camera("front-door"), operator.camera("back-door"));
    let at = now();
    let revoked = Revoked { serial: serial_of(&bad.chain[0]), at, distrust_since: Micros(at.0 - DAY) };
    let server = relay(&operator, &operator.server(&["relay.example"]), &[revoked]);
    let pinned = Trust::Pinned(operator.fingerprint());
    assert!(meet(&server, pinned, Some(&bad), "relay.example").server.is_err());
    assert!(meet(&server, pinned, Some(&good), "relay.example").server.unwrap().is_some());
}

#[test]
fn keys_are_good_for_their_own_purpose_only() {
    let operator = Operator::new(&["relay.example"]);
    let server = relay(&operator, &operator.server(&["relay.example"]), &[]);
    let pinned = Trust::Pinned(operator.fingerprint());
    // The relay key is no camera's.
    let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
    let certificate = operator.root.relay_key(key.public_key_raw().try_into().unwrap(), now()).unwrap();
    let relay_key = operator.identity(certificate.into(), &key);
    assert!(meet(&server, pinned, Some(&relay_key), "relay.example").server.is_err());
    // A server is no camera, and a camera no server.
    assert!(meet(&server, pinned, Some(&operator.server(&["relay.example"])), "relay.example").server.is_err());
    let posing = relay(&operator, &operator.camera("front-door"), &[]);
    assert_eq!(meet(&posing, pinned, None, "relay.example").client, Err(TrustError::Chain(Fault::WrongUse)));
}

#[test]
fn certificates_say_what_they_must() {
    let at = now();
    let operator = Operator::at(&["relay.example"], at);
    let (server, _) = operator.issuing.server(&hosts(&["relay.example"]), at).unwrap();
    let camera = operator.camera("front-door");
    let relay_key = operator.root.relay_key(&[7; 32], at).unwrap();
    let mut serials = Vec::new();
    for (der, ca, days) in [
        (operator.root.certificate().der(), Some(1), 3653),
        (operator.issuing.certificate(), Some(0), 731),
        (server.der(), None, 90),
        (&camera.chain[0], None, 365),
        (relay_key.der(), None, 731),
    ] {
        let (rest, parsed) = X509Certificate::from_der(der).unwrap();
        assert!(rest.is_empty());
        let constraints = parsed.basic_constraints().unwrap().unwrap();
        assert!(constraints.critical);
        assert_eq!(constraints.value.path_len_constraint, ca);
        assert_eq!(constraints.value.ca, ca.is_some());
        let validity = parsed.validity();
        assert_eq!(validity.not_after.timestamp() - validity.not_before.timestamp(), days * 86_400 + 300);
        assert!(validity.not_before.timestamp() >= i64::try_from(at.0 / 1_000_000).unwrap() - 300);
        assert!((14..=17).contains(&parsed.raw_serial().len()), "{}", parsed.raw_serial().len());
        serials.push(parsed.raw_serial().to_vec());
    }
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 5);
    let (_, root) = X509Certificate::from_der(operator.root.certificate().der()).unwrap();
    assert!(root.name_constraints().unwrap().unwrap().critical);
}

#[test]
fn nothing_outlives_its_issuer_or_is_signed_after_its_end() {
    let made = now();
    let operator = Operator::at(&["relay.example"], made);
    let late = Micros(made.0 + 700 * DAY);
    let (server, _) = operator.issuing.server(&hosts(&["relay.example"]), late).unwrap();
    let ends = |der: &CertificateDer<'_>| X509Certificate::from_der(der).unwrap().1.validity().not_after.timestamp();
    assert_eq!(ends(server.der()), ends(operator.issuing.certificate()));
    let after = Micros(made.0 + 732 * DAY);
    assert!(matches!(operator.issuing.server(&hosts(&["relay.example"]), after), Err(Error::Expired(_))));
    assert!(matches!(operator.issuing.crl(&[], after), Err(Error::Expired(_))));
    assert!(Root::create(&hosts(&["relay.example"])[0], &[], Micros(u64::MAX)).is_err());
}

#[test]
fn a_revocation_list_carries_since_when_to_distrust() {
    let operator = Operator::new(&["relay.example"]);
    let at = now();
    let revoked = Revoked { serial: vec![1, 2, 3], at, distrust_since: Micros(at.0 - DAY) };
    let crl = operator.issuing.crl(&[revoked], at).unwrap();
    let (_, parsed) = CertificateRevocationList::from_der(crl.der()).unwrap();
    let hours = (parsed.next_update().unwrap().timestamp() - parsed.last_update().timestamp()) / 3600;
    assert_eq!(hours, 24);
    let entry = parsed.iter_revoked_certificates().next().unwrap();
    assert_eq!(entry.raw_serial(), [1, 2, 3]);
    assert_eq!(entry.invalidity_date().unwrap().1.timestamp(), i64::try_from((at.0 - DAY) / 1_000_000).unwrap());
    assert_eq!(parsed.issuer().as_raw(), X509Certificate::from_der(operator.issuing.certificate()).unwrap().1.subject().as_raw());
    let empty = operator.issuing.crl(&[], at).unwrap();
    let (_, parsed) = CertificateRevocationList::from_der(empty.der()).unwrap();
    assert_eq!(parsed.iter_revoked_certificates().count(), 0);
}

#[test]
fn an_issuing_ca_needs_its_own_key() {
    let operator = Operator::new(&["relay.example"]);
    let certificate = operator.issuing.certificate().clone();
    let root = operator.root.certificate().der().clone();
    assert!(matches!(Issuing::new(certificate, p256().unwrap(), root), Err(Error::Mismatch(_))));
}
