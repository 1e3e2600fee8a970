//! What one camera may make the archive's disk do out of turn, so that it cannot slow the others: every such turn costs a synced file.

use std::time::Duration;

/// A bucket that refills evenly.
#[derive(Debug)]
pub(super) struct Budget {
    /// When the bucket will be full again.
    full_at: Duration,
    cost: Duration,
    burst: u32,
}

impl Budget {
    /// `burst` turns at once, `per_second` in the long run.
    pub(super) fn new(burst: u32, per_second: u32) -> Self {
        Self { full_at: Duration::ZERO, cost: Duration::from_secs(1) / per_second.max(1), burst }
    }

    /// Takes one turn, if there is one.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let after = self.full_at.max(now) + self.cost;
        if after.saturating_sub(now) > self.cost * self.burst {
            return false;
        }
        self.full_at = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_an_even_rate() {
        let mut budget = Budget::new(3, 2);
        let taken = |budget: &mut Budget, now| (0..10).filter(|_| budget.take(Duration::from_millis(now))).count();
        assert_eq!(taken(&mut budget, 0), 3);
        assert_eq!(taken(&mut budget, 499), 0);
        assert_eq!(taken(&mut budget, 500), 1);
        assert_eq!(taken(&mut budget, 60_000), 3);
    }
}
