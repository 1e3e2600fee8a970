//! How a face moves: a Kalman filter with constant velocity.
//!
//! A box has four coordinates (its middle, its width and height), and each is filtered for itself, in sizes of the face rather than pixels,
//! so that the same figures hold for near and far ones.

use crate::picture::Area;

/// How far a detected box is off, one standard deviation, in sizes of the face.
const JITTER: f32 = 0.05;

/// How much a face's velocity changes, in sizes per second and root of a second: heads start, stop and turn back within some tenths.
const UNREST: f32 = 6.0;

/// How fast a face may be that was seen once, one standard deviation, in sizes per second.
const ANY_SPEED: f32 = 4.0;

/// A coordinate and its rate.
#[derive(Debug, Clone, Copy)]
struct Line {
    value: f32,
    rate: f32,
    /// The covariance: of the value, of both, of the rate.
    spread: [f32; 3],
}

impl Line {
    fn new(value: f32, size: f32) -> Self {
        let (jitter, speed) = (JITTER * size, ANY_SPEED * size);
        Self { value, rate: 0.0, spread: [jitter * jitter, 0.0, speed * speed] }
    }

    /// Some seconds later.
    fn after(self, seconds: f32, size: f32) -> Self {
        let [value, both, rate] = self.spread;
        // White noise on the rate, integrated.
        let noise = (UNREST * size).powi(2) * seconds;
        let spread = [
            value + 2.0 * both * seconds + rate * seconds * seconds + noise * seconds * seconds / 3.0,
            both + rate * seconds + noise * seconds / 2.0,
            rate + noise,
        ];
        Self { value: self.value + self.rate * seconds, spread, ..self }
    }

    /// It was measured.
    fn corrected(self, measured: f32, size: f32) -> Self {
        let [value, both, rate] = self.spread;
        let doubt = value + (JITTER * size).powi(2);
        let (gain, gain_of_rate) = if doubt > 0.0 { (value / doubt, both / doubt) } else { (1.0, 0.0) };
        let off = measured - self.value;
        Self {
            value: self.value + gain * off,
            rate: self.rate + gain_of_rate * off,
            spread: [(1.0 - gain) * value, (1.0 - gain) * both, rate - gain_of_rate * both],
        }
    }
}

/// Where a face is and how it moves, at the instant of its last sighting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Motion {
    x: Line,
    y: Line,
    w: Line,
    h: Line,
}

impl Motion {
    pub(super) fn new(area: Area) -> Self {
        let ((x, y), size) = (area.centre(), size(area));
        Self { x: Line::new(x, size), y: Line::new(y, size), w: Line::new(area.w, size), h: Line::new(area.h, size) }
    }

    /// It was seen there, some seconds after the last sighting.
    pub(super) fn seen(self, area: Area, seconds: f32) -> Self {
        let ((x, y), size) = (area.centre(), size(area));
        let next = |line: Line, measured: f32| line.after(seconds, size).corrected(measured, size);
        Self { x: next(self.x, x), y: next(self.y, y), w: next(self.w, area.w), h: next(self.h, area.h) }
    }

    /// Where it should be after some seconds (or before, where they are negative). Its size follows for a moment and then stays: a face that
    /// comes nearer for a second does not fill the picture.
    pub(super) fn expected(self, seconds: f32) -> Area {
        let grows = seconds.clamp(-0.3, 0.3);
        let side = |line: Line| (line.value + line.rate * grows).clamp(line.value * 0.5, line.value * 2.0).max(1.0);
        let (w, h) = (side(self.w), side(self.h));
        let (x, y) = (self.x.value + self.x.rate * seconds, self.y.value + self.y.rate * seconds);
        Area { x: x - w / 2.0, y: y - h / 2.0, w, h }
    }
}

/// The longer side.
pub(super) fn size(area: Area) -> f32 {
    area.w.max(area.h).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn face(x: f32, side: f32) -> Area {
        Area { x, y: 100.0, w: side, h: side }
    }

    /// Seen every 100 ms.
    fn moving(boxes: impl Iterator<Item = Area>) -> Motion {
        let mut boxes = boxes.into_iter();
        let first = Motion::new(boxes.next().unwrap_or(face(0.0, 1.0)));
        boxes.fold(first, |motion, area| motion.seen(area, 0.1))
    }

    #[test]
    fn one_that_walks_is_expected_further_on() {
        let motion = moving((0..8).map(|step| face(step as f32 * 20.0, 50.0)));
        for seconds in [-0.2, 0.0, 0.2, 0.5] {
            let expected = motion.expected(seconds).x;
            assert!((expected - (140.0 + 200.0 * seconds)).abs() < 8.0, "after {seconds}: {expected}");
        }
    }

    #[test]
    fn one_that_trembles_stands_still() {
        let motion = moving((0..20).map(|step| face(100.0 + [0.0, 2.0, -2.0, 1.0, -1.0][step % 5], 50.0)));
        assert!((motion.expected(0.3).x - 100.0).abs() < 6.0, "{motion:?}");
    }

    #[test]
    fn one_that_turns_back_is_believed_within_two_sightings() {
        let there = (0..6).map(|step| face(step as f32 * 20.0, 50.0));
        let motion = moving(there.chain([face(80.0, 50.0), face(60.0, 50.0)]));
        assert!(motion.expected(0.1).x < 58.0, "{motion:?}");
    }

    #[test]
    fn one_that_comes_nearer_grows_for_a_moment_only() {
        let motion = moving((0..6).map(|step| face(100.0, 40.0 + step as f32 * 10.0)));
        let (soon, late) = (motion.expected(0.2).w, motion.expected(5.0).w);
        assert!(soon > 100.0 && late < 150.0, "{soon}, {late}");
    }
}
