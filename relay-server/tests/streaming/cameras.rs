//! Cameras that behave, and cameras that do not.

use bytes::{Bytes, BytesMut};
use ed25519_dalek::SigningKey;
use link::stream;
use relay_server::config::Config;
use relay_server::verify::Place;
use wire::id::SessionId;
use wire::message::{Message, Reason};

use crate::fakes::agent::{Agent, SUBSCRIPTION, message};
use crate::fakes::camera::Camera;
use crate::fakes::viewer::{Viewer, live};
use crate::fakes::{PATIENCE, Relay, eventually};

/// Sequences of one session.
fn places(session: u64, sequences: impl IntoIterator<Item = u64>) -> Vec<Place> {
    sequences.into_iter().map(|sequence| Place { session, sequence }).collect()
}

/// Does one wrong thing, behind a good group of three frames (0 to 2).
async fn attack(how: &str, agent: &mut Agent) {
    let second = |session| {
        let mut camera = Camera::with_key(agent.camera.key.clone(), session);
        camera.record = agent.camera.record.clone();
        camera.public = 2000;
        camera
    };
    let session = agent.camera.signer.session();
    match how {
        "flip" => {
            let frames = agent.camera.frames("K");
            let mut bytes = BytesMut::from(&message(&frames[0])[..]);
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            agent.send_raw(&[bytes.freeze()]).await;
        }
        "flip in the group" => {
            let frames = agent.camera.frames("Kf");
            let mut bytes = BytesMut::from(&message(&frames[1])[..]);
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            agent.send_raw(&[message(&frames[0]), bytes.freeze()]).await;
        }
        "remove" => {
            let frames = agent.camera.frames("Kff");
            agent.send_raw(&[message(&frames[0]), message(&frames[2])]).await;
        }
        "swap" => {
            let frames = agent.camera.frames("Kff");
            agent.send_raw(&[message(&frames[0]), message(&frames[2]), message(&frames[1])]).await;
        }
        "repeat" => {
            let frames = agent.camera.frames("Kf");
            agent.send_raw(&[message(&frames[0]), message(&frames[1]), message(&frames[1])]).await;
        }
        "no key frame" => {
            let frames = agent.camera.frames("Kf");
            agent.send_raw(&[message(&frames[1])]).await;
        }
        "two groups in one stream" => {
            let frames = agent.camera.frames("KfK");
            agent.send_raw(&frames.iter().map(message).collect::<Vec<_>>()).await;
        }
        "another camera's frame" => {
            let mut other = Camera::new(99, 1);
            let frames = other.frames("K");
            agent.send_frames(&frames).await;
        }
        "another camera's record" => {
            let record = Camera::new(99, 1).begin_epoch();
            agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
        }
        "another session in the envelope" => {
            let frames = agent.camera.frames("K");
            let raw = Message::Frame { subscription: SUBSCRIPTION, session: 2, frame: frames[0].bytes().clone() };
            agent.send_raw(&[raw.encode()]).await;
        }
        "another subscription" => {
            let frames = agent.camera.frames("K");
            let raw = Message::Frame { subscription: 8, session: 1, frame: frames[0].bytes().clone() };
            agent.send_raw(&[raw.encode()]).await;
        }
        "an epoch that nobody announced" => {
            agent.camera.begin_epoch();
            let frames = agent.camera.frames("K");
            agent.send_frames(&frames).await;
        }
        "a record without its grants" => {
            agent.camera.grants = Camera::new(1, 1).granting(5).grants;
            let record = agent.camera.begin_epoch();
            agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
            let frames = agent.camera.frames("K");
            agent.send_frames(&frames).await;
        }
        "other grants" => {
            agent.camera.grants = Camera::new(1, 1).granting(5).grants;
            let record = agent.camera.begin_epoch();
            agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
            let mut grants = agent.camera.grants(SUBSCRIPTION);
            grants.grants = Camera::new(1, 1).granting(6).grants;
            agent.say(&Message::Grants(grants)).await;
        }
        "a grant too few" => {
            agent.camera.grants = Camera::new(1, 1).granting(5).granting(6).grants;
            let record = agent.camera.begin_epoch();
            agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
            let mut grants = agent.camera.grants(SUBSCRIPTION);
            grants.grants.pop();
            agent.say(&Message::Grants(grants)).await;
        }
        "grants without a record" => {
            agent.camera.begin_epoch();
            let grants = agent.camera.grants(SUBSCRIPTION);
            agent.say(&Message::Grants(grants)).await;
        }
        "fork" => {
            let frames = second(session).frames("K");
            agent.send_frames(&frames).await;
        }
        "fork the session" => {
            let record = Camera::with_key(agent.camera.key.clone(), SessionId { nonce: [9; 16], ..session }).begin_epoch();
            agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
        }
        "splice" => {
            // A group that follows frames that the relay never saw, where it saw others.
            let frames = second(session).frames("KffK");
            agent.send_frames(&frames[3..]).await;
        }
        "go on after the end" => {
            agent.send("E").await;
            let mut other = Camera::with_key(agent.camera.key.clone(), session);
            other.record = agent.camera.record.clone();
            let frames = other.frames("Kff.K");
            agent.send_frames(&frames[3..]).await;
        }
        "garbage" => agent.send_raw(&[Bytes::from_static(&[0xa5; 1000])]).await,
        "an empty message" => agent.send_raw(&[Bytes::new()]).await,
        "garbage in a frame" => {
            let raw = Message::Frame { subscription: SUBSCRIPTION, session: 1, frame: Bytes::from_static(&[0x5a; 1000]) };
            agent.send_raw(&[raw.encode()]).await;
        }
        "a huge length" => {
            let mut stream = agent.connection.open_uni().await.unwrap();
            stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
            let _ = stream.stopped().await;
        }
        "a huge length on control" => agent.send.write_all(&u32::MAX.to_be_bytes()).await.unwrap(),
        "a frame above the limit" => {
            agent.camera.public = 200_000;
            let frames = agent.camera.frames("K");
            agent.send_frames(&frames).await;
        }
        "an end in the middle" => {
            let frames = agent.camera.frames("K");
            let mut stream = agent.connection.open_uni().await.unwrap();
            let raw = message(&frames[0]);
            let prefix = stream::prefix(&raw, &Bytes::new()).unwrap();
            stream.write_all(&prefix[..prefix.len() - 1]).await.unwrap();
            stream.finish().unwrap();
        }
        "publish twice" => agent.say(&Message::Publish { subscription: SUBSCRIPTION, backfill: 0 }).await,
        "subscribe" => agent.say(&Message::Subscribe(live("front-door"))).await,
        "a record on a group stream" => {
            let record = agent.camera.begin_epoch();
            agent.send_raw(&[Message::Record { subscription: SUBSCRIPTION, record }.encode()]).await;
        }
        other => panic!("no attack named {other}"),
    }
}

const ATTACKS: &[(&str, Reason, &str)] = &[
    ("flip", Reason::NotVerified, "bad-signature"),
    ("flip in the group", Reason::NotVerified, "bad-signature"),
    ("remove", Reason::NotVerified, "bad-signature"),
    ("swap", Reason::NotVerified, "bad-signature"),
    ("repeat", Reason::NotVerified, "sequence"),
    ("no key frame", Reason::NotVerified, "no-key-frame"),
    ("two groups in one stream", Reason::NotVerified, "other-group"),
    ("another camera's frame", Reason::NotVerified, "other-camera"),
    ("another camera's record", Reason::NotVerified, "other-camera"),
    ("another session in the envelope", Reason::NotVerified, "other-session"),
    ("another subscription", Reason::OutOfTurn, "out-of-turn"),
    ("an epoch that nobody announced", Reason::NotVerified, "no-epoch"),
    ("a record without its grants", Reason::NotVerified, "no-epoch"),
    ("other grants", Reason::NotVerified, "grants"),
    ("a grant too few", Reason::NotVerified, "grants"),
    ("grants without a record", Reason::OutOfTurn, "out-of-turn"),
    ("fork", Reason::Forked, "forked"),
    ("fork the session", Reason::Forked, "forked-session"),
    ("splice", Reason::NotVerified, "chain"),
    ("go on after the end", Reason::NotVerified, "ended"),
    ("garbage", Reason::Malformed, "malformed"),
    ("an empty message", Reason::Malformed, "malformed"),
    ("garbage in a frame", Reason::Malformed, "malformed"),
    ("a huge length", Reason::Malformed, "too-long"),
    ("a huge length on control", Reason::Malformed, "too-long"),
    ("a frame above the limit", Reason::Malformed, "too-long"),
    ("an end in the middle", Reason::Malformed, "malformed"),
    ("publish twice", Reason::OutOfTurn, "out-of-turn"),
    ("subscribe", Reason::OutOfTurn, "out-of-turn"),
    ("a record on a group stream", Reason::OutOfTurn, "out-of-turn"),
];

fn small(mut config: Config) -> Config {
    config.limits.frame_bytes = 100_000;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_by_name_and_others_notice_nothing() {
    let relay = Relay::with(small);
    let mut honest = Agent::start(&relay, "honest", Camera::new(200, 1)).await;
    honest.send("Kff").await;
    let mut watching = Viewer::watch(&relay, "honest").await;
    let mut seen = watching.sequences(3).await;
    for (number, (how, reason, name)) in (1u8..).zip(ATTACKS) {
        let mut agent = Agent::start(&relay, &format!("camera-{number}"), Camera::new(number, 1)).await;
        agent.send("Kff").await;
        let camera = agent.camera.id();
        // The control: until then all is well.
        eventually(how, || relay.memory.frames(camera).len() == 3).await;
        let before = relay.parts.counters.cameras_disconnected.get(name);
        attack(how, &mut agent).await;
        let refused = agent.refusal().await;
        assert_eq!(refused.reason, *reason, "{how}: {refused:?}");
        assert_eq!(relay.parts.counters.cameras_disconnected.get(name), before + 1, "{how}: {refused:?}");
        // At most the verified part of the attack's own group got through.
        let kept = relay.memory.frames(camera);
        assert_eq!(kept[..3], places(1, 0..3), "{how}");
        assert!(kept.len() <= 5, "{how}: {kept:?}");
        eventually("off line", || !relay.parts.hub.get(&format!("camera-{number}").parse().unwrap()).unwrap().is_online()).await;

        honest.send("K").await;
        seen.extend(watching.sequences(1).await);
    }
    assert_eq!(seen, (0..3 + ATTACKS.len() as u64).collect::<Vec<_>>());
    assert_eq!(relay.parts.counters.peers_refused.snapshot(), [].into());
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_in_any_order_are_stored_and_only_new_ones_are_live() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 5)).await;
    agent.epoch().await;
    let mut old = Camera::with_key(agent.camera.key.clone(), SessionId { number: 4, nonce: [4; 16] });
    let record = old.begin_epoch();
    agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
    let earlier = agent.camera.frames(&"Kff".repeat(40));
    let newest = agent.camera.frames("Kff");

    agent.send_frames(&newest).await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    assert_eq!(watching.sequences(3).await, [120, 121, 122]);
    agent.send_frames(&earlier[..60]).await;
    agent.send_frames(&old.frames("KfE")).await;
    let camera = agent.camera.id();
    eventually("backfill is stored", || relay.memory.frames(camera).len() == 66).await;
    agent.send("K").await;
    // Nothing of the backfill reached the viewer before the next live frame.
    assert_eq!(watching.sequences(1).await, [123]);
    assert_eq!(relay.parts.counters.frames_backfilled.get(), 63);
    assert!(agent.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_before_an_agent_left_is_taken() {
    let relay = Relay::start();
    let key = Camera::new(1, 1).key;
    let identity = relay.enrol("front-door", &key);
    // Whether the relay has looked at the last frames when the connection closes is chance: often enough for both to happen.
    for session in 1..=40 {
        let camera = Camera::with_key(key.clone(), SessionId { number: session, nonce: [1; 16] });
        let mut agent = Agent::connect(&relay, identity.clone(), camera).await;
        agent.epoch().await;
        let mut streams = Vec::new();
        for frame in agent.camera.frames("KKKKKKKE") {
            let mut stream = agent.connection.open_uni().await.unwrap();
            stream::write(&mut stream, &[], message(&frame)).await.unwrap();
            stream.finish().unwrap();
            streams.push(stream);
        }
        for stream in streams {
            stream.stopped().await.unwrap();
        }
        agent.connection.close(0u32.into(), b"");
        let camera = agent.camera.id();
        eventually("its last frames", || relay.memory.frames(camera).len() as u64 == 8 * session).await;
    }
    assert_eq!(relay.parts.counters.cameras_disconnected.snapshot(), [].into());
}

#[tokio::test(flavor = "multi_thread")]
async fn backfill_is_never_live_however_new_it_looks() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 5)).await;
    agent.epoch().await;
    // The relay has just started: it has seen no frame that would be newer.
    let missed = agent.camera.frames("KffKff");
    let camera = agent.camera.id();
    eventually("online", || relay.parts.hub.is_online(camera)).await;
    let mut watching = Viewer::watch(&relay, "front-door").await;
    agent.backfill(&missed).await;
    eventually("backfill is stored", || relay.memory.frames(camera).len() == 6).await;
    agent.send("Kff").await;
    assert_eq!(watching.sequences(3).await, [6, 7, 8]);
    assert_eq!((relay.parts.counters.frames_backfilled.get(), relay.parts.counters.frames_live.get()), (6, 3));
    // The control: the same frames, sent as live ones where nothing newer was, are.
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 5)).await;
    eventually("online", || relay.parts.hub.is_online(camera)).await;
    let mut watching = Viewer::watch(&relay, "front-door").await;
    agent.send("Kff").await;
    assert_eq!(watching.sequences(3).await, [0, 1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_already_is_taken_again() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    let frames = agent.send("KffKff").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 6).await;
    let mut watching = Viewer::watch(&relay, "front-door").await;
    assert_eq!(watching.sequences(3).await, [3, 4, 5]);
    agent.send_frames(&frames).await;
    eventually("taken again", || relay.parts.counters.frames_repeated.get() == 6).await;
    while let Some(message) = watching.soon().await {
        assert_ne!(message.name(), "frame", "no viewer gets a frame twice");
    }
    agent.send("K").await;
    assert_eq!(watching.sequences(1).await, [6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_camera_again_replaces_itself() {
    let relay = Relay::start();
    let mut first = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    first.send("Kff").await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    assert_eq!(watching.sequences(3).await, [0, 1, 2]);

    let mut second = Agent::connect(&relay, first.identity.clone(), Camera::new(1, 2)).await;
    assert_eq!(first.refusal().await.reason, Reason::Replaced);
    second.send("Kf").await;
    assert_eq!(watching.sequences(2).await, [0, 1]);
    let channel = relay.parts.hub.get(&"front-door".parse().unwrap()).unwrap();
    assert!(channel.is_online());
    drop(first);
    second.send("K").await;
    assert_eq!(watching.sequences(1).await, [2]);
    second.connection.close(0u32.into(), b"");
    eventually("off line", || !channel.is_online()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_full_does_not_stop_live() {
    let relay = Relay::start();
    relay.memory.full.store(true, std::sync::atomic::Ordering::Relaxed);
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("Kff").await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    assert_eq!(watching.sequences(3).await, [0, 1, 2]);
    assert_eq!(relay.parts.counters.frames_not_stored.get(), 3);
    assert!(agent.connection.close_reason().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_enrolled_under_that_name_is_no_camera() {
    let relay = Relay::start();
    let key = |seed: u8| SigningKey::from_bytes(&[seed; 32]);
    // Certified, but not in the roster.
    let stranger = crate::fakes::identity(relay.certify(&"front-door".parse().unwrap(), &key(1)), &key(1));
    // Its name passed to another key.
    let replaced = relay.enrol("back-door", &key(2));
    relay.enrol("back-door", &key(3));
    // In the roster under another name than in the certificate.
    relay.enrol("side-door", &key(4));
    let renamed = crate::fakes::identity(relay.certify(&"front-door".parse().unwrap(), &key(4)), &key(4));
    for identity in [stranger, replaced, renamed] {
        let (_endpoint, connection) = relay.connect(Some(&identity), &link::endpoint::Transport::AGENT).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        let hello = Message::Hello(wire::message::Hello::new(None)).encode();
        stream::write(&mut send, &[], hello).await.unwrap();
        let answer = tokio::time::timeout(PATIENCE, stream::read(&mut receive, 1000)).await.unwrap().unwrap().unwrap();
        assert!(matches!(Message::decode(answer).unwrap(), Message::Refused(refused) if refused.reason == Reason::NotAllowed));
    }
    assert_eq!(relay.parts.counters.agents.get(), 0);
    // The control.
    let identity = relay.enrol("good-door", &key(5));
    Agent::connect(&relay, identity, Camera::new(5, 1)).await;
    assert_eq!(relay.parts.counters.agents.get(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_was_taken_back_is_disconnected_and_so_are_its_viewers() {
    let relay = Relay::start();
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("K").await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    watching.sequences(1).await;
    relay.parts.cameras.revoke(agent.camera.id());
    assert_eq!(agent.refusal().await.reason, Reason::NotAllowed);
    assert_eq!(watching.refusal().await.reason, Reason::UnknownCamera);
}
