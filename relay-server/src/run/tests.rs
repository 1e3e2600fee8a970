#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::init::{self, Wish};

fn made(name: &str) -> (tempfile::TempDir, Config) {
    let dir = tempfile::tempdir().unwrap();
    let name: Host = name.parse().unwrap();
    let wish = Wish { name: name.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
    let folder = init::init(&wish, Clock::system().now()).unwrap().folder;
    (dir, Config::new(&name, folder.path()))
}

fn sockets() -> Sockets {
    Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap()
}

async fn start(config: &Config) -> Result<Relay, Error> {
    Relay::start(config.clone(), sockets(), Clock::system(), Shutdown::new()).await
}

#[test]
fn both_sockets_have_one_port() {
    let sockets = sockets();
    let at = sockets.tcp.local_addr().unwrap();
    assert_eq!(sockets.udp.local_addr().unwrap(), at);
    assert!(matches!(Sockets::bind(at), Err(Error::Udp(endpoint::Error::PortInUse(_)))));
    // TCP alone in use is noticed as well.
    drop(sockets.udp);
    assert!(matches!(Sockets::bind(at), Err(Error::Tcp { .. })));
}

#[tokio::test]
async fn one_relay_a_folder() {
    let (_dir, config) = made("127.0.0.1");
    let relay = start(&config).await.unwrap();
    assert!(matches!(start(&config).await, Err(Error::Roster(roster::Error::Busy(_)))));
    relay.base.stop.drain();
    relay.ended().await.unwrap();
    // It starts again where it stopped.
    start(&config).await.unwrap();
}

#[tokio::test]
async fn a_name_that_the_certificate_does_not_carry() {
    let (_dir, config) = made("127.0.0.1");
    let other = Config::new(&"relay.example".parse::<Host>().unwrap(), &config.dir);
    let error = start(&other).await.err().unwrap();
    assert!(matches!(&error, Error::Name { .. }), "{error}");
}

#[tokio::test]
async fn a_folder_without_a_relay() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::new(&"relay.example".parse::<Host>().unwrap(), dir.path());
    let error = start(&config).await.err().unwrap().to_string();
    assert!(error.contains("root.crt") && error.contains("init"), "{error}");
}
