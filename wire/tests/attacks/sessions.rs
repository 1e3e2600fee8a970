//! Sessions that end, break off, follow each other, or are said to.

use wire::bytes::{Malformed, Problem};
use wire::epoch::Link;
use wire::frame::{Body, Frame, Layer, LayerKind};
use wire::id::{Digest, SessionId};
use wire::verdict::{Reason, Verdict};
use wire::verify::Refusal;

use crate::camera::{Known, Plan, Session, front_door};
use crate::stream::{Item, Stream};

fn pair(first: &'static str, known: Known, second: &'static str) -> (Session, Session) {
    let camera = front_door();
    let one = camera.session(1, first);
    let two = camera.film(&Plan::new(2, second).link(one.link(known)));
    (one, two)
}

#[test]
fn a_lost_tail_cannot_be_known_until_a_later_session_is_seen() {
    let (one, two) = pair("K..K..E", Known::Ended, "K..");
    let whole = Stream::public(&[&one, &two]);
    whole.watch().is_authentic("K..K..EK..");
    // Without the later session nothing shows it: only the age of the last frame, live.
    Stream::public(&[&one]).cut(5).watch().is_authentic("K..K.");
    // With it the tail is missing, and up to where.
    for lost in [6, 5, 4] {
        let cut = Stream::public(&[&one]).cut(lost).then(Stream::public(&[&two]));
        let outcome = cut.watch();
        assert_eq!(outcome.shown, format!("{}GK..", &"K..K..E"[..lost]));
        outcome.is(&outcome.shown, &[Reason::TailMissing { session: 1, until: 6 }]);
    }
}

#[test]
fn a_lost_tail_cannot_be_talked_away_by_another_link() {
    // The control: what protects is the link under the record's signature. With a link to the shorter end, signed, the cut passes.
    let camera = front_door();
    let one = camera.session(1, "K..K.");
    let shorter = camera.film(&Plan::new(2, "K..").link(one.link(Known::BrokenAt(0))));
    Stream::public(&[&one, &shorter]).watch().is("K..K.K..", &[Reason::TailUnknown { session: 1 }]);
    let (long, after) = pair("K..K..E", Known::Ended, "K..");
    let mut changed = Stream::public(&[&long]).cut(5).then(Stream::public(&[&after]));
    for item in &mut changed.0 {
        if let Item::Record(record) = item
            && *record == after.epochs[0].record
        {
            record.record = shorter.epochs[0].record.record.clone();
        }
    }
    assert!(changed.watch().reasons().contains(&&Reason::RecordRefused(Refusal::BadSignature)));
}

#[test]
fn a_session_that_broke_off() {
    let (one, two) = pair("K..K..", Known::BrokenAt(0), "K..");
    Stream::public(&[&one, &two]).watch().is("K..K..K..", &[Reason::TailUnknown { session: 1 }]);
    // A lower bound: signed frames beyond it are authentic.
    let (one, two) = pair("K..K..", Known::BrokenAt(2), "K..");
    Stream::public(&[&one, &two]).watch().is("K..K..K..", &[Reason::TailUnknown { session: 1 }]);
    // Below it, frames are missing.
    let cut = Stream::public(&[&one]).cut(2).then(Stream::public(&[&two]));
    cut.watch().is("K.GK..", &[Reason::TailMissing { session: 1, until: 3 }, Reason::TailUnknown { session: 1 }]);
}

#[test]
fn a_session_that_says_the_one_before_ended_otherwise() {
    let camera = front_door();
    let one = camera.session(1, "K..E");
    let link = |link: Link| Stream::public(&[&one, &camera.film(&Plan::new(2, "K").link(link))]).watch();
    let Link::Ended(last) = one.link(Known::Ended) else { unreachable!() };
    link(Link::Ended(last)).is_authentic("K..EK");
    let contradicts = [Reason::LinkContradicts { session: 2 }];
    link(Link::First).is("K..EK", &contradicts);
    link(Link::Ended(wire::epoch::LastFrame { digest: Digest([9; 32]), ..last })).is("K..EK", &contradicts);
    link(Link::Ended(wire::epoch::LastFrame { sequence: 2, ..last })).is("K..EK", &contradicts);
    link(Link::Ended(wire::epoch::LastFrame { sequence: 9, ..last })).is("K..EK", &contradicts);
    let earlier = wire::epoch::LastFrame { sequence: 2, digest: one.frames[2].digest(), ..last };
    link(Link::Ended(earlier)).is("K..EK", &contradicts);
    link(Link::Broken(earlier)).is_authentic("K..EK");
    link(Link::Broken(wire::epoch::LastFrame { digest: Digest([9; 32]), ..last })).is("K..EK", &contradicts);
    link(Link::Broken(wire::epoch::LastFrame { sequence: 1, ..last })).is("K..EK", &contradicts);
}

#[test]
fn a_session_that_does_not_know_the_one_that_was_seen() {
    // A power cut can set the agent's file back: what it says of session 1 says nothing against session 2.
    let camera = front_door();
    let one = camera.session(1, "K.E");
    let two = camera.film(&Plan::new(2, "K..").link(one.link(Known::Ended)));
    let three = camera.film(&Plan::new(3, "K").link(one.link(Known::Ended)));
    Stream::public(&[&one, &two, &three]).watch().is("K.EK..K", &[Reason::TailUnknown { session: 2 }]);
}

#[test]
fn a_whole_session_that_is_missing() {
    let camera = front_door();
    let one = camera.session(1, "K.E");
    let two = camera.film(&Plan::new(2, "K.E").link(one.link(Known::Ended)));
    let three = camera.film(&Plan::new(3, "K.E").link(two.link(Known::Ended)));
    Stream::public(&[&one, &two, &three]).watch().is_authentic("K.EK.EK.E");
    Stream::public(&[&one, &three]).watch().is("K.EGK.E", &[Reason::SessionsMissing { after: 1, before: 3 }]);
    // Numbers alone prove nothing: a session that never had a frame leaves none.
    let later = camera.film(&Plan::new(9, "K.E").link(one.link(Known::Ended)));
    Stream::public(&[&one, &later]).watch().is_authentic("K.EK.E");
}

#[test]
fn the_beginning_of_a_session_that_is_missing() {
    let (one, two) = pair("K.E", Known::Ended, "K.K.");
    let outcome = Stream::public(&[&one, &two]).remove(3).watch();
    outcome.is("K.EGK.", &[Reason::Unverifiable { session: 2, sequence: 1 }, Reason::Missing { session: 2, first: 0, last: 1 }]);
}

#[test]
fn two_sessions_with_one_number() {
    let camera = front_door();
    let (one, twin) = (camera.session(1, "K..K.."), camera.film(&Plan::new(1, "K..K..").nonce(99)));
    Stream::public(&[&one]).watch().is_authentic("K..K..");
    let outcome = Stream::public(&[&one, &twin]).watch();
    assert_eq!(outcome.shown, "K..K..", "the first that came is shown");
    assert!(outcome.reasons().contains(&&Reason::ForkedSession { session: 1 }));
    assert!(outcome.reasons().iter().any(|reason| matches!(reason, Reason::Forked { session: 1, .. })));
    // Its record alone is enough, and so is the word of a later session about it.
    let record = Item::Record(twin.epochs[0].record.clone());
    Stream::public(&[&one]).push(record).watch().is("K..K..", &[Reason::ForkedSession { session: 1 }]);
    let after_twin = camera.film(&Plan::new(2, "K").link(twin.link(Known::BrokenAt(0))));
    Stream::public(&[&one, &after_twin]).watch().is("K..K..K", &[Reason::ForkedSession { session: 1 }]);
    // The control: without the random bytes they could not be told apart.
    let nameless = |session: &Session| SessionId { nonce: [0; 16], ..session.id };
    assert_eq!(nameless(&one), nameless(&twin));
    assert_ne!(one.id, twin.id);
}

#[test]
fn an_end_that_carries_a_picture() {
    let session = front_door().session(1, "K.E");
    let mut end = Frame::decode(session.frames[2].bytes().clone()).unwrap();
    assert_eq!(Frame::decode(end.encode()), Ok(end.clone()), "the control");
    end.layers.push(Layer { kind: LayerKind::Public, body: Body::Present("a picture".into()) });
    assert_eq!(Frame::decode(end.encode()), Err(Malformed::new("end of session", Problem::Contradiction)));
    end.layers.clear();
    end.header.flags.key = false;
    end.context = None;
    assert_eq!(Frame::decode(end.encode()), Err(Malformed::new("flags", Problem::Contradiction)));
    // And no other frame may be without one.
    let mut picture = Frame::decode(session.frames[1].bytes().clone()).unwrap();
    picture.layers.clear();
    picture.header.regions.clear();
    assert_eq!(Frame::decode(picture.encode()), Err(Malformed::new("layers", Problem::Contradiction)));
}

#[test]
fn an_end_made_of_another_frame_or_turned_into_one() {
    let session = front_door().session(1, "K.E");
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic("K.E");
    let outcome = stream.clone().edit(2, |frame| frame.header.flags.detector = wire::frame::DetectorState::Ready).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.", Verdict::Tampered));
    let forged = stream.remove(1).edit(1, |frame| {
        frame.header.sequence = 1;
    });
    let outcome = forged.watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K", Verdict::Tampered));
}

#[test]
fn frames_behind_the_sessions_end() {
    // No signer makes them; two signers with one key and one session would.
    let camera = front_door();
    let (ended, longer) = (camera.session(1, "K.E"), camera.session(1, "K..K."));
    let stream = Stream::public(&[&ended]);
    let tail = Stream::public(&[&longer]);
    let outcome = stream.clone().push(tail.frame(3)).watch();
    outcome.is("K.E", &[Reason::Refused { session: 1, sequence: 3, refusal: Refusal::Ended }]);
    let outcome = stream.push(tail.frame(3)).push(tail.frame(4)).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.E", Verdict::Tampered));
    // The control: behind the frames that it was signed behind it is fine.
    tail.watch().is_authentic("K..K.");
}
