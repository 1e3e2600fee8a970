//! Faces over time: which one is which, where it was and where it is heading.
//!
//! Detections come every few pictures, and not each can see every face. A [`Tracker`] sees them one after the other, and says for any
//! instant since the last few what must be covered.

mod alone;
mod motion;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::detect::Found;
use crate::picture::Area;

pub use alone::Alone;
use motion::{Motion, size};

/// Carries faces from one detection to the next.
pub trait Tracker: Send {
    /// A detection has spoken. Instants rise.
    fn see(&mut self, sight: &Sight<'_>);

    /// What must be covered in a picture of that instant.
    fn cover(&self, at: Instant) -> Vec<Cover>;
}

/// What a detection saw.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'a> {
    /// In a picture of that instant.
    pub at: Instant,
    /// Nobody will ask for pictures from before that instant any more.
    pub oldest: Instant,
    /// These, some of which may be none.
    pub faces: &'a [Found],
    /// About faces with a shorter longer side it says nothing, in pixels.
    pub smallest: f32,
    /// From that score on something is a face; below it, it is one only where a face was expected.
    pub sure: f32,
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

/// A face that is this many of its own sizes away from where it was expected is taken for another.
const NEAR: f32 = 0.8;

/// Something that is hardly a face must be where one was expected at least as exactly as this.
const FAINT_IN_COMMON: f32 = 0.3;

/// How fast a face may move that was seen once, in its own sizes per second.
const UNKNOWN_SPEED: f32 = 1.5;

/// How much faster or slower a face may be than it seemed, in its own sizes per second, where nobody looks.
const DRIFT: f32 = 0.5;

/// How much lower than a detected box a face reaches, in heights: detectors end it above the chin where the mouth is open or the head turned.
const CHIN: f32 = 0.12;

/// What never scored more than this may be no face: it is given up as soon as [`DOUBTS`] detections in a row that should have seen it did not.
const DOUBTFUL: f32 = 0.5;

/// After how many detections without it a doubtful face is given up.
const DOUBTS: u32 = 2;

/// How far a face strays from where it was seen before and after, and from the straight way between, in its own sizes.
const STRAY: f32 = 0.03;

/// How much larger the mask of a lost face becomes at most, on each side, in its own sizes.
const UNSURE: f32 = 0.25;

/// Sightings that lie no further apart than this show a face at the same distance.
const MOMENT: Duration = Duration::from_millis(350);

/// How many sightings of a face are kept.
const SIGHTINGS: usize = 64;

/// Straight lines: a face goes on as it went. Faces are told apart by how much their boxes have in common.
#[derive(Debug)]
pub struct Straight {
    margin: f32,
    hold: Duration,
    tracks: Vec<Track>,
    next: u64,
}

#[derive(Debug)]
struct Track {
    number: u64,
    /// When and where it was seen, at least once.
    sightings: VecDeque<(Instant, Area)>,
    last: (Instant, Area),
    motion: Motion,
    /// The best score.
    score: f32,
    /// How many detections in a row did not see it that should have.
    missed: u32,
    /// Since when it is given up: never seen well, and not at all lately where it should have been.
    gone: Option<Instant>,
}

impl Track {
    fn new(number: u64, at: Instant, found: Found) -> Self {
        let Found { area, score } = found;
        let sightings = VecDeque::from([(at, area)]);
        Self { number, sightings, last: (at, area), motion: Motion::new(area), score, missed: 0, gone: None }
    }

    /// Where it should be then.
    fn expected(&self, at: Instant) -> Area {
        self.motion.expected(seconds(self.last.0, at))
    }

    fn sighted(&mut self, at: Instant, found: Found) {
        let since = seconds(self.last.0, at);
        self.motion = self.motion.seen(found.area, since);
        self.last = (at, found.area);
        self.score = self.score.max(found.score);
        self.missed = 0;
        self.sightings.push_back(self.last);
        if self.sightings.len() > SIGHTINGS {
            self.sightings.pop_front();
        }
    }

    /// Its sightings next to that instant: the last one before it, one at it, and the first one after it.
    fn around(&self, at: Instant) -> [Option<(Instant, Area)>; 3] {
        let (before, after) = (|(seen, _): &&(Instant, Area)| *seen < at, |(seen, _): &&(Instant, Area)| *seen > at);
        let own = self.sightings.iter().find(|(seen, _)| *seen == at);
        [self.sightings.iter().rfind(before), own, self.sightings.iter().find(after)].map(Option::<&_>::copied)
    }

    /// How it moved when it came, in pixels per second; `None` where it was seen once.
    fn came(&self) -> Option<(f32, f32)> {
        let (first, area) = *self.sightings.front()?;
        let (then, later) = *self.sightings.iter().rfind(|(seen, _)| *seen > first && seen.saturating_duration_since(first) <= MOMENT)?;
        let (since, (x, y), (later_x, later_y)) = (seconds(first, then), area.centre(), later.centre());
        Some(((later_x - x) / since, (later_y - y) / since))
    }

    /// The box as large as the largest of that moment: boxes tremble, and are too small where a part of the face is hidden.
    fn sized(&self, area: Area, at: Instant) -> Area {
        let near = |seen: Instant| seen.max(at) - seen.min(at) <= MOMENT;
        let of_the_moment = self.sightings.iter().filter(|(seen, _)| near(*seen));
        let (w, h) = of_the_moment.fold((area.w, area.h), |(w, h), (_, other)| (w.max(other.w), h.max(other.h)));
        area.grown((w - area.w) / 2.0, (h - area.h) / 2.0)
    }

    /// A detection should have seen it, and did not.
    fn escaped(&mut self, at: Instant) {
        self.missed += 1;
        if self.score < DOUBTFUL && self.missed >= DOUBTS {
            self.gone.get_or_insert(at);
        }
    }
}

impl Straight {
    /// Boxes grow by that factor, and lost faces stay for that long.
    #[must_use]
    pub fn new(margin: f32, hold: Duration) -> Self {
        Self { margin: margin.max(1.0), hold, tracks: Vec::new(), next: 1 }
    }

    /// Which track each found face belongs to, the best matching pairs first.
    fn assigned(&self, sight: &Sight<'_>) -> Vec<Option<usize>> {
        let mut pairs: Vec<(f32, usize, usize)> = Vec::new();
        for (index, track) in self.tracks.iter().enumerate().filter(|(_, track)| track.gone.is_none() && track.last.0 < sight.at) {
            let expected = track.expected(sight.at);
            for (face, found) in sight.faces.iter().enumerate() {
                let quality = if found.score >= sight.sure {
                    alike(expected, found.area).max(alike(track.last.1, found.area))
                } else {
                    Some(expected.overlap(found.area)).filter(|common| *common >= FAINT_IN_COMMON).unwrap_or(0.0)
                };
                if quality > 0.0 {
                    pairs.push((quality, index, face));
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut taken = vec![false; self.tracks.len()];
        let mut assigned = vec![None; sight.faces.len()];
        for (_, index, face) in pairs {
            if let (Some(taken @ false), Some(slot @ None)) = (taken.get_mut(index), assigned.get_mut(face)) {
                (*taken, *slot) = (true, Some(index));
            }
        }
        assigned
    }
}

impl Tracker for Straight {
    fn see(&mut self, sight: &Sight<'_>) {
        let at = sight.at;
        self.tracks.retain(|track| sight.oldest.saturating_duration_since(track.last.0) <= self.hold);
        let assigned = self.assigned(sight);
        let mut unseen = vec![true; self.tracks.len()];
        for (found, index) in sight.faces.iter().zip(assigned) {
            match index {
                Some(index) => {
                    if let (Some(track), Some(unseen)) = (self.tracks.get_mut(index), unseen.get_mut(index)) {
                        track.sighted(at, *found);
                        *unseen = false;
                    }
                }
                None if found.score >= sight.sure => {
                    self.tracks.push(Track::new(self.next, at, *found));
                    self.next += 1;
                }
                None => {}
            }
        }
        for (track, unseen) in self.tracks.iter_mut().zip(unseen) {
            if unseen && size(track.last.1) >= sight.smallest {
                track.escaped(at);
            }
        }
    }

    fn cover(&self, at: Instant) -> Vec<Cover> {
        let mut covers = Vec::new();
        for track in self.tracks.iter().filter(|track| track.gone.is_none_or(|gone| at < gone)) {
            let (number, margin) = (track.number, self.margin);
            let mut cover = |area: Area, sizes: f32| covers.push(Cover { track: number, area: grown(area, margin, sizes) });
            let [before, own, after] = track.around(at);
            match (before.or(own), after.or(own)) {
                // Seen before and after: wherever it was in between. Pictures of the same instant differ in what spoke about them.
                (Some(before), Some(after)) => {
                    let sized = |(seen, area): (Instant, Area)| track.sized(area, seen);
                    let (from, to) = (sized(before), sized(after));
                    let share = seconds(before.0, at) / seconds(before.0, after.0).max(f32::EPSILON);
                    let now = own.map_or_else(|| between(from, to, share), sized);
                    if alike(from, to) > 0.0 {
                        cover(from.around(to).around(now), STRAY);
                    } else {
                        // It went far unseen.
                        cover(from, 0.0);
                        cover(now, STRAY);
                        cover(to, 0.0);
                    }
                }
                // Not seen before: it came the way that it went on, or from anywhere near.
                (None, Some((first, area))) => {
                    let since = seconds(at, first);
                    match track.came() {
                        None => cover(track.sized(area, first), UNKNOWN_SPEED * since),
                        Some((across, down)) => {
                            let came = area.shifted(-across * since, -down * since);
                            cover(track.sized(area, first).around(track.sized(came, first)), DRIFT * since);
                        }
                    }
                }
                (Some((last, area)), None) if at.saturating_duration_since(last) <= self.hold => {
                    let since = seconds(last, at);
                    let unsure = if track.sightings.len() > 1 { DRIFT } else { UNKNOWN_SPEED } * since;
                    cover(track.sized(area, last), 0.0);
                    cover(track.sized(track.expected(at), last), unsure.min(UNSURE));
                }
                _ => {}
            }
        }
        covers
    }
}

/// Between two boxes, at that share of the way.
fn between(from: Area, to: Area, share: f32) -> Area {
    let mix = |from: f32, to: f32| from + (to - from) * share;
    Area { x: mix(from.x, to.x), y: mix(from.y, to.y), w: mix(from.w, to.w), h: mix(from.h, to.h) }
}

/// A box with its margin, and so many sizes more on each side.
fn grown(area: Area, margin: f32, sizes: f32) -> Area {
    let share = (margin - 1.0) / 2.0 + sizes;
    let grown = area.grown(area.w * share, area.h * share);
    Area { h: grown.h + area.h * CHIN, ..grown }
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

    impl Straight {
        fn saw(&mut self, at: Instant, faces: &[Area]) {
            let faces: Vec<_> = faces.iter().map(|area| Found { area: *area, score: 0.9 }).collect();
            self.see(&Sight { at, oldest: at, faces: &faces, smallest: 0.0, sure: 0.3 });
        }
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
            tracker.saw(start + ms(step * 100), &[face(300.0 - way), face(20.0 + way)]);
        }
        let covers = tracker.cover(start + ms(1850));
        assert_eq!(covers.iter().map(|cover| cover.track).collect::<Vec<_>>(), [1, 2]);
        assert!(within(face(300.0 - 18.5 * 12.0), &covers[..1]) && within(face(20.0 + 18.5 * 12.0), &covers[1..]));
    }

    #[test]
    fn between_two_sightings_the_whole_way_is_covered() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.saw(start, &[face(100.0)]);
        tracker.saw(start + ms(200), &[face(128.0)]);
        for step in 0..10 {
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
        tracker.saw(start, &[]);
        tracker.saw(start + ms(200), &[face(100.0)]);
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
            tracker.saw(start + ms(step * 100), &[face(step as f32 * 20.0)]);
        }
        // Lost at 400 ms, at 80, heading right at 200 pixels a second.
        for since in [100, 500, 1000, 1500] {
            let at = start + ms(400 + since);
            tracker.saw(at, &[]);
            let covers = tracker.cover(at);
            assert!(within(face(80.0), &covers), "where it was, after {since} ms");
            assert!(within(face(80.0 + since as f32 * 0.2), &covers), "where it was heading, after {since} ms");
        }
        assert_eq!(tracker.cover(start + ms(400 + 1501)), []);
        tracker.see(&Sight { at: start + ms(2500), oldest: start + ms(1900), faces: &[], smallest: 0.0, sure: 0.3 });
        assert!(within(face(80.0), &tracker.cover(start + ms(1900))), "however late a picture is that still waits");
        tracker.saw(start + ms(2600), &[]);
        assert!(tracker.tracks.is_empty(), "and is forgotten");
    }

    #[test]
    fn one_that_is_found_again_is_the_same() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.saw(start, &[face(100.0)]);
        tracker.saw(start + ms(100), &[]);
        tracker.saw(start + ms(200), &[face(104.0)]);
        assert_eq!(tracker.cover(start + ms(150)).len(), 1);
    }

    #[test]
    fn another_size_or_place_is_another_face() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.saw(start, &[face(100.0)]);
        tracker.saw(start + ms(100), &[face(300.0)]);
        let tracks: Vec<_> = tracker.tracks.iter().map(|track| track.number).collect();
        assert_eq!(tracks, [1, 2]);
        assert!(within(face(100.0), &tracker.cover(start + ms(100))), "and the first stays covered");
    }

    #[test]
    fn a_detection_that_cannot_see_a_face_does_not_speak_against_it() {
        for (smallest, kept) in [(100.0, true), (20.0, false)] {
            let start = Instant::now();
            let mut tracker = Straight::new(1.3, HOLD);
            let doubtful = [Found { area: face(100.0), score: 0.35 }];
            tracker.see(&Sight { at: start, oldest: start, faces: &doubtful, smallest: 0.0, sure: 0.3 });
            for step in 1..4 {
                let at = start + ms(100 * step);
                tracker.see(&Sight { at, oldest: start, faces: &[], smallest, sure: 0.3 });
            }
            assert_eq!(within(face(100.0), &tracker.cover(start + ms(300))), kept, "that finds faces of {smallest} pixels");
        }
    }

    /// One that hides for a while and is found elsewhere: the pictures in between carry both places, and the way.
    #[test]
    fn one_that_went_far_unseen_is_covered_at_both_ends_and_on_its_way() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        for step in 0..4 {
            tracker.saw(start + ms(step * 100), &[face(step as f32 * 20.0)]);
        }
        (4..8).for_each(|step| tracker.saw(start + ms(step * 100), &[]));
        tracker.saw(start + ms(800), &[face(160.0)]);
        let covers = tracker.cover(start + ms(550));
        assert!([60.0, 110.0, 160.0].iter().all(|x| within(face(*x), &covers)), "{covers:?}");
        assert!(covers.iter().all(|cover| cover.track == 1 && cover.area.w < 80.0));
    }

    /// What is given up hid in the pictures before, and goes on to.
    #[test]
    fn one_that_is_given_up_stays_covered_until_then() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.see(&Sight { at: start, oldest: start, faces: &[Found { area: face(100.0), score: 0.35 }], smallest: 0.0, sure: 0.3 });
        (1..4).for_each(|step| tracker.saw(start + ms(step * 100), &[]));
        let covered = [0, 90, 199, 201].map(|millis| within(face(100.0), &tracker.cover(start + ms(millis))));
        assert_eq!(covered, [true, true, true, false]);
    }

    #[test]
    fn what_is_hardly_a_face_counts_only_where_one_is_expected() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        let faint = [Found { area: face(104.0), score: 0.15 }, Found { area: face(400.0), score: 0.15 }];
        tracker.saw(start, &[face(100.0)]);
        tracker.see(&Sight { at: start + ms(100), oldest: start, faces: &faint, smallest: 0.0, sure: 0.3 });
        assert_eq!(tracker.tracks.len(), 1);
        assert_eq!(tracker.tracks[0].sightings.len(), 2);
    }

    #[test]
    fn one_that_comes_into_view_is_covered_where_it_came_from() {
        let start = Instant::now();
        let mut tracker = Straight::new(1.3, HOLD);
        tracker.saw(start, &[]);
        for step in 1..3 {
            tracker.saw(start + ms(step * 100), &[face(500.0 - step as f32 * 30.0)]);
        }
        assert!(within(face(494.0), &tracker.cover(start + ms(20))), "at 300 pixels a second");
    }
}
