//! Viewers in browsers over WebTransport: an HTTP/3 handshake on a QUIC connection, and behind it the same conversation as with a native viewer, on
//! the same kinds of streams, which begin with a few bytes of their own.
//!
//! Everything that this asks of the crate `web-transport-quinn` is here.

use std::sync::Arc;

use bytes::Bytes;
use link::shutdown::Shutdown;
use link::stream;
use quinn::Connection;
use tokio::sync::mpsc;
use tokio::time::timeout;
use web_transport_quinn::{RecvStream, Request, SendStream, Session, http};
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused};

use super::way::{Ear, Way};
use super::{Caller, Parted, attend, unwelcome};
use crate::control::{self, Silence, refused};
use crate::limits::{CONTROL_QUEUE, CONTROL_WRITE, FAREWELL, HELLO};
use crate::parts::Parts;

/// The path that pages ask for, as over WebSocket.
pub(crate) const PATH: &str = "/live";

/// What every stream towards a browser begins with: "a WebTransport stream", and the session, which is the connection's first request, 0.
const STREAM_HEAD: &[u8] = &[0x40, 0x54, 0x00];

impl Ear for RecvStream {
    fn hear(self, cap: usize) -> impl Future<Output = (Self, Result<Message, Silence>)> + Send {
        control::next(self, cap)
    }
}

/// Serves a browser to its end.
pub(crate) async fn run(connection: Connection, parts: &Arc<Parts>, shutdown: &Shutdown) {
    let Ok(Some((session, mut send, ear, said))) = timeout(HELLO, open(&connection)).await else {
        parts.counters.connections_refused.one("silent");
        return control::close(&connection, Reason::OutOfTurn, "no session and greeting came in time");
    };
    // The control stream goes before frames.
    let _ = send.set_priority(1);
    let hello = match said {
        Ok(Message::Hello(hello)) => hello,
        Ok(other) => {
            let text = format!("a conversation begins with “hello”, not with “{}”", other.name());
            return part(&session, send, parts, refused(0, Reason::OutOfTurn, text)).await;
        }
        Err(silence) => {
            let Some(refused) = silence.refused() else { return control::close(&connection, Reason::OutOfTurn, "") };
            return part(&session, send, parts, refused).await;
        }
    };
    if let Some(why) = unwelcome(&hello) {
        return part(&session, send, parts, why).await;
    }
    let Ok(_permit) = Arc::clone(&parts.viewers).try_acquire_owned() else {
        let full = refused(0, Reason::TooMany, "this relay has as many viewers as it takes: try again later");
        return part(&session, send, parts, full).await;
    };
    if say(&mut send, Message::Hello(Hello::new(None)).encode()).await.is_none() {
        return control::close(&connection, Reason::TooMany, "the control stream is not read");
    }
    parts.counters.viewers.one();
    let way = Way::Streams { connection: connection.clone(), head: Bytes::from_static(STREAM_HEAD) };
    let (outbox, queue) = mpsc::channel(CONTROL_QUEUE);
    let mut writing = std::pin::pin!(write_queued(send, queue));
    let caller = Caller { hello: &hello, from: connection.remote_address().ip() };
    match attend(ear, outbox, &way, caller, parts, shutdown, &mut writing).await {
        Parted::Gone => control::close(&connection, Reason::Stopping, ""),
        Parted::Deaf => control::close(&connection, Reason::TooMany, "the control stream is not read"),
        // A message that is half written comes first.
        Parted::Refused(refused) => match timeout(FAREWELL, writing).await {
            Ok(Some(send)) => farewell(&session, send, refused).await,
            Ok(None) | Err(_) => control::close(&connection, refused.reason, &refused.text),
        },
    }
}

/// The session, its control stream, and the first message on that.
async fn open(connection: &Connection) -> Option<(Session, SendStream, RecvStream, Result<Message, Silence>)> {
    let request = Request::accept(connection.clone()).await.ok()?;
    if request.url.path() != PATH {
        // It is closed either way.
        let _ = request.reject(http::StatusCode::NOT_FOUND).await;
        return None;
    }
    // Who asks is a page of the host that it asks, as over WebSocket.
    let origin = request.headers.get("origin").and_then(|origin| origin.to_str().ok()).and_then(|origin| origin.strip_prefix("https://"));
    if origin.is_none_or(|origin| origin != request.url.authority()) {
        let _ = request.reject(http::StatusCode::FORBIDDEN).await;
        return None;
    }
    let session = request.ok().await.ok()?;
    let (send, receive) = session.accept_bi().await.ok()?;
    let (receive, said) = control::next(receive, MAX_HELLO).await;
    Some((session, send, receive, said))
}

/// Writes what is queued until nobody queues any more, and gives the stream back; `None` when the browser does not take a message in time.
async fn write_queued(mut send: SendStream, mut queue: mpsc::Receiver<Bytes>) -> Option<SendStream> {
    while let Some(message) = queue.recv().await {
        say(&mut send, message).await?;
    }
    Some(send)
}

async fn say(send: &mut SendStream, message: Bytes) -> Option<()> {
    let length = stream::prefix(&[], &message).ok()?;
    timeout(CONTROL_WRITE, send.write_all_chunks(&mut [length, message])).await.ok()?.ok()
}

async fn part(session: &Session, send: SendStream, parts: &Parts, why: Refused) {
    parts.counters.peers_refused.one(why.reason.name());
    farewell(session, send, why).await;
}

/// Tells the browser why, gives it a moment to hear it, and closes.
async fn farewell(session: &Session, mut send: SendStream, why: Refused) {
    let code = why.reason as u32;
    let said = async {
        say(&mut send, Message::Refused(why).encode()).await?;
        send.finish().ok()?;
        send.stopped().await.ok()
    };
    // A browser that does not listen is closed all the same.
    let _ = timeout(FAREWELL, said).await;
    session.close(code, b"");
    let _ = timeout(FAREWELL, session.closed()).await;
}
