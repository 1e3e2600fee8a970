//! The spool's bounds.

use std::path::Path;
use std::time::Duration;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};

use super::duration;
use crate::spool;

/// The smallest spool that is of use: some seconds of pictures.
const LEAST: u64 = 10_000_000;

/// Where frames are kept until the relay has them on its own disk.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Spool {
    /// Whether they are.
    pub on: bool,
    /// How many bytes.
    pub bytes: u64,
    /// How long.
    #[serde(with = "duration")]
    pub age: Duration,
    /// What share of the way to the relay may be taken by what is sent later.
    pub share: f64,
}

impl Default for Spool {
    fn default() -> Self {
        Self { on: true, bytes: spool::BYTES, age: spool::AGE, share: spool::SHARE }
    }
}

impl Spool {
    /// The spool in an agent's folder, if there is to be one.
    #[must_use]
    pub fn at(&self, agent: &Path) -> Option<spool::Config> {
        let config = spool::Config { age: self.age, share: self.share, ..spool::Config::new(agent) };
        self.on.then(|| config.bounded(self.bytes))
    }
}

impl Validate for Spool {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure(self.bytes >= LEAST, "bytes", "at least 10 MB (10_000_000) are needed; on = false does without a spool");
        check.ensure(self.age >= Duration::from_secs(10), "age", "an age is 10s or more; on = false does without a spool");
        check.ensure(self.share > 0.0 && self.share <= 1.0, "share", "a share is above 0.0, and 1.0 at most");
    }
}
