#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;

use wire::frame::Frame;
use wire::id::Micros;
use wire::verify::{self, Group, Record};

use super::*;
use crate::fake::Camera;

/// Frames as they come out of verification, each with the digest of the one before it.
fn verified(camera: &Camera, frames: &[SignedFrame]) -> Vec<(Verified<SignedFrame>, Digest)> {
    let record: Arc<Verified<Record>> = Arc::new(verify::record(camera.record.clone().unwrap(), camera.id()).unwrap());
    let mut group: Option<Group> = None;
    let frames = frames.iter().map(|frame| Frame::decode(frame.bytes().clone()).unwrap());
    frames
        .map(|frame| match &frame.context {
            Some(context) => {
                let previous = context.previous;
                let (opened, frame) = Group::open(&record, frame).unwrap();
                group = Some(opened);
                (frame, previous)
            }
            None => {
                let group = group.as_mut().unwrap();
                let (_, previous) = group.last();
                (group.next(frame).unwrap(), previous)
            }
        })
        .collect()
}

fn stream(camera: &mut Camera, text: &str) -> Vec<(Verified<SignedFrame>, Digest)> {
    let frames = camera.frames(text);
    verified(camera, &frames)
}

fn all(chain: &mut Chain, frames: &[(Verified<SignedFrame>, Digest)]) -> Vec<Result<Seen, Fault>> {
    frames.iter().map(|(frame, previous)| chain.accept(frame, *previous)).collect()
}

fn refused(result: &Result<Seen, Fault>) -> Option<&'static str> {
    result.as_ref().err().map(Fault::name)
}

#[test]
fn a_stream_in_order_is_new_and_again_the_second_time() {
    let (mut camera, mut chain) = (Camera::new(1, 1), Chain::default());
    let frames = stream(&mut camera, "KffKffE");
    assert_eq!(all(&mut chain, &frames), [Ok(Seen::New); 7]);
    assert_eq!(all(&mut chain, &frames), [Ok(Seen::Again); 7]);
}

#[test]
fn groups_come_in_any_order() {
    let mut camera = Camera::new(1, 1);
    let frames = stream(&mut camera, "KffKffKffE");
    let groups: Vec<_> = [0..3, 3..6, 6..9, 9..10].map(|group| &frames[group]).into();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2]] {
        let mut chain = Chain::default();
        for group in order {
            assert!(all(&mut chain, groups[group]).iter().all(|seen| *seen == Ok(Seen::New)), "{order:?}");
        }
    }
}

#[test]
fn frames_that_never_come_contradict_nothing() {
    let (mut camera, mut chain) = (Camera::new(1, 1), Chain::default());
    let frames = stream(&mut camera, "KffKff");
    // The tail of the first group was lost on its way.
    assert_eq!(chain.accept(&frames[0].0, frames[0].1), Ok(Seen::New));
    assert!(all(&mut chain, &frames[3..]).iter().all(Result::is_ok));
}

#[test]
fn another_frame_in_the_same_place_is_a_fork() {
    let mut chain = Chain::default();
    let (mut one, mut other) = (Camera::new(1, 1), Camera::new(1, 1));
    other.public = 2000;
    all(&mut chain, &stream(&mut one, "Kf"));
    let forged = stream(&mut other, "Kf");
    assert_eq!(chain.accept(&forged[1].0, forged[1].1), Err(Fault::Forked { session: 1, sequence: 1 }));
    // The control: it is only the earlier frame that makes it a fork.
    let mut fresh = Chain::default();
    assert!(all(&mut fresh, &forged).iter().all(Result::is_ok));
}

#[test]
fn a_group_that_follows_another_frame_than_the_one_that_is_held_contradicts() {
    let (mut one, mut other) = (Camera::new(1, 1), Camera::new(1, 1));
    other.public = 2000;
    let (held, forged) = (stream(&mut one, "Kff"), stream(&mut other, "KffK"));
    let mut chain = Chain::default();
    all(&mut chain, &held);
    assert_eq!(refused(&chain.accept(&forged[3].0, forged[3].1)), Some("chain"));
    // The other way round: the group was there first, and what came before it comes late and is another.
    let mut chain = Chain::default();
    assert_eq!(chain.accept(&forged[3].0, forged[3].1), Ok(Seen::New));
    let results = all(&mut chain, &held);
    assert_eq!(results.iter().map(refused).collect::<Vec<_>>(), [None, None, Some("chain")]);
    // The control: what it names as its predecessor is taken.
    let mut chain = Chain::default();
    assert_eq!(chain.accept(&forged[3].0, forged[3].1), Ok(Seen::New));
    assert!(all(&mut chain, &forged[..3]).iter().all(Result::is_ok));
}

#[test]
fn two_groups_cannot_follow_one_frame() {
    // Both sign a group behind the same frame, under other numbers.
    let (mut one, mut other) = (Camera::new(1, 1), Camera::new(1, 1));
    let (first, second) = (stream(&mut one, "KfK"), stream(&mut other, "Kf"));
    assert_eq!(first[1].0.digest(), second[1].0.digest());
    other.sequence += 5;
    let second = stream(&mut other, "K");
    let mut chain = Chain::default();
    all(&mut chain, &first);
    assert_eq!(refused(&chain.accept(&second[0].0, second[0].1)), Some("chain"));
    // The other way round.
    let mut chain = Chain::default();
    all(&mut chain, &first[..2]);
    assert_eq!(chain.accept(&second[0].0, second[0].1), Ok(Seen::New));
    assert_eq!(refused(&chain.accept(&first[2].0, first[2].1)), Some("chain"));
}

#[test]
fn nothing_follows_the_end() {
    let (mut one, mut other) = (Camera::new(1, 1), Camera::new(1, 1));
    let (ended, goes_on) = (stream(&mut one, "KfE"), stream(&mut other, "Kf.K"));
    let mut chain = Chain::default();
    all(&mut chain, &ended);
    assert_eq!(refused(&chain.accept(&goes_on[2].0, goes_on[2].1)), Some("ended"));
    let mut chain = Chain::default();
    assert_eq!(chain.accept(&goes_on[2].0, goes_on[2].1), Ok(Seen::New));
    all(&mut chain, &ended[..2]);
    assert_eq!(refused(&chain.accept(&ended[2].0, ended[2].1)), Some("ended"));
}

#[test]
fn a_session_has_one_number_and_one_nonce() {
    let mut chain = Chain::default();
    let mut one = Camera::with_nonce(1, SessionId { number: 5, nonce: [1; 16] });
    let mut other = Camera::with_nonce(1, SessionId { number: 5, nonce: [2; 16] });
    all(&mut chain, &stream(&mut one, "Kf"));
    let forged = stream(&mut other, "Kf");
    assert_eq!(chain.accept(&forged[0].0, forged[0].1), Err(Fault::ForkedSession { session: 5 }));
    // Its record alone tells.
    let record = verify::record(other.record.clone().unwrap(), other.id()).unwrap();
    assert_eq!(chain.record(record.record()), Err(Fault::ForkedSession { session: 5 }));
    let record = verify::record(one.record.clone().unwrap(), one.id()).unwrap();
    assert_eq!(chain.record(record.record()), Ok(()));
}

#[test]
fn a_session_link_agrees_with_what_is_held() {
    let mut one = Camera::new(1, 1);
    let frames = stream(&mut one, "Kff");
    let last = wire::epoch::LastFrame { session: one.signer.session(), sequence: 2, digest: frames[2].0.digest() };
    let before = wire::epoch::LastFrame { sequence: 1, digest: frames[1].0.digest(), ..last };
    let follows = |link| {
        let mut two = Camera::new(1, 2);
        two.link = link;
        let mut chain = Chain::default();
        all(&mut chain, &frames);
        let record = verify::record(two.begin_epoch(), two.id()).unwrap();
        chain.record(record.record()).err().map(|fault| fault.name())
    };
    assert_eq!(follows(Link::Ended(last)), None);
    assert_eq!(follows(Link::Broken(before)), None, "a lower bound");
    assert_eq!(follows(Link::Ended(before)), Some("ended"), "frames beyond an exact end");
    assert_eq!(follows(Link::Broken(wire::epoch::LastFrame { digest: Digest([9; 32]), ..before })), Some("chain"));
    let other = SessionId { number: 1, nonce: [9; 16] };
    assert_eq!(follows(Link::Ended(wire::epoch::LastFrame { session: other, ..last })), Some("forked-session"));
    // After an exact end, nothing more of that session is taken.
    let mut two = Camera::new(1, 2);
    two.link = Link::Ended(last);
    let mut chain = Chain::default();
    chain.record(verify::record(two.begin_epoch(), two.id()).unwrap().record()).unwrap();
    all(&mut chain, &frames);
    let more = stream(&mut one, "K");
    assert_eq!(refused(&chain.accept(&more[0].0, more[0].1)), None, "an end is kept only of a session that was seen");
    let mut chain = Chain::default();
    all(&mut chain, &frames);
    chain.record(verify::record(two.record.clone().unwrap(), two.id()).unwrap().record()).unwrap();
    assert_eq!(refused(&chain.accept(&more[0].0, more[0].1)), Some("ended"));
}

#[test]
fn a_clock_that_steps_is_no_contradiction() {
    let (mut camera, mut chain) = (Camera::new(1, 1), Chain::default());
    let before = stream(&mut camera, "Kf");
    camera.time = Micros(5);
    let after = stream(&mut camera, "Kf");
    assert!(all(&mut chain, &before).iter().chain(&all(&mut chain, &after)).all(Result::is_ok));
}

#[test]
fn memory_is_bounded() {
    let (mut camera, mut chain) = (Camera::new(1, 1), Chain::default());
    camera.public = 1;
    camera.sealed = None;
    let frames = stream(&mut camera, &"Kf".repeat(CHAIN_FRAMES));
    assert!(all(&mut chain, &frames).iter().all(Result::is_ok));
    assert_eq!((chain.frames.len(), chain.order.len()), (CHAIN_FRAMES, CHAIN_FRAMES));
    // What was forgotten is new again, and still fits.
    assert_eq!(chain.accept(&frames[0].0, frames[0].1), Ok(Seen::New));
    for session in 2..2 * SESSIONS as u64 {
        let mut camera = Camera::new(1, session);
        all(&mut chain, &stream(&mut camera, "K"));
    }
    assert!(chain.sessions.len() <= SESSIONS + 1);
}
