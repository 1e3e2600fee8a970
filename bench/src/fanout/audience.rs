//! Many viewers in this process, each with a socket of its own, that count what they are sent.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use link::address::Relay;
use link::endpoint::{self, Transport};
use link::stream;
use link::tls::{self, Trust};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinSet;
use wire::frame::{Frame, MAX_FRAME};
use wire::message::{Hello, Layers, MAX_HELLO, Message, Span, Subscribe};

use crate::child::Role;
use crate::samples::Samples;
use crate::{clock, site};

/// The number that viewers give their one subscription.
const SUBSCRIPTION: u32 = 1;

/// How long a viewer may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many connect at a time.
const AT_ONCE: usize = 16;

/// Of so many frames one is read whole, for its time; of the others the bytes are counted.
const READ: u64 = 8;

/// What all viewers were sent.
#[derive(Debug, Default)]
struct Counts {
    bytes: AtomicU64,
    frames: AtomicU64,
    latencies: Mutex<Samples>,
}

/// What came in a stretch of time.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Bytes of frames with their envelopes.
    pub bytes: u64,
    /// Whole frames.
    pub frames: u64,
    /// From the frame's signing to its last byte, in milliseconds.
    pub latencies: Samples,
}

/// Viewers that watch. Dropping it lets them leave.
pub struct Audience {
    counts: Arc<Counts>,
    _viewers: JoinSet<()>,
}

impl Audience {
    /// Connects so many viewers to a sender, and lets them watch.
    ///
    /// # Errors
    /// When one of them cannot.
    pub async fn gather(viewers: usize, role: Role, port: u16, trust: Trust) -> anyhow::Result<Self> {
        let counts = Arc::new(Counts::default());
        let relay = Relay::new(site::HOST, port)?;
        let mut watching = JoinSet::new();
        let mut connecting: JoinSet<anyhow::Result<Viewer>> = JoinSet::new();
        for _ in 0..viewers {
            if connecting.len() >= AT_ONCE
                && let Some(viewer) = connecting.join_next().await
            {
                watching.spawn(viewer??.watch(Arc::clone(&counts)));
            }
            connecting.spawn(Viewer::connect(relay.clone(), trust, role));
        }
        while let Some(viewer) = connecting.join_next().await {
            watching.spawn(viewer??.watch(Arc::clone(&counts)));
        }
        Ok(Self { counts, _viewers: watching })
    }

    /// What came since this was last asked.
    #[must_use]
    pub fn heard(&self) -> Heard {
        let latencies = std::mem::take(&mut *self.counts.latencies.lock().unwrap_or_else(PoisonError::into_inner));
        Heard { bytes: self.counts.bytes.swap(0, Ordering::Relaxed), frames: self.counts.frames.swap(0, Ordering::Relaxed), latencies }
    }
}

/// One viewer, connected.
struct Viewer {
    connection: Connection,
    _endpoint: Endpoint,
    _control: Option<(SendStream, RecvStream)>,
}

impl Viewer {
    async fn connect(relay: Relay, trust: Trust, role: Role) -> anyhow::Result<Self> {
        let endpoint = endpoint::client(&Transport::VIEWER)?;
        let client = tls::Client::new(trust, None, tls::PEER)?;
        let (connection, _) = endpoint::connect(&endpoint, &client, &Transport::VIEWER, &relay, PATIENCE).await?;
        let control = match role {
            Role::Relay => Some(subscribe(&connection).await?),
            Role::Bare => None,
        };
        Ok(Self { connection, _endpoint: endpoint, _control: control })
    }

    async fn watch(self, counts: Arc<Counts>) {
        let mut frames = 0_u64;
        while let Ok(stream) = self.connection.accept_uni().await {
            frames += 1;
            let read = if frames.is_multiple_of(READ) { read(stream, &counts).await } else { count(stream, &counts).await };
            // One that was taken back is no frame.
            if read.is_ok() {
                counts.frames.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Greets the relay and asks for the camera.
async fn subscribe(connection: &Connection) -> anyhow::Result<(SendStream, RecvStream)> {
    let (mut send, mut receive) = connection.open_bi().await?;
    stream::write(&mut send, &[], Message::Hello(Hello::new(None)).encode()).await?;
    let answer = stream::read_within(&mut receive, MAX_HELLO, PATIENCE).await?.context("the relay does not greet")?;
    if !matches!(Message::decode(answer)?, Message::Hello(_)) {
        bail!("the relay does not greet");
    }
    let live = Subscribe {
        subscription: SUBSCRIPTION,
        camera: site::CAMERA.parse()?,
        layers: Layers::Public,
        span: Span::Live,
        pace: 0,
        key_frames_only: false,
    };
    stream::write(&mut send, &[], Message::Subscribe(live).encode()).await?;
    Ok((send, receive))
}

/// Counts the bytes of a frame.
async fn count(mut stream: RecvStream, counts: &Counts) -> anyhow::Result<()> {
    while let Some(chunk) = stream.read_chunk(usize::MAX, false).await? {
        counts.bytes.fetch_add(chunk.bytes.len() as u64, Ordering::Relaxed);
    }
    Ok(())
}

/// Reads a frame whole, and notes how old it is.
async fn read(mut stream: RecvStream, counts: &Counts) -> anyhow::Result<()> {
    let message = stream::read(&mut stream, MAX_FRAME).await?.context("an empty stream")?;
    counts.bytes.fetch_add((stream::LENGTH + message.len()) as u64, Ordering::Relaxed);
    let Message::Frame { frame, .. } = Message::decode(message)? else { bail!("not a frame") };
    let captured_at = Frame::decode(frame)?.header.captured_at;
    counts.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(clock::since_ms(captured_at));
    Ok(())
}
