//! How an agent is.

use serde::Serialize;
use wire::id::{CameraId, SessionId};

use crate::pipeline::{self, Progress};
use crate::publish;
use crate::timing::{Stage, Summary};

/// More than one in so many pictures masked whole is worth a word.
const MANY: u64 = 10;

/// How an agent is at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// The camera's id.
    pub camera: String,
    /// The session's number.
    pub session: u64,
    /// What the pipeline did.
    pub pipeline: pipeline::Snapshot,
    /// How publishing goes, where it goes to a relay.
    pub publish: Option<publish::Status>,
    /// How long the stages take.
    pub stages: Vec<StageSummary>,
}

/// How long one stage takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StageSummary {
    /// Which.
    pub stage: Stage,
    /// How long.
    #[serde(flatten)]
    pub took: Summary,
}

impl Status {
    pub(super) fn new(camera: CameraId, session: SessionId, progress: &Progress, publish: Option<publish::Status>) -> Self {
        let stages = Stage::ALL.map(|stage| StageSummary { stage, took: progress.stages().summary(stage) });
        Self { camera: camera.to_string(), session: session.number, pipeline: progress.snapshot(), publish, stages: stages.to_vec() }
    }
}

/// One line for the log, and a word where the masks are not what the owner hopes for. Gives what `before` is the next time.
pub(super) fn report(progress: &Progress, before: &pipeline::Snapshot, publish: Option<publish::Status>) -> pipeline::Snapshot {
    let now = progress.snapshot();
    let publish = publish.unwrap_or_default();
    let spool = publish.spool.clone().unwrap_or_default();
    let crate::spool::Drops { behind, disk, age, full, .. } = spool.dropped;
    let lost = behind + disk + age + full;
    let took: Vec<String> =
        Stage::ALL.iter().map(|stage| format!("{} {:.1}", stage.name(), progress.stages().summary(*stage).p50_ms)).collect();
    let dropped = now.dropped;
    tracing::info!(
        signed = now.signed,
        fail_closed = now.fail_closed,
        overload = dropped.overload,
        rate = dropped.rate,
        source = dropped.source,
        failed = dropped.failed,
        connected = publish.connected,
        sent = publish.frames,
        offline = publish.dropped.offline,
        slow = publish.dropped.slow,
        cut = publish.dropped.cut,
        waiting = spool.waiting,
        acknowledged = spool.acknowledged,
        backfilled = spool.backfilled,
        lost = lost,
        epoch = now.epoch,
        detector = now.detector.as_deref().unwrap_or("off"),
        median_ms = took.join(", "),
        "running"
    );
    if let Some(why) = &spool.not_storing {
        tracing::warn!(%why, waiting = spool.waiting, bytes = spool.bytes, "the relay does not store what it gets: it is kept here");
    }
    if let Some(why) = &spool.problem {
        tracing::warn!(%why, "the spool cannot be written: what the relay does not get live is lost");
    }
    let (signed, whole) = (now.signed - before.signed, now.fail_closed - before.fail_closed);
    if whole * MANY > signed {
        tracing::warn!(
            of = signed,
            masked_whole = whole,
            "many pictures were masked whole, since no detection came in time: a smaller detect.width or a longer detect.look_ahead helps"
        );
    }
    now
}
