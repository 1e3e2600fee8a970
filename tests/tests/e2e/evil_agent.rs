//! An agent that has a camera's real key and certificate, and misbehaves: it is refused by name, disconnected and counted, and nobody
//! else notices.

use std::collections::BTreeMap;

use bytes::Bytes;
use celosia_tests::audience::Ask;
use celosia_tests::camera::Camera;
use celosia_tests::evil_agent::{EvilAgent, message};
use celosia_tests::patience::eventually;
use celosia_tests::person::Person;
use celosia_tests::world::World;
use wire::epoch::Link;
use wire::grants::GrantList;
use wire::id::{Micros, SessionId};
use wire::message::{Message, Reason};
use wire::verdict::Verdict;

const GOOD: &str = "front-door";
const BAD: &str = "back-door";

/// How often what should have been counted by now.
#[derive(Default)]
struct Counted(BTreeMap<&'static str, u64>);

impl Counted {
    /// The relay refuses that agent for this reason, and counts it once.
    async fn refused(&mut self, world: &World, agent: &mut EvilAgent, what: &str, counted: &'static str, reason: Reason) {
        let refused = agent.refusal().await;
        assert_eq!(refused.reason, reason, "{what}: {}", refused.text);
        assert!(refused.text.len() > 10, "{what}: {}", refused.text);
        *self.0.entry(counted).or_default() += 1;
        let now = world.counters().cameras_disconnected;
        assert_eq!(now, self.0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_an_agent_does_its_neighbour_streams_on() {
    let world = World::new().await;
    let mut good = world.evil_agent(GOOD, Camera::new(1, 1)).await;
    good.announce().await;
    good.send("Kff").await;
    let mut neighbour = world.watch_when_live(Ask::live(GOOD)).await;
    neighbour.frames(3).await;

    let mut counted = Counted::default();
    let mut session = 0;
    let mut camera = || {
        session += 1;
        Camera::new(2, session)
    };

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    let frames = agent.camera.frames("Kf");
    let mut forged = message(&frames[0]).to_vec();
    let end = forged.len();
    forged[end - 3] ^= 1;
    agent.send_raw(&[forged.into()]).await;
    counted.refused(&world, &mut agent, "a bad signature", "bad-signature", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    let frames = agent.camera.frames("Kff");
    agent.send_raw(&[message(&frames[0]), message(&frames[2])]).await;
    counted.refused(&world, &mut agent, "a frame left out", "bad-signature", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    let mut other = Camera::new(1, 9);
    agent.say(&Message::Record { subscription: 1, record: other.record() }).await;
    counted.refused(&world, &mut agent, "another camera's record", "other-camera", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    agent.send_frames(&Camera::new(1, 9).frames("Kf")).await;
    counted.refused(&world, &mut agent, "another camera's frames", "other-camera", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    let frames = agent.camera.frames("Kff");
    agent.send_raw(&[message(&frames[1])]).await;
    counted.refused(&world, &mut agent, "no key frame", "no-key-frame", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    let head = Message::frame_head(1, 1);
    agent.send_raw(&[Bytes::from([&head[..], &vec![0; 5 << 20]].concat())]).await;
    counted.refused(&world, &mut agent, "a frame that is too large", "too-long", Reason::Malformed).await;

    for garbage in [&b""[..], b"\xff", b"garbage", &[0x55; 100]] {
        let mut agent = world.evil_agent(BAD, camera()).await;
        agent.send_raw(&[Bytes::copy_from_slice(garbage)]).await;
        counted.refused(&world, &mut agent, "garbage for a frame", "malformed", Reason::Malformed).await;
        let mut agent = world.evil_agent(BAD, camera()).await;
        agent.say_raw(Bytes::copy_from_slice(garbage)).await;
        counted.refused(&world, &mut agent, "garbage for a message", "malformed", Reason::Malformed).await;
    }

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.say(&Message::EndOfRange { subscription: 1 }).await;
    counted.refused(&world, &mut agent, "what agents do not say", "out-of-turn", Reason::OutOfTurn).await;

    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.send("Kf").await;
    counted.refused(&world, &mut agent, "frames without a record", "no-epoch", Reason::NotVerified).await;

    let mut agent = world.evil_agent(BAD, camera().granting(Person::new().public())).await;
    let record = agent.camera.record();
    agent.say(&Message::Record { subscription: 1, record }).await;
    let mut grants = agent.camera.grants(1, None);
    grants.grants.clear();
    grants.list = GrantList::default();
    agent.say(&Message::Grants(grants)).await;
    counted.refused(&world, &mut agent, "grants that the record does not name", "grants", Reason::NotVerified).await;

    good.send("Kff").await;
    neighbour.frames(6).await;
    assert_eq!(neighbour.places(), (0..6).map(|sequence| (1, sequence)).collect::<Vec<_>>());
    assert_eq!(neighbour.verdict(), Verdict::Authentic, "{}", neighbour.reasons());
    let stored = world.recording(GOOD, None).await;
    assert_eq!((stored.shown.len(), stored.verdict()), (6, Verdict::Authentic), "{}", stored.reasons());
    // Control: the key that misbehaved may come back and behave.
    let mut agent = world.evil_agent(BAD, camera()).await;
    agent.announce().await;
    agent.send("Kff").await;
    let mut watching = world.watch_when_live(Ask::live(BAD)).await;
    watching.frames(3).await;
    assert_eq!(watching.verdict(), Verdict::Authentic, "{}", watching.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_agents_with_one_key_are_seen() {
    let world = World::new().await;
    let identity = world.admit(BAD, &Camera::new(2, 1).key);
    let mut counted = Counted::default();
    let (address, root) = (world.address(), world.root());
    let connect = |camera| EvilAgent::connect(&address, root, &identity, camera);

    let mut first = connect(Camera::new(2, 1)).await;
    first.announce().await;
    first.send("Kff").await;
    eventually("they arrive", || world.counters().frames_verified == 3).await;

    // The same session, another picture.
    let mut twin = connect(Camera::new(2, 1).from(Micros(1_700_000_000_000_000))).await;
    counted.refused(&world, &mut first, "the one before", "replaced", Reason::Replaced).await;
    twin.announce().await;
    twin.send("Kff").await;
    counted.refused(&world, &mut twin, "two frames in one place", "forked", Reason::Forked).await;

    // The same number, another session.
    let mut restarted = connect(Camera::with_nonce(2, SessionId { number: 1, nonce: [77; 16] })).await;
    restarted.announce().await;
    counted.refused(&world, &mut restarted, "two sessions with one number", "forked-session", Reason::Forked).await;

    // A copy of the key whose session's chain contradicts what the relay has seen.
    let mut liar = Camera::new(2, 1);
    liar.frames("KffE");
    let mut next = connect(Camera::new(2, 2).after(Link::Ended(match liar.ended() {
        Link::Ended(last) => last,
        other => panic!("{other:?}"),
    })))
    .await;
    next.announce().await;
    next.send("Kff").await;
    eventually("it streams, or is refused", || world.counters().frames_verified > 3 || !world.counters().cameras_disconnected.is_empty())
        .await;
    let seen = world.recording(BAD, None).await;
    assert_ne!(seen.verdict(), Verdict::Authentic, "a viewer is told either way: {}", seen.reasons());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_alone_makes_no_camera() {
    let world = World::new().await;
    // Certified by the real issuing CA, and not in the roster: taken out of it, or certified by a thief.
    let operator = celosia_tests::operator::Operator::of(world.folder());
    let camera = Camera::new(5, 1);
    let identity = operator.identity("side-door", &camera.key);
    let refused = EvilAgent::greet(&world.address(), world.root(), &identity, camera).await.err().unwrap();
    match refused {
        Some(Message::Refused(refused)) => {
            assert_eq!(refused.reason, Reason::NotAllowed);
            assert!(refused.text.contains("enrolled"), "{}", refused.text);
        }
        other => panic!("{other:?}"),
    }
    // The control: the same key once it is enrolled.
    let camera = Camera::new(5, 1);
    let identity = world.admit("side-door", &camera.key);
    assert!(EvilAgent::greet(&world.address(), world.root(), &identity, camera).await.is_ok());
}
