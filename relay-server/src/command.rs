//! The command line: what people type, and what is done for each.

mod account;
mod audit;
mod camera;
mod check;
mod init;
mod run;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use link::exit::{Code, Error, OrExit as _};
use link::telemetry::{self, Format};
use serde::Serialize;

use crate::config::Config;

/// Relays cameras to everyone who watches. It checks every frame and holds no key that opens one.
#[derive(Debug, Parser)]
#[command(name = "relay-server", version, propagate_version = true)]
pub struct Cli {
    /// What to log on standard error, as in RUST_LOG.
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Log one JSON object a line.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a relay: certificates, keys and a commented configuration.
    #[command(after_help = "Examples:\n  relay-server init --name relay.example\n  \
        relay-server init --name relay.example --name 192.0.2.1 --dir /var/lib/celosia --root-dir /media/stick")]
    Init(init::Init),
    /// Run the relay.
    #[command(after_help = "Example:\n  relay-server run --config relay/relay.toml")]
    Run(File),
    /// Tell everything that is wrong before the relay starts.
    #[command(after_help = "Example:\n  relay-server check --config relay/relay.toml")]
    Check(check::Check),
    /// Invite, list and delete people's accounts, whether the relay runs or not.
    #[command(after_help = "Examples:\n  relay-server account invite\n  relay-server account list")]
    Account {
        #[command(subcommand)]
        command: account::Account,
    },
    /// Show, check and export the log of hand-outs, whether the relay runs or not.
    #[command(after_help = "Examples:\n  relay-server audit show\n  relay-server audit verify")]
    Audit {
        #[command(subcommand)]
        command: audit::Audit,
    },
    /// Invite and list cameras, whether the relay runs or not.
    #[command(after_help = "Examples:\n  relay-server camera invite front-door\n  relay-server camera list")]
    Camera {
        #[command(subcommand)]
        command: camera::Camera,
    },
}

/// Which relay.
#[derive(Debug, Args)]
struct File {
    /// The relay's configuration.
    #[arg(long, default_value = "relay/relay.toml", value_name = "FILE")]
    config: PathBuf,
}

impl File {
    fn load(&self) -> Result<Config, Error> {
        Config::load(&self.config).map_err(|problems| {
            let missing = !self.config.exists();
            let error = Error::from(problems);
            if missing { error.with_help("name it with --config, or make a relay with relay-server init") } else { error }
        })
    }
}

/// Does what the arguments ask for.
///
/// # Errors
/// What went wrong, with the exit code.
pub async fn carry_out(cli: Cli) -> Result<(), Error> {
    let format = if cli.log_json { Format::Json } else { Format::Human };
    // A command that ends at once has nothing to tell but its result; a running relay has.
    let quiet = if matches!(cli.command, Command::Run(_)) { telemetry::DEFAULT } else { "warn" };
    let variable = std::env::var("RUST_LOG").is_ok();
    let filter = cli.log.as_deref().or((!variable).then_some(quiet));
    telemetry::init(filter, format).or_exit(Code::Usage)?;
    match cli.command {
        Command::Init(init) => init.carry_out(),
        Command::Run(file) => run::carry_out(&file).await,
        Command::Check(check) => check.carry_out().await,
        Command::Camera { command } => command.carry_out().await,
        Command::Account { command } => command.carry_out().await,
        Command::Audit { command } => command.carry_out().await,
    }
}

/// Says something on standard output. A reader that has gone away is no fault.
fn say(text: &str) -> Result<(), Error> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Error::of(Code::Io, &error)),
        _ => Ok(()),
    }
}

/// The same for programs.
fn say_json(value: &impl Serialize) -> Result<(), Error> {
    say(&serde_json::to_string_pretty(value).or_exit(Code::Internal)?)
}

#[cfg(test)]
mod tests;
