//! FORMAT.md says what the code does: its tables of numbers are compared with the numbers themselves.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use wire::message::{Message, Refused};

const DOCUMENT: &str = include_str!("../FORMAT.md");

/// The rows `| number | name |` of the table under that heading.
fn rows(heading: &str) -> Vec<(u16, String)> {
    let (_, table) = DOCUMENT.split_once(&format!("| {heading} | name |")).expect("the table is there");
    let cells = table.lines().skip(2).map_while(|line| line.strip_prefix("| ")).map(|line| line.split(" | ").collect::<Vec<_>>());
    cells.map(|cells| (cells[0].parse().unwrap(), cells[1].to_owned())).collect()
}

#[test]
fn every_reason_for_a_refusal_is_listed() {
    let refused = |reason: u16| {
        let [high, low] = reason.to_be_bytes();
        match Message::decode(Bytes::copy_from_slice(&[13, 0, 0, 0, 0, high, low, 0])) {
            Ok(Message::Refused(Refused { reason, .. })) => Some(reason.name().to_owned()),
            _ => None,
        }
    };
    let known: Vec<(u16, String)> = (0..=u16::MAX).filter_map(|number| Some((number, refused(number)?))).collect();
    assert_eq!(rows("reason"), known);
    assert!(known.len() >= 13, "the control");
}

#[test]
fn every_kind_of_message_is_listed() {
    let path = format!("{}/vectors/messages.json", env!("CARGO_MANIFEST_DIR"));
    let vectors: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let vectors = vectors["valid"].as_array().unwrap();
    let mut known: Vec<(u16, String)> = vectors
        .iter()
        .map(|vector| {
            let number = u16::from_str_radix(&vector["bytes"].as_str().unwrap()[..2], 16).unwrap();
            (number, vector["kind"].as_str().unwrap().to_owned())
        })
        .collect();
    known.dedup();
    assert_eq!(rows("kind"), known);
}

#[test]
fn the_caps_are_the_ones_in_the_code() {
    for cap in [
        format!("A frame is at most {} MiB long", wire::frame::MAX_FRAME >> 20),
        format!("| layers, regions in a frame | {}, {} |", wire::frame::MAX_LAYERS, wire::region::MAX_REGIONS),
        format!("| labels in the config, name | {}, {} bytes |", wire::label::MAX_CONFIGURED, wire::label::MAX_NAME),
        format!("| epoch record | {} bytes |", wire::epoch::MAX_RECORD),
        format!("| owners | {} |", wire::epoch::MAX_OWNERS),
        format!("| detector's name | {} bytes |", wire::epoch::MAX_DETECTOR),
        format!("| grants in an epoch, wrapped key | {}, {} bytes |", wire::grants::MAX_GRANTS, wire::grants::MAX_GRANT),
        format!("| message: first, control | {} bytes, {} MiB |", wire::message::MAX_HELLO, wire::message::MAX_CONTROL >> 20),
        format!("on key frames ({})", wire::context::Context::LENGTH),
        format!("n regions ({})", wire::region::Region::LENGTH),
        format!("the first {} bytes", wire::receipt::Receipt::LENGTH),
    ] {
        assert!(DOCUMENT.contains(&cap), "FORMAT.md does not say: {cap}");
    }
}
