#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;

use rcgen::{BasicConstraints, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};

use super::*;

/// An operator: a root and an issuing CA.
struct Operator {
    root: CertifiedIssuer<'static, KeyPair>,
    issuing: CertifiedIssuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Operator {
    fn new() -> Self {
        let authority = |name, depth| {
            let mut params = params(name);
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            (params, KeyPair::generate().unwrap())
        };
        let (root, key) = authority("root", 1);
        let root = CertifiedIssuer::self_signed(root, key).unwrap();
        let (issuing, key) = authority("issuing", 0);
        Self { issuing: CertifiedIssuer::signed_by(issuing, key, &root).unwrap(), root }
    }

    fn root(&self) -> Root {
        Root::new(self.root.der().clone())
    }

    fn certify(&self, name: &str, key: &SigningKey, usage: ExtendedKeyUsagePurpose) -> Vec<CertificateDer<'static>> {
        let mut params = params(name);
        params.extended_key_usages = vec![usage];
        let der = key.to_pkcs8_der().unwrap();
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &PKCS_ED25519).unwrap();
        vec![params.signed_by(&pair, &self.issuing).unwrap().into(), self.issuing.der().clone(), self.root.der().clone()]
    }

    fn answer(&self, name: &str, key: &SigningKey) -> Certified {
        said(name, &self.certify(name, key, ExtendedKeyUsagePurpose::ClientAuth))
    }
}

fn said(name: &str, chain: &[CertificateDer<'static>]) -> Certified {
    Certified { camera: name.to_owned(), chain: chain.iter().map(|one| BASE64.encode(one)).collect() }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

const NOW: Micros = Micros(1_800_000_000_000_000);

fn refused(answer: &Certified, root: &Root) -> String {
    match believe(answer, &key(1), root, NOW) {
        Err(Error::Certificate(why)) => why,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was believed"),
    }
}

#[test]
fn only_a_chain_for_this_key_and_name_is_believed() {
    let (ours, theirs) = (Operator::new(), Operator::new());
    let root = ours.root();
    let (camera, chain) = believe(&ours.answer("front-door", &key(1)), &key(1), &root, NOW).unwrap();
    assert_eq!((camera.name.as_str(), camera.id.as_bytes()), ("front-door", key(1).verifying_key().as_bytes()));
    assert_eq!(chain.len(), 3);

    assert_eq!(refused(&ours.answer("front-door", &key(2)), &root), "it is for another key");
    let renamed = Certified { camera: "back-door".into(), ..ours.answer("front-door", &key(1)) };
    assert_eq!(refused(&renamed, &root), "it is for another name than the relay says");
    assert!(refused(&ours.answer("../../etc", &key(1)), &root).contains("name"));
    assert_eq!(refused(&theirs.answer("front-door", &key(1)), &root), "its chain does not end with the relay's root");

    let mut spliced = theirs.certify("front-door", &key(1), ExtendedKeyUsagePurpose::ClientAuth);
    spliced[2] = root.certificate.clone();
    assert!(refused(&said("front-door", &spliced), &root).contains("not issued by this root"));
    let server = ours.certify("front-door", &key(1), ExtendedKeyUsagePurpose::ServerAuth);
    assert!(refused(&said("front-door", &server), &root).contains("use"));

    assert_eq!(refused(&said("front-door", &[]), &root), "its chain does not end with the relay's root");
    assert_eq!(refused(&Certified { camera: "front-door".into(), chain: vec!["?".into()] }, &root), "it is not Base64");
}

#[test]
fn a_request_is_for_this_key() {
    let params = rcgen::CertificateSigningRequestParams::from_der(&request(&key(1)).unwrap().into()).unwrap();
    assert_eq!(rcgen::PublicKeyData::der_bytes(&params.public_key), key(1).verifying_key().as_bytes());
}

fn kept(dir: &Path) -> Enrolment {
    let operator = Operator::new();
    let place = Place(dir);
    let (key, _) = place.waiting_key().unwrap();
    let (camera, chain) = believe(&operator.answer("front-door", &key), &key, &operator.root(), NOW).unwrap();
    let relay = "relay.example:7443".parse().unwrap();
    let enrolment = Enrolment { relay, root: operator.root(), name: camera.name, key, chain };
    place.keep(&enrolment).unwrap();
    enrolment
}

#[test]
fn what_is_kept_is_loaded_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("front-door");
    let kept = kept(&dir);
    let loaded = Enrolment::load(&dir).unwrap();
    assert_eq!((&loaded.relay, &loaded.root, &loaded.name, &loaded.chain), (&kept.relay, &kept.root, &kept.name, &kept.chain));
    assert_eq!(loaded.id(), kept.id());
    loaded.identity().unwrap().certified().unwrap();
    assert_eq!(fs::metadata(dir.join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(dir.join(KEY)).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(!dir.join(NEW_KEY).exists());
}

#[tokio::test]
async fn an_enrolled_camera_is_not_enrolled_again() {
    let dir = tempfile::tempdir().unwrap();
    let kept = kept(dir.path());
    let wish = Wish { relay: kept.relay.clone(), root: kept.root.fingerprint, token: "abcd".into(), dir: dir.path().to_owned() };
    assert!(matches!(enroll(&wish, NOW).await, Err(Error::Already(_))));
    assert_eq!(Enrolment::load(dir.path()).unwrap().id(), kept.id());
}

/// Whatever moment the power fails at: either the camera is enrolled, or the next attempt goes on with the same key.
#[test]
fn an_attempt_that_was_cut_off_goes_on_with_its_key() {
    let dir = tempfile::tempdir().unwrap();
    let place = Place(dir.path());
    let (first, fresh) = place.waiting_key().unwrap();
    assert!(fresh);
    assert!(matches!(Enrolment::load(dir.path()), Err(Error::NotEnrolled(_))));
    let (second, fresh) = place.waiting_key().unwrap();
    assert_eq!((second.to_bytes(), fresh), (first.to_bytes(), false));
    // Certificate and address were written, the key had not got its name.
    fs::write(place.path(CERTIFICATE), "half").unwrap();
    fs::write(place.path(ABOUT), "half").unwrap();
    assert!(matches!(Enrolment::load(dir.path()), Err(Error::NotEnrolled(_))));
    assert_eq!(kept(dir.path()).key.to_bytes(), first.to_bytes());
    Enrolment::load(dir.path()).unwrap();
}

#[tokio::test]
async fn a_relay_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let root = Operator::new().root().fingerprint;
    let wish = Wish { relay: free.to_string().parse().unwrap(), root, token: "abcd".into(), dir: dir.path().to_owned() };
    let error = exit::Error::from(enroll(&wish, NOW).await.err().unwrap());
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.to_string().contains("no relay answers at 127.0.0.1:"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing is left behind");
}

/// A key that the relay may know already is not thrown away because the relay is not there at the second attempt.
#[tokio::test]
async fn a_waiting_key_survives_a_relay_that_is_away() {
    let dir = tempfile::tempdir().unwrap();
    let (first, _) = Place(dir.path()).waiting_key().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let root = Operator::new().root().fingerprint;
    let wish = Wish { relay: free.to_string().parse().unwrap(), root, token: "abcd".into(), dir: dir.path().to_owned() };
    enroll(&wish, NOW).await.err().unwrap();
    assert_eq!(Place(dir.path()).waiting_key().unwrap().0.to_bytes(), first.to_bytes());
}

#[test]
fn files_of_another_enrolment_are_noticed() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    kept(one.path());
    kept(two.path());
    for name in [KEY, CERTIFICATE] {
        let ours = fs::read(one.path().join(name)).unwrap();
        fs::copy(two.path().join(name), one.path().join(name)).unwrap();
        assert!(matches!(Enrolment::load(one.path()), Err(Error::Damaged(_))), "{name}");
        fs::write(one.path().join(name), ours).unwrap();
    }
    Enrolment::load(one.path()).unwrap();
}
