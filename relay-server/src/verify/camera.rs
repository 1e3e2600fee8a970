//! A camera at this relay: the one way from its agent to the archive and the hub.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;
use wire::frame::SignedFrame;
use wire::id::{CameraId, Digest};
use wire::message;
use wire::sign::SignedRecord;
use wire::verify::{self, Verified};

use super::chain::{Chain, Seen};
use super::epoch::{Announced, Epoch, Epochs};
use super::fault::Fault;
use super::tidings::Tidings;
use crate::counters::Counters;
use crate::hub::{Channel, Hub, Item};
use crate::roster;

/// The archive cannot take more at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the archive cannot keep up at the moment")]
pub struct Full;

/// Who keeps what was verified. It is asked under a camera's lock, so it never waits: what it cannot take at once, it refuses.
pub trait Store: Send + Sync + 'static {
    /// Keeps who a camera is: before its epochs, and again when revocation lists are renewed.
    fn camera(&self, camera: CameraId, introduction: message::Camera);

    /// Keeps an epoch, before any of its frames.
    fn epoch(&self, epoch: &Epoch);

    /// Keeps a frame. One that it has already, it passes over.
    ///
    /// # Errors
    /// [`Full`]: the frame goes to live viewers all the same, and is counted.
    fn frame(&self, frame: &Arc<Verified<SignedFrame>>) -> Result<(), Full>;

    /// Whom to tell what became of a camera's frames. Who never tells has agents keep everything.
    fn tell(&self, _camera: CameraId, _tidings: Arc<Tidings>) {}
}

/// How a frame came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// As a live one.
    Live,
    /// As one of earlier, which live viewers must not get.
    Backfill,
}

/// One camera.
pub struct Camera {
    id: CameraId,
    channel: Arc<Channel>,
    epochs: Epochs,
    chain: Mutex<Chain>,
    /// Ends the connection that publishes now.
    publishing: Mutex<Option<Publishing>>,
    store: Arc<dyn Store>,
    tidings: Arc<Tidings>,
    counters: Arc<Counters>,
}

#[derive(Clone)]
struct Publishing {
    ended: CancellationToken,
    why: Arc<Mutex<Option<Fault>>>,
}

impl Camera {
    /// A camera of which nothing has come yet.
    #[must_use]
    pub fn new(channel: Arc<Channel>, store: Arc<dyn Store>, counters: Arc<Counters>) -> Self {
        let (id, tidings) = (channel.camera(), Arc::<Tidings>::default());
        store.tell(id, Arc::clone(&tidings));
        Self { id, channel, epochs: Epochs::default(), chain: Mutex::default(), publishing: Mutex::default(), store, tidings, counters }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> CameraId {
        self.id
    }

    /// Where its live viewers listen.
    #[must_use]
    pub const fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Its epochs.
    #[must_use]
    pub const fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// What the archive tells of its frames.
    #[must_use]
    pub const fn tidings(&self) -> &Arc<Tidings> {
        &self.tidings
    }

    /// Takes in a record. If nothing is granted in it, its frames get through from now on.
    ///
    /// # Errors
    /// When it does not verify, or contradicts what is known of its session.
    pub fn record(&self, signed: SignedRecord, crls: Vec<Bytes>) -> Result<(), Fault> {
        let record = Arc::new(verify::record(signed, self.id)?);
        self.chain().record(record.record())?;
        self.begin(self.epochs.record(record), crls);
        Ok(())
    }

    /// Takes in the grants of a record that came before: the frames under it get through from now on.
    ///
    /// # Errors
    /// When there is no such record, or it names other grants.
    pub fn grants(&self, grants: message::Grants, crls: Vec<Bytes>) -> Result<(), Fault> {
        self.begin(self.epochs.grants(grants)?, crls);
        Ok(())
    }

    /// The archive has an epoch before anybody can give it a frame of it.
    fn begin(&self, announced: Announced, crls: Vec<Bytes>) {
        match announced {
            Announced::New(epoch) => {
                self.store.camera(self.id, self.channel.introduction(0, crls));
                self.store.epoch(&epoch);
                self.counters.epochs.one();
                self.epochs.insert(Arc::new(epoch));
            }
            // An agent says again what may have been forgotten since: the archive remembers fewer.
            Announced::Known(epoch) => self.store.epoch(&epoch),
            Announced::Incomplete => {}
        }
    }

    /// Takes in a verified frame and the digest of the one before it: to the archive, and if it is live, to the hub. One that an agent
    /// sends as backfill is not, however new it may look: after a restart the newest frame that came is not the newest that there is.
    ///
    /// # Errors
    /// When it contradicts an earlier frame; it goes nowhere then.
    pub fn frame(&self, frame: Verified<SignedFrame>, previous: Digest, epoch: &Arc<Epoch>, way: Way) -> Result<(), Fault> {
        let frame = Arc::new(frame);
        let item = (way == Way::Live).then(|| Arc::new(Item::new(&frame, epoch)));
        self.counters.frames_verified.one();
        self.counters.bytes_verified.add(frame.bytes().len() as u64);
        // Held until the frame is with both, so that both get a camera's frames in one order.
        let mut chain = self.chain();
        let seen = chain.accept(&frame, previous)?;
        // A frame that comes again may be one that the archive could not take before.
        if self.store.frame(&frame).is_err() {
            self.counters.frames_not_stored.one();
        }
        if seen == Seen::Again {
            self.counters.frames_repeated.one();
            return Ok(());
        }
        let counter =
            if item.is_some_and(|item| self.channel.push(item)) { &self.counters.frames_live } else { &self.counters.frames_backfilled };
        counter.one();
        Ok(())
    }

    /// Makes a connection the one that publishes; the one before is ended as replaced.
    #[must_use]
    pub fn publish(self: &Arc<Self>) -> Publisher {
        let publishing = Publishing { ended: CancellationToken::new(), why: Arc::default() };
        let before = lock(&self.publishing).replace(publishing.clone());
        if let Some(before) = before {
            before.end(Fault::Replaced);
        }
        self.channel.set_online(true);
        Publisher { camera: Arc::clone(self), publishing }
    }

    /// Ends the connection that publishes, if there is one.
    pub fn disconnect(&self, why: Fault) {
        if let Some(publishing) = lock(&self.publishing).as_ref() {
            publishing.end(why);
        }
    }

    fn chain(&self) -> MutexGuard<'_, Chain> {
        lock(&self.chain)
    }
}

impl Publishing {
    fn end(&self, why: Fault) {
        lock(&self.why).get_or_insert(why);
        self.ended.cancel();
    }
}

/// The right of one connection to publish a camera; dropping it takes the camera off line, unless another connection has taken over.
pub struct Publisher {
    camera: Arc<Camera>,
    publishing: Publishing,
}

impl Publisher {
    /// The camera.
    #[must_use]
    pub const fn camera(&self) -> &Arc<Camera> {
        &self.camera
    }

    /// Ends this connection; the first reason counts.
    pub fn end(&self, why: Fault) {
        self.publishing.end(why);
    }

    /// Waits until the connection must end, and says why.
    pub async fn ended(&self) -> Fault {
        self.publishing.ended.cancelled().await;
        lock(&self.publishing.why).unwrap_or(Fault::Replaced)
    }

    /// Whether the connection must end.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.publishing.ended.is_cancelled()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let mut current = lock(&self.camera.publishing);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.why, &self.publishing.why)) {
            *current = None;
            self.camera.channel.set_online(false);
        }
    }
}

/// Every camera that connected since the relay started. Only enrolled ones get in, so the roster's bound holds here too.
pub struct Cameras {
    table: Mutex<HashMap<CameraId, Arc<Camera>>>,
    hub: Arc<Hub>,
    store: Arc<dyn Store>,
    counters: Arc<Counters>,
}

impl Cameras {
    /// None yet.
    #[must_use]
    pub fn new(hub: Arc<Hub>, store: Arc<dyn Store>, counters: Arc<Counters>) -> Self {
        Self { table: Mutex::default(), hub, store, counters }
    }

    /// The camera that the roster names. If its name had another key before, that one is disconnected.
    #[must_use]
    pub fn open(&self, camera: &roster::Camera) -> Arc<Camera> {
        let (channel, replaced) = self.hub.open(camera);
        if let Some(replaced) = replaced {
            self.revoke(replaced);
        }
        let mut table = lock(&self.table);
        let known = table.entry(camera.id);
        Arc::clone(known.or_insert_with(|| Arc::new(Camera::new(channel, Arc::clone(&self.store), Arc::clone(&self.counters)))))
    }

    /// Disconnects a camera that no longer belongs here, and forgets it.
    pub fn revoke(&self, camera: CameraId) {
        let gone = lock(&self.table).remove(&camera);
        if let Some(camera) = gone {
            camera.disconnect(Fault::Revoked);
        }
        self.hub.remove(camera);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
