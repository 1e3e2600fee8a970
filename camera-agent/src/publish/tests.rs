#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use link::stream;
use quinn::{Connection, RecvStream, SendStream};
use tokio::task::JoinSet;
use wire::message::{DurableAck, Hello, Message, Reason, Refused};

use super::*;
use crate::testing::{Camera, Fake, Operator, SOON, camera_key, until};

fn config(fake: &Fake) -> Config {
    let identity = fake.operator.camera("front-door", &camera_key());
    let pace = Pace { first: Duration::from_millis(5), longest: Duration::from_millis(20), stable: Duration::from_secs(60) };
    Config { pace, ..Config::new(fake.relay.clone(), fake.operator.fingerprint(), identity) }
}

/// A connection as the relay sees it, greeted.
struct Agent {
    connection: Connection,
    said: RecvStream,
    answer: SendStream,
    /// Groups that are being read: their streams end in any order.
    reading: JoinSet<(u32, Vec<Bytes>)>,
}

impl Agent {
    async fn greet(fake: &Fake) -> Self {
        Self::greet_with(fake, 0).await
    }

    /// One that will send earlier frames as well, under that subscription.
    async fn greet_with(fake: &Fake, backfill: u32) -> Self {
        let connection = fake.accept().await;
        let (mut answer, mut said) = connection.accept_bi().await.unwrap();
        assert_eq!(hear(&mut said).await, Message::Hello(Hello::new(None)));
        assert_eq!(hear(&mut said).await, Message::Publish { subscription: 1, backfill });
        stream::write(&mut answer, &[], Message::Hello(Hello::new(None)).encode()).await.unwrap();
        Self { connection, said, answer, reading: JoinSet::new() }
    }

    async fn say(&mut self, message: Message) {
        stream::write(&mut self.answer, &[], message.encode()).await.unwrap();
    }

    /// The next announcement, as the digest that both its messages name.
    async fn announced(&mut self) -> wire::id::Digest {
        let Message::Record { subscription: 1, record } = hear(&mut self.said).await else { panic!("no record") };
        let Message::Grants(grants) = hear(&mut self.said).await else { panic!("no grants") };
        assert_eq!(grants.record, record.digest());
        grants.record
    }

    /// All frames of the next group that has come to its end, a live one.
    async fn group(&mut self) -> Vec<Bytes> {
        let (subscription, frames) = self.any_group().await;
        assert_eq!(subscription, 1);
        frames
    }

    /// The subscription and all frames of the next group that has come to its end.
    async fn any_group(&mut self) -> (u32, Vec<Bytes>) {
        let next = async {
            loop {
                tokio::select! {
                    Some(group) = self.reading.join_next() => return group.unwrap(),
                    stream = self.connection.accept_uni() => self.reading.spawn(read_group(stream.unwrap())),
                };
            }
        };
        tokio::time::timeout(SOON, next).await.unwrap()
    }
}

async fn read_group(mut stream: RecvStream) -> (u32, Vec<Bytes>) {
    let (mut under, mut frames) = (0, Vec::new());
    while let Some(message) = stream::read(&mut stream, 1 << 20).await.unwrap() {
        let Message::Frame { subscription, session: 1, frame } = Message::decode(message).unwrap() else { panic!("no frame") };
        under = subscription;
        frames.push(frame);
    }
    (under, frames)
}

async fn hear(said: &mut RecvStream) -> Message {
    Message::decode(stream::read_within(said, 1 << 20, SOON).await.unwrap().unwrap()).unwrap()
}

fn bytes(frames: &[Signed]) -> Vec<Bytes> {
    frames.iter().map(|signed| signed.frame.bytes().clone()).collect()
}

#[tokio::test]
async fn a_group_is_a_stream_behind_its_record_and_grants() {
    let fake = Fake::new();
    let (publisher, mut inlet) = Publisher::start(config(&fake), Shutdown::new()).unwrap();
    let mut agent = Agent::greet(&fake).await;
    until("greeted", || publisher.status().connected).await;
    assert!(inlet.wants_key_frame(), "live begins with a key frame");
    assert!(!inlet.wants_key_frame(), "one is enough");

    let mut camera = Camera::new(1000);
    let frames = camera.frames("KppKpE");
    let record = frames[0].announcement.digest;
    for frame in frames.clone() {
        inlet.send(frame);
    }
    drop(inlet);
    assert_eq!(agent.announced().await, record);
    let mut groups = [agent.group().await, agent.group().await, agent.group().await];
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    assert_eq!(groups.concat(), bytes(&frames), "in order inside a group");
    // Everything arrived, so the agent says goodbye.
    let end = tokio::time::timeout(SOON, agent.connection.closed()).await.unwrap();
    assert!(link::endpoint::explain(&end).contains("the camera stops"), "{end}");
    let status = publisher.status();
    assert_eq!((status.frames, status.dropped, status.connected), (6, Drops::default(), false));
    publisher.finished().await;
}

#[tokio::test]
async fn what_was_signed_while_connecting_is_sent() {
    let fake = Fake::new();
    let (_publisher, mut inlet) = Publisher::start(Config { patience: SOON, ..config(&fake) }, Shutdown::new()).unwrap();
    let frames = Camera::new(1000).frames("KpKp");
    frames.clone().into_iter().for_each(|frame| inlet.send(frame));
    drop(inlet);
    let mut agent = Agent::greet(&fake).await;
    assert_eq!(agent.announced().await, frames[0].announcement.digest);
    let groups = [agent.group().await, agent.group().await];
    assert_eq!(groups.iter().map(Vec::len).sum::<usize>(), 4, "the session begins with its first frame");
    assert!(groups.contains(&bytes(&frames[..2])) && groups.contains(&bytes(&frames[2..])));
}

#[tokio::test]
async fn after_a_loss_live_begins_anew() {
    let fake = Fake::new();
    let (publisher, mut inlet) = Publisher::start(config(&fake), Shutdown::new()).unwrap();
    let mut camera = Camera::new(1000);
    let mut agent = Agent::greet(&fake).await;
    until("greeted", || publisher.status().connected).await;
    assert!(inlet.wants_key_frame());
    camera.frames("Kp").into_iter().for_each(|frame| inlet.send(frame));
    agent.announced().await;
    agent.connection.close(0_u32.into(), b"restarting");
    until("lost", || !publisher.status().connected).await;
    // Signed while nobody was there, in the middle of a group.
    camera.frames("ppp").into_iter().for_each(|frame| inlet.send(frame));

    let mut agent = Agent::greet(&fake).await;
    until("greeted again", || publisher.status().connections == 2).await;
    assert!(inlet.wants_key_frame());
    // What continues the lost group is worth nothing; the forced key frame is the first to arrive.
    let frames = camera.frames("ppKp");
    frames.clone().into_iter().for_each(|frame| inlet.send(frame));
    drop(inlet);
    assert_eq!(agent.announced().await, frames[0].announcement.digest, "record and grants are said again");
    assert_eq!(agent.group().await, bytes(&frames[2..]));
    let status = publisher.status();
    assert!(status.lost.as_deref().is_some_and(|why| why.contains("restarting")), "{status:?}");
    assert_eq!(status.dropped.offline + status.dropped.cut, 5, "{status:?}");
}

#[tokio::test]
async fn what_the_relay_missed_follows_behind_the_live_frames_until_it_has_it() {
    let (fake, dir) = (Fake::new(), tempfile::tempdir().unwrap());
    let config = Config { patience: Duration::from_millis(50), spool: Some(spool::Config::new(dir.path())), ..config(&fake) };
    let (publisher, mut inlet) = Publisher::start(config, Shutdown::new()).unwrap();
    let mut camera = Camera::new(1000);
    let missed = camera.frames("KppKp");
    missed.clone().into_iter().for_each(|frame| inlet.send(frame));
    let status = || publisher.status().spool.unwrap();
    until("spooled", || status().spooled == 5).await;
    tokio::time::sleep(Duration::from_millis(60)).await;

    let mut agent = Agent::greet_with(&fake, 2).await;
    until("greeted", || publisher.status().connected).await;
    assert!(inlet.wants_key_frame(), "live resumes at once");
    let live = camera.frames("KpK");
    live.clone().into_iter().for_each(|frame| inlet.send(frame));
    agent.announced().await;
    let mut groups = Vec::new();
    for _ in 0..3 {
        groups.push(agent.any_group().await);
    }
    let live_at = groups.iter().position(|group| *group == (1, bytes(&live[..2]))).unwrap();
    assert_eq!(live_at, 0, "live comes first");
    let mut backfill: Vec<_> = groups.drain(1..).collect();
    backfill.sort_by_key(|(_, frames)| std::cmp::Reverse(frames.len()));
    assert_eq!(backfill, [(2, bytes(&missed[..3])), (2, bytes(&missed[3..]))]);
    assert_eq!(status().waiting, 8, "sent is not had");

    agent.say(Message::DurableAck(DurableAck { subscription: 1, session: 1, first: 0, last: 6 })).await;
    until("acknowledged", || status().waiting == 1).await;
    // The relay loses the rest with its connection; what it acknowledged does not come again.
    agent.connection.close(0_u32.into(), b"restarting");
    let mut agent = Agent::greet_with(&fake, 2).await;
    until("greeted again", || publisher.status().connections == 2).await;
    let next = camera.frames("Kp");
    next.clone().into_iter().for_each(|frame| inlet.send(frame));
    drop(inlet);
    let mut groups = [agent.any_group().await, agent.any_group().await];
    groups.sort();
    assert_eq!(groups, [(1, bytes(&next)), (2, bytes(&live[2..]))]);
}

#[tokio::test]
async fn a_relay_that_stores_nothing_is_told_apart_from_one_that_refuses() {
    let (fake, dir) = (Fake::new(), tempfile::tempdir().unwrap());
    let config = Config { spool: Some(spool::Config::new(dir.path())), ..config(&fake) };
    let (publisher, mut inlet) = Publisher::start(config, Shutdown::new()).unwrap();
    let mut agent = Agent::greet_with(&fake, 2).await;
    until("greeted", || publisher.status().connected).await;
    let mut camera = Camera::new(1000);
    camera.frames("Kp").into_iter().for_each(|frame| inlet.send(frame));
    agent.announced().await;
    let storage = Refused { subscription: 1, reason: Reason::Storage, text: "no space left".to_owned() };
    agent.say(Message::Refused(storage)).await;
    let status = || publisher.status().spool.unwrap();
    until("told", || status().not_storing.is_some_and(|why| why.contains("no space left"))).await;
    // Live goes on, on the same connection.
    let live = camera.frames("Kp");
    live.clone().into_iter().for_each(|frame| inlet.send(frame));
    // A group ends where the next one begins.
    camera.frames("K").into_iter().for_each(|frame| inlet.send(frame));
    while agent.any_group().await != (1, bytes(&live)) {}
    assert_eq!((publisher.status().connected, publisher.status().connections), (true, 1));
    agent.say(Message::DurableAck(DurableAck { subscription: 1, session: 1, first: 2, last: 3 })).await;
    until("it stores again", || status().not_storing.is_none()).await;
    drop(inlet);
}

#[tokio::test]
async fn a_relay_that_went_silent_is_looked_for_anew() {
    let fake = Fake::new();
    let config = Config { silence: Duration::from_millis(300), ..config(&fake) };
    let (publisher, mut inlet) = Publisher::start(config, Shutdown::new()).unwrap();
    let _agent = Agent::greet(&fake).await;
    until("greeted", || publisher.status().connected).await;
    // A process that stands still, as far as its peer can see.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    fake.endpoint.rebind(socket).unwrap();
    let mut camera = Camera::new(1000);
    let mut frames = 0;
    until("it noticed", || {
        camera.frames("K").into_iter().for_each(|frame| inlet.send(frame));
        frames += 1;
        publisher.status().lost.is_some_and(|why| why.contains("stopped answering"))
    })
    .await;
    assert!(frames > 1);
}

#[tokio::test]
async fn a_refusal_is_told_and_a_lasting_one_is_not_tried_again_soon() {
    let fake = Fake::new();
    let (publisher, inlet) = Publisher::start(config(&fake), Shutdown::new()).unwrap();
    let refusal = |reason, text: &str| Message::Refused(Refused { subscription: 0, reason, text: text.to_owned() });

    let mut first = Agent::greet(&fake).await;
    first.say(refusal(Reason::Stopping, "back in a minute")).await;
    let mut again = Agent::greet(&fake).await;
    assert!(publisher.status().lost.is_some_and(|why| why.contains("stopping") && why.contains("back in a minute")));

    again.say(refusal(Reason::NotAllowed, "front-door was revoked")).await;
    until("refused", || publisher.status().lost.is_some_and(|why| why.contains("was revoked"))).await;
    let soon = tokio::time::timeout(Duration::from_millis(300), fake.endpoint.accept()).await;
    assert!(soon.is_err(), "it came back within moments (ten times the longest pause)");
    drop(inlet);
}

#[tokio::test]
async fn another_root_gets_nothing() {
    let fake = Fake::new();
    let other = Operator::new();
    let config = Config { root: other.fingerprint(), ..config(&fake) };
    let (publisher, _inlet) = Publisher::start(config, Shutdown::new()).unwrap();
    let _ = fake.endpoint.accept().await.unwrap().accept().unwrap().await;
    until("refused", || publisher.status().lost.is_some_and(|why| why.contains("root certificate changed"))).await;
    assert_eq!(publisher.status().connections, 0);
}

#[tokio::test]
async fn a_relay_that_does_not_read_costs_frames_and_no_memory() {
    // Room for about two frames on the way.
    let fake = Fake::with(&Transport { receive_window: 256 << 10, stream_window: 128 << 10, uni_streams: 1024, ..Transport::RELAY });
    let patience = Duration::from_millis(50);
    let config = Config { patience, stall: Duration::from_millis(100), ..config(&fake) };
    let (publisher, mut inlet) = Publisher::start(config, Shutdown::new()).unwrap();
    let mut agent = Agent::greet(&fake).await;
    until("greeted", || publisher.status().connected).await;
    let mut camera = Camera::new(100_000);
    // 60 MB, twice what may wait.
    for _ in 0..300 {
        camera.frames("Kp").into_iter().for_each(|frame| inlet.send(frame));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until("slow", || publisher.status().dropped.slow > 400).await;
    agent.announced().await;
    // Now it reads: what comes is new, and whole groups as far as they come.
    let newest = camera.frames("Kp");
    newest.clone().into_iter().for_each(|frame| inlet.send(frame));
    drop(inlet);
    let mut last = Vec::new();
    let mut streams = 0;
    while let Ok(Ok(mut stream)) = tokio::time::timeout(SOON, agent.connection.accept_uni()).await {
        streams += 1;
        // Groups that were given up end in a reset.
        last.clear();
        while let Ok(Some(message)) = stream::read_within(&mut stream, 1 << 20, SOON).await {
            let Message::Frame { frame, .. } = Message::decode(message).unwrap() else { panic!("no frame") };
            last.push(frame);
        }
    }
    assert_eq!(last, bytes(&newest), "the newest group arrives whole");
    assert!(streams < 60, "{streams} groups of 301 were let through to a relay that did not read");
    let status = publisher.status();
    assert_eq!(status.frames + status.dropped.slow + status.dropped.cut, 602, "every frame is counted once: {status:?}");
}

#[tokio::test]
async fn stopping_ends_publishing_even_while_nobody_answers() {
    let fake = Fake::new();
    let stop = Shutdown::new();
    let (publisher, mut inlet) = Publisher::start(config(&fake), stop.clone()).unwrap();
    Camera::new(10).frames("K").into_iter().for_each(|frame| inlet.send(frame));
    drop(inlet);
    stop.abort();
    tokio::time::timeout(SOON, publisher.finished()).await.unwrap();
}
