//! One camera's place in the hub.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;
use wire::id::{CameraId, Name};
use wire::message;

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

    /// Who it is, with these revocation lists.
    #[must_use]
    pub fn introduction(&self, subscription: u32, crls: Vec<Bytes>) -> message::Camera {
        message::Camera { subscription, name: self.name.clone(), chain: self.chain.clone(), crls }
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
        Viewing { channel: Arc::clone(self), bell, cursor, given: None }
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
    /// The newest frame that came out.
    given: Option<Place>,
}

impl Viewing {
    /// What comes next, if it is here already.
    pub fn look(&mut self) -> Next {
        let ring = self.channel.ring();
        if self.cursor.is_none() {
            self.cursor = ring.join().filter(|newest| Some(newest.from()) > self.given);
        }
        let next = self.cursor.as_mut().map_or(Next::Nothing, |cursor| ring.next(cursor));
        if let Next::Item(item) = &next {
            self.given = self.given.max(Some(item.place));
        }
        next
    }

    /// Whether a newer key frame than those that the viewer was given is here.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.cursor.as_ref().is_some_and(|cursor| self.channel.ring().ahead(cursor).is_some())
    }

    /// Gives up the group that the viewer is in: goes on at the newest key frame that it was not given, which may still have to come.
    pub fn abandon(&mut self) {
        let ring = self.channel.ring();
        self.cursor = match self.cursor {
            Some(cursor) if ring.holds(&cursor) => ring.ahead(&cursor),
            _ => ring.join().filter(|newest| Some(newest.from()) > self.given),
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
