//! A live frame as viewers are sent it.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use wire::frame::{LayerKind, SignedFrame};
use wire::id::{Micros, SessionId};
use wire::verify::Verified;

use crate::access::LabelSet;
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
    /// When the relay had verified it.
    pub arrived: Instant,
    /// The epoch that it is sealed under.
    pub epoch: Arc<Epoch>,
    frame: Verified<SignedFrame>,
    /// The labels of its sealed layers.
    sealed: LabelSet,
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
            arrived: Instant::now(),
            epoch: Arc::clone(epoch),
            frame: frame.clone(),
            sealed: LabelSet::of(frame.layers().iter().filter_map(|layer| match layer.kind {
                LayerKind::Public => None,
                LayerKind::Sealed(label) => Some(label),
            })),
            public: frame.withhold(|kind| kind == LayerKind::Public),
        }
    }

    /// Its bytes on the wire for somebody who is handed these labels. All of them and none are shared by everyone; what is in between is
    /// put together for each.
    #[must_use]
    pub fn bytes(&self, labels: LabelSet) -> Bytes {
        let handed = self.sealed.and(labels);
        if handed == self.sealed {
            self.frame.bytes().clone()
        } else if handed.is_empty() {
            self.public.clone()
        } else {
            self.frame.withhold(|kind| labels.shows(kind))
        }
    }

    /// What keeping it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        // Without sealed layers both variants are the same bytes; counting them twice errs on the safe side.
        self.frame.bytes().len() + self.public.len()
    }
}
