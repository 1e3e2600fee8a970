//! Strangers: whatever they send, they are bounded, and everybody else goes on.

use std::time::Duration;

use link::endpoint::Transport;
use link::{stream, tls};
use quinn::{Connection, RecvStream, SendStream};
use relay_server::config::Config;
use tokio::time::timeout;
use wire::id::Fingerprint;
use wire::message::{Hello, Message, Reason, Subscribe};

use crate::fakes::agent::Agent;
use crate::fakes::camera::Camera;
use crate::fakes::viewer::{Viewer, live};
use crate::fakes::{PATIENCE, Relay, eventually};

async fn open(relay: &Relay) -> (quinn::Endpoint, Connection, SendStream, RecvStream) {
    let (endpoint, connection) = relay.connect(None, &Transport::VIEWER).await;
    let (send, receive) = connection.open_bi().await.unwrap();
    (endpoint, connection, send, receive)
}

/// What the relay says before it closes the connection.
async fn farewell(connection: &Connection, receive: &mut RecvStream) -> Option<Reason> {
    let said = timeout(PATIENCE, stream::read(receive, 1 << 20)).await.unwrap();
    timeout(PATIENCE, connection.closed()).await.unwrap();
    match said.ok().flatten().map(|bytes| Message::decode(bytes).unwrap()) {
        Some(Message::Refused(refused)) => Some(refused.reason),
        Some(other) => panic!("{other:?}"),
        None => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_greeting_is_refused() {
    let relay = Relay::start();
    let mut honest = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    honest.send("K").await;
    let mut watching = Viewer::watch_when_online(&relay, "front-door").await;
    watching.sequences(1).await;

    let framed = |message: &[u8]| stream::prefix(message, &bytes::Bytes::new()).unwrap().to_vec();
    let hello = |hello: Hello| framed(&Message::Hello(hello).encode());
    let cases: Vec<(&str, Vec<u8>, Option<Reason>)> = vec![
        ("a huge length", u32::MAX.to_be_bytes().to_vec(), Some(Reason::Malformed)),
        ("a long greeting", framed(&[0; 257]), Some(Reason::Malformed)),
        ("an empty message", framed(&[]), Some(Reason::Malformed)),
        ("garbage", framed(&[0xa5; 200]), Some(Reason::Malformed)),
        ("another message", framed(&Message::Unsubscribe { subscription: 1 }.encode()), Some(Reason::OutOfTurn)),
        ("another version", hello(Hello { version: 9, ..Hello::new(None) }), Some(Reason::Version)),
        ("half a greeting", hello(Hello::new(Some(Fingerprint([1; 32]))))[..20].to_vec(), Some(Reason::Malformed)),
        ("nothing at all", Vec::new(), None),
    ];
    for (what, bytes, reason) in cases {
        let (_endpoint, connection, mut send, mut receive) = open(&relay).await;
        send.write_all(&bytes).await.unwrap();
        send.finish().unwrap();
        assert_eq!(farewell(&connection, &mut receive).await, reason, "{what}");
    }
    honest.send("K").await;
    assert_eq!(watching.sequences(1).await, [1]);
    eventually("nobody stays", || relay.parts.counters.snapshot().viewers == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_in_time_is_closed() {
    let relay = Relay::start();
    // One opens no stream, one sends a byte now and then.
    let (_endpoint, silent) = relay.connect(None, &Transport::VIEWER).await;
    let (_other, trickling, mut send, _receive) = open(&relay).await;
    let trickle = async {
        for byte in [0, 0, 0, 35, 1, 1, 0, 32] {
            if send.write_all(&[byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    let (first, second, ()) = tokio::join!(timeout(PATIENCE, silent.closed()), timeout(PATIENCE, trickling.closed()), trickle);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(relay.parts.counters.connections_refused.get("silent"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_nobody_asked_for_cost_their_sender_only() {
    let relay = Relay::start();
    let mut honest = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    honest.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    let mut viewer = Viewer::watch(&relay, "front-door").await;
    viewer.sequences(1).await;
    // As much as it is allowed: the window stops it, and nothing is read.
    let mut sent = 0;
    let mut stream = viewer.connection.open_uni().await.unwrap();
    while let Ok(Ok(written)) = timeout(Duration::from_millis(200), stream.write(&[0xa5; 1000])).await {
        sent += written;
    }
    assert!(sent <= relay_server::limits::STRANGER_WINDOW as usize, "{sent} bytes were taken");
    honest.send("K").await;
    assert_eq!(viewer.sequences(1).await, [1], "its own frames still come");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_viewer_does_not_say_ends_its_connection() {
    let relay = Relay::start();
    for (message, reason) in [
        (Message::Publish { subscription: 1, backfill: 0 }.encode(), Reason::OutOfTurn),
        (Message::Hello(Hello::new(None)).encode(), Reason::OutOfTurn),
        (bytes::Bytes::from_static(&[0xa5; 100]), Reason::Malformed),
        (bytes::Bytes::from_static(&[0; 300]), Reason::Malformed),
    ] {
        let mut viewer = Viewer::connect(&relay, None).await;
        stream::write(&mut viewer.send, &[], message).await.unwrap();
        assert_eq!(viewer.refusal().await.reason, reason);
        timeout(PATIENCE, viewer.connection.closed()).await.unwrap();
    }
}

fn tight(mut config: Config) -> Config {
    config.limits.connections_per_address = 3;
    config.limits.viewers = 2;
    config.limits.subscribes_per_minute = 20;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn bounds_on_connections_viewers_and_subscriptions() {
    let relay = Relay::with(tight);
    let mut first = Viewer::connect(&relay, None).await;
    let second = Viewer::connect(&relay, None).await;
    // A third connection fits, a third viewer does not.
    let (_endpoint, third, mut send, mut receive) = open(&relay).await;
    let fourth = relay.connect_as(None, &Transport::VIEWER, tls::PEER);
    let refused = fourth.await.err().unwrap().to_string();
    assert_eq!(relay.parts.counters.connections_refused.get("address"), 1, "{refused}");
    stream::write(&mut send, &[], Message::Hello(Hello::new(None)).encode()).await.unwrap();
    let answer = stream::read(&mut receive, 1000).await.unwrap().unwrap();
    assert!(matches!(Message::decode(answer).unwrap(), Message::Hello(_)));
    assert_eq!(farewell(&third, &mut receive).await, Some(Reason::TooMany));

    // Whoever leaves makes room.
    drop(second);
    eventually("room", || relay.parts.viewers_free() == 1).await;
    let mut again = Viewer::connect(&relay, None).await;

    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1)).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    for subscription in 0..17 {
        first.say(&Message::Subscribe(Subscribe { subscription, ..live("front-door") })).await;
    }
    let refused = first.refusal().await;
    assert_eq!((refused.subscription, refused.reason), (16, Reason::TooMany));
    for subscription in 0..20 {
        again.say(&Message::Subscribe(Subscribe { subscription, ..live("no-such-door") })).await;
        assert_eq!(again.refusal().await.reason, Reason::UnknownCamera);
    }
    again.say(&Message::Subscribe(live("front-door"))).await;
    assert_eq!(again.refusal().await.reason, Reason::TooMany);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_opens_no_session_is_let_go() {
    let relay = Relay::start();
    let (_endpoint, connection) = relay.connect_as(None, &Transport::VIEWER, tls::H3).await.unwrap();
    let closed = timeout(PATIENCE, connection.closed()).await.unwrap();
    assert!(link::endpoint::explain(&closed).contains("no session"), "{closed}");
}
