//! The whole relay: live from the hub, the past from the archive, across a restart.

use wire::message::{Layers, Message, Reason, Span, Subscribe};

use crate::fakes::agent::{Agent, SUBSCRIPTION};
use crate::fakes::camera::{Camera, INTERVAL, START};
use crate::fakes::viewer::{Viewer, live};
use crate::fakes::{Relay, eventually};
use wire::id::Micros;

fn all_of(camera: &str) -> Subscribe {
    let span = Span::Range { from: START, to: Micros(START.0 + 1000 * INTERVAL) };
    Subscribe { layers: Layers::Sealed, span, ..live(camera) }
}

/// A range to its end: what came, by name, frames by their sequence.
async fn replay(relay: &Relay, key: u8, subscribe: Subscribe) -> Vec<String> {
    let mut viewer = Viewer::connect(relay, Some(key)).await;
    viewer.say(&Message::Subscribe(subscribe)).await;
    let mut came = Vec::new();
    loop {
        match viewer.next().await.unwrap() {
            Message::EndOfRange { .. } => return came,
            Message::Frame { frame, session, .. } => {
                let frame = wire::frame::Frame::decode(frame).unwrap();
                assert!(frame.layers.iter().all(|layer| layer.present().is_some()));
                came.push(format!("{session}/{}", frame.header.sequence));
            }
            Message::Gap(gap) => came.push(format!("gap {}/{}-{}", gap.session, gap.first, gap.last)),
            Message::Grants(grants) => came.push(format!("{} grant", grants.grants.len())),
            Message::Refused(refused) => panic!("{refused:?} after {came:?}"),
            other => came.push(other.name().to_owned()),
        }
    }
}

/// Waits until the agent was told that so many frames of a session are on disk; gives their sequences.
async fn acknowledged(agent: &mut Agent, session: u64, count: usize) -> Vec<u64> {
    let mut sequences: Vec<u64> = Vec::new();
    while sequences.len() < count {
        match agent.hear().await {
            Some(Message::DurableAck(ack)) => {
                assert_eq!((ack.subscription, ack.session), (SUBSCRIPTION, session));
                sequences.extend(ack.first..=ack.last);
            }
            other => panic!("{other:?}"),
        }
    }
    // Groups come in any order.
    sequences.sort_unstable();
    sequences
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_told_what_is_on_disk_and_again_after_a_restart() {
    let relay = Relay::whole().await;
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    let frames = agent.send("KffKff").await;
    assert_eq!(acknowledged(&mut agent, 1, 6).await, [0, 1, 2, 3, 4, 5], "each once");
    let identity = agent.identity.clone();
    let relay = relay.restart().await;

    // The same frames again, as backfill; then one that was signed twice.
    let mut camera = agent.camera;
    let record = camera.record.clone().unwrap();
    let mut fork = Camera::new(1, 1);
    fork.public = 999;
    fork.begin_epoch();
    let forged = fork.frames("Kff");
    camera.sequence = 6;
    let mut agent = Agent::connect(&relay, identity, camera).await;
    agent.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
    agent.backfill(&frames).await;
    assert_eq!(acknowledged(&mut agent, 1, 6).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(relay.parts.counters.frames_live.get(), 0);
    let fork_record = fork.record.clone().unwrap();
    agent.say(&Message::Record { subscription: SUBSCRIPTION, record: fork_record }).await;
    agent.backfill(&forged).await;
    assert_eq!(agent.refusal().await.reason, Reason::Forked);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_what_only_the_archive_remembers_is_refused() {
    let relay = Relay::whole().await;
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("KffKff").await;
    acknowledged(&mut agent, 1, 6).await;
    let identity = agent.identity.clone();
    // Nothing in memory contradicts it any more.
    let relay = relay.restart().await;
    let mut fork = Camera::new(1, 1);
    fork.public = 999;
    let mut agent = Agent::connect(&relay, identity, fork).await;
    agent.send("Kff").await;
    assert_eq!(agent.refusal().await.reason, Reason::Forked);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_live_is_recorded_and_survives_a_restart() {
    let relay = Relay::whole().await;
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting(5)).await;
    agent.send("Kff").await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    assert_eq!(watching.sequences(3).await, [0, 1, 2]);
    // A group that is lost on its way, and one behind it.
    agent.camera.frames("Kf");
    agent.send("Kff").await;
    assert_eq!(watching.sequences(3).await, [5, 6, 7]);

    let expected = ["camera", "epoch-record", "1 grant", "1/0", "1/1", "1/2", "gap 1/3-4", "1/5", "1/6", "1/7"];
    assert_eq!(replay(&relay, 5, all_of("front-door")).await, expected);
    let id = agent.camera.id();
    let identity = agent.identity.clone();
    let relay = relay.restart().await;
    assert_eq!(agent.refusal().await.reason, Reason::Stopping);

    // The camera is off line, but its newest epoch is known from the archive: key 5 holds a grant in it, key 6 does not.
    assert_eq!(replay(&relay, 5, all_of("front-door")).await, expected);
    let mut nobody = Viewer::connect(&relay, Some(6)).await;
    nobody.say(&Message::Subscribe(all_of("front-door"))).await;
    assert_eq!(nobody.refusal().await.reason, Reason::NotAllowed);
    nobody.say(&Message::Subscribe(live("front-door"))).await;
    assert_eq!(nobody.refusal().await.reason, Reason::Offline);

    // A new session goes on.
    let mut agent = Agent::connect(&relay, identity, Camera::new(1, 2).granting(5)).await;
    assert_eq!(agent.camera.id(), id);
    agent.camera.time = Micros(START.0 + 100 * INTERVAL);
    agent.send("KfE").await;
    let stored = ["2/0", "2/1", "2/2"];
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    watching.frames(1).await;
    eventually("recorded", || relay.parts.counters.frames_live.get() == 3).await;
    let came = replay(&relay, 5, all_of("front-door")).await;
    assert!(came.ends_with(&stored.map(str::to_owned)), "{came:?}");
    drop(agent);
    relay.stop().await;
}
