//! The archive as the rest of the relay sees it: who keeps what was verified, and who has recordings.

use std::sync::Arc;

use wire::frame::SignedFrame;
use wire::id::CameraId;
use wire::message;
use wire::verify::Verified;

use super::Archive;
use super::range::{Asked, Cause, Item};
use super::segment::HELD;
use crate::serve::{self, History, Reader, Recorded, Unreadable};
use crate::verify::{Epoch, Full, Store, Tidings};

impl Store for Archive {
    fn camera(&self, camera: CameraId, introduction: message::Camera) {
        self.store_camera(camera, introduction);
    }

    fn epoch(&self, epoch: &Epoch) {
        let record = epoch.record();
        let (list, grants) = (epoch.list().clone(), epoch.grants().to_vec());
        let grants = message::Grants { subscription: HELD, record: record.digest(), list, grants };
        if let Err(reason) = self.store_record(Arc::clone(record), grants) {
            tracing::error!(camera = %record.record().camera, "an epoch is not stored, nor its frames: {reason}");
        }
    }

    fn frame(&self, frame: &Arc<Verified<SignedFrame>>) -> Result<(), Full> {
        self.store_frame(Arc::clone(frame)).map_err(|_| Full)
    }

    fn tell(&self, camera: CameraId, tidings: Arc<Tidings>) {
        self.tell_camera(camera, tidings);
    }
}

impl History for Archive {
    fn problem(&self) -> Option<String> {
        Self::problem(self)
    }

    fn newest_epoch(&self, camera: CameraId) -> Option<Arc<Epoch>> {
        let found = Self::newest_epoch(self, camera);
        let found = found.inspect_err(|error| tracing::error!(%camera, "the newest epoch cannot be read: {error}")).ok()??;
        whole(&found).ok().map(Arc::new)
    }

    fn range(&self, camera: CameraId, asked: serve::Asked) -> Result<Reader, Unreadable> {
        let unreadable = move |error| {
            tracing::error!(%camera, "a range cannot be read: {error}");
            Unreadable
        };
        let serve::Asked { from, to, key_frames_only } = asked;
        let range = Self::range(self, camera, Asked { from, to, key_frames_only }).map_err(unreadable)?;
        Ok(Box::new(range.filter_map(move |item| item.map_err(unreadable).and_then(recorded).transpose())))
    }
}

fn whole(epoch: &super::range::Epoch) -> Result<Epoch, Unreadable> {
    let message::Grants { list, grants, .. } = epoch.grants.clone();
    Epoch::new(Arc::clone(&epoch.record), list, grants).map_err(|_| {
        tracing::error!("an epoch's grants are damaged in the archive");
        Unreadable
    })
}

fn recorded(item: Item) -> Result<Option<Recorded>, Unreadable> {
    Ok(match item {
        Item::Epoch(epoch) => Some(Recorded::Epoch(Arc::new(whole(&epoch)?))),
        Item::Frame(frame) => Some(Recorded::Frame(frame)),
        Item::Gap(gap) if gap.cause == Cause::Missing => Some(Recorded::Missing { session: gap.session, first: gap.first, last: gap.last }),
        // Whoever asked for a time does not miss what is from another one; who the camera is, is said by the roster of today.
        Item::Gap(_) | Item::Camera(_) | Item::End => None,
    })
}
