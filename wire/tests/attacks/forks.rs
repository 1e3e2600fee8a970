//! Two frames, both signed, for one place: a camera that signs both, or whoever else has its key.

use std::sync::Arc;

use bytes::Bytes;
use ed25519_dalek::Signer as _;
use wire::context::Context;
use wire::frame::Frame;
use wire::id::Digest;
use wire::sign::SessionSigner;
use wire::verdict::{Reason, Verdict};
use wire::verify::Refusal;

use crate::camera::{Plan, Session, draft, front_door};
use crate::stream::{Item, Stream};

/// The session again, by the same key, with another picture from frame `at` on.
fn retold(script: &'static str, at: u64) -> (Session, Session) {
    let camera = front_door();
    let plan = Plan::new(1, script);
    let told = camera.film(&plan);
    let mut again = camera.film(&plan);
    let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
    for (frame, sequence) in again.frames.iter_mut().zip(0..) {
        let header = frame.header();
        let start = header.flags.key.then(|| {
            let context = frame.context();
            wire::sign::Start { codec: context.codec, width: context.width, height: context.height, record: context.record }
        });
        let mut draft = draft(1, sequence, header.captured_at, start);
        if sequence >= at {
            draft.public = Bytes::from(format!("another story {sequence}"));
        }
        *frame = signer.sign(draft).unwrap();
    }
    (told, again)
}

fn item(session: &Session, frame: usize) -> Item {
    Stream::public(&[session]).frame(frame)
}

#[test]
fn two_frames_with_one_sequence() {
    for at in 0..6_u64 {
        let (told, again) = retold("K..K..", at);
        let (stream, place) = (Stream::public(&[&told]), usize::try_from(at).unwrap());
        stream.watch().is_authentic("K..K..");
        Stream::public(&[&again]).watch().is_authentic("K..K..");
        let forked = [Reason::Forked { session: 1, sequence: at }];
        // Behind everything, right behind the first, and while the first still waits.
        stream.clone().push(item(&again, place)).watch().is("K..K..", &forked);
        stream.clone().insert(place + 1, item(&again, place)).watch().is("K..K..", &forked);
        if place > 0 {
            let waiting = stream.clone().swap(place - 1, place).insert(place, item(&again, place));
            let outcome = waiting.watch();
            assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K..K..", Verdict::Tampered), "frame {at}");
            assert!(outcome.reasons().contains(&&forked[0]), "frame {at}: {:?}", outcome.reasons());
        }
    }
}

#[test]
fn the_same_frame_twice_is_a_replay_and_no_fork() {
    let (told, _) = retold("K..K..", 9);
    let stream = Stream::public(&[&told]);
    stream.clone().push(stream.frame(4)).watch().is("K..K..", &[Reason::Replayed { session: 1, sequence: 4 }]);
}

#[test]
fn a_group_that_was_told_behind_another_frame() {
    let (told, again) = retold("K..K..K..", 2);
    let stream = Stream::public(&[&told]);
    stream.watch().is_authentic("K..K..K..");
    // The second group of the other story: right behind the first story's first group it contradicts it.
    let spliced = stream.clone().cut(3).push(item(&again, 3)).watch();
    spliced.is("K..", &[Reason::Refused { session: 1, sequence: 3, refusal: Refusal::Chain }]);
    // Behind a gap it cannot be told from the true one; but a frame that is known not to be the last cannot be followed.
    let after_gap = stream.clone().cut(3).push(item(&again, 6)).watch();
    assert_eq!((after_gap.shown.as_str(), after_gap.verdict()), ("K..GK", Verdict::WithGaps));
}

#[test]
fn a_group_that_claims_to_follow_an_earlier_frame() {
    let camera = front_door();
    let plan = Plan::new(1, "K..K..");
    let told = camera.film(&plan);
    let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
    let start = wire::sign::Start { codec: plan.codec, width: 640, height: 360, record: told.epochs[0].record.digest() };
    for sequence in 0..2 {
        let header = told.frames[usize::try_from(sequence).unwrap()].header();
        signer.sign(draft(1, sequence, header.captured_at, header.flags.key.then_some(start))).unwrap();
    }
    // Two empty groups later, so that its group number fits.
    for sequence in [2, 3] {
        signer.sign(draft(1, sequence, plan.start, Some(start))).unwrap();
    }
    let other = signer.sign(draft(1, 9, plan.start, Some(start))).unwrap();
    let stream = Stream::public(&[&told]).push(Item::Frame { session: 1, bytes: other.bytes().clone() });
    let outcome = stream.watch();
    assert_eq!(outcome.verdict(), Verdict::WithGaps, "its predecessor is none that was seen");

    let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
    let mut fork = |sequence: u64, key: bool| {
        let at = usize::try_from(sequence).unwrap();
        let captured_at = told.frames.get(at).map_or(plan.start, |frame| frame.header().captured_at);
        signer.sign(draft(1, sequence, captured_at, key.then_some(start))).unwrap()
    };
    fork(0, true);
    fork(1, false);
    fork(2, false);
    fork(3, true);
    fork(4, false);
    // It says that it follows frame 4; frame 5 was seen.
    let other = fork(9, true);
    let stream = Stream::public(&[&told]).push(Item::Frame { session: 1, bytes: other.bytes().clone() });
    stream.watch().is("K..K..", &[Reason::Refused { session: 1, sequence: 9, refusal: Refusal::Chain }]);
}

#[test]
fn a_forgery_in_front_of_the_true_frame_does_not_keep_it_out() {
    let (told, _) = retold("K..K..", 9);
    let stream = Stream::public(&[&told]);
    for frame in 0..6 {
        let forged = stream.clone().change(frame, |bytes| *bytes.last_mut().unwrap() ^= 1).frame(frame);
        let outcome = stream.clone().insert(frame, forged).watch();
        let sequence = u64::try_from(frame).unwrap();
        outcome.is("K..K..", &[Reason::Refused { session: 1, sequence, refusal: Refusal::BadSignature }]);
    }
}

#[test]
fn nor_does_it_when_both_wait() {
    let (told, _) = retold("K..K..", 9);
    let stream = Stream::public(&[&told]);
    for frame in 1..6 {
        let forged = stream.clone().change(frame, |bytes| *bytes.last_mut().unwrap() ^= 1).frame(frame);
        let outcome = stream.clone().swap(frame - 1, frame).insert(frame - 1, forged).watch();
        let sequence = u64::try_from(frame).unwrap();
        outcome.is("K..K..", &[Reason::Refused { session: 1, sequence, refusal: Refusal::BadSignature }]);
    }
}

#[test]
fn a_group_whose_number_does_not_rise() {
    let camera = front_door();
    let told = camera.session(1, "K.K.K.");
    let number = |group: u64| {
        let mut frame = Frame::decode(told.frames[4].bytes().clone()).unwrap();
        frame.header.group = group;
        frame.header.sequence = 9;
        let context = Context { group, previous: Digest([7; 32]), ..Context::clone(frame.context.as_ref().unwrap()) };
        let signed = frame.signed_bytes(&context, &frame.layer_digests(), context.previous);
        frame.signature = camera.key.sign(&signed).to_bytes();
        frame.context = Some(Arc::new(context));
        Stream::public(&[&told]).push(Item::Frame { session: 1, bytes: frame.encode() }).watch()
    };
    number(3).is("K.K.K.GK", &[Reason::Missing { session: 1, first: 6, last: 8 }]);
    for group in [1, 2] {
        number(group).is("K.K.K.", &[Reason::Refused { session: 1, sequence: 9, refusal: Refusal::OtherGroup }]);
    }
}
