//! What a live connection holds of a session: it ends with the session, wherever that is ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use wire::id::{Fingerprint, Micros, Name};

use crate::clock::Clock;

/// How often a lease looks at the clock, which can be set.
const LOOK: Duration = Duration::from_millis(250);

/// A session's number: public, unlike its token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub [u8; 16]);

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's name.
    pub name: Name,
    /// Its keys' fingerprint.
    pub fingerprint: Fingerprint,
    /// The session.
    pub session: SessionId,
}

/// The right to be somebody on a live connection, for as long as the session lasts.
#[derive(Debug, Clone)]
pub struct Lease {
    account: Arc<Account>,
    expires: Micros,
    clock: Clock,
    session: watch::Receiver<()>,
}

impl Lease {
    /// Who.
    #[must_use]
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Whether it holds still.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.session.has_changed().is_ok() && self.clock.now() < self.expires
    }

    /// Ready when it has ended.
    pub async fn ended(&self) {
        let mut session = self.session.clone();
        while self.holds() {
            tokio::select! {
                // Its other side never says anything: it goes away.
                _ = session.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

/// The sessions of which somebody holds a lease. Never more than there are live connections.
#[derive(Default)]
pub struct Leases(Mutex<HashMap<SessionId, watch::Sender<()>>>);

impl Leases {
    /// Lets somebody take part in a session that must be looked up afterwards: so no end is missed in between.
    pub(super) fn take(&self, session: SessionId) -> watch::Receiver<()> {
        let mut table = self.table();
        table.retain(|_, sender| sender.receiver_count() > 0);
        table.entry(session).or_insert_with(|| watch::channel(()).0).subscribe()
    }

    /// Makes a lease of it.
    pub(super) fn lease(account: Account, expires: Micros, clock: Clock, session: watch::Receiver<()>) -> Lease {
        Lease { account: Arc::new(account), expires, clock, session }
    }

    /// These sessions have ended.
    pub(super) fn end(&self, sessions: &[SessionId]) {
        let mut table = self.table();
        for session in sessions {
            table.remove(session);
        }
    }

    fn table(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
