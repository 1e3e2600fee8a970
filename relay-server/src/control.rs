//! The control stream: the one bidirectional stream of every peer, on which everything is said that is not a frame.

use bytes::Bytes;
use link::stream::{self, ReadError};
use quinn::{Connection, RecvStream, SendStream};
use tokio::io::AsyncRead;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::bytes::Malformed;
use wire::message::{Message, Reason, Refused};

use crate::limits::{CONTROL_WRITE, FAREWELL};

/// Both halves.
pub struct Control {
    /// Towards the peer.
    pub send: SendStream,
    /// From the peer.
    pub receive: RecvStream,
}

/// Why a peer says no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Silence {
    /// It ended the stream, or the connection is gone.
    #[error("the peer left")]
    Left,
    /// It announced a message that is longer than what is allowed to it.
    #[error("the message is longer than allowed here")]
    TooLong,
    /// It ended the stream inside a message.
    #[error("the message ends too early")]
    CutOff,
    /// What it said is no message.
    #[error("the message cannot be read: {0}")]
    Malformed(#[from] Malformed),
}

impl Silence {
    /// What the peer is told, if there is somebody to tell.
    #[must_use]
    pub fn refused(self) -> Option<Refused> {
        (self != Self::Left).then(|| refused(0, Reason::Malformed, self))
    }
}

/// A refusal.
#[must_use]
pub fn refused(subscription: u32, reason: Reason, text: impl ToString) -> Refused {
    Refused { subscription, reason, text: text.to_string() }
}

/// Reads the next message of at most `cap` bytes, and gives the stream back: so it can run beside other things until it is done, and
/// is never begun anew halfway.
pub async fn next<R: AsyncRead + Unpin>(mut receive: R, cap: usize) -> (R, Result<Message, Silence>) {
    let message = match stream::read(&mut receive, cap).await {
        Ok(Some(bytes)) => Message::decode(bytes).map_err(Silence::from),
        Ok(None) | Err(ReadError::Broken(_) | ReadError::Late(_)) => Err(Silence::Left),
        Err(ReadError::TooLong { .. }) => Err(Silence::TooLong),
        Err(ReadError::CutOff) => Err(Silence::CutOff),
    };
    (receive, message)
}

/// Writes what is queued, one after the other, until nobody queues any more, and gives the stream back; `None` when the peer does not take
/// a message in time.
pub async fn write_queued(mut send: SendStream, mut queue: mpsc::Receiver<Bytes>) -> Option<SendStream> {
    while let Some(message) = queue.recv().await {
        stream::write_within(&mut send, &[], message, CONTROL_WRITE).await.ok()?;
    }
    Some(send)
}

/// Tells the peer why, gives it a moment to hear it, and closes the connection. The reason goes into the closing as well.
pub async fn farewell(connection: &Connection, mut send: SendStream, refused: Refused) {
    let (reason, text) = (refused.reason, refused.text.clone());
    let said = async {
        stream::write(&mut send, &[], Message::Refused(refused).encode()).await.ok()?;
        send.finish().ok()?;
        send.stopped().await.ok()
    };
    // A peer that does not listen is closed all the same.
    let _ = timeout(FAREWELL, said).await;
    close(connection, reason, &text);
}

/// Closes a connection with a reason.
pub fn close(connection: &Connection, reason: Reason, text: &str) {
    connection.close((reason as u32).into(), text.as_bytes());
}
