//! What is said of browsers.

use std::time::Duration;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};

/// What is said of browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Browsers {
    /// How long a certificate for WebTransport is valid, in minutes. Browsers take none that is valid for more than 14 days.
    pub certificate_minutes: u32,
}

impl Default for Browsers {
    fn default() -> Self {
        Self { certificate_minutes: 10 * 24 * 60 }
    }
}

/// A day below what browsers take: the beginning lies in the past a little, and clocks differ.
const MOST_MINUTES: u32 = 13 * 24 * 60;

impl Browsers {
    /// How long a certificate for WebTransport is valid.
    #[must_use]
    pub fn certificate_life(&self) -> Duration {
        Duration::from_secs(60 * u64::from(self.certificate_minutes))
    }
}

impl Validate for Browsers {
    fn validate(&self, check: &mut Check<'_>) {
        let minutes = self.certificate_minutes;
        if !(1..=MOST_MINUTES).contains(&minutes) {
            check.wrong("certificate_minutes", format!("{minutes} is not between 1 and {MOST_MINUTES} (13 days)"));
        }
    }
}
