//! `relay-server run`.

use link::exit::{Code, Error, OrExit as _};
use link::shutdown::Shutdown;

use super::File;
use crate::clock::Clock;
use crate::run::{self, Relay, Sockets};
use crate::{accounts, roster, watchdog};

/// Runs until a signal: the first one lets work finish, the second ends it.
pub(super) async fn carry_out(file: &File) -> Result<(), Error> {
    let config = file.load()?;
    let fail = |error: run::Error| Error::of(code(&error), &error);
    let stop = Shutdown::new();
    stop.on_signals().or_exit(Code::Internal)?;
    let sockets = Sockets::bind(config.listen).map_err(fail)?;
    let name = config.name().to_owned();
    let relay = Relay::start(config, sockets, Clock::system(), stop).await.map_err(fail)?;
    let (address, root) = (relay.address(), relay.base.authority.root().fingerprint);
    let cameras = relay.base.roster.cameras().or_exit(Code::Io)?.len();
    let archive = relay.archive_folder();
    if let Some(metrics) = relay.metrics_address() {
        tracing::info!(%metrics, "health and numbers can be read");
    }
    let _watchdog = watchdog::start(relay.archive().clone());
    tracing::info!(%name, %address, cameras, archive = %archive.display(), %root, "the relay runs");
    relay.ended().await.map_err(fail)?;
    watchdog::stopping();
    tracing::info!("the relay has stopped");
    Ok(())
}

fn code(error: &run::Error) -> Code {
    match error {
        run::Error::Udp(_)
        | run::Error::Tcp { .. }
        | run::Error::Roster(roster::Error::Busy(_))
        | run::Error::Accounts(accounts::Error::Busy(_)) => Code::Unavailable,
        run::Error::Name { .. } | run::Error::Address(_) => Code::Usage,
        run::Error::Authority(_) | run::Error::Browsers(_) | run::Error::Tls(_) => Code::Data,
        run::Error::Roster(_) | run::Error::Accounts(_) | run::Error::Archive(_) | run::Error::Admin(_) => Code::Io,
        run::Error::Ended(_) => Code::Internal,
    }
}
