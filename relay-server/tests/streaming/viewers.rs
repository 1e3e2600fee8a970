//! Viewers: fast, late, slow, demanding.

use std::time::Duration;

use link::endpoint::Transport;
use relay_server::config::{self, Config, History};
use wire::id::Micros;
use wire::message::{GapCause, Layers, Message, Reason, Span, Subscribe};

use crate::fakes::agent::Agent;
use crate::fakes::camera::{Camera, START};
use crate::fakes::path::{Path, Proxy};
use crate::fakes::viewer::{Viewer, live};
use crate::fakes::{Relay, eventually};

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_is_told_who_and_what() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting(5).granting(6)).await;
    agent.send("Kff").await;
    let mut viewer = Viewer::watch_when_online(&relay, "front-door").await;
    let mut told = Vec::new();
    let mut frames = 0;
    // Frames may overtake what is said on the control stream.
    while frames < 3 || told.len() < 2 {
        match viewer.next().await.unwrap() {
            Message::Camera(camera) => {
                assert_eq!((camera.subscription, camera.name.as_str()), (1, "front-door"));
                let root = &relay.parts.authority.root().certificate;
                let now = relay.parts.clock.now();
                let shown = link::camera_certificate::verify(&camera.chain, root, &camera.crls, now).unwrap();
                assert_eq!(shown.id, agent.camera.id());
                told.push("camera");
            }
            Message::Record { record, .. } => {
                assert_eq!(Some(record), agent.camera.record);
                told.push("record");
            }
            Message::Frame { subscription, session, frame } => {
                assert_eq!((subscription, session), (1, 1));
                let frame = wire::frame::Frame::decode(frame).unwrap();
                assert!(frame.layers[0].present().is_some() && frame.layers[1].present().is_none());
                frames += 1;
            }
            other => panic!("{other:?} was not asked for"),
        }
    }
    assert_eq!(told, ["camera", "record"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_layers_come_with_the_whole_list_and_ones_own_grants() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting(5).granting(6)).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    let mut viewer = Viewer::connect(&relay, Some(6)).await;
    viewer.say(&Message::Subscribe(Subscribe { layers: Layers::Sealed, ..live("front-door") })).await;
    let (mut grants, mut sealed) = (None, None);
    while grants.is_none() || sealed.is_none() {
        match viewer.next().await.unwrap() {
            Message::Grants(message) => grants = Some(message),
            Message::Frame { frame, .. } => sealed = wire::frame::Frame::decode(frame).unwrap().layers[1].present().cloned(),
            _ => {}
        }
    }
    let (grants, all) = (grants.unwrap(), agent.camera.grants(1));
    assert_eq!((grants.record, &grants.list), (all.record, &all.list));
    assert_eq!(grants.grants, [all.grants[1].clone()]);
    assert_eq!(sealed.unwrap().len(), 500);

    // Without a key there is nothing sealed to be had.
    let mut nobody = Viewer::connect(&relay, None).await;
    nobody.say(&Message::Subscribe(Subscribe { layers: Layers::Sealed, ..live("front-door") })).await;
    assert_eq!(nobody.refusal().await.reason, Reason::NotAllowed);
    // The connection goes on.
    nobody.say(&Message::Subscribe(live("front-door"))).await;
    assert_eq!(nobody.sequences(1).await, [0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_viewer_joins_at_the_newest_group_at_once() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("KfffKfff").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 8).await;
    let mut viewer = Viewer::watch(&relay, "front-door").await;
    assert_eq!(viewer.sequences(4).await, [4, 5, 6, 7]);
    agent.send("Kf").await;
    assert_eq!(viewer.sequences(2).await, [8, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_is_announced_once() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("Kf").await;
    let mut viewer = Viewer::watch_when_online(&relay, "front-door").await;
    let mut announced = vec![agent.camera.record.clone()];
    let (mut records, mut frames) = (Vec::new(), 0);
    while frames < 6 || records.len() < 2 {
        match viewer.next().await.unwrap() {
            Message::Camera(_) => {}
            Message::Record { record, .. } => records.push(Some(record)),
            Message::Frame { .. } => frames += 1,
            other => panic!("{other:?}"),
        }
        if frames == 2 && announced.len() == 1 {
            agent.epoch().await;
            announced.push(agent.camera.record.clone());
            agent.send("KfKf").await;
        }
    }
    assert!(records == announced);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_watches_several_cameras_and_stops_watching() {
    let relay = Relay::start();
    let mut front = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    let mut back = Agent::start(&relay, "back-door", Camera::new(2, 1)).await;
    front.send("K").await;
    back.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 2).await;
    let mut viewer = Viewer::watch(&relay, "front-door").await;
    viewer.say(&Message::Subscribe(Subscribe { subscription: 2, ..live("back-door") })).await;
    let mut subscriptions = Vec::new();
    while subscriptions.len() < 2 {
        if let Some(Message::Frame { subscription, .. }) = viewer.next().await {
            subscriptions.push(subscription);
        }
    }
    subscriptions.sort_unstable();
    assert_eq!(subscriptions, [1, 2]);

    viewer.say(&Message::Unsubscribe { subscription: 1 }).await;
    // A refusal of something later says that this was heard.
    viewer.say(&Message::Subscribe(Subscribe { subscription: 3, ..live("no-door") })).await;
    assert_eq!(viewer.refusal().await.reason, Reason::UnknownCamera);
    front.send("K").await;
    back.send("K").await;
    loop {
        match viewer.next().await.unwrap() {
            Message::Frame { subscription, .. } => break assert_eq!(subscription, 2),
            other => assert!(!matches!(other, Message::Refused(_)), "{other:?}"),
        }
    }
    eventually("both are live", || relay.parts.counters.frames_live.get() == 4).await;
    // The number is free again.
    viewer.say(&Message::Subscribe(live("front-door"))).await;
    assert_eq!(viewer.sequences(1).await, [1]);
    viewer.say(&Message::Subscribe(live("back-door"))).await;
    assert_eq!(viewer.refusal().await.reason, Reason::OutOfTurn);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_frames_only() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("Kf").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 2).await;
    let mut viewer = Viewer::connect(&relay, None).await;
    viewer.say(&Message::Subscribe(Subscribe { key_frames_only: true, ..live("front-door") })).await;
    assert_eq!(viewer.sequences(1).await, [0]);
    agent.send("KffKff").await;
    assert_eq!(viewer.sequences(2).await, [2, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_off_line_is_named_so() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("K").await;
    let mut early = Viewer::watch_when_online(&relay, "front-door").await;
    early.sequences(1).await;
    agent.connection.close(0u32.into(), b"");
    let channel = relay.parts.hub.get(&"front-door".parse().unwrap()).unwrap();
    eventually("off line", || !channel.is_online()).await;
    assert_eq!(Viewer::watch(&relay, "front-door").await.refusal().await.reason, Reason::Offline);
    // Enrolled, but never seen since the relay started.
    relay.enrol("back-door", &Camera::new(2, 1).key);
    assert_eq!(Viewer::watch(&relay, "back-door").await.refusal().await.reason, Reason::Offline);
    assert_eq!(Viewer::watch(&relay, "no-door").await.refusal().await.reason, Reason::UnknownCamera);
    // Whoever was there before goes on when the camera comes back.
    let mut agent = Agent::connect(&relay, agent.identity.clone(), Camera::new(1, 2)).await;
    agent.send("Kf").await;
    assert_eq!(early.sequences(2).await, [0, 1]);
}

/// A viewer that takes no more than this many bytes until it reads.
fn narrow(bytes: u32) -> Transport {
    Transport { receive_window: bytes, stream_window: bytes, ..Transport::VIEWER }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_viewer_skips_to_the_newest_group_and_is_told() {
    let relay = Relay::start();
    let mut camera = Camera::new(1, 1);
    camera.public = 40_000;
    let mut agent = Agent::start(&relay, "front-door", camera).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;

    // It takes 100 kB and reads nothing: two frames fit.
    let (_endpoint, connection) = relay.connect(None, &narrow(100_000)).await;
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    for message in [Message::Hello(wire::message::Hello::new(None)), Message::Subscribe(live("front-door"))] {
        link::stream::write(&mut send, &[], message.encode()).await.unwrap();
    }
    let mut fast = Viewer::watch(&relay, "front-door").await;
    let mut seen = fast.sequences(1).await;
    for _ in 0..40 {
        agent.send("K").await;
        seen.extend(fast.sequences(1).await);
    }
    assert_eq!(seen, (0..=40).collect::<Vec<_>>(), "the fast viewer misses nothing by it");

    // Now it reads: first what had arrived, then, behind the gap, the newest.
    let mut frames = Vec::new();
    let mut gaps = Vec::new();
    let mut newest = 40;
    while gaps.is_empty() || frames.last() != Some(&newest) {
        tokio::select! {
            stream = connection.accept_uni() => {
                let mut stream = stream.unwrap();
                // A frame that was taken back is no message.
                if let Ok(Some(bytes)) = link::stream::read(&mut stream, wire::frame::MAX_FRAME).await {
                    let Message::Frame { frame, .. } = Message::decode(bytes).unwrap() else { panic!() };
                    frames.push(wire::frame::Frame::decode(frame).unwrap().header.sequence);
                }
            }
            message = link::stream::read(&mut receive, 1 << 20) => {
                if let Message::Gap(gap) = Message::decode(message.unwrap().unwrap()).unwrap() {
                    gaps.push(gap);
                }
            }
            () = tokio::time::sleep(Duration::from_millis(50)) => {
                agent.send("K").await;
                newest += 1;
            }
        }
    }
    assert!(frames.is_sorted(), "{frames:?}");
    let first = gaps[0];
    assert_eq!((first.subscription, first.session, first.cause), (1, 1, GapCause::Slow));
    assert!(frames.len() < 20, "{frames:?}");
    // What it was not sent lies in the gaps.
    let missed = |sequence: &u64| gaps.iter().any(|gap| (gap.first..=gap.last).contains(sequence));
    assert!((0..newest).all(|sequence| frames.contains(&sequence) || missed(&sequence)), "{frames:?} {gaps:?}");
    let counters = relay.parts.counters.snapshot();
    assert!(counters.skips >= 1 && counters.frames_skipped >= 20, "{counters:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_window_is_smaller_than_a_frame_still_sees_frames() {
    let relay = Relay::start();
    let mut camera = Camera::new(1, 1);
    camera.public = 300_000;
    let mut agent = Agent::start(&relay, "front-door", camera).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    let mut viewer = Viewer::with(&relay, None, &narrow(20_000)).await;
    viewer.say(&Message::Subscribe(live("front-door"))).await;
    // New key frames come all the time, faster than one can be written.
    let mut seen = Vec::new();
    while seen.len() < 3 {
        agent.send("KKKK").await;
        if let Some(Message::Frame { frame, .. }) = viewer.soon().await {
            seen.push(wire::frame::Frame::decode(frame).unwrap().header.sequence);
        }
    }
    assert!(seen.is_sorted());
}

/// Sends a key frame 30 times a second, and gives the agent back.
async fn feed(mut agent: Agent, frames: usize) -> Agent {
    let mut tick = tokio::time::interval(Duration::from_micros(33_333));
    for _ in 0..frames {
        tick.tick().await;
        agent.send("K").await;
    }
    agent
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_path_is_not_a_slow_viewer() {
    let mut relay = Relay::start();
    let mut camera = Camera::new(1, 1);
    camera.public = 10_000;
    let mut agent = Agent::start(&relay, "front-door", camera).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    // Ten frames are on their way at any time.
    let path = Path { delay: Duration::from_millis(150), rate: 0, queue: Duration::from_secs(60) };
    relay.way = Some(Proxy::start(relay.at, path).await);
    let mut viewer = Viewer::watch(&relay, "front-door").await;
    // While the connection learns how much the path carries, it may be behind.
    let agent = feed(agent, 75).await;
    while viewer.frames(1).await[0].header.sequence < 75 {}
    let skips = relay.parts.counters.skips.get();
    let feeding = tokio::spawn(feed(agent, 60));
    assert_eq!(viewer.sequences(60).await, (76..=135).collect::<Vec<_>>());
    assert_eq!(relay.parts.counters.skips.get(), skips);
    feeding.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrow_path_gets_fewer_frames_but_none_that_is_old() {
    let mut relay = Relay::start();
    let mut camera = Camera::new(1, 1);
    camera.public = 40_000;
    let mut agent = Agent::start(&relay, "front-door", camera).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    // A fifth of what the camera sends.
    let path = Path { delay: Duration::from_millis(20), rate: 240_000, queue: Duration::from_millis(200) };
    relay.way = Some(Proxy::start(relay.at, path).await);
    let mut viewer = Viewer::watch(&relay, "front-door").await;
    let feeding = tokio::spawn(feed(agent, 180));
    let (mut seen, mut behind) = (Vec::new(), Vec::new());
    let channel = relay.parts.hub.get(&"front-door".parse().unwrap()).unwrap();
    while !feeding.is_finished() {
        if let Some(Message::Frame { frame, .. }) = viewer.soon().await {
            let sequence = wire::frame::Frame::decode(frame).unwrap().header.sequence;
            seen.push(sequence);
            behind.push(channel.newest().unwrap().place.sequence - sequence);
        }
    }
    feeding.await.unwrap();
    assert!(relay.parts.counters.skips.get() > 0);
    // The path has room for 36 frames in that time. Sharing it among frames that are all taken back in the end, few would arrive.
    assert!(seen.len() > 12, "{seen:?}");
    // How far it is behind does not grow: to send all of them would take 30 s.
    let (early, late) = behind.split_at(behind.len() / 2);
    assert!(late.iter().max() <= early.iter().max().map(|most| most + 30).as_ref(), "{behind:?}");
}

fn recorded(mut config: Config) -> Config {
    config = config.with_camera(&"back-door".parse().unwrap(), camera(History::For(Duration::from_secs(1 << 30))));
    config
}

fn camera(public_history: History) -> config::Camera {
    config::Camera { public_history, ..config::Camera::default() }
}

fn past(first: u64, last: u64) -> Span {
    let at = |frame: u64| Micros(START.0 + frame * crate::fakes::camera::INTERVAL);
    Span::Range { from: at(first), to: at(last) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_replayed_in_order_on_one_stream() {
    let relay = Relay::with(recorded);
    let mut agent = Agent::start(&relay, "back-door", Camera::new(1, 1).granting(5)).await;
    agent.send("KffKffKff").await;
    eventually("stored", || relay.memory.frames(agent.camera.id()).len() == 9).await;
    for (layers, key, kinds) in [
        (Layers::Public, None, ["camera", "epoch-record", "frame", "frame", "frame", "frame", "end-of-range"].as_slice()),
        (Layers::Sealed, Some(5), ["camera", "epoch-record", "grants", "frame", "frame", "frame", "frame", "end-of-range"].as_slice()),
    ] {
        let mut viewer = Viewer::connect(&relay, key).await;
        viewer.say(&Message::Subscribe(Subscribe { layers, span: past(3, 6), ..live("back-door") })).await;
        let (mut names, mut sequences) = (Vec::new(), Vec::new());
        loop {
            let message = viewer.next().await.unwrap();
            names.push(message.name());
            match message {
                Message::Frame { frame, .. } => {
                    let frame = wire::frame::Frame::decode(frame).unwrap();
                    assert_eq!(frame.layers[1].present().is_some(), layers == Layers::Sealed);
                    sequences.push(frame.header.sequence);
                }
                Message::EndOfRange { subscription } => break assert_eq!(subscription, 1),
                Message::Grants(grants) => assert_eq!(grants.grants.len(), 1),
                _ => {}
            }
        }
        assert_eq!(names, kinds);
        assert_eq!(sequences, [3, 4, 5, 6]);
        viewer.say(&Message::Subscribe(Subscribe { subscription: 2, key_frames_only: true, span: past(0, 8), ..live("back-door") })).await;
        assert_eq!(viewer.sequences(3).await, [0, 3, 6]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_is_not_for_everyone() {
    let relay = Relay::with(recorded);
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting(5)).await;
    agent.send("K").await;
    eventually("stored", || relay.memory.frames(agent.camera.id()).len() == 1).await;
    for (key, allowed) in [(None, false), (Some(6), false), (Some(5), true)] {
        let mut viewer = Viewer::connect(&relay, key).await;
        viewer.say(&Message::Subscribe(Subscribe { span: past(0, 8), ..live("front-door") })).await;
        if allowed {
            assert_eq!(viewer.sequences(1).await, [0]);
        } else {
            let refused = viewer.refusal().await;
            assert_eq!(refused.reason, Reason::NotAllowed);
            assert!(refused.text.contains("public_history"), "{}", refused.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_is_told_when_the_relay_stops() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("K").await;
    let mut viewer = Viewer::watch_when_online(&relay, "front-door").await;
    viewer.sequences(1).await;
    let mut idle = Viewer::connect(&relay, None).await;
    relay.stop().await;
    assert_eq!(agent.refusal().await.reason, Reason::Stopping);
    assert_eq!(viewer.refusal().await.reason, Reason::Stopping);
    assert_eq!(idle.refusal().await.reason, Reason::Stopping);
}
