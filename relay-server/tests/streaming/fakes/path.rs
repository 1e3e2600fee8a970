//! A path to the relay that is long or narrow: a UDP proxy on loopback.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What a path is like, each way.
#[derive(Clone, Copy)]
pub struct Path {
    pub delay: Duration,
    /// Bytes per second towards the viewer; 0 for as fast as it goes.
    pub rate: u64,
    /// How long a packet may wait for the ones before it; one that would wait longer is lost.
    pub queue: Duration,
}

pub struct Proxy {
    pub at: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// A path to this address.
    pub async fn start(to: SocketAddr, path: Path) -> Self {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let at = near.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut peers: HashMap<SocketAddr, mpsc::UnboundedSender<(Instant, Vec<u8>)>> = HashMap::new();
            let mut inner = JoinSet::new();
            let mut buffer = vec![0; 65536];
            while let Ok((length, from)) = near.recv_from(&mut buffer).await {
                let sender = peers.entry(from).or_insert_with(|| {
                    let (sender, receiver) = mpsc::unbounded_channel();
                    inner.spawn(carry(Arc::clone(&near), from, to, path, receiver));
                    sender
                });
                let _ = sender.send((Instant::now() + path.delay, buffer[..length].to_vec()));
            }
        });
        Self { at, _tasks: tasks }
    }
}

/// One viewer's packets, both ways.
async fn carry(
    near: Arc<UdpSocket>,
    viewer: SocketAddr,
    relay: SocketAddr,
    path: Path,
    mut receiver: mpsc::UnboundedReceiver<(Instant, Vec<u8>)>,
) {
    let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    far.connect(relay).await.unwrap();
    let out = Arc::clone(&far);
    let forth = async move {
        while let Some((due, packet)) = receiver.recv().await {
            sleep_until(due).await;
            let _ = out.send(&packet).await;
        }
    };
    let (sender, mut receiver) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    let arriving = async move {
        let mut buffer = vec![0; 65536];
        let mut free = Instant::now();
        while let Ok(length) = far.recv(&mut buffer).await {
            let now = Instant::now();
            if free > now + path.queue {
                continue;
            }
            let takes = (1_000_000 * length as u64).checked_div(path.rate);
            free = free.max(now) + Duration::from_micros(takes.unwrap_or(0));
            let _ = sender.send((free.max(now) + path.delay, buffer[..length].to_vec()));
        }
    };
    let back = async move {
        while let Some((due, packet)) = receiver.recv().await {
            sleep_until(due).await;
            let _ = near.send_to(&packet, viewer).await;
        }
    };
    tokio::join!(forth, arriving, back);
}
