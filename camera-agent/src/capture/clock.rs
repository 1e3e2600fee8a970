//! The time of a capture, by two clocks.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use wire::id::Micros;

use super::Error;

/// 2020-01-01T00:00:00Z. A machine whose clock is earlier was never set, and would sign a wrong time.
const EARLIEST: Micros = Micros(1_577_836_800_000_000);

/// One instant by both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// By the wall clock.
    pub captured_at: Micros,
    /// By the monotonic clock.
    pub at: Instant,
}

/// Says what time it is; tests bring their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Stamp + Send + Sync>);

impl Clock {
    /// The clocks of this machine.
    #[must_use]
    pub fn system() -> Self {
        Self::new(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            Stamp { captured_at: Micros(u64::try_from(since.as_micros()).unwrap_or(0)), at: Instant::now() }
        })
    }

    /// A clock of one's own.
    #[must_use]
    pub fn new(now: impl Fn() -> Stamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time.
    ///
    /// # Errors
    /// When the wall clock cannot be right: it says it is before 2020.
    pub fn now(&self) -> Result<Stamp, Error> {
        let stamp = (self.0)();
        if stamp.captured_at < EARLIEST { Err(Error::Clock) } else { Ok(stamp) }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_an_error() {
        let at = Instant::now();
        let clock = |micros| Clock::new(move || Stamp { captured_at: Micros(micros), at });
        assert!(matches!(clock(0).now(), Err(Error::Clock)));
        assert!(matches!(clock(EARLIEST.0 - 1).now(), Err(Error::Clock)));
        assert_eq!(clock(EARLIEST.0).now().unwrap(), Stamp { captured_at: EARLIEST, at });
    }
}
