//! Ranges by time, with clocks that step.

use std::collections::HashMap;
use std::time::Duration;

use wire::id::Micros;

use super::agent::{Agent, NOON, Shot};
use super::rig::{Bench, EVERYTHING, Rig, assert_same};
use crate::archive::Place;
use crate::archive::range::{Asked, Cause, Item};

fn between(from: u64, to: u64) -> Asked {
    Asked { from: Micros(NOON + from * 1000), to: Micros(NOON + to * 1000), key_frames_only: false }
}

fn stored(bench: &Bench, stream: &str) -> (Rig, Agent, Vec<Shot>) {
    let mut agent = Agent::new("front-door", 1, 1);
    agent.millis = 100_000;
    let shots = agent.shoot(stream);
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    (rig, agent, shots)
}

#[test]
fn a_range_begins_with_the_key_frame_of_its_first_group_and_ends_with_its_last_frame() {
    let bench = Bench::default();
    // Frames at 100,000 ms, 100,033 ms, …; three a group.
    let (rig, agent, _) = stored(&bench, &"KPP".repeat(40));
    let told = |from, to| rig.told(agent.camera(), between(from, to));
    assert_eq!(told(100_040, 100_150), "C R 0 1 2 3 4 .");
    assert_eq!(told(100_099, 100_099), "C R 3 .");
    assert_eq!(told(102_000, 102_100), "C R 60 61 62 63 .");
    assert_eq!(told(0, 100_000), "C R 0 .");
    assert_eq!(told(0, 99_999), ".");
    assert_eq!(told(103_927, u64::MAX / 1_000_000), "C R 117 118 119 .");
    assert_eq!(told(200_000, 300_000), ".");
    assert_eq!(told(100_200, 100_100), ".", "backwards");
    let other = Agent::new("back-door", 2, 1);
    assert_eq!(rig.told(other.camera(), EVERYTHING), ".");
}

#[test]
fn a_clock_that_steps_back_brings_both_times_in_the_cameras_order() {
    let bench = Bench::default();
    let (rig, agent, shots) = stored(&bench, "KKKKKKvKKKKKK^KKKKKK");
    assert_same(&rig.frames(agent.camera()), &shots);
    // 100,000…100,165 · 90,198…90,363 · 100,396…
    let told = |from, to| rig.told(agent.camera(), between(from, to));
    assert_eq!(told(90_000, 90_250), "C R 6 7 .");
    assert_eq!(told(100_100, 100_420), "C R 4 5 <6-11> 12 .", "what is from another time is not missing");
    assert_eq!(told(90_300, 100_050), "C R 0 1 <2-9> 10 11 .");
}

#[test]
fn a_clock_that_steps_in_the_middle_of_a_group_keeps_the_group_together() {
    let bench = Bench::default();
    let (rig, agent, _) = stored(&bench, "KPPvPP^PPKPP");
    // Sequences 3 and 4 are ten seconds earlier, in one group with the others.
    let told = |from, to| rig.told(agent.camera(), between(from, to));
    assert_eq!(told(90_000, 91_000), "C R 0 1 2 3 4 .", "up to the last one of that time");
    assert_eq!(told(100_050, 100_070), "C R 0 1 2 .");
    assert_eq!(told(100_160, 100_170), "C R 0 1 2 3 4 5 .");
}

#[test]
fn what_is_missing_is_told_as_such() {
    let bench = Bench::default();
    let (rig, agent, _) = stored(&bench, "KPP--KP-KPPE");
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 1 2 (3-4) 5 6 (7-7) 8 9 10 11 .");
    let mut agent = Agent::new("front-door", 1, 7);
    let mut rig = rig;
    let next = agent.shoot("--K");
    rig.store(&agent, &next);
    rig.flush();
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 1 2 (3-4) 5 6 (7-7) 8 9 10 11 (0-1) R 2 .");
}

#[test]
fn a_group_over_a_segments_border_comes_whole() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    for stream in ["KPPKP", "PP", "PPKP"] {
        let shots = agent.shoot(stream);
        rig.store(&agent, &shots);
        rig.wait(Duration::from_secs(60));
    }
    // The second group, 3 to 8, lies in three segments.
    let told = |from, to| rig.told(agent.camera(), between(from, to));
    assert_eq!(told(7 * 33, 7 * 33), "C R 3 4 5 6 7 .");
    assert_eq!(told(5 * 33, 5 * 33), "C R 3 4 5 .");
    assert_eq!(told(9 * 33, 9 * 33), "C R 9 .");
    assert_eq!(told(2 * 33, 3 * 33), "C R 0 1 2 3 .");
    // Without its beginning nobody could decode it.
    drop(rig);
    let files = bench.files("front-door");
    std::fs::remove_file(&files[0]).unwrap();
    let rig = bench.open();
    assert_eq!(rig.opened().dropped, 1);
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 9 10 .");
}

/// The rule, word for word: of every group with a frame in that time, all frames from its key frame to the last one in it.
fn rule(shots: &[Shot], asked: Asked) -> Vec<Place> {
    let mut last = HashMap::new();
    for shot in shots {
        let header = shot.header();
        if asked.from <= header.captured_at && header.captured_at <= asked.to {
            last.insert((shot.context().session, header.group), header.sequence);
        }
    }
    let wanted =
        |shot: &&Shot| last.get(&(shot.context().session, shot.header().group)).is_some_and(|last| shot.header().sequence <= *last);
    shots.iter().filter(wanted).map(|shot| Place::of(shot)).collect()
}

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn any_range_of_any_stream_is_what_the_rule_says() {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let mut bench = Bench::default();
        bench.config.segment_bytes = 20_000 + dice.roll(40_000);
        let mut rig = bench.open();
        let mut shots: Vec<Shot> = Vec::new();
        for session in 1..=3 {
            let mut agent = Agent::new("front-door", 1, session);
            agent.millis = 50_000 + dice.roll(3000);
            agent.size = 400;
            rig.introduce(&agent);
            let mut first = true;
            for _ in 0..80 {
                let letter = match dice.roll(40) {
                    0..=7 => "K",
                    8 => "-K",
                    9 => "eK",
                    10 => "^",
                    11 => "v",
                    _ => "P",
                };
                let letter = if std::mem::take(&mut first) { "K" } else { letter };
                let more = agent.shoot(letter);
                rig.store(&agent, &more);
                shots.extend(more);
                rig.wait(Duration::from_millis(dice.roll(4000)));
            }
        }
        if dice.roll(2) == 0 {
            rig.flush();
        } else {
            rig.finish();
            rig = bench.open();
        }
        let camera = shots[0].context().camera;
        assert_same(&rig.frames(camera), &shots);
        for _ in 0..40 {
            let from = 20_000 + dice.roll(60_000);
            let longest = 1 << dice.roll(16);
            let asked = between(from, from + dice.roll(longest));
            let (mut places, mut last) = (Vec::new(), None::<Place>);
            for item in rig.read(camera, asked) {
                match item {
                    Item::Frame(frame) => {
                        let place = Place::of(&frame);
                        assert!(last < Some(place));
                        last = Some(place);
                        places.push(place);
                    }
                    Item::Gap(gap) => {
                        let held = |sequence| shots.iter().any(|shot| Place::of(shot) == Place { session: gap.session, sequence });
                        let any = (gap.first..=gap.last).any(held);
                        assert_eq!(gap.cause == Cause::OtherTime, any, "seed {seed}: {gap:?}");
                    }
                    _ => {}
                }
            }
            assert!(places == rule(&shots, asked), "seed {seed}, {asked:?}: {places:?}");
        }
    }
}
