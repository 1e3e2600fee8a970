#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::Duration;

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConnection, NamedGroup, ServerConnection};

use super::client::Verifier;
use super::test_pki::{DAY, HOST, HOUR, NOW, Operator, at, minus, now, p256, plus};
use super::*;

fn check_as(trust: Trust, chain: &[CertificateDer<'static>], host: &str) -> Result<Root, TrustError> {
    let verifier = Verifier { trust, outcome: Outcome::default() };
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let (leaf, rest) = chain.split_first().unwrap();
    verifier.check(leaf, rest, &name, UnixTime::since_unix_epoch(Duration::from_micros(NOW.0)))
}

fn check(operator: &Operator, server: &Identity) -> Result<Root, TrustError> {
    check_as(Trust::Pinned(operator.fingerprint()), &server.chain, HOST)
}

#[test]
fn a_relay_under_the_pinned_root_is_believed() {
    let operator = Operator::new(NOW);
    let root = check(&operator, &operator.server()).unwrap();
    assert_eq!(root, Root::new(operator.root_der()));
}

#[test]
fn at_first_use_the_root_is_reported_for_pinning() {
    let operator = Operator::new(NOW);
    let root = check_as(Trust::FirstUse, &operator.server().chain, HOST).unwrap();
    assert_eq!(root.fingerprint, operator.fingerprint());
    assert_eq!(&root.certificate, operator.root.der());
}

#[test]
fn a_changed_root_says_what_changed() {
    let (old, new) = (Operator::new(NOW), Operator::new(NOW));
    let error = check_as(Trust::Pinned(old.fingerprint()), &new.server().chain, HOST).unwrap_err();
    assert_eq!(error, TrustError::RootChanged { pinned: old.fingerprint(), seen: new.fingerprint() });
    let text = error.to_string();
    assert!(text.contains(&old.fingerprint().to_string()) && text.contains(&new.fingerprint().to_string()));
}

#[test]
fn the_pinned_root_beside_a_foreign_chain_does_not_help() {
    // Somebody in the middle adds the public root certificate to a chain of their own.
    let (operator, thief) = (Operator::new(NOW), Operator::new(NOW));
    let mut server = thief.server();
    server.chain = vec![server.chain[0].clone(), server.chain[1].clone(), operator.root_der()];
    assert_eq!(check(&operator, &server), Err(Fault::NotIssuedByRoot.into()));
    // Swapped issuer.
    server.chain = vec![server.chain[0].clone(), operator.issuing.der().clone(), operator.root_der()];
    assert_eq!(check(&operator, &server), Err(Fault::NotIssuedByRoot.into()));
}

#[test]
fn a_chain_without_a_root_cannot_be_pinned() {
    let operator = Operator::new(NOW);
    let mut server = operator.server();
    server.chain = server.chain[..2].to_vec();
    assert_eq!(check(&operator, &server), Err(TrustError::NoRoot));
    assert_eq!(check_as(Trust::FirstUse, &server.chain, HOST), Err(TrustError::NoRoot));
    server.chain = vec![operator.root_der(); 9];
    assert_eq!(check(&operator, &server), Err(Fault::TooLong.into()));
}

#[test]
fn what_the_certificate_says_is_held_against_it() {
    let operator = Operator::new(NOW);
    let server = |change: fn(&mut rcgen::CertificateParams)| check(&operator, &operator.server_with(change)).unwrap_err();
    assert_eq!(server(|params| params.not_after = at(minus(NOW, HOUR))), Fault::Expired.into());
    assert_eq!(server(|params| params.not_before = at(plus(NOW, HOUR))), Fault::NotYetValid.into());
    assert_eq!(server(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]), Fault::WrongUse.into());
    let other = |params: &mut rcgen::CertificateParams| params.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
    assert_eq!(server(other), Fault::WrongName.into());
    assert_eq!(check(&operator, &operator.camera("front-door")), Err(Fault::WrongUse.into()));
}

#[test]
fn a_name_outside_the_roots_constraints_is_refused() {
    let other = |params: &mut rcgen::CertificateParams| {
        params.subject_alt_names = vec![SanType::DnsName("bank.example".try_into().unwrap())];
    };
    let operator = Operator::new(NOW);
    let trust = Trust::Pinned(operator.fingerprint());
    assert_eq!(check_as(trust, &operator.server_with(other).chain, "bank.example"), Err(Fault::NameConstraint.into()));
    // The control: without the constraint the same certificate holds.
    let free = Operator::with(NOW, |params| params.name_constraints = None);
    let trust = Trust::Pinned(free.fingerprint());
    assert!(check_as(trust, &free.server_with(other).chain, "bank.example").is_ok());
}

#[test]
fn a_root_that_is_no_authority_or_has_expired_is_refused() {
    let operator = Operator::with(NOW, |params| params.not_after = at(minus(NOW, HOUR)));
    assert_eq!(check(&operator, &operator.server()), Err(Fault::NotAnAuthority.into()));
    // A server certificate that signed itself is not its own root.
    let mut lone = Operator::new(NOW).server();
    let params = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    let certificate = params.self_signed(&p256()).unwrap().der().clone();
    lone.chain = vec![certificate.clone(), certificate.clone()];
    assert_eq!(check_as(Trust::FirstUse, &lone.chain, HOST), Err(TrustError::NoRoot));
    assert_eq!(check_as(Trust::Pinned(RootFingerprint::of(&certificate)), &lone.chain, HOST), Err(Fault::NotAnAuthority.into()));
}

#[test]
fn a_key_that_does_not_fit_is_refused() {
    let operator = Operator::new(NOW);
    let mut identity = operator.server();
    identity.key = operator.server().key.clone_key();
    assert!(matches!(Client::new(Trust::FirstUse, Some(&identity), PEER), Err(BadIdentity::Mismatch(_))));
    assert!(matches!(Server::new(&identity, operator.root_der(), vec![]), Err(server::Error::Identity(BadIdentity::Mismatch(_)))));
    assert_eq!(format!("{identity:?}"), "Identity { certificates: 3, key: (..) }");
    let text = Identity::from_pem(b"no pem", b"no pem").unwrap_err().to_string();
    assert!(text.contains("no PEM certificate"), "{text}");
}

/// Both ends of one handshake, in memory.
struct Handshake {
    client: ClientConnection,
    server: ServerConnection,
}

fn handshake(client: &Client, server: &Server) -> Result<Handshake, rustls::Error> {
    let name = ServerName::try_from(HOST).unwrap();
    let mut client = ClientConnection::new(client.config(), name).unwrap();
    // What is spoken on either port, on one connection: the chain is chosen by what the client offers.
    let mut server = ServerConnection::new(Arc::new(server.config(&[API, H2, HTTP_1_1, H3]).unwrap())).unwrap();
    let mut wire = Vec::new();
    while client.is_handshaking() || server.is_handshaking() || client.wants_write() || server.wants_write() {
        wire.clear();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(Handshake { client, server })
}

fn pair() -> (Operator, Server) {
    let operator = Operator::new(now());
    let server = Server::new(&operator.server(), operator.root_der(), vec![operator.crl(HOUR, &[])]).unwrap();
    (operator, server)
}

#[test]
fn our_programs_get_the_best_cryptography_and_no_second_best() {
    let (operator, server) = pair();
    let client = Client::new(Trust::Pinned(operator.fingerprint()), None, API).unwrap();
    let done = handshake(&client, &server).unwrap();
    assert_eq!(done.client.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(done.client.negotiated_cipher_suite().unwrap().suite(), rustls::CipherSuite::TLS13_AES_128_GCM_SHA256);
    assert_eq!(done.client.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    assert_eq!(done.client.alpn_protocol(), Some(API));
    assert_eq!(client.outcome().root().unwrap().fingerprint, operator.fingerprint());
    assert_eq!(client.outcome().refusal(), None);
    assert_eq!(done.server.peer_certificates(), None, "a client without a certificate is welcome");
    // A second connection verifies again: nothing was resumed.
    client.outcome().clear();
    handshake(&client, &server).unwrap();
    assert!(client.outcome().root().is_some());
}

#[test]
fn a_refusal_can_be_read_beside_the_connection() {
    let (_, server) = pair();
    let other = Operator::new(now()).fingerprint();
    let client = Client::new(Trust::Pinned(other), None, API).unwrap();
    assert!(handshake(&client, &server).is_err());
    assert!(matches!(client.outcome().refusal(), Some(TrustError::RootChanged { pinned, .. }) if pinned == other));
    assert!(client.fresh().outcome().refusal().is_none());
    let fresh = client.fresh();
    assert!(handshake(&fresh, &server).is_err() && fresh.outcome().refusal().is_some(), "a fresh client verifies too");
}

#[test]
fn an_agent_proves_who_it_is_until_it_is_revoked() {
    let (operator, server) = pair();
    let camera = operator.camera("front-door");
    let client = Client::new(Trust::Pinned(operator.fingerprint()), Some(&camera), API).unwrap();
    let done = handshake(&client, &server).unwrap();
    assert_eq!(done.server.peer_certificates().unwrap(), camera.chain.as_slice());

    let serial = webpki::EndEntityCert::try_from(&camera.chain[0]).unwrap().serial().to_vec();
    server.replace_crls(vec![operator.crl(HOUR, &[(&serial, None)])]).unwrap();
    assert!(handshake(&client, &server).is_err(), "a handshake after the revocation");
    server.replace_crls(vec![operator.crl(DAY * 3, &[(&serial, None)])]).unwrap();
    assert!(handshake(&client, &server).is_err(), "an old list still counts");
    assert!(server.replace_crls(vec![vec![1, 2, 3].into()]).is_err());
    assert!(handshake(&client, &server).is_err(), "a broken list does not replace a good one");
    server.replace_crls(vec![operator.crl(HOUR, &[])]).unwrap();
    assert!(handshake(&client, &server).is_ok());
}

#[test]
fn a_certificate_of_another_operator_is_refused() {
    let (operator, server) = pair();
    let stranger = Operator::new(now()).camera("front-door");
    let client = Client::new(Trust::Pinned(operator.fingerprint()), Some(&stranger), API).unwrap();
    assert!(handshake(&client, &server).is_err());
}

#[test]
fn the_chain_is_chosen_by_protocol_and_replaced_while_running() {
    let (operator, server) = pair();
    let public = Operator::new(now());
    let shown = |alpn: &[u8]| {
        let client = Client::new(Trust::FirstUse, None, alpn).unwrap();
        handshake(&client, &server).unwrap();
        client.outcome().root().unwrap().fingerprint
    };
    assert_eq!(shown(H2), operator.fingerprint(), "without a chain of their own, browsers get the operator's");
    server.replace_browser(Some(&public.server())).unwrap();
    assert_eq!(shown(H2), public.fingerprint());
    assert_eq!(shown(HTTP_1_1), public.fingerprint());
    assert_eq!(shown(API), operator.fingerprint());
    let short_lived = Operator::new(now());
    server.replace_web_transport(&short_lived.server()).unwrap();
    assert_eq!(shown(H3), short_lived.fingerprint());
    assert_eq!((shown(H2), shown(API)), (public.fingerprint(), operator.fingerprint()), "over WebTransport alone");
    server.replace_browser(None).unwrap();
    assert_eq!(shown(H2), operator.fingerprint());

    let renewed = operator.server();
    server.replace_operator(&renewed).unwrap();
    let client = Client::new(Trust::FirstUse, None, API).unwrap();
    let done = handshake(&client, &server).unwrap();
    assert_eq!(done.client.peer_certificates().unwrap()[0], renewed.chain[0]);
}

#[test]
fn a_protocol_that_is_not_spoken_here_is_refused() {
    let (operator, server) = pair();
    let client = Client::new(Trust::Pinned(operator.fingerprint()), None, b"celosia/0").unwrap();
    assert!(handshake(&client, &server).is_err());
}

#[test]
fn an_older_tls_is_refused() {
    let (_, server) = pair();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { trust: Trust::FirstUse, outcome: Outcome::default() }))
        .with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(config), ServerName::try_from(HOST).unwrap()).unwrap();
    let mut server = ServerConnection::new(server.tcp().unwrap()).unwrap();
    let mut wire = Vec::new();
    client.write_tls(&mut wire).unwrap();
    server.read_tls(&mut wire.as_slice()).unwrap();
    assert!(server.process_new_packets().is_err());
}
