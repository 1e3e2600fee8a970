//! The front half: from the source to the masked picture.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::capture::{self, Capture, Taken};
use crate::detect::Worker;
use crate::mask::{self, Change, Fill, Masked, Meta, Planner, Release};
use crate::picture::{Picture, Pool};
use crate::timing::{Stage, Stages};

use super::Progress;

/// How often detections are collected while pictures wait for them.
const COLLECT: Duration = Duration::from_millis(5);

/// How many pictures wait at most when the source can wait as well.
const PATIENT: usize = 16;

/// How many buffers for originals are kept.
const POOL: usize = 32;

/// What [`Front::next`] found.
#[derive(Debug)]
pub enum Next {
    /// The next picture, masked.
    Masked(Masked),
    /// None within the time.
    Nothing,
    /// There will be no more; the reason, unless the source just came to its end.
    Ended(Option<Arc<capture::Error>>),
}

/// Captures, detects, plans and masks.
pub struct Front {
    capture: Capture,
    detector: Option<Worker>,
    planner: Planner<Picture>,
    fill: Fill,
    change: Change,
    pool: Pool,
    ready: VecDeque<Release<Picture>>,
    ended: Option<Option<Arc<capture::Error>>>,
    progress: Arc<Progress>,
}

impl Front {
    /// For a source that runs. Without a detector the planner must not be told to look for faces.
    #[must_use]
    pub fn new(capture: Capture, detector: Option<Worker>, config: mask::Config, fill: Fill, progress: Arc<Progress>) -> Self {
        let (planner, pool, ready) = (Planner::new(config), Pool::new(POOL), VecDeque::new());
        Self { capture, detector, planner, fill, change: Change::default(), pool, ready, ended: None, progress }
    }

    /// The same with masks that may change from one picture to the next.
    #[must_use]
    pub fn following(self, change: Change) -> Self {
        Self { change, ..self }
    }

    /// Waits at most so long for the next masked picture.
    #[must_use]
    pub fn next(&mut self, within: Duration) -> Next {
        let until = Instant::now() + within;
        loop {
            while let Some(release) = self.ready.pop_front() {
                if let Some(masked) = self.mask(release) {
                    return Next::Masked(masked);
                }
            }
            if let Some(reason) = self.ended.as_ref().filter(|_| self.planner.waiting() == 0) {
                return Next::Ended(reason.clone());
            }
            let now = Instant::now();
            if now >= until {
                return Next::Nothing;
            }
            self.take(self.nap(now, until));
            self.hear();
            self.ready.extend(self.planner.due(Instant::now()));
            self.note();
        }
    }

    /// What was measured.
    #[must_use]
    pub fn stages(&self) -> &Stages {
        self.progress.stages()
    }

    /// How long to wait for a picture: until the oldest is due, or detections are to be collected.
    fn nap(&self, now: Instant, until: Instant) -> Duration {
        let wake = self.planner.next_due().map_or(until, |due| due.min(until).min(now + COLLECT));
        wake.saturating_duration_since(now)
    }

    /// Takes the newest picture, if one comes within that time.
    fn take(&mut self, within: Duration) {
        // A source that can wait is not asked for more than what may wait here.
        let full = !self.capture.about().live && self.planner.waiting() >= PATIENT;
        if full || self.ended.is_some() {
            thread::sleep(within.max(Duration::from_millis(1)));
            return self.renew();
        }
        let taken = self.capture.take(within);
        // Right before the picture is planned: one captured after a change must not be masked as before.
        self.renew();
        match taken {
            Taken::Picture(picture) => {
                if let Some(detector) = self.detector.as_mut().filter(|_| self.planner.wants_detections()) {
                    self.progress.stages().time(Stage::Convert, || detector.offer(&picture));
                }
                let meta = Meta { number: picture.number, at: picture.at, size: picture.size() };
                self.planner.push(meta, picture);
            }
            Taken::Nothing => {}
            Taken::Ended(reason) => self.ended = Some(reason),
        }
    }

    /// Takes over other masks, if any were announced.
    fn renew(&mut self) {
        if let Some((config, fill)) = self.change.take() {
            self.planner.replace(&config);
            self.fill = fill;
        }
    }

    /// What the detector said by now.
    fn hear(&mut self) {
        let Some(detector) = &mut self.detector else { return };
        self.planner.detector_is(detector.state());
        for detection in detector.detections() {
            self.progress.stages().record(Stage::Detect, detection.took);
            self.planner.detection(&detection);
        }
    }

    fn mask(&mut self, release: Release<Picture>) -> Option<Masked> {
        let Release { picture, plan, .. } = release;
        let masked = self.progress.stages().time(Stage::Mask, || mask::apply(picture, plan, self.fill, &self.pool));
        masked.map_err(|error| self.progress.failed(&error)).ok()
    }

    fn note(&self) {
        let wanted = self.planner.wants_detections();
        let detector = self.detector.as_ref().filter(|_| wanted).map(|detector| (detector.state(), detector.counters()));
        self.progress.front(self.capture.counters(), self.planner.counters(), detector);
    }
}
