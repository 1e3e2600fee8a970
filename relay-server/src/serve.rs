//! Serving viewers: who asks, what for, and sending it.
//!
//! One task per connection reads what the viewer says and writes what it is told on the control stream; one task per subscription sends
//! frames (`live`, `range`). Nothing here can slow a camera, the archive or another viewer: they share frames, not queues.

mod flight;
mod handing;
mod live;
mod range;
mod row;
pub(crate) mod way;
pub(crate) mod webtransport;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use link::api::account::Secret;
use link::shutdown::Shutdown;
use quinn::Connection;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet, spawn_blocking};
use tokio::time::{Instant, sleep_until, timeout};
use wire::context::VERSION;
use wire::id::{CameraId, Fingerprint, Name};
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused, Span, Subscribe};

pub use range::{Asked, History, Reader, Recorded, Unreadable};

use crate::access::{self, Viewer};
use crate::accounts::lease::Lease;
use crate::config::Visible;
use crate::control::{self, Control, Silence, refused};
use crate::gate::Rate;
use crate::hub::Channel;
use crate::limits::{CONTROL_QUEUE, CONTROL_WRITE, FAREWELL, IDLE, REPLAYS_PER_CONNECTION, SUBSCRIPTIONS};
use crate::parts::Parts;
use crate::verify::Epoch;
use handing::Wanted;
use live::{End, Watching};
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
    let caller = Caller { hello, from: connection.remote_address().ip() };
    let mut writing = std::pin::pin!(control::write_queued(send, queue));
    let refused = match attend(receive, outbox, &way, caller, parts, shutdown, &mut writing).await {
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
    (hello.version != VERSION).then(|| {
        let text = format!("this relay speaks version {VERSION} of the format, and the peer version {}", hello.version);
        refused(0, Reason::Version, text)
    })
}

/// Takes in a viewer's ticket, if it brings one.
async fn admit(hello: &Hello, parts: &Arc<Parts>) -> Result<Option<Lease>, Refused> {
    let Some(ticket) = &hello.ticket else { return Ok(None) };
    let stale = "this ticket is unknown, used or older than 30 seconds: fetch another, or sign in again";
    let ticket = <[u8; 32]>::try_from(ticket.as_ref()).map_err(|_| refused(0, Reason::SignedOut, stale))?;
    let (accounts, ticket) = (Arc::clone(&parts.accounts), Secret::new(&ticket));
    match spawn_blocking(move || accounts.redeem(&ticket)).await {
        Ok(Ok(Some(lease))) => Ok(Some(lease)),
        Ok(Ok(None)) => Err(refused(0, Reason::SignedOut, stale)),
        Ok(Err(error)) => Err(own_fault(&error)).map_err(|(reason, text)| refused(0, reason, text)),
        Err(error) => Err(own_fault(&error)).map_err(|(reason, text)| refused(0, reason, text)),
    }
}

/// Serves a subscription for as long as the session lasts that it rests on.
async fn while_signed_in(lease: Option<Lease>, subscription: u32, serving: impl Future<Output = End>) -> (u32, End) {
    let Some(lease) = lease else { return (subscription, serving.await) };
    tokio::select! {
        biased;
        () = lease.ended() => (subscription, End::Refused(refused(subscription, Reason::SignedOut, SIGNED_OUT))),
        end = serving => (subscription, end),
    }
}

/// What a viewer is told whose session has ended.
const SIGNED_OUT: &str = "you are signed out: what only you may see is not sent any more; sign in again";

/// How a conversation with a viewer ended.
pub(crate) enum Parted {
    /// It left.
    Gone,
    /// It does not take what it is told.
    Deaf,
    /// It is to be told why.
    Refused(Refused),
}

/// A viewer at the door, whichever way it came.
pub(crate) struct Caller<'a> {
    /// How it greeted.
    pub(crate) hello: &'a Hello,
    /// From which address.
    pub(crate) from: IpAddr,
}

/// Serves a viewer, whichever way it came: what it says comes out of `ear`, what it is told goes into `outbox`, which `writing` empties.
/// When this returns, every subscription has ended and nobody queues any more.
pub(crate) async fn attend<E: Ear, W: Future + Unpin>(
    ear: E,
    outbox: mpsc::Sender<Bytes>,
    way: &Way,
    caller: Caller<'_>,
    parts: &Arc<Parts>,
    shutdown: &Shutdown,
    writing: W,
) -> Parted {
    let lease = match admit(caller.hello, parts).await {
        Ok(lease) => lease,
        Err(refused) => {
            parts.counters.peers_refused.one(refused.reason.name());
            return Parted::Refused(refused);
        }
    };
    let mut session = Session::new(parts, way, &caller, lease, outbox);
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
    /// The address that it came from, as the log says it.
    from: String,
    /// The key that the viewer named.
    named: Option<Fingerprint>,
    /// Who it is, if it brought a ticket.
    lease: Option<Lease>,
    outbox: mpsc::Sender<Bytes>,
    /// The running subscriptions by their number. Dropping the tasks ends them.
    running: HashMap<u32, AbortHandle>,
    tasks: JoinSet<(u32, End)>,
    replays: Arc<Semaphore>,
    rate: Rate<()>,
}

impl Session {
    fn new(parts: &Arc<Parts>, way: &Way, caller: &Caller<'_>, lease: Option<Lease>, outbox: mpsc::Sender<Bytes>) -> Self {
        Self {
            parts: Arc::clone(parts),
            way: way.clone(),
            from: caller.from.to_canonical().to_string(),
            named: caller.hello.fingerprint,
            lease,
            outbox,
            running: HashMap::new(),
            tasks: JoinSet::new(),
            replays: Arc::new(Semaphore::new(REPLAYS_PER_CONNECTION)),
            rate: Rate::new(parts.config.limits.subscribes_per_minute, Duration::from_secs(60), 1),
        }
    }

    async fn run<E: Ear>(&mut self, ear: E, shutdown: &Shutdown) -> End {
        let mut message = std::pin::pin!(ear.hear(MAX_HELLO));
        let (mut idle_since, mut was_idle) = (Instant::now(), false);
        loop {
            let idle = self.running.is_empty();
            if !(idle && was_idle) {
                idle_since = Instant::now();
            }
            was_idle = idle;
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
                    // Only who asks for something is at work; there may be nothing to end, and saying so is no work.
                    was_idle &= !matches!(said, Ok(Message::Subscribe(_)));
                    if let Some(end) = self.hear(said).await {
                        return end;
                    }
                }
                () = sleep_until(idle_since + IDLE), if idle => {
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
        if self.rate.attempt((), Instant::now().into_std()).is_err() {
            return Err((Reason::TooMany, "too many subscriptions in a minute: wait a little".to_owned()));
        }
        if self.running.len() >= SUBSCRIPTIONS {
            return Err((Reason::TooMany, format!("one connection has at most {SUBSCRIPTIONS} subscriptions at a time")));
        }
        if self.running.contains_key(&subscription) {
            return Err((Reason::OutOfTurn, format!("the subscription {subscription} is running already")));
        }
        let found = self.find(&name).await?;
        let lease = self.lease.clone().filter(Lease::holds);
        let viewer = Viewer { fingerprint: self.named, account: lease.as_ref().map(|lease| lease.account().fingerprint) };
        let (config, now) = (Arc::clone(&self.parts.config), self.parts.clock.now());
        // Only the past and cameras for named people depend on it.
        let depends = span != Span::Live || config.camera(&name).visible == Visible::Named;
        let newest = if depends { self.newest_epoch(&found).await } else { None };
        access::decide(&config, &name, viewer, layers, span, newest.as_deref(), now).map_err(|denied| match (&self.lease, &lease) {
            (Some(_), None) => (Reason::SignedOut, SIGNED_OUT.to_owned()),
            _ => (Reason::NotAllowed, denied.to_string()),
        })?;
        let rests = access::rests_on_account(&config, &name, viewer, layers, span, newest.as_deref(), now);

        let account = lease.as_ref().map(|lease| Arc::clone(lease.account()));
        let address = self.from.clone();
        let wanted = Wanted { subscription, camera: name.clone(), layers, viewer, account, address, key_frames_only };
        let known = lease.is_some();
        let lease = lease.filter(|_| rests);
        let task = match (span, found.channel) {
            (Span::Live, Some(channel)) if channel.is_online() => {
                let watching = Watching::new(&self.parts, &self.way, &self.outbox, &channel, wanted);
                self.tasks.spawn(while_signed_in(lease, subscription, watching.run()))
            }
            (Span::Live, _) => return Err((Reason::Offline, format!("{name} is not connected at the moment: try again later"))),
            (Span::Range { from, to }, _) => {
                let permits = range::Permits::take(&self.parts.replays, &self.replays, known)?;
                let replay = range::Replay::new(&self.parts, &self.way, found.camera, wanted, pace);
                self.tasks.spawn(while_signed_in(lease, subscription, replay.run(from, to, permits)))
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
