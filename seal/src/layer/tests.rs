//! Round trips, and the attacks on a layer that the signature does not stop: they come from someone who may sign.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use super::*;
use crate::keys::ContentKey;
use crate::nonce::Nonces;
use crate::secret::Secret;

fn content_key(seed: u8) -> ContentKey {
    ContentKey::from_secret(Secret::from_bytes(&[seed; 32]))
}

fn opened(opener: &GroupOpener, sequence: u64, index: u32, layer: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = vec![0xee; 3];
    let result = opener.open(sequence, index, layer, &mut out);
    assert!(result.is_ok() || out.is_empty(), "an error leaves nothing behind");
    result.map(|()| out)
}

/// Three layers of one label in one group: the first at (7, 1), then (8, 1) and (9, 1).
fn group(secret: &GroupSecret) -> Vec<Bytes> {
    let mut nonces = Nonces::new();
    let mut sealer = GroupSealer::new(secret);
    (7..10)
        .map(|sequence| {
            let nonce = nonces.frame(sequence).unwrap().layer(1).unwrap();
            sealer.seal(nonce, Draft::from(format!("picture {sequence}").repeat(9).as_bytes())).unwrap()
        })
        .collect()
}

/// What an opener without the commitment would do.
fn uncommitted(secret: &GroupSecret, sequence: u64, index: u32, ciphertext: &[u8]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    decrypt(&cipher(secret), sequence, index, ciphertext, &mut out).map(|()| out)
}

#[test]
fn the_vectors_hold() {
    crate::vectors::each(include_str!("../../vectors/layers.json"), |vector| {
        let secret = GroupSecret::from_secret(Secret::from_bytes(&vector.array("group_secret")));
        let (sequence, index) = (vector.number("sequence"), u32::try_from(vector.number("index")).unwrap());
        let (first, sealed) = (vector.text("first") == "yes", vector.bytes("sealed"));
        // A later layer needs an opener that has seen another layer's commitment.
        let opener = if first {
            GroupOpener::start(&secret, sequence, index, &sealed)
        } else {
            GroupOpener::start(&secret, sequence ^ 1, index, secret.commitment().as_bytes())
        };
        let result = opener.and_then(|opener| opened(&opener, sequence, index, &sealed));
        match vector.optional("refused") {
            Some(why) => assert!(result.is_err(), "{why}"),
            None => {
                assert_eq!(result.unwrap(), vector.bytes("payload"));
                let nonce = Nonces::new().frame(sequence).unwrap().layer(index).unwrap();
                let mut sealer = GroupSealer::new(&secret);
                sealer.commitment = sealer.commitment.filter(|_| first);
                assert_eq!(sealer.seal(nonce, Draft::from(&*vector.bytes("payload"))).unwrap(), sealed);
            }
        }
    });
}

#[test]
fn what_was_sealed_opens() {
    let secret = content_key(1).group(4);
    let layers = group(&secret);
    let opener = GroupOpener::start(&secret, 7, 1, &layers[0]).unwrap();
    for (sequence, layer) in (7..).zip(&layers) {
        assert_eq!(opened(&opener, sequence, 1, layer).unwrap(), format!("picture {sequence}").repeat(9).into_bytes());
    }
    assert_eq!(layers[0].len(), layers[1].len() + 32, "only the first carries the commitment");
    assert!(opened(&opener, 7, 1, &layers[0]).is_ok(), "opening may repeat");
}

#[test]
fn every_size_round_trips_and_hides_its_last_sixteenth() {
    let secret = content_key(1).group(0);
    let mut nonces = Nonces::new();
    for (sequence, size) in (0..).zip((0..600).chain([4091, 4092, 4093, 65_531, 65_532, 65_533, 100_000, 1 << 20])) {
        let plain: Vec<u8> = (0..size).map(|i| (i % 251) as u8 + 1).collect();
        let nonce = nonces.frame(sequence).unwrap().layer(0).unwrap();
        let layer = GroupSealer::new(&secret).seal(nonce, Draft::from(&*plain)).unwrap();
        let cost = layer.len() - 32 - 4 - size;
        assert!(cost < 16.max((size + 4) / 16 + 1), "{size} bytes are padded by {cost}");
        let opener = GroupOpener::start(&secret, sequence, 0, &layer).unwrap();
        assert_eq!(opened(&opener, sequence, 0, &layer).unwrap(), plain);
    }
}

#[test]
fn the_padding_has_the_steps_of_its_definition() {
    for (n, expected) in
        [(4, 16), (16, 16), (17, 32), (256, 256), (257, 272), (511, 512), (512, 512), (513, 544), (1000, 1024), (1025, 1088)]
    {
        assert_eq!(padded(n), Some(expected), "{n}");
    }
    assert_eq!(padded(0), None);
    assert_eq!(padded(usize::MAX), None);
}

#[test]
fn a_draft_is_written_without_moving() {
    let mut draft = Draft::with_capacity(5000);
    let before = draft.bytes.as_ptr();
    io::Write::write_all(&mut draft, &[7; 5000]).unwrap();
    assert_eq!(draft.len(), 5000);
    let secret = content_key(1).group(0);
    let layer = GroupSealer::new(&secret).seal(Nonces::new().frame(0).unwrap().layer(0).unwrap(), draft).unwrap();
    assert_eq!(layer.as_ptr(), before, "sealed where it lay");
}

#[test]
fn a_layer_longer_than_a_frame_is_refused() {
    let secret = content_key(1).group(0);
    let mut sealer = GroupSealer::new(&secret);
    let mut frame = Nonces::new().frame(0).unwrap();
    let long = vec![0; MAX_LAYER - 35];
    assert!(matches!(sealer.seal(frame.layer(0).unwrap(), Draft::from(&*long)), Err(Error::TooLong(_))));
    let layer = sealer.seal(frame.layer(1).unwrap(), Draft::from(&b"short"[..])).unwrap();
    assert!(GroupOpener::start(&secret, 0, 1, &layer).is_ok(), "the commitment was still to come");
}

#[test]
fn attack_open_with_another_key() {
    let key = content_key(1);
    let layers = group(&key.group(4));
    for wrong in [content_key(2).group(4), key.group(5), key.group(3)] {
        assert_eq!(GroupOpener::start(&wrong, 7, 1, &layers[0]).unwrap_err(), Error::WrongKey);
    }
    assert!(GroupOpener::start(&key.group(4), 7, 1, &layers[0]).is_ok(), "control");
}

/// A signer who wants to show one person one picture and another person another needs a layer that opens under two keys. With CTR alone
/// that is easy: fix the key stream under one key, and try keys until the length fits under the other.
#[test]
fn attack_one_layer_with_two_faces() {
    const SIZE: usize = 1 << 24;
    let one = content_key(1).group(0);
    let mut keystream = vec![0; SIZE];
    KeyStream::inner_iv_init(&cipher(&one), &block(0, 0).into()).try_apply_keystream_partial((&mut *keystream).into()).unwrap();
    let full = u32::try_from(SIZE - LENGTH).unwrap().to_be_bytes();
    let length: [u8; 4] = std::array::from_fn(|i| keystream[i] ^ full[i]);

    let content = content_key(2);
    let (other, shown) = (0..1 << 20)
        .find_map(|group| {
            let other = content.group(group);
            let mut plain = length;
            KeyStream::inner_iv_init(&cipher(&other), &block(0, 0).into()).try_apply_keystream_partial((&mut plain[..]).into()).unwrap();
            let shown = usize::try_from(u32::from_be_bytes(plain)).unwrap();
            (padded(shown.saturating_add(LENGTH)) == Some(SIZE)).then_some((other, shown))
        })
        .unwrap();

    // Under `one` every byte counts; under `other` the end must be padding, so there the ciphertext is its key stream.
    let mut ciphertext = vec![0; SIZE];
    KeyStream::inner_iv_init(&cipher(&other), &block(0, 0).into()).try_apply_keystream_partial((&mut *ciphertext).into()).unwrap();
    ciphertext[..LENGTH].copy_from_slice(&length);

    // Control: without a commitment both keys open it, to different pictures.
    assert_eq!(uncommitted(&one, 0, 0, &ciphertext).unwrap().len(), SIZE - LENGTH);
    assert_eq!(uncommitted(&other, 0, 0, &ciphertext).unwrap().len(), shown);

    // With it, whichever commitment the forger chooses, one of the two is refused.
    for (chosen, refused) in [(&one, &other), (&other, &one)] {
        let layer = [chosen.commitment().as_bytes().as_slice(), &ciphertext].concat();
        assert!(GroupOpener::start(chosen, 0, 0, &layer).is_ok());
        assert_eq!(GroupOpener::start(refused, 0, 0, &layer).unwrap_err(), Error::WrongKey);
    }
}

#[test]
fn attack_change_the_commitment() {
    let secret = content_key(1).group(4);
    let layer = &group(&secret)[0];
    for bit in 0..256 {
        let mut changed = layer.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(GroupOpener::start(&secret, 7, 1, &changed).unwrap_err(), Error::WrongKey);
    }
    // An opener that has started checks it again when it opens that layer.
    let opener = GroupOpener::start(&secret, 7, 1, layer).unwrap();
    let mut changed = layer.to_vec();
    changed[0] ^= 1;
    assert_eq!(opened(&opener, 7, 1, &changed).unwrap_err(), Error::WrongKey);
    assert_eq!(
        uncommitted(&secret, 7, 1, &changed[32..]).unwrap(),
        "picture 7".repeat(9).into_bytes(),
        "control: nothing else would notice"
    );
}

#[test]
fn attack_swap_layers() {
    let key = content_key(1);
    let secret = key.group(4);
    let layers = group(&secret);
    let opener = GroupOpener::start(&secret, 7, 1, &layers[0]).unwrap();
    let elsewhere = group(&key.group(5));
    let other_label = group(&content_key(2).group(4));
    assert!(opened(&opener, 8, 1, &layers[1]).is_ok(), "control: at its place it opens");
    for (attack, sequence, index, layer) in [
        ("another sequence", 9, 1, &layers[1]),
        ("another index", 8, 2, &layers[1]),
        ("sequence and index exchanged", 1, 8, &layers[1]),
        ("another group", 8, 1, &elsewhere[1]),
        ("another label or epoch", 8, 1, &other_label[1]),
    ] {
        assert_eq!(opened(&opener, sequence, index, layer).unwrap_err(), Error::Nonsense, "{attack}");
    }
    assert!(matches!(opened(&opener, 8, 1, &layers[0]).unwrap_err(), Error::Nonsense | Error::Truncated(_)), "the first layer, later");
    assert_eq!(opened(&opener, 7, 1, &layers[1]).unwrap_err(), Error::WrongKey, "a later layer, first");
}

#[test]
fn attack_truncate() {
    let secret = content_key(1).group(4);
    let layers = group(&secret);
    let opener = GroupOpener::start(&secret, 7, 1, &layers[0]).unwrap();
    for cut in 0..layers[1].len() {
        assert!(opened(&opener, 8, 1, &layers[1][..cut]).is_err(), "{cut} bytes");
    }
    for cut in 0..layers[0].len() {
        assert!(GroupOpener::start(&secret, 7, 1, &layers[0][..cut]).and_then(|opener| opened(&opener, 7, 1, &layers[0][..cut])).is_err());
    }
    let longer = [&layers[1][..], &[0; 16]].concat();
    assert!(opened(&opener, 8, 1, &longer).is_err(), "lengthened");
    assert!(opened(&opener, 8, 1, &layers[1]).is_ok(), "control");
}

/// Encrypts a plaintext as it stands, whatever its padding.
fn crafted(secret: &GroupSecret, plaintext: &[u8]) -> Vec<u8> {
    let mut ciphertext = plaintext.to_vec();
    KeyStream::inner_iv_init(&cipher(secret), &block(8, 1).into()).try_apply_keystream_partial((&mut *ciphertext).into()).unwrap();
    ciphertext
}

#[test]
fn attack_pad_wrongly() {
    let secret = content_key(1).group(4);
    let opener = GroupOpener::start(&secret, 7, 1, &group(&secret)[0]).unwrap();
    let plaintext = |length: u32, size: usize, last: u8| {
        let mut bytes = length.to_be_bytes().to_vec();
        bytes.resize(size, 0);
        bytes[size - 1] = last;
        crafted(&secret, &bytes)
    };
    assert_eq!(opened(&opener, 8, 1, &plaintext(20, 32, 0)).unwrap(), [0; 20], "control: padded rightly");
    for (attack, layer) in [
        ("padding that is not zero: a place to hide a message", plaintext(20, 32, 1)),
        ("a step too many: two forms of one layer", plaintext(20, 48, 0)),
        ("a length beyond the bytes", plaintext(29, 32, 0)),
        ("the largest length", plaintext(u32::MAX, 32, 0)),
    ] {
        assert_eq!(opened(&opener, 8, 1, &layer).unwrap_err(), Error::Nonsense, "{attack}");
    }
    for size in [0, 1, 4, 15, 17, 33] {
        assert_eq!(opened(&opener, 8, 1, &vec![0; size]).unwrap_err(), Error::Truncated(size));
    }
}
