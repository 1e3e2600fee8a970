//! How long this machine runs: the one time that no step of a clock touches, and that goes on when the agent is restarted.

use std::time::Duration;

/// When something was written: in which run of the machine, and how long into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uptime {
    boot: [u8; 16],
    millis: u64,
}

impl Uptime {
    /// Now. Where the system does not tell, all zeros: of no age.
    pub(super) fn now() -> Self {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let digits: String = boot.chars().filter(char::is_ascii_hexdigit).collect();
        let boot = data_encoding::HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
        let seconds = uptime.split_whitespace().next().and_then(|seconds| seconds.parse::<f64>().ok());
        let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default();
        Self { boot: boot.unwrap_or_default(), millis: u64::try_from(span.as_millis()).unwrap_or(u64::MAX) }
    }

    /// How long ago that was. What was written before the machine was started anew counts from now on: how long it was off, only a clock
    /// could say that may be wrong.
    pub(super) fn age(self, now: Self) -> Duration {
        let same = self.boot == now.boot && self.boot != [0; 16];
        if same { Duration::from_millis(now.millis.saturating_sub(self.millis)) } else { Duration::ZERO }
    }

    pub(super) fn to_bytes(self) -> [u8; 24] {
        let mut out = [0; 24];
        let (boot, millis) = out.split_at_mut(16);
        boot.copy_from_slice(&self.boot);
        millis.copy_from_slice(&self.millis.to_be_bytes());
        out
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (boot, millis) = bytes.split_first_chunk()?;
        Some(Self { boot: *boot, millis: u64::from_be_bytes(millis.try_into().ok()?) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn age_is_told_within_one_run_of_the_machine() {
        let now = Uptime::now();
        assert!(now.boot != [0; 16] && now.millis > 0, "{now:?}");
        assert_eq!(Uptime::from_bytes(&now.to_bytes()), Some(now));
        let earlier = Uptime { millis: now.millis.saturating_sub(1), ..now };
        assert!(earlier.age(now) <= Duration::from_millis(1));
        assert_eq!(now.age(earlier), Duration::ZERO);
        assert_eq!(Uptime { boot: [7; 16], millis: 0 }.age(now), Duration::ZERO, "another run: nobody knows");
        assert_eq!(Uptime::from_bytes(&[0; 23]), None);
    }
}
