//! `relay-server camera …`.

use std::time::Duration;

use axum::http::Method;
use clap::{Args, Subcommand};
use link::exit::{Code, Error};
use link::tls::RootFingerprint;
use wire::id::Name;

use super::{File, say, say_json};
use crate::admin::reach::{self, Reach};
use crate::admin::{Invite, Invited};
use crate::clock::Clock;
use crate::web::Listed;
use crate::{accounts, roster};

#[derive(Debug, Subcommand)]
pub(super) enum Camera {
    /// Invite a camera: prints a one-time token and what to type on the camera's machine.
    #[command(
        after_help = "Examples:\n  relay-server camera invite front-door\n  relay-server camera invite front-door --replace --valid 1h"
    )]
    Invite(Inviting),
    /// List the cameras.
    #[command(after_help = "Example:\n  relay-server camera list --json")]
    List(Listing),
    // Named so that whoever read of it gets an answer, hidden because it does nothing yet.
    #[command(hide = true)]
    Revoke {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        _rest: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(super) struct Inviting {
    /// The camera's name: 3 to 32 of a-z, 0-9, dot, underscore, hyphen.
    name: Name,
    /// Let a new key take the name of a camera that is enrolled already. Viewers will be warned of the new key.
    #[arg(long)]
    replace: bool,
    /// How long the token is valid: 1m to 30d.
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration, value_name = "DURATION")]
    valid: Duration,
    #[command(flatten)]
    file: File,
    /// Tell the invitation in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Listing {
    #[command(flatten)]
    file: File,
    /// Tell the list in JSON.
    #[arg(long)]
    json: bool,
}

impl Camera {
    pub(super) async fn carry_out(self) -> Result<(), Error> {
        match self {
            Self::Invite(inviting) => inviting.carry_out().await,
            Self::List(listing) => listing.carry_out().await,
            Self::Revoke { .. } => {
                Err(Error::new(Code::Usage, "camera revoke is not built yet: this version cannot take a certificate back")
                    .with_help("camera invite NAME --replace gives the name to a new key"))
            }
        }
    }
}

impl Inviting {
    async fn carry_out(self) -> Result<(), Error> {
        let invite = Invite { name: self.name.to_string(), replace: self.replace, valid_seconds: self.valid.as_secs() };
        let relay = reach(&self.file).await?;
        let invited: Invited = relay.call(Method::POST, "/v1/camera/invite", Some(&invite)).await.map_err(fail)?;
        if self.json { say_json(&invited) } else { say(&told(&invited)) }
    }
}

impl Listing {
    async fn carry_out(self) -> Result<(), Error> {
        let relay = reach(&self.file).await?;
        let cameras: Vec<Listed> = relay.call(Method::GET, "/v1/camera/list", None::<&()>).await.map_err(fail)?;
        if self.json { say_json(&cameras) } else { say(&table(&cameras)) }
    }
}

pub(super) async fn reach(file: &File) -> Result<Reach, Error> {
    Reach::find(file.load()?, Clock::system()).await.map_err(fail)
}

fn told(invited: &Invited) -> String {
    // Groups are for eyes and telephones, the command takes the compact form.
    let groups = invited.root.parse::<RootFingerprint>().map_or_else(|_| invited.root.clone(), |root| root.to_string());
    format!(
        "{camera} is invited until {expires}. The token is good for one camera, once:\n  {token}\n\n\
         Fingerprint of the relay's root:\n  {groups}\n\n\
         On the camera's machine:\n  {command}",
        camera = invited.camera,
        expires = invited.expires,
        token = invited.token,
        command = invited.command,
    )
}

fn table(cameras: &[Listed]) -> String {
    if cameras.is_empty() {
        return "no camera is enrolled: invite one with relay-server camera invite NAME".to_owned();
    }
    let width = cameras.iter().map(|camera| camera.name.len()).max().unwrap_or_default();
    let line = |camera: &Listed| {
        let live = if camera.live { "live" } else { "-" };
        format!("{:width$}  {live:4}  since {}  {}  {}", camera.name, camera.since, camera.visible, camera.id)
    };
    cameras.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(super) fn fail(error: reach::Error) -> Error {
    let code = match &error {
        reach::Error::NotAllowed(_) => Code::NotAllowed,
        reach::Error::Silent { .. } | reach::Error::Roster(roster::Error::Busy(_)) | reach::Error::Accounts(accounts::Error::Busy(_)) => {
            Code::Unavailable
        }
        reach::Error::Roster(_) | reach::Error::Accounts(_) => Code::Io,
        reach::Error::Authority(_) => Code::NoInput,
        reach::Error::Address(_) | reach::Error::Refused(_) => Code::Usage,
        reach::Error::Answer => Code::Data,
    };
    Error::of(code, &error)
}
