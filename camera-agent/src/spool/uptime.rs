//! How long this machine runs: the one time that no step of a clock touches, and that goes on when the agent is restarted.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// How long the machine had run when something was written, in milliseconds, sleep included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uptime(u64);

impl Uptime {
    /// Now.
    pub(super) fn now() -> Self {
        let now = clock_gettime(ClockId::Boottime);
        let span = Duration::try_from(now).unwrap_or_default();
        Self(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    /// How long ago that was, at least. If the machine was started anew since, it is more: how long it was off, only a clock could say that
    /// may be wrong.
    pub(super) const fn age(self, now: Self) -> Duration {
        match now.0.checked_sub(self.0) {
            Some(since) => Duration::from_millis(since),
            None => Duration::from_millis(now.0),
        }
    }

    pub(super) const fn to_bytes(self) -> [u8; 8] {
        self.0.to_be_bytes()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u64::from_be_bytes).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_never_more_than_it_is() {
        let now = Uptime::now();
        assert!(now.0 > 0);
        assert_eq!(Uptime::from_bytes(&now.to_bytes()), Some(now));
        assert_eq!(Uptime::from_bytes(&[0; 7]), None);
        let millis = Duration::from_millis;
        assert_eq!(Uptime(1000).age(Uptime(1500)), millis(500));
        // Written in an earlier run of the machine, late in it: it runs for that long since.
        assert_eq!(Uptime(9000).age(Uptime(1500)), millis(1500));
        // Early in it: the rest of that run is not counted.
        assert_eq!(Uptime(200).age(Uptime(1500)), millis(1300));
    }
}
