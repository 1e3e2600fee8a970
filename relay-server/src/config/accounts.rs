//! Who may have an account, and how long somebody stays signed in.

use std::net::IpAddr;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Registration {
    /// Whoever wants to.
    Open,
    /// Whoever brings an invitation.
    #[default]
    Invite,
    /// Nobody.
    Closed,
}

/// What is said of accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Accounts {
    /// Who may register.
    pub registration: Registration,
    /// How many accounts there may be.
    pub most: u32,
    /// After how many days a session ends by itself.
    pub session_days: u32,
    /// Reverse proxies in front of the relay: what they say in `X-Forwarded-For` counts as the address of whoever asks.
    pub proxies: Vec<IpAddr>,
    /// For tests: makes guessing at a stolen database cheap.
    pub dev_insecure_cheap_scrypt: bool,
}

impl Default for Accounts {
    fn default() -> Self {
        Self { registration: Registration::Invite, most: 10_000, session_days: 30, proxies: Vec::new(), dev_insecure_cheap_scrypt: false }
    }
}

impl Validate for Accounts {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure((1..=1_000_000).contains(&self.most), "most", "between 1 and 1000000 accounts are possible");
        check.ensure((1..=365).contains(&self.session_days), "session_days", "a session lasts between 1 and 365 days");
        check.ensure(self.proxies.len() <= 16, "proxies", "at most 16 proxies are possible");
    }
}

/// What is said of the relay's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// After how many days names, keys and addresses are removed from an entry. The entry stays.
    pub personal_days: u32,
}

impl Default for Log {
    fn default() -> Self {
        Self { personal_days: 365 }
    }
}

impl Validate for Log {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure((1..=36_500).contains(&self.personal_days), "personal_days", "between 1 and 36500 days are possible");
    }
}
