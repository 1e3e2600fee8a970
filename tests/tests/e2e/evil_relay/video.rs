//! The same attacks on groups of video, whose frames build on each other: whatever the relay does, each picture that is shown is the one
//! that the camera signed, with the right originals in it.

use celosia_tests::audience::{Ask, Audience, is_the_cameras_picture};
use celosia_tests::camera::Camera;
use celosia_tests::evil_relay::EvilRelay;
use celosia_tests::operator::Operator;
use celosia_tests::person::Person;
use celosia_tests::tape::Tape;
use wire::verdict::Verdict;

use super::{NAME, only_the_cameras_own, play};

/// A camera's stream as Ana is sent it, who may unlock.
fn video(operator: &Operator, ana: &Person, text: &str) -> Tape {
    let mut camera = Camera::new(1, 1).video().granting(ana.public());
    Tape::of(operator, NAME, &mut camera, text, Some(ana.public()))
}

fn shows(audience: &Audience, sequences: &[u64], what: &str) {
    assert_eq!(audience.places(), sequences.iter().map(|sequence| (1, *sequence)).collect::<Vec<_>>(), "{what}");
    for shown in &audience.shown {
        is_the_cameras_picture(shown, true);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_out_or_changed_ends_its_group_and_nothing_else() {
    let (operator, ana) = (Operator::new(), Person::new());
    let honest = video(&operator, &ana, "KffffKffffKff");
    let ask = Ask::all(NAME).by(&ana);
    let audience = play(&operator, honest.clone(), ask).await;
    shows(&audience, &(0..13).collect::<Vec<_>>(), "control");
    assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());

    for (what, tape, sequences) in [
        ("a frame is left out", honest.clone().without(7), [0, 1, 2, 3, 4, 5, 6, 10, 11, 12].as_slice()),
        ("a key frame is left out", honest.clone().without(5), &[0, 1, 2, 3, 4, 10, 11, 12]),
        ("the first is left out", honest.clone().without(0), &[5, 6, 7, 8, 9, 10, 11, 12]),
        ("frames change places", honest.clone().exchanged(1, 3).exchanged(7, 8), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
        ("groups change places", honest.clone().exchanged(5, 10), &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]),
    ] {
        let audience = play(&operator, tape, ask).await;
        shows(&audience, sequences, what);
        only_the_cameras_own(&audience, &honest, what);
    }
    let end = honest.bytes(7).len();
    let flipped = honest.clone().frame(7, |bytes| bytes[end - 100] ^= 1);
    let audience = play(&operator, flipped, ask).await;
    assert_eq!(audience.verdict(), Verdict::Tampered, "{}", audience.reasons());
    for shown in &audience.shown {
        is_the_cameras_picture(shown, true);
        assert!(!(7..10).contains(&shown.place.1), "it builds on what was changed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_too_a_hole_is_waited_out() {
    let (operator, ana) = (Operator::new(), Person::new());
    let tape = video(&operator, &ana, "KffffKffff").without(2);
    let relay = EvilRelay::playing(&operator, tape);
    let mut audience = Audience::open(&relay.address(), operator.root(), Ask::live(NAME).by(&ana)).await.unwrap();
    audience.until("the second group", |audience| audience.places().last() == Some(&(1, 9))).await;
    shows(&audience, &[0, 1, 5, 6, 7, 8, 9], "live");
    assert_eq!(audience.verdict(), Verdict::WithGaps, "{}", audience.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_sealed_layer_the_mask_stays() {
    let (operator, ana) = (Operator::new(), Person::new());
    let stripped = video(&operator, &ana, "KffKff").stripped();
    let audience = play(&operator, stripped, Ask::all(NAME).by(&ana)).await;
    assert_eq!(audience.verdict(), Verdict::Withheld, "{}", audience.reasons());
    assert_eq!(audience.shown.len(), 6);
    for shown in &audience.shown {
        is_the_cameras_picture(shown, false);
    }
    // Of one frame alone: the stream under the mask goes on with the next group, and never in between.
    let honest = video(&operator, &ana, "KffffKff");
    let one = honest.clone().reframe(2, |frame| frame.layers[1].body = wire::frame::Body::Withheld(frame.layers[1].digest()));
    let relay = EvilRelay::playing(&operator, one);
    let mut audience = Audience::open(&relay.address(), operator.root(), Ask::all(NAME).by(&ana)).await.unwrap();
    audience.tolerate_broken = true;
    audience.to_the_end().await;
    assert_eq!(audience.shown.len(), 8);
    for shown in &audience.shown {
        is_the_cameras_picture(shown, !(2..5).contains(&shown.place.1));
    }
}
