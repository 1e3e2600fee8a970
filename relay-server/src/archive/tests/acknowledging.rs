//! What agents are told: only what was synced before, in time, again if need be, and with few syncs however many cameras there are.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use wire::id::{CameraId, Digest};

use super::agent::{Agent, Shot};
use super::faults::Faulty;
use super::rig::{Bench, Rig, assert_same};
use crate::archive::Place;
use crate::verify::{News, Run, Tidings};

/// Listens to what a camera's agent is told.
fn listen(rig: &Rig, camera: CameraId) -> Arc<Tidings> {
    let tidings = Arc::<Tidings>::default();
    rig.archive.tell_camera(camera, Arc::clone(&tidings));
    tidings
}

fn told(tidings: &Tidings) -> Vec<News> {
    std::iter::from_fn(|| tidings.take()).collect()
}

const fn durable(session: u64, first: u64, last: u64) -> News {
    News::Durable(Run { session, first, last })
}

const SOON: Duration = Duration::from_secs(1);

#[test]
fn frames_are_acknowledged_within_a_second_and_not_before_they_are_on_disk() {
    let (bench, disk) = (Bench::default(), Faulty::default());
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    let tidings = listen(&rig, agent.camera());
    // The first sync of all is due at once.
    rig.wait(SOON);
    let shots = agent.shoot("KPP");
    rig.store(&agent, &shots);
    rig.flush();
    assert_eq!(told(&tidings), [], "readers see them, and they are not on disk");
    rig.wait(SOON / 2);
    assert_eq!(told(&tidings), [durable(1, 0, 2)]);
    // A hole is not acknowledged over.
    let shots = agent.shoot("KP-KP");
    rig.store(&agent, &shots);
    rig.wait(SOON);
    assert_eq!(told(&tidings), [durable(1, 3, 4), durable(1, 6, 7)]);
    rig.wait(SOON);
    assert_eq!(told(&tidings), [], "once");
    // Each waited at most this long, and then the disk.
    assert!(bench.config.sync_interval <= SOON / 2);
}

#[test]
fn what_comes_again_is_acknowledged_again_once_it_is_on_disk() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KPPKPP");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    let tidings = listen(&rig, agent.camera());
    rig.store(&agent, &shots[..3]);
    assert_eq!(told(&tidings), [], "it is held in memory");
    rig.wait(SOON);
    assert_eq!(told(&tidings), [durable(1, 0, 5)]);
    rig.finish();
    // After a restart, from a closed segment, with no segment open.
    let mut rig = bench.open();
    let tidings = listen(&rig, agent.camera());
    rig.store(&agent, &shots);
    rig.wait(SOON);
    assert_eq!((told(&tidings), rig.count("repeated")), (vec![durable(1, 0, 5)], 6));
}

#[test]
fn a_fork_is_told_and_not_acknowledged() {
    let bench = Bench::default();
    let (mut agent, mut fork) = (Agent::new("front-door", 1, 1), Agent::new("front-door", 1, 1));
    fork.size = 299;
    let (shots, forged) = (agent.shoot("KPP"), fork.shoot("KPP"));
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.finish();
    let mut rig = bench.open();
    let tidings = listen(&rig, agent.camera());
    rig.store(&agent, &forged);
    rig.wait(SOON);
    assert_eq!(told(&tidings), [News::Forked(Place { session: 1, sequence: 0 })]);
    assert_same(&rig.frames(agent.camera()), &shots);
}

#[test]
fn a_disk_that_is_full_is_told_and_what_it_lost_is_taken_again() {
    let (bench, disk) = (Bench::default(), Faulty::default());
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    let tidings = listen(&rig, agent.camera());
    let shots = agent.shoot("KPPKPP");
    rig.store(&agent, &shots[..3]);
    rig.wait(SOON);
    assert_eq!(told(&tidings), [durable(1, 0, 2)]);
    disk.set_room(Some(100));
    rig.store(&agent, &shots[3..]);
    rig.wait(SOON);
    assert!(matches!(&told(&tidings)[..], [News::NotStoring(problem)] if problem.contains("storage space")));
    // Whoever connects now is told as well.
    let later = listen(&rig, agent.camera());
    assert!(matches!(&told(&later)[..], [News::NotStoring(_)]));
    disk.set_room(None);
    rig.wait(Duration::from_secs(31));
    rig.store(&agent, &shots[3..]);
    rig.wait(SOON);
    assert_eq!(told(&later), [durable(1, 3, 5)]);
    assert_same(&rig.frames(agent.camera()), &shots);
}

#[test]
fn syncs_do_not_grow_with_cameras() {
    let per_second = |cameras: u8| {
        let (bench, disk) = (Bench::default(), Faulty::default());
        let mut rig = bench.open_on(Arc::new(disk.clone()));
        let mut agents: Vec<_> =
            (1..=cameras).map(|seed| Agent::new(Box::leak(format!("door-{seed}").into_boxed_str()), seed, 1)).collect();
        let tidings: Vec<_> = agents.iter().map(|agent| listen(&rig, agent.camera())).collect();
        let mut shoot = |rig: &mut Rig| {
            for agent in &mut agents {
                let shots = agent.shoot("KP");
                rig.store(agent, &shots);
            }
            rig.wait(SOON / 2);
        };
        // The segments begin, each with a sync of its own.
        shoot(&mut rig);
        let before = disk.syncs();
        (0..20).for_each(|_| shoot(&mut rig));
        for tidings in tidings {
            let frames: u64 =
                told(&tidings).iter().map(|news| if let News::Durable(run) = news { run.last - run.first + 1 } else { 0 }).sum();
            assert_eq!(frames, 42, "every frame of every camera is acknowledged");
        }
        (disk.syncs() - before) / 10
    };
    assert_eq!((per_second(1), per_second(8), per_second(9), per_second(100)), (2, 16, 2, 2));
}

/// What is wrong with the order in which things happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Right,
    /// What was handed to the operating system counts as acknowledged.
    AtTheFlush,
    /// The relay's own acknowledgements, which come before the sync because nothing syncs.
    NoSync,
}

/// Frames by camera and place.
type Frames = HashSet<(CameraId, Place)>;

/// Three cameras' worth of frames on a disk that forgets what was not synced; what was told by the time the power goes, and what is there
/// after it.
fn power_cut(at: u64, order: Order) -> (Frames, Frames) {
    let (bench, disk) = (Bench::default(), Faulty::default());
    if order == Order::NoSync {
        disk.lie();
    }
    let mut rig = bench.open_on(Arc::new(disk.clone()));
    let mut agents = [Agent::new("front-door", 1, 1), Agent::new("back-door", 2, 1), Agent::new("side-door", 3, 1)];
    let tidings: Vec<_> = agents.iter().map(|agent| listen(&rig, agent.camera())).collect();
    let mut acknowledged = HashSet::new();
    for step in 0..at {
        for (agent, tidings) in agents.iter_mut().zip(&tidings) {
            let camera = agent.camera();
            let shots: Vec<Shot> = agent.shoot(if step % 4 == 0 { "eKP" } else { "KPP" });
            rig.store(agent, &shots);
            if order == Order::AtTheFlush {
                rig.flush();
                acknowledged.extend(shots.iter().map(|shot| (camera, Place::of(shot))));
            }
            for news in told(tidings) {
                let News::Durable(Run { session, first, last }) = news else { panic!("{news:?}") };
                acknowledged.extend((first..=last).map(|sequence| (camera, Place { session, sequence })));
            }
        }
        // Some frames of every camera are on their way whenever the power goes.
        rig.wait(Duration::from_millis(190));
    }
    drop(rig);
    disk.cut_power(|path, synced, length| {
        let mix = Digest::of(&[&at.to_be_bytes(), path.as_os_str().as_encoded_bytes()]).0;
        synced + u64::from(mix[0]) % (length - synced + 1)
    });
    let rig = bench.open();
    let places = |agent: &Agent| rig.frames(agent.camera()).iter().map(|frame| (agent.camera(), Place::of(frame))).collect::<Vec<_>>();
    (acknowledged, agents.iter().flat_map(places).collect())
}

#[test]
fn after_a_power_cut_at_any_moment_every_acknowledged_frame_is_there() {
    let mut told = 0;
    for at in 1..60 {
        let (acknowledged, found) = power_cut(at, Order::Right);
        assert!(acknowledged.is_subset(&found), "cut at {at}: {} acknowledged, {} found", acknowledged.len(), found.len());
        told += acknowledged.len();
    }
    assert!(told > 5000, "much was acknowledged: {told}");
}

#[test]
fn the_control_acknowledging_before_the_sync_is_caught() {
    for order in [Order::AtTheFlush, Order::NoSync] {
        let caught = (1..60).filter(|at| {
            let (acknowledged, found) = power_cut(*at, order);
            !acknowledged.is_subset(&found)
        });
        assert!(caught.count() > 30, "the same cuts find frames that were acknowledged and are gone");
    }
}
