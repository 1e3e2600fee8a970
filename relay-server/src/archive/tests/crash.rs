//! Crashes: the disk dies at every single operation, with a kill (what was written stays) and with a power cut (what was not synced goes).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use wire::id::{CameraId, Digest, Micros};
use wire::message::Message;

use super::agent::{Agent, Shot};
use super::faults::Faulty;
use super::rig::{Bench, Rig};
use super::storing::stands_alone;
use crate::archive::Place;
use crate::archive::index::{Database, Index as _};

/// Two cameras, several segments, a group over a border, a new epoch, backfill, retention.
struct Story {
    one: Agent,
    two: Agent,
    shots: HashMap<CameraId, HashMap<Place, Digest>>,
    /// What was told durable before the end.
    durable: Vec<(CameraId, Place)>,
}

impl Story {
    fn new() -> Self {
        Self { one: Agent::new("front-door", 1, 2), two: Agent::new("back-door", 2, 1), shots: HashMap::new(), durable: Vec::new() }
    }

    fn play(&mut self, rig: &mut Rig, old: &mut Agent) {
        for (at, stream) in ["KPP", "PPKP", "eKPP", "PK", "E"].into_iter().enumerate() {
            for letter in stream.chars() {
                let (a, b) = (self.one.shoot(&letter.to_string()), self.two.shoot("K"));
                self.put(rig, 1, &a);
                self.put(rig, 2, &b);
            }
            if at == 1 {
                let backfill = old.shoot("KPKP");
                rig.introduce(old);
                self.note(old.camera(), &backfill);
                rig.put(old.camera(), &backfill);
            }
            for _ in 0..2 {
                rig.wait(Duration::from_secs(1));
                self.see(rig);
            }
            rig.wait(Duration::from_secs(if at % 2 == 0 { 60 } else { 1 }));
            self.see(rig);
        }
    }

    fn put(&mut self, rig: &mut Rig, which: u8, shots: &[Shot]) {
        let agent = if which == 1 { &self.one } else { &self.two };
        let camera = agent.camera();
        rig.introduce(agent);
        rig.put(camera, shots);
        self.note(camera, shots);
    }

    fn note(&mut self, camera: CameraId, shots: &[Shot]) {
        self.shots.entry(camera).or_default().extend(shots.iter().map(|shot| (Place::of(shot), shot.digest())));
    }

    fn see(&mut self, rig: &Rig) {
        for camera in [self.one.camera(), self.two.camera()] {
            for run in rig.archive.synced(camera) {
                let places = (run.first..=run.last).map(|sequence| Place { session: run.session, sequence });
                self.durable.extend(places.map(|place| (camera, place)));
            }
        }
    }

    /// What must hold however it ended. Gives how many frames are there.
    fn check(&self, bench: &Bench, what: &str) -> usize {
        let rig = bench.open();
        let mut found = HashMap::new();
        for camera in [self.one.camera(), self.two.camera()] {
            let mut last = None;
            for frame in rig.frames(camera) {
                let place = Place::of(&frame);
                assert_eq!(self.shots[&camera].get(&place), Some(&frame.digest()), "{what}: {place:?} was never stored so");
                assert!(last < Some(place), "{what}: order");
                last = Some(place);
                found.insert((camera, place), frame.digest());
            }
        }
        for (camera, place) in &self.durable {
            assert!(found.contains_key(&(*camera, *place)), "{what}: {place:?} was told durable");
        }
        rig.finish();
        for (agent, name) in [(&self.one, "front-door"), (&self.two, "back-door")] {
            for file in bench.files(name) {
                stands_alone(&std::fs::read(file).unwrap(), agent);
            }
        }
        let known = index(bench);
        bench.forget_index();
        drop(bench.open());
        assert_eq!(index(bench), known, "{what}: the index is what the segments say");
        found.len()
    }
}

type Known = Vec<(CameraId, u64, crate::archive::index::Segment, Vec<crate::archive::index::Row>)>;

/// Everything that the index knows.
pub fn index(bench: &Bench) -> Known {
    let (index, aside) = Database::open(&bench.config.index(), Micros(0)).unwrap();
    assert!(aside.is_none());
    let rows = |camera, number| index.rows(camera, number).unwrap();
    index.segments().unwrap().into_iter().map(|(camera, number, segment)| (camera, number, segment, rows(camera, number))).collect()
}

fn play(bench: &Bench, disk: &Faulty) -> Story {
    let mut story = Story::new();
    let mut old = Agent::new("front-door", 1, 1);
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    story.play(&mut rig, &mut old);
    // Killed here: nothing is closed, nothing flushed.
    drop(rig);
    story
}

fn every_operation(cut_power: impl Fn(&Faulty, u64)) {
    let (whole, disk) = (Bench::default(), Faulty::default());
    let story = play(&whole, &disk);
    let frames = story.shots.values().map(HashMap::len).sum::<usize>();
    assert_eq!(story.check(&whole, "nothing failed"), frames);
    assert!(story.durable.len() > 100, "the story tells much as durable");
    for at in 1..=disk.operations() {
        let (bench, disk) = (Bench::default(), Faulty::dies_at(at));
        let story = play(&bench, &disk);
        cut_power(&disk, at);
        story.check(&bench, &format!("died at operation {at}"));
    }
}

#[test]
fn a_kill_at_any_operation_loses_nothing_that_was_told_durable() {
    every_operation(|_, _| {});
}

#[test]
fn a_power_cut_at_any_operation_loses_nothing_that_was_told_durable() {
    every_operation(|disk, at| {
        // Of what was not synced, everything is gone, or a part that ends anywhere.
        disk.cut_power(|path, synced, length| {
            let mix = Digest::of(&[&at.to_be_bytes(), path.as_os_str().as_encoded_bytes()]).0;
            let part = u64::from_be_bytes(mix[..8].try_into().unwrap());
            if at % 2 == 0 { synced } else { synced + part % (length - synced + 1) }
        });
    });
}

#[test]
fn a_record_and_its_grants_are_durable_before_the_first_frame_under_them_is_written() {
    let (bench, disk) = (Bench::default(), Faulty::default());
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    for (frames, stream) in ["K", "eK", "eK"].into_iter().enumerate() {
        let shots = agent.shoot(stream);
        rig.store(&agent, &shots);
        // The frame itself still waits in memory; with the next epoch it goes to disk, in front of that epoch's record.
        let path = &bench.files("front-door")[0];
        let written = std::fs::read(path).unwrap();
        assert_eq!(disk.synced(path), u64::try_from(written.len()).unwrap());
        let messages = super::storing::messages(&written);
        assert!(matches!(&messages[messages.len() - 1], Message::Grants(grants) if grants.record == agent.record.digest()));
        assert_eq!(messages.iter().filter(|message| matches!(message, Message::Frame { .. })).count(), frames);
    }
}

#[test]
fn the_disk_that_forgets_shows_what_was_never_synced() {
    // The control: without waiting for the sync, the same cut loses frames.
    let (bench, disk) = (Bench::default(), Faulty::default());
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KPP");
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    rig.wait(Duration::from_secs(1));
    rig.store(&agent, &shots);
    rig.wait(Duration::from_millis(200));
    assert_eq!(rig.frames(agent.camera()).len(), 3, "readers see it already");
    assert_eq!(rig.archive.synced(agent.camera()), [], "but nobody was told that it is durable");
    drop(rig);
    disk.cut_power(|_, synced, _| synced);
    assert_eq!(bench.open().frames(agent.camera()).len(), 0);
}
