//! A live subscription over a row of messages (WebSocket): newest wins here too, though nothing can be taken back.
//!
//! A frame is handed over as soon as there is room in the row, which is short, and behind it there is little in the kernel. A viewer that
//! has not kept up for a moment goes on at the newest key frame, and is told what it missed.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::message::Message;

use super::live::{End, Watching};
use super::way::Row;
use crate::hub::Item;
use crate::limits::{LAG, STALLED};

impl Watching {
    /// Hands a frame over, unless something newer should go in its place.
    pub(super) async fn hand_over(&mut self, item: &Arc<Item>, row: &mpsc::Sender<Row>) -> Result<(), End> {
        if self.has_lagged() && self.viewing.is_behind() {
            return self.pass_over(item);
        }
        let room = loop {
            match timeout(LAG, row.reserve()).await {
                Ok(Ok(room)) => break room,
                Ok(Err(_)) => return Err(End::Gone),
                Err(_) if self.viewing.is_behind() => return self.pass_over(item),
                Err(_) => self.check_stuck()?,
            }
        };
        // On the record before the first byte of it.
        let labels = self.handing.live(&self.wanted, &item.epoch, &self.parts).await?;
        self.announce(&item.epoch).await?;
        if let Some(first) = self.missed.take() {
            self.tell_gap(first, item.place).await?;
        }
        let bytes = item.bytes(labels);
        self.parts.counters.frames_sent.one();
        self.parts.counters.live_delay.one(item.arrived.elapsed());
        self.parts.counters.bytes_sent.add(bytes.len() as u64);
        room.send(Row { head: Message::frame_head(self.wanted.subscription, item.place.session).to_vec().into(), body: bytes });
        self.stuck = None;
        self.last = self.last.max(Some(item.place));
        Ok(())
    }

    /// Whether the viewer has been behind the newest frame for too long.
    fn has_lagged(&self) -> bool {
        self.caught_up.elapsed() > LAG
    }

    fn pass_over(&mut self, item: &Item) -> Result<(), End> {
        self.miss(Some(item.place));
        self.viewing.abandon();
        self.caught_up = Instant::now();
        self.check_stuck()
    }

    fn check_stuck(&mut self) -> Result<(), End> {
        let stuck = *self.stuck.get_or_insert_with(Instant::now);
        if stuck.elapsed() > STALLED { Err(self.stalled()) } else { Ok(()) }
    }
}
