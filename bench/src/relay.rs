//! The relay as a child of this program: the whole of it, as operators run it, archive and HTTPS included.

use std::path::Path;
use std::thread;

use link::shutdown::Shutdown;
use relay_server::clock::Clock;
use relay_server::run::{Relay, Sockets};

use crate::{child, site};

/// Runs a relay in this site until standard input ends.
///
/// # Errors
/// When it cannot start.
pub fn run(at: &Path) -> anyhow::Result<()> {
    let (config, stop) = (site::config(at)?, Shutdown::new());
    let sockets = Sockets::bind(config.listen)?;
    tokio::runtime::Runtime::new()?.block_on(async {
        let relay = Relay::start(config, sockets, Clock::system(), stop.clone()).await?;
        let port = relay.address().port();
        let answering = thread::spawn(move || {
            let answered = child::obey(port, |_| {});
            stop.drain();
            answered
        });
        relay.ended().await?;
        answering.join().unwrap_or(Ok(()))
    })
}
