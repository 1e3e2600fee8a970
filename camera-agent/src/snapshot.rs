//! One picture as the public would see it, through the same masks as every frame.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;

use crate::agent::{self, Error};
use crate::capture::{self, Capture, Clock, Opener};
use crate::config::Config;
use crate::detect::{self, Model, Worker};
use crate::encode;
use crate::mask::Masked;
use crate::pipeline::{Front, Next, Progress};

/// How long to wait for a picture whose masks can be vouched for.
const PATIENCE: Duration = Duration::from_secs(20);

/// A masked picture.
#[derive(Debug, Clone, Serialize)]
pub struct Shot {
    /// The file.
    #[serde(skip)]
    pub jpeg: Bytes,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// How many rectangles are masked.
    pub regions: usize,
    /// Masked whole, because no picture came whose masks could be vouched for.
    pub fail_closed: bool,
    /// What the detector said.
    pub detector: String,
}

/// Takes one. Waits for the detector; where it does not answer in time, the picture is masked whole. Blocks.
///
/// # Errors
/// When the source delivers nothing, or the picture cannot be encoded.
pub fn take(config: &Config, source: Arc<Opener>, detector: Option<Arc<dyn Model>>) -> Result<Shot, Error> {
    let capture = Capture::start(source, config.source.capture(), Clock::system())?;
    let size = capture.about().size;
    let worker = detector.filter(|_| config.detect.on);
    let worker = worker.map(|model| Worker::start(model, detect::Config { warm_up: size, ..config.detect.worker() }));
    let masks = agent::masks(config, size);
    let mut front = Front::new(capture, worker, masks, config.masking.fill(), Arc::new(Progress::default()));
    let masked = best(&mut front, Instant::now() + PATIENCE)?;
    let encoded = encode::Config::Jpeg { quality: config.encode.quality }.start()?.encode(&masked)?;
    let plan = masked.plan();
    Ok(Shot {
        jpeg: encoded.public,
        width: plan.size().width(),
        height: plan.size().height(),
        regions: plan.regions().len(),
        fail_closed: plan.fail_closed(),
        detector: plan.detector().to_string(),
    })
}

/// The first picture whose masks can be vouched for, or else the last one, masked whole.
fn best(front: &mut Front, until: Instant) -> Result<Masked, Error> {
    let mut last = None;
    loop {
        match front.next(until.saturating_duration_since(Instant::now())) {
            Next::Masked(masked) if !masked.plan().fail_closed() => return Ok(masked),
            Next::Masked(masked) => last = Some(masked),
            Next::Nothing => return last.ok_or(Error::Capture(capture::Error::Silent(PATIENCE))),
            Next::Ended(Some(why)) => return last.ok_or(Error::Ended(why)),
            Next::Ended(None) => return last.ok_or(Error::Capture(capture::Error::Silent(PATIENCE))),
        }
        if Instant::now() >= until
            && let Some(masked) = last.take()
        {
            return Ok(masked);
        }
    }
}

#[cfg(test)]
mod tests;
