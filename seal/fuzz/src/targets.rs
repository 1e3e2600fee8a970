//! What is fuzzed: everything of `seal` that reads bytes from somebody else. Each function takes any bytes and says what must hold.
//! The targets call one each, and so does the stable test `tests/corpora.rs`, over the committed corpora.

#![allow(dead_code, reason = "each target uses one of these")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use seal::file::{IdentityFile, MAX_FILE};
use seal::grant::{self, Scope};
use seal::identity::Identity;
use seal::keys::{ContentKey, UnlockKey};
use seal::layer::{Draft, GroupOpener, GroupSealer};
use seal::nonce::Nonces;
use seal::public::PublicIdentity;
use seal::secret::Secret;
use wire::grants::Grant;
use wire::id::{CameraId, SessionId};
use wire::label::Label;

/// Keys of fixed bytes, so that a corpus can hold inputs that really open.
pub fn identity() -> Identity {
    Identity::from_secrets(&Secret::from_bytes(&[1; 32]), &Secret::from_bytes(&[2; 32]))
}

/// The key that the corpora's layers are sealed under and its grants carry.
pub fn content_key() -> ContentKey {
    ContentKey::from_secret(Secret::from_bytes(&[3; 32]))
}

/// The key that the corpora's identity files open with.
pub fn unlock_key() -> UnlockKey {
    UnlockKey::from_secret(Secret::from_bytes(&[4; 32]))
}

/// What the corpora's grants are good for.
pub fn scope() -> Scope {
    Scope {
        camera: CameraId([5; 32]),
        session: SessionId { number: 6, nonce: [7; 16] },
        epoch: 8,
        label: Label::FACE,
        name: "face".parse().unwrap(),
    }
}

/// A grant's bytes. Nobody but the holder of a content key can make one that opens, so one that opens carries a key for some group.
pub fn grant_open(bytes: &[u8]) {
    let identity = identity();
    let recipient = identity.public().fingerprint();
    let grant = Grant { recipient, label: Label::FACE, wrapped: bytes.to_vec().into() };
    if let Ok(key) = grant::open(&identity, &grant, &scope()) {
        assert_eq!(bytes.len(), grant::LENGTH);
        assert_eq!(key, content_key(), "the only key that was ever wrapped in this corpus");
    }
}

/// Two layers of a group: the first byte says how many bytes (of 16 each) the first has; both claim the places that they are opened at.
/// Whatever opens has exactly one sealed form.
pub fn layer_open(bytes: &[u8]) {
    let secret = content_key().group(0);
    let Some((split, rest)) = bytes.split_first() else { return };
    let (first, later) = rest.split_at((usize::from(*split) * 16).min(rest.len()));
    let mut out = Vec::new();

    // As it comes, with whatever commitment it has; then with the right one in front, to reach what is behind it.
    let committed = [secret.commitment().as_bytes().as_slice(), first].concat();
    for layer in [first, &committed] {
        let Ok(opener) = GroupOpener::start(&secret, 0, 1, layer) else { continue };
        for (sequence, layer, commits) in [(0, layer, true), (1, later, false)] {
            let Ok(()) = opener.open(sequence, 1, layer, &mut out) else {
                assert!(out.is_empty());
                continue;
            };
            let mut nonces = Nonces::new();
            let mut sealer = GroupSealer::new(&secret);
            if !commits {
                sealer.seal(nonces.frame(0).unwrap().layer(0).unwrap(), Draft::with_capacity(0)).unwrap();
            }
            let again = sealer.seal(nonces.frame(sequence.max(1)).unwrap().layer(1).unwrap(), Draft::from(&*out)).unwrap();
            if sequence > 0 {
                assert_eq!(again, layer);
            } else {
                assert_eq!(again.len(), layer.len());
            }
        }
    }
}

/// An identity file. What is read is written again as the same, and what opens has the keys that it names.
pub fn identity_file(bytes: &[u8]) {
    let Ok(file) = IdentityFile::from_toml(bytes) else { return };
    let text = file.to_toml();
    assert!(text.len() <= MAX_FILE);
    assert_eq!(IdentityFile::from_toml(text.as_bytes()).as_ref(), Ok(&file));
    if let Ok(identity) = file.unlock_under(&unlock_key()) {
        assert_eq!(identity.public(), *file.public().keys());
        assert_eq!(identity.public(), self::identity().public(), "the only keys that were ever wrapped in this corpus");
    }
}

/// The text form of public keys: what is read has exactly one text.
pub fn public_identity(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(public) = text.parse::<PublicIdentity>() {
        assert_eq!(public.to_string(), text.trim());
        assert!(PublicIdentity::new(*public.keys()).is_ok());
    }
}
