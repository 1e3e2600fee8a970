use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use link::shutdown::Shutdown;
use link::tls::{self, Trust};
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::gate::Gate;
use crate::web::serve::{Doors, Patience, serve};

struct Served {
    bench: Bench,
    at: SocketAddr,
    stop: Shutdown,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn new(most_per_address: u32, patience: Patience) -> Self {
        let bench = Bench::new();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let doors =
            Doors { gate: Gate::new(100, most_per_address), handshakes: Arc::new(Rate::new(1000, Duration::from_secs(1), 1)), patience };
        let stop = Shutdown::new();
        let tls = bench.web.authority.tls().tcp().unwrap();
        let task = tokio::spawn(serve(listener, tls, router(Arc::clone(&bench.web)), doors, stop.clone()));
        Self { bench, at, stop, task }
    }

    async fn connect(&self, alpn: &[u8]) -> std::io::Result<TlsStream<TcpStream>> {
        let trust = Trust::Pinned(self.bench.web.authority.root().fingerprint);
        let client = tls::Client::new(trust, None, alpn).unwrap();
        let stream = TcpStream::connect(self.at).await?;
        TlsConnector::from(client.config()).connect(ServerName::try_from("127.0.0.1").unwrap(), stream).await
    }
}

fn request(host: SocketAddr) -> axum::http::Request<Empty<Bytes>> {
    axum::http::Request::get("/api/v1/relay").header("host", host.to_string()).body(Empty::new()).unwrap()
}

async fn name(body: hyper::body::Incoming) -> String {
    let about: About = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
    about.name
}

#[tokio::test]
async fn our_own_programs_and_browsers_are_answered() {
    let served = Served::new(10, Patience::default()).await;
    for alpn in [tls::API, tls::HTTP_1_1] {
        let stream = served.connect(alpn).await.unwrap();
        let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let answer = client.send_request(request(served.at)).await.unwrap();
        assert_eq!(name(answer.into_body()).await, "127.0.0.1");
    }
    let stream = served.connect(tls::H2).await.unwrap();
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = axum::http::Request::get("https://127.0.0.1/api/v1/relay").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(name(client.send_request(request).await.unwrap().into_body()).await, "127.0.0.1");
    assert!(served.connect(tls::PEER).await.is_err(), "our messages are not spoken over TCP");
}

#[tokio::test]
async fn one_address_has_so_many_connections() {
    let served = Served::new(2, Patience::default()).await;
    let (one, _two) = (served.connect(tls::API).await.unwrap(), served.connect(tls::API).await.unwrap());
    assert!(served.connect(tls::API).await.is_err());
    // The control: who leaves makes room.
    drop(one);
    let mut again = served.connect(tls::API).await;
    while again.is_err() {
        tokio::time::sleep(Duration::from_millis(5)).await;
        again = served.connect(tls::API).await;
    }
}

#[tokio::test]
async fn who_says_nothing_is_sent_away() {
    let short = Duration::from_millis(50);
    let patience = Patience { handshake: short, head: short, ..Patience::default() };
    let served = Served::new(10, patience).await;
    // No handshake.
    let mut silent = TcpStream::connect(served.at).await.unwrap();
    assert_eq!(silent.read(&mut [0; 16]).await.unwrap(), 0);
    // A handshake and no request. The control: with the usual patience it would stay open.
    let mut idle = served.connect(tls::API).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(5), idle.read(&mut [0; 1024])).await;
    assert!(ended.is_ok());

    let patient = Served::new(10, Patience::default()).await;
    let mut idle = patient.connect(tls::API).await.unwrap();
    assert!(tokio::time::timeout(4 * short, idle.read(&mut [0; 1024])).await.is_err());
}

#[tokio::test]
async fn what_is_not_tls_is_no_request() {
    let served = Served::new(10, Patience::default()).await;
    let mut plain = TcpStream::connect(served.at).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut plain, b"GET /api/v1/relay HTTP/1.1\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!answer.windows(4).any(|window| window == b"HTTP"));
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let served = Served::new(10, Patience::default()).await;
    let _idle = served.connect(tls::API).await.unwrap();
    served.stop.drain();
    tokio::time::timeout(Duration::from_secs(5), served.task).await.unwrap().unwrap().unwrap();
    assert!(TcpStream::connect(served.at).await.is_err());
}
