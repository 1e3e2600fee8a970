//! The ways to a viewer: how its frames travel, and where its words come from.

use bytes::Bytes;
use quinn::{Connection, RecvStream};
use tokio::sync::mpsc;
use wire::message::Message;

use crate::control::{self, Silence};

/// How frames travel to a viewer. What is said besides them goes over its control stream, or first in its row.
#[derive(Clone)]
pub(crate) enum Way {
    /// Each frame on a stream of its own, which can be taken back: QUIC, and WebTransport, whose streams begin with a few bytes of their own.
    Streams {
        /// The viewer's connection.
        connection: Connection,
        /// What every stream begins with.
        head: Bytes,
    },
    /// One after the other, behind everything that is said: WebSocket. What was handed over cannot be taken back.
    Row(mpsc::Sender<Row>),
}

/// One message in a row: its head, and its body, which is shared with everybody who is sent it.
pub(crate) struct Row {
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

/// Messages that wait in a viewer's row. The kernel holds more of them; what waits here can still be overtaken.
pub(crate) const IN_ROW: usize = 2;

/// Where a viewer's words come from.
pub(crate) trait Ear: Send + Sized {
    /// The next message of at most `cap` bytes, and the ear again: so it can run beside other things until it is done, and is never begun
    /// anew halfway.
    fn hear(self, cap: usize) -> impl Future<Output = (Self, Result<Message, Silence>)> + Send;
}

impl Ear for RecvStream {
    fn hear(self, cap: usize) -> impl Future<Output = (Self, Result<Message, Silence>)> + Send {
        control::next(self, cap)
    }
}
