//! The hub: the newest frames of every camera, shared by all who watch.
//!
//! ```text
//! verify ──push──▶ ring: … key f f f  key f f f  key f ◀─┬─ cursor of viewer 1
//!                          ▲                             ├─ cursor of viewer 2
//!                          └── falls off when too old    └─ …  each only a number: no viewer has a queue
//! ```
//!
//! A frame is prepared once, in two variants (whole, and with the sealed layers as digests), and its bytes are shared by every viewer.
//! A cursor that fell off, or that lags, is set to the newest key frame by whoever serves it.

pub mod item;
pub mod ring;

pub mod channel;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use wire::id::{CameraId, Name};

pub use channel::{Channel, Closed, Viewing};
pub use item::Item;
pub use ring::{Cursor, Next};

use crate::roster;

/// Every camera that connected since the relay started, by name.
#[derive(Default)]
pub struct Hub {
    channels: RwLock<HashMap<Name, Arc<Channel>>>,
}

impl Hub {
    /// No camera yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The channel of a camera; makes one for a camera that is new. Says which camera had the name before, if it was another one: its
    /// viewers are told to leave.
    pub fn open(&self, camera: &roster::Camera) -> (Arc<Channel>, Option<CameraId>) {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        let before = channels.get(&camera.name).cloned();
        if let Some(channel) = before.as_ref().filter(|channel| channel.camera() == camera.id) {
            return (Arc::clone(channel), None);
        }
        let chain = camera.chain.iter().map(|certificate| Bytes::copy_from_slice(certificate)).collect();
        let channel = Arc::new(Channel::new(camera.name.clone(), camera.id, chain));
        channels.insert(camera.name.clone(), Arc::clone(&channel));
        drop(channels);
        (channel, before.map(|before| before.close()))
    }

    /// The channel of that name.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<Arc<Channel>> {
        self.channels.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Whether a camera's agent is connected and publishes.
    #[must_use]
    pub fn is_online(&self, camera: CameraId) -> bool {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().any(|channel| channel.camera() == camera && channel.is_online())
    }

    /// How many cameras' agents are connected and publish.
    #[must_use]
    pub fn online(&self) -> usize {
        let channels = self.channels.read().unwrap_or_else(PoisonError::into_inner);
        channels.values().filter(|channel| channel.is_online()).count()
    }

    /// Forgets a camera that no longer belongs here; its viewers are told to leave.
    pub fn remove(&self, camera: CameraId) {
        let mut channels = self.channels.write().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|_, channel| {
            channel.camera() != camera || {
                channel.close();
                false
            }
        });
    }
}
