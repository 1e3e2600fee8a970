//! Golden vectors: the files in `wire/vectors` are made here from fixed keys, committed, and read back. The browser's viewer reads the
//! same files. The bytes of a released version never change: a vector that has to be changed is a new version of the format.
//!
//! `cargo test -p wire --test vectors -- --ignored` writes them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../attacks/camera.rs"]
mod camera;

mod ed25519;
mod frames;
mod grants;
mod merkle;
mod messages;
mod receipts;
mod records;

use std::collections::BTreeSet;
use std::path::PathBuf;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// One file: what it is, what must be read, what must not be.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors<Valid> {
    about: String,
    valid: Vec<Valid>,
    malformed: Vec<Malformed>,
    refused: Vec<Refused>,
}

/// Bytes that are not well-formed: which field is the first that is wrong, and what is wrong with it.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Malformed {
    name: String,
    bytes: Hex,
    field: String,
    problem: String,
}

/// Bytes that are well-formed and do not verify.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    /// By what they are checked: a camera's or relay's public key, or the name of the frame that they are said to follow.
    against: String,
    bytes: Hex,
    refusal: String,
}

/// Bytes, in the file as hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hex(Bytes);

impl Serialize for Hex {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&HEXLOWER.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        HEXLOWER.decode(text.as_bytes()).map(|bytes| Self(bytes.into())).map_err(serde::de::Error::custom)
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> Hex {
    Hex(Bytes::copy_from_slice(bytes.as_ref()))
}

impl Hex {
    fn array<const N: usize>(&self) -> [u8; N] {
        self.0[..].try_into().unwrap()
    }
}

fn malformed(name: &str, bytes: impl AsRef<[u8]>, field: &str, problem: &str) -> Malformed {
    Malformed { name: name.into(), bytes: hex(bytes), field: field.into(), problem: problem.into() }
}

fn refused(name: &str, against: impl ToString, bytes: impl AsRef<[u8]>, refusal: &str) -> Refused {
    Refused { name: name.into(), against: against.to_string(), bytes: hex(bytes), refusal: refusal.into() }
}

/// Changes a copy of the bytes.
fn with(bytes: &[u8], change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    change(&mut changed);
    changed
}

/// That every malformed vector is refused with its field and problem; the file must have some.
fn check_malformed(vectors: &[Malformed], decode: impl Fn(Bytes) -> Result<(), wire::bytes::Malformed>) {
    assert!(!vectors.is_empty());
    for vector in vectors {
        let found = decode(vector.bytes.0.clone()).expect_err(&vector.name);
        assert_eq!((found.field, found.problem.name()), (vector.field.as_str(), vector.problem.as_str()), "{}", vector.name);
    }
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("vectors").join(file)
}

fn read<Valid: DeserializeOwned>(file: &str) -> Vectors<Valid> {
    serde_json::from_str(&std::fs::read_to_string(path(file)).unwrap()).unwrap()
}

fn text<Valid: Serialize>(vectors: &Vectors<Valid>) -> String {
    serde_json::to_string_pretty(vectors).unwrap() + "\n"
}

/// Every file with its text.
fn all() -> [(&'static str, String); 7] {
    [
        (ed25519::FILE, text(&ed25519::made())),
        (frames::FILE, text(&frames::made())),
        (grants::FILE, text(&grants::made())),
        (merkle::FILE, text(&merkle::made())),
        (messages::FILE, text(&messages::made())),
        (receipts::FILE, text(&receipts::made())),
        (records::FILE, text(&records::made())),
    ]
}

#[test]
fn committed_vectors_are_the_ones_made_here() {
    for (file, text) in all() {
        let committed = std::fs::read_to_string(path(file)).unwrap_or_default();
        assert!(committed == text, "vectors/{file} differs from what is made here: did the format change?");
    }
    let committed: BTreeSet<String> =
        std::fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(committed, all().map(|(file, _)| file.to_owned()).into());
}

#[test]
#[ignore = "writes the files"]
fn write() {
    for (file, text) in all() {
        std::fs::write(path(file), text).unwrap();
    }
}
