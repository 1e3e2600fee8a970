//! Old frames behind live ones, again, twice, and otherwise.

use std::sync::Arc;
use std::time::Duration;

use super::agent::{Agent, Shot};
use super::rig::{Bench, EVERYTHING, Rig, assert_same};
use super::storing::stands_alone;
use crate::archive::{Held, Place};

/// A stretch of a session: `lost` never arrived at first.
fn outage(before: &str, lost: &str, after: &str) -> (Agent, Vec<Shot>, Vec<Shot>, Vec<Shot>) {
    let mut agent = Agent::new("front-door", 1, 1);
    let before = agent.shoot(before);
    let lost = agent.shoot(lost);
    let after = agent.shoot(after);
    (agent, before, lost, after)
}

/// One of each in turn, as live frames and backfill come.
fn interleave(rig: &mut Rig, agent: &Agent, live: &[Shot], old: &[Shot]) {
    for at in 0..live.len().max(old.len()) {
        rig.store(agent, live.get(at..=at).unwrap_or_default());
        rig.store(agent, old.get(at..=at).unwrap_or_default());
    }
}

#[test]
fn backfill_behind_live_frames_comes_back_in_the_cameras_order() {
    let bench = Bench::default();
    let (agent, before, lost, after) = outage("KPPKPP", "KPPKPPKPP", "KPPKPPKPP");
    let all = [&before[..], &lost, &after].concat();
    let mut rig = bench.open();
    rig.store(&agent, &before);
    interleave(&mut rig, &agent, &after, &lost);
    rig.flush();
    assert_eq!(rig.told(agent.camera(), EVERYTHING).matches('R').count(), 1);
    assert_same(&rig.frames(agent.camera()), &all);
    assert_eq!(bench.files("front-door").len(), 2, "one segment for each, both rising");
    rig.finish();
    for file in bench.files("front-door") {
        stands_alone(&std::fs::read(file).unwrap(), &agent);
    }
    let rig = bench.open();
    assert_same(&rig.frames(agent.camera()), &all);
}

#[test]
fn backfill_of_an_earlier_session_comes_before_the_later_one() {
    let bench = Bench::default();
    let (mut old, mut new) = (Agent::new("front-door", 1, 1), Agent::new("front-door", 1, 2));
    let (olds, news) = (old.shoot("KPPeKPPE"), new.shoot("KPPKPP"));
    let mut rig = bench.open();
    rig.store(&new, &news[..3]);
    for shot in &olds {
        let mut old = Agent::new("front-door", 1, 1);
        rig.introduce(&old);
        old.next_epoch();
        rig.introduce(&old);
        rig.put(old.camera(), std::slice::from_ref(shot));
    }
    rig.store(&new, &news[3..]);
    rig.flush();
    assert_same(&rig.frames(new.camera()), &[&olds[..], &news].concat());
}

#[test]
fn a_group_that_broke_off_goes_on_wherever_its_beginning_lies() {
    for (wait, reopen) in [(0, false), (60, false), (200, false), (1, true)] {
        let bench = Bench::default();
        let (agent, before, lost, after) = outage("KPPKPP", "PPPKPP", &"KPP".repeat(8));
        let mut rig = bench.open();
        rig.store(&agent, &before);
        rig.wait(Duration::from_secs(wait));
        if reopen {
            drop(rig);
            rig = bench.open();
            rig.introduce(&agent);
        }
        // The live groups in between push the broken one out of memory.
        rig.store(&agent, &after);
        rig.store(&agent, &lost);
        rig.wait(Duration::from_secs(1));
        assert_eq!(rig.count("no-predecessor"), 0, "{wait}");
        let all = [&before[..], &lost, &after].concat();
        assert_same(&rig.frames(agent.camera()), &all[if reopen { all.len() - rig.frames(agent.camera()).len() } else { 0 }..]);
        rig.finish();
        for file in bench.files("front-door") {
            stands_alone(&std::fs::read(file).unwrap(), &agent);
        }
    }
}

#[test]
fn what_is_held_is_not_stored_twice() {
    let bench = Bench::default();
    let (agent, before, lost, after) = outage("KPPKPP", "KPP", "KPPKPP");
    let mut rig = bench.open();
    rig.store(&agent, &before);
    rig.wait(Duration::from_secs(60));
    rig.store(&agent, &after);
    for _ in 0..2 {
        rig.store(&agent, &before);
        rig.store(&agent, &after);
    }
    assert_eq!((rig.count("frames"), rig.count("repeated")), (12, 24));
    rig.store(&agent, &lost);
    rig.finish();
    let mut rig = bench.open();
    for shots in [&before, &lost, &after] {
        rig.store(&agent, shots);
    }
    assert_eq!((rig.count("frames"), rig.count("repeated")), (0, 15), "nor after a restart");
    assert_same(&rig.frames(agent.camera()), &[&before[..], &lost, &after].concat());
}

#[test]
fn another_frame_with_a_place_that_is_held_is_refused_and_told() {
    for wait in [0, 60] {
        let bench = Bench::default();
        let (mut agent, mut fork) = (Agent::new("front-door", 1, 1), Agent::new("front-door", 1, 1));
        fork.size = 299;
        let (shots, forged) = (agent.shoot("KPPKPP"), fork.shoot("KPPKPPKP"));
        let mut rig = bench.open();
        rig.store(&agent, &shots);
        rig.wait(Duration::from_secs(wait));
        rig.store(&agent, &forged);
        assert_eq!((rig.count("forked"), rig.count("frames")), (6, 8), "only what has a place of its own");
        rig.flush();
        assert_same(&rig.frames(agent.camera())[..6], &shots);
    }
}

#[test]
fn memory_answers_for_the_newest_and_the_disk_for_all() {
    let bench = Bench::default();
    let (agent, before, lost, after) = outage("KPPKPP", "KPP", "KPPKPP");
    let camera = agent.camera();
    let mut rig = bench.open();
    rig.store(&agent, &before);
    rig.store(&agent, &after);
    let held = |rig: &Rig, shot: &Shot| rig.archive.held(camera, Place::of(shot), shot.digest());
    let other = wire::id::Digest::ZERO;
    assert_eq!(held(&rig, &before[1]), Held::Same);
    assert_eq!(rig.archive.held(camera, Place::of(&before[1]), other), Held::Forked);
    assert_eq!(rig.archive.held(camera, Place { session: 1, sequence: 99 }, other), Held::No);
    assert_eq!(rig.archive.held(camera, Place { session: 2, sequence: 0 }, other), Held::No);
    rig.finish();
    let rig = bench.open();
    assert_eq!(held(&rig, &before[1]), Held::Perhaps);
    assert_eq!(held(&rig, &lost[1]), Held::Perhaps);
    for (shot, digest, expected) in [
        (&before[1], before[1].digest(), Held::Same),
        (&before[5], before[5].digest(), Held::Same),
        (&after[0], other, Held::Forked),
        (&lost[1], lost[1].digest(), Held::No),
    ] {
        assert_eq!(rig.archive.look_up(camera, Place::of(shot), digest).unwrap(), expected);
    }
}

#[test]
fn a_camera_that_jumps_about_gets_so_many_turns_and_no_more() {
    let mut bench = Bench::default();
    bench.config.turns_per_second = 1;
    let mut agent = Agent::new("front-door", 1, 1);
    let mut shots = agent.shoot(&"K".repeat(200));
    shots.reverse();
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    let files = bench.files("front-door").len();
    assert!((30..40).contains(&files), "{files} files");
    assert_eq!(rig.count("out-of-order") + rig.count("frames"), 200);
    rig.wait(Duration::from_secs(10));
    rig.store(&agent, &shots[shots.len() - 100..]);
    let more = bench.files("front-door").len() - files;
    assert!((8..12).contains(&more), "{more} more after ten seconds");
    // Frames in their order cost no turns.
    let next = agent.shoot(&"KP".repeat(100));
    rig.store(&agent, &next);
    assert_eq!(rig.count("no-predecessor"), 0);
    rig.flush();
    assert!(rig.frames(agent.camera()).len() > 200);
}

#[test]
fn epochs_do_not_go_back() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let first = (Arc::clone(&agent.record), agent.grants.clone());
    let shots = agent.shoot("KP");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    let shots = agent.shoot("eKP");
    rig.store(&agent, &shots);
    (agent.record, agent.grants) = first;
    let back = agent.shoot("KP");
    rig.store(&agent, &back);
    assert_eq!((rig.count("out-of-order"), rig.count("no-predecessor")), (1, 1));
    rig.flush();
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 1 R 2 3 .");
}
