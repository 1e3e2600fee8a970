//! A live frame as viewers are sent it.

use std::sync::Arc;

use bytes::Bytes;
use wire::frame::{LayerKind, SignedFrame};
use wire::id::{Micros, SessionId};
use wire::message::Layers;
use wire::verify::Verified;

use crate::verify::{Epoch, Place};

/// A live frame, prepared once for everybody.
#[derive(Debug)]
pub struct Item {
    /// Where it stands among its camera's frames.
    pub place: Place,
    /// Its session.
    pub session: SessionId,
    /// Whether it opens a group.
    pub key: bool,
    /// When it was captured, by the camera's clock.
    pub captured_at: Micros,
    /// The epoch that it is sealed under.
    pub epoch: Arc<Epoch>,
    full: Bytes,
    public: Bytes,
}

impl Item {
    /// Prepares a frame.
    #[must_use]
    pub fn new(frame: &Verified<SignedFrame>, epoch: &Arc<Epoch>) -> Self {
        let header = frame.header();
        Self {
            place: Place::of(frame),
            session: frame.context().session,
            key: header.flags.key,
            captured_at: header.captured_at,
            epoch: Arc::clone(epoch),
            full: frame.bytes().clone(),
            public: frame.withhold(|kind| kind == LayerKind::Public),
        }
    }

    /// Its bytes on the wire for somebody who is sent these layers.
    #[must_use]
    pub const fn bytes(&self, layers: Layers) -> &Bytes {
        match layers {
            Layers::Public => &self.public,
            Layers::Sealed => &self.full,
        }
    }

    /// What keeping it takes.
    #[must_use]
    pub const fn size(&self) -> usize {
        // Without sealed layers both variants are the same bytes; counting them twice errs on the safe side.
        self.full.len() + self.public.len()
    }
}
