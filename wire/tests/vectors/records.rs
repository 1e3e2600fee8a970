//! Epoch records.

use serde::{Deserialize, Serialize};
use wire::epoch::{EpochRecord, LastFrame, Link, SourceKind};
use wire::id::{CameraId, Digest, SessionId, ViewerKeys};
use wire::label::Labels;
use wire::sign::{EPOCH, SignedRecord};
use wire::verify;

use super::{Hex, Vectors, camera, check_malformed, hex, malformed, read, refused, with};

pub const FILE: &str = "epoch-records.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    name: String,
    /// Record, then signature.
    bytes: Hex,
    /// The bytes under the signature.
    signed: Hex,
    /// Their SHA-256, which group contexts name.
    digest: Hex,
    camera: Hex,
    session: Session,
    link: Option<Last>,
    epoch: String,
    source: String,
    labels: Vec<String>,
    detector: String,
    /// Fingerprints.
    owners: Vec<Hex>,
    viewers_version: String,
    viewers_digest: Hex,
    grants: Hex,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    number: String,
    nonce: Hex,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Last {
    how: String,
    session: Session,
    sequence: String,
    digest: Hex,
}

pub fn session(id: SessionId) -> Session {
    Session { number: id.number.to_string(), nonce: hex(id.nonce) }
}

fn said(name: &str, signed: &SignedRecord) -> Said {
    let record = EpochRecord::from_bytes(signed.record.clone()).unwrap();
    let last = |how: &str, last: &LastFrame| Last {
        how: how.into(),
        session: session(last.session),
        sequence: last.sequence.to_string(),
        digest: hex(last.digest.as_bytes()),
    };
    Said {
        name: name.into(),
        bytes: hex(signed.encode()),
        signed: hex([EPOCH, &signed.record].concat()),
        digest: hex(signed.digest().as_bytes()),
        camera: hex(record.camera.as_bytes()),
        session: session(record.session),
        link: match &record.link {
            Link::First => None,
            Link::Ended(frame) => Some(last("ended", frame)),
            Link::Broken(frame) => Some(last("broken", frame)),
        },
        epoch: record.epoch.to_string(),
        source: record.source.to_string(),
        labels: record.labels.all().map(|(label, name)| format!("{} {name}", label.number())).collect(),
        detector: record.detector,
        owners: record.owners.iter().map(|keys| hex(keys.fingerprint().as_bytes())).collect(),
        viewers_version: record.viewers_version.to_string(),
        viewers_digest: hex(record.viewers_digest.as_bytes()),
        grants: hex(record.grants.as_bytes()),
    }
}

/// A record of session 7, whose predecessor ended.
pub fn typical() -> SignedRecord {
    let camera = camera::front_door();
    let six = SessionId { number: 6, nonce: [6; 16] };
    let link = Link::Ended(LastFrame { session: six, sequence: 4242, digest: Digest::of(&[b"the end of session 6"]) });
    camera.epoch(&camera::Plan::new(7, "").link(link), 3).record
}

fn changed(change: impl FnOnce(&mut EpochRecord)) -> SignedRecord {
    let mut record = EpochRecord::from_bytes(typical().record).unwrap();
    change(&mut record);
    SignedRecord::sign(&record, &camera::front_door().key).unwrap()
}

pub fn made() -> Vectors<Said> {
    let typical = typical();
    let bytes = typical.encode();
    let first = changed(|record| record.link = Link::First);
    let full = changed(|record| {
        let names = (0..8).map(|i| format!("{i}{}", "-".repeat(31)).parse().unwrap()).collect();
        record.labels = Labels::new(names).unwrap();
        record.detector = "~".repeat(64);
        record.owners = (0..16).map(|i| ViewerKeys { exchange: [i; 32], signing: [0x80 + i; 32] }).collect();
        (record.session.number, record.epoch, record.viewers_version) = (u64::MAX, u64::MAX, u64::MAX);
    });
    let bare = changed(|record| {
        record.labels = Labels::default();
        record.detector.clear();
        record.owners.clear();
        record.source = SourceKind::Webcam;
        if let Link::Ended(last) = record.link {
            record.link = Link::Broken(last);
        }
    });
    // Offsets in the typical record, as FORMAT.md draws it.
    let (link, source, labels, detector, owners) = (57, 130, 131, 138, 151);
    let at = |at: usize, value: u8| with(&bytes, |bytes| bytes[at] = value);
    let first_bytes = first.encode();
    let key = camera::front_door().id();
    let flipped = |at: usize| with(&bytes, |bytes| bytes[at] ^= 1);
    let weak = with(&bytes, |bytes| bytes[1..33].copy_from_slice(&[0; 32]));
    Vectors {
        about: "Epoch records, each behind the camera's signature over \"celosia epoch v1\" and the record.".into(),
        valid: vec![
            said("typical", &typical),
            said("first session", &first),
            said("everything at its limit", &full),
            said("bare, predecessor broken", &bare),
        ],
        malformed: vec![
            malformed("empty", b"", "epoch record", "truncated"),
            malformed("a signature and nothing else", [0; 64], "epoch record", "truncated"),
            malformed("longer than any record", vec![1; 2049], "epoch record", "too-long"),
            malformed(
                "one byte of the record is missing",
                [&bytes[..bytes.len() - 65], &bytes[bytes.len() - 64..]].concat(),
                "epoch record",
                "truncated",
            ),
            malformed("one byte more", [&bytes[..bytes.len() - 64], &[0], &bytes[bytes.len() - 64..]].concat(), "epoch record", "trailing"),
            malformed("version 0", at(0, 0), "version", "unknown"),
            malformed("version 2", at(0, 2), "version", "unknown"),
            malformed("link of kind 3", at(link, 3), "previous session", "unknown"),
            malformed(
                "no session before, and yet a digest",
                with(&first_bytes, |bytes| bytes[link + 64] = 1),
                "previous session",
                "contradiction",
            ),
            malformed("a session that follows itself", with(&bytes, |bytes| bytes[link + 8] = 7), "previous session", "contradiction"),
            malformed("a session that follows a later one", with(&bytes, |bytes| bytes[link + 8] = 8), "previous session", "contradiction"),
            malformed("source 0", at(source, 0), "source kind", "unknown"),
            malformed("source 7", at(source, 7), "source kind", "unknown"),
            malformed("nine labels", at(labels, 9), "label names", "too-long"),
            malformed("a label of 33 bytes", at(labels + 1, 33), "label names", "too-long"),
            malformed("a label in capitals", at(labels + 2, b'T'), "label names", "text"),
            malformed(
                "an empty label",
                with(&bytes, |bytes| {
                    bytes[labels + 1] = 0;
                    bytes.drain(labels + 2..labels + 6);
                }),
                "label names",
                "text",
            ),
            malformed(
                "a label that is built in",
                with(&bytes, |bytes| bytes[labels + 2..labels + 6].copy_from_slice(b"face")),
                "label names",
                "contradiction",
            ),
            malformed("a detector of 65 bytes", at(detector - 1, 65), "detector", "too-long"),
            malformed("a detector with a line break", at(detector, b'\n'), "detector", "text"),
            malformed("seventeen owners", at(owners - 1, 17), "owners", "too-long"),
            malformed("an owner is missing", at(owners - 1, 3), "owners", "truncated"),
        ],
        refused: vec![
            refused("another epoch", key, flipped(129), "bad-signature"),
            refused("another owner", key, flipped(owners), "bad-signature"),
            refused("other grants", key, flipped(bytes.len() - 65), "bad-signature"),
            refused("another signature", key, flipped(bytes.len() - 1), "bad-signature"),
            refused("of another camera", camera::back_door().id(), &bytes, "other-camera"),
            refused("of a camera with a weak key", CameraId([0; 32]), weak, "weak-key"),
        ],
    }
}

#[test]
fn records_are_read_and_verified_as_the_file_says() {
    let vectors: Vectors<Said> = read(FILE);
    for vector in &vectors.valid {
        let signed = SignedRecord::decode(vector.bytes.0.clone()).unwrap();
        assert_eq!(said(&vector.name, &signed), *vector);
        let verified = verify::record(signed, CameraId(vector.camera.array())).unwrap();
        assert_eq!(verified.digest(), Digest(vector.digest.array()));
    }
    check_malformed(&vectors.malformed, |bytes| EpochRecord::from_bytes(SignedRecord::decode(bytes)?.record).map(drop));
    for vector in &vectors.refused {
        let signed = SignedRecord::decode(vector.bytes.0.clone()).unwrap();
        let refusal = verify::record(signed, vector.against.parse().unwrap()).unwrap_err();
        assert_eq!(refusal.name(), vector.refusal, "{}", vector.name);
    }
}

#[test]
fn what_nobody_would_read_is_not_signed() {
    let key = camera::front_door().key;
    let record = EpochRecord::from_bytes(typical().record).unwrap();
    assert!(SignedRecord::sign(&record, &key).is_ok(), "the control");
    let long = EpochRecord { detector: "x".repeat(300), ..record.clone() };
    let crowd = EpochRecord { owners: vec![record.owners[0]; 300], ..record.clone() };
    let other = EpochRecord { camera: camera::back_door().id(), ..record.clone() };
    let circle = EpochRecord { session: SessionId { number: 6, nonce: [6; 16] }, ..record };
    for (bad, why) in [(long, "detector"), (crowd, "owners"), (other, "camera"), (circle, "link")] {
        assert!(SignedRecord::sign(&bad, &key).is_err(), "{why}");
    }
}
