#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use wire::verify;

use super::*;
use crate::config::Camera;
use crate::fake;

const NOW: Micros = Micros(1_700_000_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

fn config(public_history: History) -> Config {
    // Without accounts: what they change is asked below.
    let config = Config::new(&"localhost".parse().unwrap(), Path::new(".")).with_sealed_access(SealedAccess::Anyone);
    config.with_camera(&door(), Camera { public_history, ..Camera::default() })
}

fn door() -> Name {
    "front-door".parse().unwrap()
}

fn key(number: u8) -> Viewer {
    Viewer { fingerprint: Some(Fingerprint([number; 32])), account: None }
}

/// An epoch in which key 1 holds a grant.
fn epoch() -> Epoch {
    let mut camera = fake::Camera::new(1, 1).granting(1);
    let record = verify::record(camera.begin_epoch(), camera.id()).unwrap();
    let grants = camera.grants(0);
    Epoch::new(Arc::new(record), grants.list, grants.grants).unwrap()
}

fn back(by: Duration) -> Span {
    Span::Range { from: Micros(NOW.0 - micros(by)), to: NOW }
}

fn ask(config: &Config, viewer: Viewer, layers: Layers, span: Span) -> Result<(), NotAllowed> {
    decide(config, &door(), viewer, layers, span, Some(&epoch()), NOW)
}

#[test]
fn everyone_watches_the_public_layer_live() {
    let config = config(History::None);
    assert_eq!(ask(&config, Viewer::default(), Layers::Public, Span::Live), Ok(()));
    assert_eq!(decide(&config, &door(), Viewer::default(), Layers::Public, Span::Live, None, NOW), Ok(()));
}

#[test]
fn sealed_layers_go_to_a_key_that_was_named() {
    let config = config(History::None);
    assert_eq!(ask(&config, Viewer::default(), Layers::Sealed, Span::Live), Err(NotAllowed::NoKey));
    assert_eq!(ask(&config, key(2), Layers::Sealed, Span::Live), Ok(()));
}

#[test]
fn the_past_is_for_whoever_holds_a_grant() {
    let config = config(History::None);
    for (viewer, allowed) in [(Viewer::default(), false), (key(2), false), (key(1), true)] {
        let decided = ask(&config, viewer, Layers::Public, back(HOUR));
        assert_eq!(decided.is_ok(), allowed, "{viewer:?}");
        assert!(allowed || decided == Err(NotAllowed::LiveOnly(door())));
    }
    // Of a camera of which nothing is known, nobody holds a grant.
    assert!(decide(&config, &door(), key(1), Layers::Public, back(HOUR), None, NOW).is_err());
}

#[test]
fn everyone_watches_as_far_back_as_the_config_says() {
    let config = config(History::For(HOUR));
    assert_eq!(ask(&config, Viewer::default(), Layers::Public, back(HOUR)), Ok(()));
    assert_eq!(ask(&config, Viewer::default(), Layers::Public, back(HOUR + GRACE)), Ok(()), "asked a moment ago");
    let too_far = ask(&config, Viewer::default(), Layers::Public, back(HOUR + GRACE + Duration::from_micros(1)));
    assert_eq!(too_far, Err(NotAllowed::TooFarBack { camera: door(), back: HOUR }));
    assert!(too_far.unwrap_err().to_string().contains("the last 1h only"));
    assert_eq!(ask(&config, key(1), Layers::Sealed, back(24 * HOUR)), Ok(()));
}

/// Somebody with an account whose keys have that number.
fn account(number: u8) -> Viewer {
    Viewer { fingerprint: None, account: Some(Fingerprint([number; 32])) }
}

fn granted(camera: Camera) -> Config {
    config(History::None).with_sealed_access(SealedAccess::Granted).with_camera(&door(), camera)
}

#[test]
fn sealed_layers_go_to_accounts_for_the_labels_that_they_were_granted() {
    let (config, epoch) = (granted(Camera::default()), epoch());
    for (viewer, layers) in [(Viewer::default(), Layers::Sealed), (key(1), Layers::Sealed)] {
        assert_eq!(ask(&config, viewer, layers, Span::Live), Err(NotAllowed::NeedsAccount), "a key that is named proves nothing");
        assert!(labels(&config, viewer, &epoch).is_empty());
    }
    assert_eq!(ask(&config, account(1), Layers::Sealed, Span::Live), Ok(()));
    assert_eq!(labels(&config, account(1), &epoch), LabelSet::of([Label::FACE].into_iter()));
    assert!(labels(&config, account(2), &epoch).is_empty(), "without a grant one sees what the public sees");
    assert_eq!(labels(&config, account(1), &epoch).names(&epoch), ["face"]);
    // Control: without accounts, all layers go to whoever asks.
    assert_eq!(labels(&self::config(History::None), key(2), &epoch), LabelSet::ALL);
}

#[test]
fn a_camera_is_for_everyone_for_accounts_or_for_named_people() {
    for (visible, nobody, other, named) in [
        (Visible::Public, Ok(()), Ok(()), Ok(())),
        (Visible::Accounts, Err(NotAllowed::NotPublic(door())), Ok(()), Ok(())),
        (Visible::Named, Err(NotAllowed::NotPublic(door())), Err(NotAllowed::NotNamed(door())), Ok(())),
    ] {
        let config = granted(Camera { visible, ..Camera::default() });
        for (viewer, expected) in [(Viewer::default(), &nobody), (key(1), &nobody), (account(2), &other), (account(1), &named)] {
            assert_eq!(&ask(&config, viewer, Layers::Public, Span::Live), expected, "{visible} {viewer:?}");
            let rests = rests_on_account(&config, &door(), viewer, Layers::Public, Span::Live, Some(&epoch()), NOW);
            assert_eq!(rests, viewer.account.is_some() && visible != Visible::Public, "{visible} {viewer:?}");
        }
        // Of a camera of which nothing is known, nobody is named.
        let unknown = decide(&config, &door(), account(1), Layers::Public, Span::Live, None, NOW);
        assert_eq!(unknown.is_ok(), visible != Visible::Named);
    }
}

#[test]
fn the_past_is_for_accounts_that_hold_a_grant() {
    let config = granted(Camera::default());
    for (viewer, allowed) in [(Viewer::default(), false), (key(1), false), (account(2), false), (account(1), true)] {
        for layers in [Layers::Public, Layers::Sealed] {
            assert_eq!(ask(&config, viewer, layers, back(HOUR)).is_ok(), allowed, "{viewer:?} {layers:?}");
        }
    }
    assert!(rests_on_account(&config, &door(), account(1), Layers::Public, back(HOUR), Some(&epoch()), NOW));
    assert!(!rests_on_account(&config, &door(), account(1), Layers::Public, Span::Live, Some(&epoch()), NOW));
    assert!(rests_on_account(&config, &door(), account(1), Layers::Sealed, Span::Live, Some(&epoch()), NOW));
}
