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
    let config = Config::new(&"localhost".parse().unwrap(), Path::new("."));
    config.with_camera(&door(), Camera { public_history, ..Camera::default() })
}

fn door() -> Name {
    "front-door".parse().unwrap()
}

fn key(number: u8) -> Viewer {
    Viewer { fingerprint: Some(Fingerprint([number; 32])) }
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

#[test]
fn what_needs_accounts_is_refused_until_there_are_some() {
    // Such a configuration is not loaded; whoever makes one all the same gets nothing.
    let base = config(History::None);
    let named = base.clone().with_camera(&door(), Camera { visible: Visible::Named, ..Camera::default() });
    assert_eq!(ask(&named, key(1), Layers::Public, Span::Live), Err(NotAllowed::NotPublic(door())));
    let granted = Config::default();
    assert_eq!(ask(&granted, key(1), Layers::Sealed, Span::Live), Err(NotAllowed::NeedsAccount));
    assert_eq!(ask(&granted, key(1), Layers::Public, back(HOUR)), Err(NotAllowed::LiveOnly(door())));
    assert_eq!(ask(&granted, key(1), Layers::Public, Span::Live), Ok(()));
}
