#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use rcgen::{DnType, ExtendedKeyUsagePurpose, PublicKeyData, SignatureAlgorithm};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};

use super::*;
use crate::tls::Identity;
use crate::tls::test_pki::{DAY, HOUR, NOW, Operator, at, ed25519, list, minus, p256, plus};

type Lists = Vec<CertificateRevocationListDer<'static>>;

fn lists(operator: &Operator) -> Lists {
    vec![operator.crl(HOUR, &[]), operator.root_crl(&[])]
}

fn check(operator: &Operator, camera: &Identity) -> Result<Camera, Error> {
    verify(&camera.chain, operator.root.der(), &lists(operator), NOW)
}

fn serial(certificate: &CertificateDer<'_>) -> Vec<u8> {
    X509Certificate::from_der(certificate).unwrap().1.raw_serial().to_vec()
}

#[test]
fn a_camera_is_introduced() {
    let operator = Operator::new(NOW);
    let key = ed25519();
    let identity = operator.camera_with("front-door", &key, |_| {});
    let camera = check(&operator, &identity).unwrap();
    assert_eq!(camera.name.as_str(), "front-door");
    assert_eq!(camera.id.as_bytes().as_slice(), key.public_key_raw());
    assert_eq!(camera.serial, serial(&identity.chain[0]));
    assert_eq!(camera.not_after, plus(NOW, DAY * 30));
    assert_eq!(camera.revocation, Revocation::NotRevoked);
    // The root need not be sent.
    assert_eq!(verify(&identity.chain[..2], operator.root.der(), &lists(&operator), NOW), Ok(camera));
}

#[test]
fn another_authority_is_refused() {
    let (operator, other) = (Operator::new(NOW), Operator::new(NOW));
    let camera = other.camera("front-door");
    assert_eq!(verify(&camera.chain[..2], operator.root.der(), &lists(&operator), NOW), Err(Fault::NotIssuedByRoot.into()));
    // With its own root it holds, so the chain itself was good.
    assert!(verify(&camera.chain, other.root.der(), &lists(&other), NOW).is_ok());
}

#[test]
fn a_swapped_issuer_is_refused() {
    let (operator, other) = (Operator::new(NOW), Operator::new(NOW));
    let mut camera = other.camera("front-door");
    camera.chain = vec![camera.chain[0].clone(), operator.issuing.der().clone()];
    assert_eq!(check(&operator, &camera), Err(Fault::NotIssuedByRoot.into()));
}

#[test]
fn the_chain_has_one_order() {
    let operator = Operator::new(NOW);
    let good = operator.camera("front-door").chain.clone();
    let other = Operator::new(NOW).root_der();
    let wrong: [&[CertificateDer<'_>]; 6] = [
        &[],
        &good[..1],
        &[good[0].clone(), good[1].clone(), other],
        &[good[0].clone(), good[1].clone(), good[2].clone(), good[2].clone()],
        &[good[1].clone(), good[0].clone()],
        &[good[0].clone(), good[2].clone()],
    ];
    for chain in wrong {
        assert!(verify(chain, operator.root.der(), &lists(&operator), NOW).is_err());
    }
    assert!(verify(&good, operator.root.der(), &lists(&operator), NOW).is_ok());
}

#[test]
fn what_is_not_valid_now_is_refused() {
    let operator = Operator::new(NOW);
    let expired = operator.camera_with("front-door", &ed25519(), |params| params.not_after = at(minus(NOW, HOUR)));
    assert_eq!(check(&operator, &expired), Err(Fault::Expired.into()));
    let early = operator.camera_with("front-door", &ed25519(), |params| params.not_before = at(plus(NOW, HOUR)));
    assert_eq!(check(&operator, &early), Err(Fault::NotYetValid.into()));
    let old_root = Operator::with(NOW, |params| params.not_after = at(minus(NOW, HOUR)));
    assert_eq!(check(&old_root, &old_root.camera("front-door")), Err(Fault::NotAnAuthority.into()));
}

#[test]
fn a_certificate_for_another_use_is_no_camera() {
    let operator = Operator::new(NOW);
    let with = |uses: Vec<ExtendedKeyUsagePurpose>| {
        check(&operator, &operator.camera_with("front-door", &ed25519(), |params| params.extended_key_usages = uses))
    };
    use ExtendedKeyUsagePurpose::{Any, ClientAuth, Other, ServerAuth, TimeStamping};
    assert_eq!(with(vec![ServerAuth]), Err(Fault::WrongUse.into()));
    assert_eq!(with(vec![]), Err(Error::Use));
    assert_eq!(with(vec![ClientAuth, ServerAuth]), Err(Error::Use));
    assert_eq!(with(vec![ClientAuth, Any]), Err(Error::Use));
    assert_eq!(with(vec![ClientAuth, TimeStamping]), Err(Error::Use));
    assert_eq!(with(vec![ClientAuth, Other(vec![1, 2, 3])]), Err(Error::Use));
    assert!(with(vec![ClientAuth]).is_ok());
}

#[test]
fn the_relays_own_certificates_are_no_cameras() {
    let operator = Operator::new(NOW);
    assert_eq!(check(&operator, &operator.server()), Err(Fault::WrongUse.into()));
    let chain = [operator.issuing.der(), operator.issuing.der()];
    assert!(verify(&chain, operator.root.der(), &lists(&operator), NOW).is_err());
}

#[test]
fn names_are_exactly_one_camera_name() {
    let operator = Operator::new(NOW);
    let with = |change: fn(&mut rcgen::CertificateParams)| check(&operator, &operator.camera_with("front-door", &ed25519(), change));
    assert_eq!(
        with(|params| params.subject_alt_names = vec![rcgen::SanType::DnsName("relay.example".try_into().unwrap())]),
        Err(Error::Name)
    );
    assert_eq!(with(|params| params.distinguished_name.push(DnType::OrganizationName, "x")), Err(Error::Name));
    assert_eq!(with(|params| params.distinguished_name = rcgen::DistinguishedName::new()), Err(Error::Name));
    for bad in ["Front Door", "..", "x", "front-door\0"] {
        assert_eq!(check(&operator, &operator.camera(bad)), Err(Error::Name), "{bad:?}");
    }
}

/// A public key without its private key, as a forger would put it into a request.
struct Forged([u8; 32]);

impl PublicKeyData for Forged {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ED25519
    }
}

fn with_key(operator: &Operator, key: [u8; 32]) -> Result<Camera, Error> {
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "front-door");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_before = at(minus(NOW, DAY));
    params.not_after = at(plus(NOW, DAY));
    let leaf = params.signed_by(&Forged(key), &operator.issuing).unwrap();
    let chain = [leaf.der().clone(), operator.issuing.der().clone()];
    verify(&chain, operator.root.der(), &lists(operator), NOW)
}

#[test]
fn keys_that_no_camera_makes_are_refused() {
    let operator = Operator::new(NOW);
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_on_curve = [0; 32];
    not_on_curve[0] = 2;
    for bad in [[0; 32], identity, not_on_curve] {
        assert_eq!(with_key(&operator, bad), Err(Error::Key), "{bad:02x?}");
    }
    // y and p + y are the same point, and only the first spelling is one.
    let spelled = |y: u8| {
        let (mut short, mut long) = ([0; 32], [0xff; 32]);
        (short[0], long[0], long[31]) = (y, 0xed + y, 0x7f);
        (with_key(&operator, short), with_key(&operator, long))
    };
    let on_curve: Vec<_> = (2..19).map(spelled).filter(|(short, _)| short.is_ok()).collect();
    assert!(!on_curve.is_empty());
    assert!(on_curve.iter().all(|(_, long)| *long == Err(Error::Key)));
    let good = ed25519().public_key_raw().try_into().unwrap();
    assert_eq!(with_key(&operator, good).unwrap().id, CameraId(good));
    let p256 = operator.camera_with("front-door", &p256(), |_| {});
    assert_eq!(check(&operator, &p256), Err(Error::Key));
}

#[test]
fn a_revoked_camera_says_since_when_not_to_trust_it() {
    let operator = Operator::new(NOW);
    let camera = operator.camera("front-door");
    let (mine, other) = (serial(&camera.chain[0]), serial(&operator.camera("other").chain[0]));
    let since = minus(NOW, HOUR * 5);
    let verdict = |revoked: &[(&[u8], Option<Micros>)], age| {
        let lists = [operator.crl(age, revoked), operator.root_crl(&[])];
        verify(&camera.chain, operator.root.der(), &lists, NOW).unwrap().revocation
    };
    assert_eq!(verdict(&[(&mine, Some(since))], HOUR), Revocation::Revoked { distrust_since: since });
    assert_eq!(verdict(&[(&mine, None)], HOUR), Revocation::Revoked { distrust_since: minus(NOW, HOUR) });
    assert_eq!(verdict(&[(&other, Some(since))], HOUR), Revocation::NotRevoked);
    // An old list still names whom it names.
    assert_eq!(verdict(&[(&mine, Some(since))], DAY * 3), Revocation::Revoked { distrust_since: since });
    // Two lists: the one that names it counts, though the other is newer.
    let both = [operator.crl(HOUR, &[]), operator.crl(HOUR * 2, &[(&mine, Some(since))]), operator.root_crl(&[])];
    let camera = verify(&camera.chain, operator.root.der(), &both, NOW).unwrap();
    assert_eq!(camera.revocation, Revocation::Revoked { distrust_since: since });
}

#[test]
fn a_revoked_issuing_authority_takes_its_cameras_along() {
    let operator = Operator::new(NOW);
    let camera = operator.camera("front-door");
    let since = minus(NOW, HOUR * 9);
    let crls = [operator.crl(HOUR, &[]), operator.root_crl(&[(&serial(operator.issuing.der()), Some(since))])];
    let camera = verify(&camera.chain, operator.root.der(), &crls, NOW).unwrap();
    assert_eq!(camera.revocation, Revocation::Revoked { distrust_since: since });
}

#[test]
fn without_fresh_lists_revocation_is_unknown_since() {
    let operator = Operator::new(NOW);
    let camera = operator.camera("front-door");
    let verdict = |lists: Lists| verify(&camera.chain, operator.root.der(), &lists, NOW).unwrap().revocation;
    let root = || operator.root_crl(&[]);
    // Older than a day, though it would say of itself that it is still good.
    assert_eq!(verdict(vec![operator.crl(HOUR * 30, &[]), root()]), Revocation::UnknownSince(minus(NOW, HOUR * 6)));
    // Past its own end.
    let short = list(&operator.issuing, minus(NOW, HOUR * 3), HOUR, &[]);
    assert_eq!(verdict(vec![short, root()]), Revocation::UnknownSince(minus(NOW, HOUR * 2)));
    // From the future: whoever makes such a list would never need another.
    let future = list(&operator.issuing, plus(NOW, HOUR), DAY, &[]);
    assert_eq!(verdict(vec![future, root()]), Revocation::UnknownSince(minus(NOW, DAY)));
    // None at all, or one of the two.
    assert_eq!(verdict(vec![]), Revocation::UnknownSince(minus(NOW, DAY)));
    assert_eq!(verdict(vec![root()]), Revocation::UnknownSince(minus(NOW, DAY)));
    assert_eq!(verdict(vec![operator.crl(HOUR, &[])]), Revocation::UnknownSince(minus(NOW, DAY)));
    // The control.
    assert_eq!(verdict(vec![operator.crl(HOUR, &[]), root()]), Revocation::NotRevoked);
}

#[test]
fn forged_and_broken_lists_are_refused() {
    let operator = Operator::new(NOW);
    let impostor = Operator::new(NOW);
    let camera = operator.camera("front-door");
    let verdict = |lists: &[Vec<u8>]| verify(&camera.chain, operator.root.der(), lists, NOW);
    // The impostor's authorities have the same names, but not the keys.
    assert!(matches!(verdict(&[impostor.crl(HOUR, &[]).to_vec()]), Err(Error::List(_))));
    let mut flipped = operator.crl(HOUR, &[]).to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    assert!(matches!(verdict(&[flipped]), Err(Error::List(_))));
    assert!(matches!(verdict(&[vec![0x30]]), Err(Error::List(_))));
    let mut longer = operator.crl(HOUR, &[]).to_vec();
    longer.push(0);
    assert!(matches!(verdict(&[longer]), Err(Error::List(_))));
    assert!(matches!(verdict(&vec![vec![]; MAX_LISTS + 1]), Err(Error::List(_))));
    assert!(matches!(verdict(&[vec![0; MAX_LIST + 1]]), Err(Error::List(_))));
}

#[test]
fn no_flipped_bit_of_a_certificate_goes_through() {
    let operator = Operator::new(NOW);
    let camera = operator.camera("front-door");
    let lists = lists(&operator);
    for position in 0..camera.chain[0].len() {
        let mut leaf = camera.chain[0].to_vec();
        leaf[position] ^= 1 << (position % 8);
        let chain = [leaf, camera.chain[1].to_vec()];
        assert!(verify(&chain, operator.root.der(), &lists, NOW).is_err(), "byte {position}");
    }
}
