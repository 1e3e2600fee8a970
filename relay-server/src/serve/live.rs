//! A live subscription: newest wins.
//!
//! Frames are written as they come, each on a stream of its own, as long as the viewer keeps up: however long its round trips are, what
//! is on its way then arrives. A viewer that does not keep up (see [`Watching::send`]) is brought to the newest group in one step: what is
//! on its way is taken back, except the frame that is being transmitted; when that one has arrived, the viewer is told what it missed and
//! goes on at the key frame that is the newest at that moment. So even the slowest viewer sees whole frames, and none that is old.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::stream;
use quinn::SendStream;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use wire::id::Digest;
use wire::message::{Gap, GapCause, Layers, Message, Reason, Refused};

use super::flight::{Flight, Gone, Writing};
use super::handing::{Handing, Wanted};
use super::way::Way;
use crate::control::refused;
use crate::hub::channel::Closed;
use crate::hub::{Channel, Item, Next, Viewing};
use crate::limits::{CONTROL_WRITE, HOPELESS, LAG, STALLED};
use crate::parts::Parts;
use crate::verify::{Epoch, Place};

/// Epochs that a viewer is remembered to know.
const TOLD: usize = 4;

/// A live subscription.
pub(super) struct Watching {
    pub(super) parts: Arc<Parts>,
    way: Way,
    control: mpsc::Sender<Bytes>,
    pub(super) wanted: Wanted,
    pub(super) viewing: Viewing,
    flight: Flight,
    /// The newest frame that was written.
    pub(super) last: Option<Place>,
    /// The first frame that was missed since.
    pub(super) missed: Option<Place>,
    /// Since when no frame could be written whole.
    pub(super) stuck: Option<Instant>,
    /// When the viewer last had everything that there was.
    pub(super) caught_up: Instant,
    told: VecDeque<Digest>,
    pub(super) handing: Handing,
    crls: Vec<Bytes>,
}

/// How a subscription ends other than by the viewer's wish.
pub(super) enum End {
    /// There is no more to send.
    Done,
    /// The viewer is gone, or does not listen any more.
    Gone,
    /// It is told why.
    Refused(Refused),
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl Watching {
    pub(super) fn new(parts: &Arc<Parts>, way: &Way, control: &mpsc::Sender<Bytes>, channel: &Arc<Channel>, wanted: Wanted) -> Self {
        Self {
            parts: Arc::clone(parts),
            way: way.clone(),
            control: control.clone(),
            wanted,
            viewing: channel.view(),
            flight: Flight::default(),
            last: None,
            missed: None,
            stuck: None,
            caught_up: Instant::now(),
            told: VecDeque::with_capacity(TOLD),
            handing: Handing::default(),
            crls: Vec::new(),
        }
    }

    /// Serves until it ends.
    pub(super) async fn run(mut self) -> End {
        match self.serve().await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, End> {
        self.introduce(self.parts.crls()).await?;
        loop {
            match self.viewing.look() {
                Next::Item(item) if self.wanted.key_frames_only && !item.key => {}
                Next::Item(item) => self.send(&item).await?,
                Next::Nothing => {
                    self.viewing.news().await.map_err(|closed| self.closed(closed))?;
                    self.caught_up = Instant::now();
                }
                Next::Fallen => {
                    let next = self.last.map(|last| Place { sequence: last.sequence.saturating_add(1), ..last });
                    self.catch_up(next).await?;
                }
            }
        }
    }

    fn closed(&self, closed: Closed) -> End {
        End::Refused(refused(self.wanted.subscription, Reason::UnknownCamera, closed))
    }

    /// Sends a frame, unless the viewer is too slow for it: when something newer could be sent instead, and the oldest frame on its way
    /// is overdue, or the connection takes no more.
    async fn send(&mut self, item: &Arc<Item>) -> Result<(), End> {
        if let Way::Row(row) = &self.way {
            let row = row.clone();
            return self.hand_over(item, &row).await;
        }
        self.flight.settle();
        if self.is_overdue() && (item.key || self.viewing.is_behind()) {
            let first = self.flight.cut();
            self.miss(first);
            let late = self.flight.clear(HOPELESS).await?;
            self.miss(late);
            // By now there may be a newer one.
            if !item.key || self.viewing.is_behind() {
                self.miss(Some(item.place));
                self.viewing.abandon();
                return Ok(());
            }
        }
        let labels = self.handing.live(&self.wanted, &item.epoch, &self.parts).await?;
        self.announce(&item.epoch).await?;
        if let Some(first) = self.missed.take() {
            self.tell_gap(first, item.place).await?;
        }
        let (stream, waited) = self.open().await?;
        let bytes = item.bytes(labels);
        let head = stream::prefix(&Message::frame_head(self.wanted.subscription, item.place.session), &bytes).map_err(|_| Gone)?;
        let head = self.behind_streams_head(head);
        let length = bytes.len() as u64;
        let mut writing = Writing::new(stream, item.place, [head, bytes]);
        if waited && self.viewing.is_behind() || !self.write(&mut writing).await? {
            drop(writing);
            return self.catch_up(Some(item.place)).await;
        }
        self.flight.push(writing);
        self.stuck = None;
        self.last = self.last.max(Some(item.place));
        self.parts.counters.frames_sent.one();
        self.parts.counters.live_delay.one(item.arrived.elapsed());
        self.parts.counters.bytes_sent.add(length);
        Ok(())
    }

    /// Opens a stream, and says whether the viewer had to allow one more first.
    async fn open(&self) -> Result<(SendStream, bool), End> {
        let Way::Streams { connection, .. } = &self.way else { return Err(End::Gone) };
        let mut opening = pin!(Writing::open(connection));
        match at_once(opening.as_mut()).await {
            Some(stream) => Ok((stream?, false)),
            None => Ok((timeout(STALLED, opening).await.map_err(|_| self.stalled())??, true)),
        }
    }

    /// What a stream of this way begins with, and then this.
    fn behind_streams_head(&self, head: Bytes) -> Bytes {
        match &self.way {
            Way::Streams { head: first, .. } if !first.is_empty() => [&first[..], &head].concat().into(),
            _ => head,
        }
    }

    /// Writes a frame whole, or says that something newer is here and this one does not get through.
    async fn write(&mut self, writing: &mut Writing) -> Result<bool, End> {
        // Nearly always the connection takes it at once: then nothing else is set up.
        if let Some(written) = at_once(pin!(writing.write())).await {
            return Ok(written.map(|()| true)?);
        }
        let (viewing, flight) = (&mut self.viewing, &mut self.flight);
        tokio::select! {
            biased;
            written = writing.write() => Ok(written.map(|()| true)?),
            closed = overtaken(viewing, flight) => closed.map_or(Ok(false), |closed| Err(self.closed(closed))),
            () = sleep(HOPELESS) => Ok(false),
        }
    }

    /// Whether the oldest frame on its way should have arrived: a lost packet takes one more round trip, an acknowledgement waits a little.
    fn is_overdue(&self) -> bool {
        let age = self.flight.age();
        let rtt = || if let Way::Streams { connection, .. } = &self.way { connection.rtt() } else { Duration::ZERO };
        age > LAG && age > LAG + 2 * rtt()
    }

    /// Brings the viewer to the newest group; `first` is the first frame that it does not get.
    async fn catch_up(&mut self, first: Option<Place>) -> Result<(), End> {
        let cut = self.flight.cut();
        self.miss(cut);
        self.miss(first);
        let late = self.flight.clear(HOPELESS).await?;
        self.miss(late);
        self.viewing.abandon();
        let stuck = *self.stuck.get_or_insert_with(Instant::now);
        if stuck.elapsed() > STALLED { Err(self.stalled()) } else { Ok(()) }
    }

    pub(super) fn stalled(&self) -> End {
        let text = format!("this viewer took no frame for {STALLED:?}");
        End::Refused(refused(self.wanted.subscription, Reason::TooMany, text))
    }

    pub(super) fn miss(&mut self, place: Option<Place>) {
        self.missed = match (self.missed, place) {
            (Some(missed), Some(place)) => Some(missed.min(place)),
            (missed, place) => missed.or(place),
        };
    }

    pub(super) async fn tell_gap(&mut self, first: Place, until: Place) -> Result<(), Gone> {
        self.parts.counters.skips.one();
        for (session, first, last) in self.viewing.between(first, until) {
            self.parts.counters.frames_skipped.add((last - first).saturating_add(1));
            // Whoever wants only key frames was promised no others.
            if !self.wanted.key_frames_only {
                let gap = Gap { subscription: self.wanted.subscription, session, first, last, cause: GapCause::Slow };
                self.say(&Message::Gap(gap)).await?;
            }
        }
        Ok(())
    }

    /// Says what a frame under this epoch needs, once.
    pub(super) async fn announce(&mut self, epoch: &Epoch) -> Result<(), Gone> {
        let digest = epoch.record().digest();
        if self.told.contains(&digest) {
            return Ok(());
        }
        let crls = self.parts.crls();
        if crls != self.crls {
            self.introduce(crls).await?;
        }
        let subscription = self.wanted.subscription;
        self.say(&Message::Record { subscription, record: epoch.record().signed().clone() }).await?;
        if self.wanted.layers == Layers::Sealed {
            self.say(&Message::Grants(epoch.message_for(subscription, self.wanted.recipient(&self.parts)))).await?;
        }
        if self.told.len() >= TOLD {
            self.told.pop_front();
        }
        self.told.push_back(digest);
        Ok(())
    }

    /// Says who the camera is, and who was taken back.
    async fn introduce(&mut self, crls: Vec<Bytes>) -> Result<(), Gone> {
        let camera = self.viewing.channel().introduction(self.wanted.subscription, crls.clone());
        self.crls = crls;
        self.say(&Message::Camera(camera)).await
    }

    async fn say(&self, message: &Message) -> Result<(), Gone> {
        match timeout(CONTROL_WRITE, self.control.send(message.encode())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// What a future gives if it is asked only once.
async fn at_once<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Ready when a newer key frame is here than the one being written, while something before it is still on its way. A frame that is alone
/// on its way is not overtaken: a large one on a slow path would never arrive.
async fn overtaken(viewing: &mut Viewing, flight: &mut Flight) -> Option<Closed> {
    loop {
        flight.settle();
        if flight.is_empty() {
            return pending().await;
        }
        if viewing.is_behind() {
            return None;
        }
        if let Err(closed) = viewing.news().await {
            return Some(closed);
        }
    }
}
