//! What is stored comes back, and every segment stands alone.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use wire::frame::{Frame, LayerKind};
use wire::merkle::Tree;
use wire::message::Message;
use wire::receipt::SignedReceipt;
use wire::verify;

use super::agent::{Agent, Shot};
use super::rig::{Bench, EVERYTHING, RELAY_KEY, assert_same};
use crate::archive::range::{Asked, Item};
use crate::archive::segment::HEADER;

/// The messages of a segment, read here by hand: length, checksum, body.
pub fn messages(bytes: &[u8]) -> Vec<Message> {
    let mut rest = bytes.strip_prefix(&HEADER).expect("a header");
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (head, behind) = rest.split_at(8);
        let length = u32::from_be_bytes(head[..4].try_into().unwrap());
        let (body, behind) = behind.split_at(usize::try_from(length).unwrap());
        let mut checked = head[..4].to_vec();
        checked.extend_from_slice(body);
        assert_eq!(crc32fast::hash(&checked), u32::from_be_bytes(head[4..].try_into().unwrap()));
        messages.push(Message::decode(body.to_vec().into()).unwrap());
        rest = behind;
    }
    messages
}

/// Verifies a segment from its bytes alone: every frame, and the receipt over them. Gives the receipt and how many frames were repeated.
pub fn stands_alone(bytes: &[u8], agent: &Agent) -> (SignedReceipt, usize) {
    let messages = messages(bytes);
    assert!(matches!(&messages[0], Message::Camera(camera) if camera.name.as_str() == agent.name && camera.chain.len() == 2));
    let (mut record, mut group, mut tree, mut repeated, mut receipt) = (None, None::<verify::Group>, Tree::default(), 0, None);
    for message in &messages[1..] {
        assert!(receipt.is_none(), "the receipt is last");
        match message {
            Message::Record { record: signed, .. } => {
                record = Some(std::sync::Arc::new(verify::record(signed.clone(), agent.camera()).unwrap()));
            }
            Message::Grants(grants) => assert_eq!(grants.list.digest(), record.as_ref().unwrap().record().grants),
            Message::Frame { subscription, session, frame } => {
                let frame = Frame::decode(frame.clone()).unwrap();
                let verified = if frame.header.flags.key {
                    let (opened, verified) =
                        verify::Group::open(record.as_ref().expect("a record stands before its frames"), frame).unwrap();
                    group = Some(opened);
                    verified
                } else {
                    group.as_mut().expect("a group begins with its key frame").next(frame).unwrap()
                };
                assert_eq!(verified.context().session.number, *session);
                match subscription {
                    0 => tree.push(verified.digest()),
                    1 => {
                        repeated += 1;
                        assert!(verified.layers().iter().all(|layer| layer.present().is_none()), "repeated without layers");
                        assert_eq!(tree.leaves(), 0, "repeated frames stand in front");
                    }
                    other => panic!("{other}"),
                }
            }
            Message::Receipt { receipt: signed, .. } => receipt = Some(*signed),
            other => panic!("{}", other.name()),
        }
    }
    let receipt = receipt.expect("a closed segment ends with its receipt");
    receipt.verify(&SigningKey::from_bytes(&RELAY_KEY).verifying_key().to_bytes()).unwrap();
    let said = receipt.receipt;
    assert_eq!((said.camera, said.leaves, said.head), (agent.camera(), tree.leaves(), tree.head()));
    (receipt, repeated)
}

#[test]
fn what_is_stored_comes_back_in_order_and_verified() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 4);
    let shots = agent.shoot("KPPKPPPKE");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 1 2 3 4 5 6 7 8 .");
    assert_same(&rig.frames(agent.camera()), &shots);
    rig.wait(Duration::from_secs(60));
    assert_eq!(bench.files("front-door").len(), 1);
    assert_same(&rig.frames(agent.camera()), &shots);
    let items = rig.read(agent.camera(), EVERYTHING);
    assert!(matches!(&items[0], Item::Camera(camera) if camera.name.as_str() == "front-door"));
    assert!(matches!(&items[1], Item::Epoch(epoch) if epoch.record.signed() == agent.record.signed()
        && (&epoch.grants.list, &epoch.grants.grants) == (&agent.grants.list, &agent.grants.grants)));
    let stats = &rig.archive.stats()[0];
    let bytes = std::fs::metadata(&bench.files("front-door")[0]).unwrap().len();
    assert_eq!((stats.segments, stats.frames, stats.bytes), (1, 9, bytes));
    drop(rig);
    let rig = bench.open();
    assert_same(&rig.frames(agent.camera()), &shots);
    assert_eq!(rig.archive.stats()[0].name.as_ref().unwrap().as_str(), "front-door");
}

#[test]
fn the_public_layer_alone_can_be_taken_from_what_comes_back() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KP");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    for (read, stored) in rig.frames(agent.camera()).iter().zip(&shots) {
        let public = read.withhold(|kind| kind == LayerKind::Public);
        assert_eq!(public, stored.withhold(|kind| kind == LayerKind::Public));
        assert!(Frame::decode(public).unwrap().layers[1].present().is_none());
    }
}

#[test]
fn key_frames_alone_can_be_asked_for() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KPPKPP-KP");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    let asked = Asked { key_frames_only: true, ..EVERYTHING };
    assert_eq!(rig.told(agent.camera(), asked), "C R 0 3 (6-6) 7 .", "only what is not there is a gap");
}

#[test]
fn every_segment_stands_alone_with_a_receipt_over_its_frames() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    let mut shots = Vec::new();
    for stream in ["KPPPKPPP", "PPKP", "eKPeK", "PPKE"] {
        let more = agent_shots(&mut rig, &mut agent, stream);
        shots.extend(more);
        rig.wait(Duration::from_secs(60));
    }
    let files = bench.files("front-door");
    assert_eq!(files.len(), 4);
    let mut said = Vec::new();
    for file in &files {
        let (receipt, repeated) = stands_alone(&std::fs::read(file).unwrap(), &agent);
        said.push((receipt.receipt.segment, receipt.receipt.leaves, repeated));
        assert_eq!(receipt.receipt.received_at.0 % 60_000_000, super::agent::NOON % 60_000_000);
    }
    // The second and fourth begin in the middle of a group: what came before of it is repeated.
    assert_eq!(said, [(1, 8, 0), (2, 4, 4), (3, 3, 0), (4, 4, 1)]);
    assert_same(&rig.frames(agent.camera()), &shots);
    assert_eq!(rig.count("frames"), 19);
}

/// Shoots and stores, telling the archive every epoch on the way.
fn agent_shots(rig: &mut super::rig::Rig, agent: &mut Agent, stream: &str) -> Vec<Shot> {
    let mut shots = Vec::new();
    for letter in stream.chars() {
        let shot = agent.shoot(&letter.to_string());
        rig.store(agent, &shot);
        shots.extend(shot);
    }
    shots
}

#[test]
fn a_changed_receipt_or_frame_is_seen_from_the_file_alone() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let shots = agent.shoot("KPP");
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.finish();
    let bytes = std::fs::read(&bench.files("front-door")[0]).unwrap();
    stands_alone(&bytes, &agent);
    for at in [bytes.len() - 1, bytes.len() - 70, bytes.len() - 400, 20] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let check = std::panic::catch_unwind(|| stands_alone(&changed, &Agent::new("front-door", 1, 1)));
        assert!(check.is_err(), "byte {at}");
    }
}

#[test]
fn segments_begin_early_at_a_key_frame_and_at_the_latest_after_their_time() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    let second = Duration::from_secs(1);
    let shots = agent.shoot("KP");
    rig.store(&agent, &shots);
    rig.wait(second * 49);
    let more = agent.shoot("KP");
    rig.store(&agent, &more);
    rig.wait(second * 2);
    let more = agent.shoot("P");
    rig.store(&agent, &more);
    assert_eq!(bench.files("front-door").len(), 1, "no key frame yet");
    let more = agent.shoot("KP");
    rig.store(&agent, &more);
    assert_eq!(bench.files("front-door").len(), 2);
    rig.wait(second * 61);
    let more = agent.shoot("P");
    rig.store(&agent, &more);
    assert_eq!(bench.files("front-door").len(), 3);
    assert_eq!(rig.count("segments_closed"), 2);
    rig.flush();
    assert_eq!(rig.frames(agent.camera()).len(), 8);
}

#[test]
fn segments_are_bounded_in_bytes_and_frames() {
    let mut bench = Bench::default();
    (bench.config.segment_bytes, bench.config.segment_frames) = (100_000, 1000);
    let mut agent = Agent::new("front-door", 1, 1);
    agent.size = 9000;
    let shots = agent.shoot(&"KPPP".repeat(20));
    let mut rig = bench.open();
    rig.store(&agent, &shots);
    rig.flush();
    assert_same(&rig.frames(agent.camera()), &shots);
    for file in bench.files("front-door") {
        assert!(std::fs::metadata(file).unwrap().len() <= 100_000);
    }
    rig.finish();
    (bench.config.segment_bytes, bench.config.segment_frames) = (1 << 20, 8);
    let mut second = Agent::new("back-door", 2, 1);
    let shots = second.shoot(&"P".repeat(20).replacen('P', "K", 1));
    let mut rig = bench.open();
    rig.store(&second, &shots);
    rig.flush();
    assert_eq!(bench.files("back-door").len(), 3, "a long group is cut");
    assert_same(&rig.frames(second.camera()), &shots);
}

#[test]
fn two_cameras_do_not_mix() {
    let bench = Bench::default();
    let (mut one, mut two) = (Agent::new("front-door", 1, 1), Agent::new("back-door", 2, 1));
    let mut rig = bench.open();
    let (mut ones, mut twos) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let (a, b) = (one.shoot("KP"), two.shoot("KPP"));
        rig.store(&one, &a);
        rig.store(&two, &b);
        ones.extend(a);
        twos.extend(b);
    }
    rig.flush();
    assert_same(&rig.frames(one.camera()), &ones);
    assert_same(&rig.frames(two.camera()), &twos);
    assert_eq!(rig.archive.stats().iter().map(|stats| stats.frames).collect::<Vec<_>>(), [60, 40]);
}

#[test]
fn a_name_that_another_key_takes_over_keeps_both_recordings_apart() {
    let bench = Bench::default();
    let (mut old, mut new) = (Agent::new("front-door", 1, 1), Agent::new("front-door", 2, 1));
    let mut rig = bench.open();
    let (olds, news) = (old.shoot("KPP"), new.shoot("KP"));
    rig.store(&old, &olds);
    rig.store(&new, &news);
    rig.finish();
    assert_eq!(bench.files("front-door").len(), 2, "one folder, one row of numbers");
    for forget in [false, true] {
        if forget {
            bench.forget_index();
        }
        let rig = bench.open();
        assert_same(&rig.frames(old.camera()), &olds);
        assert_same(&rig.frames(new.camera()), &news);
    }
}

#[test]
fn what_is_durable_is_told_only_after_it_was_synced() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 3);
    let mut rig = bench.open();
    let shots = agent.shoot("KPPKPP-KP");
    rig.store(&agent, &shots);
    assert_eq!(rig.archive.synced(agent.camera()), []);
    rig.flush();
    rig.wait(Duration::from_millis(500));
    let run = |first, last| crate::archive::Run { session: 3, first, last };
    let before = rig.count("syncs");
    rig.wait(Duration::from_secs(1));
    assert_eq!(rig.archive.synced(agent.camera()), [run(0, 5), run(7, 8)], "6 never came");
    rig.wait(Duration::from_secs(10));
    assert_eq!(rig.count("syncs"), before, "nothing new, nothing to sync");
}

#[test]
fn frames_that_do_not_belong_are_counted_by_reason() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    let shots = agent.shoot("KPP");
    rig.archive.store_record(agent.record.clone(), agent.grants.clone()).unwrap();
    rig.put(agent.camera(), &shots[..1]);
    assert_eq!(rig.count("no-camera"), 1);
    rig.introduce(&agent);
    rig.put(agent.camera(), &shots[1..]);
    assert_eq!(rig.count("no-predecessor"), 2);
    agent.next_epoch();
    let unknown = agent.shoot("K");
    rig.put(agent.camera(), &unknown);
    assert_eq!(rig.count("no-record"), 1);
    let mut wrong = agent.grants.clone();
    wrong.grants[0].wrapped = vec![9; 81].into();
    assert!(rig.archive.store_record(agent.record.clone(), wrong).is_err());
    assert_eq!(rig.count("grants"), 1);
    rig.flush();
    assert_eq!(rig.frames(agent.camera()).len(), 0);
    assert_eq!(bench.files("front-door").len(), 0);
}
