//! What is said to be live and is not.

use wire::assess::{Mode, Standing};
use wire::id::Micros;
use wire::verdict::{Reason, Verdict};

use crate::camera::{Known, Plan, START, Session, TICK, front_door};
use crate::stream::{Outcome, Stream, Viewer, config, live};

const SECOND: u64 = 1_000_000;

fn film() -> Session {
    front_door().session(0, "K..K..")
}

/// What a live viewer concludes whose clock is that far from the camera's.
fn watch_at(session: &Session, wall: u64, highest: Option<(u64, u64)>) -> Outcome {
    let mut viewer = Viewer::new(config(&front_door(), live(highest), None));
    viewer.now.wall = Micros(wall);
    Stream::public(&[session]).0.iter().for_each(|item| viewer.take(item));
    viewer.outcome()
}

fn last_capture() -> u64 {
    START.0 + 5 * TICK
}

#[test]
fn a_picture_from_another_time_in_both_directions() {
    let session = film();
    for within in [0, 29 * SECOND] {
        watch_at(&session, last_capture() + within, None).is_authentic("K..K..");
        watch_at(&session, last_capture() - within, None).is_authentic("K..K..");
    }
    for beyond in [31 * SECOND, 86_400 * SECOND] {
        for wall in [last_capture() + beyond, last_capture() - beyond] {
            let other = Reason::OtherTime { captured_at: Micros(last_capture()), now: Micros(wall) };
            watch_at(&session, wall, None).is("K..K..", &[other]);
        }
    }
    // The control: as a stretch of the past the same frames are authentic.
    Stream::public(&[&session]).watch().is_authentic("K..K..");
}

#[test]
fn frames_that_were_seen_live_before() {
    let session = film();
    let wall = last_capture() + SECOND;
    for highest in [None, Some((0, 4)), Some((0, 0))] {
        watch_at(&session, wall, highest).is_authentic("K..K..");
    }
    for highest in [(0, 5), (0, 90), (1, 0)] {
        watch_at(&session, wall, Some(highest)).is("K..K..", &[Reason::SeenBefore { newest: (0, 5), highest }]);
    }
}

#[test]
fn an_old_session_replayed_as_live() {
    let camera = front_door();
    let old = camera.session(0, "K..E");
    let new = camera.film(&Plan::new(1, "K..").link(old.link(Known::Ended)));
    let wall = START.0 + 10 * SECOND;
    watch_at(&new, wall, Some((0, 3))).is_authentic("K..");
    // Seconds old: within any clock's tolerance, but below what was seen live.
    let outcome = watch_at(&old, wall, Some((1, 2)));
    outcome.is("K..E", &[Reason::SeenBefore { newest: (0, 3), highest: (1, 2) }]);
    watch_at(&old, wall, None).is_authentic("K..E");
}

#[test]
fn a_stream_that_stopped_grows_old() {
    let session = film();
    let mut viewer = Viewer::new(config(&front_door(), live(None), None));
    viewer.now.wall = Micros(last_capture());
    Stream::public(&[&session]).0.iter().for_each(|item| viewer.take(item));
    assert_eq!(viewer.assessor.report(viewer.now).verdict, Verdict::Authentic);
    viewer.now.wall = Micros(last_capture() + 31 * SECOND);
    assert_eq!(viewer.assessor.report(viewer.now).verdict, Verdict::NotLive);
}

#[test]
fn a_camera_that_nobody_vouches_for_or_that_is_revoked() {
    let outcome = |standing: Standing| {
        let mut viewer = Viewer::new(config(&front_door(), Mode::Range, None));
        viewer.assessor.standing(standing);
        Stream::public(&[&film()]).0.iter().for_each(|item| viewer.take(item));
        viewer.outcome()
    };
    outcome(Standing::Known { revocation_unknown_since: None }).is_authentic("K..K..");
    let unknown = "the camera has another key than the one pinned";
    outcome(Standing::Unknown(unknown.into())).is("K..K..", &[Reason::UnknownCamera(unknown.into())]);
    outcome(Standing::Revoked { since: START }).is("K..K..", &[Reason::Revoked { since: START }]);
    outcome(Standing::Waiting).is("K..K..", &[Reason::NoCertificateYet]);
    let since = Micros(START.0 - 86_400 * SECOND);
    let outdated = outcome(Standing::Known { revocation_unknown_since: Some(since) });
    outdated.is("K..K..", &[Reason::RevocationUnknown { since }]);
    assert_eq!(outdated.verdict(), Verdict::Authentic);
}

#[test]
fn the_worst_is_shown_and_everything_is_listed() {
    let session = film();
    let mut viewer = Viewer::new(config(&front_door(), live(Some((0, 9))), None));
    viewer.assessor.standing(Standing::Unknown("nobody vouches for it".into()));
    let stream = Stream::public(&[&session]).remove(1);
    let twice = stream.clone().push(stream.frame(0));
    twice.0.iter().for_each(|item| viewer.take(item));
    let outcome = viewer.finish();
    let verdicts: Vec<Verdict> = outcome.reasons().into_iter().map(Reason::verdict).collect();
    assert_eq!(
        verdicts,
        [Verdict::Tampered, Verdict::UnknownCamera, Verdict::NotLive, Verdict::NotLive, Verdict::WithGaps, Verdict::WithGaps]
    );
    assert_eq!(outcome.verdict(), Verdict::Tampered);
}
