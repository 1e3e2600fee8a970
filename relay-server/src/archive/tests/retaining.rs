//! Retention: the oldest closed segments go, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use super::agent::Agent;
use super::crash::index;
use super::faults::Faulty;
use super::rig::{Bench, EVERYTHING, Rig};
use crate::archive::range::{Error, Item};

/// Stores segments of about 10 kB each in turn; gives the numbers that are left per camera.
fn fill(rig: &mut Rig, cameras: &mut [Agent], rounds: usize) {
    for _ in 0..rounds {
        for agent in cameras.iter_mut() {
            agent.size = 9000;
            let shots = agent.shoot("K");
            rig.store(agent, &shots);
        }
        rig.wait(Duration::from_secs(60));
    }
}

fn left(bench: &Bench, name: &str) -> Vec<u64> {
    let number = |path: &std::path::PathBuf| crate::archive::segment::number(path.file_name().unwrap().to_str().unwrap()).unwrap();
    bench.files(name).iter().map(number).collect()
}

#[test]
fn a_cameras_own_bound_and_the_whole_archives_bound_hold() {
    let mut bench = Bench::default();
    bench.config.max_bytes_per_camera = Some(45_000);
    bench.config.max_bytes = 80_000;
    let mut cameras = [Agent::new("front-door", 1, 1), Agent::new("back-door", 2, 1)];
    let mut rig = bench.open();
    fill(&mut rig, &mut cameras[..1], 10);
    assert_eq!(left(&bench, "front-door"), [7, 8, 9, 10]);
    fill(&mut rig, &mut cameras[1..], 3);
    assert_eq!((left(&bench, "front-door").len(), left(&bench, "back-door").len()), (4, 3));
    fill(&mut rig, &mut cameras[1..], 2);
    assert_eq!((left(&bench, "front-door"), left(&bench, "back-door")), (vec![8, 9, 10], vec![1, 2, 3, 4, 5][1..].to_vec()));
    let total: u64 = rig.archive.stats().iter().map(|stats| stats.bytes).sum();
    assert!(total <= 80_000);
    let deleted = 15 - left(&bench, "front-door").len() - left(&bench, "back-door").len();
    assert_eq!(rig.count("segments_deleted"), u64::try_from(deleted).unwrap());
    assert_eq!(rig.frames(cameras[0].camera()).len(), 3);
    drop(rig);
    assert_eq!(index(&bench).len(), 7);
}

#[test]
fn an_open_segment_stays_however_small_the_bound() {
    let mut bench = Bench::default();
    bench.config.max_bytes = 5000;
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    agent.size = 9000;
    for _ in 0..5 {
        let shots = agent.shoot("KP");
        rig.store(&agent, &shots);
        rig.wait(Duration::from_secs(1));
    }
    assert_eq!(rig.frames(agent.camera()).len(), 10);
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.frames(agent.camera()).len(), 0, "closed, and too much");
    let shots = agent.shoot("K");
    rig.store(&agent, &shots);
    rig.flush();
    assert_eq!(left(&bench, "front-door"), [2], "a number is not given out again");
    drop(rig);
    std::fs::remove_dir_all(bench.config.archive().join("front-door")).unwrap();
    let mut rig = bench.open();
    let shots = agent.shoot("K");
    rig.store(&agent, &shots);
    rig.flush();
    assert_eq!(left(&bench, "front-door"), [2], "2 was never closed, so nobody has a receipt for it");
}

#[test]
fn a_smaller_bound_holds_from_the_next_start() {
    let mut bench = Bench::default();
    let mut agent = [Agent::new("front-door", 1, 1)];
    let mut rig = bench.open();
    fill(&mut rig, &mut agent, 6);
    drop(rig);
    bench.config.max_bytes = 25_000;
    let rig = bench.open();
    assert_eq!(left(&bench, "front-door"), [5, 6]);
    drop(rig);
    assert_eq!(index(&bench).len(), 2);
}

#[test]
fn a_crash_while_deleting_never_brings_a_segment_back() {
    for at in 1..6 {
        let mut bench = Bench::default();
        let mut agent = [Agent::new("front-door", 1, 1)];
        let mut rig = bench.open();
        fill(&mut rig, &mut agent, 6);
        drop(rig);
        bench.config.max_bytes = 25_000;
        drop(bench.open_on(Arc::new(Faulty::dies_at(at))));
        let gone = 6 - left(&bench, "front-door").len();
        assert!(index(&bench).len() >= 6 - gone, "what the index has forgotten is gone: it would come back otherwise");
        bench.config.max_bytes = 1 << 40;
        let rig = bench.open();
        assert_eq!(rig.frames(agent[0].camera()).len(), 6 - gone, "died at operation {at}");
        drop(rig);
        assert_eq!(index(&bench).len(), 6 - gone);
    }
}

#[test]
fn a_range_whose_segments_go_ends_once_and_says_why() {
    let mut bench = Bench::default();
    bench.config.max_bytes = 65_000;
    let mut agent = [Agent::new("front-door", 1, 1)];
    let mut rig = bench.open();
    fill(&mut rig, &mut agent, 6);
    let mut range = rig.archive.range(agent[0].camera(), EVERYTHING).unwrap();
    let mut read = 0;
    while read < 1 {
        read += usize::from(matches!(range.next(), Some(Ok(Item::Frame(_)))));
    }
    fill(&mut rig, &mut agent, 5);
    let rest: Vec<_> = range.by_ref().collect();
    assert!(matches!(rest.last(), Some(Err(Error::Deleted { .. }))), "{rest:?}");
    assert_eq!(rest.iter().filter(|item| item.is_err()).count(), 1);
    assert!(range.next().is_none() && range.next().is_none());
    let left = rig.frames(agent[0].camera()).len();
    assert_eq!(left, 6, "whoever asks again gets what is left");
}
