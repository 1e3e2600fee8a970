//! The last two seconds: how many pictures, and how late they were.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Over how long rate and latency are measured.
const WINDOW: Duration = Duration::from_secs(2);

/// When pictures came lately, and each one's latency.
#[derive(Debug, Clone, Default)]
pub struct Recent(VecDeque<(Instant, Duration)>);

impl Recent {
    /// None came yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// One came, so late.
    pub fn push(&mut self, at: Instant, latency: Duration) {
        self.0.push_back((at, latency));
        while self.0.front().is_some_and(|(first, _)| at.duration_since(*first) > WINDOW) {
            self.0.pop_front();
        }
    }

    /// Pictures per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        match (self.0.front(), self.0.back()) {
            (Some((first, _)), Some((last, _))) if self.0.len() > 1 => {
                let pictures = u32::try_from(self.0.len() - 1).unwrap_or(u32::MAX);
                f64::from(pictures) / last.duration_since(*first).as_secs_f64().max(1e-6)
            }
            _ => 0.0,
        }
    }

    /// The median latency.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        let mut all: Vec<Duration> = self.0.iter().map(|(_, latency)| *latency).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_two_seconds_count() {
        let (begin, mut recent) = (Instant::now(), Recent::new());
        assert_eq!((recent.rate(), recent.latency()), (0.0, None));
        for n in 0..200_u32 {
            let latency = if n < 100 { Duration::from_secs(9) } else { Duration::from_millis(40) };
            recent.push(begin + n * Duration::from_millis(40), latency);
        }
        assert!((recent.rate() - 25.0).abs() < 0.1, "{}", recent.rate());
        assert_eq!(recent.latency(), Some(Duration::from_millis(40)));
    }
}
