//! Serving viewers: who asks, what for, and sending it.
//!
//! One task per connection reads what the viewer says and writes what it is told on the control stream; one task per subscription sends
//! frames (`live`, `range`). Nothing here can slow a camera, the archive or another viewer: they share frames, not queues.

mod flight;
mod live;
mod range;
mod row;
pub(crate) mod way;
pub(crate) mod webtransport;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::shutdown::Shutdown;
use quinn::Connection;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::{sleep, timeout};
use wire::context::VERSION;
use wire::id::{CameraId, Name};
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused, Span, Subscribe};

pub use range::{Asked, History, Reader, Recorded, Unreadable};

use crate::access::{self, Viewer};
use crate::control::{self, Control, Silence, refused};
use crate::gate::Rate;
use crate::hub::Channel;
use crate::limits::{CONTROL_QUEUE, CONTROL_WRITE, FAREWELL, IDLE, REPLAYS_PER_CONNECTION, SUBSCRIPTIONS};
use crate::parts::Parts;
use crate::verify::Epoch;
use live::{End, Wanted, Watching};
use way::{Ear, Way};

/// Serves a viewer to its end.
pub async fn run(connection: Connection, control: Control, hello: &Hello, parts: &Arc<Parts>, shutdown: &Shutdown) {
    let Control { send, receive } = control;
    let Ok(_permit) = Arc::clone(&parts.viewers).try_acquire_owned() else {
        parts.counters.peers_refused.one(Reason::TooMany.name());
        let full = refused(0, Reason::TooMany, "this relay has as many viewers as it takes: try again later");
        return control::farewell(&connection, send, full).await;
    };
    let (outbox, queue) = mpsc::channel(CONTROL_QUEUE);
    let way = Way::Streams { connection: connection.clone(), head: Bytes::new() };
    let mut writing = std::pin::pin!(control::write_queued(send, queue));
    let refused = match attend(receive, outbox, &way, hello, parts, shutdown, &mut writing).await {
        Parted::Gone => return control::close(&connection, Reason::Stopping, ""),
        Parted::Deaf => return control::close(&connection, Reason::TooMany, "the control stream is not read"),
        Parted::Refused(refused) => refused,
    };
    // A message that is half written comes first.
    match timeout(FAREWELL, writing).await {
        Ok(Some(send)) => control::farewell(&connection, send, refused).await,
        Ok(None) | Err(_) => control::close(&connection, refused.reason, &refused.text),
    }
}

/// Why a greeting gets no friendly answer, if it gets none.
pub(crate) fn unwelcome(hello: &Hello) -> Option<Refused> {
    if hello.version != VERSION {
        let text = format!("this relay speaks version {VERSION} of the format, and the peer version {}", hello.version);
        return Some(refused(0, Reason::Version, text));
    }
    let text = "tickets belong to accounts, which this version of the relay does not have yet";
    hello.ticket.is_some().then(|| refused(0, Reason::NotBuilt, text))
}

/// How a conversation with a viewer ended.
pub(crate) enum Parted {
    /// It left.
    Gone,
    /// It does not take what it is told.
    Deaf,
    /// It is to be told why.
    Refused(Refused),
}

/// Serves a viewer, whichever way it came: what it says comes out of `ear`, what it is told goes into `outbox`, which `writing` empties.
/// When this returns, every subscription has ended and nobody queues any more.
pub(crate) async fn attend<E: Ear, W: Future + Unpin>(
    ear: E,
    outbox: mpsc::Sender<Bytes>,
    way: &Way,
    hello: &Hello,
    parts: &Arc<Parts>,
    shutdown: &Shutdown,
    writing: W,
) -> Parted {
    let mut session = Session::new(parts, way, hello, outbox);
    let end = tokio::select! {
        biased;
        end = session.run(ear, shutdown) => end,
        _ = writing => return Parted::Deaf,
    };
    let End::Refused(refused) = end else { return Parted::Gone };
    parts.counters.peers_refused.one(refused.reason.name());
    Parted::Refused(refused)
}

/// One viewer's connection.
struct Session {
    parts: Arc<Parts>,
    way: Way,
    viewer: Viewer,
    outbox: mpsc::Sender<Bytes>,
    /// The running subscriptions by their number. Dropping the tasks ends them.
    running: HashMap<u32, AbortHandle>,
    tasks: JoinSet<(u32, End)>,
    replays: Arc<Semaphore>,
    rate: Rate<()>,
}

impl Session {
    fn new(parts: &Arc<Parts>, way: &Way, hello: &Hello, outbox: mpsc::Sender<Bytes>) -> Self {
        Self {
            parts: Arc::clone(parts),
            way: way.clone(),
            viewer: Viewer { fingerprint: hello.fingerprint },
            outbox,
            running: HashMap::new(),
            tasks: JoinSet::new(),
            replays: Arc::new(Semaphore::new(REPLAYS_PER_CONNECTION)),
            rate: Rate::new(parts.config.limits.subscribes_per_minute, Duration::from_secs(60), 1),
        }
    }

    async fn run<E: Ear>(&mut self, ear: E, shutdown: &Shutdown) -> End {
        let mut message = std::pin::pin!(ear.hear(MAX_HELLO));
        loop {
            let idle = self.running.is_empty();
            tokio::select! {
                biased;
                () = shutdown.draining() => return End::Refused(refused(0, Reason::Stopping, "this relay is shutting down")),
                Some(ended) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => {
                    if let Some(end) = self.ended(ended).await {
                        return end;
                    }
                }
                (ear, said) = &mut message => {
                    message.set(ear.hear(MAX_HELLO));
                    if let Some(end) = self.hear(said).await {
                        return end;
                    }
                }
                () = sleep(IDLE), if idle => {
                    return End::Refused(refused(0, Reason::TooMany, format!("nothing was asked for in {IDLE:?}")));
                }
            }
        }
    }

    async fn hear(&mut self, said: Result<Message, Silence>) -> Option<End> {
        match said {
            Ok(Message::Subscribe(subscribe)) => {
                let number = subscribe.subscription;
                match self.subscribe(subscribe).await {
                    Ok(()) => {
                        self.parts.counters.subscriptions.one();
                        None
                    }
                    Err((reason, text)) => self.refuse(refused(number, reason, text)).await,
                }
            }
            Ok(Message::Unsubscribe { subscription }) => {
                // One that has just ended by itself is no mistake of the viewer's.
                if let Some(task) = self.running.remove(&subscription) {
                    task.abort();
                }
                None
            }
            Ok(other) => Some(End::Refused(refused(0, Reason::OutOfTurn, format!("the message “{}” does not belong here", other.name())))),
            Err(silence) => Some(silence.refused().map_or(End::Gone, End::Refused)),
        }
    }

    /// A subscription ended. Says whether the whole connection does.
    async fn ended(&mut self, ended: Result<(Id, (u32, End)), JoinError>) -> Option<End> {
        match ended {
            Ok((task, (subscription, end))) => {
                // The number may be in use again already.
                if self.running.get(&subscription).is_some_and(|running| running.id() == task) {
                    self.running.remove(&subscription);
                }
                match end {
                    End::Done => None,
                    End::Gone => Some(End::Gone),
                    End::Refused(refused) => self.refuse(refused).await,
                }
            }
            Err(error) if error.is_cancelled() => None,
            Err(error) => {
                tracing::error!(%error, "a subscription ended by the relay's own fault");
                Some(End::Gone)
            }
        }
    }

    /// Refuses something of one subscription; the connection goes on.
    async fn refuse(&mut self, refused: Refused) -> Option<End> {
        self.parts.counters.peers_refused.one(refused.reason.name());
        let said = timeout(CONTROL_WRITE, self.outbox.send(Message::Refused(refused).encode())).await;
        (!matches!(said, Ok(Ok(())))).then_some(End::Gone)
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), (Reason, String)> {
        let Subscribe { subscription, camera: name, layers, span, pace, key_frames_only } = subscribe;
        if self.rate.attempt((), Instant::now()).is_err() {
            return Err((Reason::TooMany, "too many subscriptions in a minute: wait a little".to_owned()));
        }
        if self.running.len() >= SUBSCRIPTIONS {
            return Err((Reason::TooMany, format!("one connection has at most {SUBSCRIPTIONS} subscriptions at a time")));
        }
        if self.running.contains_key(&subscription) {
            return Err((Reason::OutOfTurn, format!("the subscription {subscription} is running already")));
        }
        let found = self.find(&name).await?;
        // Only the past depends on it.
        let newest = if span == Span::Live { None } else { self.newest_epoch(&found).await };
        access::decide(&self.parts.config, &name, self.viewer, layers, span, newest.as_deref(), self.parts.clock.now())
            .map_err(|denied| (Reason::NotAllowed, denied.to_string()))?;

        let wanted = Wanted { subscription, layers, recipient: self.viewer.fingerprint, key_frames_only };
        let task = match (span, found.channel) {
            (Span::Live, Some(channel)) if channel.is_online() => {
                let watching = Watching::new(&self.parts, &self.way, &self.outbox, &channel, wanted);
                self.tasks.spawn(async move { (subscription, watching.run().await) })
            }
            (Span::Live, _) => return Err((Reason::Offline, format!("{name} is not connected at the moment: try again later"))),
            (Span::Range { from, to }, _) => {
                let permits = range::Permits::take(&self.parts.replays, &self.replays)?;
                let replay = range::Replay::new(&self.parts, &self.way, found.camera, wanted, pace);
                self.tasks.spawn(async move { (subscription, replay.run(from, to, permits).await) })
            }
        };
        self.running.insert(subscription, task);
        Ok(())
    }

    async fn find(&self, name: &Name) -> Result<Found, (Reason, String)> {
        if let Some(channel) = self.parts.hub.get(name) {
            let camera = range::Introduced { id: channel.camera(), name: name.clone(), chain: channel.chain().to_vec() };
            return Ok(Found { camera, channel: Some(channel) });
        }
        let (roster, asked) = (Arc::clone(&self.parts.roster), name.clone());
        match spawn_blocking(move || roster.camera(&asked)).await {
            Ok(Ok(Some(camera))) => {
                let chain = camera.chain.iter().map(|certificate| Bytes::copy_from_slice(certificate)).collect();
                Ok(Found { camera: range::Introduced { id: camera.id, name: camera.name, chain }, channel: None })
            }
            Ok(Ok(None)) => Err((Reason::UnknownCamera, format!("this relay has no camera named {name}"))),
            Ok(Err(error)) => Err(own_fault(&error)),
            Err(error) => Err(own_fault(&error)),
        }
    }

    /// The newest epoch of a camera: live, or the last that was recorded.
    async fn newest_epoch(&self, found: &Found) -> Option<Arc<Epoch>> {
        if let Some(live) = found.channel.as_ref().and_then(|channel| channel.newest_epoch()) {
            return Some(live);
        }
        let (history, camera): (_, CameraId) = (Arc::clone(&self.parts.history), found.camera.id);
        spawn_blocking(move || history.newest_epoch(camera)).await.ok().flatten()
    }
}

/// A camera that was asked for.
struct Found {
    camera: range::Introduced,
    channel: Option<Arc<Channel>>,
}

fn own_fault(error: &dyn std::error::Error) -> (Reason, String) {
    tracing::error!(%error, "a subscription could not be served");
    (Reason::Storage, "the relay could not do it, by its own fault: its log tells why".to_owned())
}
