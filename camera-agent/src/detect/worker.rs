//! Runs a detector on a thread of its own, and outlives it.
//!
//! Nothing here waits: the pipeline offers pictures and collects detections, and in between the [`Worker`] notices that its detector is
//! late, broke down or hangs, and starts it again.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use wire::frame::DetectorState;

use super::{Detection, Detector, Error, Found, Look, Model, Rhythm, Schedule, Small};
use crate::capture::panic_text;
use crate::picture::{Picture, Size};

/// How many detections wait to be collected, at most: the pipeline collects with every picture.
const MAX_WAITING: usize = 16;

/// How many threads may hang before no further one is started.
const MAX_HANGING: usize = 2;

/// How many errors in a row it takes until the model is loaded again.
const MAX_ERRORS: u32 = 3;

/// How the worker behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often it looks, and how closely; it looks less often where it cannot keep up.
    pub rhythm: Rhythm,
    /// An answer that takes longer makes the state `late`.
    pub late: Duration,
    /// A detector that takes longer is given up, and another started.
    pub give_up: Duration,
    /// The first pause after a breakdown; it doubles, with jitter.
    pub pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// The size of the pictures that will come, if it is known: what to warm up for.
    pub warm_up: Option<Size>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            rhythm: Rhythm::default(),
            late: Duration::from_millis(500),
            give_up: Duration::from_secs(20),
            pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
            warm_up: None,
        }
    }
}

/// What was counted since the worker started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Pictures that were looked at.
    pub detections: u64,
    /// Pictures that nobody looked at, since a newer one came before the detector was idle.
    pub skipped: u64,
    /// Pictures about which it could not say anything.
    pub errors: u64,
    /// Breakdowns and hangs after which it was started again, or tried to.
    pub restarts: u64,
}

/// A detector that runs. Dropping it stops it.
pub struct Worker {
    model: Arc<dyn Model>,
    config: Config,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    schedule: Schedule,
}

#[derive(Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    /// Which thread may speak.
    generation: u64,
    pending: Option<Job>,
    busy: Option<Instant>,
    state: DetectorState,
    detections: VecDeque<Detection>,
    counters: Counters,
    spare: Vec<Small>,
    stopped: bool,
}

impl Default for Inner {
    fn default() -> Self {
        let (detections, counters) = (VecDeque::new(), Counters::default());
        Self {
            generation: 0,
            pending: None,
            busy: None,
            state: DetectorState::Warming,
            detections,
            counters,
            spare: Vec::new(),
            stopped: false,
        }
    }
}

struct Job {
    number: u64,
    at: Instant,
    look: Look,
    small: Small,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    /// Begins to load the model, on its own thread.
    #[must_use]
    pub fn start(model: Arc<dyn Model>, config: Config) -> Self {
        let schedule = Schedule::new(config.rhythm);
        let mut worker = Self { model, config, shared: Arc::default(), threads: Vec::new(), schedule };
        worker.spawn();
        worker
    }

    /// The detector's name and version.
    #[must_use]
    pub fn name(&self) -> String {
        self.model.name()
    }

    /// Shows it a picture: it will look at the newest one that was due as soon as it is idle. Costs a small copy where it is due.
    pub fn offer(&mut self, picture: &Picture) {
        self.look_after();
        let Some(due) = self.schedule.due(picture.at) else { return };
        let mut inner = self.shared.lock();
        // A thorough look that it did not come to is made up for at once.
        let look = inner.pending.as_ref().map_or(due, |job| if job.look == Look::Thorough { job.look } else { due });
        let spare = inner.spare.pop();
        drop(inner);
        let size = self.model.copy(picture.size(), look);
        let mut small = spare.unwrap_or_else(|| Small::blank(picture.size(), size));
        if let Err(error) = small.show(&picture.planes, size) {
            tracing::warn!(%error, "no small copy could be made");
            return;
        }
        let mut inner = self.shared.lock();
        if let Some(before) = inner.pending.replace(Job { number: picture.number, at: picture.at, look, small }) {
            inner.counters.skipped += 1;
            inner.spare.push(before.small);
        }
        drop(inner);
        self.shared.changed.notify_all();
    }

    /// What it found since this was last called, in the order of the pictures.
    #[must_use]
    pub fn detections(&mut self) -> Vec<Detection> {
        self.shared.lock().detections.drain(..).collect()
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> DetectorState {
        let inner = self.shared.lock();
        match (inner.state, inner.busy) {
            (DetectorState::Ready, Some(since)) if since.elapsed() > self.config.late => DetectorState::Late,
            (state, _) => state,
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.shared.lock().counters
    }

    /// Starts another thread when the present one hangs or is gone.
    fn look_after(&mut self) {
        let gone = self.threads.last().is_none_or(JoinHandle::is_finished);
        self.threads.retain(|thread| !thread.is_finished());
        let hangs = self.shared.lock().busy.is_some_and(|since| since.elapsed() > self.config.give_up);
        if !(gone || hangs) || self.threads.len() > MAX_HANGING {
            return;
        }
        tracing::error!(detector = self.name(), hangs, "the detector is started again");
        self.shared.lock().counters.restarts += 1;
        self.spawn();
    }

    fn spawn(&mut self) {
        let mut inner = self.shared.lock();
        inner.generation += 1;
        inner.busy = None;
        // A detector that hangs was `late`, and is `failed` from here until another one answers.
        inner.state = if inner.generation == 1 { DetectorState::Warming } else { DetectorState::Failed };
        let generation = inner.generation;
        drop(inner);
        let (model, config, shared) = (self.model.clone(), self.config.clone(), self.shared.clone());
        let body = move || Thread { model, pauses: pauses(&config), config, shared, generation }.run();
        match thread::Builder::new().name("detect".into()).spawn(body) {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                tracing::error!(%error, "no thread for the detector");
                self.shared.lock().state = DetectorState::Failed;
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_all();
        // A detection takes a while and may hang: nobody waits for it.
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Worker({}, {})", self.name(), self.state())
    }
}

fn pauses(config: &Config) -> ExponentialBackoff {
    let builder = ExponentialBuilder::new().with_jitter().without_max_times();
    builder.with_min_delay(config.pause).with_max_delay(config.longest_pause).build()
}

/// One thread: loads the model, looks at pictures, and starts over when the detector broke down.
struct Thread {
    model: Arc<dyn Model>,
    config: Config,
    shared: Arc<Shared>,
    generation: u64,
    pauses: ExponentialBackoff,
}

impl Thread {
    fn run(mut self) {
        while self.current() {
            let error = match caught(|| self.load()) {
                Ok(detector) => match self.serve(detector) {
                    Some(error) => error,
                    None => return,
                },
                Err(error) => error,
            };
            let state = if matches!(error, Error::Missing { .. }) { DetectorState::Missing } else { DetectorState::Failed };
            let pause = self.pauses.next().unwrap_or(self.config.longest_pause);
            tracing::error!(%error, pause_ms = pause.as_millis(), "the detector is not available");
            self.tell(|inner| {
                inner.state = state;
                inner.busy = None;
                inner.counters.restarts += 1;
            });
            self.rest(pause);
        }
    }

    /// Loads the model and lets it look at nothing once, so that its first answer takes no longer than the others.
    fn load(&self) -> Result<Box<dyn Detector>, Error> {
        let mut detector = self.model.load()?;
        if let Some(size) = self.config.warm_up {
            for look in [Look::Thorough, Look::Quick] {
                detector.detect(&Small::blank(size, self.model.copy(size, look)))?;
            }
        }
        // After a breakdown the state stays until there is an answer.
        Ok(detector)
    }

    /// Looks at pictures until it is stopped (`None`) or the detector cannot be used any more.
    fn serve(&mut self, mut detector: Box<dyn Detector>) -> Option<Error> {
        let mut errors = 0;
        while let Some(job) = self.next() {
            let began = Instant::now();
            let outcome = catch_unwind(AssertUnwindSafe(|| detector.detect(&job.small)));
            let took = began.elapsed();
            let result = match outcome {
                Ok(result) => result,
                Err(panic) => return Some(Error::Panicked(panic_text(panic.as_ref()))),
            };
            let error = match result {
                Ok(faces) => {
                    errors = 0;
                    self.pauses = pauses(&self.config);
                    self.answer(job, &faces, took);
                    continue;
                }
                Err(error) => error,
            };
            errors += 1;
            self.tell(|inner| {
                inner.state = DetectorState::Failed;
                inner.busy = None;
                inner.counters.errors += 1;
            });
            if errors >= MAX_ERRORS {
                return Some(error);
            }
            tracing::warn!(%error, picture = job.number, "no detection");
        }
        None
    }

    /// Waits for a picture; `None` when this thread is not needed any more.
    fn next(&self) -> Option<Job> {
        let mut inner = self.shared.lock();
        loop {
            if inner.stopped || inner.generation != self.generation {
                return None;
            }
            if let Some(job) = inner.pending.take() {
                inner.busy = Some(Instant::now());
                return Some(job);
            }
            inner = self.shared.changed.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn answer(&self, job: Job, faces: &[Found], took: Duration) {
        let Job { number, at, look, small } = job;
        let detection = Detection::new(self.model.as_ref(), (number, at), &small, look, faces, took);
        self.tell(|inner| {
            inner.state = DetectorState::Ready;
            inner.busy = None;
            inner.counters.detections += 1;
            inner.detections.push_back(detection);
            if inner.detections.len() > MAX_WAITING {
                inner.detections.pop_front();
            }
            inner.spare.push(small);
            inner.spare.truncate(3);
        });
    }

    /// Changes what others see, unless this thread was given up.
    fn tell(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.shared.lock();
        if inner.generation == self.generation {
            change(&mut inner);
        }
    }

    fn current(&self) -> bool {
        let inner = self.shared.lock();
        !inner.stopped && inner.generation == self.generation
    }

    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut inner = self.shared.lock();
        while !inner.stopped && inner.generation == self.generation {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            inner = self.shared.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// A panic is an error like any other.
fn caught<T>(act: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| Err(Error::Panicked(panic_text(panic.as_ref()))))
}

#[cfg(test)]
mod tests;
