//! The command line: what people type, and what is done for each.

mod account;
mod cameras;
mod keygen;
mod pass;
mod password;
mod session;
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
    /// Make an account at a relay, with keys of its own.
    #[command(after_help = "Example:\n  viewer register ana --relay relay.example:7443")]
    Register(account::Register),
    /// Sign in at a relay.
    #[command(after_help = "Example:\n  viewer sign-in ana --relay relay.example:7443")]
    SignIn(session::SignIn),
    /// Sign out at a relay.
    #[command(after_help = "Example:\n  viewer sign-out --relay relay.example:7443")]
    SignOut(session::SignOut),
    /// List one's sessions at a relay, or end one.
    #[command(after_help = "Examples:\n  viewer sessions --relay relay.example:7443\n  \
        viewer sessions --relay relay.example:7443 --end 4f…")]
    Sessions(session::Sessions),
    /// Change the account's password. Recordings stay readable.
    #[command(after_help = "Example:\n  viewer password --relay relay.example:7443")]
    Password(account::ChangePassword),
    /// Set a new password with the recovery code.
    #[command(after_help = "Example:\n  viewer recover ana --relay relay.example:7443")]
    Recover(account::Recover),
    /// Make new keys, because the old ones leaked.
    #[command(after_help = "Example:\n  viewer new-key --relay relay.example:7443")]
    NewKey(account::NewKey),
    /// Give an account up, for good.
    #[command(after_help = "Example:\n  viewer delete-account --relay relay.example:7443")]
    DeleteAccount(account::DeleteAccount),
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
    /// Lift the masks that one's own key opens: the account's that is signed in at the relay, or an identity file's.
    #[arg(long)]
    unlock: bool,
    /// The identity file (`viewer keygen`), in place of an account.
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read the password from this file instead of the terminal.
    #[arg(long, value_name = "FILE", requires = "unlock")]
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
        Command::Register(command) => runtime.block_on(command.run(&home)),
        Command::SignIn(command) => runtime.block_on(command.run(&home)),
        Command::SignOut(command) => runtime.block_on(command.run(&home)),
        Command::Sessions(command) => runtime.block_on(command.run(&home)),
        Command::Password(command) => runtime.block_on(command.run(&home)),
        Command::Recover(command) => runtime.block_on(command.run(&home)),
        Command::NewKey(command) => runtime.block_on(command.run(&home)),
        Command::DeleteAccount(command) => runtime.block_on(command.run(&home)),
        Command::Cameras(command) => runtime.block_on(command.run(&home)),
        Command::Watch(command) if command.in_window() => window::run(command, home, runtime),
        Command::Watch(command) => runtime.block_on(command.run(&home)),
        Command::Snapshot(command) => runtime.block_on(command.run(&home)),
        Command::Verify(command) => runtime.block_on(command.run()),
    }
}
