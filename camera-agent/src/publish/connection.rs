//! One connection to the relay, from the greeting to its end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use link::endpoint;
use link::queue::{Popped, Receiver};
use link::stream::{self, ReadError, WriteError};
use link::tls;
use quinn::{Connection, ConnectionError, Endpoint, RecvStream, SendStream, VarInt};
use tokio::time::timeout;
use wire::context::Codec;
use wire::id::Digest;
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused};

use super::status::Shared;
use super::{Config, End, GREETING, Lost, WAITING, Waiting};

/// The only subscription of an agent's connection.
const SUBSCRIPTION: u32 = 1;

/// The longest message that a relay has to say to an agent: a receipt, a head of its log, a refusal.
const MAX_ANSWER: usize = 64 << 10;

/// How long the last frame may take to arrive before the connection is closed.
const FAREWELL: Duration = Duration::from_secs(2);

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
        self.pending.drain(..old);
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
            self.pending.drain(..newest);
            self.shared.slow(u64::try_from(newest).unwrap_or(u64::MAX));
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
        say(&mut control, &connection, &Message::Publish { subscription: SUBSCRIPTION }).await?;
    }
    greeted(&mut answers, &connection).await?;
    Ok(Greeted { endpoint, connection, control, answers })
}

impl Greeted {
    async fn close(self, why: &str) {
        self.connection.close(VarInt::from_u32(0), why.as_bytes());
        // So that the farewell leaves before the socket closes.
        let _ = timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }
}

/// Greets and leaves.
pub(super) async fn probe(config: &Config, client: &tls::Client) -> Result<(), End> {
    greet(config, client, false).await?.close("only looking").await;
    Ok(())
}

/// Connects, greets, and sends until the queue ends or the connection does.
pub(super) async fn run(config: &Config, client: &tls::Client, feed: &mut Feed) -> Result<(), End> {
    let mut greeted = greet(config, client, true).await?;
    tracing::info!(relay = %config.relay, "publishing");
    feed.begin();
    feed.shared.greeted();
    let Greeted { connection, control, answers, .. } = &mut greeted;
    let end = tokio::select! {
        biased;
        end = listen(answers, connection) => Err(end),
        end = send(connection, control, feed, config) => end,
    };
    if end.is_ok() {
        feed.shared.ended();
    }
    greeted.close("the camera stops").await;
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
async fn listen(answers: &mut RecvStream, connection: &Connection) -> End {
    loop {
        let message = stream::read(answers, MAX_ANSWER).await;
        match read(message, connection) {
            // Acknowledgements, receipts and heads are for the spool and the log, which come later.
            Ok(Message::DurableAck { .. } | Message::Receipt { .. } | Message::AuditHead { .. }) => {}
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

/// Sends frames until the queue ends.
async fn send(connection: &Connection, control: &mut SendStream, feed: &mut Feed, config: &Config) -> Result<(), End> {
    let mut announced: Option<Digest> = None;
    let mut group: Option<SendStream> = None;
    // Below the control stream, and each group below the ones before it: what was begun is finished first.
    let mut priority = 0_i32;
    while let Some(Waiting { signed, .. }) = feed.next().await {
        let header = signed.frame.header();
        if announced != Some(signed.announcement.digest) {
            for message in signed.announcement.messages(SUBSCRIPTION) {
                say(control, connection, &message).await?;
            }
            announced = Some(signed.announcement.digest);
        }
        if header.flags.key {
            // Dropping the stream of the group before finishes it.
            let stream = timeout(config.stall, connection.open_uni()).await.map_err(|_| silent())?.map_err(|error| lost(&error))?;
            priority = priority.saturating_sub(1);
            let _ = stream.set_priority(priority);
            group = Some(stream);
        }
        let Some(stream) = group.as_mut() else {
            feed.give_up();
            feed.shared.cut(1);
            continue;
        };
        let window = (2 * connection.stats().path.cwnd).clamp(LEAST_WINDOW, config.transport.send_window.max(LEAST_WINDOW));
        connection.set_send_window(window);
        let head = Message::frame_head(SUBSCRIPTION, signed.frame.context().session.number);
        match stream::write_within(stream, &head, signed.frame.bytes().clone(), config.stall).await {
            Ok(()) => feed.shared.sent(signed.frame.bytes().len()),
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
    Ok(())
}

fn silent() -> End {
    End { why: Lost::Broken("it stopped answering".to_owned()), lasting: false }
}

fn nonsense(what: &str) -> End {
    End { why: Lost::Nonsense(what.to_owned()), lasting: true }
}

/// Why a stream broke: most often because its connection did, which knows better.
fn broken(connection: &Connection, otherwise: &str) -> End {
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
