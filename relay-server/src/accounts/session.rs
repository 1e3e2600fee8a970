//! Sessions: a random token for whoever signed in, of which the relay keeps the hash.

use link::api::account::{Base64, Secret};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wire::id::{Micros, Name};

use super::lease::SessionId;

/// SHA-256 of a token. The database is searched by this, so that the time of a search tells nothing about any token; the token is
/// random, so nothing has to be stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl TokenHash {
    /// The hash of a token.
    #[must_use]
    pub fn of(token: &Secret) -> Self {
        Self(Sha256::new().chain_update(b"celosia token v1").chain_update(token.expose()).finalize().into())
    }
}

/// 32 fresh random bytes.
pub(super) fn random() -> Result<Secret, getrandom::Error> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(bytes.as_mut_slice())?;
    Ok(Secret::new(&bytes))
}

/// A session as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its public number.
    pub id: SessionId,
    /// Whose.
    pub name: Name,
    /// When it began.
    pub since: Micros,
    /// When it ends by itself.
    pub expires: Micros,
    /// From where it began.
    pub from: String,
    /// Whether it is a page's.
    pub page: bool,
}

/// The record in the database; its key is the token's hash.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    id: Base64<16>,
    name: String,
    since: u64,
    expires: u64,
    from: String,
    page: bool,
}

impl From<&Session> for Entry {
    fn from(session: &Session) -> Self {
        Self {
            id: Base64(session.id.0),
            name: session.name.to_string(),
            since: session.since.0,
            expires: session.expires.0,
            from: session.from.clone(),
            page: session.page,
        }
    }
}

impl Entry {
    pub(super) fn session(self) -> Option<Session> {
        Some(Session {
            id: SessionId(self.id.0),
            name: self.name.parse().ok()?,
            since: Micros(self.since),
            expires: Micros(self.expires),
            from: self.from,
            page: self.page,
        })
    }
}
