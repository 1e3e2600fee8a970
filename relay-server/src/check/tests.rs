#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;
use crate::clock::Clock;
use crate::init::{self, Wish};

struct Made {
    dir: tempfile::TempDir,
    folder: Folder,
}

impl Made {
    /// A relay whose root key is elsewhere, on a port that is free, with an archive that fits.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wish = Wish {
            name: "relay.example".parse().unwrap(),
            further: Vec::new(),
            dir: dir.path().join("relay"),
            root_dir: Some(dir.path().join("drawer")),
        };
        let made = Self { folder: init::init(&wish, Clock::system().now()).unwrap().folder, dir };
        made.edit("listen = \"[::]:7443\"", "listen = \"127.0.0.1:0\"");
        made.edit("max_bytes = 50_000_000_000", "max_bytes = 100_000_000");
        made
    }

    fn config(&self) -> PathBuf {
        self.folder.config()
    }

    fn edit(&self, from: &str, to: &str) {
        let text = fs::read_to_string(self.config()).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(self.config(), text.replace(from, to)).unwrap();
    }

    fn after(&self, days: u64) -> Report {
        check(&self.config(), Micros(Clock::system().now().0 + days * 86_400_000_000))
    }

    fn found(&self) -> Vec<(Weight, String)> {
        self.after(0).findings.into_iter().map(|finding| (finding.weight, finding.text)).collect()
    }
}

fn one(found: &[(Weight, String)], weight: Weight, part: &str) {
    assert!(found.iter().any(|(of, text)| *of == weight && text.contains(part)), "{part} is not in {found:#?}");
}

#[test]
fn a_relay_fresh_from_init_is_well() {
    let made = Made::new();
    assert_eq!(made.found(), []);
    assert_eq!(made.after(0).code(), None);
}

#[test]
fn everything_is_told_at_once() {
    let made = Made::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    made.edit("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    made.edit("name = \"relay.example\"", "name = \"other.example\"");
    made.edit("max_bytes = 100_000_000", "max_bytes = 1_000_000_000_000_000");
    fs::create_dir(made.folder.root()).unwrap();
    fs::copy(made.dir.path().join("drawer").join(ROOT_KEY), made.folder.root().join(ROOT_KEY)).unwrap();
    fs::set_permissions(made.folder.pki(Pki::IssuingKey), fs::Permissions::from_mode(0o644)).unwrap();
    fs::remove_file(made.folder.roster()).unwrap();
    fs::remove_file(made.folder.pki(Pki::RelayKey)).unwrap();
    let found = made.found();
    one(&found, Weight::Error, "roster.redb is missing");
    one(&found, Weight::Error, "relay.key cannot be read");
    one(&found, Weight::Error, "not for other.example");
    one(&found, Weight::Error, "issuing.key can be read by others");
    one(&found, Weight::Error, "cannot be listened on");
    one(&found, Weight::Warning, "the root key lies on the relay");
    one(&found, Weight::Warning, "the disk will fill up first");
    assert_eq!(found.len(), 7, "{found:#?}");
}

#[test]
fn problems_of_the_configuration_are_all_told() {
    let made = Made::new();
    made.edit("viewers = 1000", "viewers = 0\nwatchers = 3");
    made.edit("sealed_access = \"granted\"", "sealed_access = \"somebody\"");
    let report = made.after(0);
    assert_eq!((report.findings.len(), report.code()), (3, Some(Code::Usage)), "{report:?}");
    let missing = check(&made.dir.path().join("none.toml"), Clock::system().now());
    assert_eq!(missing.code(), Some(Code::Usage));
}

#[test]
fn what_expires_is_told_before_and_after() {
    let made = Made::new();
    let texts = |days| made.after(days).findings.into_iter().map(|finding| (finding.weight, finding.text)).collect::<Vec<_>>();
    // The server certificate has 90 days, but the relay renews it by itself.
    assert_eq!(texts(80), []);
    let soon = texts(700);
    one(&soon, Weight::Warning, "the issuing CA expires on");
    one(&soon, Weight::Warning, "the relay key's certificate expires on");
    assert_eq!(soon.len(), 2, "{soon:?}");
    let late = texts(732);
    one(&late, Weight::Error, "the issuing CA expired on");
    one(&late, Weight::Error, "the relay key's certificate expired on");
    let early = check(&made.config(), Micros(1_000_000_000_000_000));
    assert!(early.findings.iter().any(|finding| finding.text.contains("clock")), "{early:?}");
}

#[test]
fn a_key_of_another_relay() {
    let (made, other) = (Made::new(), Made::new());
    fs::copy(other.folder.pki(Pki::IssuingKey), made.folder.pki(Pki::IssuingKey)).unwrap();
    one(&made.found(), Weight::Error, "the key of the issuing CA is not the one in its certificate");
    assert_eq!(made.after(0).code(), Some(Code::Data));
}

#[test]
fn a_running_relay_is_no_fault() {
    let made = Made::new();
    let _held = Roster::open(&made.folder.roster()).unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    made.edit("127.0.0.1:0", &taken.local_addr().unwrap().to_string());
    assert_eq!(made.found(), []);
}

#[test]
fn a_damaged_roster() {
    let made = Made::new();
    fs::write(made.folder.roster(), vec![7; 8192]).unwrap();
    one(&made.found(), Weight::Error, "roster");
}

#[test]
fn it_writes_nothing() {
    let made = Made::new();
    let stamp = |file: Pki| fs::metadata(made.folder.pki(file)).unwrap().modified().unwrap();
    let before = Pki::ALL.map(stamp);
    let _ = made.after(85);
    assert_eq!(Pki::ALL.map(stamp), before);
}
