#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use link::shutdown::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::init::{self, Wish};
use crate::run::{Relay, Sockets};

async fn relay(listen: Listen) -> (tempfile::TempDir, Relay) {
    let dir = tempfile::tempdir().unwrap();
    let wish = Wish { name: "127.0.0.1".parse().unwrap(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
    let folder = init::init(&wish, Clock::system().now()).unwrap().folder;
    let mut config = Config::new(&wish.name, folder.path());
    config.metrics.listen = listen;
    let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (dir, Relay::start(config, sockets, Clock::system(), Shutdown::new()).await.unwrap())
}

async fn get(at: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: relay\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn health_and_numbers_can_be_read() {
    let (_dir, relay) = relay(Listen::At("127.0.0.1:0".parse().unwrap())).await;
    let at = relay.metrics_address().unwrap();
    let health = get(at, "/health").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.contains(r#"{"status":"well","cameras_live":0,"viewers":0}"#), "{health}");

    relay.parts.counters.frames_verified.add(3);
    relay.parts.counters.cameras_disconnected.one("chain");
    relay.parts.counters.live_delay.one(Duration::from_millis(4));
    relay.parts.counters.live_delay.one(Duration::from_secs(60));
    let numbers = get(at, "/metrics").await;
    for line in [
        "content-type: application/openmetrics-text",
        "# TYPE celosia_relay_frames_verified counter",
        "celosia_relay_frames_verified_total 3",
        r#"celosia_relay_cameras_disconnected_total{reason="chain"} 1"#,
        r#"celosia_relay_live_delay_seconds_bucket{le="0.0025"} 0"#,
        r#"celosia_relay_live_delay_seconds_bucket{le="0.005"} 1"#,
        r#"celosia_relay_live_delay_seconds_bucket{le="+Inf"} 2"#,
        "celosia_relay_live_delay_seconds_count 2",
        "celosia_relay_archive_frames_total 0",
        r#"celosia_relay_archive_not_stored_total{reason="archive-full"} 0"#,
        "celosia_relay_recording 1",
        "celosia_relay_viewers_connected 0",
        "# EOF",
    ] {
        assert!(numbers.contains(line), "{line} is not in\n{numbers}");
    }
    assert!(get(at, "/api/v1/cameras").await.starts_with("HTTP/1.1 404"), "nothing else is there");
}

#[tokio::test]
async fn nothing_listens_where_nothing_should_and_a_taken_address_stops_no_relay() {
    let (_dir, quiet) = relay(Listen::None).await;
    assert_eq!(quiet.metrics_address(), None);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (_other, running) = relay(Listen::At(taken.local_addr().unwrap())).await;
    assert_eq!(running.metrics_address(), None);
    // It runs, and ends when it is asked to.
    assert!(!running.base.stop.is_draining());
    running.base.stop.drain();
    running.ended().await.unwrap();
}
