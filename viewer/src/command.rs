//! The command line: what people type, and what is done for each.

mod cameras;
mod keygen;
mod password;
mod snapshot;
mod span;
mod target;
mod verify;
mod watch;
mod window;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use link::exit::Error;
use tokio::runtime::Runtime;

use crate::home::Home;

/// Watches cameras, verifies every frame, and lifts the masks for whoever holds the key.
#[derive(Debug, Parser)]
#[command(name = "viewer", version, propagate_version = true)]
pub struct Cli {
    /// Where to remember relays and cameras [default: celosia in the user's configuration folder].
    #[arg(long, global = true, env = "CELOSIA_HOME", value_name = "DIR")]
    home: Option<PathBuf>,
    /// What to log on standard error, as in RUST_LOG.
    #[arg(long, global = true, default_value = "warn,winit=error", value_name = "FILTER")]
    pub log: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an identity: a key pair that camera owners can name, kept under a password.
    #[command(after_help = "Example:\n  viewer keygen ana.identity")]
    Keygen(keygen::Keygen),
    /// List a relay's cameras.
    #[command(after_help = "Example:\n  viewer cameras relay.example:7443")]
    Cameras(cameras::Cameras),
    /// Watch a camera.
    #[command(after_help = "Examples:\n  viewer watch front-door@relay.example:7443\n  \
        viewer watch front-door@relay.example --unlock --identity ana.identity --out pictures --frames 10\n  \
        viewer watch front-door@relay.example --window --unlock --identity ana.identity\n  \
        viewer watch front-door@relay.example --y4m - | ffplay -\n  \
        viewer watch front-door@relay.example --from -10m --to now --out pictures --unlock --identity ana.identity")]
    Watch(watch::Command),
    /// Save one picture.
    #[command(after_help = "Examples:\n  viewer snapshot front-door@relay.example masked.png\n  \
        viewer snapshot front-door@relay.example unlocked.png --unlock --identity ana.identity")]
    Snapshot(snapshot::Snapshot),
    /// Verify what a camera recorded in a file (camera-agent run --out), and look at it.
    #[command(after_help = "Examples:\n  viewer verify monday.celosia\n  viewer verify monday.celosia --camera 3f2a…\n  \
        viewer verify monday.celosia --out pictures --unlock --identity ana.identity")]
    Verify(verify::Verify),
}

/// How a relay or a camera is accepted whose identity is not known, or has changed.
#[derive(Debug, Clone, Default, Args)]
pub struct Accept {
    /// Accept the relay's root certificate with this fingerprint, also in place of another one that is remembered.
    #[arg(long, value_name = "FINGERPRINT")]
    ca: Option<link::tls::RootFingerprint>,
    /// Accept the camera with this id, also in place of another one that is remembered.
    #[arg(long, value_name = "ID")]
    camera_id: Option<wire::id::CameraId>,
}

/// With which key masks are lifted.
#[derive(Debug, Clone, Default, Args)]
pub struct Unlocking {
    /// Lift the masks that this identity's key opens.
    #[arg(long, requires = "identity")]
    unlock: bool,
    /// The identity file (`viewer keygen`).
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read the identity's password from this file instead of the terminal.
    #[arg(long, value_name = "FILE", requires = "identity")]
    password_file: Option<PathBuf>,
    /// Only these labels.
    #[arg(long, value_name = "L,…", value_delimiter = ',', requires = "unlock")]
    labels: Option<Vec<wire::label::LabelName>>,
}

/// Does what the command line says. On the main thread: a window can be nowhere else.
///
/// # Errors
/// With the sentence and the exit code for whoever typed it.
pub fn run(cli: Cli, runtime: &Runtime) -> Result<(), Error> {
    let home = Home::find(cli.home)?;
    match cli.command {
        Command::Keygen(command) => command.run(),
        Command::Cameras(command) => runtime.block_on(command.run(&home)),
        Command::Watch(command) if command.in_window() => window::run(command, home, runtime),
        Command::Watch(command) => runtime.block_on(command.run(&home)),
        Command::Snapshot(command) => runtime.block_on(command.run(&home)),
        Command::Verify(command) => runtime.block_on(command.run()),
    }
}
