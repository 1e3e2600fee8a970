//! The fuzz corpora as a stable test: every committed input goes through its target's function, and not all of them for nothing.
//!
//! `cargo test -p wire --test corpora -- --ignored` writes the seeds, from the golden vectors.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use serde_json::Value;
use wire::epoch::EpochRecord;
use wire::frame::Frame;
use wire::grants::GrantList;
use wire::message::Message;
use wire::receipt::SignedReceipt;

/// So many inputs at most are kept for a target.
const MOST: usize = 64;

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target].iter().collect()
}

/// Runs every input; some must get through the decoder and some must not.
fn run(target: &str, check: fn(&[u8]), gets_through: fn(&[u8]) -> bool) {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!((3..=MOST).contains(&paths.len()), "{target}: {} inputs", paths.len());
    let inputs: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    inputs.iter().for_each(|input| check(input));
    let through = inputs.iter().filter(|input| gets_through(input)).count();
    assert!(through > 0 && through < inputs.len(), "{target}: {through} of {} get through", inputs.len());
}

#[test]
fn frames() {
    run("frame", targets::frame, |input| Frame::decode(input.to_vec().into()).is_ok());
}

#[test]
fn records() {
    let reads = |input: &[u8]| input.len() > 64 && EpochRecord::from_bytes(input[..input.len() - 64].to_vec().into()).is_ok();
    run("record", targets::record, reads);
}

#[test]
fn messages() {
    run("message", targets::message, |input| Message::decode(input.to_vec().into()).is_ok());
}

#[test]
fn grant_lists() {
    run("grant_list", targets::grant_list, |input| GrantList::decode(input.to_vec().into()).is_ok());
}

#[test]
fn receipts() {
    run("receipt", targets::receipt, |input| SignedReceipt::decode(input.to_vec().into()).is_ok());
}

#[test]
fn assessments() {
    // What gets through here is a script that lets more than a few items come.
    run("assessor", targets::assessor, |input| input.len() > 10);
}

/// The stream's items in order, and what becomes of them.
fn scripts() -> Vec<(&'static str, Vec<u8>)> {
    let items: Vec<u8> = (0..u8::try_from(targets::items()).unwrap()).collect();
    let with = |settings: u8, rest: &[u8]| [&[settings], rest].concat();
    let without = |lost: &[u8]| items.iter().copied().filter(|item| !lost.contains(item)).collect::<Vec<u8>>();
    let reversed: Vec<u8> = items.iter().rev().copied().collect();
    let slowly: Vec<u8> = items.iter().flat_map(|item| [*item, 200, 4]).collect();
    let twice: Vec<u8> = items.iter().flat_map(|item| [*item, *item]).collect();
    let forged: Vec<u8> = items.iter().flat_map(|item| [204, *item, 0, 200, 1, *item]).collect();
    let renumbered: Vec<u8> = items.iter().flat_map(|item| [205, *item, 1, 0, *item, 1]).collect();
    let gaps: Vec<u8> = items.iter().flat_map(|item| [*item, 203, 1, *item, 3]).collect();
    vec![
        ("nothing", with(0, &[])),
        ("range", with(0, &items)),
        ("live", with(1, &[&[202, 60], &items[..]].concat())),
        ("unlocked", with(2, &items)),
        ("unlocked-live-forgetful", with(7, &items)),
        ("key-frames-only", with(8, &items)),
        ("undrained", with(16, &items)),
        ("reversed", with(2, &reversed)),
        ("slowly", with(2, &slowly)),
        ("twice", with(2, &twice)),
        ("forged-first", with(2, &forged)),
        ("renumbered", with(2, &renumbered)),
        ("gaps", with(2, &gaps)),
        ("lost-frames", with(2, &without(&[5, 9, 20]))),
        ("lost-records", with(2, &without(&[0, 14]))),
        ("lost-grants", with(2, &without(&[1, 3]))),
        ("made-up", with(2, &[206, 6, 9, 0, 0, 0, 1, 0, 206, 2, 14, 1])),
        ("other-envelope", with(0, &[&items[..8], &[207, 6, 2, 207, 7, 255]].concat())),
    ]
}

#[test]
#[ignore = "writes the files"]
fn write() {
    let keep = |target: &str, inputs: Vec<(String, Vec<u8>)>| {
        let _ = fs::remove_dir_all(folder(target));
        fs::create_dir_all(folder(target)).unwrap();
        assert!(inputs.len() <= MOST, "{target}: {}", inputs.len());
        for (name, input) in inputs {
            let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
            fs::write(folder(target).join(name), input).unwrap();
        }
    };
    for (target, file) in
        [("frame", "frames"), ("record", "epoch-records"), ("message", "messages"), ("grant_list", "grant-lists"), ("receipt", "receipts")]
    {
        let path = format!("{}/vectors/{file}.json", env!("CARGO_MANIFEST_DIR"));
        let vectors: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let bytes = |value: &Value| HEXLOWER.decode(text(value).as_bytes()).unwrap();
        let list = |key: &str| vectors[key].as_array().unwrap().clone();
        let mut inputs: Vec<(String, Vec<u8>)> = Vec::new();
        for vector in list("valid") {
            inputs.push((text(&vector["name"]), bytes(&vector["bytes"])));
        }
        // Of the malformed, one for every way to be so.
        let mut ways = BTreeSet::new();
        for vector in list("malformed") {
            if ways.insert((text(&vector["field"]), text(&vector["problem"]))) {
                inputs.push((format!("no {}", text(&vector["name"])), bytes(&vector["bytes"])));
            }
        }
        keep(target, inputs);
    }
    keep("assessor", scripts().into_iter().map(|(name, script)| (name.to_owned(), script)).collect());
}
