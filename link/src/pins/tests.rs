#![allow(clippy::unwrap_used, clippy::panic)]

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const NOW: Micros = Micros(1_767_225_600_000_000);
const LATER: Micros = Micros(1_777_225_600_000_000);

fn relay() -> Relay {
    "relay.example".parse().unwrap()
}

fn camera() -> Camera {
    "front-door@relay.example".parse().unwrap()
}

#[test]
fn who_is_new_is_remembered_and_known() {
    let dir = tempfile::tempdir().unwrap();
    let pins = Pins::at(dir.path().join("celosia/known.toml"));
    let (root, id) = (RootFingerprint([1; 32]), CameraId([2; 32]));
    assert_eq!(pins.check_relay(&relay(), root).unwrap(), Check::New);
    assert_eq!(pins.root_of(&relay()).unwrap(), None);
    pins.remember_relay(&relay(), root, NOW).unwrap();
    pins.remember_camera(&camera(), id, NOW).unwrap();
    assert_eq!(pins.check_relay(&relay(), root).unwrap(), Check::Known);
    assert_eq!(pins.root_of(&relay()).unwrap(), Some(root));
    assert_eq!(pins.check_camera(&camera(), id).unwrap(), Check::Known);

    // Another spelling is the same relay; another port and another relay are not.
    assert_eq!(pins.check_relay(&"Relay.Example.:7443".parse().unwrap(), root).unwrap(), Check::Known);
    assert_eq!(pins.check_relay(&"relay.example:7444".parse().unwrap(), root).unwrap(), Check::New);
    assert_eq!(pins.check_camera(&"front-door@other.example".parse().unwrap(), id).unwrap(), Check::New);

    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(pins.path()), mode(pins.path().parent().unwrap())), (0o600, 0o700));
}

#[test]
fn a_change_is_told_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let pins = Pins::at(dir.path().join("known.toml"));
    pins.remember_relay(&relay(), RootFingerprint([1; 32]), NOW).unwrap();
    pins.remember_camera(&camera(), CameraId([2; 32]), NOW).unwrap();

    let Check::Changed(changed) = pins.check_camera(&camera(), CameraId([3; 32])).unwrap() else { panic!("not noticed") };
    assert_eq!((changed.expected, changed.seen), (CameraId([2; 32]), CameraId([3; 32])));
    let text = changed.to_string();
    for part in ["front-door@relay.example:7443", "camera id", "2026-01-01", &"02".repeat(32), &"03".repeat(32), "known.toml"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
    // What the text says to remove is what stands in the file.
    let file = std::fs::read_to_string(pins.path()).unwrap();
    assert!(text.contains("[cameras.\"front-door@relay.example:7443\"]") && file.contains("[cameras.\"front-door@relay.example:7443\"]"));

    let Check::Changed(changed) = pins.check_relay(&relay(), RootFingerprint([4; 32])).unwrap() else { panic!("not noticed") };
    assert!(changed.to_string().contains("the relay relay.example:7443 changed its root certificate"));

    // Accepted knowingly.
    pins.remember_relay(&relay(), RootFingerprint([4; 32]), LATER).unwrap();
    assert_eq!(pins.check_relay(&relay(), RootFingerprint([4; 32])).unwrap(), Check::Known);
    assert_eq!(pins.check_camera(&camera(), CameraId([2; 32])).unwrap(), Check::Known, "the others stay");
}

#[test]
fn a_broken_file_trusts_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let pins = Pins::at(dir.path().join("known.toml"));
    let broken = ["relays = 3", "[relays.\"relay.example:7443\"]\nroot = 'xx'\nfirst_seen = '2026-01-01T00:00:00Z'", "[other]", "\u{0}"];
    for text in broken {
        std::fs::write(pins.path(), text).unwrap();
        assert!(matches!(pins.check_relay(&relay(), RootFingerprint([1; 32])), Err(Error::Malformed { .. })), "{text:?}");
    }
    // And is not overwritten.
    assert!(pins.remember_camera(&camera(), CameraId([2; 32]), NOW).is_err());
    assert_eq!(std::fs::read_to_string(pins.path()).unwrap(), "\u{0}");
}

#[test]
fn writers_at_the_same_time_forget_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pins = Pins::at(dir.path().join("known.toml"));
    let relay = |number: usize| Relay::new("relay.example", u16::try_from(number + 1).unwrap()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..16 {
            let pins = pins.clone();
            scope.spawn(move || pins.remember_relay(&relay(number), RootFingerprint([1; 32]), NOW).unwrap());
        }
    });
    assert!((0..16).all(|number| pins.check_relay(&relay(number), RootFingerprint([1; 32])).unwrap() == Check::Known));
}
