//! How long anything waits, and for what.

use std::time::Duration;

use wire::assess::{Config, Mode};
use wire::message::{Gap, GapCause};
use wire::verdict::{Reason, Verdict};

use crate::camera::{Plan, TICK, front_door, guard};
use crate::stream::{Item, Stream, Viewer, config};

fn viewer() -> Viewer {
    Viewer::new(config(&front_door(), Mode::Range, None))
}

/// Takes what is shown until now, without waiting.
fn shown(stream: &Stream, pause: Duration) -> String {
    let mut viewer = viewer();
    stream.0.iter().for_each(|item| viewer.take(item));
    viewer.take(&Item::Pause(pause));
    viewer.outcome().shown
}

#[test]
fn a_frame_waits_for_its_predecessor_and_no_longer_than_patience() {
    let session = front_door().session(1, "K..K..");
    let lossy = Stream::public(&[&session]).remove(1).cut(3);
    let waited = Duration::from_micros(TICK);
    assert_eq!(shown(&lossy, Config::PATIENCE - waited * 2), "K");
    assert_eq!(shown(&lossy, Config::PATIENCE), "KGK");
    // The control: nothing waits that follows.
    assert_eq!(shown(&Stream::public(&[&session]), Duration::ZERO), "K..K..");
}

#[test]
fn a_group_does_not_wait_again_for_frames_that_were_given_up() {
    let session = front_door().session(1, "K.....K..");
    let mut viewer = viewer();
    let lossy = Stream::public(&[&session]).remove(1);
    let (before, after) = lossy.0.split_at(4);
    before.iter().for_each(|item| viewer.take(item));
    viewer.take(&Item::Pause(Config::PATIENCE));
    // The rest of the broken group is skipped as it comes, and the next one is shown at once.
    after.iter().for_each(|item| viewer.take(item));
    assert_eq!(viewer.outcome().shown, "KGK..");
}

#[test]
fn the_relays_gap_saves_the_wait_whether_it_comes_before_or_behind() {
    let session = front_door().session(1, "K..K..K..");
    let gap = Item::Gap(Gap { subscription: 1, session: 1, first: 2, last: 5, cause: GapCause::Slow });
    let skipped = Stream::public(&[&session]).remove(5).remove(4).remove(3).remove(2);
    assert_eq!(shown(&skipped, Duration::ZERO), "K.", "the control: without its word the next group waits");
    assert_eq!(shown(&skipped.clone().insert(2, gap.clone()), Duration::ZERO), "K.GK..");
    assert_eq!(shown(&skipped.push(gap.clone()), Duration::ZERO), "K.GK..");
    // A gap further on does not throw away what is still on its way.
    let early = Stream::public(&[&session]).remove(5).remove(4).remove(3).remove(2).insert(0, gap).swap(1, 2);
    assert_eq!(shown(&early, Duration::ZERO), "K.GK..");
}

#[test]
fn frames_wait_for_their_record_and_are_a_gap_without_it() {
    let session = front_door().session(1, "K.|K.|K.");
    let stream = Stream::public(&[&session]);
    let records: Vec<Item> = stream.0.iter().filter(|item| matches!(item, Item::Record(_))).cloned().collect();
    let frames = stream.clone().without(|item| matches!(item, Item::Record(_)));
    let mut late = frames.clone();
    late.0.extend(records.clone());
    late.watch().is_authentic("K.K.K.");
    // Nothing yet: that is no verdict about the camera.
    let mut first = viewer();
    frames.0.iter().for_each(|item| first.take(item));
    first.outcome().is("", &[Reason::NoRecordYet]);
    viewer().outcome().is("", &[Reason::NoFrameYet]);
    frames.watch().is("", &[Reason::Unverifiable { session: 1, sequence: 5 }, Reason::NoFrameYet]);
    // One of three is kept back: what came under it cannot be shown, also when nothing follows.
    let mut without = stream.clone();
    without.0.remove(1);
    let outcome = without.clone().watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.GK.", Verdict::WithGaps));
    without.cut(4).watch().is("K.", &[Reason::Unverifiable { session: 1, sequence: 3 }]);
}

#[test]
fn who_joins_in_the_middle_waits_for_the_next_group_and_misses_nothing() {
    let session = front_door().session(1, "K..K..K..");
    let stream = Stream::public(&[&session]);
    let mut joined = stream.clone();
    for _ in 0..4 {
        joined = joined.remove(0);
    }
    let live = Mode::Live { tolerance: Duration::MAX, highest: None };
    joined.watched(&front_door(), live, None).is_authentic("K..");
    // A stretch of the past begins with a group, so there something was left out.
    joined.watch().is("K..", &[Reason::Unverifiable { session: 1, sequence: 5 }]);
}

#[test]
fn nothing_waits_after_the_end_is_told() {
    let session = front_door().session(1, "K..K..");
    let mut viewer = viewer();
    Stream::public(&[&session]).remove(1).0.iter().for_each(|item| viewer.take(item));
    viewer.assessor.finish();
    viewer.show();
    assert_eq!(viewer.outcome().shown, "KGK..");
}

#[test]
fn frames_wait_a_moment_for_our_grants() {
    let session = front_door().session(1, "K..");
    let stream = Stream::unlocked(&[&session], guard());
    let mut viewer = Viewer::new(config(&front_door(), Mode::Range, Some(guard())));
    let late = stream.0.iter().find(|item| matches!(item, Item::Grants(_))).unwrap();
    stream.0.iter().filter(|item| !matches!(item, Item::Grants(_))).for_each(|item| viewer.take(item));
    assert_eq!(viewer.assessor.delivered(), 0);
    viewer.take(late);
    assert_eq!(viewer.assessor.delivered(), 3);
    let record = session.epochs[0].record.digest();
    assert_eq!(viewer.assessor.own_grants(record).len(), 2);
    viewer.outcome().is_authentic("K..");
}

#[test]
fn a_stream_of_key_frames_alone_has_no_gaps() {
    let camera = front_door();
    let one = camera.session(1, "K..K..K..E");
    let two = camera.film(&Plan::new(2, "K..K..").link(one.link(crate::camera::Known::Ended)));
    let all = Stream::public(&[&one, &two]);
    let keys = |unwanted: fn(&wire::frame::Frame) -> bool| {
        all.clone().without(|item| match item {
            Item::Frame { bytes, .. } => {
                let frame = wire::frame::Frame::decode(bytes.clone()).unwrap();
                !frame.header.flags.key || unwanted(&frame)
            }
            _ => false,
        })
    };
    let watch = |stream: &Stream| {
        let mut viewer = viewer();
        viewer.assessor = wire::assess::Assessor::new(config(&camera, Mode::Range, None)).key_frames_only();
        viewer.assessor.standing(wire::assess::Standing::Known { revocation_unknown_since: None });
        stream.0.iter().for_each(|item| viewer.take(item));
        viewer.outcome()
    };
    watch(&keys(|_| false)).is_authentic("KKKEKK");
    // The session's end is a key frame too, and can be missed.
    let mut endless = viewer();
    endless.assessor = wire::assess::Assessor::new(config(&camera, Mode::Range, None)).key_frames_only();
    endless.assessor.standing(wire::assess::Standing::Known { revocation_unknown_since: None });
    keys(|frame| frame.header.flags.end).0.iter().for_each(|item| endless.take(item));
    endless.finish().is("KKKGKK", &[Reason::TailMissing { session: 1, until: 9 }]);
    // The control: to who expects every frame, the same stream has gaps.
    assert_eq!(keys(|_| false).watch().verdict(), Verdict::WithGaps);
}
