//! Who may begin a handshake.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use quinn::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;
use crate::gate::{Closed, Gate, Pass, Rate};
use crate::limits::HANDSHAKES;
use crate::parts::Parts;

/// Decides about every packet that would begin a connection, before anything expensive is done for it.
pub(super) struct Door {
    gate: Gate,
    rate: Arc<Rate<()>>,
    handshakes: Arc<Semaphore>,
    parts: Arc<Parts>,
}

/// Room for one connection, and for one handshake until that is over.
pub(super) struct Admitted {
    pass: Pass,
    handshake: OwnedSemaphorePermit,
}

impl Admitted {
    /// The handshake is over; the connection keeps its room.
    pub(super) fn inside(self) -> Pass {
        drop(self.handshake);
        self.pass
    }
}

/// What is done about a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// The sender is told that there is no room.
    Refuse(&'static str),
    /// The sender must show first that it receives at the address that it claims (RFC 9000, 8.1.2).
    Retry,
    /// Nothing: an honest sender asks again by itself, a second later.
    Ignore(&'static str),
}

impl Door {
    pub(super) fn new(limits: &config::Limits, parts: Arc<Parts>) -> Self {
        Self {
            gate: Gate::new(limits.connections, limits.connections_per_address),
            rate: Arc::clone(&parts.handshakes),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            parts,
        }
    }

    /// Lets a connection begin its handshake, or answers it.
    pub(super) fn admit(&self, incoming: Incoming) -> Option<(Incoming, Admitted)> {
        let validated = incoming.remote_address_validated() || !incoming.may_retry();
        let counted = &self.parts.counters.connections_refused;
        match self.decide(incoming.remote_address().ip(), validated, Instant::now()) {
            Ok(admitted) => return Some((incoming, admitted)),
            Err(Answer::Refuse(why)) => {
                counted.one(why);
                incoming.refuse();
            }
            Err(Answer::Ignore(why)) => {
                counted.one(why);
                incoming.ignore();
            }
            Err(Answer::Retry) => {
                counted.one("retry");
                // It may not be retried twice, which was asked above.
                let _ = incoming.retry();
            }
        }
        None
    }

    fn decide(&self, from: IpAddr, validated: bool, now: Instant) -> Result<Admitted, Answer> {
        // When half of the places are taken, nobody gets one under an address that may be somebody else's.
        let busy = self.handshakes.available_permits() <= HANDSHAKES / 2;
        if busy && !validated {
            return Err(Answer::Retry);
        }
        let handshake = Arc::clone(&self.handshakes).try_acquire_owned().map_err(|_| Answer::Ignore("handshakes"))?;
        let pass = self.gate.enter(from).map_err(|closed| match closed {
            Closed::Full => Answer::Refuse("full"),
            Closed::Origin => Answer::Refuse("address"),
        })?;
        self.rate.attempt((), now).map_err(|_| Answer::Ignore("rate"))?;
        Ok(Admitted { pass, handshake })
    }
}
