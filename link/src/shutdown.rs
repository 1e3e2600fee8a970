//! How a program stops: the first signal lets work finish, the second ends it.
//!
//! Draining means: take no new work, write down what must not be lost, say goodbye. Aborting means: now.

use std::io;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A handle on the stopping of a program; clones are the same handle.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
}

/// Work was cut off before it was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped before it was finished")]
pub struct CutOff;

impl Shutdown {
    /// Nothing has been asked for yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks once more, as a signal does: the first time to drain, the second time to abort.
    pub fn request(&self) {
        if self.drain.is_cancelled() {
            self.abort();
        } else {
            self.drain();
        }
    }

    /// Asks to finish.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Asks to end now; whoever only waits for draining hears it too.
    pub fn abort(&self) {
        self.drain.cancel();
        self.abort.cancel();
    }

    /// Whether it is time to finish.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether it is time to end now.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.abort.is_cancelled()
    }

    /// Waits until it is time to finish.
    pub async fn draining(&self) {
        self.drain.cancelled().await;
    }

    /// Waits until it is time to end now.
    pub async fn aborted(&self) {
        self.abort.cancelled().await;
    }

    /// A handle for a part: stopping the part leaves the whole running, stopping the whole stops the part.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { drain: self.drain.child_token(), abort: self.abort.child_token() }
    }

    /// Lets work run to its end; from the first request on it has this much time left, and none after the second.
    ///
    /// # Errors
    /// It was cut off.
    pub async fn finish<T>(&self, within: Duration, work: impl Future<Output = T>) -> Result<T, CutOff> {
        let late = async {
            self.draining().await;
            sleep(within).await;
        };
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = self.aborted() => Err(CutOff),
            () = late => Err(CutOff),
        }
    }

    /// Makes SIGINT and SIGTERM requests, from now until the program ends. Call it inside the tokio runtime.
    ///
    /// # Errors
    /// The system gives no signal handler.
    pub fn on_signals(&self) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let shutdown = self.clone();
        tokio::spawn(async move {
            while !shutdown.is_aborted() {
                let name = tokio::select! {
                    _ = interrupt.recv() => "SIGINT",
                    _ = terminate.recv() => "SIGTERM",
                };
                let next = if shutdown.is_draining() { "ending now" } else { "finishing; once more ends at once" };
                tracing::info!(signal = name, "{next}");
                shutdown.request();
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test(start_paused = true)]
    async fn the_first_request_drains_and_the_second_aborts() {
        let shutdown = Shutdown::new();
        let task = tokio::spawn({
            let shutdown = shutdown.clone();
            async move {
                shutdown.draining().await;
                let drained = shutdown.is_aborted();
                shutdown.aborted().await;
                drained
            }
        });
        shutdown.request();
        tokio::task::yield_now().await;
        assert!(shutdown.is_draining() && !shutdown.is_aborted() && !task.is_finished());
        shutdown.request();
        assert!(!task.await.unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn work_may_finish_but_not_forever() {
        let shutdown = Shutdown::new();
        assert_eq!(shutdown.finish(LONG, async { 7 }).await, Ok(7));
        shutdown.drain();
        assert_eq!(shutdown.finish(LONG, async { 7 }).await, Ok(7));
        assert_eq!(shutdown.finish(LONG, std::future::pending::<()>()).await, Err(CutOff));
        shutdown.abort();
        assert_eq!(shutdown.finish(LONG, std::future::pending::<()>()).await, Err(CutOff));
    }

    #[test]
    fn a_part_stops_alone_and_with_the_whole() {
        let whole = Shutdown::new();
        let (one, two) = (whole.part(), whole.part());
        one.abort();
        assert!(one.is_draining() && !whole.is_draining() && !two.is_draining());
        whole.abort();
        assert!(two.is_aborted());
    }

    #[tokio::test]
    async fn a_signal_is_a_request() {
        let shutdown = Shutdown::new();
        shutdown.on_signals().unwrap();
        let terminate = || std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status().unwrap();
        assert!(terminate().success());
        shutdown.draining().await;
        assert!(!shutdown.is_aborted());
        assert!(terminate().success());
        shutdown.aborted().await;
    }
}
