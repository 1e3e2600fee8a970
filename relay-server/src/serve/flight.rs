//! Frames on their way to one viewer: written to its connection, not acknowledged yet.
//!
//! Everything that this asks of the transport is here: one stream per frame, shared bytes, whether a stream was acknowledged, and taking
//! a stream back.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quinn::{Connection, SendStream, VarInt, WriteError};
use tokio::time::timeout;

use crate::verify::Place;

/// Why a stream was taken back, for whoever debugs a viewer.
const TAKEN_BACK: VarInt = VarInt::from_u32(1);

/// The viewer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone;

/// A frame on its way.
struct Sent {
    stream: SendStream,
    place: Place,
    at: Instant,
}

/// Frames of one subscription on their way, oldest first. Bounded by the connection's send window and the viewer's stream limit. When it
/// is dropped, what has not arrived is taken back.
#[derive(Default)]
pub(super) struct Flight {
    sent: VecDeque<Sent>,
}

/// A frame that is being written. Unless it is written whole, it is taken back.
pub(super) struct Writing {
    stream: Option<SendStream>,
    place: Place,
    chunks: [Bytes; 2],
}

impl Writing {
    /// Opens a stream for a frame; waits while the viewer allows no more.
    pub(super) async fn open(connection: &Connection) -> Result<SendStream, Gone> {
        connection.open_uni().await.map_err(|_| Gone)
    }

    /// A frame to be written: the head of its message, and its bytes, which are shared with everybody who is sent them.
    pub(super) const fn new(stream: SendStream, place: Place, chunks: [Bytes; 2]) -> Self {
        Self { stream: Some(stream), place, chunks }
    }

    /// Writes on, from where it was; may be dropped and called again.
    pub(super) async fn write(&mut self) -> Result<(), Gone> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while let Some(first) = self.chunks.iter().position(|chunk| !chunk.is_empty()) {
            let (_, rest) = self.chunks.split_at_mut(first);
            match stream.write_chunks(rest).await {
                Ok(_) => {}
                // The viewer does not want this frame: that is for it to say.
                Err(WriteError::Stopped(_)) => {
                    self.stream = None;
                    return Ok(());
                }
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(stream) = &mut self.stream {
            // Closed already, or the connection is: nothing to take back.
            let _ = stream.reset(TAKEN_BACK);
        }
    }
}

impl Flight {
    /// Takes in a frame that was written whole.
    pub(super) fn push(&mut self, mut writing: Writing) {
        if let Some(mut stream) = writing.stream.take() {
            // An error says that the viewer did not want the stream: it counts as arrived.
            if stream.finish().is_ok() {
                self.sent.push_back(Sent { stream, place: writing.place, at: Instant::now() });
            }
        }
    }

    /// Forgets what was acknowledged.
    pub(super) fn settle(&mut self) {
        // A stream that was acknowledged to its end is closed, and has no priority any more.
        while self.sent.front().is_some_and(|sent| sent.stream.priority().is_err()) {
            self.sent.pop_front();
        }
    }

    /// Whether nothing is on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// How long the oldest has been on its way.
    pub(super) fn age(&self) -> Duration {
        self.sent.front().map_or(Duration::ZERO, |sent| sent.at.elapsed())
    }

    /// Takes everything back but the oldest, of which part has most likely been sent: so that even the slowest viewer sees some frames.
    /// Says where the first stood that was taken back.
    pub(super) fn cut(&mut self) -> Option<Place> {
        let mut first = None;
        for sent in self.sent.drain(1.min(self.sent.len())..) {
            first = take_back(sent, first);
        }
        first
    }

    /// Waits until the oldest has arrived, after [`Self::cut`]. If it does not within the time, it is taken back too, and its place told.
    pub(super) async fn clear(&mut self, within: Duration) -> Result<Option<Place>, Gone> {
        let Some(oldest) = self.sent.front() else { return Ok(None) };
        match timeout(within, oldest.stream.stopped()).await {
            Ok(Ok(_)) => self.sent.clear(),
            Ok(Err(_)) => return Err(Gone),
            Err(_) => return Ok(self.sent.drain(..).fold(None, |first, sent| take_back(sent, first))),
        }
        Ok(None)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.sent.drain(..).for_each(|sent| {
            take_back(sent, None);
        });
    }
}

fn take_back(mut sent: Sent, first: Option<Place>) -> Option<Place> {
    // An error says that it has arrived.
    if sent.stream.reset(TAKEN_BACK).is_ok() { first.or(Some(sent.place)) } else { first }
}
