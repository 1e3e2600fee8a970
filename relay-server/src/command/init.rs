//! `relay-server init`.

use std::path::PathBuf;

use clap::Args;
use link::exit::{Code, Error};
use serde_json::json;

use super::{say, say_json};
use crate::clock::Clock;
use crate::init::{self, Made, Wish};
use crate::pki::host::Host;

#[derive(Debug, Args)]
pub(super) struct Init {
    /// A host name (or IP address) under which the relay is reached. The first is the one that people type.
    #[arg(long = "name", required = true, value_name = "HOST")]
    names: Vec<Host>,
    /// The folder to make.
    #[arg(long, default_value = "relay", value_name = "DIR")]
    dir: PathBuf,
    /// Where to put the root key, best a medium that is kept offline [default: DIR/root].
    #[arg(long, value_name = "DIR")]
    root_dir: Option<PathBuf>,
    /// Tell the result in JSON.
    #[arg(long)]
    json: bool,
}

impl Init {
    pub(super) fn carry_out(self) -> Result<(), Error> {
        let mut names = self.names.into_iter();
        let name = names.next().ok_or_else(|| Error::new(Code::Usage, "a relay needs a name (--name)"))?;
        let wish = Wish { name, further: names.collect(), dir: self.dir, root_dir: self.root_dir };
        let made = init::init(&wish, Clock::system().now()).map_err(|error| Error::of(code(&error), &error))?;
        if self.json {
            return say_json(&json!({
                "config": made.folder.config(),
                "root_key": made.root_key,
                "root": made.fingerprint.compact(),
            }));
        }
        say(&told(&wish.name, &made))
    }
}

fn told(name: &Host, made: &Made) -> String {
    let config = made.folder.config();
    let config = config.display();
    let warning = if made.root_is_here {
        format!(
            "\nWARNING: the root key lies on this machine ({}).\nWhoever breaks in could speak for this relay for years: move it to a medium that is kept offline.\n",
            made.root_key.display()
        )
    } else {
        format!("\nThe root key lies in {}: keep it offline.\n", made.root_key.display())
    };
    format!(
        "A relay for {name} was made in {folder}.\n\n\
         Fingerprint of its root, which agents and viewers pin:\n  {fingerprint}\n{warning}\n\
         Next:\n  \
         relay-server check --config {config}\n  \
         relay-server run --config {config}\n  \
         relay-server camera invite front-door --config {config}",
        folder = made.folder.path().display(),
        fingerprint = made.fingerprint,
    )
}

fn code(error: &init::Error) -> Code {
    match error {
        init::Error::Exists(_) => Code::CannotCreate,
        init::Error::Write { source, .. } => Code::of_output(source),
        init::Error::File(error) => Code::of_output(error.cause()),
        init::Error::Roster(_) => Code::Io,
        init::Error::Pki(_) | init::Error::Randomness(_) | init::Error::RelayKey => Code::Internal,
    }
}
