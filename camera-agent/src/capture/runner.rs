//! The threads of capture: one runs the source, one watches it.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use super::slot::Slot;
use super::{About, Clock, Counters, Error, Opener, Step, Taken};
use crate::picture::Pool;

/// How many threads may hang in a device that neither answers nor can be interrupted, before waiting for one of them to come back.
const MAX_HANGING: usize = 3;

/// How often the watching thread looks.
const LOOK: Duration = Duration::from_millis(50);

/// How capture behaves.
#[derive(Debug, Clone)]
pub struct Config {
    /// A source that delivers nothing for so long is opened again. Slow sources get three of their intervals.
    pub silence: Duration,
    /// The first pause before opening again; it doubles, with jitter.
    pub pause: Duration,
    /// The longest such pause.
    pub longest_pause: Duration,
    /// The least pause after a refusal that time alone will not cure, as a wrong password.
    pub long_pause: Duration,
    /// How long opening may take.
    pub open_within: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(5),
            pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            long_pause: Duration::from_secs(300),
            open_within: Duration::from_secs(15),
        }
    }
}

/// A source that runs. Dropping it stops capture.
pub struct Capture {
    slot: Arc<Slot>,
    about: About,
    watcher: Option<JoinHandle<()>>,
}

impl Capture {
    /// Opens the source and lets it run.
    ///
    /// # Errors
    /// When it cannot be opened the first time, or the clock is not set. Later trouble is logged, counted, and tried again.
    pub fn start(opener: Arc<Opener>, config: Config, clock: Clock) -> Result<Self, Error> {
        clock.now()?;
        let slot = Arc::new(Slot::default());
        let (tell, told) = channel();
        let mut watcher = Watcher { opener, config, clock, slot: slot.clone(), opening: 0, about: None, tell, told, hanging: Vec::new() };
        let about = watcher.first()?;
        watcher.about = Some(about.clone());
        let watcher = thread::Builder::new().name("capture watch".into()).spawn(move || watcher.run()).map_err(Error::Thread)?;
        Ok(Self { slot, about, watcher: Some(watcher) })
    }

    /// What the source said about itself when it was first opened.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.about
    }

    /// Waits at most so long for a picture that was not taken yet.
    #[must_use]
    pub fn take(&self, within: Duration) -> Taken {
        self.slot.take(within)
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.slot.lock().counters
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        self.slot.stop();
        // The watcher looks many times a second; a source that hangs in its device is left behind, not waited for.
        if let Some(watcher) = self.watcher.take() {
            let _ = watcher.join();
        }
    }
}

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({})", self.about.text)
    }
}

/// What a source's thread tells the watcher, with the number of the opening.
enum News {
    Opened(About),
    Ended(Result<(), Error>),
}

/// Why an opening is over.
enum Over {
    Stopped,
    Ended,
    Failed(Error),
}

struct Watcher {
    opener: Arc<Opener>,
    config: Config,
    clock: Clock,
    slot: Arc<Slot>,
    opening: u64,
    about: Option<About>,
    tell: Sender<(u64, News)>,
    told: Receiver<(u64, News)>,
    hanging: Vec<JoinHandle<()>>,
}

impl Watcher {
    /// Opens the source for the first time, and waits until that worked.
    fn first(&mut self) -> Result<About, Error> {
        let handle = self.open()?;
        let news = self.told.recv_timeout(self.config.open_within);
        self.hanging.push(handle);
        match news {
            Ok((_, News::Opened(about))) => Ok(about),
            Ok((_, News::Ended(Err(error)))) => Err(error),
            Ok((_, News::Ended(Ok(())))) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                self.slot.stop();
                Err(Error::Silent(self.config.open_within))
            }
        }
    }

    fn run(mut self) {
        let mut pauses = self.pauses();
        loop {
            let error = match self.watch() {
                Over::Stopped => return,
                Over::Ended => return self.slot.end(None),
                Over::Failed(error) => error,
            };
            if error.step() == Step::End || self.about.as_ref().is_some_and(|about| !about.reopen) {
                tracing::error!(%error, "capture ends");
                return self.slot.end(Some(Arc::new(error)));
            }
            if self.slot.lock().fruitful {
                pauses = self.pauses();
            }
            let pause = pauses.next().unwrap_or(self.config.longest_pause);
            let pause = if error.lasting() { pause.max(self.config.long_pause) } else { pause };
            tracing::warn!(%error, pause_ms = pause.as_millis(), "the source is opened again");
            if !self.rest(pause) {
                return;
            }
            match self.open() {
                Ok(handle) => self.hanging.push(handle),
                Err(error) => return self.slot.end(Some(Arc::new(error))),
            }
            self.slot.lock().counters.reopened += 1;
        }
    }

    fn pauses(&self) -> ExponentialBackoff {
        ExponentialBuilder::new()
            .with_jitter()
            .without_max_times()
            .with_min_delay(self.config.pause)
            .with_max_delay(self.config.longest_pause)
            .build()
    }

    /// Waits before opening again, and for as long as too many threads hang. Returns whether to go on.
    fn rest(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            self.hanging.retain(|handle| !handle.is_finished());
            if self.slot.stopped() {
                return false;
            }
            if Instant::now() >= until && self.hanging.len() < MAX_HANGING {
                return true;
            }
            thread::sleep(LOOK.min(pause));
        }
    }

    /// A thread that opens the source and runs it.
    fn open(&mut self) -> Result<JoinHandle<()>, Error> {
        self.opening += 1;
        let opening = self.opening;
        self.slot.begin(opening);
        let (opener, slot, clock, tell) = (self.opener.clone(), self.slot.clone(), self.clock.clone(), self.tell.clone());
        let body = move || {
            let result = catch_unwind(AssertUnwindSafe(|| serve(&*opener, &slot, &clock, opening, &tell)));
            let result = result.unwrap_or_else(|panic| Err(Error::Panicked(super::panic_text(panic.as_ref()))));
            let _ = tell.send((opening, News::Ended(result)));
        };
        thread::Builder::new().name("capture".into()).spawn(body).map_err(Error::Thread)
    }

    /// Waits until the present opening is over.
    fn watch(&mut self) -> Over {
        loop {
            match self.told.recv_timeout(LOOK) {
                Ok((opening, News::Opened(said))) if opening == self.opening => self.about = Some(said),
                Ok((opening, News::Ended(result))) if opening == self.opening => {
                    return match result {
                        Ok(()) if self.slot.stopped() => Over::Stopped,
                        Ok(()) => Over::Ended,
                        Err(error) => Over::Failed(error),
                    };
                }
                Ok(_) | Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.slot.stopped() {
                return Over::Stopped;
            }
            let interval = self.about.as_ref().and_then(|about| about.interval).unwrap_or_default();
            let state = self.slot.lock();
            let patience = if state.open { self.config.silence.max(interval * 3) } else { self.config.open_within };
            let silent = state.heard.is_some_and(|heard| heard.elapsed() > patience);
            drop(state);
            if silent && self.about.as_ref().is_none_or(|about| about.reopen) {
                // From here on that opening delivers nothing, should it wake up.
                self.slot.lock().opening = 0;
                return Over::Failed(Error::Silent(patience));
            }
        }
    }
}

/// Runs one opening of the source until it ends.
fn serve(opener: &Opener, slot: &Slot, clock: &Clock, opening: u64, tell: &Sender<(u64, News)>) -> Result<(), Error> {
    let mut source = opener()?;
    let about = source.about();
    slot.opened(opening);
    let _ = tell.send((opening, News::Opened(about.clone())));
    let pool = Pool::new(4);
    let mut due = Instant::now();
    while !slot.stopped() {
        let error = match source.next(&pool) {
            Ok(None) => return Ok(()),
            Ok(Some(planes)) => {
                if let Some(interval) = about.interval {
                    if !slot.sleep(opening, due) {
                        return Ok(());
                    }
                    // A source that fell behind does not catch up in a burst.
                    due = (due + interval).max(Instant::now());
                }
                match clock.now() {
                    Ok(stamp) if slot.deliver(opening, planes, stamp, !about.live) => continue,
                    Ok(_) => return Ok(()),
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        if error.step() != Step::Skip {
            return Err(error);
        }
        let mut state = slot.lock();
        let counter = match error {
            Error::Clock => &mut state.counters.clock,
            _ => &mut state.counters.garbage,
        };
        *counter += 1;
        // Said once, then at every doubling: a broken cable must not fill the log.
        if counter.is_power_of_two() {
            tracing::warn!(%error, times = *counter, "a picture is dropped");
        }
    }
    Ok(())
}
