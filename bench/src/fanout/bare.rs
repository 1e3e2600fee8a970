//! The yardstick: the same bytes to as many viewers, over QUIC with the same settings, and nothing else. No frame is read, verified or
//! kept, nobody is asked who they are, and a viewer that is slow slows only its own loop.

use std::path::Path;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use link::endpoint::{self, Transport};
use link::stream;
use quinn::Connection;
use relay_server::clock::Clock;
use relay_server::folder::Folder;
use relay_server::limits;
use relay_server::pki::authority::Authority;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use wire::message::Message;

use super::Load;
use crate::camera::Camera;
use crate::{child, clock, site};

/// How many frames are made before, to be sent in turn.
const FRAMES: usize = 32;

/// Sends frames to whoever connects, until standard input ends.
///
/// # Errors
/// When it cannot listen.
pub fn run(at: &Path, load: &Load) -> anyhow::Result<()> {
    let config = site::config(at)?;
    let authority = Authority::load(&Folder::at(&config.dir), Clock::system().now())?;
    let mut camera = Camera::new(ed25519_dalek::SigningKey::from_bytes(&[1; 32]), load.shape())?;
    let frames: Vec<Bytes> = (0..FRAMES).map(|_| Ok(camera.frame(clock::now())?.bytes().clone())).collect::<anyhow::Result<_>>()?;

    let socket = endpoint::bind(config.listen, Transport::RELAY.udp_buffer)?;
    let port = socket.local_addr()?.port();
    let runtime = tokio::runtime::Runtime::new()?;
    let _inside = runtime.enter();
    let server = endpoint::server(socket, authority.tls().quic()?, &limits::stranger(), &limits::handshakes())?;
    let (newest, newer) = watch::channel(Bytes::new());
    runtime.spawn(publish(newest, frames, load.interval()));
    runtime.spawn(async move {
        while let Some(incoming) = server.accept().await {
            let newer = newer.clone();
            tokio::spawn(async move {
                if let Ok(connecting) = incoming.accept()
                    && let Ok(connection) = connecting.await
                {
                    // The viewer has left.
                    let _ = send(connection, newer).await;
                }
            });
        }
    });
    let answering = thread::spawn(move || child::obey(port, |_| {}));
    answering.join().unwrap_or(Ok(()))
}

async fn publish(newest: watch::Sender<Bytes>, frames: Vec<Bytes>, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for frame in frames.iter().cycle() {
        ticks.tick().await;
        // The envelope's session number carries the time: the frames themselves were signed before.
        let head = Message::frame_head(super::audience::SUBSCRIPTION, clock::now().0);
        if let Ok(head) = stream::prefix(&head, frame) {
            newest.send_replace([head, frame.clone()].concat().into());
        }
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
