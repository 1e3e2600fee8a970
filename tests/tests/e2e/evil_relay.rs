//! A relay that lies. It has the operator's real issuing CA and server key, and genuine messages of genuine cameras; it lacks the cameras'
//! keys and the viewers'.

mod live;
mod recorded;
mod video;
mod withheld;

use celosia_tests::audience::{Ask, Audience};
use celosia_tests::camera::Camera;
use celosia_tests::evil_relay::EvilRelay;
use celosia_tests::operator::Operator;
use celosia_tests::tape::Tape;
use wire::id::Digest;
use wire::verdict::Verdict;

const NAME: &str = "front-door";

/// What a viewer makes of a tape.
async fn play(operator: &Operator, tape: Tape, ask: Ask<'_>) -> Audience {
    let relay = EvilRelay::playing(operator, tape);
    let mut audience = Audience::open(&relay.address(), operator.root(), ask).await.unwrap();
    audience.to_the_end().await;
    assert_eq!(audience.error, None);
    audience
}

/// Fails unless every frame that was shown is one that the camera signed, shown in the camera's order.
fn only_the_cameras_own(audience: &Audience, tape: &Tape, what: &str) {
    let signed: Vec<_> = (0..tape.frames()).map(|number| tape.read(number)).collect();
    for shown in &audience.shown {
        let digests = |layers: &[wire::frame::Layer]| layers.iter().map(wire::frame::Layer::digest).collect::<Vec<Digest>>();
        let is =
            |frame: &wire::frame::Frame| frame.header == *shown.frame.header() && digests(&frame.layers) == digests(shown.frame.layers());
        assert!(signed.iter().any(is), "{what}: frame {:?} was shown, and the camera never signed it", shown.place);
    }
    assert!(audience.places().is_sorted_by(|a, b| a < b), "{what}: {:?}", audience.places());
}

/// Fails unless a recording is judged so, for this reason.
async fn judged(operator: &Operator, honest: &Tape, tape: Tape, what: &str, verdict: Verdict, reason: &str) {
    let audience = play(operator, tape, Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), verdict, "{what}: {}", audience.reasons());
    assert!(audience.reasons().contains(reason), "{what}: “{reason}” is not in “{}”", audience.reasons());
    only_the_cameras_own(&audience, honest, what);
}

/// A camera's stream.
fn stream(operator: &Operator, camera: &mut Camera, text: &str) -> Tape {
    Tape::of(operator, NAME, camera, text, None)
}
