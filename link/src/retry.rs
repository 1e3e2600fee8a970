//! Again and again: one attempt fails, the next comes after a growing, jittered, capped wait.

use std::fmt::Display;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::{Instant, sleep};

use crate::shutdown::Shutdown;

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// About the first wait; up to twice as long, by chance, so that a thousand agents don't come back at one instant.
    pub first: Duration,
    /// No wait is longer.
    pub longest: Duration,
    /// An attempt that held this long was a success: the next wait is a first one again.
    pub stable: Duration,
}

impl Pace {
    /// For connections: from 0.5 s to 30 s, stable after a minute.
    pub const CONNECTION: Self =
        Self { first: Duration::from_millis(500), longest: Duration::from_secs(30), stable: Duration::from_secs(60) };

    fn waits(&self) -> impl Iterator<Item = Duration> + use<> {
        // The jitter adds up to as much again.
        let longest = self.longest / 2;
        ExponentialBuilder::new()
            .with_min_delay(self.first.min(longest))
            .with_max_delay(longest)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter()
            .build()
    }
}

/// How an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure<E> {
    /// Trying again may help: nobody answered, the connection was lost.
    Again(E),
    /// Trying again cannot help: a changed root, a revoked certificate.
    Final(E),
}

/// Runs attempts until one ends in order, one fails for good, or it is time to stop.
///
/// `once` fails when its connection does, and is called again. While it runs, draining is its own to observe; aborting drops it. Between
/// attempts either ends it. `None` means stopped.
pub async fn run<T, E, F>(stop: &Shutdown, pace: &Pace, what: &str, mut once: impl FnMut() -> F) -> Option<Result<T, E>>
where
    E: Display,
    F: Future<Output = Result<T, Failure<E>>>,
{
    let mut waits = pace.waits();
    while !stop.is_draining() {
        let begin = Instant::now();
        let result = tokio::select! {
            biased;
            () = stop.aborted() => return None,
            result = once() => result,
        };
        let error = match result {
            Ok(done) => return Some(Ok(done)),
            Err(Failure::Final(error)) => return Some(Err(error)),
            Err(Failure::Again(error)) => error,
        };
        if begin.elapsed() >= pace.stable {
            waits = pace.waits();
        }
        let wait = waits.next().unwrap_or(pace.longest);
        if !stop.is_draining() {
            tracing::warn!(%error, again_in = ?wait, "{what}");
        }
        tokio::select! {
            biased;
            () = stop.draining() => return None,
            () = sleep(wait) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use std::cell::{Cell, RefCell};

    use super::*;

    const PACE: Pace = Pace::CONNECTION;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_to_a_cap_and_start_anew_after_a_stable_time() {
        let begins = RefCell::new(Vec::new());
        let stop = Shutdown::new();
        let result = run(&stop, &PACE, "lost", || {
            begins.borrow_mut().push(Instant::now());
            let attempt = begins.borrow().len();
            async move {
                match attempt {
                    12 => sleep(PACE.stable).await,
                    14 => return Ok("done"),
                    _ => {}
                }
                Err(Failure::Again("lost"))
            }
        });
        assert_eq!(result.await, Some(Ok("done")));
        let begins = begins.into_inner();
        let waits: Vec<_> = begins.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(waits[0] >= PACE.first && waits[0] <= PACE.first * 2 + Duration::from_millis(2), "{waits:?}");
        assert!(waits[10] >= PACE.longest / 2 && waits.iter().take(11).all(|wait| *wait <= PACE.longest + Duration::from_millis(2)));
        let after_stable = waits[11] - PACE.stable;
        assert!(after_stable <= PACE.first * 2 + Duration::from_millis(2), "{waits:?}");
        assert!(waits[12] > PACE.first, "{waits:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_help_is_not_tried_again() {
        let attempts = Cell::new(0);
        let result: Option<Result<(), _>> = run(&Shutdown::new(), &PACE, "lost", || {
            attempts.set(attempts.get() + 1);
            async { Err(Failure::Final("another root")) }
        })
        .await;
        assert_eq!((result, attempts.get()), (Some(Err("another root")), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_is_observed_between_attempts_and_in_them() {
        let stop = Shutdown::new();
        let waiting: Option<Result<(), _>> = run(&stop, &PACE, "lost", || {
            stop.drain();
            async { Err(Failure::Again("lost")) }
        })
        .await;
        assert_eq!(waiting, None);

        let stop = Shutdown::new();
        let hanging = run(&stop, &PACE, "lost", || {
            stop.abort();
            std::future::pending::<Result<(), Failure<&str>>>()
        });
        assert_eq!(hanging.await, None);

        // Draining does not cut an attempt: it may have a goodbye to say.
        let stop = Shutdown::new();
        let goodbye = run(&stop, &PACE, "lost", || {
            stop.drain();
            async {
                sleep(Duration::from_secs(1)).await;
                Ok::<_, Failure<&str>>("goodbye")
            }
        });
        assert_eq!(goodbye.await, Some(Ok("goodbye")));
    }
}
