//! Backfill: what the relay does not have durably is sent again, behind the live frames.
//!
//! It never gets in the way of live: its streams come after every live one, no frame of it is written while a live one is being written, and it
//! takes a share of the path at most.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use link::stream::{self, WriteError};
use quinn::{Connection, SendStream, VarInt};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use wire::message::{self, Message};

use super::announce::Announcer;
use super::connection::{BACKFILL, SUBSCRIPTION, broken, silent};
use super::status::Shared;
use super::{Config, End, GREETING};
use crate::spool::{Again, Next, Spool};

/// How long live frames may take to begin before backfill begins without them.
const LIVE_FIRST: Duration = Duration::from_secs(2);

/// How often it is looked whether there is something to send.
const LOOK: Duration = Duration::from_millis(250);

/// How long a live frame is waited for at most: on a path that live frames fill, a little backfill gets through.
const GIVE_WAY: Duration = Duration::from_secs(1);

/// Streams that the transport may still be busy with. The relay lets an agent have 32 open, and live groups come first.
const STREAMS: usize = 4;

/// However narrow the path is, as many bytes a second.
const LEAST: f64 = 8192.0;

/// Sends again until the connection is over.
pub(super) async fn run(
    connection: &Connection,
    announcer: &Announcer,
    spool: &Spool,
    shared: &Shared,
    config: &Config,
) -> Result<Infallible, End> {
    let begun = Instant::now();
    while !shared.has_sent() && begun.elapsed() < LIVE_FIRST {
        sleep(LOOK / 10).await;
    }
    let mut sender =
        Sender { connection, announcer, shared, config, share: spool.share(), free_at: Instant::now(), streams: VecDeque::new() };
    let mut cursor = spool.cursor();
    loop {
        let next;
        // Reading blocks on the disk.
        (cursor, next) = match spawn_blocking(move || {
            let next = cursor.advance();
            (cursor, next)
        })
        .await
        {
            Ok(read) => read,
            // It broke down, which was printed: live goes on.
            Err(_) => std::future::pending().await,
        };
        match next {
            Next::Group(again) => {
                let sent = sender.send(*again).await;
                let (run, sent) = sent?;
                spool.landed(run, sent);
                tracing::debug!(session = run.session, first = run.first, last = run.last, whole = sent, "sent again");
            }
            Next::Nothing => sleep(LOOK).await,
        }
    }
}

struct Sender<'a> {
    connection: &'a Connection,
    announcer: &'a Announcer,
    shared: &'a Shared,
    config: &'a Config,
    share: f64,
    /// When the next frame may be written.
    free_at: Instant,
    /// Finished streams that the relay may not have read to their end.
    streams: VecDeque<SendStream>,
}

impl Sender<'_> {
    /// Sends a group; says whether all of it was handed over.
    async fn send(&mut self, again: Again) -> Result<(crate::spool::Run, bool), End> {
        let Again { run, record, grants, frames } = again;
        let digest = record.digest();
        let messages = move || {
            let subscription = SUBSCRIPTION;
            [Message::Record { subscription, record }, Message::Grants(message::Grants { subscription, ..grants })]
        };
        let announced = self.announcer.announce(digest, messages, GREETING).await;
        announced.map_err(|error| broken(self.connection, &error.to_string()))?;
        while self.streams.len() >= STREAMS {
            let Some(oldest) = self.streams.pop_front() else { break };
            let _ = timeout(self.config.stall, oldest.stopped()).await;
        }
        let stream = timeout(self.config.stall, self.connection.open_uni()).await.map_err(|_| silent())?;
        let mut stream = stream.map_err(|error| broken(self.connection, &error.to_string()))?;
        let _ = stream.set_priority(i32::MIN);
        let head = Message::frame_head(BACKFILL, run.session);
        for frame in frames {
            self.give_way(frame.len()).await;
            match stream::write_within(&mut stream, &head, frame, self.config.stall).await {
                Ok(()) => {}
                Err(WriteError::Broken(quinn::WriteError::ConnectionLost(error))) => {
                    return Err(broken(self.connection, &error.to_string()));
                }
                Err(error) => {
                    tracing::debug!(%error, "a group of backfill is given up for now");
                    let _ = stream.reset(VarInt::from_u32(1));
                    sleep(GIVE_WAY).await;
                    return Ok((run, false));
                }
            }
        }
        let _ = stream.finish();
        self.streams.push_back(stream);
        Ok((run, true))
    }

    /// Waits until it is this frame's turn.
    async fn give_way(&mut self, bytes: usize) {
        sleep_until(self.free_at).await;
        let begun = Instant::now();
        while self.shared.is_sending() && begun.elapsed() < GIVE_WAY {
            sleep(Duration::from_millis(2)).await;
        }
        let path = self.connection.stats().path;
        let rate = path.cwnd as f64 / path.rtt.as_secs_f64().max(1e-4);
        let takes = bytes as f64 / (rate * self.share).max(LEAST);
        self.free_at = Instant::now() + Duration::try_from_secs_f64(takes).unwrap_or(GIVE_WAY);
    }
}
