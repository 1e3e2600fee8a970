#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use quinn::{Connection, Endpoint};

use super::*;
use crate::address::Relay;
use crate::stream;
use crate::tls::test_pki::{HOUR, Operator, now};
use crate::tls::{self, API, Client, Identity, PEER, Trust, TrustError};

const SOON: Duration = Duration::from_secs(20);

fn loopback() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

/// A relay named `localhost`, at 127.0.0.1.
struct Fake {
    operator: Operator,
    tls: tls::Server,
    endpoint: Endpoint,
    relay: Relay,
}

fn fake() -> Fake {
    let operator = Operator::new(now());
    let identity = operator.server_with(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
    });
    let tls = tls::Server::new(&identity, operator.root_der(), vec![operator.crl(HOUR, &[])]).unwrap();
    let socket = bind(loopback(), 1 << 20).unwrap();
    let endpoint = server(socket, tls.quic().unwrap(), &Transport::RELAY, &Limits::RELAY).unwrap();
    let relay = Relay::new("localhost", endpoint.local_addr().unwrap().port()).unwrap();
    Fake { operator, tls, endpoint, relay }
}

impl Fake {
    fn trust(&self) -> Trust {
        Trust::Pinned(self.operator.fingerprint())
    }

    async fn accept(&self) -> Result<Connection, quinn::ConnectionError> {
        self.endpoint.accept().await.unwrap().accept().unwrap().await
    }

    async fn dial(&self, trust: Trust, identity: Option<&Identity>) -> Result<(Connection, tls::Root), ConnectError> {
        let endpoint = client(&Transport::VIEWER).unwrap();
        let client = Client::new(trust, identity, PEER).unwrap();
        connect(&endpoint, &client, &Transport::VIEWER, &self.relay, SOON).await
    }

    async fn pair(&self) -> (Connection, Connection) {
        let (near, far) = tokio::join!(self.dial(self.trust(), None), self.accept());
        (near.unwrap().0, far.unwrap())
    }
}

#[tokio::test]
async fn messages_cross_a_connection_without_a_copy_of_the_body() {
    let fake = fake();
    let (near, far) = fake.pair().await;
    let body = Bytes::from(vec![7; 300_000]);
    let sender = tokio::spawn({
        let body = body.clone();
        async move {
            let mut stream = far.open_uni().await.unwrap();
            stream::write(&mut stream, b"head", body).await.unwrap();
            stream::write(&mut stream, b"", Bytes::new()).await.unwrap();
            stream::write(&mut stream, b"end", Bytes::new()).await.unwrap();
            stream.finish().unwrap();
            far.closed().await
        }
    });
    let mut stream = near.accept_uni().await.unwrap();
    let first = stream::read_within(&mut stream, 1 << 20, SOON).await.unwrap().unwrap();
    assert_eq!(first.split_at(4), (b"head".as_slice(), body.as_ref()));
    assert_eq!(stream::read(&mut stream, 3).await.unwrap().unwrap(), "");
    assert_eq!(stream::read(&mut stream, 3).await.unwrap().unwrap(), "end");
    assert!(stream::read(&mut stream, 3).await.unwrap().is_none());
    near.close(0_u8.into(), b"done");
    assert_eq!(explain(&sender.await.unwrap()), "done");
}

#[tokio::test]
async fn a_peer_that_does_not_read_holds_a_writer_until_its_deadline() {
    let fake = fake();
    let (near, far) = fake.pair().await;
    let mut stream = far.open_uni().await.unwrap();
    let body = Bytes::from(vec![0; 16 << 20]);
    let result = stream::write_within(&mut stream, b"", body, Duration::from_millis(200)).await;
    assert!(matches!(result, Err(stream::WriteError::Late(_))), "{result:?}");
    drop(near);
}

#[tokio::test]
async fn an_agent_is_known_by_its_certificate_and_a_viewer_by_none() {
    let fake = fake();
    let camera = fake.operator.camera("front-door");
    let (near, far) = tokio::join!(fake.dial(fake.trust(), Some(&camera)), fake.accept());
    let (near, root) = near.unwrap();
    assert_eq!(root.fingerprint, fake.operator.fingerprint());
    let far = far.unwrap();
    let chain = far.peer_identity().unwrap().downcast::<Vec<tls::CertificateDer<'static>>>().unwrap();
    assert_eq!(*chain, camera.chain);
    let data = far.handshake_data().unwrap().downcast::<quinn::crypto::rustls::HandshakeData>().unwrap();
    assert_eq!(data.protocol.as_deref(), Some(PEER));
    assert!(peer(far.remote_address()).is_ipv4());
    drop(near);

    let (_near, far) = fake.pair().await;
    assert!(far.peer_identity().is_none());
}

#[tokio::test]
async fn a_revoked_agent_is_told_so() {
    let fake = fake();
    let camera = fake.operator.camera("front-door");
    let serial = webpki::EndEntityCert::try_from(camera.chain.first().unwrap()).unwrap().serial().to_vec();
    fake.tls.replace_crls(vec![fake.operator.crl(HOUR, &[(&serial, None)])]).unwrap();
    let (near, far) = tokio::join!(fake.dial(fake.trust(), Some(&camera)), fake.accept());
    assert!(far.is_err());
    // The client may learn it during the handshake, or right after.
    let cause = match near {
        Ok((connection, _)) => explain(&connection.closed().await),
        Err(ConnectError::Refused { cause, .. }) => cause,
        Err(other) => panic!("{other}"),
    };
    assert_eq!(cause, "this machine's certificate was revoked");
}

#[tokio::test]
async fn a_relay_with_another_root_is_named_as_such() {
    let fake = fake();
    let other = Operator::new(now()).fingerprint();
    let (near, far) = tokio::join!(fake.dial(Trust::Pinned(other), None), fake.accept());
    assert!(far.is_err());
    let seen = fake.operator.fingerprint();
    match near {
        Err(ConnectError::Untrusted(error)) => assert_eq!(error, TrustError::RootChanged { pinned: other, seen }),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_speaks_another_protocol_is_named_as_such() {
    let fake = fake();
    let endpoint = client(&Transport::VIEWER).unwrap();
    let client = Client::new(fake.trust(), None, API).unwrap();
    let dial = connect(&endpoint, &client, &Transport::VIEWER, &fake.relay, SOON);
    let (near, _) = tokio::join!(dial, fake.accept());
    let text = near.unwrap_err().to_string();
    assert!(text.contains("does not speak this protocol"), "{text}");
}

#[tokio::test]
async fn nobody_there_is_said_within_the_deadline() {
    let silent = bind(loopback(), 1 << 16).unwrap();
    let relay = Relay::new("127.0.0.1", silent.local_addr().unwrap().port()).unwrap();
    let endpoint = client(&Transport::VIEWER).unwrap();
    let tls = Client::new(Trust::FirstUse, None, PEER).unwrap();
    let result = connect(&endpoint, &tls, &Transport::VIEWER, &relay, Duration::from_millis(300)).await;
    assert!(matches!(result, Err(ConnectError::NoAnswer { .. })), "{result:?}");
}

#[tokio::test]
async fn a_stranger_gets_few_streams_and_an_admitted_peer_many() {
    let fake = fake();
    let (near, far) = fake.pair().await;
    let mut open = Vec::new();
    for _ in 0..Transport::RELAY.uni_streams {
        open.push(near.open_uni().await.unwrap());
    }
    let more = tokio::time::timeout(Duration::from_millis(200), near.open_uni()).await;
    assert!(more.is_err(), "one more than a stranger may have");
    Transport::ADMITTED.admit(&far);
    for _ in 0..100 {
        open.push(tokio::time::timeout(SOON, near.open_uni()).await.unwrap().unwrap());
    }
}

#[test]
fn a_port_in_use_is_said_clearly() {
    let first = bind(loopback(), 1 << 16).unwrap();
    let address = first.local_addr().unwrap();
    let error = bind(address, 1 << 16).unwrap_err();
    assert!(matches!(error, Error::PortInUse(taken) if taken == address));
    assert!(error.to_string().contains("is in use"), "{error}");
    let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
    assert!(matches!(bind(elsewhere, 1 << 16), Err(Error::NotHere(_))));
}

#[test]
fn everywhere_takes_ipv4_as_well() {
    let socket = bind(SocketAddr::new(ANY.ip(), 0), 1 << 16).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let other = UdpSocket::bind(loopback()).unwrap();
    other.send_to(b"hello", ("127.0.0.1", port)).unwrap();
    let mut buffer = [0; 16];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    assert_eq!((length, peer(from).ip().to_string()), (5, "127.0.0.1".to_owned()));
}
