//! The yardstick: what an agent sends goes to everybody who connects, over QUIC with the same settings, and nothing else is done. No frame
//! is looked at, verified or kept, nobody is asked who they are or what they want, and nothing is done about a viewer that is slow.

use std::path::Path;
use std::thread;

use bytes::Bytes;
use link::endpoint::{self, Transport};
use quinn::{Connection, Incoming};
use relay_server::clock::Clock;
use relay_server::folder::Folder;
use relay_server::limits;
use relay_server::pki::authority::Authority;
use tokio::sync::watch;
use wire::frame::MAX_FRAME;

use crate::{child, site};

/// Forwards until standard input ends.
///
/// # Errors
/// When it cannot listen.
pub fn run(at: &Path) -> anyhow::Result<()> {
    let config = site::config(at)?;
    let authority = Authority::load(&Folder::at(&config.dir), Clock::system().now())?;
    let socket = endpoint::bind(config.listen, Transport::RELAY.udp_buffer)?;
    let port = socket.local_addr()?.port();
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = endpoint::server(socket, authority.tls().quic()?, &limits::stranger(), &limits::handshakes())?;
    let (newest, _) = watch::channel(Bytes::new());
    runtime.spawn(async move {
        while let Some(incoming) = server.accept().await {
            let newest = newest.clone();
            tokio::spawn(async move {
                // Whoever leaves, leaves.
                let _ = meet(incoming, newest).await;
            });
        }
    });
    let answering = thread::spawn(move || child::obey(port, |_| {}));
    answering.join().unwrap_or(Ok(()))
}

/// Only the agent shows a certificate.
async fn meet(incoming: Incoming, newest: watch::Sender<Bytes>) -> anyhow::Result<()> {
    let connection = incoming.accept()?.await?;
    if connection.peer_identity().is_none() {
        return send(connection, newest.subscribe()).await;
    }
    limits::agent().admit(&connection);
    loop {
        let frame = connection.accept_uni().await?.read_to_end(MAX_FRAME).await?;
        newest.send_replace(frame.into());
    }
}

async fn send(connection: Connection, mut newer: watch::Receiver<Bytes>) -> anyhow::Result<()> {
    loop {
        newer.changed().await?;
        let newest = newer.borrow_and_update().clone();
        let mut stream = connection.open_uni().await?;
        stream.write_chunk(newest).await?;
        stream.finish()?;
    }
}
