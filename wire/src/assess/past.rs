//! What was delivered, to tell a frame that comes again, or a second one signed for its place, from one that is merely late.

use std::collections::VecDeque;

use super::Place;
use super::stretches::Stretches;
use crate::frame::Frame;
use crate::id::Digest;
use crate::verify::{Group, Refusal};

/// How many delivered frames are remembered one by one.
const MAX_FRAMES: usize = 1024;
/// How many stretches of delivered frames are remembered beyond that.
const MAX_STRETCHES: usize = 1024;

struct Seen {
    place: Place,
    digest: Digest,
    /// The group before this frame was verified; none before a key frame, which is verified by its record alone.
    before: Option<Group>,
}

pub(super) struct Past {
    recent: VecDeque<Seen>,
    delivered: Stretches,
}

impl Past {
    pub(super) const fn new() -> Self {
        Self { recent: VecDeque::new(), delivered: Stretches::new(MAX_STRETCHES) }
    }

    /// Frames come in the camera's order.
    pub(super) fn push(&mut self, place: Place, digest: Digest, before: Option<Group>) {
        if self.recent.len() >= MAX_FRAMES {
            self.recent.pop_front();
        }
        self.recent.push_back(Seen { place, digest, before });
        self.delivered.insert(place.0, place.1, place.1);
    }

    /// Whether a frame was delivered at that place.
    pub(super) fn contains(&self, place: Place) -> bool {
        self.delivered.contain(place)
    }

    /// The digest of the frame at that place, if it is remembered.
    pub(super) fn digest(&self, place: Place) -> Option<Digest> {
        self.seen(place).map(|seen| seen.digest)
    }

    /// Whether any remembered frame has that digest.
    pub(super) fn has_digest(&self, digest: Digest) -> bool {
        self.recent.iter().any(|seen| seen.digest == digest)
    }

    /// Verifies another frame for a place whose group is remembered: its digest, if it holds.
    pub(super) fn verify(&self, place: Place, frame: Frame) -> Option<Result<Digest, Refusal>> {
        let mut group = self.seen(place)?.before.clone()?;
        Some(group.next(frame).map(|frame| frame.digest()))
    }

    fn seen(&self, place: Place) -> Option<&Seen> {
        let at = self.recent.partition_point(|seen| seen.place < place);
        self.recent.get(at).filter(|seen| seen.place == place)
    }
}
