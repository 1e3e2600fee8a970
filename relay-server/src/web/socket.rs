//! `GET /live`: a viewer's conversation over a WebSocket (RFC 6455), for browsers that UDP does not reach. One binary message each way is one
//! message of `wire`; what is said, in which order, and what is refused is what native viewers are told over QUIC ([`crate::serve`]).
//!
//! `GET /api/v1/webtransport` tells pages what they need for WebTransport, which they try first.
//!
//! Only pages of this relay may open one: a browser names the page that asks in `Origin`, and it must be the host that was asked.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ws::{CloseFrame, Message as Row, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{ConnectInfo, Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use link::shutdown::Shutdown;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use wire::bytes::{Malformed, Problem};
use wire::frame::MAX_FRAME;
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused as Refusal};

use crate::answer::{Json, Refused};
use crate::control::{Silence, refused};
use crate::gate::{Pass, Rate};
use crate::limits::{CONTROL_QUEUE, CONTROL_WRITE, FAREWELL, HELLO, HOPELESS};
use crate::parts::Parts;
use crate::pki::short_lived::ShortLived;
use crate::serve::way::{Ear, IN_ROW, Row as Body, Way};
use crate::serve::{self, Parted};
use crate::web::who::From;

/// "The other side cannot go on" (RFC 6455, 7.4.1), the one close code used: the refusal before it says more.
const GOING_AWAY: u16 = 1001;

/// A connection's place at the gate. It is given back when nobody holds it any more.
#[derive(Debug, Clone)]
pub struct Seat(#[expect(dead_code, reason = "held, not used")] Arc<Pass>);

impl Seat {
    /// Takes the place.
    #[must_use]
    pub fn new(pass: Pass) -> Self {
        Self(Arc::new(pass))
    }
}

/// What WebSockets work with.
#[derive(Clone)]
pub struct Sockets {
    /// The relay.
    pub parts: Arc<Parts>,
    /// What browsers are shown over WebTransport, of which they are told here.
    pub certificates: Arc<ShortLived>,
    /// When to stop.
    pub stop: Shutdown,
    /// Those that are open.
    pub open: TaskTracker,
}

/// The routes.
pub fn routes(sockets: Sockets) -> Router {
    Router::new().route("/live", get(live)).route("/api/v1/webtransport", get(webtransport)).with_state(sockets)
}

/// What a page needs to know before it opens a WebTransport session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebTransport {
    /// The path to ask for, on the same host and port.
    pub path: String,
    /// The SHA-256 of the certificates that may be shown, in hexadecimal digits; the newest first.
    pub hashes: Vec<String>,
}

async fn webtransport(State(sockets): State<Sockets>) -> Json<WebTransport> {
    let hashes = sockets.certificates.hashes().iter().map(|hash| HEXLOWER.encode(hash)).collect();
    Json(WebTransport { path: serve::webtransport::PATH.to_owned(), hashes })
}

async fn live(
    State(sockets): State<Sockets>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    seat: Option<Extension<Seat>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    if !is_own_page(&headers) {
        let text = "only pages of this relay may watch over a WebSocket: open the relay's own address";
        return Refused::new(StatusCode::FORBIDDEN, "origin", text).into_response();
    }
    let Ok(upgrade) = upgrade else {
        return Refused::new(StatusCode::UPGRADE_REQUIRED, "websocket", "this address speaks WebSocket only").into_response();
    };
    let open = sockets.open.clone();
    let from = From::of(peer.ip(), &headers, &sockets.parts.config.accounts.proxies).0;
    // What is longer than a word of a viewer's is not even read.
    let upgrade = upgrade.max_message_size(2 * MAX_HELLO).max_frame_size(2 * MAX_HELLO);
    // Nor does what is answered to pings, and not read, grow without end.
    let upgrade = upgrade.write_buffer_size(0).max_write_buffer_size(MAX_FRAME + (64 << 10));
    // Counted from here on: between the answer and the first message the relay may stop.
    let token = open.token();
    upgrade.on_upgrade(async move |socket| {
        let _ = (seat, token);
        converse(socket, from, &sockets).await;
    })
}

/// Whether the page that asks was served under the very host that it asks now.
fn is_own_page(headers: &HeaderMap) -> bool {
    let value = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let asked = value(header::HOST);
    value(header::ORIGIN).and_then(|origin| origin.strip_prefix("https://")).is_some_and(|origin| Some(origin) == asked)
}

/// One viewer, from its greeting to its end.
async fn converse(socket: WebSocket, from: IpAddr, Sockets { parts, stop, .. }: &Sockets) {
    let (mut sink, stream) = socket.split();
    let Some((ear, hello)) = greet(&mut sink, Spoken::new(stream), parts).await else { return };
    let Ok(_permit) = Arc::clone(&parts.viewers).try_acquire_owned() else {
        parts.counters.peers_refused.one(Reason::TooMany.name());
        return farewell(&mut sink, refused(0, Reason::TooMany, "this relay has as many viewers as it takes: try again later")).await;
    };
    parts.counters.viewers.one();
    let (outbox, words) = mpsc::channel(CONTROL_QUEUE);
    let (row, bodies) = mpsc::channel(IN_ROW);
    let parted = {
        let way = Way::Row(row);
        let writing = std::pin::pin!(write(&mut sink, words, bodies));
        let caller = serve::Caller { hello: &hello, from };
        serve::attend(ear, outbox, &way, caller, parts, stop, writing).await
    };
    match parted {
        Parted::Refused(refused) => farewell(&mut sink, refused).await,
        Parted::Gone | Parted::Deaf => {
            // Nobody may be there to hear it.
            let _ = timeout(FAREWELL, sink.close()).await;
        }
    }
}

/// Exchanges greetings; who says none in time, or speaks another version, is let go.
async fn greet(sink: &mut Sink, ear: Spoken, parts: &Parts) -> Option<(Spoken, Hello)> {
    let Ok((ear, said)) = timeout(HELLO, ear.hear(MAX_HELLO)).await else {
        parts.counters.connections_refused.one("silent");
        return None;
    };
    let why = match said {
        Ok(Message::Hello(hello)) => match serve::unwelcome(&hello) {
            None => {
                let answer = Message::Hello(Hello::new(None)).encode();
                return say(sink, answer).await.map(|()| (ear, hello));
            }
            Some(why) => why,
        },
        Ok(other) => refused(0, Reason::OutOfTurn, format!("a conversation begins with “hello”, not with “{}”", other.name())),
        Err(silence) => silence.refused()?,
    };
    parts.counters.peers_refused.one(why.reason.name());
    farewell(sink, why).await;
    None
}

type Sink = SplitSink<WebSocket, Row>;

/// Sends what is said and what is shown, words first, until nobody queues any more or the viewer does not take a message in time.
async fn write(sink: &mut Sink, mut words: mpsc::Receiver<Bytes>, mut bodies: mpsc::Receiver<Body>) {
    loop {
        let sent = tokio::select! {
            biased;
            Some(word) = words.recv() => say(sink, word).await,
            Some(Body { head, body }) = bodies.recv() => {
                let mut whole = BytesMut::with_capacity(head.len() + body.len());
                whole.extend_from_slice(&head);
                whole.extend_from_slice(&body);
                // One frame may take as long as the slowest viewer is given for it.
                timeout(HOPELESS, sink.send(Row::Binary(whole.freeze()))).await.ok().and_then(Result::ok)
            }
            else => return,
        };
        if sent.is_none() {
            return;
        }
    }
}

async fn say(sink: &mut Sink, word: Bytes) -> Option<()> {
    timeout(CONTROL_WRITE, sink.send(Row::Binary(word))).await.ok()?.ok()
}

/// Tells the viewer why, and closes.
async fn farewell(sink: &mut Sink, why: Refusal) {
    let said = async {
        sink.send(Row::Binary(Message::Refused(why).encode())).await.ok()?;
        sink.send(Row::Close(Some(CloseFrame { code: GOING_AWAY, reason: Utf8Bytes::default() }))).await.ok()?;
        sink.close().await.ok()
    };
    // A viewer that does not listen is closed all the same.
    let _ = timeout(FAREWELL, said).await;
}

/// Pings that one connection may send in a minute. Browsers send none, proxies one now and then.
const PINGS_PER_MINUTE: u32 = 60;

/// What a viewer says over a WebSocket.
struct Spoken {
    stream: SplitStream<WebSocket>,
    pings: Rate<()>,
}

impl Spoken {
    fn new(stream: SplitStream<WebSocket>) -> Self {
        Self { stream, pings: Rate::new(PINGS_PER_MINUTE, Duration::from_secs(60), 1) }
    }
}

impl Ear for Spoken {
    async fn hear(mut self, cap: usize) -> (Self, Result<Message, Silence>) {
        let said = loop {
            match self.stream.next().await {
                Some(Ok(Row::Binary(bytes))) if bytes.len() > cap => break Err(Silence::TooLong),
                Some(Ok(Row::Binary(bytes))) => break Message::decode(bytes).map_err(Silence::from),
                Some(Ok(Row::Text(_))) => break Err(Silence::Malformed(Malformed::new("message", Problem::Text))),
                // Answered by the library, which keeps the answer until it is read: nobody who means well asks so often.
                Some(Ok(Row::Ping(_))) if self.pings.attempt((), Instant::now()).is_err() => break Err(Silence::Left),
                Some(Ok(Row::Ping(_) | Row::Pong(_))) => {}
                Some(Ok(Row::Close(_)) | Err(_)) | None => break Err(Silence::Left),
            }
        };
        (self, said)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn only_a_page_of_the_same_host_may_watch() {
        let asked = |origin: Option<&str>, host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            is_own_page(&headers)
        };
        assert!(asked(Some("https://relay.example:7443"), "relay.example:7443"));
        for foreign in [None, Some("https://relay.example"), Some("http://relay.example:7443"), Some("null"), Some("https://evil.example")]
        {
            assert!(!asked(foreign, "relay.example:7443"), "{foreign:?}");
        }
    }
}
