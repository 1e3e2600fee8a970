#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use proptest::prelude::*;
use wire::label::Label;

use super::*;
use crate::detect::{Found, Look};
use crate::mask::faces::short;
use crate::mask::{Faces, Fixed, Polygon, Shape};
use crate::picture::Area;

mod change;
mod zones;

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn size(width: usize, height: usize) -> Size {
    Size::new(width, height).unwrap()
}

/// A planner with its own time: pictures of 640 × 368 every 40 ms.
struct Rig {
    start: Instant,
    planner: Planner<u64>,
}

fn face(x: f32, y: f32) -> Area {
    Area { x, y, w: 40.0, h: 50.0 }
}

const TILL: Area = Area { x: 500.0, y: 300.0, w: 60.0, h: 40.0 };

fn till() -> Fixed {
    Fixed { label: Label::from_number(0).unwrap(), shape: TILL.into() }
}

impl Rig {
    /// Pictures go on as soon as a detection has spoken; `linger` has tests of its own.
    fn new(config: Config) -> Self {
        let faces = config.faces.map(|faces| Faces { linger: Duration::ZERO, ..faces });
        let config = Config { faces, ..config };
        Self { start: Instant::now(), planner: Planner::new(config) }
    }

    fn at(&self, number: u64) -> Instant {
        self.start + ms(40 * number)
    }

    fn push(&mut self, numbers: std::ops::RangeInclusive<u64>) {
        for number in numbers {
            self.planner.push(Meta { number, at: self.at(number), size: size(640, 368) }, number);
        }
    }

    fn detect(&mut self, number: u64, faces: &[Area]) {
        let faces = faces.iter().map(|area| Found { area: *area, score: 0.9 }).collect();
        self.planner.detector_is(DetectorState::Ready);
        self.planner.detection(&Detection {
            number,
            at: self.at(number),
            size: size(640, 368),
            look: Look::Thorough,
            smallest: 0.0,
            faces,
            took: ms(80),
        });
    }

    fn due(&mut self, after: Duration) -> Vec<Release<u64>> {
        self.planner.due(self.start + after)
    }
}

fn numbers(releases: &[Release<u64>]) -> Vec<u64> {
    releases.iter().map(|release| release.number).collect()
}

fn hides(plan: &Plan, label: Label, area: Area) -> bool {
    pixels(area).all(|(x, y)| owner(plan, x, y) == Some(label))
}

/// Corners and middle.
fn pixels(area: Area) -> impl Iterator<Item = (u32, u32)> {
    let (right, bottom) = (area.x + area.w - 1.0, area.y + area.h - 1.0);
    let (x, y) = area.centre();
    [(area.x, area.y), (right, area.y), (area.x, bottom), (right, bottom), (x, y)].into_iter().map(|(x, y)| (x as u32, y as u32))
}

fn owner(plan: &Plan, x: u32, y: u32) -> Option<Label> {
    let mut owners = plan
        .regions()
        .iter()
        .filter(|region| (u32::from(region.x)..region.right()).contains(&x) && (u32::from(region.y)..region.bottom()).contains(&y));
    let owner = owners.next().map(|region| region.label);
    assert!(owners.next().is_none(), "regions overlap");
    owner
}

/// Everything is hidden, the till under its own label.
fn whole(plan: &Plan, fixed: &[(Label, Area)]) -> bool {
    let area: u64 = plan.regions().iter().map(|region| u64::from(region.w) * u64::from(region.h)).sum();
    area == plan.size().area() as u64 && fixed.iter().all(|(label, area)| hides(plan, *label, *area))
}

#[test]
fn a_picture_waits_for_a_detection_at_or_after_it() {
    let mut rig = Rig::new(Config::default());
    rig.push(0..=4);
    assert_eq!(rig.due(ms(200)), []);
    rig.detect(0, &[]);
    rig.detect(2, &[face(100.0, 100.0)]);
    let due = rig.due(ms(200));
    assert_eq!(numbers(&due), [0, 1, 2]);
    for release in &due[1..] {
        assert!(hides(&release.plan, Label::FACE, face(100.0, 100.0)));
        assert_eq!((release.plan.fail_closed(), release.plan.detector()), (false, DetectorState::Ready));
        assert!(!whole(&release.plan, &[]));
    }
    assert_eq!(rig.planner.waiting(), 2);
    rig.detect(5, &[]);
    assert_eq!(numbers(&rig.due(ms(200))), [3, 4]);
}

/// A picture lingers for later detections although one has spoken about it: what appears is masked before it was found.
#[test]
fn what_is_found_within_the_look_ahead_is_masked_in_the_pictures_before() {
    for (linger, masked) in [(ms(250), true), (ms(0), false)] {
        let mut rig = Rig { start: Instant::now(), planner: Planner::new(Config::default()) };
        if linger.is_zero() {
            rig = Rig::new(Config::default());
        }
        rig.push(0..=4);
        rig.detect(0, &[]);
        rig.detect(2, &[]);
        let early = rig.due(ms(120));
        assert_eq!(early.is_empty(), masked);
        rig.detect(4, &[face(100.0, 100.0)]);
        let due: Vec<_> = early.into_iter().chain(rig.due(ms(40 * 4 + 250))).collect();
        assert_eq!(numbers(&due), [0, 1, 2, 3, 4]);
        assert_eq!(hides(&due[1].plan, Label::FACE, face(100.0, 100.0)), masked);
        assert!(hides(&due[3].plan, Label::FACE, face(100.0, 100.0)) && due.iter().all(|release| !release.plan.fail_closed()));
    }
}

/// Small faces escape quick looks: they alone vouch for nothing.
#[test]
fn quick_looks_alone_vouch_for_nothing() {
    for (look, vouched) in [(Look::Quick, false), (Look::Thorough, true)] {
        let mut rig = Rig::new(Config::default());
        rig.push(0..=2);
        for number in [0, 2] {
            let (at, size) = (rig.at(number), size(640, 368));
            rig.planner.detector_is(DetectorState::Ready);
            rig.planner.detection(&Detection { number, at, size, look, smallest: 72.0, faces: Vec::new(), took: ms(20) });
        }
        assert!(rig.due(ms(80)).iter().all(|release| release.plan.fail_closed() != vouched));
    }
}

#[test]
fn without_a_detection_in_time_the_whole_frame_is_masked() {
    for (state, signed) in [
        (DetectorState::Warming, DetectorState::Warming),
        (DetectorState::Ready, DetectorState::Late),
        (DetectorState::Late, DetectorState::Late),
        (DetectorState::Failed, DetectorState::Failed),
        (DetectorState::Missing, DetectorState::Missing),
    ] {
        let mut rig = Rig::new(Config { fixed: vec![till()], ..Config::default() });
        rig.push(0..=1);
        rig.planner.detector_is(state);
        assert_eq!(rig.due(ms(249)), [], "not before the look-ahead is over");
        assert_eq!(rig.planner.next_due(), Some(rig.at(0) + ms(250)));
        let due = rig.due(ms(250));
        assert_eq!(numbers(&due), [0]);
        assert!(whole(&due[0].plan, &[(till().label, TILL)]), "{state}");
        assert!(due[0].plan.regions().iter().all(|region| [till().label, Label::WHOLE_FRAME].contains(&region.label)));
        assert_eq!((due[0].plan.fail_closed(), due[0].plan.detector()), (true, signed));
        assert_eq!(rig.planner.counters().fail_closed, 1);
    }
}

#[test]
fn a_detection_that_comes_too_late_helps_only_those_that_still_wait() {
    let mut rig = Rig::new(Config::default());
    rig.push(0..=9);
    let first = rig.due(ms(40 * 3 + 250));
    assert_eq!(numbers(&first), [0, 1, 2, 3]);
    assert!(first.iter().all(|release| whole(&release.plan, &[])));
    rig.detect(5, &[]);
    let second = rig.due(ms(40 * 3 + 250));
    assert_eq!(numbers(&second), [4, 5]);
    assert!(whole(&second[0].plan, &[]) && second[1].plan.regions().is_empty());
}

/// A face that was there until just before the detector's first word, or its first after a long silence, was seen by nobody.
#[test]
fn what_came_after_alone_vouches_for_nothing() {
    let mut rig = Rig::new(Config { queue: 1000, ..Config::default() });
    rig.push(0..=5);
    rig.detect(5, &[]);
    let first = rig.due(ms(200));
    assert!(first[..5].iter().all(|release| whole(&release.plan, &[]) && release.plan.fail_closed()), "before the first detection");
    assert!(first[5].plan.regions().is_empty(), "of its own picture it has spoken");

    // The default hold is 1500 ms, which 37 pictures are within and 38 are not.
    for (silence, vouched) in [(37, true), (38, false)] {
        let mut rig = Rig::new(Config { queue: 1000, ..Config::default() });
        rig.push(0..=silence);
        rig.detect(0, &[]);
        rig.detect(silence, &[]);
        let due = rig.due(ms(0));
        for release in &due[1..due.len() - 1] {
            assert_eq!((release.plan.fail_closed(), whole(&release.plan, &[])), (!vouched, !vouched), "{silence}: {}", release.number);
        }
        assert!(due.last().unwrap().plan.regions().is_empty());
    }

    // Nor does a detection in a picture of another size before it.
    let mut rig = Rig::new(Config::default());
    rig.planner.push(Meta { number: 0, at: rig.start, size: size(320, 240) }, 0);
    rig.push(1..=2);
    rig.planner.detection(&Detection {
        number: 0,
        at: rig.start,
        size: size(320, 240),
        look: Look::Thorough,
        smallest: 0.0,
        faces: Vec::new(),
        took: ms(80),
    });
    rig.detect(2, &[]);
    let due = rig.due(ms(0));
    assert!(due[0].plan.regions().is_empty() && whole(&due[1].plan, &[]) && due[2].plan.regions().is_empty());
}

#[test]
fn old_and_repeated_detections_change_nothing() {
    let mut rig = Rig::new(Config::default());
    rig.push(0..=3);
    rig.detect(2, &[face(100.0, 100.0)]);
    rig.due(ms(0));
    rig.detect(1, &[]);
    rig.detect(2, &[]);
    rig.detect(3, &[face(100.0, 100.0)]);
    let due = rig.due(ms(120));
    assert!(hides(&due[0].plan, Label::FACE, face(100.0, 100.0)));
}

#[test]
fn a_face_between_two_detections_is_covered_all_the_way() {
    let mut rig = Rig::new(Config::default());
    rig.push(0..=10);
    rig.detect(0, &[face(100.0, 100.0)]);
    rig.detect(5, &[face(130.0, 100.0)]);
    rig.detect(10, &[face(160.0, 100.0)]);
    for release in rig.due(ms(0)) {
        let x = 100.0 + release.number as f32 * 6.0;
        assert!(hides(&release.plan, Label::FACE, face(x, 100.0)), "picture {}", release.number);
    }
}

#[test]
fn a_lost_face_stays_masked_for_the_hold_time() {
    let mut rig = Rig::new(Config { queue: 1000, ..Config::default() });
    rig.push(0..=60);
    rig.detect(0, &[face(100.0, 100.0)]);
    for number in 1..=60 {
        rig.detect(number, &[]);
    }
    for release in rig.due(ms(0)) {
        let masked = hides(&release.plan, Label::FACE, face(100.0, 100.0));
        assert_eq!(masked, release.number * 40 <= 1500, "picture {}", release.number);
    }
}

#[test]
fn the_detector_may_be_off_and_all_may_be_asked_for() {
    let mut off = Rig::new(Config { faces: None, fixed: vec![till()], ..Config::default() });
    off.push(0..=0);
    off.planner.detector_is(DetectorState::Failed);
    let due = off.due(ms(0));
    assert_eq!((due[0].plan.detector(), due[0].plan.fail_closed()), (DetectorState::Off, false));
    assert!(due[0].plan.regions().iter().all(|region| region.label == till().label) && hides(&due[0].plan, till().label, TILL));
    assert!(!off.planner.wants_detections());

    let mut all = Rig::new(Config { mode: Mode::All, fixed: vec![till()], ..Config::default() });
    all.push(0..=0);
    let due = all.due(ms(0));
    assert!(whole(&due[0].plan, &[(till().label, TILL)]));
    assert_eq!((due[0].plan.detector(), due[0].plan.fail_closed()), (DetectorState::Off, false));
}

#[test]
fn overload_drops_the_oldest_and_never_a_mask() {
    let mut rig = Rig::new(Config { queue: 3, ..Config::default() });
    rig.push(0..=9);
    rig.detect(6, &[]);
    rig.detect(9, &[face(100.0, 100.0)]);
    let due = rig.due(ms(0));
    assert_eq!(numbers(&due), [7, 8, 9]);
    assert!(due.iter().all(|release| hides(&release.plan, Label::FACE, face(100.0, 100.0))));
    assert_eq!(rig.planner.counters().overload, 7);
}

#[test]
fn boxes_that_jitter_give_masks_that_stand_still() {
    let mut rig = Rig::new(Config { queue: 1000, ..Config::default() });
    rig.push(0..=40);
    for number in 0..=40 {
        let jitter = [0.0, 3.0, -2.0, 1.0, -3.0][number as usize % 5];
        rig.detect(number, &[face(128.0 + jitter, 100.0 - jitter)]);
    }
    let due = rig.due(ms(0));
    let first = due[8].plan.regions();
    assert!(due[8..].iter().all(|release| release.plan.regions() == first), "after a few pictures nothing moves any more");
}

#[test]
fn a_mask_that_is_far_too_large_shrinks_after_a_while() {
    let mut rig = Rig::new(Config { queue: 1000, ..Config::default() });
    rig.push(0..=40);
    for number in 0..=40 {
        let side = if number < 10 { 160.0 } else { 80.0 };
        rig.detect(number, &[Area { x: 200.0, y: 100.0, w: side, h: side }]);
    }
    let due = rig.due(ms(0));
    let area = |index: usize| due[index].plan.regions().iter().map(|region| u32::from(region.w) * u32::from(region.h)).sum::<u32>();
    assert_eq!(area(11), area(20), "not at once");
    assert!(area(40) < area(20) / 2, "but after it settled");
}

#[test]
fn rectangles_grow_outward_to_the_grid_and_keep_the_config_s_order() {
    let label = |number| Label::from_number(number).unwrap();
    let fixed = vec![
        Fixed { label: label(1), shape: Area { x: 10.0, y: 10.0, w: 100.0, h: 100.0 }.into() },
        Fixed { label: label(0), shape: Area { x: 50.0, y: 50.0, w: 20.0, h: 20.0 }.into() },
    ];
    let mut rig = Rig::new(Config { faces: None, fixed, ..Config::default() });
    rig.push(0..=0);
    let plan = &rig.due(ms(0))[0].plan;
    assert_eq!(owner(plan, 60, 60), Some(label(0)));
    assert_eq!(owner(plan, 0, 0), Some(label(1)), "outward");
    assert_eq!(owner(plan, 111, 111), Some(label(1)));
    assert_eq!(owner(plan, 112, 112), None);
}

#[test]
fn pictures_of_another_size_are_masked_either_way() {
    let mut rig = Rig::new(Config { faces: None, fixed: vec![till()], ..Config::default() });
    rig.push(0..=0);
    rig.planner.push(Meta { number: 1, at: rig.start, size: size(1280, 736) }, 1);
    let due = rig.due(ms(0));
    let scaled = Area { x: 1000.0, y: 600.0, w: 120.0, h: 80.0 };
    assert!(hides(&due[1].plan, till().label, TILL) && hides(&due[1].plan, till().label, scaled));

    // And a detection in a picture of one size says nothing about those of another.
    let mut rig = Rig::new(Config::default());
    rig.planner.push(Meta { number: 0, at: rig.start, size: size(320, 240) }, 0);
    rig.push(1..=1);
    rig.detect(1, &[]);
    let due = rig.due(ms(0));
    assert!(whole(&due[0].plan, &[]) && due[0].plan.fail_closed());
    assert!(due[1].plan.regions().is_empty());
}

#[test]
fn crowds_are_covered_more_coarsely_and_in_the_end_whole() {
    let mut rig = Rig::new(Config::default());
    rig.push(0..=1);
    // A chess board of faces: more than 255 rectangles if cut exactly.
    let crowd: Vec<_> = (0..190)
        .map(|index| Area {
            x: (index % 20) as f32 * 32.0 + 3.0,
            y: (index / 20) as f32 * 36.0 + (index % 2) as f32 * 18.0 + 3.0,
            w: 8.0,
            h: 8.0,
        })
        .collect();
    rig.detect(0, &crowd);
    rig.detect(1, &vec![face(10.0, 10.0); 201]);
    let due = rig.due(ms(0));
    for area in &crowd {
        assert!(hides(&due[0].plan, Label::FACE, *area));
    }
    let covered: u64 = due[1].plan.regions().iter().map(|region| u64::from(region.w) * u64::from(region.h)).sum();
    assert_eq!(covered, 640 * 368, "that many faces are no detection to rely on");
}

#[test]
fn fixed_masks_that_cannot_be_told_apart_are_covered_more_coarsely() {
    // 32 stripes down and 32 across, in turn under two labels.
    let stripe = |index: usize| {
        let (down, at) = (index.is_multiple_of(2), (index / 2) as f32 * 32.0);
        let area = if down { Area { x: at, y: 0.0, w: 16.0, h: 1024.0 } } else { Area { x: 0.0, y: at, w: 1024.0, h: 16.0 } };
        (Label::from_number(u8::from(down)).unwrap(), area)
    };
    let stripes: Vec<_> = (0..64).map(stripe).collect();
    let fixed = stripes.iter().map(|(label, area)| Fixed { label: *label, shape: (*area).into() }).collect();
    let mut rig = Rig::new(Config { faces: None, fixed, ..Config::default() });
    rig.planner.push(Meta { number: 0, at: rig.start, size: size(1024, 1024) }, 0);
    let plan = &rig.due(ms(0))[0].plan;
    assert!(!plan.fail_closed());
    for (_, area) in &stripes {
        assert!(pixels(*area).all(|(x, y)| owner(plan, x, y).is_some()));
    }
}

#[test]
fn track_numbers_are_never_0() {
    for (track, expected) in [(1, 1), (65_535, 65_535), (65_536, 1), (u64::MAX, 65_535)] {
        let short = short(track);
        assert!(short > 0 && (track > 70_000 || short == expected));
    }
}

/// What happens to a planner.
#[derive(Debug, Clone)]
enum Event {
    Picture,
    /// A detection of the picture that many before the newest, with faces there, that sure.
    Detection(u64, Vec<(f32, f32)>, f32),
    Time(u64),
    State(DetectorState),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Picture),
        4 => (0u64..6, prop::collection::vec((-20.0f32..620.0, -20.0f32..350.0), 0..4), 0.3f32..1.0)
            .prop_map(|(back, faces, score)| Event::Detection(back, faces, score)),
        4 => (0u64..120).prop_map(Event::Time),
        1 => prop_oneof![Just(DetectorState::Ready), Just(DetectorState::Failed), Just(DetectorState::Late)].prop_map(Event::State),
    ]
}

proptest! {
    /// Whatever happens: what goes on is in order, on time, and hides the fixed mask and every face that a detection saw at or around it,
    /// or everything.
    #[test]
    fn nothing_goes_on_less_masked(events in prop::collection::vec(event(), 1..80)) {
        let mut rig = Rig::new(Config { fixed: vec![till()], queue: 16, ..Config::default() });
        let (mut clock, mut next, mut last_detected) = (0, 0, None);
        let mut detected: Vec<(u64, Vec<Area>)> = Vec::new();
        let mut taken: Vec<(u64, Instant)> = Vec::new();
        let mut last = None;
        for event in events {
            match event {
                Event::Picture => {
                    let at = rig.start + ms(clock);
                    rig.planner.push(Meta { number: next, at, size: size(640, 368) }, next);
                    taken.push((next, at));
                    next += 1;
                }
                Event::Detection(back, faces, score) => {
                    let Some((number, at)) = (next > back).then(|| taken[(next - 1 - back) as usize]) else { continue };
                    if last_detected.is_some_and(|last| number <= last) {
                        continue;
                    }
                    last_detected = Some(number);
                    let areas: Vec<_> = faces.iter().map(|(x, y)| face(*x, *y)).collect();
                    detected.push((number, areas.clone()));
                    let faces = areas.iter().map(|area| Found { area: *area, score }).collect();
                    let (size, look) = (size(640, 368), Look::Thorough);
                    rig.planner.detection(&Detection { number, at, size, look, smallest: 0.0, faces, took: ms(1) });
                }
                Event::Time(passed) => clock += passed,
                Event::State(state) => rig.planner.detector_is(state),
            }
            for release in rig.planner.due(rig.start + ms(clock)) {
                prop_assert!(last.is_none_or(|last| release.number > last), "in order");
                last = Some(release.number);
                prop_assert!(hides(&release.plan, till().label, TILL));
                prop_assert!(release.plan.regions().len() <= 255);
                let spoken = last_detected.is_some_and(|detected| detected >= release.number);
                let all = whole(&release.plan, &[(till().label, TILL)]);
                if release.plan.fail_closed() || !spoken {
                    prop_assert!(all && release.plan.fail_closed());
                    continue;
                }
                let before = detected.iter().rfind(|(number, _)| *number <= release.number);
                let after = detected.iter().find(|(number, _)| *number >= release.number);
                for area in before.into_iter().chain(after).flat_map(|(_, areas)| areas) {
                    for (x, y) in pixels(*area).filter(|(x, y)| *x < 640 && *y < 368) {
                        prop_assert!(area.x < 0.0 || area.y < 0.0 || owner(&release.plan, x, y).is_some(), "{area:?} in {}", release.number);
                    }
                }
            }
        }
    }
}
