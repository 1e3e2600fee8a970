//! What storing and reading cost. Run alone:
//! `cargo test -p relay-server --lib archive::tests::measure -- --ignored --nocapture --test-threads 1`

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;

use super::agent::{Agent, Shot};
use super::rig::{Bench, EVERYTHING, RELAY_KEY};
use crate::archive::{Archive, Config, Monotonic};
use crate::clock::Clock;

/// CPU time of this thread.
fn cpu() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split_whitespace().next().unwrap().parse().unwrap())
}

/// CPU time of all threads.
fn cpu_of_all() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let of = |path: std::path::PathBuf| std::fs::read_to_string(path.join("schedstat")).unwrap_or_default();
    let nanos = tasks.map(|task| of(task.unwrap().path()).split_whitespace().next().map_or(0, |text| text.parse().unwrap()));
    Duration::from_nanos(nanos.sum())
}

fn per(time: Duration, count: usize) -> f64 {
    time.as_secs_f64() * 1e6 / f64::from(u32::try_from(count).unwrap())
}

/// A real disk, not memory.
fn bench() -> Bench {
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    let config = Config { segment_bytes: 64 << 20, ..Config::new(folder.path(), 1 << 40, 0) };
    Bench { _folder: folder, config, now: Arc::default() }
}

fn shots(agent: &mut Agent, size: usize, count: usize) -> Vec<Shot> {
    agent.size = size - 350;
    (0..count).map(|at| agent.shot(at % 30 == 0)).collect()
}

#[test]
#[ignore = "a measurement"]
fn storing() {
    for size in [12_000, 40_000] {
        let bench = bench();
        let mut agent = Agent::new("front-door", 1, 1);
        let shots = shots(&mut agent, size, 400_000_000 / size);
        let mut rig = bench.open();
        rig.introduce(&agent);
        let (start, cpu_before, mut last) = (Instant::now(), cpu(), Duration::ZERO);
        for shot in &shots {
            rig.put(agent.camera(), std::slice::from_ref(shot));
            let now = start.elapsed();
            if now - last > Duration::from_millis(5) {
                bench.now.store(u64::try_from(now.as_millis()).unwrap(), Ordering::Relaxed);
                rig.writer.tick(now);
                last = now;
            }
        }
        let (busy, syncs) = (cpu() - cpu_before, rig.count("syncs"));
        rig.finish();
        let time = start.elapsed().as_secs_f64();
        let megabytes = f64::from(u32::try_from(shots.len() * size / 1_000_000).unwrap());
        let frames = f64::from(u32::try_from(shots.len()).unwrap());
        println!(
            "store {size} B: {:.0} MB/s, {:.0} frames/s to disk; {:.1} µs CPU a frame ({:.2} GB per CPU second); {syncs} syncs",
            megabytes / time,
            frames / time,
            per(busy, shots.len()),
            megabytes / 1000.0 / busy.as_secs_f64()
        );

        let rig = bench.open();
        let (start, cpu_before) = (Instant::now(), cpu());
        let read = rig.read(agent.camera(), EVERYTHING).len();
        let (time, busy) = (start.elapsed(), cpu() - cpu_before);
        println!("  read and verify: {:.0} frames/s, {:.1} µs CPU a frame", frames / time.as_secs_f64(), per(busy, read));
    }
}

#[test]
#[ignore = "a measurement"]
fn the_whole_way() {
    // 50 cameras × 30 fps × 15 kB for ten seconds, in real time.
    let bench = bench();
    let key = SigningKey::from_bytes(&RELAY_KEY);
    let archive = Archive::open(bench.config.clone(), key, Clock::system(), Monotonic::system()).unwrap();
    let mut agents: Vec<(Agent, Vec<Shot>)> = Vec::new();
    for seed in 0..50 {
        let name: &'static str = Box::leak(format!("camera-{seed}").into_boxed_str());
        let mut agent = Agent::new(name, seed, 1);
        archive.store_camera(agent.camera(), agent.message());
        archive.store_record(Arc::clone(&agent.record), agent.grants.clone()).unwrap();
        let shots = shots(&mut agent, 15_000, 300);
        agents.push((agent, shots));
    }
    let (start, cpu_before) = (Instant::now(), cpu_of_all());
    for at in 0..300u32 {
        for (_, shots) in &agents {
            archive.store_frame(Arc::clone(&shots[usize::try_from(at).unwrap()])).unwrap();
        }
        let due = Duration::from_micros(33_333) * (at + 1);
        std::thread::sleep(due.saturating_sub(start.elapsed()));
    }
    let (time, busy) = (start.elapsed(), cpu_of_all() - cpu_before);
    let counters = archive.counters().read();
    let share = busy.as_secs_f64() / time.as_secs_f64() * 100.0;
    println!("50 cameras × 30 fps × 15 kB: {share:.1} % of a core, {:.1} µs CPU a frame; {counters:?}", per(busy, 15_000));
    let start = Instant::now();
    archive.stop();
    println!("  closed in {:.2} s", start.elapsed().as_secs_f64());
}

#[test]
#[ignore = "a measurement"]
fn opening_after_a_crash() {
    let bench = bench();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = shots(&mut agent, 15_000, 1800);
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    drop(rig);
    let start = Instant::now();
    let rig = bench.open();
    println!("opening after a crash, one camera, a minute at 30 fps × 15 kB: {:.3} s ({:?})", start.elapsed().as_secs_f64(), rig.opened());
    drop(rig);
    bench.forget_index();
    let start = Instant::now();
    drop(bench.open());
    println!("rebuilding the index, per segment of a minute: {:.3} s", start.elapsed().as_secs_f64());
}
