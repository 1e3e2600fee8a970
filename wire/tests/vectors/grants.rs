//! Lists of grants.

use serde::{Deserialize, Serialize};
use wire::grants::GrantList;
use wire::id::SessionId;

use super::{Hex, Vectors, camera, check_malformed, hex, malformed, read, with};

pub const FILE: &str = "grant-lists.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    name: String,
    bytes: Hex,
    /// What the epoch record names.
    digest: Hex,
    entries: Vec<Entry>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    recipient: Hex,
    label: u8,
    digest: Hex,
}

fn said(name: &str, list: &GrantList) -> List {
    let entries = list.entries().iter().map(|entry| Entry {
        recipient: hex(entry.recipient.as_bytes()),
        label: entry.label.number(),
        digest: hex(entry.digest.as_bytes()),
    });
    List { name: name.into(), bytes: hex(list.encode()), digest: hex(list.digest().as_bytes()), entries: entries.collect() }
}

pub fn made() -> Vectors<List> {
    let session = SessionId { number: 7, nonce: [7; 16] };
    let list = GrantList::of(&camera::grants(session, 3)).unwrap();
    let bytes = list.encode();
    let line = |at: usize| bytes[4 + at * 65..][..65].to_vec();
    let of = |count: u32, lines: &[Vec<u8>]| [&count.to_be_bytes()[..], &lines.concat()].concat();
    assert_eq!(of(3, &[line(0), line(1), line(2)]), bytes);
    Vectors {
        about: "The list of an epoch's grants, sorted by recipient, then label; its SHA-256 stands in the epoch record.".into(),
        valid: vec![said("three grants", &list), said("no grants", &GrantList::default())],
        malformed: vec![
            malformed("empty", b"", "grant list", "truncated"),
            malformed("one line short", of(3, &[line(0), line(1)]), "grant list", "truncated"),
            malformed("one byte more", with(&bytes, |bytes| bytes.push(0)), "grant list", "trailing"),
            malformed("out of order", of(3, &[line(1), line(0), line(2)]), "grant list", "contradiction"),
            malformed("one line twice", of(3, &[line(0), line(0), line(2)]), "grant list", "contradiction"),
            malformed("4097 lines announced", of(4097, &[]), "grant list", "too-long"),
            malformed("four billion lines announced", of(u32::MAX, &[]), "grant list", "too-long"),
            malformed("label 12", with(&bytes, |bytes| bytes[4 + 32] = 12), "grant list", "unknown"),
        ],
        refused: Vec::new(),
    }
}

#[test]
fn lists_are_read_as_the_file_says() {
    let vectors: Vectors<List> = read(FILE);
    for vector in &vectors.valid {
        let list = GrantList::decode(vector.bytes.0.clone()).unwrap();
        assert_eq!(said(&vector.name, &list), *vector);
    }
    check_malformed(&vectors.malformed, |bytes| GrantList::decode(bytes).map(drop));
}
