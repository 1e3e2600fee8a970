//! `viewer register`, `password`, `recover`, `new-key`, `delete-account`: an account at a relay.

use std::path::{Path, PathBuf};

use clap::Args;
use link::exit::{Code, Error, OrExit as _};
use link::file;
use seal::public::spoken;
use seal::recovery::RecoveryCode;
use wire::id::{Fingerprint, Name};
use zeroize::Zeroizing;

use super::pass::{Person, accounts};
use super::password;
use super::session::At;
use crate::home::Home;
use crate::session::Session;

/// Where a new recovery code goes.
#[derive(Debug, Args)]
struct NewCode {
    /// Write the new recovery code into this file, which must not exist, instead of showing it.
    #[arg(long, value_name = "FILE")]
    recovery_file: Option<PathBuf>,
}

/// Make an account.
#[derive(Debug, Args)]
pub(super) struct Register {
    /// The account's name: 3 to 32 of a-z, 0-9, dot, underscore and hyphen. It is never given out twice.
    name: Name,
    #[command(flatten)]
    at: At,
    /// The invitation, if the relay's operator gave one.
    #[arg(long, value_name = "TOKEN")]
    invite: Option<String>,
    /// Read the new password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    code: NewCode,
}

impl Register {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let (name, relay) = (&self.name, &self.at.relay);
        self.code.check()?;
        let accounts = accounts(home, relay, &self.at.accept).await?;
        let prompt = format!("A new password for {name} at {relay}: ");
        let password = password::read_new(self.password_file.as_deref(), &prompt, &[name.as_str(), relay.host()])?;
        let (registered, code) = accounts.register(name, password, self.invite.clone()).await?;
        println!("Registered: {name} at {relay}.");
        self.code.hand_out(&code)?;
        if let Ok(fingerprint) = registered.fingerprint.parse::<Fingerprint>() {
            println!("Fingerprint, to be compared by voice with a camera's owner:\n  {}", spoken(fingerprint));
        }
        println!("On the camera's machine, its owner types (with --owner for an owner):\n  camera-agent viewers add {name}");
        println!("Next: viewer sign-in {name} --relay {relay}");
        Ok(())
    }
}

/// Change the password.
#[derive(Debug, Args)]
pub(super) struct ChangePassword {
    #[command(flatten)]
    at: At,
    /// Read the password so far from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the new password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    new_password_file: Option<PathBuf>,
}

impl ChangePassword {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let Person { accounts, name } = self.at.person(home).await?;
        let old = password::read(self.password_file.as_deref(), "The password so far: ")?;
        let new = password::read_new(self.new_password_file.as_deref(), "The new password: ", &[name.as_str(), self.at.relay.host()])?;
        accounts.change_password(&name, old, new).await?;
        println!("Changed. Recordings stay readable, the recovery code stays good, and every other session has ended.");
        Ok(())
    }
}

/// Set a new password with the recovery code.
#[derive(Debug, Args)]
pub(super) struct Recover {
    /// The account's name.
    name: Name,
    #[command(flatten)]
    at: At,
    /// Read the recovery code from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    code_file: Option<PathBuf>,
    /// Read the new password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    code: NewCode,
}

impl Recover {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let (name, relay) = (&self.name, &self.at.relay);
        self.code.check()?;
        let accounts = accounts(home, relay, &self.at.accept).await?;
        let typed = password::read_text(self.code_file.as_deref(), "The recovery code: ")?;
        let code = RecoveryCode::parse(&typed).or_exit(Code::Usage)?;
        let new = password::read_new(self.password_file.as_deref(), "The new password: ", &[name.as_str(), relay.host()])?;
        let code = accounts.recover(name, &code, new).await?;
        println!("The new password holds, every session has ended, and the recovery code is used up.");
        self.code.hand_out(&code)?;
        println!("Next: viewer sign-in {name} --relay {relay}");
        Ok(())
    }
}

/// Make new keys.
#[derive(Debug, Args)]
pub(super) struct NewKey {
    #[command(flatten)]
    at: At,
    /// Read the password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    code: NewCode,
}

impl NewKey {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        self.code.check()?;
        let Person { accounts, name } = self.at.person(home).await?;
        let password = password::read(self.password_file.as_deref(), &format!("Password of {name}: "))?;
        let (public, code) = accounts.new_keys(&name, password).await?;
        println!("{name} has new keys, and every other session has ended. What was granted to the old ones no longer opens.");
        self.code.hand_out(&code)?;
        println!("Fingerprint, to be compared by voice:\n  {}", spoken(public.keys().fingerprint()));
        println!("The owner of every camera that had named you has to name the new key, on the camera's machine:");
        println!("  camera-agent viewers remove {name}\n  camera-agent viewers add {name}");
        Ok(())
    }
}

/// Give an account up.
#[derive(Debug, Args)]
pub(super) struct DeleteAccount {
    #[command(flatten)]
    at: At,
    /// Read the password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl DeleteAccount {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let Person { accounts, name } = self.at.person(home).await?;
        eprintln!("The account {name} at {} goes for good, with its keys; its name is never given out again.", self.at.relay);
        let password = password::read(self.password_file.as_deref(), "The password, to confirm: ")?;
        let deleted = accounts.delete_account(&name, password).await?;
        Session::forget(home, &self.at.relay)?;
        println!("Deleted: {name}.");
        for sentence in &deleted.stays {
            println!("  {}", sentence.chars().filter(|c| !c.is_control()).take(500).collect::<String>());
        }
        Ok(())
    }
}

impl NewCode {
    /// Before anything is done: a code that cannot be written would be lost.
    fn check(&self) -> Result<(), Error> {
        match &self.recovery_file {
            Some(path) if path.exists() => Err(exists(path)),
            _ => Ok(()),
        }
    }

    fn hand_out(&self, code: &RecoveryCode) -> Result<(), Error> {
        let text = code.reveal();
        if let Some(path) = &self.recovery_file {
            let line = Zeroizing::new(format!("{}\n", text.as_str()));
            match file::create(path, line.as_bytes(), file::PRIVATE) {
                Ok(()) => {
                    println!("Recovery code: in {}; print it, and keep it away from this machine.", path.display());
                    return Ok(());
                }
                // It is shown then: it is nowhere else.
                Err(error) => eprintln!("{} cannot be written: {error}", path.display()),
            }
        }
        println!(
            "Recovery code, shown this once; write it down, it opens the account when the password is forgotten:\n  {}",
            text.as_str()
        );
        Ok(())
    }
}

fn exists(path: &Path) -> Error {
    Error::new(Code::CannotCreate, format!("{} exists already, and is not written over", path.display())).with_help("choose another name")
}
