//! Publishing: signed frames to the relay, the newest first when the way there is too narrow.
//!
//! ```text
//! pipeline ─┬▶ queue (bounded, whole groups go) ──▶ one connection at a time ──▶ relay
//!           │                                         control   hello · publish · record, grants before the first group under them
//!           │                                         group     one unidirectional stream, its frames in order
//!           └▶ spool (on disk) ──▶ backfill ─────────▶ group    the same, behind every live one
//!                     ▲─────────────────────────────── durable-ack
//! ```
//!
//! A frame that could not be sent live is a gap to live viewers, which the signatures show; it never becomes another frame, or one less
//! masked. It lies in the [`spool`] until the relay has it durably, and is sent again behind the live ones. What may wait for the live way
//! is bounded three times: by the queue's bounds, by [`PATIENCE`] (whoever is further behind skips to the newest group), and by a send
//! window that follows the path's own congestion window, so that no frames pile up inside the transport.

mod announce;
mod backfill;
mod connection;
mod status;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use link::address::Relay;
use link::endpoint::{ConnectError, Transport};
use link::queue::{self, Bounds};
use link::retry::{self, Failure, Pace};
use link::shutdown::Shutdown;
use link::tls::{self, BadIdentity, Identity, RootFingerprint, Trust};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use crate::sign::Signed;
use crate::spool::{self, Intake, Spool};
use status::Shared;
pub use status::{Drops, Status};

/// How far behind the pictures may be when they are sent; further behind, the newest group is next.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How long a frame may take to be handed over to the transport, unless the config says otherwise: at 250 kbit/s one of 150 kB still can.
const STALL: Duration = Duration::from_secs(5);

/// What may wait for the connection: two groups of two seconds at 30 pictures a second, with room to spare, or 32 MB.
const WAITING: Bounds = Bounds { items: 256, bytes: 32 << 20 };

/// How long nothing may come from the relay while something is sent to it: it acknowledges within moments. Then it is looked for anew.
const SILENCE: Duration = Duration::from_secs(5);

/// How long the relay may take to be reached and to greet.
const GREETING: Duration = Duration::from_secs(10);

/// The pauses between connections. What is captured meanwhile waits in the spool, and nobody sees it live.
const PACE: Pace = Pace { first: Duration::from_millis(500), longest: Duration::from_secs(5), stable: Duration::from_secs(5) };

/// After a refusal that time alone will not cure: a revoked certificate, a second agent with the same key.
const LONG: Duration = Duration::from_secs(300);

/// Where signed frames go. The pipeline hands them over and never waits.
pub trait Outlet: Send {
    /// Takes a frame. Its announcement goes ahead of it if it is a new one.
    fn send(&mut self, signed: Signed);

    /// Whether the next frame must open a group, because whoever takes the frames has none to continue. Asking takes the wish away.
    fn wants_key_frame(&mut self) -> bool {
        false
    }
}

/// Where to publish, and as whom.
#[derive(Debug, Clone)]
pub struct Config {
    /// The relay.
    pub relay: Relay,
    /// The root that enrolment pinned.
    pub root: RootFingerprint,
    /// The camera's certificate with its chain, and its key.
    pub identity: Identity,
    /// The connection's numbers.
    pub transport: Transport,
    /// The pauses between connections.
    pub pace: Pace,
    /// The pause after a refusal that time alone will not cure.
    pub long: Duration,
    /// How far behind the pictures may be when they are sent.
    pub patience: Duration,
    /// How long a frame may take to be handed over to the transport before its group is given up for the next.
    pub stall: Duration,
    /// How long nothing may come from the relay while something is sent to it.
    pub silence: Duration,
    /// Where frames are kept until the relay has them durably; `None`: nowhere, and what it does not get live is lost.
    pub spool: Option<spool::Config>,
}

impl Config {
    /// With the usual numbers.
    #[must_use]
    pub const fn new(relay: Relay, root: RootFingerprint, identity: Identity) -> Self {
        Self {
            relay,
            root,
            identity,
            transport: Transport::AGENT,
            pace: PACE,
            long: LONG,
            patience: PATIENCE,
            stall: STALL,
            silence: SILENCE,
            spool: None,
        }
    }
}

/// Why a connection is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// The relay cannot be reached, or is not the one that was pinned.
    #[error("{0}")]
    NotConnected(String),
    /// It was there, and went.
    #[error("the connection to the relay was lost: {0}")]
    Broken(String),
    /// The relay does not want this camera, or what it sends.
    #[error("the relay refuses ({reason}): {text}")]
    Refused {
        /// Its reason, for programs.
        reason: &'static str,
        /// Its reason, for people.
        text: String,
    },
    /// What answers does not keep to the protocol.
    #[error("what answers at the relay's address does not keep to the protocol: {0}")]
    Nonsense(String),
}

/// A connection that is over, and whether coming back soon can help.
#[derive(Debug)]
struct End {
    why: Lost,
    lasting: bool,
}

/// The pipeline's end: frames go in here.
#[derive(Debug)]
pub struct Inlet {
    sender: queue::Sender<u64, Waiting>,
    intake: Option<Intake>,
    shared: Arc<Shared>,
}

/// A frame that waits, and since when.
#[derive(Debug)]
struct Waiting {
    signed: Signed,
    since: Instant,
}

impl Outlet for Inlet {
    fn send(&mut self, signed: Signed) {
        let header = signed.frame.header();
        let (group, key, size) = (header.group, header.flags.key, signed.frame.bytes().len());
        if let Some(intake) = &mut self.intake {
            intake.offer(&signed);
        }
        match self.sender.try_push(group, key, size, Waiting { signed, since: Instant::now() }) {
            Ok(dropped) => self.shared.dropped(dropped),
            // Publishing has ended: the agent is stopping.
            Err(queue::Closed) => self.shared.offline(1),
        }
    }

    fn wants_key_frame(&mut self) -> bool {
        // Both are asked, so that no wish is left over.
        self.shared.take_key_wish() | self.intake.as_mut().is_some_and(Intake::wants_key_frame)
    }
}

/// Publishing in the background. Dropping the [`Inlet`] lets it send what is left, and end.
pub struct Publisher {
    task: JoinHandle<()>,
    shared: Arc<Shared>,
    spool: Option<Spool>,
}

/// Why publishing does not begin.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// Certificate and key do not belong together.
    #[error(transparent)]
    Identity(#[from] BadIdentity),
    /// The system gives no thread.
    #[error("no thread could be started: {0}")]
    Thread(#[from] std::io::Error),
}

impl Publisher {
    /// Begins to connect. Call it inside the tokio runtime.
    ///
    /// # Errors
    /// When certificate and key do not belong together, or there is no thread for the spool.
    pub fn start(config: Config, stop: Shutdown) -> Result<(Self, Inlet), NotStarted> {
        let client = tls::Client::new(Trust::Pinned(config.root), Some(&config.identity), tls::PEER)?;
        let (spool, intake) = config.spool.clone().map(Spool::open).transpose()?.unzip();
        let (sender, receiver) = queue::bounded(WAITING);
        let shared = Arc::new(Shared::new(spool.clone()));
        let task = tokio::spawn(run(config, client, receiver, Arc::clone(&shared), stop));
        Ok((Self { task, shared: Arc::clone(&shared), spool }, Inlet { sender, intake, shared }))
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// How it goes, for somebody who looks again and again.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.shared))
    }

    /// Waits until everything was sent after the [`Inlet`] was dropped, or publishing was stopped.
    pub async fn finished(self) {
        // A panic in there was printed already, and ends publishing just so.
        let _ = self.task.await;
    }

    /// What to wait for, when publishing is over, so that nothing is lost that was signed.
    #[must_use]
    pub fn spool(&self) -> Option<Spool> {
        self.spool.clone()
    }
}

/// Tells how publishing goes, as long as it is asked.
#[derive(Debug, Clone)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    /// At this moment.
    #[must_use]
    pub fn status(&self) -> Status {
        self.0.status()
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publisher({:?})", self.status())
    }
}

/// Greets the relay and leaves: whether it is there, is the one that was pinned, and wants this camera.
///
/// # Errors
/// What publishing would fail of.
pub async fn probe(config: &Config) -> Result<(), Lost> {
    let client = tls::Client::new(Trust::Pinned(config.root), Some(&config.identity), tls::PEER);
    let client = client.map_err(|error| Lost::NotConnected(error.to_string()))?;
    connection::probe(config, &client).await.map_err(|end| end.why)
}

async fn run(config: Config, client: tls::Client, receiver: queue::Receiver<u64, Waiting>, shared: Arc<Shared>, stop: Shutdown) {
    let feed = Mutex::new(connection::Feed::new(receiver, Arc::clone(&shared), config.patience));
    let _ = retry::run(&stop, &config.pace, "not publishing", || async {
        let mut feed = feed.lock().await;
        let Err(end) = connection::run(&config, &client, &mut feed).await else { return Ok(()) };
        shared.lost(&end.why);
        if end.lasting {
            tracing::error!(why = %end.why, again_in = ?config.long, "not publishing, and waiting will hardly help");
            // The queue goes on dropping meanwhile; stopping ends the wait.
            let _ = stop.finish(Duration::ZERO, tokio::time::sleep(config.long)).await;
        }
        Err(Failure::<Lost>::Again(end.why))
    })
    .await;
}

impl From<ConnectError> for End {
    fn from(error: ConnectError) -> Self {
        let lasting = matches!(error, ConnectError::Untrusted(_) | ConnectError::Refused { .. });
        Self { why: Lost::NotConnected(error.to_string()), lasting }
    }
}
