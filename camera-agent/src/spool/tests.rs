//! The spool: a stream is a string, `K` opens a group, `p` continues it, `E` ends the session.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bytes::Bytes;
use tempfile::TempDir;

use super::*;
use crate::testing::{Camera, SOON};

mod bookkeeping;

fn config(dir: &TempDir) -> Config {
    Config::new(dir.path())
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what}: never");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A spool with these frames written, closed as at an agent's end.
fn filled(config: Config, frames: &[Signed]) -> Spool {
    let (spool, mut intake) = Spool::open(config).unwrap();
    for (written, frame) in (1..).zip(frames) {
        intake.offer(frame);
        // As a camera does it: one after the other.
        until("written", || spool.status().spooled >= written);
    }
    drop(intake);
    until("closed", || spool.0.end().closed);
    spool.all_settled();
    spool
}

/// Everything that would be sent again now.
fn again(spool: &Spool) -> Vec<Again> {
    let mut cursor = spool.cursor();
    let mut all = Vec::new();
    while let Next::Group(group) = cursor.advance() {
        spool.landed(group.run, true);
        all.push(*group);
    }
    all
}

fn sequences(groups: &[Again]) -> Vec<(u64, u64)> {
    groups.iter().map(|group| (group.run.first, group.run.last)).collect()
}

fn frames(groups: &[Again]) -> Vec<Bytes> {
    groups.iter().flat_map(|group| group.frames.clone()).collect()
}

fn bytes(frames: &[Signed]) -> Vec<Bytes> {
    frames.iter().map(|signed| signed.frame.bytes().clone()).collect()
}

const fn run(session: u64, first: u64, last: u64) -> Run {
    Run { session, first, last }
}

fn files(dir: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir.path().join(FOLDER)).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_is_not_acknowledged_is_sent_again_by_groups_with_its_epoch() {
    let dir = tempfile::tempdir().unwrap();
    let all = Camera::new(500).frames("KppKpKppE");
    let spool = filled(config(&dir), &all);
    let groups = again(&spool);
    assert_eq!(sequences(&groups), [(0, 2), (3, 4), (5, 7), (8, 8)]);
    assert_eq!(frames(&groups), bytes(&all), "byte for byte");
    for group in &groups {
        let camera = wire::id::CameraId(crate::testing::camera_key().verifying_key().to_bytes());
        let record = wire::verify::record(group.record.clone(), camera).unwrap();
        assert_eq!((record.digest(), group.grants.list.digest()), (all[0].announcement.digest, record.record().grants));
    }
    assert_eq!(sequences(&again(&spool)), [], "it is on its way");
    // Another connection: nothing is.
    spool.connected();
    spool.acknowledge(run(1, 3, 5));
    assert_eq!(sequences(&again(&spool)), [(0, 2), (5, 7), (8, 8)], "an unfinished group from its key frame");
    spool.acknowledge(run(1, 0, 2));
    spool.acknowledge(run(1, 6, 8));
    assert!(spool.is_settled());
    until("removed", || files(&dir).is_empty());
    let status = spool.status();
    assert_eq!((status.waiting, status.bytes, status.spooled, status.acknowledged), (0, 0, 9, 9), "{status:?}");
    assert_eq!(status.dropped, Drops::default());
}

#[test]
fn nobody_else_may_read_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(FOLDER)).unwrap();
    let _spool = filled(config(&dir), &Camera::new(100).frames("K"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join(FOLDER)), 0o700);
    assert_eq!(files(&dir).iter().map(|file| mode(file)).collect::<Vec<_>>(), [0o600]);
}

#[test]
fn a_kill_loses_nothing_that_was_written() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (spool, mut intake) = Spool::open(config(&dir)).unwrap();
    let all = Camera::new(500).frames("KppKpp");
    all.iter().for_each(|frame| intake.offer(frame));
    until("written", || spool.status().spooled == 6);
    // What a kill at this moment leaves.
    std::fs::create_dir(copy.path().join(FOLDER)).unwrap();
    for file in files(&dir) {
        std::fs::copy(&file, copy.path().join(FOLDER).join(file.file_name().unwrap())).unwrap();
    }
    // The next run, in a session of its own.
    let next = Camera::in_session(2, 500).frames("Kp");
    let spool = filled(config(&copy), &next);
    let groups = again(&spool);
    assert_eq!(groups.iter().map(|group| group.run).collect::<Vec<_>>(), [run(1, 0, 2), run(1, 3, 5), run(2, 0, 1)]);
    assert_eq!(frames(&groups), [bytes(&all), bytes(&next)].concat());
}

#[test]
fn a_torn_tail_is_cut_wherever_it_tears() {
    let dir = tempfile::tempdir().unwrap();
    let all = Camera::new(60).frames("KpKp");
    drop(filled(config(&dir), &all));
    let file = files(&dir)[0].clone();
    let whole = std::fs::read(&file).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for length in (0..whole.len()).step_by(7) {
        for zeros in [0, 50] {
            std::fs::write(&file, [&whole[..length], &vec![0; zeros]].concat()).unwrap();
            let spool = filled(config(&dir), &[]);
            let groups = again(&spool);
            let found = frames(&groups);
            assert_eq!(found, bytes(&all)[..found.len()], "cut at {length}");
            seen.insert(found.len());
            // Once all of it was acknowledged, nothing stays behind.
            groups.iter().for_each(|group| spool.acknowledge(group.run));
            if !found.is_empty() {
                until("removed", || files(&dir).is_empty());
            }
            let _ = std::fs::remove_file(&file);
        }
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3], "the control: it was cut everywhere");
}

#[test]
fn too_many_bytes_drop_whole_groups_the_oldest_first() {
    let dir = tempfile::tempdir().unwrap();
    let bounded = Config { bytes: 200_000, volume_bytes: 20_000, ..config(&dir) };
    let all = Camera::new(5_000).frames(&"Kpp".repeat(40));
    let spool = filled(bounded, &all);
    until("dropped", || spool.status().bytes <= 200_000);
    let status = spool.status();
    let groups = again(&spool);
    assert!(groups.iter().all(|group| group.frames.len() == 3), "whole groups");
    let kept = frames(&groups);
    assert_eq!(kept, bytes(&all)[120 - kept.len()..], "the newest");
    assert!(kept.len() > 20 && kept.len() < 40, "{}", kept.len());
    assert_eq!(status.dropped.full, 120 - u64::try_from(kept.len()).unwrap(), "each is counted: {status:?}");
}

#[test]
fn a_group_that_does_not_end_is_asked_to() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, mut intake) = Spool::open(Config { volume_bytes: 20_000, ..config(&dir) }).unwrap();
    let mut camera = Camera::new(5_000);
    let mut written = 0;
    let mut write = |intake: &mut Intake, kind| {
        intake.offer(&camera.frame(kind));
        written += 1;
        until("written", || spool.status().spooled == written);
        intake.wants_key_frame()
    };
    let mut wishes = vec![write(&mut intake, 'K')];
    wishes.extend((0..8).map(|_| write(&mut intake, 'p')));
    assert!(!wishes[5] && wishes[8], "{wishes:?}");
    assert!(!write(&mut intake, 'K'), "then there is room again");
}

#[test]
fn what_is_too_old_goes_and_is_counted_even_if_nobody_looked_into_it() {
    let dir = tempfile::tempdir().unwrap();
    let all = Camera::new(500).frames("KppKpp");
    drop(filled(config(&dir), &all));
    let spool = filled(Config { age: Duration::ZERO, ..config(&dir) }, &[]);
    until("removed", || files(&dir).is_empty());
    assert_eq!(spool.status().dropped, Drops { age: 6, ..Drops::default() });
    assert!(again(&spool).is_empty());
}

#[test]
fn a_folder_that_cannot_be_used_is_said_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    // Something else has its name.
    std::fs::write(dir.path().join(FOLDER), "a file").unwrap();
    let (spool, mut intake) = Spool::open(config(&dir)).unwrap();
    let mut camera = Camera::new(500);
    camera.frames("Kpp").iter().for_each(|frame| intake.offer(frame));
    until("counted", || spool.status().dropped.disk == 3);
    assert!(spool.status().problem.is_some());
    std::fs::remove_file(dir.path().join(FOLDER)).unwrap();
    let mut sent = 3;
    until("written again", || {
        camera.frames("Kp").iter().for_each(|frame| intake.offer(frame));
        sent += 2;
        std::thread::sleep(Duration::from_millis(20));
        spool.status().spooled > 0
    });
    drop(intake);
    until("closed", || spool.0.end().closed);
    spool.all_settled();
    assert_eq!(spool.status().problem, None);
    let status = spool.status();
    assert_eq!(status.spooled + status.dropped.disk, sent, "every frame is counted once: {status:?}");
    let groups = again(&spool);
    assert_eq!(groups.iter().map(|group| group.frames.len()).sum::<usize>() as u64, status.spooled);
}

#[test]
fn whoever_hands_over_too_much_never_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, intake) = Spool::open(config(&dir)).unwrap();
    drop(intake);
    // A thread that takes nothing.
    let (sender, receiver) = sync_channel(4);
    let mut intake = Intake { sender, spool: spool.clone(), broken: false };
    let mut camera = Camera::new(500);
    camera.frames("KpKppppKp").iter().for_each(|frame| intake.offer(frame));
    assert_eq!(spool.status().dropped.behind, 5, "to the end of the group, and the next one as well");
    let taken: Vec<u64> = receiver.try_iter().map(|signed| signed.frame.header().sequence).collect();
    assert_eq!(taken, [0, 1, 2, 3]);
    camera.frames("pKp").iter().for_each(|frame| intake.offer(frame));
    let taken: Vec<u64> = receiver.try_iter().map(|signed| signed.frame.header().sequence).collect();
    assert_eq!(taken, [10, 11], "from the next group on");
}

#[test]
fn while_the_relay_keeps_up_nothing_is_synced_and_later_only_now_and_then() {
    let dir = tempfile::tempdir().unwrap();
    let every = Duration::from_millis(300);
    let (spool, mut intake) = Spool::open(Config { sync: every, ..config(&dir) }).unwrap();
    let mut camera = Camera::new(500);
    let mut shoot = |acknowledged: bool| {
        for frame in camera.frames("Kp") {
            let sequence = frame.frame.header().sequence;
            spool.sent(1, sequence, 500);
            intake.offer(&frame);
            until("written", || spool.status().spooled > sequence);
            if acknowledged {
                spool.acknowledge(run(1, 0, sequence.saturating_sub(1)));
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let begun = Instant::now();
    while begun.elapsed() < 4 * every {
        shoot(true);
    }
    assert_eq!(spool.status().syncs, 0, "one frame at a time is not acknowledged yet");
    let begun = Instant::now();
    until("synced", || {
        shoot(false);
        spool.status().syncs >= 3
    });
    assert!(begun.elapsed() >= 2 * every, "not with every frame");
}

/// What spooling costs. `cargo test -p camera-agent --lib spool -- --ignored --nocapture`
#[test]
#[ignore = "measures"]
fn cost_per_frame() {
    for (what, size, stream, count) in [("JPEG 720p", 143_000, "K", 600), ("H.264 720p", 12_500, "Kppppppppp", 200)] {
        let dir = tempfile::tempdir().unwrap();
        let (spool, mut intake) = Spool::open(config(&dir)).unwrap();
        let all = Camera::new(size).frames(&stream.repeat(count / stream.len().min(count)));
        let before = cpu_time::ProcessTime::now();
        let mut longest = Duration::ZERO;
        let mut offering = Duration::ZERO;
        for (written, frame) in (1..).zip(&all) {
            let begun = Instant::now();
            intake.offer(frame);
            longest = longest.max(begun.elapsed());
            offering += begun.elapsed();
            until("written", || spool.status().spooled >= written);
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / all.len() as f64;
        println!(
            "{what}: {:.0} µs of processor time a frame of {size} bytes in all; the pipeline hands it over in {:.1} µs, at most {:.0} µs",
            each(before.elapsed()),
            each(offering),
            longest.as_secs_f64() * 1e6
        );
    }
}
