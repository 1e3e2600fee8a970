//! The index can always be had again from the segments.

use std::time::Duration;

use wire::id::Micros;

use super::agent::{Agent, Shot};
use super::crash::index;
use super::rig::{Bench, EVERYTHING, assert_same};
use crate::archive::index::{Database, Index as _};

/// Segments of two cameras, of both lanes, with groups over borders and clock steps.
fn recorded(bench: &Bench) -> (Agent, Vec<Shot>) {
    let (mut agent, mut other) = (Agent::new("front-door", 1, 1), Agent::new("back-door", 2, 1));
    agent.millis = 50_000;
    let mut rig = bench.open();
    let mut shots = agent.shoot("KPPKPP");
    let lost = agent.shoot("PP^KPvKP");
    let after = agent.shoot(&"KPPP".repeat(30));
    rig.store(&agent, &shots);
    for (at, shot) in after.iter().enumerate() {
        rig.store(&agent, std::slice::from_ref(shot));
        rig.store(&agent, lost.get(at..=at).unwrap_or_default());
        let more = other.shoot("K");
        rig.store(&other, &more);
        rig.wait(Duration::from_millis(1500));
    }
    rig.finish();
    shots.extend(lost.into_iter().chain(after));
    (agent, shots)
}

#[test]
fn a_missing_index_is_rebuilt_to_the_same() {
    let bench = Bench::default();
    let (agent, shots) = recorded(&bench);
    let before = index(&bench);
    assert!(before.len() >= 8 && before.iter().any(|(_, _, segment, _)| segment.continues), "{}", before.len());
    assert!(before.iter().any(|(_, _, _, rows)| rows.len() > 1));
    bench.forget_index();
    let rig = bench.open();
    assert_eq!((rig.opened().found, rig.opened().mended), (u64::try_from(before.len()).unwrap(), 0));
    assert_same(&rig.frames(agent.camera()), &shots);
    drop(rig);
    assert!(index(&bench) == before);
    assert_eq!(bench.open().opened().found, 0, "and it is kept");
}

#[test]
fn a_broken_index_is_moved_aside_and_rebuilt() {
    let bench = Bench::default();
    let (agent, shots) = recorded(&bench);
    let before = index(&bench);
    let path = bench.config.index();
    let whole = std::fs::read(&path).unwrap();
    let mut header = whole.clone();
    header[..64].fill(0x55);
    for broken in [b"rubbish".to_vec(), vec![0; 20_000], whole[..300].to_vec(), header] {
        std::fs::write(&path, &broken).unwrap();
        let rig = bench.open();
        let aside = rig.opened().index_moved_to.clone().unwrap();
        assert!(std::fs::read(&aside).unwrap() == broken, "it is kept for whoever wants to look");
        std::fs::remove_file(aside).unwrap();
        assert_same(&rig.frames(agent.camera()), &shots);
        drop(rig);
        assert!(index(&bench) == before);
    }
}

#[test]
fn an_index_that_knows_too_much_or_too_little_is_corrected() {
    let bench = Bench::default();
    let (agent, shots) = recorded(&bench);
    let before = index(&bench);
    {
        let (index, _) = Database::open(&bench.config.index(), Micros(0)).unwrap();
        let (camera, number, segment, rows) = before[0].clone();
        let mut invented = crate::archive::index::Closed { camera, number: 900, segment: segment.clone(), rows: rows.clone() };
        index.put(std::slice::from_ref(&invented)).unwrap();
        (invented.number, invented.segment.name) = (901, "no-such-camera".parse().unwrap());
        index.put(std::slice::from_ref(&invented)).unwrap();
        (invented.number, invented.segment.name, invented.segment.bytes) = (number, segment.name, segment.bytes + 1);
        index.put(&[invented]).unwrap();
        index.remove(&[(before[1].0, before[1].1)]).unwrap();
    }
    let rig = bench.open();
    assert_eq!((rig.opened().dropped, rig.opened().found), (2, 2));
    assert_same(&rig.frames(agent.camera()), &shots);
    drop(rig);
    assert!(index(&bench) == before);
}

#[test]
fn one_archive_is_open_once() {
    let bench = Bench::default();
    let rig = bench.open();
    let key = ed25519_dalek::SigningKey::from_bytes(&super::rig::RELAY_KEY);
    let again = crate::archive::Archive::open(bench.config.clone(), key, bench.clock(), crate::archive::Monotonic::system());
    assert!(matches!(again.err().unwrap(), crate::archive::Error::Index(crate::archive::index::Error::Busy(_))));
    drop(rig);
}

#[test]
fn the_newest_epoch_is_found_on_disk() {
    let bench = Bench::default();
    let mut agent = Agent::new("front-door", 1, 1);
    let mut rig = bench.open();
    assert!(rig.archive.newest_epoch(agent.camera()).unwrap().is_none());
    let shots = agent.shoot("KPKP");
    rig.store(&agent, &shots);
    let shots = agent.shoot("eKP");
    rig.store(&agent, &shots);
    for state in ["open", "closed", "opened again"] {
        match state {
            "open" => rig.flush(),
            "closed" => rig.wait(Duration::from_secs(60)),
            _ => {
                drop(rig);
                rig = bench.open();
            }
        }
        let newest = rig.archive.newest_epoch(agent.camera()).unwrap().unwrap();
        assert_eq!(newest.record.digest(), agent.record.digest(), "{state}");
        assert_eq!(newest.grants.grants, agent.grants.grants);
    }
    assert_eq!(rig.told(agent.camera(), EVERYTHING), "C R 0 1 2 3 R 4 5 .");
}
