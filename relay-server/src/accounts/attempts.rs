//! How often somebody may try: after a few failures every further one makes the next wait twice as long.
//!
//! The table has a fixed size. Keys that fall into one place share it, and where they fall is drawn at random when the relay starts, so that nobody can
//! choose to share a place with somebody else.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Places: 16,384 × 32 bytes = 512 kB.
const PLACES: usize = 16_384;

/// A key that was quiet for so long after its wait has a clean record again.
const FORGET: Duration = Duration::from_secs(3600);

/// Counts attempts by keys of some kind.
pub struct Attempts {
    free: u32,
    longest: Duration,
    places: Mutex<Vec<Option<Place>>>,
    random: RandomState,
}

#[derive(Clone, Copy)]
struct Place {
    failures: u32,
    until: Instant,
}

impl Attempts {
    /// `free` failures cost nothing; then one waits 1, 2, 4, … seconds, never more than `longest`.
    #[must_use]
    pub fn new(free: u32, longest: Duration) -> Self {
        Self { free, longest, places: Mutex::new(vec![None; PLACES]), random: RandomState::new() }
    }

    /// Counts an attempt, as a failure until [`Self::succeeded`] says otherwise: many at one time gain nothing.
    ///
    /// # Errors
    /// How long to wait first.
    pub fn attempt(&self, key: &impl Hash, now: Instant) -> Result<(), Duration> {
        self.place(key, |place| {
            let before = place.filter(|place| now < place.until + FORGET);
            if let Some(wait) = before.map(|place| place.until.saturating_duration_since(now)).filter(|wait| !wait.is_zero()) {
                return Err(wait);
            }
            let failures = before.map_or(0, |place| place.failures).saturating_add(1);
            let doubled = failures.checked_sub(self.free + 1).map_or(Duration::ZERO, |over| Duration::from_secs(1 << over.min(20)));
            *place = Some(Place { failures, until: now + doubled.min(self.longest) });
            Ok(())
        })
    }

    /// The last attempt was none that counts.
    pub fn succeeded(&self, key: &impl Hash) {
        self.place(key, |place| *place = None);
    }

    /// The last attempt was none that counts; those before it stay. For a key that many share: else one of them could wipe out what the others did.
    pub fn forgive(&self, key: &impl Hash, now: Instant) {
        self.place(key, |place| {
            if let Some(place) = place {
                *place = Place { failures: place.failures.saturating_sub(1), until: now };
            }
        });
    }

    fn place<T>(&self, key: &impl Hash, work: impl FnOnce(&mut Option<Place>) -> T) -> T {
        let number = usize::try_from(self.random.hash_one(key)).unwrap_or(0) % PLACES;
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.get_mut(number) {
            Some(place) => work(place),
            // Never: the number is below PLACES.
            None => work(&mut None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(attempts: &Attempts, from: Instant, count: usize) -> Vec<u64> {
        let mut now = from;
        let wait = |now: &mut Instant| match attempts.attempt(&"ada", *now) {
            Ok(()) => 0,
            Err(wait) => {
                *now += wait;
                assert!(attempts.attempt(&"ada", *now).is_ok(), "whoever waits as told has a turn");
                wait.as_secs()
            }
        };
        (0..count).map(|_| wait(&mut now)).collect()
    }

    #[test]
    fn failures_cost_more_and_more() {
        let (attempts, start) = (Attempts::new(3, Duration::from_secs(60)), Instant::now());
        assert_eq!(waits(&attempts, start, 12), [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(attempts.attempt(&"bob", start).is_ok(), "others do not wait");
        attempts.succeeded(&"ada");
        assert_eq!(waits(&attempts, start, 5), [0, 0, 0, 0, 1]);
        assert_eq!(waits(&attempts, start + 3 * FORGET, 5), [0, 0, 0, 0, 1], "after a long time all is forgotten");
    }

    #[test]
    fn many_at_one_time_gain_nothing() {
        let (attempts, now) = (Attempts::new(3, Duration::from_secs(60)), Instant::now());
        assert_eq!((0..100).filter(|_| attempts.attempt(&"ada", now).is_ok()).count(), 4);
    }

    #[test]
    fn the_table_does_not_grow() {
        let (attempts, now) = (Attempts::new(3, Duration::from_secs(60)), Instant::now());
        for name in 0..3 * PLACES {
            let _ = attempts.attempt(&name, now);
        }
        assert_eq!(attempts.places.lock().unwrap_or_else(PoisonError::into_inner).len(), PLACES);
    }
}
