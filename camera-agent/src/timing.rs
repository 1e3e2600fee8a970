//! How long each stage of the pipeline takes, counted so cheaply that it is always on.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

/// What happens to a frame, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The copy that the detector looks at.
    Convert,
    /// The detector, on its own thread.
    Detect,
    /// Planning and filling the masks.
    Mask,
    /// Encoding both layers.
    Encode,
    /// Sealing.
    Seal,
    /// Signing, and remembering the frame.
    Sign,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 6] = [Self::Convert, Self::Detect, Self::Mask, Self::Encode, Self::Seal, Self::Sign];

    /// Its name for tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Convert => "convert",
            Self::Detect => "detect",
            Self::Mask => "mask",
            Self::Encode => "encode",
            Self::Seal => "seal",
            Self::Sign => "sign",
        }
    }
}

/// A histogram per stage; shared by the pipeline, which records, and whoever reads.
#[derive(Debug, Default)]
pub struct Stages([Histogram; 6]);

impl Stages {
    /// A stage took so long.
    pub fn record(&self, stage: Stage, took: Duration) {
        self.histogram(stage).record(took);
    }

    /// Runs a stage and records how long it took.
    pub fn time<T>(&self, stage: Stage, work: impl FnOnce() -> T) -> T {
        let begun = Instant::now();
        let result = work();
        self.record(stage, begun.elapsed());
        result
    }

    /// What was recorded for a stage.
    #[must_use]
    pub fn summary(&self, stage: Stage) -> Summary {
        self.histogram(stage).summary()
    }

    fn histogram(&self, stage: Stage) -> &Histogram {
        let [convert, detect, mask, encode, seal, sign] = &self.0;
        match stage {
            Stage::Convert => convert,
            Stage::Detect => detect,
            Stage::Mask => mask,
            Stage::Encode => encode,
            Stage::Seal => seal,
            Stage::Sign => sign,
        }
    }
}

/// Eight steps for each doubling, so that a quantile is at most an eighth too large.
const STEPS: u32 = 8;

/// From nanoseconds to ten minutes.
const BUCKETS: usize = 40 * STEPS as usize;

/// Durations by size.
pub struct Histogram {
    counts: [AtomicU64; BUCKETS],
    nanoseconds: AtomicU64,
    longest: AtomicU64,
}

/// What a histogram says.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Summary {
    /// How many were recorded.
    pub count: u64,
    /// Milliseconds on average.
    pub mean_ms: f64,
    /// Half took no longer than this many milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 took no longer than this many milliseconds.
    pub p99_ms: f64,
    /// The longest, in milliseconds.
    pub max_ms: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [const { AtomicU64::new(0) }; BUCKETS], nanoseconds: AtomicU64::new(0), longest: AtomicU64::new(0) }
    }
}

impl Histogram {
    /// It took so long.
    pub fn record(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get(bucket(nanoseconds)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
        self.longest.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    /// What was recorded so far.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let counts: Vec<u64> = self.counts.iter().map(|count| count.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        if count == 0 {
            return Summary::default();
        }
        let longest = self.longest.load(Ordering::Relaxed);
        let quantile = |part: f64| {
            let wanted = ((count as f64 * part).ceil() as u64).max(1);
            let mut seen = 0;
            let place = counts.iter().position(|count| {
                seen += count;
                seen >= wanted
            });
            milliseconds(place.map_or(longest, upper).min(longest))
        };
        Summary {
            count,
            mean_ms: milliseconds(self.nanoseconds.load(Ordering::Relaxed)) / count as f64,
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            max_ms: milliseconds(longest),
        }
    }
}

impl fmt::Debug for Histogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.summary().fmt(f)
    }
}

/// The bucket of a duration: its highest bit, and the three bits below it.
fn bucket(nanoseconds: u64) -> usize {
    let value = nanoseconds.max(u64::from(STEPS));
    let doubling = value.ilog2() - STEPS.ilog2();
    let step = (value >> doubling) - u64::from(STEPS);
    usize::try_from(u64::from(doubling * STEPS) + step).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The longest duration of a bucket.
fn upper(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    let (doubling, step) = (bucket / u64::from(STEPS), bucket % u64::from(STEPS));
    ((u64::from(STEPS) + step + 1) << doubling) - 1
}

fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_has_its_bucket() {
        let mut last = 0;
        for value in (0..100_000).chain((17..40).map(|bit| 1 << bit)) {
            let place = bucket(value);
            assert!(place >= last && upper(place) >= value, "{value}");
            assert!(value < 16 || (upper(place) - value) as f64 <= value as f64 / 8.0, "{value} is at most an eighth too large");
            last = place;
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_about_right() {
        let stages = Stages::default();
        for ms in 1..=100 {
            stages.record(Stage::Mask, Duration::from_millis(ms));
        }
        let summary = stages.summary(Stage::Mask);
        assert_eq!((summary.count, summary.max_ms), (100, 100.0));
        assert!((summary.mean_ms - 50.5).abs() < 0.01, "{summary:?}");
        assert!((50.0..57.0).contains(&summary.p50_ms), "{summary:?}");
        assert!((99.0..=100.0).contains(&summary.p99_ms), "{summary:?}");
        assert_eq!(stages.summary(Stage::Sign), Summary::default());
    }
}
