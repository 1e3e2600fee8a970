//! Verifying what is read back: only verified frames leave the archive, just as only verified ones enter it.

use std::sync::Arc;

use wire::epoch::EpochRecord;
use wire::frame::{Frame, SignedFrame};
use wire::id::CameraId;
use wire::sign::SignedRecord;
use wire::verify::{self, Group, Record, Refusal, Verified};

/// What has been read of one segment so far: the camera, the record in force, the group that is open.
#[derive(Default)]
pub(in super::super) struct Walk {
    camera: Option<CameraId>,
    record: Option<Arc<Verified<Record>>>,
    group: Option<Group>,
}

impl Walk {
    /// Whose segment it is, once a record was read.
    pub(in super::super) const fn camera(&self) -> Option<CameraId> {
        self.camera
    }

    /// Takes in a record. All of a segment's are of one camera.
    pub(in super::super) fn record(&mut self, signed: SignedRecord) -> Result<&Arc<Verified<Record>>, Refusal> {
        let camera = match self.camera {
            Some(camera) => camera,
            None => EpochRecord::from_bytes(signed.record.clone())?.camera,
        };
        if self.record.as_ref().is_none_or(|record| *record.signed() != signed) {
            (self.record, self.group) = (None, None);
            self.record = Some(Arc::new(verify::record(signed, camera)?));
        }
        self.camera = Some(camera);
        self.record.as_ref().ok_or(Refusal::OtherRecord)
    }

    /// Takes in a frame of that session.
    pub(in super::super) fn frame(&mut self, session: u64, frame: Frame) -> Result<Verified<SignedFrame>, Refusal> {
        let verified = self.verify(frame);
        match &verified {
            Ok(frame) if frame.context().session.number != session => Err(Refusal::OtherSession),
            Ok(_) => verified,
            Err(_) => {
                self.group = None;
                verified
            }
        }
    }

    fn verify(&mut self, frame: Frame) -> Result<Verified<SignedFrame>, Refusal> {
        if frame.context.is_none() {
            return self.group.as_mut().ok_or(Refusal::NoKeyFrame)?.next(frame);
        }
        let record = self.record.as_ref().ok_or(Refusal::OtherRecord)?;
        let (group, verified) = Group::open(record, frame)?;
        self.group = Some(group);
        Ok(verified)
    }

    /// A frame was left out: the rest of its group cannot be verified.
    pub(in super::super) fn skip(&mut self) {
        self.group = None;
    }
}
