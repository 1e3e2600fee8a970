//! Faces over time: which one is which, where it was and where it is heading.
//!
//! Detections come every few pictures. A [`Tracker`] sees them one after the other and says for any instant since the last but one what
//! must be covered.

use std::time::{Duration, Instant};

use crate::picture::Area;

/// Carries faces from one detection to the next.
pub trait Tracker: Send {
    /// A detection has spoken: these faces, and no others that it knows of, were there at that instant. Instants rise.
    fn see(&mut self, at: Instant, faces: &[Area]);

    /// What must be covered in a picture of that instant, which is not before the last detection but one.
    fn cover(&self, at: Instant) -> Vec<Cover>;
}

/// Something to cover.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cover {
    /// Which face, from 1; the same number is the same face. A face may need several covers.
    pub track: u64,
    /// Where.
    pub area: Area,
}

/// Two boxes with less in common than this are hardly the same face; then only their distance counts.
const ENOUGH_IN_COMMON: f32 = 0.1;

/// A face that moved further than this many of its own sizes since the last detection is taken for another.
const NEAR: f32 = 0.8;

/// How fast a face may move that was seen once, in its own sizes per second.
const UNKNOWN_SPEED: f32 = 1.5;

/// How much faster or slower a lost face may become than it was last, in its own sizes per second.
const DRIFT: f32 = 0.5;

/// Straight lines: a face goes on as it went. Faces are told apart by how much their boxes have in common.
#[derive(Debug)]
pub struct Straight {
    margin: f32,
    hold: Duration,
    tracks: Vec<Track>,
    next: u64,
    previous: Option<Instant>,
}

#[derive(Debug)]
struct Track {
    number: u64,
    last: (Instant, Area),
    before: Option<(Instant, Area)>,
    /// Pixels per second.
    velocity: (f32, f32),
}

impl Track {
    /// Where it should be then.
    fn expected(&self, at: Instant) -> Area {
        let seconds = seconds(self.last.0, at);
        self.last.1.shifted(self.velocity.0 * seconds, self.velocity.1 * seconds)
    }

    fn sighted(&mut self, at: Instant, area: Area) {
        let since = seconds(self.last.0, at);
        if since > 0.0 {
            let ((x, y), (old_x, old_y)) = (area.centre(), self.last.1.centre());
            let newest = ((x - old_x) / since, (y - old_y) / since);
            // Boxes jitter; the mean of the last two speeds does less.
            self.velocity = match self.before {
                Some(_) => ((self.velocity.0 + newest.0) / 2.0, (self.velocity.1 + newest.1) / 2.0),
                None => newest,
            };
        }
        self.before = Some(self.last);
        self.last = (at, area);
    }
}

impl Straight {
    /// Boxes grow by that factor, and lost faces stay for that long.
    #[must_use]
    pub fn new(margin: f32, hold: Duration) -> Self {
        Self { margin: margin.max(1.0), hold, tracks: Vec::new(), next: 1, previous: None }
    }

    fn grown(&self, area: Area, sizes: f32) -> Area {
        let share = (self.margin - 1.0) / 2.0 + sizes;
        area.grown(area.w * share, area.h * share)
    }
}

impl Tracker for Straight {
    fn see(&mut self, at: Instant, faces: &[Area]) {
        // Pictures before the last detection have all been planned: who was given up before it is not needed any more.
        if let Some(previous) = self.previous {
            self.tracks.retain(|track| previous.saturating_duration_since(track.last.0) <= self.hold);
        }
        self.previous = Some(at);
        // The best matching pairs first.
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (index, track) in self.tracks.iter().enumerate() {
            let expected = track.expected(at);
            for (face, area) in faces.iter().enumerate() {
                let match_quality = alike(expected, *area).max(alike(track.last.1, *area));
                if match_quality > 0.0 {
                    pairs.push((match_quality, index, face));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut new: Vec<Option<Area>> = faces.iter().copied().map(Some).collect();
        for (_, index, face) in pairs {
            let Some(track) = self.tracks.get_mut(index).filter(|track| track.last.0 < at) else { continue };
            if let Some(area) = new.get_mut(face).and_then(Option::take) {
                track.sighted(at, area);
            }
        }
        for area in new.into_iter().flatten() {
            self.tracks.push(Track { number: self.next, last: (at, area), before: None, velocity: (0.0, 0.0) });
            self.next += 1;
        }
    }

    fn cover(&self, at: Instant) -> Vec<Cover> {
        let mut covers = Vec::new();
        for track in &self.tracks {
            let mut cover = |area| covers.push(Cover { track: track.number, area });
            let (last, area) = track.last;
            if last >= at {
                match track.before {
                    // Seen before and after: wherever it was in between, on its way from one to the other.
                    Some((_, before)) => cover(self.grown(area, 0.0).around(self.grown(before, 0.0))),
                    // Not seen before: it may have come from anywhere near.
                    None => cover(self.grown(area, UNKNOWN_SPEED * seconds(at, last))),
                }
                continue;
            }
            if at.saturating_duration_since(last) > self.hold {
                continue;
            }
            let since = seconds(last, at);
            let unsure = (if track.before.is_some() { DRIFT } else { UNKNOWN_SPEED }) * since;
            cover(self.grown(area, 0.0));
            cover(self.grown(track.expected(at), unsure.min(1.0)));
        }
        covers
    }
}

/// How likely two boxes are the same face: 0 for not at all.
fn alike(a: Area, b: Area) -> f32 {
    let overlap = a.overlap(b);
    if overlap >= ENOUGH_IN_COMMON {
        return 1.0 + overlap;
    }
    let ((ax, ay), (bx, by)) = (a.centre(), b.centre());
    let size = (a.w.max(a.h)).min(b.w.max(b.h)).max(1.0);
    let ratio = (a.w * a.h / (b.w * b.h).max(1.0)).clamp(0.0, 100.0);
    let distance = (ax - bx).hypot(ay - by) / size;
    // Faces do not grow or shrink threefold between two detections.
    if distance < NEAR && (0.33..3.0).contains(&ratio) { 1.0 - distance / NEAR } else { 0.0 }
}

fn seconds(from: Instant, to: Instant) -> f32 {
    to.saturating_duration_since(from).as_secs_f32()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const HOLD: Duration = Duration::from_millis(1500);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn face(x: f32) -> Area {
        Area { x, y: 100.0, w: 40.0, h: 50.0 }
    }

    fn within(inner: Area, covers: &[Cover]) -> bool {
        covers.iter().any(|Cover { area, .. }| {
            area.x <= inner.x && area.y <= inner.y && area.x + area.w >= inner.x + inner.w && area.y + area.h >= inner.y + inner.h
        })
    }

    #[test]
    fn a_face_keeps_its_number_while_it_moves_and_two_are_told_apart() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        for step in 0..20 {
            let way = step as f32 * 12.0;
            tracker.see(start + ms(step * 100), &[face(300.0 - way), face(20.0 + way)]);
        }
        let covers = tracker.cover(start + ms(1900));
        assert_eq!(covers.iter().map(|cover| cover.track).collect::<Vec<_>>(), [1, 2]);
        assert!(within(face(300.0 - 19.0 * 12.0), &covers[..1]) && within(face(20.0 + 19.0 * 12.0), &covers[1..]));
    }

    #[test]
    fn between_two_sightings_the_whole_way_is_covered() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.see(start, &[face(100.0)]);
        tracker.see(start + ms(200), &[face(128.0)]);
        for step in 0..=10 {
            let covers = tracker.cover(start + ms(step * 20));
            for x in [100.0, 114.0, 128.0] {
                assert!(within(face(x).grown(6.0, 7.5), &covers), "at {step}: {covers:?}");
            }
        }
    }

    #[test]
    fn one_that_appears_is_covered_in_the_pictures_before() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.see(start, &[]);
        tracker.see(start + ms(200), &[face(100.0)]);
        let earlier = tracker.cover(start + ms(10))[0].area;
        let later = tracker.cover(start + ms(200))[0].area;
        assert!(within(face(100.0 - 8.0), &tracker.cover(start + ms(10))), "it may have come from the left");
        assert!(earlier.w > later.w);
    }

    #[test]
    fn one_that_is_lost_stays_covered_where_it_was_and_where_it_was_heading() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        for step in 0..5 {
            tracker.see(start + ms(step * 100), &[face(step as f32 * 20.0)]);
        }
        // Lost at 400 ms, at 80, heading right at 200 pixels a second.
        for since in [100, 500, 1000, 1500] {
            let at = start + ms(400 + since);
            tracker.see(at, &[]);
            let covers = tracker.cover(at);
            assert!(within(face(80.0), &covers), "where it was, after {since} ms");
            assert!(within(face(80.0 + since as f32 * 0.2), &covers), "where it was heading, after {since} ms");
        }
        assert_eq!(tracker.cover(start + ms(400 + 1501)), []);
        tracker.see(start + ms(2500), &[]);
        tracker.see(start + ms(2600), &[]);
        assert!(tracker.tracks.is_empty(), "and is forgotten");
    }

    #[test]
    fn one_that_is_found_again_is_the_same() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.see(start, &[face(100.0)]);
        tracker.see(start + ms(100), &[]);
        tracker.see(start + ms(200), &[face(104.0)]);
        assert_eq!(tracker.cover(start + ms(200)).len(), 1);
    }

    #[test]
    fn another_size_or_place_is_another_face() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.see(start, &[face(100.0)]);
        tracker.see(start + ms(100), &[face(300.0)]);
        let tracks: Vec<_> = tracker.tracks.iter().map(|track| track.number).collect();
        assert_eq!(tracks, [1, 2]);
        assert!(within(face(100.0), &tracker.cover(start + ms(100))), "and the first stays covered");
    }
}
