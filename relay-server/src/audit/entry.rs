//! What stands in an entry, and what stands beside it for a while.

use std::fmt;

use link::api::account::Base64;
use serde::{Deserialize, Serialize};
use wire::id::{Digest, Fingerprint, Micros, Name};

use super::Fields;
use crate::accounts::Error;
use crate::moment;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Sealed layers and grants are handed out from now on.
    HandOut,
    /// That has ended.
    HandOutEnded,
    /// Somebody signed in.
    SignIn,
    /// Somebody tried to.
    SignInFailed,
    /// Somebody signed out, or ended a session.
    SignOut,
    /// An account was made.
    Registration,
    /// A password was changed.
    Password,
    /// A password was replaced by a recovery code.
    Recovery,
    /// Keys were replaced.
    Keys,
    /// An account was deleted.
    Deletion,
    /// A camera was enrolled.
    Enrolment,
    /// A camera's key was taken back.
    Revocation,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// Live, or from the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// As it happens.
    Live,
    /// From the archive.
    Replay,
}

/// What is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// Whose account.
    pub name: Option<String>,
    /// Which keys.
    pub fingerprint: Option<Fingerprint>,
    /// From where.
    pub address: Option<String>,
    /// Which camera.
    pub camera: Option<String>,
    /// Which labels.
    pub labels: Vec<String>,
    /// Live or replay.
    pub way: Option<Way>,
    /// From when.
    pub from: Option<Micros>,
    /// Until when.
    pub to: Option<Micros>,
    /// The entry that began what this one ends.
    pub of: Option<u64>,
    /// How many more of the kind were not written, so that nobody can fill the disk.
    pub more: Option<u64>,
}

impl Event {
    /// Something that happened.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self {
            kind,
            name: None,
            fingerprint: None,
            address: None,
            camera: None,
            labels: Vec::new(),
            way: None,
            from: None,
            to: None,
            of: None,
            more: None,
        }
    }

    /// To whose account.
    #[must_use]
    pub fn of_account(mut self, name: &Name, fingerprint: Option<Fingerprint>) -> Self {
        self.name = Some(name.to_string());
        self.fingerprint = fingerprint;
        self
    }

    /// From where.
    #[must_use]
    pub fn at(mut self, address: impl ToString) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// With which camera.
    #[must_use]
    pub fn with_camera(mut self, camera: &Name) -> Self {
        self.camera = Some(camera.to_string());
        self
    }
}

/// What is hashed. Whatever tells of a person is a salted digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// When, in microseconds since the Unix epoch, by the relay's clock.
    pub at: u64,
    /// What happened.
    pub kind: Kind,
    /// Digest of the account's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Base64<32>>,
    /// Digest of its keys' fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Base64<32>>,
    /// Digest of the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Base64<32>>,
    /// Which camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Which labels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Live or replay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Way>,
    /// From which second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// To which second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The entry that began what this one ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// How many more were not written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
}

/// Salts and values of an entry's personal fields, as long as they are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Personal(pub(super) Fields);

impl Personal {
    /// A field's value.
    #[must_use]
    pub fn value(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(|(_, value)| value.as_str())
    }

    /// The fields that do not give the digests in the entry.
    pub(super) fn wrong(&self, content: &Content) -> Vec<&str> {
        let stands = |field: &str| match field {
            NAME => content.name,
            FINGERPRINT => content.fingerprint,
            ADDRESS => content.address,
            _ => None,
        };
        let wrong = self.0.iter().filter(|(field, (salt, value))| stands(field) != Some(digest(*salt, value)));
        wrong.map(|(field, _)| field.as_str()).collect()
    }
}

/// An account's name.
pub(super) const NAME: &str = "name";
/// Its keys' fingerprint.
pub(super) const FINGERPRINT: &str = "fingerprint";
/// From where.
pub(super) const ADDRESS: &str = "address";

fn digest(salt: Base64<16>, value: &str) -> Base64<32> {
    Base64(Digest::of(&[b"celosia log field v1", &salt.0, value.as_bytes()]).0)
}

/// What is hashed of an event, and what is kept beside it.
pub(super) fn seal(event: &Event, now: Micros) -> Result<(Content, Personal), Error> {
    let mut fields = Fields::new();
    let mut salted = |field: &str, value: Option<String>| -> Result<Option<Base64<32>>, Error> {
        let Some(value) = value else { return Ok(None) };
        let mut salt = Base64([0; 16]);
        getrandom::fill(&mut salt.0)?;
        let digest = digest(salt, &value);
        fields.insert(field.to_owned(), (salt, value));
        Ok(Some(digest))
    };
    let content = Content {
        at: now.0,
        kind: event.kind,
        name: salted(NAME, event.name.clone())?,
        fingerprint: salted(FINGERPRINT, event.fingerprint.map(|fingerprint| fingerprint.to_string()))?,
        address: salted(ADDRESS, event.address.clone())?,
        camera: event.camera.clone(),
        labels: event.labels.clone(),
        way: event.way,
        from: event.from.map(|at| at.0 / 1_000_000),
        to: event.to.map(|at| at.0.div_ceil(1_000_000)),
        of: event.of,
        more: event.more,
    };
    Ok((content, Personal(fields)))
}

impl From<super::Entry> for link::api::account::Entry {
    fn from(entry: super::Entry) -> Self {
        let second = |second: u64| moment::text(Micros(second.saturating_mul(1_000_000)));
        let value = |field| entry.personal.value(field).map(str::to_owned);
        Self {
            number: entry.number,
            at: moment::text(Micros(entry.content.at)),
            kind: entry.content.kind.to_string(),
            name: value(NAME),
            fingerprint: value(FINGERPRINT),
            address: value(ADDRESS),
            camera: entry.content.camera,
            labels: entry.content.labels,
            way: entry.content.way.map(|way| match way {
                Way::Live => "live".to_owned(),
                Way::Replay => "replay".to_owned(),
            }),
            from: entry.content.from.map(second),
            to: entry.content.to.map(second),
            of: entry.content.of,
        }
    }
}
