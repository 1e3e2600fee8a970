//! How many may come in, and how often: bounds on connections and on attempts, in tables that are bounded themselves.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What counts as one address: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin(u128);

impl From<IpAddr> for Origin {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().to_bits()),
            IpAddr::V6(address) => Self(address.to_bits() & !u128::from(u64::MAX)),
        }
    }
}

/// How often in [`PERIOD`] one address may come in, for each place that it has: 256 times a minute with 64 places, then about four times a
/// second. Else a single address that comes and goes would use up the handshakes of everybody.
const VISITS: u32 = 4;

/// The time in which it may.
const PERIOD: Duration = Duration::from_secs(60);

/// Counts who is in. Clones share the count.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Mutex<Counts>>, Arc<Rate<Origin>>);

#[derive(Debug)]
struct Counts {
    most: u32,
    most_per_origin: u32,
    all: u32,
    /// Has an entry only for whoever is in, so that it never has more than `most`.
    of: HashMap<Origin, u32>,
}

/// Why a gate stays closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// As many are in as fit.
    #[error("the relay is full")]
    Full,
    /// As many are in from there as may come from one address, or came in too short a time.
    #[error("too many connections from one address")]
    Origin,
}

/// The right to be in; dropping it leaves.
#[derive(Debug)]
pub struct Pass {
    gate: Gate,
    origin: Origin,
}

impl Gate {
    /// Lets in `most` altogether, and `most_per_origin` from one address, four times as many a minute.
    #[must_use]
    pub fn new(most: u32, most_per_origin: u32) -> Self {
        let visits = Rate::new(most_per_origin.saturating_mul(VISITS), PERIOD, usize::try_from(most).unwrap_or(usize::MAX));
        Self(Arc::new(Mutex::new(Counts { most, most_per_origin, all: 0, of: HashMap::new() })), Arc::new(visits))
    }

    /// Lets one in.
    ///
    /// # Errors
    /// When a bound is reached.
    pub fn enter(&self, from: IpAddr) -> Result<Pass, Closed> {
        self.enter_at(from, Instant::now())
    }

    fn enter_at(&self, from: IpAddr, now: Instant) -> Result<Pass, Closed> {
        let origin = Origin::from(from);
        let mut counts = self.counts();
        if counts.all >= counts.most {
            return Err(Closed::Full);
        }
        if counts.of.get(&origin).is_some_and(|count| *count >= counts.most_per_origin) {
            return Err(Closed::Origin);
        }
        self.1.attempt(origin, now).map_err(|_| Closed::Origin)?;
        counts.all += 1;
        *counts.of.entry(origin).or_default() += 1;
        drop(counts);
        Ok(Pass { gate: self.clone(), origin })
    }

    /// How many are in.
    #[must_use]
    pub fn inside(&self) -> u32 {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut counts = self.gate.counts();
        counts.all = counts.all.saturating_sub(1);
        if let Some(count) = counts.of.get_mut(&self.origin) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.of.remove(&self.origin);
            }
        }
    }
}

/// So many attempts in so much time, per key: a bucket of `burst` that refills evenly (the "generic cell rate algorithm").
#[derive(Debug)]
pub struct Rate<K> {
    /// Time that one attempt costs.
    cost: Duration,
    /// How far ahead of the time a key may be.
    ahead: Duration,
    /// Until when each key has spent; whoever is in the past has a full bucket and needs no entry.
    spent: Mutex<HashMap<K, Instant>>,
    most_keys: usize,
}

impl<K: Eq + std::hash::Hash> Rate<K> {
    /// `burst` attempts per `period`, for at most `most_keys` keys at one time.
    #[must_use]
    pub fn new(burst: u32, period: Duration, most_keys: usize) -> Self {
        let cost = period / burst.max(1);
        Self { cost, ahead: period.saturating_sub(cost), spent: Mutex::new(HashMap::new()), most_keys }
    }

    /// Counts an attempt, or says how long to wait. When the table is full of keys that spent something, a new key waits too.
    ///
    /// # Errors
    /// The time after which an attempt may succeed.
    pub fn attempt(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        if !spent.contains_key(&key) && spent.len() >= self.most_keys {
            spent.retain(|_, until| *until > now);
            if spent.len() >= self.most_keys {
                return Err(self.cost);
            }
        }
        let until = spent.get(&key).map_or(now, |until| (*until).max(now));
        let excess = until.saturating_duration_since(now).saturating_sub(self.ahead);
        if !excess.is_zero() {
            return Err(excess);
        }
        spent.insert(key, until + self.cost);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_address_leaves_room_for_others() {
        let gate = Gate::new(5, 2);
        let first = gate.enter(ip("192.0.2.1")).unwrap();
        let _second = gate.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(gate.enter(ip("192.0.2.1")).unwrap_err(), Closed::Origin);
        assert_eq!(gate.enter(ip("::ffff:192.0.2.1")).unwrap_err(), Closed::Origin);
        let _other = gate.enter(ip("192.0.2.2")).unwrap();
        drop(first);
        let _again = gate.enter(ip("192.0.2.1")).unwrap();
        assert_eq!(gate.inside(), 3);
    }

    #[test]
    fn one_address_that_comes_and_goes_leaves_turns_for_others() {
        let gate = Gate::new(100, 2);
        let start = Instant::now();
        let visits = |from: &str, now| (0..100).filter(|_| gate.enter_at(ip(from), now).is_ok()).count();
        assert_eq!(visits("192.0.2.1", start), 8, "four times two places");
        assert_eq!(visits("192.0.2.2", start), 8, "another address has its own turns");
        assert_eq!(visits("192.0.2.1", start + Duration::from_secs(15)), 2);
        assert_eq!(visits("192.0.2.1", start + Duration::from_secs(100)), 8);
    }

    #[test]
    fn one_ipv6_network_is_one_address() {
        let gate = Gate::new(5, 1);
        let _one = gate.enter(ip("2001:db8:0:1::1")).unwrap();
        assert_eq!(gate.enter(ip("2001:db8:0:1:ffff::2")).unwrap_err(), Closed::Origin);
        let _two = gate.enter(ip("2001:db8:0:2::1")).unwrap();
    }

    #[test]
    fn it_is_full_at_its_bound_and_forgets_who_left() {
        let gate = Gate::new(2, 2);
        let passes: Vec<_> = (1..=2).map(|last| gate.enter(ip(&format!("192.0.2.{last}"))).unwrap()).collect();
        assert_eq!(gate.enter(ip("192.0.2.9")).unwrap_err(), Closed::Full);
        drop(passes);
        assert_eq!(gate.inside(), 0);
        assert!(gate.counts().of.is_empty());
    }

    #[test]
    fn a_burst_then_an_even_rate() {
        let rate = Rate::new(3, Duration::from_secs(3), 10);
        let start = Instant::now();
        for _ in 0..3 {
            rate.attempt('a', start).unwrap();
        }
        assert_eq!(rate.attempt('a', start), Err(Duration::from_secs(1)));
        rate.attempt('b', start).unwrap();
        let second = start + Duration::from_secs(1);
        rate.attempt('a', second).unwrap();
        assert!(rate.attempt('a', second).is_err());
        let later = start + Duration::from_secs(60);
        assert_eq!((0..10).filter(|_| rate.attempt('a', later).is_ok()).count(), 3);
    }

    #[test]
    fn the_table_is_bounded() {
        let rate = Rate::new(1, Duration::from_secs(10), 2);
        let start = Instant::now();
        rate.attempt(1, start).unwrap();
        rate.attempt(2, start).unwrap();
        assert!(rate.attempt(3, start).is_err());
        // Those who were quiet make room.
        rate.attempt(3, start + Duration::from_secs(11)).unwrap();
        assert!(rate.spent.lock().unwrap().len() <= 2);
    }
}
