//! `relay-server account …`.

use std::time::Duration;

use axum::http::Method;
use clap::{Args, Subcommand};
use link::api::account::Deleted;
use link::exit::Error;

use super::camera::{fail, reach};
use super::{File, say, say_json};
use crate::admin::account::{Delete, Invite, Invited, Listed};

#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Invite a person: prints a one-time token and what to type on the person's machine.
    #[command(after_help = "Example:\n  relay-server account invite --valid 7days")]
    Invite(Inviting),
    /// List the accounts.
    #[command(after_help = "Example:\n  relay-server account list --json")]
    List(Listing),
    /// Delete an account: its keys and sessions go, live connections lose what only it may see. Its name is never given out again.
    #[command(after_help = "Example:\n  relay-server account delete ada")]
    Delete(Deleting),
}

#[derive(Debug, Args)]
pub(super) struct Inviting {
    /// How long the token is valid: 1m to 30d.
    #[arg(long, default_value = "7d", value_parser = humantime::parse_duration, value_name = "DURATION")]
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

#[derive(Debug, Args)]
pub(super) struct Deleting {
    /// Whose account.
    name: String,
    #[command(flatten)]
    file: File,
    /// Tell in JSON what stays.
    #[arg(long)]
    json: bool,
}

impl Account {
    pub(super) async fn carry_out(self) -> Result<(), Error> {
        match self {
            Self::Invite(inviting) => inviting.carry_out().await,
            Self::List(listing) => listing.carry_out().await,
            Self::Delete(deleting) => deleting.carry_out().await,
        }
    }
}

impl Inviting {
    async fn carry_out(self) -> Result<(), Error> {
        let invite = Invite { valid_seconds: self.valid.as_secs() };
        let invited: Invited = reach(&self.file).await?.call(Method::POST, "/v1/account/invite", Some(&invite)).await.map_err(fail)?;
        if self.json {
            return say_json(&invited);
        }
        say(&format!(
            "Until {} one person may register with this token, once:\n  {}\n\nOn that person's machine:\n  {}",
            invited.expires, invited.token, invited.command
        ))
    }
}

impl Listing {
    async fn carry_out(self) -> Result<(), Error> {
        let accounts: Vec<Listed> = reach(&self.file).await?.call(Method::GET, "/v1/account/list", None::<&()>).await.map_err(fail)?;
        if self.json { say_json(&accounts) } else { say(&table(&accounts)) }
    }
}

impl Deleting {
    async fn carry_out(self) -> Result<(), Error> {
        let delete = Delete { name: self.name };
        let deleted: Deleted = reach(&self.file).await?.call(Method::POST, "/v1/account/delete", Some(&delete)).await.map_err(fail)?;
        if self.json {
            return say_json(&deleted);
        }
        say(&format!("The account {} is deleted. What stays:\n- {}", deleted.name, deleted.stays.join("\n- ")))
    }
}

fn table(accounts: &[Listed]) -> String {
    if accounts.is_empty() {
        return "nobody has an account: invite somebody with relay-server account invite".to_owned();
    }
    let width = accounts.iter().map(|account| account.name.len()).max().unwrap_or_default();
    let line = |account: &Listed| {
        format!("{:width$}  since {}  {:2} sessions  {}", account.name, account.since, account.sessions, account.fingerprint)
    };
    accounts.iter().map(line).collect::<Vec<_>>().join("\n")
}
