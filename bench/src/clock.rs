//! The time on the wall, as frames carry it.

use std::time::{SystemTime, UNIX_EPOCH};

use wire::id::Micros;

/// The time now.
#[must_use]
pub fn now() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

/// How many milliseconds have passed since; 0 for a time that is to come.
#[must_use]
pub fn since_ms(then: Micros) -> f64 {
    now().0.saturating_sub(then.0) as f64 / 1000.0
}
