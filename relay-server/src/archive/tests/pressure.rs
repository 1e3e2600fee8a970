//! The thread and the queue in front of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;

use super::agent::{Agent, Shot};
use super::faults::Faulty;
use super::rig::{Bench, EVERYTHING, RELAY_KEY, assert_same};
use crate::archive::disk::{Disk, File, System};
use crate::archive::range::Item;
use crate::archive::{Archive, Monotonic, NotStored, Place};

fn start(bench: &Bench, disk: Arc<dyn Disk>) -> Archive {
    Archive::open_on(disk, bench.config.clone(), SigningKey::from_bytes(&RELAY_KEY), bench.clock(), Monotonic::system()).unwrap()
}

fn introduce(archive: &Archive, agent: &Agent) {
    archive.store_camera(agent.camera(), agent.message());
    archive.store_record(Arc::clone(&agent.record), agent.grants.clone()).unwrap();
}

fn until(what: &str, test: impl Fn() -> bool) {
    let start = Instant::now();
    while !test() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn frames(archive: &Archive, agent: &Agent) -> Vec<wire::verify::Verified<wire::frame::SignedFrame>> {
    let items = archive.range(agent.camera(), EVERYTHING).unwrap().map(|item| item.unwrap());
    items.filter_map(|item| if let Item::Frame(frame) = item { Some(*frame) } else { None }).collect()
}

/// A disk that waits while the test holds it.
#[derive(Clone, Default)]
struct Slow(Arc<AtomicBool>);

struct SlowFile(Slow, Box<dyn File>);

impl Slow {
    fn hold(&self, held: bool) {
        self.0.store(held, Ordering::Relaxed);
    }

    fn wait(&self) {
        while self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Disk for Slow {
    fn create(&self, path: &std::path::Path) -> std::io::Result<Box<dyn File>> {
        self.wait();
        Ok(Box::new(SlowFile(self.clone(), System.create(path)?)))
    }

    fn open(&self, path: &std::path::Path) -> std::io::Result<Box<dyn File>> {
        System.open(path)
    }

    fn remove(&self, path: &std::path::Path) -> std::io::Result<()> {
        System.remove(path)
    }

    fn sync_folder(&self, folder: &std::path::Path) -> std::io::Result<()> {
        System.sync_folder(folder)
    }

    fn sync_all(&self, folder: &std::path::Path) -> std::io::Result<bool> {
        System.sync_all(folder)
    }
}

impl File for SlowFile {
    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.wait();
        self.1.append(bytes)
    }

    fn cut(&mut self, length: u64) -> std::io::Result<()> {
        self.1.cut(length)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.wait();
        self.1.sync()
    }
}

#[test]
fn everything_handed_over_is_there_after_stopping() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot(&"KPPP".repeat(100));
    let archive = start(&bench, Arc::new(System));
    introduce(&archive, &agent);
    for shot in &shots {
        archive.store_frame(Arc::clone(shot)).unwrap();
    }
    archive.stop();
    assert_same(&frames(&archive, &agent), &shots);
    assert_eq!(archive.store_frame(Arc::clone(&shots[0])), Err(NotStored::Stopped));
    archive.stop();
    drop(archive);
    assert_eq!(bench.open().opened().mended, 0, "closed in order");
}

#[test]
fn dropping_the_last_handle_stops_it_too() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KPP");
    let archive = start(&bench, Arc::new(System));
    introduce(&archive, &agent);
    for shot in &shots {
        archive.store_frame(Arc::clone(shot)).unwrap();
    }
    drop(archive);
    let closed = || bench.files("front-door").first().is_some_and(|file| std::fs::metadata(file).unwrap().len() > 2000);
    until("the thread ends", closed);
}

#[test]
fn a_disk_that_is_behind_costs_whole_ends_of_groups_and_never_makes_anyone_wait() {
    let mut bench = Bench::default();
    (bench.config.queue_frames, bench.config.queue_bytes) = (20, 1 << 20);
    let slow = Slow::default();
    let (mut one, mut two) = (Agent::new("front-door", 1, 1), Agent::new("back-door", 2, 1));
    let archive = start(&bench, Arc::new(slow.clone()));
    introduce(&archive, &one);
    introduce(&archive, &two);
    slow.hold(true);
    // The thread takes the first frame and waits for the disk with it.
    archive.store_frame(one.shot(true)).unwrap();
    let taken: Vec<bool> = one.shoot(&"PPPPPPPK".repeat(5)).into_iter().map(|shot| archive.store_frame(shot).is_ok()).collect();
    let stored = taken.iter().take_while(|taken| **taken).count();
    assert!((9..=11).contains(&stored), "half of the queue, not {stored}");
    assert!(taken[stored..].iter().all(|taken| !taken));
    // The other camera has the other half.
    let others: Vec<Shot> = two.shoot("KPPPPPPP");
    assert!(others.iter().all(|shot| archive.store_frame(Arc::clone(shot)).is_ok()));
    assert_eq!(archive.counters().not_stored(NotStored::Full), u64::try_from(40 - stored).unwrap());
    slow.hold(false);
    until("the queue is empty", || frames(&archive, &two).len() == 8);
    // In the middle of a group there is nothing to go on with; from the next key frame there is.
    let rest: Vec<_> = one.shoot("PPKPP").into_iter().map(|shot| archive.store_frame(shot)).collect();
    assert_eq!(rest, [Err(NotStored::Full), Err(NotStored::Full), Ok(()), Ok(()), Ok(())]);
    archive.stop();
    let mut last = None;
    for frame in frames(&archive, &one) {
        let follows = last.is_some_and(|last: Place| last.sequence + 1 == frame.header().sequence);
        assert!(follows || frame.header().flags.key, "whoever must drop drops to the end of a group");
        last = Some(Place::of(&frame));
    }
    assert_eq!(frames(&archive, &one).len(), 1 + stored + 3);
}

#[test]
fn the_queue_is_bounded_in_bytes_too() {
    let mut bench = Bench::default();
    bench.config.queue_bytes = 100_000;
    let slow = Slow::default();
    let mut agent = Agent::new("front-door", 1, 1);
    agent.size = 12_000;
    let archive = start(&bench, Arc::new(slow.clone()));
    introduce(&archive, &agent);
    slow.hold(true);
    let stored = agent.shoot(&"K".repeat(30)).into_iter().filter(|shot| archive.store_frame(Arc::clone(shot)).is_ok()).count();
    assert!((4..=5).contains(&stored), "half of the bytes, and the one that was taken out: {stored}");
    slow.hold(false);
    archive.stop();
    assert_eq!(frames(&archive, &agent).len(), stored);
}

#[test]
fn readers_and_the_writer_do_not_disturb_each_other() {
    let mut bench = Bench::default();
    (bench.config.segment_bytes, bench.config.flush_interval) = (60_000, Duration::from_millis(1));
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot(&"KPPPP".repeat(300));
    let archive = start(&bench, Arc::new(System));
    introduce(&archive, &agent);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut rounds, mut least) = (0, 0);
                    while !done.load(Ordering::Relaxed) || rounds == 0 {
                        let read = frames(&archive, &agent);
                        assert_same(&read, &shots[..read.len()]);
                        assert!(read.len() >= least, "what was there stays");
                        (rounds, least) = (rounds + 1, read.len());
                    }
                    rounds
                })
            })
            .collect();
        for shot in &shots {
            archive.store_frame(Arc::clone(shot)).unwrap();
            std::thread::sleep(Duration::from_micros(300));
        }
        archive.stop();
        done.store(true, Ordering::Relaxed);
        assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
    });
    assert_same(&frames(&archive, &agent), &shots);
    assert!(bench.files("front-door").len() > 5);
}

#[test]
fn frames_become_durable_by_themselves() {
    let mut bench = Bench::default();
    bench.config.sync_interval = Duration::from_millis(20);
    let mut agent = Agent::new("front-door", 1, 1);
    let archive = start(&bench, Arc::new(System));
    introduce(&archive, &agent);
    for shot in agent.shoot("KPP") {
        archive.store_frame(shot).unwrap();
    }
    until("all three are durable", || archive.synced(agent.camera()).first().is_some_and(|run| run.last == 2));
}

#[test]
fn live_does_not_notice_a_disk_that_is_gone() {
    let mut bench = Bench::default();
    bench.config.sync_interval = Duration::from_millis(5);
    let mut agent = Agent::new("front-door", 1, 1);
    let archive = start(&bench, Arc::new(Faulty::dies_at(6)));
    introduce(&archive, &agent);
    let mut attempts = 0;
    while archive.problem().is_none() {
        attempts += 1;
        assert!(attempts < 5000, "storing stops");
        // Taken in or refused: nobody waits either way.
        let _ = archive.store_frame(agent.shot(true));
        std::thread::sleep(Duration::from_millis(2));
    }
    let refused = agent.shoot("KPP").into_iter().map(|shot| archive.store_frame(shot));
    assert!(refused.into_iter().all(|result| result == Err(NotStored::Disk)));
    archive.stop();
}
