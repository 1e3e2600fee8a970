//! Signatures on the edge of Ed25519: what one library takes and another refuses must be refused by everyone here.

use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::{Identity, IsIdentity};
use ed25519_dalek::{Signature, Signer as _, SigningKey, Verifier as _, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha512};
use wire::verify::{self, Refusal};

use super::{Hex, Vectors, hex, read, with};

pub const FILE: &str = "ed25519.json";

/// A signature with what it is over, and what everyone must find.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    name: String,
    key: Hex,
    message: Hex,
    signature: Hex,
    /// `ok`, `weak-key` or `bad-signature`.
    finding: String,
}

fn case(name: &str, key: [u8; 32], message: &[u8], signature: [u8; 64], finding: &str) -> Case {
    Case { name: name.into(), key: hex(key), message: hex(message), signature: hex(signature), finding: finding.into() }
}

/// The challenge k of RFC 8032, 5.1.7.
fn challenge(r: [u8; 32], a: [u8; 32], message: &[u8]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&Sha512::new().chain_update(r).chain_update(a).chain_update(message).finalize().into())
}

fn joined(r: [u8; 32], s: Scalar) -> [u8; 64] {
    let mut out = [0; 64];
    out[..32].copy_from_slice(&r);
    out[32..].copy_from_slice(s.as_bytes());
    out
}

/// The first message of its kind for which it holds.
fn message_for(holds: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    (0..10_000).map(|i| format!("message {i}").into_bytes()).find(|message| holds(message)).unwrap()
}

fn times_torsion_is_zero(k: Scalar) -> bool {
    (k * EIGHT_TORSION[1]).is_identity()
}

/// y + p, where that still fits into 255 bits.
fn non_canonical(point: [u8; 32]) -> Option<[u8; 32]> {
    let sign = point[31] & 0x80;
    let y = point[0];
    (y < 19 && point[1..31].iter().all(|byte| *byte == 0) && point[31] & 0x7f == 0).then(|| {
        let mut out = [0xff; 32];
        out[0] = 0xed + y;
        out[31] = 0x7f | sign;
        out
    })
}

pub fn made() -> Vectors<Case> {
    let about = "Ed25519 (RFC 8032), verified strictly: no small-order or non-canonical A or R, S below the order, no cofactor. \
                 Whatever is not ok is refused by everyone, whatever the library below says.";
    let valid = [ordinary(), small_order_keys(), other_keys(), nonces_and_scalars()].into_iter().flatten().collect();
    Vectors { about: about.into(), valid, malformed: Vec::new(), refused: Vec::new() }
}

fn ordinary() -> Vec<Case> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let public = key.verifying_key().to_bytes();
    let signed = |message: &[u8]| key.sign(message).to_bytes();
    let rfc: [u8; 32] =
        data_encoding::HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap().try_into().unwrap();
    let rfc = SigningKey::from_bytes(&rfc);
    vec![
        case("RFC 8032, 7.1, test 1", rfc.verifying_key().to_bytes(), b"", rfc.sign(b"").to_bytes(), "ok"),
        case("ordinary", public, b"celosia", signed(b"celosia"), "ok"),
        case("another message", public, b"Celosia", signed(b"celosia"), "bad-signature"),
        case("another key", SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes(), b"celosia", signed(b"celosia"), "bad-signature"),
        case("all zeros", [0; 32], b"celosia", [0; 64], "weak-key"),
    ]
}

fn small_order_keys() -> Vec<Case> {
    let identity = EdwardsPoint::identity().compress().to_bytes();
    let mut keys: Vec<(String, [u8; 32])> = Vec::new();
    for (at, point) in EIGHT_TORSION.iter().enumerate() {
        let canonical = point.compress().to_bytes();
        keys.push((format!("small-order key {at}"), canonical));
        keys.extend(non_canonical(canonical).map(|key| (format!("small-order key {at}, y not reduced"), key)));
        // x = 0 has no sign: with the bit set it is another encoding of the same point.
        if point.compress() == EdwardsPoint::identity().compress() || (point + point).is_identity() {
            let signed = with(&canonical, |key| key[31] |= 0x80);
            keys.push((format!("small-order key {at}, with the sign of zero"), signed.try_into().unwrap()));
        }
    }
    let signed = |key: [u8; 32]| {
        // R and S are nothing at all: this "signature" holds for every eighth message, whoever sends it.
        let message = message_for(|message| times_torsion_is_zero(challenge(identity, key, message)));
        (message, joined(identity, Scalar::ZERO))
    };
    keys.into_iter()
        .map(|(name, key)| {
            let (message, signature) = signed(key);
            case(&name, key, &message, signature, "weak-key")
        })
        .collect()
}

fn other_keys() -> Vec<Case> {
    let secret = Scalar::from_bytes_mod_order([7; 32]);
    let once = Scalar::from_bytes_mod_order([9; 32]);
    let r = (once * ED25519_BASEPOINT_POINT).compress().to_bytes();
    let mixed = (secret * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1]).compress().to_bytes();
    let signature = |message: &[u8]| joined(r, once + challenge(r, mixed, message) * secret);
    let holds = message_for(|message| times_torsion_is_zero(challenge(r, mixed, message)));
    let cofactored = message_for(|message| !times_torsion_is_zero(challenge(r, mixed, message)));
    let mut cases = vec![
        case("key of mixed order, equation holds without a cofactor", mixed, &holds, signature(&holds), "ok"),
        case("key of mixed order, equation holds with a cofactor only", mixed, &cofactored, signature(&cofactored), "bad-signature"),
    ];
    // Points whose y is below 19 have a second encoding; nobody knows their secret, so the key alone must be refused.
    let large = (2..19_u8).find_map(|y| {
        let canonical = with(&[0; 32], |bytes| bytes[0] = y).try_into().unwrap();
        let point = CompressedEdwardsY(canonical).decompress()?;
        (!point.is_small_order()).then(|| non_canonical(canonical).unwrap())
    });
    cases.push(case("key of large order, y not reduced", large.unwrap(), b"celosia", signature(b"celosia"), "weak-key"));
    let off_curve = (2..=255_u8).find_map(|y| {
        let bytes = with(&[0; 32], |bytes| bytes[0] = y).try_into().unwrap();
        CompressedEdwardsY(bytes).decompress().is_none().then_some(bytes)
    });
    cases.push(case("key that is no point", off_curve.unwrap(), b"celosia", signature(b"celosia"), "weak-key"));
    cases
}

fn nonces_and_scalars() -> Vec<Case> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let (public, secret) = (key.verifying_key().to_bytes(), key.to_scalar());
    let ordinary = key.sign(b"celosia").to_bytes();
    let mut cases = Vec::new();
    for (at, point) in EIGHT_TORSION.iter().enumerate() {
        let canonical = point.compress().to_bytes();
        let signature = |r: [u8; 32]| joined(r, challenge(r, public, b"celosia") * secret);
        cases.push(case(&format!("small-order R {at}"), public, b"celosia", signature(canonical), "bad-signature"));
        if let Some(r) = non_canonical(canonical) {
            cases.push(case(&format!("small-order R {at}, y not reduced"), public, b"celosia", signature(r), "bad-signature"));
        }
    }
    let once = Scalar::from_bytes_mod_order([9; 32]);
    let mixed = (once * ED25519_BASEPOINT_POINT + EIGHT_TORSION[1]).compress().to_bytes();
    let signature = joined(mixed, once + challenge(mixed, public, b"celosia") * secret);
    cases.push(case("R of mixed order, equation holds with a cofactor only", public, b"celosia", signature, "bad-signature"));
    let off_curve = with(&ordinary, |signature| signature[..32].copy_from_slice(&[2; 32]));
    assert!(CompressedEdwardsY([2; 32]).decompress().is_none());
    cases.push(case("R that is no point", public, b"celosia", off_curve.try_into().unwrap(), "bad-signature"));

    let above = with(&ordinary, |signature| add(&mut signature[32..], &ORDER));
    cases.push(case("S not reduced", public, b"celosia", above.try_into().unwrap(), "bad-signature"));
    let high = with(&ordinary, |signature| signature[63] |= 0x80);
    cases.push(case("S with the highest bit", public, b"celosia", high.try_into().unwrap(), "bad-signature"));
    let order = with(&ordinary, |signature| signature[32..].copy_from_slice(&ORDER));
    cases.push(case("S is the order", public, b"celosia", order.try_into().unwrap(), "bad-signature"));
    cases
}

/// The group's order, little-endian: 2²⁵² + 27742317777372353535851937790883648493.
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 0, 0x10,
];

fn add(number: &mut [u8], other: &[u8]) {
    let mut carry = 0;
    for (a, b) in number.iter_mut().zip(other) {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        *a = u8::try_from(sum & 0xff).unwrap();
        carry = sum >> 8;
    }
}

#[test]
fn every_finding_is_the_one_in_the_file() {
    let vectors: Vectors<Case> = read(FILE);
    assert!(vectors.valid.len() > 30);
    for case in &vectors.valid {
        let finding = match verify::signature(&case.key.array(), &case.message.0, &case.signature.array()) {
            Ok(()) => "ok",
            Err(refusal) => refusal.name(),
        };
        assert_eq!(finding, case.finding, "{}", case.name);
    }
}

/// The control: plain verification takes every one of the small-order cases that hold.
#[test]
fn plain_verification_would_take_them() {
    let vectors: Vectors<Case> = read(FILE);
    let taken = |case: &&Case| {
        VerifyingKey::from_bytes(&case.key.array())
            .is_ok_and(|key| key.verify(&case.message.0, &Signature::from_bytes(&case.signature.array())).is_ok())
    };
    let wrongly: Vec<&str> = vectors.valid.iter().filter(|case| case.finding != "ok").filter(taken).map(|case| &*case.name).collect();
    assert!(wrongly.iter().filter(|name| name.starts_with("small-order key")).count() >= 8, "{wrongly:?}");
    assert!(wrongly.contains(&"small-order R 0"), "{wrongly:?}");
    // None of the ones that are ok is refused by it.
    assert!(vectors.valid.iter().filter(|case| case.finding == "ok").all(|case| taken(&case)));
    assert_eq!(verify::public_key(&[0; 32]).unwrap_err(), Refusal::WeakKey);
}
