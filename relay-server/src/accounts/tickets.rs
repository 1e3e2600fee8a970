//! One-use passes for live connections, which carry no cookies: 32 random bytes that live for 30 seconds, in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use link::api::account::Secret;
use wire::id::Micros;

use super::session::{TokenHash, random};

/// How long a ticket lives.
pub const LIFE: Duration = Duration::from_secs(30);

/// Tickets at one time: 10,000 × ~100 bytes = 1 MB.
const MOST: usize = 10_000;

/// Of these, for one session.
const MOST_OF_ONE: usize = 64;

/// Tickets that were given and not used, by their hash.
#[derive(Default)]
pub struct Tickets(Mutex<HashMap<TokenHash, Given>>);

#[derive(Clone, Copy)]
struct Given {
    session: TokenHash,
    expires: Micros,
}

/// No more tickets at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The table, or the session's share of it, is full.
    #[error("too many tickets were taken and not used: wait half a minute")]
    Full,
    /// No randomness.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl Tickets {
    /// Gives a ticket for a session, and says when it expires.
    ///
    /// # Errors
    /// When there are too many.
    pub fn give(&self, session: TokenHash, now: Micros) -> Result<(Secret, Micros), Error> {
        let ticket = random()?;
        let expires = Micros(now.0.saturating_add(u64::try_from(LIFE.as_micros()).unwrap_or(u64::MAX)));
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, given| now < given.expires);
        let of_one = table.values().filter(|given| given.session == session).count();
        if table.len() >= MOST || of_one >= MOST_OF_ONE {
            return Err(Error::Full);
        }
        table.insert(TokenHash::of(&ticket), Given { session, expires });
        Ok((ticket, expires))
    }

    /// Takes a ticket in: whose session it stood for. A second time it stands for nobody's.
    pub(super) fn take(&self, ticket: &Secret, now: Micros) -> Option<TokenHash> {
        let given = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&TokenHash::of(ticket))?;
        (now < given.expires).then_some(given.session)
    }
}
