//! How many bits the streams may take.
//!
//! The configured bitrate is that of all streams together. Each label gets a part of it that goes by how much of the picture its canvas
//! shows, and from group to group by how coarse both pictures had to be quantised: what is sealed is to look as good as what is public. The
//! public stream gets the rest.
//!
//! The library never skips a picture, so a clip that is too hard (noise, cuts, shake) comes out larger than it should. [`Budget`] then
//! drops pictures before any encoder sees them: a bucket that fills at 1.1 times the bitrate and holds 0.45 seconds' worth. A picture is let
//! through when the bucket holds as much as its like took lately, and takes out what it took. In any two seconds that makes 2.2 seconds'
//! worth and the bucket, 2.65 in all, and by how much a picture exceeded what was expected of it: no more than 3, which is 1.5 times
//! the bitrate, as long as no picture is a surprise of more than 0.35 seconds' worth, and no key frame larger than 0.8.

use std::time::{Duration, Instant};

/// How many bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// So many per second for all layers together; what does not fit is dropped.
    Bitrate(u32),
    /// As many as a fixed quantiser needs, from 12 (finest) to 51. Nothing is dropped.
    Quantiser(u8),
}

/// Of the configured bitrate the encoders aim at this much: padding and their own inaccuracy take the rest.
pub(super) const AIM: f64 = 0.95;

/// The bucket fills at this many times the bitrate.
const FILL: f64 = 1.1;

/// The bucket holds this many seconds of the bitrate.
const DEPTH: f64 = 0.45;

/// How much of what pictures took lately is forgotten with each.
const FORGET: f64 = 0.1;

/// Drops pictures where they would exceed the bitrate.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes per second; `None` for no limit.
    fill: Option<f64>,
    depth: f64,
    level: f64,
    filled: Option<Instant>,
    /// What a key frame took, and lately the largest of the others.
    expected: [f64; 2],
}

impl Budget {
    pub(super) fn new(rate: Rate) -> Self {
        let bytes = match rate {
            Rate::Bitrate(bits) => Some(f64::from(bits) / 8.0),
            Rate::Quantiser(_) => None,
        };
        let depth = bytes.unwrap_or(0.0) * DEPTH;
        Self { fill: bytes.map(|bytes| bytes * FILL), depth, level: depth, filled: None, expected: [0.0; 2] }
    }

    /// Whether a picture captured then may be encoded.
    pub(super) fn allows(&mut self, at: Instant, key: bool) -> bool {
        let Some(fill) = self.fill else { return true };
        let passed = self.filled.map_or(Duration::ZERO, |filled| at.saturating_duration_since(filled));
        self.filled = Some(at);
        self.level = (self.level + passed.as_secs_f64() * fill).min(self.depth);
        let [key_frame, other] = self.expected;
        // One that is larger than the whole bucket waits until that is full.
        self.level >= (if key { key_frame } else { other }).min(self.depth)
    }

    /// A picture took so many bytes.
    pub(super) fn take(&mut self, bytes: usize, key: bool) {
        let bytes = bytes as f64;
        self.level -= bytes;
        let [key_frame, other] = &mut self.expected;
        let expected = if key { key_frame } else { other };
        *expected = bytes.max(*expected * (1.0 - FORGET));
    }
}

/// How many pictures come per second, by the capture clock.
#[derive(Debug)]
pub(super) struct Tempo {
    last: Option<Instant>,
    interval: f64,
}

impl Tempo {
    /// Until pictures tell: 30.
    pub(super) const fn new() -> Self {
        Self { last: None, interval: 1.0 / 30.0 }
    }

    /// A picture came.
    pub(super) fn tick(&mut self, at: Instant) {
        if let Some(last) = self.last.replace(at) {
            let passed = at.saturating_duration_since(last).as_secs_f64().clamp(0.001, 2.0);
            self.interval += (passed - self.interval) * 0.1;
        }
    }

    /// Between two pictures.
    pub(super) fn interval(&self) -> Duration {
        Duration::from_secs_f64(self.interval)
    }

    /// Pictures per second, as the library takes it.
    pub(super) fn pictures(&self) -> f32 {
        // In whole numbers, so that it is not told another one all the time.
        ((1.0 / self.interval).round() as f32).clamp(1.0, 60.0)
    }
}

/// How much one label's content is worth against the rest of the picture, block by block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weight(f64);

impl Weight {
    /// What is hidden moves more than what is around it.
    pub(super) const START: Self = Self(1.5);

    /// Another group's worth, after the last pictures were quantised like that.
    pub(super) fn after(self, sealed: Option<f64>, public: Option<f64>) -> Self {
        let (Some(sealed), Some(public)) = (sealed, public) else { return self };
        // Six steps of the quantiser halve the bits, more or less; half the way at a time.
        Self((self.0 * ((sealed - public) / 12.0).exp2()).clamp(0.25, 6.0))
    }

    /// The part of the bitrate for a canvas that shows so much of the picture (both in blocks).
    pub(super) fn part(self, shown: u32, of: u32) -> f64 {
        let (shown, rest) = (self.0 * f64::from(shown), f64::from(of.saturating_sub(shown)));
        if shown + rest > 0.0 { shown / (shown + rest) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
