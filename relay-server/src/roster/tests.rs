#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;

const HOUR: Duration = Duration::from_secs(3600);
const NOON: Micros = Micros(1_700_000_000_000_000);
const LIMIT: u64 = 10;

fn later(by: Duration) -> Micros {
    Micros(NOON.0 + u64::try_from(by.as_micros()).unwrap())
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn key(seed: u8) -> CameraId {
    CameraId([seed; 32])
}

struct Bench {
    _dir: tempfile::TempDir,
    roster: Roster,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roster = Roster::open(&dir.path().join("roster.redb")).unwrap();
        Self { _dir: dir, roster }
    }

    fn invite(&self, camera: &str, replace: bool) -> TokenHash {
        self.roster.invite(&name(camera), replace, HOUR, NOON).unwrap().0.hash()
    }

    fn enrol(&self, token: &TokenHash, id: CameraId, at: Micros) -> Result<Enrolled, Error> {
        self.roster.enrol(token, id, None, LIMIT, at, |_| Ok(vec![CertificateDer::from(vec![id.0[0]])]))
    }
}

#[test]
fn a_token_enrols_one_key_under_its_name() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    bench.roster.admits(&token, NOON).unwrap();
    let enrolled = bench.enrol(&token, key(1), NOON).unwrap();
    assert_eq!(enrolled.replaced, None);
    assert_eq!(enrolled.camera.name, name("front-door"));
    assert_eq!(bench.roster.camera(&name("front-door")).unwrap(), Some(enrolled.camera.clone()));
    assert_eq!(bench.roster.holder(key(1)).unwrap(), Some(enrolled.camera.clone()));
    assert_eq!(bench.roster.cameras().unwrap(), [enrolled.camera]);
}

#[test]
fn a_used_token_serves_its_own_key_again_and_no_other() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    let first = bench.enrol(&token, key(1), NOON).unwrap();
    let certify = |_: &Name| -> Result<_, crate::pki::Error> { panic!("nothing is certified twice") };
    let again = bench.roster.enrol(&token, key(1), None, LIMIT, later(HOUR / 2), certify).unwrap();
    assert_eq!(again.camera, first.camera);
    assert!(matches!(bench.enrol(&token, key(2), NOON), Err(Error::TokenUsed)));
}

#[test]
fn unknown_and_expired_tokens() {
    let bench = Bench::new();
    let stranger = Token::random().unwrap().hash();
    assert!(matches!(bench.enrol(&stranger, key(1), NOON), Err(Error::TokenUnknown)));
    assert!(matches!(bench.roster.admits(&stranger, NOON), Err(Error::TokenUnknown)));

    let token = bench.invite("front-door", false);
    assert!(matches!(bench.enrol(&token, key(1), later(HOUR)), Err(Error::TokenExpired)));
    assert!(matches!(bench.roster.admits(&token, later(HOUR)), Err(Error::TokenExpired)));
    // The control: one microsecond earlier it is good.
    bench.enrol(&token, key(1), Micros(later(HOUR).0 - 1)).unwrap();
}

#[test]
fn a_name_is_not_given_to_a_second_key_unless_the_invitation_says_so() {
    let bench = Bench::new();
    let (early, token) = (bench.invite("front-door", false), bench.invite("front-door", false));
    bench.enrol(&token, key(1), NOON).unwrap();
    assert!(matches!(bench.roster.invite(&name("front-door"), false, HOUR, NOON), Err(Error::NameTaken { .. })));
    assert!(matches!(bench.enrol(&early, key(2), NOON), Err(Error::NameTaken { .. })));
    assert_eq!(bench.roster.camera(&name("front-door")).unwrap().unwrap().id, key(1));

    let replace = bench.invite("front-door", true);
    assert_eq!(bench.enrol(&replace, key(2), NOON).unwrap().replaced, Some(key(1)));
    assert_eq!(bench.roster.holder(key(1)).unwrap(), None);
    assert_eq!(bench.roster.holder(key(2)).unwrap().unwrap().name, name("front-door"));
}

#[test]
fn a_key_has_one_name_for_ever() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    bench.enrol(&token, key(1), NOON).unwrap();
    let elsewhere = bench.invite("back-door", false);
    assert!(matches!(bench.enrol(&elsewhere, key(1), NOON), Err(Error::KeyTaken { .. })));
    let replace = bench.invite("front-door", true);
    bench.enrol(&replace, key(2), NOON).unwrap();
    let back = bench.invite("front-door", true);
    assert!(matches!(bench.enrol(&back, key(1), NOON), Err(Error::KeyTaken { .. })));
    // The control: an unknown key takes the same invitation.
    bench.enrol(&back, key(3), NOON).unwrap();
}

#[test]
fn a_camera_may_say_which_name_it_expects() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    let enrol = |asked: &str| bench.roster.enrol(&token, key(1), Some(&name(asked)), LIMIT, NOON, |_| Ok(Vec::new()));
    assert!(matches!(enrol("back-door"), Err(Error::OtherName { .. })));
    enrol("front-door").unwrap();
}

#[test]
fn nothing_is_changed_when_no_certificate_can_be_made() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    let failed = bench.roster.enrol(&token, key(1), None, LIMIT, NOON, |_| Err(crate::pki::Error::Clock));
    assert!(matches!(failed, Err(Error::Certificate(_))));
    assert!(bench.roster.cameras().unwrap().is_empty());
    assert_eq!(bench.roster.holder(key(1)).unwrap(), None);
    bench.enrol(&token, key(1), NOON).unwrap();
}

#[test]
fn bounds() {
    let bench = Bench::new();
    for seed in 0..10_u8 {
        let token = bench.invite(&format!("camera-{seed}"), false);
        bench.enrol(&token, key(seed), NOON).unwrap();
    }
    let token = bench.invite("one-more", false);
    assert!(matches!(bench.enrol(&token, key(99), NOON), Err(Error::Full(10))));
    for valid in [Duration::ZERO, Duration::from_secs(59), MAX_VALID + HOUR] {
        assert!(matches!(bench.roster.invite(&name("front-door"), false, valid, NOON), Err(Error::Validity)), "{valid:?}");
    }
}

#[test]
fn it_survives_a_restart_and_has_one_opener() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roster.redb");
    let roster = Roster::open(&path).unwrap();
    let token = roster.invite(&name("front-door"), false, HOUR, NOON).unwrap().0.hash();
    assert!(matches!(Roster::open(&path), Err(Error::Busy(_))));
    drop(roster);
    let roster = Roster::open(&path).unwrap();
    roster.enrol(&token, key(1), None, LIMIT, NOON, |_| Ok(Vec::new())).unwrap();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
}

#[test]
fn the_token_itself_is_not_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("roster.redb");
    let roster = Roster::open(&path).unwrap();
    let (token, _) = roster.invite(&name("front-door"), false, HOUR, NOON).unwrap();
    drop(roster);
    let file = std::fs::read(&path).unwrap();
    let holds = |needle: &[u8]| file.windows(needle.len()).any(|window| window == needle);
    let text = token.to_string();
    let raw = data_encoding::BASE32_NOPAD.decode(text.replace('-', "").to_uppercase().as_bytes()).unwrap();
    for needle in [text.as_bytes(), text.replace('-', "").as_bytes(), &raw] {
        assert!(!holds(needle));
    }
    // The control: its hash is there.
    assert!(holds(&token.hash().0));
}
