//! Streams that are not what they claim to be.

use std::time::Duration;

use celosia_tests::audience::{Ask, Audience};
use celosia_tests::camera::{Camera, ago};
use celosia_tests::evil_relay::EvilRelay;
use celosia_tests::operator::Operator;
use celosia_tests::program::Program;
use celosia_tests::tape::Tape;
use link::exit::{Code, Error};
use wire::message::Message;
use wire::verdict::Verdict;

use super::{NAME, stream};

async fn watch(operator: &Operator, tape: Tape, ask: Ask<'_>, what: &str, verdict: Verdict) -> Audience {
    let relay = EvilRelay::playing(operator, tape);
    let mut audience = Audience::open(&relay.address(), operator.root(), ask).await.unwrap();
    audience.until(what, |audience| audience.verdict() == verdict && !audience.shown.is_empty()).await;
    assert_eq!(audience.verdict(), verdict, "{what}: {}", audience.reasons());
    audience
}

async fn refused(operator: &Operator, tape: Tape, ask: Ask<'_>) -> Error {
    let relay = EvilRelay::playing(operator, tape);
    match Audience::open(&relay.address(), operator.root(), ask).await {
        Err(error) => error,
        Ok(mut audience) => {
            audience.to_the_end().await;
            audience.error.unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_live_stream_is_authentic() {
    let operator = Operator::new();
    let tape = stream(&operator, &mut Camera::new(1, 1), "KffKffKff");
    let relay = EvilRelay::playing(&operator, tape);
    let mut audience = Audience::open(&relay.address(), operator.root(), Ask::live(NAME)).await.unwrap();
    audience.frames(9).await;
    assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
    assert_eq!(audience.places(), (0..9).map(|sequence| (1, sequence)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_flip_and_replay_are_seen_live_too() {
    let operator = Operator::new();
    let tape = |text| stream(&operator, &mut Camera::new(1, 1), text);
    let dropped = tape("KffKffKff").without(4);
    watch(&operator, dropped, Ask::live(NAME), "dropped", Verdict::WithGaps).await;
    let flipped = tape("KffKff").frame(4, |bytes| bytes[300] ^= 1);
    watch(&operator, flipped, Ask::live(NAME), "flipped", Verdict::Tampered).await;
    let replayed = tape("KffKff").again(4);
    watch(&operator, replayed, Ask::live(NAME), "replayed", Verdict::Tampered).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_frames_as_live_are_not_live() {
    let operator = Operator::new();
    let hour = Duration::from_secs(3600);
    let old = stream(&operator, &mut Camera::new(1, 1).from(ago(hour)), "KffKff");
    let audience = watch(&operator, old, Ask::live(NAME), "an hour old", Verdict::NotLive).await;
    assert!(audience.reasons().contains("the picture is old, or one of the clocks is wrong"), "{}", audience.reasons());

    // Young enough by its time, and seen before all the same.
    let seen = stream(&operator, &mut Camera::new(1, 1), "KffKff");
    let ask = Ask { highest: Some((1, 100)), ..Ask::live(NAME) };
    let audience = watch(&operator, seen.clone(), ask, "seen before", Verdict::NotLive).await;
    assert!(audience.reasons().contains("is not above 1/100"), "{}", audience.reasons());
    let ask = Ask { highest: Some((0, 100)), ..Ask::live(NAME) };
    watch(&operator, seen, ask, "control", Verdict::Authentic).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forge_a_camera_is_refused() {
    let operator = Operator::new();
    let mut camera = Camera::new(1, 1);
    // A certificate of this operator's for another name.
    let other_name = Tape::of(&operator, "back-door", &mut camera, "Kff", None);
    let error = refused(&operator, other_name, Ask::live(NAME)).await;
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("asked for front-door and answers with back-door"), "{error}");
    // The name is right on the outside only.
    let mut renamed = Tape::of(&operator, "back-door", &mut camera, "Kff", None);
    if let Message::Camera(introduction) = &mut renamed.0[0] {
        introduction.name = NAME.parse().unwrap();
    }
    let error = refused(&operator, renamed, Ask::live(NAME)).await;
    assert!(error.message.contains("shows a certificate made for back-door"), "{error}");
    // Another operator's camera of the same name.
    let mut stranger = Tape::of(&Operator::new(), NAME, &mut camera, "Kff", None);
    if let Message::Camera(introduction) = &mut stranger.0[0] {
        introduction.chain.pop();
    }
    let error = refused(&operator, stranger, Ask::live(NAME)).await;
    assert_eq!(error.code, Code::Data);
    assert!(error.message.contains("cannot be trusted") && error.to_string().contains("nobody vouches"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swap_the_camera_while_it_is_watched_is_refused() {
    let operator = Operator::new();
    let tape = stream(&operator, &mut Camera::new(1, 1), "Kff");
    let other = stream(&operator, &mut Camera::new(2, 1), "Kff");
    let swapped = Tape([tape.0, other.0].concat());
    let error = refused(&operator, swapped, Ask::live(NAME)).await;
    assert!(error.message.contains("swapped the camera behind front-door"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_operators_relay_is_refused() {
    let (operator, other) = (Operator::new(), Operator::new());
    let relay = EvilRelay::playing(&other, stream(&other, &mut Camera::new(1, 1), "Kff"));
    let error = Audience::open(&relay.address(), operator.root(), Ask::live(NAME)).await.err().unwrap();
    assert_eq!(error.code, Code::NotAllowed);
    assert!(error.message.contains("root certificate changed"), "{error}");
}

/// The relay certifies a key of its own for a name that viewers know: the real viewer refuses it by the id that it pinned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swap_keys_is_an_unknown_camera() {
    let (operator, dir) = (Operator::new(), tempfile::tempdir().unwrap());
    let tape = |seed| stream(&operator, &mut Camera::new(seed, 1), "KffKff");
    let relay = EvilRelay::playing(&operator, tape(1));
    let camera = format!("{NAME}@{}", relay.address());
    let snapshot = |more: String| {
        let (camera, home) = (camera.clone(), dir.path().join("home"));
        let program = Program::new("viewer", dir.path()).args("snapshot").arg(camera).arg("out.png").args(&more).env("CELOSIA_HOME", home);
        tokio::task::spawn_blocking(|| program.run())
    };
    snapshot(format!("--ca {}", operator.root().compact())).await.unwrap().expect(0);

    relay.play(tape(2));
    let refused = snapshot(String::new()).await.unwrap();
    let forged = Camera::new(2, 1).id();
    refused.expect(77).says(&["unknown camera", &Camera::new(1, 1).id().to_string(), &forged.to_string(), "--camera-id"]);
    // Somebody who was told of a new camera accepts it knowingly.
    snapshot(format!("--camera-id {forged}")).await.unwrap().expect(0);
    // And from then on the old one is the stranger.
    relay.play(tape(1));
    snapshot(String::new()).await.unwrap().expect(77).says(&["unknown camera"]);
}
