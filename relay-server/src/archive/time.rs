//! The time that no clock step touches: handed in by the caller, so that a test has its own.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Time since any fixed moment; never goes back.
#[derive(Clone)]
pub struct Monotonic(Arc<dyn Fn() -> Duration + Send + Sync>);

impl Monotonic {
    /// This machine's.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        Self::of(move || start.elapsed())
    }

    /// One of the caller's making.
    pub fn of(now: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Duration {
        (self.0)()
    }
}

impl fmt::Debug for Monotonic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Monotonic({:?})", self.now())
    }
}
