//! A subscription to a range of the past: read from the archive a few frames at a time, and sent in order on one stream.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::stream;
use quinn::SendStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{sleep_until, timeout};
use wire::frame::SignedFrame;
use wire::id::{CameraId, Micros, Name};
use wire::message::{self, Gap, GapCause, Layers, Message, Reason};
use wire::verify::Verified;

use super::handing::{Handing, Wanted};
use super::live::End;
use super::way::{Row, Way};
use crate::control::refused;
use crate::limits::{RANGE_CHUNK, RANGE_PAUSE, RANGE_WRITE, REPLAYS};
use crate::parts::Parts;
use crate::verify::Epoch;
use tokio::sync::mpsc;

/// What a recording consists of, in the camera's order.
#[derive(Debug)]
pub enum Recorded {
    /// The epoch of the frames that follow.
    Epoch(Arc<Epoch>),
    /// A frame.
    Frame(Box<Verified<SignedFrame>>),
    /// Frames that this relay does not have.
    Missing {
        /// Of which session.
        session: u64,
        /// The first missing sequence.
        first: u64,
        /// The last missing sequence.
        last: u64,
    },
}

/// Which part of a camera's past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What was captured at this instant or later,
    pub from: Micros,
    /// and not after this one.
    pub to: Micros,
    /// Only key frames.
    pub key_frames_only: bool,
}

/// A reader of one range; its calls block on the disk.
pub type Reader = Box<dyn Iterator<Item = Result<Recorded, Unreadable>> + Send>;

/// The recordings cannot be read. What exactly stays in the relay's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these recordings cannot be read at the moment, by the relay's own fault: its log tells why")]
pub struct Unreadable;

/// Who has recordings. Its calls block on the disk.
pub trait History: Send + Sync + 'static {
    /// The newest epoch of a camera, if anything of it was recorded.
    fn newest_epoch(&self, camera: CameraId) -> Option<Arc<Epoch>>;

    /// What is asked for, in the camera's order.
    ///
    /// # Errors
    /// When it cannot be read.
    fn range(&self, camera: CameraId, asked: Asked) -> Result<Reader, Unreadable>;

    /// Why nothing is recorded at the moment; `None` if everything is.
    fn problem(&self) -> Option<String> {
        None
    }
}

/// A camera as the operator's CA introduces it.
pub(super) struct Introduced {
    pub(super) id: CameraId,
    pub(super) name: Name,
    pub(super) chain: Vec<Bytes>,
}

/// The right to replay; dropping it makes room for somebody else.
pub(super) struct Permits {
    _here: OwnedSemaphorePermit,
    _everywhere: OwnedSemaphorePermit,
}

impl Permits {
    /// Half of the room is kept for those who are `known`: whoever has an account.
    pub(super) fn take(everywhere: &Arc<Semaphore>, here: &Arc<Semaphore>, known: bool) -> Result<Self, (Reason, String)> {
        let full = |text: &str| (Reason::TooMany, text.to_owned());
        if !known && everywhere.available_permits() <= REPLAYS / 2 {
            return Err(full("this relay replays as much as it can for people without an account: try again later"));
        }
        let here = Arc::clone(here).try_acquire_owned().map_err(|_| full("this connection replays as much as one may"))?;
        let everywhere =
            Arc::clone(everywhere).try_acquire_owned().map_err(|_| full("this relay replays as much as it can: try again later"))?;
        Ok(Self { _here: here, _everywhere: everywhere })
    }
}

/// A range being sent.
pub(super) struct Replay {
    parts: Arc<Parts>,
    way: Way,
    camera: Introduced,
    wanted: Wanted,
    handing: Handing,
    pace: Pace,
}

impl Replay {
    pub(super) fn new(parts: &Arc<Parts>, way: &Way, camera: Introduced, wanted: Wanted, pace: u16) -> Self {
        Self {
            parts: Arc::clone(parts),
            way: way.clone(),
            camera,
            wanted,
            handing: Handing::default(),
            pace: Pace { percent: pace, last: None },
        }
    }

    /// Sends the range to its end.
    pub(super) async fn run(mut self, from: Micros, to: Micros, permits: Permits) -> End {
        let asked = Asked { from, to, key_frames_only: self.wanted.key_frames_only };
        let end = match self.send(asked).await {
            Ok(()) => End::Done,
            Err(end) => end,
        };
        drop(permits);
        end
    }

    async fn send(&mut self, asked: Asked) -> Result<(), End> {
        let (history, camera) = (Arc::clone(&self.parts.history), self.camera.id);
        let mut reader = self.read(move || history.range(camera, asked)).await??;
        let mut stream = Taken::open(&self.way).await?;
        self.introduce(&mut stream).await?;
        loop {
            let chunk: Vec<_>;
            (reader, chunk) = self
                .read(move || {
                    let chunk = reader.by_ref().take(RANGE_CHUNK).collect();
                    (reader, chunk)
                })
                .await?;
            if chunk.is_empty() {
                break;
            }
            for recorded in chunk {
                self.recorded(recorded.map_err(|error| self.unreadable(error))?, asked, &mut stream).await?;
            }
        }
        stream.say(&Message::EndOfRange { subscription: self.wanted.subscription }).await?;
        stream.finish();
        Ok(())
    }

    /// Does something that blocks on the disk, when it is this viewer's turn.
    async fn read<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, End> {
        // The semaphore is never closed.
        let turn = Arc::clone(&self.parts.readers).acquire_owned().await.map_err(|_| End::Gone)?;
        let done = spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "a range could not be read");
            self.unreadable(Unreadable)
        })
    }

    async fn recorded(&mut self, recorded: Recorded, asked: Asked, stream: &mut Taken) -> Result<(), End> {
        let subscription = self.wanted.subscription;
        match recorded {
            Recorded::Epoch(epoch) => {
                self.handing.replay(&self.wanted, &epoch, (asked.from, asked.to), &self.parts).await?;
                stream.say(&Message::Record { subscription, record: epoch.record().signed().clone() }).await?;
                if self.wanted.layers == Layers::Sealed {
                    stream.say(&Message::Grants(epoch.message_for(subscription, self.wanted.recipient(&self.parts)))).await?;
                }
            }
            Recorded::Frame(frame) => {
                self.pace.wait(frame.header().captured_at).await;
                let labels = self.handing.labels(frame.context().record);
                let bytes = frame.withhold(|kind| labels.shows(kind));
                stream.write(&Message::frame_head(subscription, frame.context().session.number), bytes).await?;
                self.parts.counters.frames_replayed.one();
            }
            Recorded::Missing { session, first, last } => {
                stream.say(&Message::Gap(Gap { subscription, session, first, last, cause: GapCause::Missing })).await?;
            }
        }
        Ok(())
    }

    async fn introduce(&self, stream: &mut Taken) -> Result<(), End> {
        let camera = message::Camera {
            subscription: self.wanted.subscription,
            name: self.camera.name.clone(),
            chain: self.camera.chain.clone(),
            crls: self.parts.crls(),
        };
        stream.say(&Message::Camera(camera)).await
    }

    fn unreadable(&self, error: Unreadable) -> End {
        End::Refused(refused(self.wanted.subscription, Reason::Storage, error))
    }
}

impl From<Unreadable> for End {
    fn from(error: Unreadable) -> Self {
        Self::Refused(refused(0, Reason::Storage, error))
    }
}

/// Where a range goes: a stream, which is taken back unless it was sent to its end, or a row, where nothing can be.
enum Taken {
    Stream(Option<SendStream>),
    Row(mpsc::Sender<Row>),
}

impl Taken {
    async fn open(way: &Way) -> Result<Self, End> {
        let (connection, head) = match way {
            Way::Streams { connection, head } => (connection, head.clone()),
            Way::Row(row) => return Ok(Self::Row(row.clone())),
        };
        let opened = timeout(RANGE_WRITE, async {
            let mut stream = connection.open_uni().await.ok()?;
            stream.write_chunk(head).await.ok()?;
            Some(stream)
        });
        Ok(Self::Stream(Some(opened.await.ok().flatten().ok_or(End::Gone)?)))
    }

    async fn say(&mut self, message: &Message) -> Result<(), End> {
        self.write(&[], message.encode()).await
    }

    async fn write(&mut self, head: &[u8], body: Bytes) -> Result<(), End> {
        let stream = match self {
            Self::Stream(Some(stream)) => stream,
            Self::Stream(None) => return Ok(()),
            Self::Row(row) => {
                let said = timeout(RANGE_WRITE, row.send(Row { head: Bytes::copy_from_slice(head), body })).await;
                return if matches!(said, Ok(Ok(()))) { Ok(()) } else { Err(End::Gone) };
            }
        };
        stream::write_within(stream, head, body, RANGE_WRITE).await.map_err(|error| match error {
            // The viewer wants no more of it.
            stream::WriteError::Broken(quinn::WriteError::Stopped(_)) => End::Done,
            _ => End::Gone,
        })
    }

    fn finish(mut self) {
        if let Self::Stream(stream) = &mut self
            && let Some(mut stream) = stream.take()
        {
            // It was stopped or its connection lost: nobody waits for the end.
            let _ = stream.finish();
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if let Self::Stream(Some(stream)) = self {
            // Closed already: nothing to take back.
            let _ = stream.reset(1u32.into());
        }
    }
}

/// When the next frame is due, at a percentage of real time.
struct Pace {
    /// 0 for as fast as it goes.
    percent: u16,
    last: Option<(Micros, Instant)>,
}

impl Pace {
    async fn wait(&mut self, captured_at: Micros) {
        let due = self.due(captured_at, Instant::now());
        sleep_until(due.into()).await;
    }

    fn due(&mut self, captured_at: Micros, now: Instant) -> Instant {
        if self.percent == 0 {
            return now;
        }
        let due = self.last.map_or(now, |(last, due)| {
            // The camera's clock may have stepped back.
            let apart = Duration::from_micros(captured_at.0.saturating_sub(last.0));
            let wait = apart.saturating_mul(100) / u32::from(self.percent);
            // A viewer that was slow is not made to hurry.
            (due + wait.min(RANGE_PAUSE)).max(now)
        });
        self.last = Some((captured_at, due));
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_leave_half_of_the_room_to_those_who_have_accounts() {
        let everywhere = Arc::new(Semaphore::new(REPLAYS));
        let take = |known| Permits::take(&everywhere, &Arc::new(Semaphore::new(1)), known).ok();
        let strangers: Vec<_> = std::iter::from_fn(|| take(false)).collect();
        assert_eq!(strangers.len(), REPLAYS / 2);
        let people: Vec<_> = std::iter::from_fn(|| take(true)).collect();
        assert_eq!(people.len(), REPLAYS - REPLAYS / 2);
    }

    #[test]
    fn frames_are_due_at_their_distance() {
        let now = Instant::now();
        let second = |seconds: u64| Micros(1_700_000_000_000_000 + seconds * 1_000_000);
        let after = |pace: &mut Pace, at| pace.due(second(at), now).duration_since(now);
        let mut half = Pace { percent: 50, last: None };
        assert_eq!([0, 1, 2].map(|at| after(&mut half, at)), [0, 2, 4].map(Duration::from_secs));
        // A night is skipped, and a clock that steps back costs nothing.
        assert_eq!(after(&mut half, 50_000), Duration::from_secs(4) + RANGE_PAUSE);
        assert_eq!(after(&mut half, 49_000), Duration::from_secs(4) + RANGE_PAUSE);
        let mut fast = Pace { percent: 0, last: None };
        assert_eq!([0, 1, 2].map(|at| after(&mut fast, at)), [0, 0, 0].map(Duration::from_secs));
    }
}
