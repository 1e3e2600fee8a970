//! Frames that were removed, exchanged, repeated, brought in another order, or claimed not to exist.

use std::sync::Arc;

use wire::id::Digest;
use wire::message::{Gap, GapCause};
use wire::verdict::{Reason, Verdict};
use wire::verify::Refusal;

use crate::camera::{Session, front_door};
use crate::control::{Field, Piece, protects};
use crate::stream::{Item, Stream};

fn film() -> (Session, Stream) {
    let session = front_door().session(1, "K..K..E");
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic("K..K..E");
    (session, stream)
}

/// The frame with that index as its verifier puts it together, behind the frame with the index `after`.
fn piece(session: &Session, frame: usize, after: Option<usize>) -> Piece {
    let previous = after.map_or(Digest::ZERO, |after| session.frames[after].digest());
    let mut piece = Piece::of(session.frames[frame].bytes().clone(), session.frames[frame].context(), previous);
    if let Some(context) = &piece.frame.context {
        piece.context = Arc::new(wire::context::Context { previous, ..wire::context::Context::clone(context) });
    }
    piece
}

fn missing(first: u64, last: u64) -> Reason {
    Reason::Missing { session: 1, first, last }
}

#[test]
fn a_removed_frame_is_a_gap_until_the_next_group() {
    let (session, stream) = film();
    for (frame, shown, lost) in [(1, "KGK..E", (1, 2)), (2, "K.GK..E", (2, 2)), (3, "K..GE", (3, 5)), (5, "K..K.GE", (5, 5))] {
        let outcome = stream.clone().remove(frame).watch();
        assert_eq!(outcome.shown, shown, "without frame {frame}");
        assert_eq!(outcome.verdict(), Verdict::WithGaps, "a lost predecessor is never tampered");
        assert!(outcome.reasons().contains(&&missing(lost.0, lost.1)), "{:?}", outcome.reasons());
    }
    // Who forgot the predecessor under the signature would see the next frame hold.
    protects(&[Field::Previous], &piece(&session, 5, Some(4)), &piece(&session, 5, Some(3)));
    protects(&[Field::Previous], &piece(&session, 3, Some(2)), &piece(&session, 3, Some(1)));
}

#[test]
fn a_removed_frame_cannot_be_covered_up_by_new_numbers() {
    let (session, stream) = film();
    let outcome = stream.remove(1).edit(1, |frame| frame.header.sequence = 1).watch();
    outcome.is("KGK..E", &[Reason::Refused { session: 1, sequence: 1, refusal: Refusal::BadSignature }, missing(1, 2)]);
    let (signed, mut shown) = (piece(&session, 2, Some(1)), piece(&session, 2, Some(0)));
    shown.frame.header.sequence = 1;
    protects(&[Field::Sequence, Field::Previous], &signed, &shown);
}

#[test]
fn frames_on_two_places_exchanged_are_refused() {
    let (session, stream) = film();
    let swapped = stream.swap(1, 2).edit(1, |frame| frame.header.sequence = 1).edit(2, |frame| frame.header.sequence = 2);
    let outcome = swapped.watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("KGK..E", Verdict::Tampered), "{:?}", outcome.reasons());
    let (signed, mut shown) = (piece(&session, 2, Some(1)), piece(&session, 2, Some(0)));
    shown.frame.header.sequence = 1;
    protects(&[Field::Sequence, Field::Previous], &signed, &shown);
}

#[test]
fn another_order_on_the_way_is_put_right() {
    let (_, stream) = film();
    stream.clone().swap(1, 6).swap(2, 5).swap(3, 4).watch().is_authentic("K..K..E");
    // The control: who is shown frames as they come is shown them in that order.
    assert_ne!(stream.clone().swap(1, 2).believed(), stream.believed());
}

#[test]
fn a_stretch_that_begins_in_the_middle_and_then_goes_back_has_gaps() {
    let (_, stream) = film();
    let outcome = stream.clone().swap(0, 3).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K..E", Verdict::WithGaps));
    // Live, what is older than where one joined is nothing that one could miss.
    let joined =
        stream.swap(0, 3).watched(&front_door(), wire::assess::Mode::Live { tolerance: std::time::Duration::MAX, highest: None }, None);
    joined.is_authentic("K..E");
}

#[test]
fn a_frame_repeated_at_once_or_inside_an_archive_is_a_replay() {
    let (_, stream) = film();
    for (frame, again_before) in [(1, 2), (1, 6), (0, 3), (3, 4), (4, 6)] {
        let outcome = stream.clone().insert(again_before, stream.frame(frame)).watch();
        let sequence = u64::try_from(frame).unwrap();
        outcome.is("K..K..E", &[Reason::Replayed { session: 1, sequence }]);
    }
    // The control: who checks each signature and no order is shown the picture twice.
    assert_eq!(stream.clone().insert(6, stream.frame(1)).believed().len(), stream.believed().len() + 1);
}

#[test]
fn a_frame_repeated_while_it_waits_is_a_replay_too() {
    let (_, stream) = film();
    let outcome = stream.clone().swap(1, 2).insert(2, stream.frame(2)).watch();
    outcome.is("K..K..E", &[Reason::Replayed { session: 1, sequence: 2 }]);
}

#[test]
fn a_group_repeated_later_is_a_replay_even_when_its_frames_are_forgotten() {
    let script: &'static str = Box::leak(format!("K{}", "K".repeat(3000)).into_boxed_str());
    let session = front_door().session(1, script);
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic(script);
    let outcome = stream.clone().push(stream.frame(5)).watch();
    outcome.is(script, &[Reason::Replayed { session: 1, sequence: 5 }]);
}

#[test]
fn a_late_frame_that_was_given_up_is_not_a_replay() {
    let (_, stream) = film();
    let late = stream.frame(1);
    let outcome = stream.remove(1).pause(1000).push(late).watch();
    outcome.is("KGK..E", &[Reason::Unverifiable { session: 1, sequence: 2 }, missing(1, 2)]);
    // The control: had it been delivered, the same frame at the same moment would be one.
    let (_, stream) = film();
    let outcome = stream.clone().pause(1000).push(stream.frame(1)).watch();
    assert_eq!(outcome.verdict(), Verdict::Tampered);
}

#[test]
fn a_late_frame_that_was_changed_is_tampered_if_that_can_be_known() {
    let (_, stream) = film();
    let spoil = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    // A key frame stands on its own.
    let late = stream.clone().change(3, spoil).frame(3);
    let outcome = stream.clone().remove(3).pause(1000).push(late).watch();
    assert_eq!(outcome.verdict(), Verdict::Tampered);
    // Any other without its predecessor says nothing, and is not shown.
    let late = stream.clone().change(1, spoil).frame(1);
    let outcome = stream.remove(1).pause(1000).push(late).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("KGK..E", Verdict::WithGaps));
}

#[test]
fn the_relays_word_that_frames_are_missing_proves_nothing() {
    let (_, stream) = film();
    let gap = |session, first, last| Item::Gap(Gap { subscription: 1, session, first, last, cause: GapCause::Missing });
    // It lies: everything comes all the same.
    for lie in [gap(1, 1, 2), gap(1, 0, u64::MAX), gap(7, 0, 3)] {
        stream.clone().insert(1, lie).watch().is_authentic("K..K..E");
    }
    // It tells the truth: nobody waits, and what is missing is known from the signed frames alone.
    for at in [1, 2, 3] {
        let told = stream.clone().remove(1).insert(at, gap(1, 1, 1));
        told.watch().is("KGK..E", &[Reason::Unverifiable { session: 1, sequence: 2 }, missing(1, 2)]);
    }
}

#[test]
fn numbers_that_the_camera_skipped_are_missing_though_the_chain_holds() {
    use crate::camera::{Plan, draft};
    let plan = Plan::new(1, "");
    let camera = front_door();
    let mut session = camera.film(&plan);
    let mut signer = wire::sign::SessionSigner::new(camera.key.clone(), plan.id());
    let record = session.epochs[0].record.digest();
    let start = wire::sign::Start { codec: wire::context::Codec::H264, width: 640, height: 360, record };
    for (sequence, key) in [(0, true), (1, false), (4, false), (5, true), (9, true)] {
        let draft = draft(1, sequence, plan.start, key.then_some(start));
        session.frames.push(signer.sign(draft).unwrap());
    }
    let outcome = Stream::public(&[&session]).watch();
    assert_eq!(outcome.shown, "K..KK", "nothing was lost on the way, so everything is shown");
    assert_eq!(outcome.verdict(), Verdict::WithGaps);
    assert_eq!(outcome.report.findings[0].count, 2);
}
