//! Where frames stand: by session number and sequence, never by time, because a camera's clock may step.

use wire::frame::SignedFrame;
use wire::id::SessionId;

pub use crate::verify::{Place, Run};

/// Whether a frame is the very next one in the same session.
pub(super) fn follows(next: Place, before: Place) -> bool {
    next.session == before.session && before.sequence.checked_add(1) == Some(next.sequence)
}

/// Which group of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GroupId {
    pub(super) session: SessionId,
    pub(super) group: u64,
}

impl GroupId {
    pub(super) fn of(frame: &SignedFrame) -> Self {
        let context = frame.context();
        Self { session: context.session, group: context.group }
    }
}
