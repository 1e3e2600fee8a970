//! One connection to the relay, from the greeting to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use link::endpoint;
use link::queue::{Popped, Receiver};
use link::stream::{self, ReadError, WriteError};
use link::tls;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt};
use tokio::time::{Instant, timeout};
use wire::context::Codec;
use wire::message::{DurableAck, Hello, MAX_HELLO, Message, Reason, Refused};

use super::announce::Announcer;
use super::status::Shared;
use super::{Config, End, GREETING, Lost, WAITING, Waiting, backfill};
use crate::spool::{Run, Spool};

/// The subscription of live frames.
pub(super) const SUBSCRIPTION: u32 = 1;

/// The subscription of what is sent again.
pub(super) const BACKFILL: u32 = 2;

/// The longest message that a relay has to say to an agent: a receipt, a head of its log, a refusal.
const MAX_ANSWER: usize = 64 << 10;

/// How long the last frame may take to arrive before the connection is closed.
const FAREWELL: Duration = Duration::from_secs(2);

/// How long the relay may then take to say that it has everything on disk.
const SETTLING: Duration = Duration::from_millis(1500);

/// The send window never gets smaller than this, in bytes: the transport needs some at hand to find out how wide the way is.
const LEAST_WINDOW: u64 = 128 << 10;

/// Code of a group stream that is given up (the relay sees it).
const GIVEN_UP: VarInt = VarInt::from_u32(1);

/// The queue's end here, with what was taken from it and not sent yet.
pub(super) struct Feed {
    receiver: Receiver<u64, Waiting>,
    shared: Arc<Shared>,
    pending: VecDeque<Waiting>,
    needs_key: bool,
    patience: Duration,
}

impl Feed {
    pub(super) const fn new(receiver: Receiver<u64, Waiting>, shared: Arc<Shared>, patience: Duration) -> Self {
        Self { receiver, shared, pending: VecDeque::new(), needs_key: true, patience }
    }

    /// A new connection begins with a new group. What waited goes ahead while it is fresh, so that a camera that has just started leaves no
    /// gap at its session's beginning; what is too old is dropped.
    fn begin(&mut self) {
        while self.pending.len() < WAITING.items {
            match self.receiver.try_pop() {
                Some(Popped::Item(item)) => self.pending.push_back(item),
                Some(Popped::Skipped(_)) => {}
                None => break,
            }
        }
        let fresh = |waiting: &Waiting| waiting.signed.frame.header().flags.key && waiting.since.elapsed() <= self.patience;
        let old = self.pending.iter().position(fresh).unwrap_or(self.pending.len());
        let dropped = self.pending.drain(..old).next_back();
        self.pass_over(dropped.as_ref());
        self.shared.offline(u64::try_from(old).unwrap_or(u64::MAX));
        self.needs_key = true;
        self.shared.wish_key();
    }

    /// The next frame to send: the oldest that waits, unless it waited too long and a newer group is there. `None` at the end.
    async fn next(&mut self) -> Option<Waiting> {
        loop {
            if self.pending.front().is_some_and(|front| front.since.elapsed() > self.patience) {
                self.skip_to_newest();
            }
            let next = match self.pending.pop_front() {
                Some(next) => next,
                None => match self.receiver.pop().await? {
                    Popped::Item(next) => {
                        self.pending.push_back(next);
                        continue;
                    }
                    Popped::Skipped(_) => continue,
                },
            };
            if self.needs_key && !next.signed.frame.header().flags.key {
                self.shared.cut(1);
                self.pass_over(Some(&next));
                continue;
            }
            self.needs_key = false;
            return Some(next);
        }
    }

    /// Drops what stands before the newest group that waits.
    fn skip_to_newest(&mut self) {
        while self.pending.len() < WAITING.items {
            match self.receiver.try_pop() {
                Some(Popped::Item(item)) => self.pending.push_back(item),
                Some(Popped::Skipped(_)) => {}
                None => break,
            }
        }
        let newest = self.pending.iter().rposition(|waiting| waiting.signed.frame.header().flags.key);
        if let Some(newest) = newest.filter(|place| *place > 0) {
            let dropped = self.pending.drain(..newest).next_back();
            self.pass_over(dropped.as_ref());
            self.shared.slow(u64::try_from(newest).unwrap_or(u64::MAX));
        }
    }

    /// A frame is not sent live, nor what was before it and was not.
    fn pass_over(&self, waiting: Option<&Waiting>) {
        if let Some((spool, Waiting { signed, .. })) = self.shared.spool().zip(waiting) {
            spool.passed_over(signed.frame.context().session.number, signed.frame.header().sequence);
        }
    }

    /// The rest of the group that is being sent is worth nothing.
    fn give_up(&mut self) {
        self.needs_key = true;
        self.shared.wish_key();
    }
}

/// A connection on which both sides have said hello.
struct Greeted {
    endpoint: Endpoint,
    connection: Connection,
    control: SendStream,
    answers: RecvStream,
}

async fn greet(config: &Config, client: &tls::Client, publish: bool) -> Result<Greeted, End> {
    let here = |text: String| End { why: Lost::NotConnected(text), lasting: false };
    let endpoint = endpoint::client(&config.transport).map_err(|error| here(error.to_string()))?;
    let (connection, _) = endpoint::connect(&endpoint, client, &config.transport, &config.relay, GREETING).await?;
    let (mut control, mut answers) = timeout(GREETING, connection.open_bi()).await.map_err(|_| silent())?.map_err(|error| lost(&error))?;
    say(&mut control, &connection, &Message::Hello(Hello::new(None))).await?;
    if publish {
        let backfill = if config.spool.is_some() { BACKFILL } else { 0 };
        say(&mut control, &connection, &Message::Publish { subscription: SUBSCRIPTION, backfill }).await?;
    }
    greeted(&mut answers, &connection).await?;
    Ok(Greeted { endpoint, connection, control, answers })
}

async fn close(endpoint: &Endpoint, connection: &Connection, why: &str) {
    connection.close(VarInt::from_u32(0), why.as_bytes());
    // So that the farewell leaves before the socket closes.
    let _ = timeout(Duration::from_secs(1), endpoint.wait_idle()).await;
}

/// Greets and leaves.
pub(super) async fn probe(config: &Config, client: &tls::Client) -> Result<(), End> {
    let Greeted { endpoint, connection, .. } = greet(config, client, false).await?;
    close(&endpoint, &connection, "only looking").await;
    Ok(())
}

/// Connects, greets, and sends until the queue ends or the connection does.
pub(super) async fn run(config: &Config, client: &tls::Client, feed: &mut Feed) -> Result<(), End> {
    let Greeted { endpoint, connection, control, mut answers } = greet(config, client, true).await?;
    tracing::info!(relay = %config.relay, "publishing");
    let shared = Arc::clone(&feed.shared);
    if let Some(spool) = shared.spool() {
        spool.connected();
    }
    feed.begin();
    shared.greeted();
    let announcer = Announcer::new(control);
    let again = async {
        match shared.spool() {
            Some(spool) => match backfill::run(&connection, &announcer, spool, &shared, config).await {
                Ok(never) => match never {},
                Err(end) => end,
            },
            None => std::future::pending().await,
        }
    };
    let end = tokio::select! {
        biased;
        end = listen(&mut answers, &connection, shared.spool()) => Err(end),
        end = send(&connection, &announcer, feed, config) => end,
        end = again => Err(end),
        end = deaf(&connection, config.silence) => Err(end),
    };
    shared.sending(false);
    if end.is_ok() {
        shared.ended();
    }
    close(&endpoint, &connection, "the camera stops").await;
    end
}

async fn say(control: &mut SendStream, connection: &Connection, message: &Message) -> Result<(), End> {
    match stream::write_within(control, &[], message.encode(), GREETING).await {
        Ok(()) => Ok(()),
        Err(WriteError::Late(_)) => Err(silent()),
        Err(error) => Err(broken(connection, &error.to_string())),
    }
}

/// Waits for the relay's hello.
async fn greeted(answers: &mut RecvStream, connection: &Connection) -> Result<(), End> {
    let message = stream::read_within(answers, MAX_HELLO.max(MAX_ANSWER), GREETING).await;
    match read(message, connection)? {
        Message::Hello(_) => Ok(()),
        Message::Refused(refused) => Err(End::from(refused)),
        _ => Err(nonsense("its first message is no greeting")),
    }
}

/// Hears what the relay has to say, until the connection is over.
async fn listen(answers: &mut RecvStream, connection: &Connection, spool: Option<&Spool>) -> End {
    loop {
        let message = stream::read(answers, MAX_ANSWER).await;
        match read(message, connection) {
            Ok(Message::DurableAck(DurableAck { subscription: SUBSCRIPTION, session, first, last })) => {
                if let Some(spool) = spool {
                    spool.acknowledge(Run { session, first, last });
                }
            }
            // Receipts and heads are for a log, which comes later.
            Ok(Message::Receipt { .. } | Message::AuditHead { .. }) => {}
            // Live goes on.
            Ok(Message::Refused(Refused { subscription: SUBSCRIPTION, reason: Reason::Storage, text })) => match spool {
                Some(spool) => spool.not_storing(&text),
                None => {
                    tracing::warn!(why = %text, "the relay stores nothing at the moment, and there is no spool: what is captured now is lost to it")
                }
            },
            Ok(Message::Refused(refused)) => return refused.into(),
            Ok(_) => return nonsense("it says what only viewers are told"),
            Err(end) => return end,
        }
    }
}

fn read(message: Result<Option<bytes::Bytes>, ReadError>, connection: &Connection) -> Result<Message, End> {
    match message {
        Ok(Some(bytes)) => Message::decode(bytes).map_err(|error| nonsense(&error.to_string())),
        Ok(None) => Err(broken(connection, "it ended the conversation")),
        Err(ReadError::Late(_)) => Err(silent()),
        Err(ReadError::Broken(error)) => Err(broken(connection, &error.to_string())),
        Err(error) => Err(nonsense(&error.to_string())),
    }
}

/// Waits until the relay is deaf: something was sent to it some time ago, and nothing came since. The transport itself would wait much
/// longer, and a relay that was killed and started again does not know this connection.
async fn deaf(connection: &Connection, silence: Duration) -> End {
    let mut heard = connection.stats().udp_rx.datagrams;
    // When the first datagram went out since.
    let mut asked: Option<(u64, Instant)> = None;
    let mut sent = connection.stats().udp_tx.datagrams;
    loop {
        tokio::time::sleep(silence / 10).await;
        let stats = connection.stats();
        if stats.udp_rx.datagrams != heard {
            (heard, sent, asked) = (stats.udp_rx.datagrams, stats.udp_tx.datagrams, None);
            continue;
        }
        match asked {
            None if stats.udp_tx.datagrams != sent => asked = Some((stats.udp_tx.datagrams, Instant::now())),
            Some((_, since)) if since.elapsed() >= silence => return silent(),
            _ => {}
        }
    }
}

/// Sends frames until the queue ends.
async fn send(connection: &Connection, announcer: &Announcer, feed: &mut Feed, config: &Config) -> Result<(), End> {
    let mut group: Option<SendStream> = None;
    // Of that group.
    let mut first = 0;
    // Below the control stream, and each group below the ones before it: what was begun is finished first.
    let mut priority = 0_i32;
    while let Some(Waiting { signed, since }) = feed.next().await {
        let (header, session) = (signed.frame.header(), signed.frame.context().session.number);
        if header.flags.key {
            let announcement = &signed.announcement;
            let told = announcer.announce(announcement.digest, || announcement.messages(SUBSCRIPTION), GREETING).await;
            told.map_err(|error| broken(connection, &error.to_string()))?;
            // Dropping the stream of the group before finishes it.
            let stream = timeout(config.stall, connection.open_uni()).await.map_err(|_| silent())?.map_err(|error| lost(&error))?;
            priority = priority.saturating_sub(1);
            let _ = stream.set_priority(priority);
            (group, first) = (Some(stream), header.sequence);
        }
        let Some(stream) = group.as_mut() else {
            feed.give_up();
            feed.shared.cut(1);
            feed.pass_over(Some(&Waiting { signed, since }));
            continue;
        };
        let window = (2 * connection.stats().path.cwnd).clamp(LEAST_WINDOW, config.transport.send_window.max(LEAST_WINDOW));
        connection.set_send_window(window);
        let head = Message::frame_head(SUBSCRIPTION, session);
        feed.shared.sending(true);
        let written = stream::write_within(stream, &head, signed.frame.bytes().clone(), config.stall).await;
        feed.shared.sending(false);
        match written {
            Ok(()) => {
                feed.shared.sent(signed.frame.bytes().len());
                if let Some(spool) = feed.shared.spool() {
                    spool.sent(session, header.sequence, signed.frame.bytes().len());
                }
            }
            Err(WriteError::Broken(quinn::WriteError::ConnectionLost(error))) => {
                feed.shared.cut(1);
                return Err(lost(&error));
            }
            Err(error) => {
                tracing::warn!(%error, group = header.group, "a group is given up");
                let _ = stream.reset(GIVEN_UP);
                group = None;
                feed.shared.slow(1);
                feed.give_up();
                if let Some(spool) = feed.shared.spool() {
                    spool.taken_back(Run { session, first, last: header.sequence });
                }
                feed.pass_over(Some(&Waiting { signed, since }));
                continue;
            }
        }
        // Where every frame is a group of its own, its end need not wait for the next.
        if header.flags.end || !matches!(signed.frame.context().codec, Codec::H264) {
            let _ = stream.finish();
        }
    }
    if let Some(mut last) = group {
        let _ = last.finish();
        let _ = timeout(FAREWELL, last.stopped()).await;
    }
    if let Some(spool) = feed.shared.spool() {
        spool.all_settled();
        let settled = async {
            while !spool.is_settled() {
                tokio::time::sleep(SETTLING / 50).await;
            }
        };
        // What is not settled by then is kept, and sent at the next start.
        let _ = timeout(SETTLING, settled).await;
    }
    Ok(())
}

pub(super) fn silent() -> End {
    End { why: Lost::Broken("it stopped answering".to_owned()), lasting: false }
}

fn nonsense(what: &str) -> End {
    End { why: Lost::Nonsense(what.to_owned()), lasting: true }
}

/// Why a stream broke: most often because its connection did, which knows better.
pub(super) fn broken(connection: &Connection, otherwise: &str) -> End {
    match connection.close_reason() {
        Some(error) => lost(&error),
        None => End { why: Lost::Broken(otherwise.to_owned()), lasting: false },
    }
}

fn lost(error: &ConnectionError) -> End {
    // A TLS alert: the relay looked at the certificate and does not want it (RFC 9001, 4.8).
    let lasting = match error {
        ConnectionError::TransportError(error) => (0x100..0x200).contains(&u64::from(error.code)),
        ConnectionError::ConnectionClosed(close) => (0x100..0x200).contains(&u64::from(close.error_code)),
        _ => false,
    };
    End { why: Lost::Broken(endpoint::explain(error)), lasting }
}

impl From<Refused> for End {
    fn from(refused: Refused) -> Self {
        let lasting = !matches!(refused.reason, Reason::TooMany | Reason::Stopping | Reason::Storage | Reason::Offline);
        Self { why: Lost::Refused { reason: refused.reason.name(), text: refused.text }, lasting }
    }
}
