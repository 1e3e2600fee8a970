//! `viewer sign-in`, `sign-out`, `sessions`: being somebody at a relay, for a while.

use std::path::PathBuf;

use clap::Args;
use link::address::Relay;
use link::api;
use link::exit::{Code, Error, OrExit as _};
use serde_json::json;
use wire::id::Name;

use super::pass::{Person, accounts, person};
use super::{Accept, password};
use crate::account;
use crate::home::Home;
use crate::session::Session;

/// At which relay.
#[derive(Debug, Args)]
pub(super) struct At {
    /// The relay. Write its name as its operator does: passwords are derived for that name.
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) relay: Relay,
    #[command(flatten)]
    pub(super) accept: Accept,
}

impl At {
    pub(super) async fn person(&self, home: &Home) -> Result<Person, Error> {
        person(home, &self.relay, &self.accept).await
    }
}

/// Sign in.
#[derive(Debug, Args)]
pub(super) struct SignIn {
    /// The account's name.
    name: Name,
    #[command(flatten)]
    at: At,
    /// Read the password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl SignIn {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let (name, relay) = (&self.name, &self.at.relay);
        let accounts = accounts(home, relay, &self.at.accept).await?;
        let password = password::read(self.password_file.as_deref(), &format!("Password of {name} at {relay}: "))?;
        let given = accounts.sign_in(name, password).await?;
        Session::keep(home, relay, name, &given)?;
        println!("Signed in at {relay} as {name}.");
        println!("`viewer watch CAMERA@{relay} --unlock` now needs the password alone; `viewer sign-out --relay {relay}` ends it.");
        Ok(())
    }
}

/// Sign out.
#[derive(Debug, Args)]
pub(super) struct SignOut {
    #[command(flatten)]
    at: At,
}

impl SignOut {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let Person { accounts, name } = self.at.person(home).await?;
        match accounts.sign_out().await {
            // It has ended already: all the better.
            Ok(()) | Err(account::Error::Relay(api::Error::Refused { status: 401, .. })) => {}
            Err(error) => {
                let help = "the session is still kept here; sign out again when the relay can be reached, or end it from another machine";
                return Err(Error::from(error).with_help(help));
            }
        }
        Session::forget(home, &self.at.relay)?;
        println!("Signed out: {name} at {}.", self.at.relay);
        Ok(())
    }
}

/// List one's sessions, or end one.
#[derive(Debug, Args)]
pub(super) struct Sessions {
    #[command(flatten)]
    at: At,
    /// End the session with this id.
    #[arg(long, value_name = "ID")]
    end: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Sessions {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let Person { accounts, .. } = self.at.person(home).await?;
        let sessions = accounts.sessions().await?;
        if let Some(id) = &self.end {
            // Only what the relay listed goes into a path.
            if !sessions.iter().any(|session| session.id == *id && id.bytes().all(|byte| byte.is_ascii_hexdigit())) {
                return Err(Error::new(Code::Usage, format!("there is no session {id}")).with_help("`viewer sessions` lists them"));
            }
            accounts.end(id).await?;
            println!("Ended: {id}");
            return Ok(());
        }
        if self.json {
            println!("{}", serde_json::to_string(&json!(sessions)).or_exit(Code::Internal)?);
            return Ok(());
        }
        let plain = |text: &str| text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect::<String>();
        for session in &sessions {
            let (kind, here) = (if session.page { "browser" } else { "program" }, if session.current { "  this one" } else { "" });
            let (id, since, expires, from) = (plain(&session.id), plain(&session.since), plain(&session.expires), plain(&session.from));
            println!("{id}  {kind}  since {since}  until {expires}  from {from}{here}");
        }
        Ok(())
    }
}
