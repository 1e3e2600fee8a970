//! Damage to closed segments: they are never changed, and what is left of them is read.

use super::agent::{Agent, Shot};
use super::rig::{Bench, EVERYTHING};
use crate::archive::Place;

/// Two closed segments with `stream` in each.
fn closed(bench: &Bench, stream: &str) -> (Agent, Vec<Shot>) {
    let mut agent = Agent::new("front-door", 1, 1);
    agent.size = 100;
    let mut shots = Vec::new();
    for _ in 0..2 {
        let more = agent.shoot(stream);
        let mut rig = bench.open();
        rig.store(&agent, &more);
        rig.finish();
        shots.extend(more);
    }
    (agent, shots)
}

#[test]
fn a_flipped_bit_costs_its_group_at_most_and_never_yields_a_changed_frame() {
    let bench = Bench::default();
    let (agent, shots) = closed(&bench, "KPPKPKP");
    let path = &bench.files("front-door")[0];
    let whole = std::fs::read(path).unwrap();
    let original = |place: Place| shots.iter().find(|shot| Place::of(shot) == place).unwrap();
    for forget in [false, true] {
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            std::fs::write(path, &bytes).unwrap();
            if forget {
                bench.forget_index();
            }
            let rig = bench.open();
            let Ok(range) = rig.archive.range(agent.camera(), EVERYTHING) else { panic!("byte {at}") };
            let mut read = 0;
            for item in range {
                match item {
                    Ok(crate::archive::range::Item::Frame(frame)) => {
                        assert_eq!(frame.bytes(), original(Place::of(&frame)).bytes(), "byte {at}");
                        read += 1;
                    }
                    Ok(_) => {}
                    Err(error) => assert!(at < 16, "byte {at}: {error}"),
                }
            }
            drop(rig);
            assert!(at < 700 || read >= 7, "byte {at}: the other segment and more is there, not {read}");
            // Only a good receipt tells, without the index, that a segment was closed: where that is damaged it gets another one.
            let receipt = forget && at >= whole.len() - 165;
            assert!(receipt || std::fs::read(path).unwrap() == bytes, "byte {at}: a closed segment is never changed");
        }
    }
    std::fs::write(path, &whole).unwrap();
    bench.forget_index();
    assert_eq!(bench.open().frames(agent.camera()).len(), 14, "the control");
}

#[test]
fn what_is_damaged_is_a_gap_and_counted() {
    let bench = Bench::default();
    let (agent, shots) = closed(&bench, "KKKK");
    let path = &bench.files("front-door")[0];
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(100).position(|window| window == &shots[1].public().unwrap()[..]).unwrap();
    bytes[at] ^= 0x10;
    std::fs::write(path, &bytes).unwrap();
    let rig = bench.open();
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 (1-1) 2 3 4 5 6 7 .");
    assert_eq!(rig.count("damaged"), 1);
    drop(rig);
    bench.forget_index();
    let rig = bench.open();
    assert_eq!((rig.opened().damaged, rig.opened().mended), (1, 0));
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 (1-1) 2 3 4 5 6 7 .");
}

#[test]
fn a_frame_with_a_right_checksum_and_a_wrong_signature_does_not_leave() {
    let bench = Bench::default();
    let (agent, shots) = closed(&bench, "KKKK");
    let path = &bench.files("front-door")[0];
    let mut bytes = std::fs::read(path).unwrap();
    // Whoever changes the disk can mend the checksum, but not the signature.
    let frame = bytes.windows(100).position(|window| window == &shots[1].public().unwrap()[..]).unwrap();
    bytes[frame] ^= 0x10;
    let mut entry = 16;
    let body = |at: usize| usize::try_from(u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())).unwrap();
    while entry + 8 + body(entry) <= frame {
        entry += 8 + body(entry);
    }
    let mut checked = bytes[entry..entry + 4].to_vec();
    checked.extend_from_slice(&bytes[entry + 8..entry + 8 + body(entry)]);
    bytes[entry + 4..entry + 8].copy_from_slice(&crc32fast::hash(&checked).to_be_bytes());
    std::fs::write(path, &bytes).unwrap();
    let rig = bench.open();
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 (1-1) 2 3 4 5 6 7 .");
}

#[test]
fn files_that_are_no_segments_are_left_alone_and_their_numbers_are_not_used() {
    let bench = Bench::default();
    let (mut agent, _) = closed(&bench, "KP");
    let folder = bench.config.archive().join("front-door");
    std::fs::write(folder.join("0000000003.segment"), b"celosia segment\x02 of another version").unwrap();
    std::fs::write(folder.join("notes.txt"), b"mine").unwrap();
    std::fs::create_dir(bench.config.archive().join("lost+found")).unwrap();
    let mut rig = bench.open();
    assert_eq!(rig.opened().unknown, 1);
    let more = agent.shoot("K");
    rig.store(&agent, &more);
    rig.finish();
    let names: Vec<_> = bench.files("front-door").iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["0000000001.segment", "0000000002.segment", "0000000003.segment", "0000000004.segment", "notes.txt"]);
    assert_eq!(std::fs::read(folder.join("0000000003.segment")).unwrap(), b"celosia segment\x02 of another version");
}

#[test]
fn a_closed_segment_that_lost_its_end_keeps_what_is_left() {
    let bench = Bench::default();
    let (agent, shots) = closed(&bench, "KPPP");
    let path = &bench.files("front-door")[0];
    let length = std::fs::metadata(path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length - 200).unwrap();
    let rig = bench.open();
    assert_eq!(rig.opened().mended, 1, "the index said otherwise");
    let read = rig.frames(agent.camera());
    super::rig::assert_same(&read, &[&shots[..3], &shots[4..]].concat());
    drop(rig);
    assert_eq!(bench.open().opened().mended, 0, "and now it agrees");
}
