//! The command line: what people type, and what is done for each.

mod check;
mod enroll;
mod evaluate;
mod run;
mod snapshot;
mod viewers;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use link::exit::{Code, Error, OrExit as _};
use link::telemetry::{self, Format};
use serde::Serialize;

use crate::config::Config;

/// Stands beside a camera: masks what must not be seen, seals the originals for the people whom you name, signs, and streams.
#[derive(Debug, Parser)]
#[command(name = "camera-agent", version, propagate_version = true)]
pub struct Cli {
    /// What to log on standard error, as in RUST_LOG.
    #[arg(long, global = true, value_name = "FILTER")]
    log: Option<String>,
    /// Log one JSON object a line.
    #[arg(long, global = true)]
    log_json: bool,
    #[command(flatten)]
    place: Place,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make this machine's camera one of a relay's, once. `relay-server camera invite` prints the whole line.
    #[command(after_help = "Example:\n  camera-agent enroll --relay relay.example:7443 --ca 3F2A… --token K7QD…")]
    Enroll(enroll::Enroll),
    /// Capture, mask, seal, sign and stream, until a signal.
    #[command(after_help = "Examples:\n  camera-agent run\n  camera-agent run --config /etc/celosia/front-door.toml\n  \
        camera-agent run --out monday.celosia     (a camera without a network; viewer verify reads it)\n  \
        ffmpeg -i clip.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | camera-agent run     (with kind = \"y4m\", path = \"-\")")]
    Run(run::Run),
    /// Tell everything that is wrong, and what would be captured, before the camera runs.
    #[command(after_help = "Examples:\n  camera-agent check\n  camera-agent check --json --config front-door.toml")]
    Check(check::Check),
    /// Save what the public would see at this moment: masked, never less.
    #[command(after_help = "Example:\n  camera-agent snapshot now.jpg")]
    Snapshot(snapshot::Snapshot),
    /// Judge how well faces are masked: run a clip through detection and masking, and count what is seen of its true faces.
    #[command(
        after_help = "Examples:\n  camera-agent evaluate walk.y4m walk.json --worst pictures\n  camera-agent evaluate walk.y4m walk.json --compare --json"
    )]
    Evaluate(evaluate::Evaluate),
    /// Say who can unlock the masks.
    #[command(
        after_help = "Examples:\n  camera-agent viewers list\n  camera-agent viewers add ana --owner\n  camera-agent viewers add ben --key celosia1…"
    )]
    Viewers {
        #[command(subcommand)]
        command: viewers::Command,
    },
}

/// Which camera.
#[derive(Debug, Args)]
struct Place {
    /// The configuration [default: agent.toml, if it is there].
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The folder with the camera's key, certificate and authorized_viewers, instead of the configuration's [default: agent].
    #[arg(long, global = true, value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Place {
    /// The configuration, with the folder that was named.
    fn config(&self) -> Result<Config, Error> {
        Ok(self.with_dir(Config::load(self.config.as_deref())?))
    }

    fn with_dir(&self, mut config: Config) -> Config {
        if let Some(dir) = &self.dir {
            config.camera.dir.clone_from(dir);
        }
        config
    }
}

/// Does what the arguments ask for.
///
/// # Errors
/// What went wrong, with the exit code.
pub async fn carry_out(cli: Cli) -> Result<(), Error> {
    let format = if cli.log_json { Format::Json } else { Format::Human };
    // A command that ends at once has nothing to tell but its result; a running agent has.
    let quiet = if matches!(cli.command, Command::Run(_)) { telemetry::DEFAULT } else { "error" };
    let variable = std::env::var("RUST_LOG").is_ok();
    let filter = cli.log.as_deref().or((!variable).then_some(quiet));
    telemetry::init(filter, format).or_exit(Code::Usage)?;
    match cli.command {
        Command::Enroll(enroll) => enroll.carry_out(&cli.place).await,
        Command::Run(run) => run.carry_out(&cli.place).await,
        Command::Check(check) => check.carry_out(&cli.place).await,
        Command::Snapshot(snapshot) => snapshot.carry_out(&cli.place).await,
        Command::Evaluate(evaluate) => evaluate.carry_out(&cli.place).await,
        Command::Viewers { command } => command.carry_out(&cli.place).await,
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
