//! Groups that are being stored: which frame must come next, and what must be repeated if the group goes on in another segment.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wire::frame::SignedFrame;
use wire::verify::Verified;

use super::place::{GroupId, Place};

/// How many groups of a camera may be under way: the live one, a backfilled one, and as many again around a new connection.
const MAX_GROUPS: usize = 4;

/// How many bytes of a group may have to be repeated: about 5,000 frames. A longer group is not stored to its end.
const MAX_REPEATED: usize = 1 << 20;

/// The groups of one camera that are under way.
#[derive(Default)]
pub(super) struct Groups(VecDeque<Group>);

struct Group {
    id: GroupId,
    last: Place,
    newest: Arc<Verified<SignedFrame>>,
    /// The frames before the newest, without their layers.
    earlier: Vec<Bytes>,
    bytes: usize,
}

fn without_layers(frame: &SignedFrame) -> Bytes {
    frame.withhold(|_| false)
}

impl Groups {
    /// Whether the frame begins a group or follows the last one held of its group.
    pub(super) fn fits(&self, frame: &SignedFrame) -> bool {
        frame.header().flags.key || self.predecessor(frame).is_some()
    }

    fn predecessor(&self, frame: &SignedFrame) -> Option<&Group> {
        let (id, place) = (GroupId::of(frame), Place::of(frame));
        self.0.iter().find(|group| group.id == id && place.follows(group.last))
    }

    /// Notes a frame that is held, now or already.
    pub(super) fn held(&mut self, frame: &Arc<Verified<SignedFrame>>) {
        let (id, place) = (GroupId::of(frame), Place::of(frame));
        if frame.header().flags.key {
            self.0.retain(|group| group.id != id);
            self.0.push_back(Group { id, last: place, newest: Arc::clone(frame), earlier: Vec::new(), bytes: 0 });
            if self.0.len() > MAX_GROUPS {
                self.0.pop_front();
            }
            return;
        }
        let Some(group) = self.0.iter_mut().find(|group| group.id == id && place.follows(group.last)) else { return };
        let newest = std::mem::replace(&mut group.newest, Arc::clone(frame));
        let repeated = without_layers(&newest);
        group.bytes += repeated.len();
        group.earlier.push(repeated);
        group.last = place;
        if group.bytes > MAX_REPEATED {
            self.0.retain(|group| group.id != id);
        }
    }

    /// The frames before this one in its group, without their layers.
    pub(super) fn repeated(&self, frame: &SignedFrame) -> Vec<Bytes> {
        let Some(group) = self.predecessor(frame) else { return Vec::new() };
        group.earlier.iter().cloned().chain(std::iter::once(without_layers(&group.newest))).collect()
    }

    /// A frame of this group was not stored: nothing of it fits any more.
    pub(super) fn forget(&mut self, id: GroupId) {
        self.0.retain(|group| group.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
