//! Torn tails: whatever a crash left of the last entries, what stands before them is kept.

use std::path::Path;
use std::time::Duration;

use super::agent::{Agent, Shot};
use super::rig::{Bench, assert_same};
use super::storing::stands_alone;

/// A segment as a kill would leave it, open, and where each of its entries ends.
struct Open {
    bench: Bench,
    agent: Agent,
    shots: Vec<Shot>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Open {
    fn new() -> Self {
        let bench = Bench::default();
        let mut agent = Agent::new("front-door", 1, 1);
        agent.size = 120;
        let shots = agent.shoot("KPPKP");
        let mut rig = bench.open();
        rig.store(&agent, &shots);
        rig.flush();
        drop(rig);
        let bytes = std::fs::read(&bench.files("front-door")[0]).unwrap();
        let mut ends = vec![16];
        while let Some(head) = bytes.get(ends[ends.len() - 1]..).filter(|rest| !rest.is_empty()) {
            let length = u32::from_be_bytes(head[..4].try_into().unwrap());
            ends.push(ends[ends.len() - 1] + 8 + usize::try_from(length).unwrap());
        }
        assert_eq!(ends.len(), 1 + 3 + shots.len(), "camera, record, grants, frames");
        Self { bench, agent, shots, bytes, ends }
    }

    /// Opens an archive over these bytes: just so many frames are there, the segment is closed and stands alone, and storing goes on in
    /// the next one.
    fn expect(&self, bytes: &[u8], frames: usize, what: &str) {
        let path = self.path();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        std::fs::create_dir(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        std::fs::remove_file(self.bench.config.index()).unwrap();
        let rig = self.bench.open();
        assert_same(&rig.frames(self.agent.camera()), &self.shots[..frames]);
        let opened = rig.opened();
        let kept = self.ends[3 + frames];
        if frames == 0 {
            assert_eq!((opened.mended, opened.removed), (0, 1), "{what}");
            assert!(!path.exists());
            return;
        }
        let cut = u64::try_from(bytes.len() - self.last_whole(bytes, kept)).unwrap();
        assert_eq!((opened.mended, opened.removed, opened.torn_bytes), (1, 0, cut), "{what}");
        assert_eq!((rig.count("torn"), rig.count("torn_bytes")), (1, cut), "{what}");
        let (receipt, _) = stands_alone(&std::fs::read(&path).unwrap(), &self.agent);
        assert_eq!(receipt.receipt.leaves, u64::try_from(frames).unwrap(), "{what}");
    }

    /// Where the last entry that is whole ends, frames or not.
    fn last_whole(&self, bytes: &[u8], kept: usize) -> usize {
        let same = bytes.iter().zip(&self.bytes).take_while(|(a, b)| a == b).count();
        self.ends.iter().copied().filter(|end| *end <= same && *end <= bytes.len()).max().unwrap().max(kept.min(bytes.len()))
    }

    fn path(&self) -> std::path::PathBuf {
        Path::new(&self.bench.config.archive()).join("front-door/0000000001.segment")
    }
}

#[test]
fn a_tail_torn_at_any_byte_of_the_last_entries_is_cut() {
    let open = Open::new();
    for length in open.ends[open.ends.len() - 4]..=open.bytes.len() {
        let frames = open.ends[4..].iter().filter(|end| **end <= length).count();
        open.expect(&open.bytes[..length], frames, &format!("{length} bytes"));
    }
}

#[test]
fn a_segment_torn_in_its_beginning_is_removed() {
    let open = Open::new();
    for length in (0..open.ends[4]).step_by(7) {
        open.expect(&open.bytes[..length], 0, &format!("{length} bytes"));
        open.expect(&vec![0; length], 0, &format!("{length} zeros"));
    }
}

#[test]
fn a_flipped_bit_in_the_last_entries_of_an_open_segment_cuts_it_there() {
    let open = Open::new();
    for at in open.ends[open.ends.len() - 4]..open.bytes.len() {
        let mut bytes = open.bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        let frames = open.ends[4..].iter().filter(|end| **end <= at).count();
        open.expect(&bytes, frames, &format!("byte {at}"));
    }
}

#[test]
fn zeros_and_rubbish_behind_the_last_entry_are_cut() {
    let open = Open::new();
    for tail in [vec![0; 1], vec![0; 4096], vec![0xff; 64], b"celosia segment\x01".to_vec(), open.bytes[16..60].to_vec()] {
        let bytes = [&open.bytes[..], &tail].concat();
        open.expect(&bytes, open.shots.len(), &format!("{} bytes more", tail.len()));
    }
}

#[test]
fn a_torn_receipt_is_written_again() {
    let open = Open::new();
    open.expect(&open.bytes, open.shots.len(), "no receipt");
    let closed = std::fs::read(open.path()).unwrap();
    for length in open.bytes.len() + 1..closed.len() {
        std::fs::write(open.path(), &closed[..length]).unwrap();
        std::fs::remove_file(open.bench.config.index()).unwrap();
        let rig = open.bench.open();
        assert_eq!(rig.opened().mended, 1, "{length} bytes");
        assert_same(&rig.frames(open.agent.camera()), &open.shots);
        drop(rig);
        assert_eq!(std::fs::read(open.path()).unwrap(), closed, "{length} bytes");
    }
}

#[test]
fn storing_goes_on_in_a_new_segment_in_the_middle_of_a_group() {
    let mut open = Open::new();
    let more = open.agent.shoot("PPKE");
    open.expect(&open.bytes[..open.bytes.len() - 1], 4, "torn");
    let mut rig = open.bench.open();
    // The torn frame comes again with its group, as an agent resends it; what is held is not stored twice.
    let group: Vec<_> = open.shots[3..].iter().chain(&more).cloned().collect();
    rig.store(&open.agent, &group);
    rig.wait(Duration::from_secs(60));
    assert_eq!(rig.count("repeated"), 1);
    let all: Vec<_> = open.shots.iter().chain(&more).cloned().collect();
    assert_same(&rig.frames(open.agent.camera()), &all);
    let second = std::fs::read(&open.bench.files("front-door")[1]).unwrap();
    let (receipt, repeated) = stands_alone(&second, &open.agent);
    assert_eq!((receipt.receipt.segment, receipt.receipt.leaves, repeated), (2, 5, 1));
}
