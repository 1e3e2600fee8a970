//! Who may begin a handshake.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use quinn::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config;
use crate::counters::Counters;
use crate::gate::{Closed, Gate, Pass, Rate};
use crate::limits::HANDSHAKES;

/// Decides about every packet that would begin a connection, before anything expensive is done for it.
pub(super) struct Door {
    gate: Gate,
    rate: Arc<Rate<()>>,
    handshakes: Arc<Semaphore>,
    counters: Arc<Counters>,
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
    pub(super) fn new(limits: &config::Limits, rate: Arc<Rate<()>>, counters: Arc<Counters>) -> Self {
        Self {
            gate: Gate::new(limits.connections, limits.connections_per_address),
            rate,
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            counters,
        }
    }

    /// Lets a connection begin its handshake, or answers it.
    pub(super) fn admit(&self, incoming: Incoming) -> Option<(Incoming, Admitted)> {
        let validated = incoming.remote_address_validated() || !incoming.may_retry();
        let counted = &self.counters.connections_refused;
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Duration;

    use super::*;

    const PER_SECOND: u32 = 100;

    fn door() -> Door {
        let limits = config::Limits { connections: 200, connections_per_address: 90, ..config::Limits::default() };
        let rate = Rate::new(PER_SECOND, Duration::from_secs(1), 1);
        Door::new(&limits, Arc::new(rate), Arc::default())
    }

    fn address(number: u8) -> IpAddr {
        [192, 0, 2, number].into()
    }

    fn answer(door: &Door, from: u8, validated: bool, now: Instant) -> Option<Answer> {
        door.decide(address(from), validated, now).err()
    }

    #[test]
    fn when_it_is_busy_an_address_must_be_shown_first() {
        let (door, now) = (door(), Instant::now());
        let begun: Vec<_> = (0..HANDSHAKES / 2).map(|_| door.decide(address(1), false, now).unwrap()).collect();
        assert_eq!(answer(&door, 2, false, now), Some(Answer::Retry));
        assert_eq!(answer(&door, 2, true, now), None);
        // Handshakes that are over count no more; their connections stay.
        let inside: Vec<_> = begun.into_iter().map(Admitted::inside).collect();
        assert_eq!(answer(&door, 2, false, now), None);
        assert_eq!(door.gate.inside(), u32::try_from(inside.len()).unwrap());
    }

    #[test]
    fn handshakes_at_one_time_are_bounded() {
        let (door, now) = (door(), Instant::now());
        let begun: Vec<_> = (0..HANDSHAKES).map(|_| door.decide(address(1), true, now).unwrap()).collect();
        assert_eq!(answer(&door, 2, true, now), Some(Answer::Ignore("handshakes")));
        drop(begun);
        assert_eq!(answer(&door, 2, true, now), None);
    }

    #[test]
    fn connections_and_their_rate_are_bounded() {
        let (door, now) = (door(), Instant::now());
        let mut inside: Vec<_> = (0..90).map(|_| door.decide(address(1), true, now).unwrap().inside()).collect();
        assert_eq!(answer(&door, 1, true, now), Some(Answer::Refuse("address")));
        inside.extend((90..PER_SECOND).map(|_| door.decide(address(2), true, now).unwrap().inside()));
        assert_eq!(answer(&door, 3, true, now), Some(Answer::Ignore("rate")));
        assert_eq!(door.gate.inside(), PER_SECOND, "who was not let in takes no room");
        let later = now + Duration::from_secs(2);
        inside.extend((PER_SECOND..200).map(|number| {
            let from = address(if number % 2 == 0 { 3 } else { 4 });
            door.decide(from, true, later).unwrap().inside()
        }));
        assert_eq!(answer(&door, 5, true, later + Duration::from_secs(2)), Some(Answer::Refuse("full")));
        inside.clear();
        assert_eq!(answer(&door, 5, true, later + Duration::from_secs(2)), None);
    }
}
