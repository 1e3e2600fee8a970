//! Groups that are being stored: which frame must come next, and what must be repeated if the group goes on in another segment.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use wire::frame::SignedFrame;
use wire::verify::Verified;

use super::held::Before;
use super::place::{GroupId, Place, follows};

/// How many groups of a camera may be under way: the live one, a backfilled one, and as many again around a new connection.
const MAX_GROUPS: usize = 4;

/// How many bytes of a group may have to be repeated: about 5,000 frames. A longer group is not stored to its end.
const MAX_REPEATED: usize = 1 << 20;

/// The groups of one camera that are under way.
#[derive(Default)]
pub(super) struct Groups {
    open: VecDeque<Group>,
    /// Groups of which something was not stored.
    broken: VecDeque<GroupId>,
}

struct Group {
    id: GroupId,
    last: Place,
    newest: Arc<Verified<SignedFrame>>,
    /// The frames before the newest, without their layers.
    earlier: Vec<Bytes>,
    bytes: usize,
}

pub(super) fn without_layers(frame: &SignedFrame) -> Bytes {
    frame.withhold(|_| false)
}

impl Groups {
    /// Whether it is known that an earlier frame of its group was not stored.
    pub(super) fn is_broken(&self, frame: &SignedFrame) -> bool {
        !frame.header().flags.key && self.broken.contains(&GroupId::of(frame))
    }

    /// Whether the frame begins a group or follows the last one held of its group.
    pub(super) fn fits(&self, frame: &SignedFrame) -> bool {
        frame.header().flags.key || self.predecessor(frame).is_some()
    }

    fn predecessor(&self, frame: &SignedFrame) -> Option<&Group> {
        let (id, place) = (GroupId::of(frame), Place::of(frame));
        self.open.iter().find(|group| group.id == id && follows(place, group.last))
    }

    /// Notes a frame that is held, now or already.
    pub(super) fn held(&mut self, frame: &Arc<Verified<SignedFrame>>) {
        let (id, place) = (GroupId::of(frame), Place::of(frame));
        if frame.header().flags.key {
            self.broken.retain(|broken| *broken != id);
            return self.add(Group { id, last: place, newest: Arc::clone(frame), earlier: Vec::new(), bytes: 0 });
        }
        let Some(group) = self.open.iter_mut().find(|group| group.id == id && follows(place, group.last)) else { return };
        let newest = std::mem::replace(&mut group.newest, Arc::clone(frame));
        let repeated = without_layers(&newest);
        group.bytes += repeated.len();
        group.earlier.push(repeated);
        group.last = place;
        if group.bytes > MAX_REPEATED {
            self.give_up(id);
        }
    }

    /// Takes in a part of a group that is held.
    pub(super) fn adopt(&mut self, before: Before) {
        let Before { newest, earlier } = before;
        let (id, last, bytes) = (GroupId::of(&newest), Place::of(&newest), earlier.iter().map(Bytes::len).sum());
        self.add(Group { id, last, newest, earlier, bytes });
    }

    fn add(&mut self, group: Group) {
        self.open.retain(|other| other.id != group.id);
        self.open.push_back(group);
        if self.open.len() > MAX_GROUPS {
            self.open.pop_front();
        }
    }

    /// The frames before this one in its group, without their layers.
    pub(super) fn repeated(&self, frame: &SignedFrame) -> Vec<Bytes> {
        let Some(group) = self.predecessor(frame) else { return Vec::new() };
        group.earlier.iter().cloned().chain(std::iter::once(without_layers(&group.newest))).collect()
    }

    /// A frame of this group was not stored: nothing of it fits any more, until it comes again from its beginning.
    pub(super) fn give_up(&mut self, id: GroupId) {
        self.open.retain(|group| group.id != id);
        self.broken.retain(|broken| *broken != id);
        self.broken.push_back(id);
        if self.broken.len() > MAX_GROUPS {
            self.broken.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}
