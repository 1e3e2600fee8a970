//! Telling the service manager that the relay runs, and that it still does (`sd_notify`, with `WatchdogSec` of the unit). Elsewhere nothing
//! listens, and nothing is said.

use sd_notify::NotifyState;
use tokio::task::JoinHandle;

use crate::archive::Archive;

/// The task that says it; it ends with this.
#[derive(Debug)]
pub struct Watchdog(JoinHandle<()>);

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Says that the relay runs, and keeps on saying so as often as the service manager wants to hear it. That it is said at all shows that the
/// runtime still gives everybody their turn; whether frames are stored is said with it.
#[must_use]
pub fn start(archive: Archive) -> Watchdog {
    say(&[NotifyState::Ready]);
    // Twice as often as it has to be.
    let every = sd_notify::watchdog_enabled().map(|wanted| wanted / 2);
    Watchdog(tokio::spawn(async move {
        let Some(every) = every else { return };
        loop {
            let status = archive.problem().map_or_else(|| "recording".to_owned(), |problem| format!("not recording: {problem}"));
            say(&[NotifyState::Watchdog, NotifyState::Status(&status)]);
            tokio::time::sleep(every).await;
        }
    }))
}

/// Says that the relay ends because it was asked to.
pub fn stopping() {
    say(&[NotifyState::Stopping]);
}

fn say(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "the service manager was not told");
    }
}
