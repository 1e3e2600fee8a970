//! Recordings that were changed.

use celosia_tests::audience::Ask;
use celosia_tests::camera::{Camera, INTERVAL, hidden};
use celosia_tests::operator::Operator;
use celosia_tests::tape::Tape;
use wire::context::Context;
use wire::frame::Body;
use wire::id::{Micros, SessionId};
use wire::message::Message;
use wire::verdict::Verdict;

use super::{NAME, judged, only_the_cameras_own, play, stream};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_an_honest_recording_is_authentic() {
    let operator = Operator::new();
    let tape = stream(&operator, &mut Camera::new(1, 1), "KffKffKffE");
    let audience = play(&operator, tape.clone(), Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
    assert_eq!((audience.shown.len(), audience.ends), (9, 1));
    only_the_cameras_own(&audience, &tape, "control");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn drop_leaves_a_gap_and_nothing_else() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "KffKffKff");
    let missing = "missing";
    for (what, tape, reason) in [
        ("one frame", honest.clone().without(4), missing),
        ("a key frame", honest.clone().without(3), missing),
        ("a group", honest.clone().without(3).without(3).without(3), "frames 1/3 to 1/5 are missing"),
        ("the record", Tape(honest.0.iter().filter(|message| !matches!(message, Message::Record { .. })).cloned().collect()), missing),
    ] {
        judged(&operator, &honest, tape, what, Verdict::WithGaps, reason).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flip_is_tampered() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "KffKff");
    // Flags, context, group, sequence; then time, the region, the layers.
    let time = 2 + Context::LENGTH + 16;
    let (region, public, end) = (time + 9, time + 9 + 11 + 8 + 200, honest.bytes(3).len());
    for (what, at) in [
        ("camera", 5),
        ("record", 2 + 80),
        ("time", time + 7),
        ("label", region),
        ("picture", public),
        ("sealed", end - 100),
        ("signature", end - 5),
    ] {
        let tape = honest.clone().frame(3, |bytes| bytes[at] ^= 1);
        let audience = play(&operator, tape, Ask::all(NAME)).await;
        assert!(audience.verdict() <= Verdict::WithGaps, "{what}: {}", audience.reasons());
        assert!(!audience.places().contains(&(1, 3)), "{what}: it was shown");
        only_the_cameras_own(&audience, &honest, what);
    }
    let flipped = honest.clone().frame(4, |bytes| bytes[public] ^= 1);
    judged(&operator, &honest, flipped, "picture", Verdict::Tampered, "signature does not hold").await;
    let mask_moved = honest.clone().reframe(3, |frame| frame.header.regions[0].x += 16);
    judged(&operator, &honest, mask_moved, "region", Verdict::Tampered, "signature does not hold").await;
    let mask_lifted = honest.clone().reframe(3, |frame| frame.header.regions.clear());
    judged(&operator, &honest, mask_lifted, "no region", Verdict::Tampered, "signature does not hold").await;
    let record = honest.clone().records(|record| record.signature[9] ^= 1);
    judged(&operator, &honest, record, "record", Verdict::Tampered, "an epoch record was refused").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reorder_changes_nothing_or_is_tampered() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "KfffKff");
    let moved = honest.clone().exchanged(1, 3).exchanged(4, 5);
    let audience = play(&operator, moved, Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), Verdict::Authentic, "the way of transport may do that: {}", audience.reasons());
    assert_eq!(audience.places(), (0..7).map(|sequence| (1, sequence)).collect::<Vec<_>>());

    let renumbered = honest.clone().reframe(1, |frame| frame.header.sequence = 2).reframe(2, |frame| frame.header.sequence = 1);
    judged(&operator, &honest, renumbered, "renumbered", Verdict::Tampered, "signature does not hold").await;
    let later = honest.clone().reframe(5, |frame| frame.header.captured_at = Micros(frame.header.captured_at.0 + 1));
    judged(&operator, &honest, later, "another time", Verdict::Tampered, "signature does not hold").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replay_is_tampered() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "KffKff");
    for number in [0, 1, 3] {
        judged(&operator, &honest, honest.clone().again(number), "again", Verdict::Tampered, "came again").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn splice_is_tampered() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "KffKff");
    let (mut neighbour, mut other) = (Camera::new(2, 1), Camera::new(1, 2));
    let foreign = stream(&operator, &mut neighbour, "KffKff");
    let earlier = stream(&operator, &mut other, "KffKff");

    let camera = honest.clone().frame(3, |bytes| *bytes = foreign.bytes(3).to_vec());
    judged(&operator, &honest, camera, "another camera's key frame", Verdict::Tampered, "another camera").await;
    let frame = honest.clone().frame(4, |bytes| *bytes = foreign.bytes(4).to_vec());
    judged(&operator, &honest, frame, "another camera's frame", Verdict::Tampered, "signature does not hold").await;
    let session = honest.clone().frame(3, |bytes| *bytes = earlier.bytes(3).to_vec());
    judged(&operator, &honest, session, "another session's frame", Verdict::Tampered, "another session").await;
    let theirs = neighbour.record();
    let record = honest.clone().records(|record| *record = theirs.clone());
    judged(&operator, &honest, record, "another camera's record", Verdict::Tampered, "another camera").await;

    // A layer from another frame, public or sealed.
    for layer in [0, 1] {
        let swapped = honest.clone().reframe(4, |frame| frame.layers[layer].body = honest.read(1).layers[layer].body.clone());
        judged(&operator, &honest, swapped, "another frame's layer", Verdict::Tampered, "signature does not hold").await;
    }
    let made_up = honest.clone().reframe(4, |frame| frame.layers[0].body = Body::Present(hidden(9).to_jpeg().into()));
    judged(&operator, &honest, made_up, "another picture", Verdict::Tampered, "signature does not hold").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_cameras_stream_under_this_name_shows_nothing() {
    let operator = Operator::new();
    let honest = stream(&operator, &mut Camera::new(1, 1), "Kff");
    let mut tape = stream(&operator, &mut Camera::new(2, 1), "Kff");
    tape.0[0] = honest.0[0].clone();
    judged(&operator, &Tape::default(), tape, "all of it", Verdict::Tampered, "another camera").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_frames_or_sessions_with_one_number_are_forked() {
    let operator = Operator::new();
    let (mut one, mut other) = (Camera::new(1, 1), Camera::new(1, 1).from(Micros(1_700_000_000_000_000)));
    let honest = stream(&operator, &mut one, "KffK");
    let fork = stream(&operator, &mut other, "KffK");
    let forked = honest.clone().and(fork.0.last().unwrap().clone());
    let audience = play(&operator, forked, Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), Verdict::Tampered);
    assert!(audience.reasons().contains("forked: two frames are signed as 1/3"), "{}", audience.reasons());

    let mut twin = Camera::with_nonce(1, SessionId { number: 1, nonce: [9; 16] });
    let twins = honest.clone().then(&mut twin, "....Kff", None);
    let audience = play(&operator, twins, Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), Verdict::Tampered);
    assert!(audience.reasons().contains("forked: two sessions are signed as number 1"), "{}", audience.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_tail_is_a_gap_once_a_later_session_is_seen() {
    let operator = Operator::new();
    let sessions = |first: &str, link: fn(&Camera) -> wire::epoch::Link| {
        let mut camera = Camera::new(1, 1);
        let tape = stream(&operator, &mut camera, first);
        let mut next = Camera::new(1, 2).after(link(&camera)).from(Micros(camera.time.0 + INTERVAL.as_micros() as u64));
        tape.then(&mut next, "KffE", None)
    };
    let whole = sessions("KffKffE", Camera::ended);
    let audience = play(&operator, whole.clone(), Ask::all(NAME)).await;
    assert_eq!(audience.verdict(), Verdict::Authentic, "control: {}", audience.reasons());
    assert_eq!((audience.shown.len(), audience.ends), (9, 2));

    let cut = whole.clone().without(6).without(5).without(4);
    judged(&operator, &whole, cut, "a tail", Verdict::WithGaps, "the end of session 1 is missing").await;
    let broken = sessions("KffKff", Camera::broken);
    judged(&operator, &broken, broken.clone(), "a session that broke off", Verdict::WithGaps, "cannot be known").await;

    let mut last = Camera::new(1, 3).after(Camera::ended(&{
        let mut middle = Camera::new(1, 2);
        middle.frames("KE");
        middle
    }));
    let hole = stream(&operator, &mut Camera::new(1, 1), "KffE").then(&mut last, "Kff", None);
    judged(&operator, &hole, hole.clone(), "a whole session", Verdict::WithGaps, "sessions").await;
}
