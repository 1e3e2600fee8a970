//! Who belongs to this relay: cameras, and invitations for cameras that do not belong to it yet.
//!
//! One redb database, `roster.redb`. Every change is one durable transaction: when a call returns, it is on disk. A camera's name is
//! never given to a second key unless the invitation says so, and a key never gets a second name.

mod record;
pub mod token;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition};
use rustls::pki_types::CertificateDer;
use wire::id::{CameraId, Micros, Name};

pub use self::record::Camera;
use self::record::{Entry, Invite};
use self::token::{Token, TokenHash};

/// Name → [`Entry`].
const CAMERAS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("cameras v1");
/// Camera id → the name that it has, or had: an id stays here for ever.
const IDS: TableDefinition<'_, &[u8; 32], &str> = TableDefinition::new("camera ids v1");
/// SHA-256 of the token → [`Invite`].
const INVITES: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("invites v1");

/// Open invitations at one time. An invitation is a line that a person typed.
pub const MAX_INVITES: u64 = 1000;

/// How long an invitation may be valid at most.
pub const MAX_VALID: Duration = Duration::from_secs(30 * 24 * 3600);

/// What enrolling gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// The camera as it now stands in the roster.
    pub camera: Camera,
    /// The key that had the name before, if another had it.
    pub replaced: Option<CameraId>,
}

/// The roster. Its calls block on the disk: an async caller wraps them in `spawn_blocking`.
pub struct Roster {
    database: Database,
}

/// Why the roster did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the database open.
    #[error("another process (a running relay, most likely) has the roster {0} open")]
    Busy(String),
    /// The database cannot be read or written.
    #[error("the roster cannot be read or written: {0}")]
    Storage(Box<redb::Error>),
    /// The database's file cannot be made or opened.
    #[error("the roster {path} cannot be opened: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A record in the database does not make sense.
    #[error("the roster holds a damaged record for {0}: restore roster.redb from a backup")]
    Damaged(String),
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The name has a key already.
    #[error(
        "the name {name} belongs to a camera with the id {id} already; a person at the relay can let a new key take it: camera invite {name} --replace"
    )]
    NameTaken {
        /// The name.
        name: Name,
        /// Who has it.
        id: CameraId,
    },
    /// The key has, or had, a name already.
    #[error("this key is known as the camera {name} already: a camera has one name, and a key that was replaced does not come back")]
    KeyTaken {
        /// The name.
        name: String,
    },
    /// No such token.
    #[error("the relay does not know this token: it was mistyped, it has expired, or it was made at another relay")]
    TokenUnknown,
    /// The token has expired.
    #[error("this token has expired: ask for a new invitation")]
    TokenExpired,
    /// The token was used by another key.
    #[error("this token was used already: ask for a new invitation (and find out who used it, if you did not)")]
    TokenUsed,
    /// The camera asks for another name than the one that it was invited under.
    #[error("this token invites a camera named {invited}, not {asked}")]
    OtherName {
        /// The invitation's.
        invited: Name,
        /// The one asked for.
        asked: Name,
    },
    /// The relay's bound is reached.
    #[error("the relay has {0} cameras already, which is its limit (limits.cameras in its config)")]
    Full(u64),
    /// Too many invitations are open.
    #[error("{MAX_INVITES} invitations are open: wait until some expire")]
    TooManyInvites,
    /// A validity of nothing, or too long.
    #[error("an invitation is valid for at least a minute and at most 30 days")]
    Validity,
    /// The certificate could not be made.
    #[error(transparent)]
    Certificate(crate::pki::Error),
}

macro_rules! storage {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Error {
            fn from(error: $kind) -> Self {
                Self::Storage(Box::new(error.into()))
            }
        }
    )*};
}

storage!(redb::TransactionError, redb::TableError, redb::StorageError, redb::CommitError);

impl Roster {
    /// Opens the roster, or makes an empty one with mode 0600.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it open; otherwise when it cannot be made or read.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let shown = || path.display().to_string();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|source| Error::File { path: shown(), source })?;
        let opened = FileBackend::new(file).and_then(|file| Database::builder().create_with_backend(file));
        let database = opened.map_err(|error| match error {
            redb::DatabaseError::DatabaseAlreadyOpen => Error::Busy(shown()),
            other => Error::Storage(Box::new(other.into())),
        })?;
        let made = transact(&database, |write| {
            write.open_table(CAMERAS)?;
            write.open_table(IDS)?;
            write.open_table(INVITES)?;
            Ok(())
        });
        made.map(|()| Self { database })
    }

    /// Invites a camera: whoever brings the token within `valid` gets a certificate for this name, once.
    ///
    /// # Errors
    /// [`Error::NameTaken`] when the name has a key and `replace` is not set.
    pub fn invite(&self, name: &Name, replace: bool, valid: Duration, now: Micros) -> Result<(Token, Micros), Error> {
        if valid < Duration::from_secs(60) || valid > MAX_VALID {
            return Err(Error::Validity);
        }
        let token = Token::random()?;
        let expires = Micros(now.0.saturating_add(u64::try_from(valid.as_micros()).unwrap_or(u64::MAX)));
        let invite = Invite { name: name.to_string(), expires: expires.0, replace, used_by: None };
        transact(&self.database, |write| {
            if let Some(holder) = camera_in(&write.open_table(CAMERAS)?, name)?
                && !replace
            {
                return Err(Error::NameTaken { name: name.clone(), id: holder.id });
            }
            let mut invites = write.open_table(INVITES)?;
            let alive = |_: &[u8; 32], bytes: &[u8]| Invite::from_bytes(bytes).is_ok_and(|invite| now.0 < invite.expires);
            invites.retain(alive)?;
            if invites.len()? >= MAX_INVITES {
                return Err(Error::TooManyInvites);
            }
            invites.insert(&token.hash().0, invite.to_bytes()?.as_slice())?;
            Ok(())
        })?;
        Ok((token, expires))
    }

    /// Whether a token would be taken now, so that nothing of what a stranger without one sends needs to be parsed.
    ///
    /// # Errors
    /// [`Error::TokenUnknown`] or [`Error::TokenExpired`] when it would not.
    pub fn admits(&self, token: &TokenHash, now: Micros) -> Result<(), Error> {
        let read = self.database.begin_read()?;
        let invites = read.open_table(INVITES)?;
        invite_in(&invites, token, now).map(|_| ())
    }

    /// Enrols the holder of a token: `certify` makes the chain for the name that the token stands for. The same key may come again with
    /// the same token while it is valid, and gets what it got, since an answer may be lost on its way.
    ///
    /// # Errors
    /// When the token is not good for this key and name, or the name is not free. Nothing is changed then.
    pub fn enrol(
        &self,
        token: &TokenHash,
        id: CameraId,
        asked: Option<&Name>,
        limit: u64,
        now: Micros,
        certify: impl FnOnce(&Name) -> Result<Vec<CertificateDer<'static>>, crate::pki::Error>,
    ) -> Result<Enrolled, Error> {
        transact(&self.database, |write| {
            let mut invites = write.open_table(INVITES)?;
            let mut cameras = write.open_table(CAMERAS)?;
            let mut ids = write.open_table(IDS)?;

            let mut invite = invite_in(&invites, token, now)?;
            let name: Name = invite.name.parse().map_err(|_| Error::Damaged("an invitation".into()))?;
            if let Some(asked) = asked
                && *asked != name
            {
                return Err(Error::OtherName { invited: name, asked: asked.clone() });
            }
            let holder = camera_in(&cameras, &name)?;
            if let Some(used_by) = &invite.used_by {
                return match holder {
                    Some(camera) if camera.id == id && *used_by == id.to_string() => Ok(Enrolled { camera, replaced: None }),
                    _ => Err(Error::TokenUsed),
                };
            }
            let known = ids.get(id.as_bytes())?.map(|name| name.value().to_owned());
            let same = holder.as_ref().is_some_and(|camera| camera.id == id);
            if let Some(name) = known
                && !same
            {
                return Err(Error::KeyTaken { name });
            }
            let replaced = holder.as_ref().map(|camera| camera.id).filter(|holder| *holder != id);
            if let Some(holder) = replaced
                && !invite.replace
            {
                return Err(Error::NameTaken { name, id: holder });
            }
            let count = cameras.len()?;
            if holder.is_none() && count >= limit {
                return Err(Error::Full(count));
            }

            let camera = Camera { chain: certify(&name).map_err(Error::Certificate)?, id, since: now, name };
            cameras.insert(camera.name.as_str(), Entry::from(&camera).to_bytes()?.as_slice())?;
            ids.insert(id.as_bytes(), camera.name.as_str())?;
            invite.used_by = Some(id.to_string());
            invites.insert(&token.0, invite.to_bytes()?.as_slice())?;
            Ok(Enrolled { camera, replaced })
        })
    }

    /// The camera with this name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn camera(&self, name: &Name) -> Result<Option<Camera>, Error> {
        let read = self.database.begin_read()?;
        camera_in(&read.open_table(CAMERAS)?, name)
    }

    /// The camera that has this key now. A key that was replaced gives nothing.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn holder(&self, id: CameraId) -> Result<Option<Camera>, Error> {
        let read = self.database.begin_read()?;
        let Some(name) = read.open_table(IDS)?.get(id.as_bytes())? else { return Ok(None) };
        let cameras = read.open_table(CAMERAS)?;
        let Some(entry) = cameras.get(name.value())? else { return Ok(None) };
        let camera = record::camera(name.value(), entry.value())?;
        Ok(Some(camera).filter(|camera| camera.id == id))
    }

    /// All cameras, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn cameras(&self) -> Result<Vec<Camera>, Error> {
        let read = self.database.begin_read()?;
        let cameras = read.open_table(CAMERAS)?;
        let entry = |item: Result<_, redb::StorageError>| {
            let (name, entry): (redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>) = item?;
            record::camera(name.value(), entry.value())
        };
        cameras.iter()?.map(entry).collect()
    }
}

/// Runs one durable transaction: all of it, or, after an error, nothing of it.
fn transact<T>(database: &Database, work: impl FnOnce(&redb::WriteTransaction) -> Result<T, Error>) -> Result<T, Error> {
    let write = database.begin_write()?;
    let done = work(&write)?;
    write.commit()?;
    Ok(done)
}

fn camera_in(cameras: &impl redb::ReadableTable<&'static str, &'static [u8]>, name: &Name) -> Result<Option<Camera>, Error> {
    let entry = cameras.get(name.as_str())?;
    entry.map(|entry| record::camera(name.as_str(), entry.value())).transpose()
}

fn invite_in(
    invites: &impl redb::ReadableTable<&'static [u8; 32], &'static [u8]>,
    token: &TokenHash,
    now: Micros,
) -> Result<Invite, Error> {
    let found = invites.get(&token.0)?.ok_or(Error::TokenUnknown)?;
    let invite = Invite::from_bytes(found.value())?;
    if now.0 < invite.expires { Ok(invite) } else { Err(Error::TokenExpired) }
}

#[cfg(test)]
mod tests;
