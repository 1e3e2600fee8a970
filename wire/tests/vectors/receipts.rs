//! Receipts of a relay.

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use wire::id::{Digest, Micros};
use wire::receipt::{Receipt, SignedReceipt};

use super::{Hex, Vectors, camera, check_malformed, hex, malformed, read, refused, with};

pub const FILE: &str = "receipts.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    name: String,
    relay: Hex,
    bytes: Hex,
    /// The bytes under the signature.
    signed: Hex,
    camera: Hex,
    segment: String,
    leaves: String,
    head: Hex,
    received_at: String,
}

pub fn relay() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

pub fn receipt() -> SignedReceipt {
    let head = Digest::of(&[b"a segment"]);
    let (segment, leaves, received_at) = (12, 1800, Micros(camera::START.0 + 60_000_000));
    Receipt { camera: camera::front_door().id(), segment, leaves, head, received_at }.sign(&relay())
}

fn said(name: &str, relay: [u8; 32], signed: &SignedReceipt) -> Said {
    let SignedReceipt { receipt, .. } = signed;
    Said {
        name: name.into(),
        relay: hex(relay),
        bytes: hex(signed.encode()),
        signed: hex(signed.signed_bytes()),
        camera: hex(receipt.camera.as_bytes()),
        segment: receipt.segment.to_string(),
        leaves: receipt.leaves.to_string(),
        head: hex(receipt.head.as_bytes()),
        received_at: receipt.received_at.0.to_string(),
    }
}

pub fn made() -> Vectors<Said> {
    let public = relay().verifying_key().to_bytes();
    let bytes = receipt().encode();
    let key = data_encoding::HEXLOWER.encode(&public);
    let flipped = |at: usize| with(&bytes, |bytes| bytes[at] ^= 1);
    Vectors {
        about: "A relay's signed word that it had a segment's frames at that time.".into(),
        valid: vec![said("a segment of 1800 frames", public, &receipt())],
        malformed: vec![
            malformed("empty", b"", "receipt", "truncated"),
            malformed("one byte short", &bytes[..bytes.len() - 1], "receipt", "truncated"),
            malformed("one byte more", with(&bytes, |bytes| bytes.push(0)), "receipt", "trailing"),
        ],
        refused: vec![
            refused("another camera", &key, flipped(0), "bad-signature"),
            refused("another segment", &key, flipped(39), "bad-signature"),
            refused("another number of leaves", &key, flipped(47), "bad-signature"),
            refused("another head", &key, flipped(48), "bad-signature"),
            refused("another time", &key, flipped(87), "bad-signature"),
            refused("another relay", data_encoding::HEXLOWER.encode(camera::front_door().id().as_bytes()), &bytes, "bad-signature"),
            refused("a weak relay key", "00".repeat(32), &bytes, "weak-key"),
        ],
    }
}

#[test]
fn receipts_are_read_and_verified_as_the_file_says() {
    let vectors: Vectors<Said> = read(FILE);
    for vector in &vectors.valid {
        let signed = SignedReceipt::decode(vector.bytes.0.clone()).unwrap();
        assert_eq!(said(&vector.name, vector.relay.array(), &signed), *vector);
        assert_eq!(signed.verify(&vector.relay.array()), Ok(()));
    }
    check_malformed(&vectors.malformed, |bytes| SignedReceipt::decode(bytes).map(drop));
    for vector in &vectors.refused {
        let key = data_encoding::HEXLOWER.decode(vector.against.as_bytes()).unwrap().try_into().unwrap();
        let refusal = SignedReceipt::decode(vector.bytes.0.clone()).unwrap().verify(&key).unwrap_err();
        assert_eq!(refusal.name(), vector.refusal, "{}", vector.name);
    }
}
