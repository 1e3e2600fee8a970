//! What the pipeline did so far, for the log, the tests and whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use wire::frame::{DetectorState, LayerKind, SignedFrame};

use crate::timing::Stages;
use crate::{capture, detect, mask};

/// Shared by the pipeline, which writes, and whoever reads.
#[derive(Debug, Default)]
pub struct Progress {
    stages: Stages,
    now: Mutex<Snapshot>,
}

/// Pictures that were captured and not published, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Drops {
    /// The pipeline was too slow for the source.
    pub overload: u64,
    /// The source delivered no usable picture, or one without a time.
    pub source: u64,
    /// They would have exceeded the bitrate.
    pub rate: u64,
    /// Masking, encoding, sealing or signing failed.
    pub failed: u64,
}

/// Bytes of the signed frames, by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Bytes {
    /// Public layers.
    pub public: u64,
    /// Sealed layers.
    pub sealed: u64,
    /// All of it: header, regions, digests and signature too.
    pub frames: u64,
}

/// The progress at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Pictures that the source delivered.
    pub captured: u64,
    /// Frames that were signed.
    pub signed: u64,
    /// Among them: masked whole because the masks could not be vouched for.
    pub fail_closed: u64,
    /// Pictures that were not published.
    pub dropped: Drops,
    /// Bytes of the signed frames.
    pub bytes: Bytes,
    /// How often the source was opened again.
    pub reopened: u64,
    /// The detector's state, where there is one.
    pub detector: Option<String>,
    /// Pictures that it looked at.
    pub detections: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// The running epoch.
    pub epoch: u64,
}

impl Progress {
    /// How long the stages take.
    #[must_use]
    pub const fn stages(&self) -> &Stages {
        &self.stages
    }

    /// The progress at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn front(&self, source: capture::Counters, plan: mask::Counters, detector: Option<(DetectorState, detect::Counters)>) {
        let mut now = self.lock();
        now.captured = source.delivered;
        now.reopened = source.reopened;
        now.dropped.overload = source.overtaken + plan.overload;
        now.dropped.source = source.garbage + source.clock + source.stale;
        if let Some((state, counters)) = detector {
            now.detector = Some(state.to_string());
            now.detections = counters.detections;
            now.restarts = counters.restarts;
        }
    }

    pub(super) fn epoch(&self, epoch: u64) {
        self.lock().epoch = epoch;
    }

    pub(super) fn signed(&self, frame: &SignedFrame) {
        let length = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut now = self.lock();
        now.signed += 1;
        now.fail_closed += u64::from(frame.header().flags.fail_closed);
        now.bytes.frames += length(frame.bytes().len());
        for layer in frame.layers() {
            let bytes = length(layer.present().map_or(0, bytes::Bytes::len));
            match layer.kind {
                LayerKind::Public => now.bytes.public += bytes,
                LayerKind::Sealed(_) => now.bytes.sealed += bytes,
            }
        }
    }

    /// A picture is not published, since the bitrate does not allow it.
    pub(super) fn over_rate(&self) {
        self.lock().dropped.rate += 1;
    }

    /// A picture is not published, for that reason.
    pub(super) fn failed(&self, error: &dyn std::error::Error) {
        let times = {
            let mut now = self.lock();
            now.dropped.failed += 1;
            now.dropped.failed
        };
        // Said once, then at every doubling: a full disk must not fill the log.
        if times.is_power_of_two() {
            tracing::error!(%error, times, "a picture is not published");
        }
    }
}
