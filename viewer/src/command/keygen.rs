//! `viewer keygen`: an identity without an account.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use link::exit::{Code, Error, OrExit as _};
use seal::file::IdentityFile;
use seal::identity::Identity;
use seal::public::spoken;
use serde_json::json;

use super::password;

/// Make an identity: a key pair that camera owners can name, kept under a password.
#[derive(Debug, Args)]
pub(super) struct Keygen {
    /// The identity file to write. It must not exist.
    #[arg(value_name = "OUT")]
    out: PathBuf,
    /// Read the new password from this file instead of the terminal.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Print the public key as JSON.
    #[arg(long)]
    json: bool,
}

impl Keygen {
    pub(super) fn run(&self) -> Result<(), Error> {
        if self.out.exists() {
            return Err(exists(&self.out));
        }
        let password = password::read_new(self.password_file.as_deref(), "A new password for this identity: ", &[])?;
        let identity = Identity::generate().or_exit(Code::Internal)?;
        let file = IdentityFile::lock(&identity, &password).or_exit(Code::Internal)?;
        link::file::create(&self.out, file.to_toml().as_bytes(), link::file::PRIVATE).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => exists(&self.out),
            _ => Error::new(Code::of_output(&error), format!("{} cannot be written: {error}", self.out.display())),
        })?;

        let fingerprint = identity.public().fingerprint();
        if self.json {
            println!("{}", json!({"file": self.out, "key": file.public().to_string(), "fingerprint": fingerprint.to_string()}));
        } else {
            println!("Wrote {}: keep it, and do not forget its password; nobody can restore either.", self.out.display());
            println!("Public key, to be given to a camera's owner:\n  {}", file.public());
            println!("Fingerprint, to be compared by voice:\n  {}", spoken(fingerprint));
            println!("On the camera's machine, its owner types (with --owner for an owner):");
            println!("  camera-agent viewers add NAME --key {}", file.public());
        }
        Ok(())
    }
}

fn exists(path: &Path) -> Error {
    Error::new(Code::CannotCreate, format!("{} exists already, and an identity is never written over", path.display()))
        .with_help("choose another name, or move the old file away if you are sure that nothing needs it")
}
