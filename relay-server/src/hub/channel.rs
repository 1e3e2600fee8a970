//! One camera's place in the hub.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use wire::id::{CameraId, Name};

use super::ring::Ring;
use super::{Cursor, Item, Next};
use crate::verify::{Epoch, Place};

/// One camera's newest frames, and the bell that rings for each.
pub struct Channel {
    name: Name,
    camera: CameraId,
    chain: Vec<Bytes>,
    ring: Mutex<Ring>,
    /// Rings for every frame; true when the camera no longer belongs here.
    bell: watch::Sender<bool>,
    online: AtomicBool,
}

/// The camera no longer belongs to this relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this camera no longer belongs to the relay")]
pub struct Closed;

impl Channel {
    pub(super) fn new(name: Name, camera: CameraId, chain: Vec<Bytes>) -> Self {
        Self { name, camera, chain, ring: Mutex::default(), bell: watch::Sender::new(false), online: AtomicBool::new(false) }
    }

    /// The camera's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    /// The camera's id.
    #[must_use]
    pub const fn camera(&self) -> CameraId {
        self.camera
    }

    /// Its certificate, the issuing CA's, the root's (DER).
    #[must_use]
    pub fn chain(&self) -> &[Bytes] {
        &self.chain
    }

    /// Whether its agent is connected and publishes.
    #[must_use]
    pub fn is_online(&self) -> bool {
        self.online.load(Ordering::Relaxed)
    }

    pub(crate) fn set_online(&self, online: bool) {
        self.online.store(online, Ordering::Relaxed);
    }

    /// Takes in a verified frame and rings; says whether it was live.
    pub fn push(&self, item: Arc<Item>) -> bool {
        let live = self.ring().push(item);
        if live {
            self.bell.send_modify(|_| {});
        }
        live
    }

    pub(super) fn close(&self) -> CameraId {
        self.bell.send_replace(true);
        self.camera
    }

    /// The newest epoch of which a frame was live.
    #[must_use]
    pub fn newest_epoch(&self) -> Option<Arc<Epoch>> {
        self.ring().newest().map(|item| Arc::clone(&item.epoch))
    }

    /// The newest live frame.
    #[must_use]
    pub fn newest(&self) -> Option<Arc<Item>> {
        self.ring().newest().cloned()
    }

    /// Begins to watch: at the newest group, or at the next one if there is none.
    #[must_use]
    pub fn view(self: &Arc<Self>) -> Viewing {
        let bell = self.bell.subscribe();
        let cursor = self.ring().join();
        Viewing { channel: Arc::clone(self), bell, cursor }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One viewer's place in a channel: a cursor and an ear for the bell.
pub struct Viewing {
    channel: Arc<Channel>,
    bell: watch::Receiver<bool>,
    /// Without one, it waits for the next key frame.
    cursor: Option<Cursor>,
}

impl Viewing {
    /// What comes next, if it is here already.
    pub fn next(&mut self) -> Next {
        let ring = self.channel.ring();
        match &mut self.cursor {
            Some(cursor) => ring.next(cursor),
            None => {
                self.cursor = ring.join();
                self.cursor.as_mut().map_or(Next::Nothing, |cursor| ring.next(cursor))
            }
        }
    }

    /// Whether a newer key frame than those that the viewer was given is here.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| self.channel.ring().ahead(cursor).is_some())
    }

    /// Goes on at the newest key frame: the one that is ahead, or if the viewer's next frame fell off, the one that is here or will come.
    pub fn skip(&mut self) {
        let ring = self.channel.ring();
        self.cursor = match self.cursor {
            Some(cursor) if ring.holds(&cursor) => ring.ahead(&cursor).or(Some(cursor)),
            _ => ring.join(),
        };
    }

    /// What there was from `first` on and before `until`, as (session, first, last sequence).
    #[must_use]
    pub fn between(&self, first: Place, until: Place) -> Vec<(u64, u64, u64)> {
        self.channel.ring().between(first, until)
    }

    /// The camera's place in the hub.
    #[must_use]
    pub const fn channel(&self) -> &Arc<Channel> {
        &self.channel
    }

    /// Waits until something came since this was last asked.
    ///
    /// # Errors
    /// The camera no longer belongs here.
    pub async fn news(&mut self) -> Result<(), Closed> {
        self.bell.changed().await.map_err(|_| Closed)?;
        if *self.bell.borrow_and_update() { Err(Closed) } else { Ok(()) }
    }
}
