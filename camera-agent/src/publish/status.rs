//! How publishing goes, for the log, the tests and whoever asks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::Lost;
use crate::spool::{self, Spool};

/// Frames that were signed and not sent live, by reason. With a spool they are sent behind the live ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Drops {
    /// There was no connection.
    pub offline: u64,
    /// The way to the relay was too narrow.
    pub slow: u64,
    /// The connection broke while they were on their way, or they continue a group whose beginning was lost.
    pub cut: u64,
}

/// How publishing goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Status {
    /// Whether the relay greeted, and is still there.
    pub connected: bool,
    /// How often it greeted.
    pub connections: u64,
    /// Frames handed to the transport whole.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Frames not sent.
    pub dropped: Drops,
    /// Why the last connection was lost, or did not come about.
    pub lost: Option<String>,
    /// What waits for the relay on the agent's disk.
    pub spool: Option<spool::Status>,
}

#[derive(Debug, Default)]
pub(super) struct Shared {
    spool: Option<Spool>,
    /// A live frame is being handed over to the transport.
    sending: AtomicBool,
    has_sent: AtomicBool,
    key_wish: AtomicBool,
    connected: AtomicBool,
    connections: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    offline: AtomicU64,
    slow: AtomicU64,
    cut: AtomicU64,
    lost: Mutex<Option<String>>,
}

impl Shared {
    pub(super) fn new(spool: Option<Spool>) -> Self {
        Self { spool, ..Self::default() }
    }

    pub(super) const fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    pub(super) fn sending(&self, sending: bool) {
        self.sending.store(sending, Ordering::Relaxed);
    }

    /// Whether anything was sent live on this connection.
    pub(super) fn has_sent(&self) -> bool {
        self.has_sent.load(Ordering::Relaxed)
    }

    pub(super) fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed)
    }

    pub(super) fn take_key_wish(&self) -> bool {
        self.key_wish.swap(false, Ordering::AcqRel)
    }

    pub(super) fn wish_key(&self) {
        self.key_wish.store(true, Ordering::Release);
    }

    pub(super) fn greeted(&self) {
        self.has_sent.store(false, Ordering::Relaxed);
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected.store(true, Ordering::Relaxed);
    }

    pub(super) fn lost(&self, why: &Lost) {
        self.connected.store(false, Ordering::Relaxed);
        *self.lost.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_string());
    }

    pub(super) fn ended(&self) {
        self.connected.store(false, Ordering::Relaxed);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.has_sent.store(true, Ordering::Relaxed);
        self.frames.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The queue dropped so many frames.
    pub(super) fn dropped(&self, frames: u64) {
        if self.connected.load(Ordering::Relaxed) { self.slow(frames) } else { self.offline(frames) }
    }

    pub(super) fn offline(&self, frames: u64) {
        self.offline.fetch_add(frames, Ordering::Relaxed);
    }

    pub(super) fn slow(&self, frames: u64) {
        self.slow.fetch_add(frames, Ordering::Relaxed);
    }

    pub(super) fn cut(&self, frames: u64) {
        self.cut.fetch_add(frames, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> Status {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Status {
            connected: self.connected.load(Ordering::Relaxed),
            connections: read(&self.connections),
            frames: read(&self.frames),
            bytes: read(&self.bytes),
            dropped: Drops { offline: read(&self.offline), slow: read(&self.slow), cut: read(&self.cut) },
            lost: self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            spool: self.spool.as_ref().map(Spool::status),
        }
    }
}
