//! A disk that is full or fails while the relay runs: storing stops, says so, and goes on by itself.

use std::sync::Arc;
use std::time::Duration;

use super::agent::{Agent, Shot};
use super::faults::Faulty;
use super::rig::{Bench, EVERYTHING, Rig, assert_same};
use super::storing::stands_alone;
use crate::archive::{NotStored, Place};

struct Scene {
    bench: Bench,
    disk: Faulty,
    rig: Rig,
    agent: Agent,
    before: Vec<Shot>,
}

impl Scene {
    /// Six frames on disk.
    fn new() -> Self {
        let (bench, disk) = (Bench::default(), Faulty::default());
        let mut rig = bench.open_on(Arc::new(disk.clone()));
        let mut agent = Agent::new("front-door", 1, 1);
        let before = agent.shoot("KPPKPP");
        rig.store(&agent, &before);
        rig.wait(Duration::from_secs(1));
        assert_eq!(rig.archive.synced(agent.camera()).len(), 1);
        Self { bench, disk, rig, agent, before }
    }

    fn shoot(&mut self, stream: &str) -> Vec<Shot> {
        let shots = self.agent.shoot(stream);
        self.rig.store(&self.agent, &shots);
        shots
    }

    /// That only these frames are there, in segments that stand alone.
    fn ends_with(self, shots: &[Shot]) {
        assert_same(&self.rig.frames(self.agent.camera()), shots);
        self.rig.finish();
        for file in self.bench.files("front-door") {
            stands_alone(&std::fs::read(file).unwrap(), &self.agent);
        }
        let rig = self.bench.open();
        assert_eq!((rig.opened().mended, rig.opened().found), (0, 0), "nothing was left to put in order");
        assert_same(&rig.frames(self.agent.camera()), shots);
    }
}

#[test]
fn a_full_disk_stops_storing_and_corrupts_nothing() {
    // However much of the next entries still fits.
    for room in (0..1500).step_by(60) {
        let mut scene = Scene::new();
        scene.disk.set_room(Some(room));
        let lost = scene.shoot("KPP");
        scene.rig.wait(Duration::from_secs(1));
        assert!(scene.rig.writer.has_stopped(), "{room} bytes");
        assert!(scene.rig.archive.problem().unwrap().contains("storage space"), "{:?}", scene.rig.archive.problem());
        assert_eq!((scene.rig.count("disk_errors"), scene.rig.count("lost")), (1, 3));
        let refused = scene.shoot("KP");
        assert_eq!(scene.rig.count("archive-disk"), 2);
        assert_eq!(scene.rig.archive.store_frame(Arc::clone(&refused[0])), Err(NotStored::Disk), "nor does it fill the queue");
        // What was on disk can be read all the while, and nobody was told more.
        assert_same(&scene.rig.frames(scene.agent.camera()), &scene.before);
        assert_eq!(scene.rig.archive.synced(scene.agent.camera())[0].last, 5);
        for _ in 0..5 {
            scene.rig.wait(Duration::from_secs(30));
        }
        assert_eq!(scene.rig.count("disk_errors"), 1, "said once");
        scene.disk.set_room(None);
        scene.rig.wait(Duration::from_secs(31));
        assert!(scene.rig.archive.problem().is_none());
        let rest = scene.shoot("P");
        assert_eq!(scene.rig.count("no-predecessor"), 1, "{}", Place::of(&rest[0]).sequence);
        let after = scene.shoot("KPP");
        scene.rig.wait(Duration::from_secs(1));
        let told = scene.rig.told(scene.agent.camera(), EVERYTHING);
        assert_eq!(told, "C R 0 1 2 3 4 5 (6-11) 12 13 14 .", "{} are lost and say so", lost.len());
        let all = [&scene.before[..], &after].concat();
        scene.ends_with(&all);
    }
}

#[test]
fn a_failed_sync_makes_nothing_durable_that_was_not() {
    let mut scene = Scene::new();
    let lost = scene.shoot("KPP");
    scene.disk.fail_next_sync();
    scene.rig.wait(Duration::from_secs(1));
    assert!(scene.rig.writer.has_stopped());
    assert_eq!(scene.rig.archive.synced(scene.agent.camera())[0].last, 5);
    scene.rig.wait(Duration::from_secs(2));
    assert!(!scene.rig.writer.has_stopped());
    // The same frames sent again are taken: they are not held.
    scene.rig.store(&scene.agent, &lost);
    scene.rig.wait(Duration::from_secs(1));
    assert_eq!(scene.rig.archive.synced(scene.agent.camera())[0].last, 8);
    let all = [&scene.before[..], &lost].concat();
    scene.ends_with(&all);
}

#[test]
fn a_disk_that_dies_for_good_leaves_an_archive_for_the_next_start() {
    for at in 8..30 {
        let (bench, disk) = (Bench::default(), Faulty::dies_at(at));
        let mut agent = Agent::new("front-door", 1, 1);
        let mut rig = bench.open_on(Arc::new(disk.clone()));
        let mut shots = Vec::new();
        for _ in 0..6 {
            let more = agent.shoot("KPP");
            rig.store(&agent, &more);
            shots.extend(more);
            rig.wait(Duration::from_secs(20));
        }
        let durable = rig.archive.synced(agent.camera()).last().map_or(0, |run| run.last + 1);
        rig.finish();
        let rig = bench.open();
        let frames = rig.frames(agent.camera());
        assert!(u64::try_from(frames.len()).unwrap() >= durable, "died at operation {at}");
        assert_same(&frames, &shots[..frames.len()]);
    }
}

#[test]
fn pauses_get_longer_while_the_disk_keeps_failing() {
    let mut scene = Scene::new();
    scene.disk.set_room(Some(0));
    scene.shoot("K");
    scene.rig.wait(Duration::from_secs(1));
    let mut attempts = Vec::new();
    let mut before = scene.disk.operations();
    for second in 1..=120 {
        scene.rig.wait(Duration::from_secs(1));
        let now = scene.disk.operations();
        if now > before {
            attempts.push(second);
        }
        before = now;
    }
    assert_eq!(attempts, [1, 3, 7, 15, 31, 61, 91], "after 1, 2, 4, 8, 16, 30, 30 seconds");
}
