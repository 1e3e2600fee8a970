//! Streams made to fill the viewer's memory, or to keep it busy.

use wire::frame::Frame;
use wire::verdict::{Reason, Verdict};

use crate::camera::{Plan, front_door, guard};
use crate::stream::{Item, Stream, Viewer, config};

#[test]
fn a_hold_that_overflows_lets_go_of_the_first() {
    let script: &'static str = Box::leak(format!("K{}K..", ".".repeat(2000)).into_boxed_str());
    let session = front_door().session(1, script);
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic(script);
    // Everything waits for the first frame of the group, for ever if need be, and nothing waits beyond the bound.
    let mut viewer =
        Viewer::new(wire::assess::Config { patience: std::time::Duration::MAX, ..config(&front_door(), wire::assess::Mode::Range, None) });
    let lossy = stream.remove(1);
    lossy.0.iter().take(500).for_each(|item| viewer.take(item));
    assert_eq!((viewer.assessor.delivered(), viewer.assessor.wake_at()), (1, Some(std::time::Duration::MAX)), "the control");
    lossy.0.iter().skip(500).for_each(|item| viewer.take(item));
    assert_eq!(viewer.assessor.wake_at(), None);
    let outcome = viewer.outcome();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("KGK..", Verdict::WithGaps));
}

#[test]
fn a_few_huge_frames_overflow_it_as_well() {
    let camera = front_door();
    let plan = Plan::new(1, "");
    let mut session = camera.film(&plan);
    let mut signer = wire::sign::SessionSigner::new(camera.key.clone(), plan.id());
    let start = wire::sign::Start { codec: plan.codec, width: 640, height: 360, record: session.epochs[0].record.digest() };
    for sequence in 0..11 {
        let mut draft = crate::camera::draft(1, sequence, plan.start, Some(start));
        draft.public = vec![0; 16 << 20].into();
        session.frames.push(signer.sign(draft).unwrap());
    }
    let mut viewer =
        Viewer::new(wire::assess::Config { patience: std::time::Duration::MAX, ..config(&camera, wire::assess::Mode::Range, None) });
    let lossy = Stream::public(&[&session]).remove(1);
    // The first, and then 128 MiB: eight that wait, and the ninth is too much.
    lossy.0.iter().take(9).for_each(|item| viewer.take(item));
    assert_eq!(viewer.assessor.delivered(), 1, "the control");
    lossy.0.iter().skip(9).for_each(|item| viewer.take(item));
    viewer.outcome().is("KGKKKKKKKKK", &[Reason::Missing { session: 1, first: 1, last: 1 }]);
}

#[test]
fn made_up_frames_from_the_future_are_let_go_and_nothing_else_is_lost() {
    let session = front_door().session(1, "K..K..E");
    let stream = Stream::public(&[&session]);
    let template = Frame::decode(stream.bytes(1)).unwrap();
    let mut flooded = stream.clone().cut(2);
    for at in 0..5000_u64 {
        let mut made_up = template.clone();
        (made_up.header.group, made_up.header.sequence) = (at, u64::MAX - at);
        flooded = flooded.push(Item::Frame { session: if at % 2 == 0 { 1 } else { u64::MAX }, bytes: made_up.encode() });
    }
    for frame in 2..7 {
        flooded = flooded.push(stream.frame(frame));
    }
    let outcome = flooded.watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K..K..E", Verdict::WithGaps), "{:?}", outcome.reasons());
}

#[test]
fn the_last_numbers_there_are_overflow_nothing() {
    let camera = front_door();
    let plan = Plan { number: u64::MAX, ..Plan::new(1, "K") };
    let mut session = camera.film(&plan);
    let start = wire::sign::Start { codec: plan.codec, width: 640, height: 360, record: session.epochs[0].record.digest() };
    let mut signer = wire::sign::SessionSigner::new(camera.key.clone(), plan.id());
    session.frames.clear();
    for (sequence, key) in [(0, true), (u64::MAX - 1, false), (u64::MAX, true)] {
        session.frames.push(signer.sign(crate::camera::draft(0, sequence, plan.start, key.then_some(start))).unwrap());
    }
    let stream = Stream::public(&[&session]);
    let gap = wire::message::Gap { subscription: 0, session: u64::MAX, first: 0, last: u64::MAX, cause: wire::message::GapCause::Missing };
    let outcome = stream.clone().insert(1, Item::Gap(gap)).push(stream.frame(1)).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.K", Verdict::Tampered), "{:?}", outcome.reasons());
}

#[test]
fn early_grants_and_records_without_end_are_bounded() {
    let camera = front_door();
    let session = camera.session(1, "K.");
    let mut viewer = Viewer::new(config(&camera, wire::assess::Mode::Range, Some(guard())));
    for epoch in 0..2000 {
        let mut grants = session.epochs[0].grants_for(guard());
        grants.record = wire::id::Digest::of(&[&u32::to_be_bytes(epoch)]);
        viewer.take(&Item::Grants(grants));
    }
    Stream::unlocked(&[&session], guard()).0.iter().for_each(|item| viewer.take(item));
    viewer.finish().is_authentic("K.");
}

#[test]
fn thousands_of_contenders_for_one_place_are_not_all_kept() {
    let session = front_door().session(1, "K..");
    let stream = Stream::public(&[&session]);
    let mut viewer = Viewer::new(config(&front_door(), wire::assess::Mode::Range, None));
    viewer.tick = std::time::Duration::ZERO;
    stream.clone().remove(1).0.iter().for_each(|item| viewer.take(item));
    for at in 0..3000_u32 {
        let mut made_up = Frame::decode(stream.bytes(2)).unwrap();
        made_up.signature[..4].copy_from_slice(&at.to_be_bytes());
        viewer.take(&Item::Frame { session: 1, bytes: made_up.encode() });
    }
    viewer.take(&stream.frame(1));
    let outcome = viewer.outcome();
    outcome.is("K..", &[Reason::Refused { session: 1, sequence: 2, refusal: wire::verify::Refusal::BadSignature }]);
    assert_eq!(outcome.report.findings[0].count, 1, "one contender was kept");
}
