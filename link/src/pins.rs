//! Relays and cameras that were met before, as SSH's `known_hosts` keeps them: what changes later is noticed.
//!
//! ```toml
//! [relays."relay.example:7443"]
//! root = "1f0c…"                         # SHA-256 of the operator's root certificate
//! first_seen = "2026-01-31T12:00:00Z"
//!
//! [cameras."front-door@relay.example:7443"]
//! id = "77ab…"                           # the camera's Ed25519 public key
//! first_seen = "2026-01-31T12:00:05Z"
//! ```

mod changed;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use wire::id::{CameraId, Micros};

pub use changed::Changed;

use crate::address::{Camera, Relay};
use crate::exit::{self, Code};
use crate::file;
use crate::tls::RootFingerprint;

/// The largest file that is read, in bytes: some 10,000 entries.
pub const MAX_FILE: usize = 2 << 20;

/// How long to wait for another program that writes the same file.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the file says about somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Check<T> {
    /// Never met before. Remember it, once it was verified.
    New,
    /// The same as always.
    Known,
    /// Another one than before: refuse, and show this.
    Changed(Changed<T>),
}

/// Why the file cannot be used. Nobody is trusted at first sight then: they may have been met before.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file or its folder cannot be read or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is not what this program wrote.
    #[error("{} cannot be read: {cause}. Repair it, or move it away and compare every fingerprint anew", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: String,
    },
    /// Another program holds it for too long.
    #[error("another program keeps {} locked", .0.display())]
    Locked(PathBuf),
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Io { source, .. } => Code::of_input(source),
            Error::Malformed { .. } => Code::Data,
            Error::Locked(_) => Code::Unavailable,
        };
        Self::of(code, &error)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RelayPin {
    root: String,
    #[serde(with = "time::serde::rfc3339")]
    first_seen: OffsetDateTime,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CameraPin {
    id: String,
    #[serde(with = "time::serde::rfc3339")]
    first_seen: OffsetDateTime,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Content {
    relays: BTreeMap<String, RelayPin>,
    cameras: BTreeMap<String, CameraPin>,
}

/// The file of those who were met before.
#[derive(Debug, Clone)]
pub struct Pins {
    path: PathBuf,
}

impl Pins {
    /// The file at this path; it is made when somebody is remembered. Everything here blocks for a moment.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The root that is pinned for a relay, for [`crate::tls::Trust::Pinned`].
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn root_of(&self, relay: &Relay) -> Result<Option<RootFingerprint>, Error> {
        self.read()?.relays.get(&relay.to_string()).map(|pin| self.parse(&pin.root)).transpose()
    }

    /// Compares a relay's root with what is known.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn check_relay(&self, relay: &Relay, seen: RootFingerprint) -> Result<Check<RootFingerprint>, Error> {
        let content = self.read()?;
        let key = relay.to_string();
        let Some(pin) = content.relays.get(&key) else { return Ok(Check::New) };
        let expected = self.parse(&pin.root)?;
        Ok(self.compare("relays", key, expected, seen, pin.first_seen))
    }

    /// Compares a camera's id with what is known under its name at its relay.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn check_camera(&self, camera: &Camera, seen: CameraId) -> Result<Check<CameraId>, Error> {
        let content = self.read()?;
        let key = camera.to_string();
        let Some(pin) = content.cameras.get(&key) else { return Ok(Check::New) };
        let expected = self.parse(&pin.id)?;
        Ok(self.compare("cameras", key, expected, seen, pin.first_seen))
    }

    /// Remembers a relay's root from now on. Replaces another one: call it for a new relay, or when a person accepted the change.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn remember_relay(&self, relay: &Relay, root: RootFingerprint, now: Micros) -> Result<(), Error> {
        let pin = RelayPin { root: root.compact(), first_seen: instant(now) };
        self.change(|content| drop(content.relays.insert(relay.to_string(), pin)))
    }

    /// Remembers a camera's id from now on. Replaces another one: call it for a new camera, or when a person accepted the change.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn remember_camera(&self, camera: &Camera, id: CameraId, now: Micros) -> Result<(), Error> {
        let pin = CameraPin { id: id.to_string(), first_seen: instant(now) };
        self.change(|content| drop(content.cameras.insert(camera.to_string(), pin)))
    }

    fn compare<T: PartialEq>(&self, table: &'static str, key: String, expected: T, seen: T, first_seen: OffsetDateTime) -> Check<T> {
        if expected == seen {
            return Check::Known;
        }
        Check::Changed(Changed { table, key, expected, seen, first_seen, file: self.path.clone() })
    }

    fn parse<T: std::str::FromStr<Err: fmt::Display>>(&self, text: &str) -> Result<T, Error> {
        text.parse().map_err(|error: T::Err| self.malformed(error))
    }

    fn malformed(&self, cause: impl fmt::Display) -> Error {
        Error::Malformed { path: self.path.clone(), cause: cause.to_string().trim_end().to_owned() }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::Io { path: self.path.clone(), source }
    }

    fn read(&self) -> Result<Content, Error> {
        let bytes = match file::read(&self.path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(error) => return Err(self.io(error)),
        };
        toml::from_slice(&bytes).map_err(|error| self.malformed(error.message()))
    }

    fn change(&self, change: impl FnOnce(&mut Content)) -> Result<(), Error> {
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
        file::private_folder(folder).map_err(|error| self.io(error))?;
        let _lock = self.lock()?;
        let mut content = self.read()?;
        change(&mut content);
        let text = toml::to_string(&content).map_err(|error| self.malformed(error))?;
        file::replace(&self.path, text.as_bytes(), file::PRIVATE).map_err(|error| self.io(error))
    }

    /// Two viewers that meet somebody at the same time must not forget one another's.
    fn lock(&self) -> Result<File, Error> {
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| self.io(error))?;
        let begin = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(self.io(error)),
                Err(TryLockError::WouldBlock) if begin.elapsed() > PATIENCE => return Err(Error::Locked(self.path.clone())),
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }
}

/// Whole seconds are enough here; a time that no calendar has is the beginning of time.
fn instant(time: Micros) -> OffsetDateTime {
    let seconds = i64::try_from(time.0 / 1_000_000).unwrap_or(0);
    OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}
