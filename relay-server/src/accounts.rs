//! People: their accounts, what they sign in with, their sessions, and the tickets of their live connections.
//!
//! One redb database, `accounts.redb`. Every change is one durable transaction: when a call returns, it is on disk. A stolen database
//! holds no sign-in secret, token or private key: scrypt of the first ([`hash`]), SHA-256 of the second ([`session`]), and the third as
//! the person's own machine wrapped them.

pub mod attempts;
pub mod hash;
pub mod lease;
pub mod record;
pub mod session;
pub mod tickets;

use std::fs::OpenOptions;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use link::api::account::{Keys, Secret, WrappedKeys};
use redb::backends::FileBackend;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _, TableDefinition, WriteTransaction};
use wire::id::{Micros, Name};

use self::attempts::Attempts;
use self::hash::{Hasher, Kept};
use self::lease::{Account, Lease, Leases, SessionId};
use self::record::{KeptRecovery, Record, name_hash};
use self::session::{Entry, Session, TokenHash, random};
use self::tickets::Tickets;
use crate::clock::Clock;
use crate::config;
use crate::gate::Origin;
use crate::roster::token::Token;

/// Name → [`Record`].
const ACCOUNTS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("accounts v1");
/// Hash of the name of an account that was deleted → when.
const DELETED: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("deleted names v1");
/// Hash of the token → [`Entry`].
const SESSIONS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("sessions v1");
/// Name and number of a session → hash of its token.
const OWN: TableDefinition<'_, (&str, &[u8; 16]), &[u8; 32]> = TableDefinition::new("own sessions v1");
/// Hash of an invitation → when it expires.
const INVITES: TableDefinition<'_, &[u8; 32], u64> = TableDefinition::new("account invites v1");

/// Sessions of one account; with one more, the oldest ends.
pub const MAX_SESSIONS: usize = 32;

/// Open invitations at one time.
pub const MAX_INVITES: u64 = 1000;

/// Failures that cost nothing, by name; by address, behind which a school may sit.
const FREE: (u32, u32) = (5, 20);

/// What one waits at most: by name short, so that nobody can lock somebody else out; by address long.
const LONGEST: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(900));

/// The accounts of a relay. Calls that are not `async` block on the disk: an async caller wraps them in `spawn_blocking`.
pub struct Accounts {
    database: Database,
    leases: Leases,
    clock: Clock,
    config: config::Accounts,
    /// What makes and compares hashes of secrets.
    pub hasher: Hasher,
    /// Attempts to sign in, by name.
    pub by_name: Attempts,
    /// Attempts to sign in or register, by address.
    pub by_address: Attempts,
    /// Passes for live connections.
    pub tickets: Tickets,
}

/// Why an account was not found, made or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the database open.
    #[error("another process (a running relay, most likely) has the accounts {0} open")]
    Busy(String),
    /// The database cannot be read or written.
    #[error("the accounts cannot be read or written: {0}")]
    Storage(Box<redb::Error>),
    /// The database's file cannot be made or opened.
    #[error("the accounts {path} cannot be opened: {source}")]
    File {
        /// Which file.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// A record in the database does not make sense.
    #[error("the accounts hold a damaged record for {0}: restore accounts.redb from a backup")]
    Damaged(String),
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The operating system gave no thread.
    #[error("no thread for sign-ins could be started: {0}")]
    Thread(io::Error),
    /// The name belongs to somebody, or did.
    #[error("the name {0} is taken, or was once: a name is never given out twice; choose another")]
    NameTaken(Name),
    /// The relay's bound is reached.
    #[error("the relay has {0} accounts already, which is its limit (accounts.most in its config)")]
    Full(u64),
    /// The invitation is not good.
    #[error("the invitation is unknown, used or expired: ask the relay's operator for another")]
    Invite,
    /// Nobody has the name.
    #[error("this relay has no account named {0}")]
    Unknown(Name),
    /// What was checked has changed since.
    #[error("the account was changed at the same moment: sign in again")]
    Changed,
    /// Too many invitations are open.
    #[error("{MAX_INVITES} invitations are open: wait until some expire")]
    TooManyInvites,
    /// A validity of nothing, or too long.
    #[error("an invitation is valid for at least a minute and at most 30 days")]
    Validity,
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

/// An account to be made.
pub struct New {
    /// Its name.
    pub name: Name,
    /// Its keys.
    pub keys: Keys,
    /// What is kept of its secret.
    pub sign_in: Kept,
    /// And of its recovery code.
    pub recovery: KeptRecovery,
}

/// A change of what somebody signs in with, or unlocks with.
pub enum Change {
    /// A new password.
    Password {
        /// What is kept of its secret.
        sign_in: Kept,
        /// The same keys under it.
        wrapped: WrappedKeys,
    },
    /// A new password and a new code, after the code was used.
    Recovery {
        /// What is kept of its secret.
        sign_in: Kept,
        /// The same keys under it.
        wrapped: WrappedKeys,
        /// The new code's side.
        recovery: KeptRecovery,
    },
    /// Other keys.
    Keys {
        /// They.
        keys: Keys,
        /// The new code's side.
        recovery: KeptRecovery,
    },
}

/// An account in the operator's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its record.
    pub record: Record,
    /// How many sessions it has.
    pub sessions: usize,
}

impl Accounts {
    /// Opens the accounts, or makes an empty database with mode 0600.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it open; otherwise when it cannot be made or read.
    pub fn open(path: &Path, config: config::Accounts, clock: Clock) -> Result<Self, Error> {
        let database = open(path)?;
        transact(&database, |write| {
            write.open_table(ACCOUNTS)?;
            write.open_table(DELETED)?;
            write.open_table(SESSIONS)?;
            write.open_table(OWN)?;
            write.open_table(INVITES)?;
            Ok(())
        })?;
        if config.dev_insecure_cheap_scrypt {
            tracing::warn!(
                "accounts.dev_insecure_cheap_scrypt: sign-in secrets are kept in a way that makes guessing cheap; for tests only"
            );
        }
        Ok(Self {
            database,
            leases: Leases::default(),
            clock,
            hasher: Hasher::start(config.dev_insecure_cheap_scrypt).map_err(Error::Thread)?,
            config,
            by_name: Attempts::new(FREE.0, LONGEST.0),
            by_address: Attempts::new(FREE.1, LONGEST.1),
            tickets: Tickets::default(),
        })
    }

    /// What is configured.
    #[must_use]
    pub const fn config(&self) -> &config::Accounts {
        &self.config
    }

    /// An attempt to prove who one is, under this name from there.
    ///
    /// # Errors
    /// How long to wait first.
    pub fn attempt(&self, name: &Name, from: Origin) -> Result<(), Duration> {
        let now = std::time::Instant::now();
        self.by_address.attempt(&from, now)?;
        self.by_name.attempt(name, now)
    }

    /// It was proven.
    pub fn proven(&self, name: &Name, from: Origin) {
        self.by_name.succeeded(name);
        self.by_address.forgive(&from, std::time::Instant::now());
    }

    /// The account of this name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn account(&self, name: &Name) -> Result<Option<Record>, Error> {
        let read = self.database.begin_read()?;
        account_in(&read.open_table(ACCOUNTS)?, name)
    }

    /// Makes an account; with an invitation, that is used up.
    ///
    /// # Errors
    /// When the name was ever taken, the relay is full, or the invitation is not good.
    pub fn register(&self, new: New, invite: Option<&Token>) -> Result<Record, Error> {
        let now = self.clock.now();
        let record = Record { since: now.0, version: 0, keys: new.keys, sign_in: new.sign_in, recovery: new.recovery };
        transact(&self.database, |write| {
            if let Some(invite) = invite {
                let expires = write.open_table(INVITES)?.remove(&invite.hash().0)?.map(|expires| expires.value());
                if expires.is_none_or(|expires| expires <= now.0) {
                    return Err(Error::Invite);
                }
            }
            let mut accounts = write.open_table(ACCOUNTS)?;
            let gone = write.open_table(DELETED)?.get(&name_hash(&new.name))?.is_some();
            if gone || accounts.get(new.name.as_str())?.is_some() {
                return Err(Error::NameTaken(new.name.clone()));
            }
            let count = accounts.len()?;
            if count >= u64::from(self.config.most) {
                return Err(Error::Full(count));
            }
            accounts.insert(new.name.as_str(), json(&record)?.as_slice())?;
            Ok(())
        })?;
        Ok(record)
    }

    /// Whether an invitation would be taken now, so that nothing expensive is done for whoever has none.
    ///
    /// # Errors
    /// When it would not.
    pub fn admits(&self, invite: &Token) -> Result<(), Error> {
        let read = self.database.begin_read()?;
        let expires = read.open_table(INVITES)?.get(&invite.hash().0)?.map(|expires| expires.value());
        expires.filter(|expires| self.clock.now().0 < *expires).map(|_| ()).ok_or(Error::Invite)
    }

    /// Begins a session of an account whose secret was checked in this version of it.
    ///
    /// # Errors
    /// [`Error::Changed`] when that is not the version in force any more.
    pub fn begin(&self, name: &Name, version: u64, page: bool, from: &str) -> Result<(Secret, Session), Error> {
        let token = random()?;
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let now = self.clock.now();
        let life = u64::from(self.config.session_days).saturating_mul(24 * 3600 * 1_000_000);
        let expires = Micros(now.0.saturating_add(life));
        let session = Session { id: SessionId(id), name: name.clone(), since: now, expires, from: from.to_owned(), page };
        let ended = transact(&self.database, |write| {
            current(write, name, version)?;
            let mut open: Vec<Session> = own(&write.open_table(SESSIONS)?, &write.open_table(OWN)?, name)?;
            open.sort_by_key(|session| session.since);
            let many = (open.len() + 1).saturating_sub(MAX_SESSIONS);
            let old: Vec<SessionId> = open.iter().take(many).map(|session| session.id).collect();
            end(write, name, &old)?;
            let hash = TokenHash::of(&token);
            write.open_table(SESSIONS)?.insert(&hash.0, json(&Entry::from(&session))?.as_slice())?;
            write.open_table(OWN)?.insert((name.as_str(), &id), &hash.0)?;
            Ok(old)
        })?;
        self.leases.end(&ended);
        Ok((token, session))
    }

    /// The session that a token stands for, if it has not ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn session(&self, token: &TokenHash) -> Result<Option<Session>, Error> {
        let read = self.database.begin_read()?;
        let found = session_in(&read.open_table(SESSIONS)?, token)?;
        Ok(found.filter(|session| self.clock.now() < session.expires))
    }

    /// The sessions of an account that have not ended.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sessions(&self, name: &Name) -> Result<Vec<Session>, Error> {
        let read = self.database.begin_read()?;
        let mut sessions = own(&read.open_table(SESSIONS)?, &read.open_table(OWN)?, name)?;
        sessions.retain(|session| self.clock.now() < session.expires);
        Ok(sessions)
    }

    /// Ends one session of an account; says whether there was one.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end(&self, name: &Name, session: SessionId) -> Result<bool, Error> {
        let ended = transact(&self.database, |write| end(write, name, &[session]))?;
        self.leases.end(&[session]);
        Ok(ended > 0)
    }

    /// Changes an account whose secret was checked in this version of it, and ends every session but `keep`.
    ///
    /// # Errors
    /// [`Error::Changed`] when that is not the version in force any more.
    pub fn change(&self, name: &Name, version: u64, change: Change, keep: Option<SessionId>) -> Result<Record, Error> {
        let rekeyed = matches!(change, Change::Keys { .. });
        let (record, ended) = transact(&self.database, |write| {
            let mut record = current(write, name, version)?;
            record.version += 1;
            match change {
                Change::Password { sign_in, wrapped } => {
                    record.sign_in = sign_in;
                    record.keys.wrapped = wrapped;
                }
                Change::Recovery { sign_in, wrapped, recovery } => {
                    record.sign_in = sign_in;
                    record.keys.wrapped = wrapped;
                    record.recovery = recovery;
                }
                Change::Keys { keys, recovery } => {
                    record.keys = keys;
                    record.recovery = recovery;
                }
            }
            write.open_table(ACCOUNTS)?.insert(name.as_str(), json(&record)?.as_slice())?;
            let others = others(write, name, keep)?;
            end(write, name, &others)?;
            Ok((record, others))
        })?;
        self.leases.end(&ended);
        if rekeyed {
            // A live connection of the session that stays was admitted under the old keys.
            self.leases.end(keep.as_slice());
        }
        Ok(record)
    }

    /// Deletes an account: its keys, what it signs in with, its sessions. Its name is never given out again.
    ///
    /// # Errors
    /// [`Error::Changed`] when this version of it is not the one in force, [`Error::Unknown`] when there is none.
    pub fn delete(&self, name: &Name, version: Option<u64>) -> Result<Record, Error> {
        let now = self.clock.now();
        let (record, ended) = transact(&self.database, |write| {
            let record = account_in(&write.open_table(ACCOUNTS)?, name)?.ok_or_else(|| Error::Unknown(name.clone()))?;
            if version.is_some_and(|version| version != record.version) {
                return Err(Error::Changed);
            }
            let all = others(write, name, None)?;
            end(write, name, &all)?;
            write.open_table(ACCOUNTS)?.remove(name.as_str())?;
            write.open_table(DELETED)?.insert(&name_hash(name), now.0)?;
            Ok((record, all))
        })?;
        self.leases.end(&ended);
        Ok(record)
    }

    /// Invites somebody: whoever brings the token within `valid` may register, once.
    ///
    /// # Errors
    /// When it would be valid too long or too short, or there are too many.
    pub fn invite(&self, valid: Duration) -> Result<(Token, Micros), Error> {
        if valid < Duration::from_secs(60) || valid > crate::roster::MAX_VALID {
            return Err(Error::Validity);
        }
        let (token, now) = (Token::random()?, self.clock.now());
        let expires = Micros(now.0.saturating_add(u64::try_from(valid.as_micros()).unwrap_or(u64::MAX)));
        transact(&self.database, |write| {
            let mut invites = write.open_table(INVITES)?;
            invites.retain(|_, expires| now.0 < expires)?;
            if invites.len()? >= MAX_INVITES {
                return Err(Error::TooManyInvites);
            }
            invites.insert(&token.hash().0, expires.0)?;
            Ok(())
        })?;
        Ok((token, expires))
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let read = self.database.begin_read()?;
        let (accounts, own) = (read.open_table(ACCOUNTS)?, read.open_table(OWN)?);
        let listed = |item: Result<(redb::AccessGuard<'_, &str>, redb::AccessGuard<'_, &[u8]>), redb::StorageError>| {
            let (name, record) = item?;
            let sessions = own.range(every(name.value()))?.count();
            Ok(Listed { name: name.value().to_owned(), record: parse(name.value(), record.value())?, sessions })
        };
        accounts.iter()?.map(listed).collect()
    }

    /// Removes sessions that ended by themselves.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now();
        transact(&self.database, |write| {
            let mut over = Vec::new();
            for item in write.open_table(SESSIONS)?.iter()? {
                let (_, entry) = item?;
                over.extend(read_session(entry.value())?.filter(|session| session.expires <= now));
            }
            for session in over {
                end(write, &session.name, &[session.id])?;
            }
            Ok(())
        })
    }

    /// Who a ticket stands for, once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn redeem(&self, ticket: &Secret) -> Result<Option<Lease>, Error> {
        let Some(token) = self.tickets.take(ticket, self.clock.now()) else { return Ok(None) };
        let Some(found) = self.session(&token)? else { return Ok(None) };
        // Taken before the session is looked up for good, so that no end of it is missed.
        let watched = self.leases.take(found.id);
        let Some(session) = self.session(&token)? else { return Ok(None) };
        let Some(record) = self.account(&session.name)? else { return Ok(None) };
        let account = Account { fingerprint: record.fingerprint(), name: session.name, session: session.id };
        Ok(Some(Leases::lease(account, session.expires, self.clock.clone(), watched)))
    }
}

/// Opens a database, or makes an empty one with mode 0600.
pub(crate) fn open(path: &Path) -> Result<Database, Error> {
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
    opened.map_err(|error| match error {
        redb::DatabaseError::DatabaseAlreadyOpen => Error::Busy(shown()),
        other => Error::Storage(Box::new(other.into())),
    })
}

/// Runs one durable transaction: all of it, or, after an error, nothing of it.
pub(crate) fn transact<T>(database: &Database, work: impl FnOnce(&WriteTransaction) -> Result<T, Error>) -> Result<T, Error> {
    let write = database.begin_write()?;
    let done = work(&write)?;
    write.commit()?;
    Ok(done)
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|_| Error::Damaged("a new entry".to_owned()))
}

fn parse(name: &str, bytes: &[u8]) -> Result<Record, Error> {
    serde_json::from_slice(bytes).map_err(|_| Error::Damaged(format!("the account {name}")))
}

fn account_in(accounts: &impl redb::ReadableTable<&'static str, &'static [u8]>, name: &Name) -> Result<Option<Record>, Error> {
    let record = accounts.get(name.as_str())?;
    record.map(|record| parse(name.as_str(), record.value())).transpose()
}

/// The account in the version that was checked.
fn current(write: &WriteTransaction, name: &Name, version: u64) -> Result<Record, Error> {
    let found = account_in(&write.open_table(ACCOUNTS)?, name)?;
    found.filter(|record| record.version == version).ok_or(Error::Changed)
}

fn read_session(bytes: &[u8]) -> Result<Option<Session>, Error> {
    let entry: Entry = serde_json::from_slice(bytes).map_err(|_| Error::Damaged("a session".to_owned()))?;
    Ok(entry.session())
}

fn session_in(sessions: &impl redb::ReadableTable<&'static [u8; 32], &'static [u8]>, token: &TokenHash) -> Result<Option<Session>, Error> {
    let entry = sessions.get(&token.0)?;
    Ok(entry.map(|entry| read_session(entry.value())).transpose()?.flatten())
}

/// Every session of one account.
fn every(name: &str) -> RangeInclusive<(&str, &[u8; 16])> {
    (name, &[0; 16])..=(name, &[0xff; 16])
}

fn own(
    sessions: &impl redb::ReadableTable<&'static [u8; 32], &'static [u8]>,
    own: &impl redb::ReadableTable<(&'static str, &'static [u8; 16]), &'static [u8; 32]>,
    name: &Name,
) -> Result<Vec<Session>, Error> {
    let mut found = Vec::new();
    for item in own.range(every(name.as_str()))? {
        let (_, hash) = item?;
        found.extend(session_in(sessions, &TokenHash(*hash.value()))?);
    }
    Ok(found)
}

/// The sessions of an account but one.
fn others(write: &WriteTransaction, name: &Name, keep: Option<SessionId>) -> Result<Vec<SessionId>, Error> {
    let all = own(&write.open_table(SESSIONS)?, &write.open_table(OWN)?, name)?;
    Ok(all.into_iter().map(|session| session.id).filter(|id| Some(*id) != keep).collect())
}

/// Removes sessions; says how many there were.
fn end(write: &WriteTransaction, name: &Name, ended: &[SessionId]) -> Result<usize, Error> {
    let (mut sessions, mut own) = (write.open_table(SESSIONS)?, write.open_table(OWN)?);
    let mut count = 0;
    for id in ended {
        if let Some(hash) = own.remove((name.as_str(), &id.0))? {
            sessions.remove(hash.value())?;
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests;
