//! Golden vectors, and the attacks on a grant.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::vectors::each;

/// Gives out one seed and then nothing more: HPKE asks once, for the ephemeral key.
struct Seed(Option<[u8; 32]>);

impl TryRng for Seed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        unimplemented!()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        unimplemented!()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.copy_from_slice(&self.0.take().unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Seed {}

fn scope() -> Scope {
    Scope {
        camera: CameraId([1; 32]),
        session: SessionId { number: 2, nonce: [3; 16] },
        epoch: 4,
        label: Label::FACE,
        name: "face".parse().unwrap(),
    }
}

#[test]
fn the_suite_is_the_one_of_rfc_9180() {
    each(include_str!("../../vectors/rfc9180.json"), |vector| {
        let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&vector.bytes("public_key")).unwrap();
        let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &to,
            &vector.bytes("info"),
            &vector.bytes("plaintext"),
            &vector.bytes("aad"),
            &mut Seed(Some(vector.array("seed"))),
        )
        .unwrap();
        assert_eq!(enc.to_bytes().as_slice(), vector.bytes("enc"));
        assert_eq!(ciphertext, vector.bytes("ciphertext"));
    });
}

#[test]
fn the_vectors_hold() {
    each(include_str!("../../vectors/grants.json"), |vector| {
        let secret = |name| Secret::from_bytes(&vector.array(name));
        let viewer = Identity::from_secrets(&secret("exchange_private"), &secret("signing_private"));
        let scope = Scope {
            camera: CameraId(vector.array("camera")),
            session: SessionId { number: vector.number("session"), nonce: vector.array("session_nonce") },
            epoch: vector.number("epoch"),
            label: Label::from_number(u8::try_from(vector.number("label")).unwrap()).unwrap(),
            name: vector.text("label_name").parse().unwrap(),
        };
        let key = ContentKey::from_secret(secret("content_key"));
        let grant = wrap_with(&key, &scope, &viewer.public(), &mut Seed(Some(vector.array("seed")))).unwrap();
        assert_eq!(grant.wrapped, vector.bytes("wrapped"));
        assert_eq!(open(&viewer, &grant, &scope).unwrap(), key);
    });
}

#[test]
fn a_grant_opens_for_its_recipient_and_never_looks_the_same() {
    let (viewer, key) = (Identity::generate().unwrap(), ContentKey::random().unwrap());
    let one = wrap(&key, &scope(), &viewer.public()).unwrap();
    let other = wrap(&key, &scope(), &viewer.public()).unwrap();
    assert_eq!(one.wrapped.len(), LENGTH);
    assert_eq!((one.recipient, one.label), (viewer.public().fingerprint(), Label::FACE));
    assert_ne!(one.wrapped, other.wrapped);
    for grant in [one, other] {
        assert_eq!(open(&viewer, &grant, &scope()).unwrap(), key);
    }
}

#[test]
fn a_scope_is_read_off_the_record() {
    let labels = wire::label::Labels::new(vec!["till".parse().unwrap()]).unwrap();
    let record = EpochRecord {
        camera: CameraId([1; 32]),
        session: SessionId { number: 2, nonce: [3; 16] },
        link: wire::epoch::Link::First,
        epoch: 4,
        source: wire::epoch::SourceKind::Sample,
        labels,
        detector: String::new(),
        owners: Vec::new(),
        viewers_version: 0,
        viewers_digest: wire::id::Digest::ZERO,
        grants: wire::id::Digest::ZERO,
    };
    assert_eq!(Scope::of(&record, Label::FACE), Some(scope()));
    assert_eq!(Scope::of(&record, Label::from_number(0).unwrap()).unwrap().name.as_str(), "till");
    assert_eq!(Scope::of(&record, Label::from_number(1).unwrap()), None);
}

#[test]
fn attack_use_a_grant_for_another_scope() {
    let (viewer, key) = (Identity::generate().unwrap(), ContentKey::random().unwrap());
    let grant = wrap(&key, &scope(), &viewer.public()).unwrap();
    assert!(open(&viewer, &grant, &scope()).is_ok(), "control");
    for (attack, other) in [
        ("camera", Scope { camera: CameraId([9; 32]), ..scope() }),
        ("session number", Scope { session: SessionId { number: 9, nonce: [3; 16] }, ..scope() }),
        ("session's random bytes", Scope { session: SessionId { number: 2, nonce: [9; 16] }, ..scope() }),
        ("epoch", Scope { epoch: 5, ..scope() }),
        ("label's name", Scope { name: "till".parse().unwrap(), ..scope() }),
    ] {
        assert_eq!(open(&viewer, &grant, &other).unwrap_err(), Error::Refused, "{attack}");
    }
    let other = Scope { label: Label::OUTSIDE, name: "outside".parse().unwrap(), ..scope() };
    assert_eq!(open(&viewer, &grant, &other).unwrap_err(), Error::OtherLabel);
    let relabelled = Grant { label: Label::OUTSIDE, ..grant };
    assert_eq!(open(&viewer, &relabelled, &other).unwrap_err(), Error::Refused, "the label is bound, not only written beside it");
}

#[test]
fn only_the_info_keeps_scopes_apart() {
    // Control for the attack above: bound to nothing, a key that was wrapped for one scope opens in any.
    let (viewer, key) = (Identity::generate().unwrap(), ContentKey::random().unwrap());
    let unbound = seal(&key, &viewer.public().exchange, &[], &mut System { failed: false }).unwrap();
    assert_eq!(unseal(&viewer, &unbound, &[]).unwrap(), key);
    // And no two scopes give one info: a name cannot run into what follows it.
    let recipient = Fingerprint([b'x'; 32]);
    let long = Scope { name: "facex".parse().unwrap(), ..scope() };
    assert_ne!(scope().info(recipient), long.info(recipient)[..scope().info(recipient).len()]);
}

#[test]
fn attack_use_somebody_elses_grant() {
    let (viewer, thief, key) = (Identity::generate().unwrap(), Identity::generate().unwrap(), ContentKey::random().unwrap());
    let grant = wrap(&key, &scope(), &viewer.public()).unwrap();
    assert_eq!(open(&thief, &grant, &scope()).unwrap_err(), Error::NotForYou(viewer.public().fingerprint()));
    let renamed = Grant { recipient: thief.public().fingerprint(), ..grant.clone() };
    assert_eq!(open(&thief, &renamed, &scope()).unwrap_err(), Error::Refused);
    // A recipient is both keys: one with the viewer's exchange key and a signing key of the thief's is somebody else.
    let mixed = ViewerKeys { signing: thief.public().signing, ..viewer.public() };
    let renamed = Grant { recipient: mixed.fingerprint(), ..grant.clone() };
    assert!(unseal(&viewer, &renamed.wrapped, &scope().info(mixed.fingerprint())).is_err());
    assert!(unseal(&viewer, &grant.wrapped, &scope().info(grant.recipient)).is_ok(), "control");
}

#[test]
fn attack_flip_any_bit_and_cut_anywhere() {
    let (viewer, key) = (Identity::generate().unwrap(), ContentKey::random().unwrap());
    let grant = wrap(&key, &scope(), &viewer.public()).unwrap();
    let open = |bytes: Vec<u8>| open(&viewer, &Grant { wrapped: bytes.into(), ..grant.clone() }, &scope());
    for bit in 0..LENGTH * 8 {
        let mut changed = grant.wrapped.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        // X25519 does not look at the highest bit of a public key, but HPKE binds the bytes as they were sent.
        let expected = if bit < 8 { Error::UnknownSuite(changed[0]) } else { Error::Refused };
        assert_eq!(open(changed).unwrap_err(), expected, "bit {bit}");
    }
    for cut in 0..LENGTH {
        assert_eq!(open(grant.wrapped[..cut].to_vec()).unwrap_err(), Error::Length(cut));
    }
    assert_eq!(open([&grant.wrapped[..], &[0]].concat()).unwrap_err(), Error::Length(LENGTH + 1));
    assert!(open(grant.wrapped.to_vec()).is_ok(), "control");
}

#[test]
fn attack_be_granted_something_under_a_key_of_low_order() {
    // The shared secret with such a key is zero, whoever computes it: the relay could read the content key.
    let key = ContentKey::random().unwrap();
    let mut refused = 0;
    each(include_str!("../../vectors/public.json"), |vector| {
        let keys = ViewerKeys { exchange: vector.array("exchange"), signing: vector.array("signing") };
        let weak = vector.optional("refused").is_some_and(|why| why.starts_with("X25519 of order"));
        assert_eq!(wrap(&key, &scope(), &keys).err(), weak.then_some(Error::WeakKey));
        refused += usize::from(weak);
    });
    assert!(refused > 4);
}
