//! Joining, falling behind, neighbours, and coming back.

use std::time::Duration;

use camera_agent::agent::Destination;
use camera_agent::config::Codec;
use camera_agent::publish::PATIENCE;
use camera_agent::spool::Drops;
use celosia_tests::audience::{Ask, Audience, is_the_cameras_picture};
use celosia_tests::camera::{Camera, INTERVAL};
use celosia_tests::detector::FakeDetector;
use celosia_tests::patience::eventually;
use celosia_tests::person::Person;
use celosia_tests::picture::{Luma, Rect};
use celosia_tests::source::Stage;
use celosia_tests::world::{World, last, stop};
use link::exit::Code;
use wire::id::{Digest, Micros};
use wire::verdict::Verdict;

const NAME: &str = "front-door";
const OTHER: &str = "back-door";

const FACE: Rect = Rect { x: 112, y: 48, w: 64, h: 64 };

/// A small camera at ten pictures a second.
fn stage(seed: u64) -> Stage {
    Stage::planted(320, 192, Duration::from_millis(100), &Luma::texture(FACE.w, FACE.h, seed), (FACE.x, FACE.y))
}

fn detector() -> std::sync::Arc<dyn camera_agent::detect::Model> {
    FakeDetector::finding(&[FACE]).model()
}

/// Sequences without a hole, from the first to the last that was shown.
fn gapless(audience: &Audience) -> bool {
    audience.places().windows(2).all(|pair| pair[1] == (pair[0].0, pair[0].1 + 1))
}

fn digests(audience: &Audience) -> Vec<Digest> {
    audience.shown.iter().map(|shown| shown.frame.digest()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_joins_late_begins_with_the_newest_group() {
    let world = World::new().await;
    let mut agent = world.evil_agent(NAME, Camera::new(1, 1)).await;
    agent.announce().await;
    agent.send("KffffKff").await;
    eventually("the frames arrive", || world.counters().frames_live == 8).await;

    let mut late = world.watch(Ask::live(NAME)).await;
    late.frames(3).await;
    assert_eq!(late.places(), [(1, 5), (1, 6), (1, 7)]);
    assert!(late.shown[0].frame.header().flags.key);
    assert_eq!(late.verdict(), Verdict::Authentic, "{}", late.reasons());
    // And it goes on from there.
    agent.send("Kf").await;
    late.frames(5).await;
    assert_eq!((late.places().last(), gapless(&late), late.gaps.len()), (Some(&(1, 9)), true, 0));
    assert_eq!(late.verdict(), Verdict::Authentic, "{}", late.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_joins_a_group_of_video_late_sees_every_picture_of_it() {
    let (world, ana) = (World::new().await, Person::new());
    let mut agent = world.evil_agent(NAME, Camera::new(1, 1).video().granting(ana.public())).await;
    agent.announce().await;
    agent.send("KffffKff").await;
    eventually("the frames arrive", || world.counters().frames_live == 8).await;
    let mut late = world.watch(Ask::live(NAME).by(&ana)).await;
    late.frames(3).await;
    agent.send("KfKf").await;
    late.frames(7).await;
    assert_eq!(late.places(), (5..12).map(|sequence| (1, sequence)).collect::<Vec<_>>());
    assert_eq!(late.verdict(), Verdict::Authentic, "{}", late.reasons());
    for shown in &late.shown {
        is_the_cameras_picture(shown, true);
    }

    // The recording: all of it, a part, and its key frames alone.
    let all = Ask::all(NAME).by(&ana);
    let time = |sequence: usize| agent.camera.time.0 - INTERVAL.as_micros() as u64 * (12 - sequence as u64);
    let part = wire::message::Span::Range { from: Micros(time(3)), to: Micros(time(6)) };
    for (what, ask, expected) in [
        ("all", all, (0..12).collect::<Vec<u64>>()),
        // Whole groups up to the last frame: video is of no use from the middle of a group on.
        ("a part", Ask { span: part, ..all }, (0..7).collect()),
        ("key frames", Ask { key_frames_only: true, ..all }, vec![0, 5, 8, 10]),
    ] {
        let mut audience = world.watch(ask).await;
        audience.to_the_end().await;
        assert_eq!(audience.places(), expected.into_iter().map(|sequence| (1, sequence)).collect::<Vec<_>>(), "{what}");
        assert_eq!(audience.verdict(), Verdict::Authentic, "{what}: {}", audience.reasons());
        for shown in &audience.shown {
            is_the_cameras_picture(shown, true);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_viewer_skips_to_the_newest_and_harms_nobody() {
    // Noise, so that a few seconds of it fill every buffer on the way.
    let noise = Luma::texture(640, 352, 9);
    let stage = Stage::planted(640, 368, Duration::from_millis(33), &noise, (0, 16));
    one_is_slow(&stage, Codec::Jpeg).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_viewer_of_video_skips_to_the_newest_group() {
    one_is_slow(&Stage::noise(640, 368, Duration::from_millis(33)), Codec::H264).await;
}

async fn one_is_slow(stage: &Stage, codec: Codec) {
    let world = World::new().await;
    let setup = world.agent(NAME, stage, None).await.with(|setup| {
        (setup.config.encode.codec, setup.config.encode.bitrate) = (codec, 24_000);
        setup.config.encode.group = Duration::from_secs(1);
    });
    let agent = setup.start().await;
    let mut fast = world.watch_when_live(Ask::live(NAME)).await;
    let mut slow = world.watch(Ask::live(NAME)).await;
    slow.frames(1).await;

    // It looks away for longer than everything on the way can hold.
    fast.frames(200).await;
    let newest = fast.places().last().copied();
    slow.until("it is told", |audience| audience.skips > 0 && audience.places().last().copied() >= newest).await;
    assert!(!gapless(&slow), "it was not slow at all");
    assert!([Verdict::WithGaps, Verdict::Authentic].contains(&slow.verdict()), "{}", slow.reasons());

    let seen = fast.shown.len();
    fast.frames(seen + 20).await;
    assert!(gapless(&fast) && fast.skips == 0, "{:?}", fast.gaps);
    assert_eq!(fast.verdict(), Verdict::Authentic, "{}", fast.reasons());
    stop(agent).await;
    let whole = world.recording(NAME, None).await;
    assert_eq!(whole.verdict(), Verdict::Authentic, "{}", whole.reasons());
    assert!(gapless(&whole) && whole.shown.len() >= fast.shown.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_misbehaves_and_stops_is_nothing_to_its_neighbour() {
    let world = World::new().await;
    let agent = world.agent(NAME, &stage(1), Some(detector())).await.start().await;
    let mut neighbour = world.watch_when_live(Ask::live(NAME)).await;
    neighbour.frames(3).await;

    for attempt in 1..=3 {
        let mut bad = world.evil_agent(OTHER, Camera::new(2, attempt)).await;
        bad.announce().await;
        bad.send("Kff").await;
        let mut watching = world.watch_when_live(Ask::live(OTHER)).await;
        watching.frames(1).await;
        assert!(watching.shown.iter().all(|shown| shown.frame.context().camera == bad.camera.id()), "no cross-talk");
        bad.send_raw(&[b"garbage".as_slice().into()]).await;
        bad.refusal().await;
    }
    let seen = neighbour.shown.len();
    neighbour.frames(seen + 10).await;
    assert!(gapless(&neighbour), "{:?}", neighbour.places());
    assert_eq!(neighbour.verdict(), Verdict::Authentic, "{}", neighbour.reasons());
    let id = neighbour.camera();
    assert!(neighbour.shown.iter().all(|shown| shown.frame.context().camera == id), "no cross-talk");
    stop(agent).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_relay_that_restarts_is_found_again_with_its_archive() {
    let mut world = World::new().await;
    let hurried = world.agent(NAME, &stage(1), Some(detector())).await.with(|setup| {
        let Destination::Relay(publish) = &mut setup.parts.destination else { unreachable!() };
        publish.patience = PATIENCE;
    });
    let agent = hurried.start().await;
    let mut before = world.watch_when_live(Ask::live(NAME)).await;
    before.frames(5).await;
    world.stop_relay().await;
    before.until("the end", |_| false).await;
    let error = before.error.as_ref().unwrap();
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.message.contains("stopping") || error.message.contains("shutting down"), "{error}");

    // Longer than a frame may wait to be sent live.
    tokio::time::sleep(3 * PATIENCE).await;
    world.start_relay().await;
    let mut after = world.watch_when_live(Ask { highest: before.places().last().copied(), ..Ask::live(NAME) }).await;
    after.frames(5).await;
    assert_eq!(after.verdict(), Verdict::Authentic, "{}", after.reasons());
    assert!(after.places().windows(2).all(|pair| pair[0] < pair[1]), "nothing of the past comes as live: {:?}", after.places());
    // What was captured while the relay was away follows behind: ten frames a second, so fewer than these wait only for their turn.
    let spool = || agent.status().publish.and_then(|publish| publish.spool).unwrap();
    eventually("everything is on the relay's disk", || spool().backfilled > 0 && spool().waiting < 15).await;
    assert_eq!(spool().dropped, Drops::default());
    stop(agent).await;

    let whole = world.recording(NAME, None).await;
    for seen in [&before, &after] {
        assert!(digests(seen).iter().all(|digest| digests(&whole).contains(digest)), "what was seen live is in the archive");
    }
    assert_eq!(whole.verdict(), Verdict::Authentic, "{}", whole.reasons());
    assert!(gapless(&whole) && whole.places().first() == Some(&(1, 0)), "{:?}", whole.gaps);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spool_what_the_relay_missed_is_a_gap() {
    let mut world = World::new().await;
    let forgetful = world.agent(NAME, &stage(1), Some(detector())).await.with(|setup| {
        let Destination::Relay(publish) = &mut setup.parts.destination else { unreachable!() };
        (publish.patience, publish.spool) = (PATIENCE, None);
    });
    let agent = forgetful.start().await;
    let mut before = world.watch_when_live(Ask::live(NAME)).await;
    before.frames(5).await;
    world.stop_relay().await;
    tokio::time::sleep(3 * PATIENCE).await;
    world.start_relay().await;
    let mut after = world.watch_when_live(Ask::live(NAME)).await;
    after.frames(5).await;
    stop(agent).await;
    let whole = world.recording(NAME, None).await;
    assert_eq!(whole.verdict(), Verdict::WithGaps, "{}", whole.reasons());
    assert!(!whole.gaps.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_camera_captured_before_it_reached_the_relay_is_recorded_from_its_first_frame() {
    let mut world = World::new().await;
    // Two sessions with nobody there: the second still runs when the relay comes.
    let setup = world.agent(NAME, &stage(1), Some(detector())).await;
    world.stop_relay().await;
    let agent = setup.start().await;
    let spooled = |agent: &camera_agent::agent::Agent| agent.status().publish.and_then(|publish| publish.spool).unwrap().spooled;
    eventually("frames are kept", || spooled(&agent) >= 8).await;
    stop(agent).await;
    let agent = world.agent(NAME, &stage(2), Some(detector())).await.start().await;
    eventually("frames are kept", || spooled(&agent) >= 8).await;
    world.start_relay().await;
    let spool = || agent.status().publish.and_then(|publish| publish.spool).unwrap();
    eventually("everything is on the relay's disk", || spool().acknowledged > 16 && spool().waiting < 15).await;
    stop(agent).await;
    let whole = world.recording(NAME, None).await;
    assert_eq!(whole.verdict(), Verdict::Authentic, "{}", whole.reasons());
    let firsts = [(1, 0), (2, 0)].map(|place| whole.places().contains(&place));
    assert_eq!((firsts, whole.ends, whole.gaps.len()), ([true, true], 2, 0), "{:?}", whole.places());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_restarts_in_order_leaves_no_gap() {
    let world = World::new().await;
    let agent = world.agent(NAME, &stage(1), Some(detector())).await.start().await;
    let mut live = world.watch_when_live(Ask::live(NAME)).await;
    live.frames(4).await;
    stop(agent).await;
    live.until("the end of the session", |audience| audience.ends == 1).await;
    let agent = world.agent(NAME, &stage(2), Some(detector())).await.start().await;
    live.until("the next session", |audience| audience.places().last().is_some_and(|place| *place >= (2, 3))).await;
    assert_eq!(live.verdict(), Verdict::Authentic, "{}", live.reasons());
    stop(agent).await;

    let whole = world.recording(NAME, None).await;
    assert_eq!(whole.verdict(), Verdict::Authentic, "{}", whole.reasons());
    assert_eq!((whole.ends, whole.gaps.len()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_is_for_those_who_may_see_it() {
    let (world, ana, eve) = (World::with(|config| config).await, Person::new(), Person::new());
    world.authorize(NAME, "ana", &ana, &["face"]);
    let agent = world.agent(NAME, &stage(1), Some(detector())).await.start().await;
    let mut live = world.watch_when_live(Ask::live(NAME).by(&ana)).await;
    live.frames(10).await;
    stop(agent).await;

    let span = last(Duration::from_secs(600));
    let ask = Ask { span, ..Ask::live(NAME) };
    for stranger in [ask, ask.by(&eve)] {
        let error = Audience::open(&world.address(), world.root(), stranger).await.err().unwrap();
        assert_eq!(error.code, Code::NotAllowed, "{error}");
        assert!(error.message.contains("not-allowed") && error.message.len() > 40, "{error}");
    }
    let mut replay = world.watch(ask.by(&ana)).await;
    replay.to_the_end().await;
    assert_eq!(replay.verdict(), Verdict::Authentic, "{}", replay.reasons());
    let seen = digests(&replay);
    assert!(digests(&live).iter().all(|digest| seen.contains(digest)), "the same frames as live");
    assert!(replay.shown.iter().filter(|shown| !shown.frame.header().flags.fail_closed).all(|shown| shown.lifted > 0));

    // Only what was captured in that time.
    let middle = |number: usize| live.shown[number].frame.header().captured_at;
    let part = Ask { span: wire::message::Span::Range { from: middle(3), to: middle(6) }, ..ask };
    let mut part = world.watch(part.by(&ana)).await;
    part.to_the_end().await;
    // Video begins with its group.
    let begin = live.shown[..=3].iter().rposition(|shown| shown.frame.header().flags.key).unwrap();
    assert_eq!(part.places(), live.places()[begin..=6]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_history_ends_where_the_operator_says() {
    // The default of these worlds is an hour.
    let world = World::new().await;
    let old = celosia_tests::camera::ago(Duration::from_secs(7200));
    let mut agent = world.evil_agent(NAME, Camera::new(1, 1).from(old)).await;
    agent.announce().await;
    agent.send("KffKff").await;
    eventually("the frames arrive", || world.counters().frames_verified == 6).await;
    let ask = Ask::all(NAME);
    match Audience::open(&world.address(), world.root(), ask).await {
        Err(error) => assert_eq!(error.code, Code::NotAllowed, "{error}"),
        Ok(mut audience) => {
            audience.to_the_end().await;
            assert!(audience.shown.is_empty(), "two hours ago is not the last hour: {:?} in steps of {INTERVAL:?}", audience.places());
        }
    }
}
