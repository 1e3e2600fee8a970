//! The fuzz corpora as a stable test: every committed input goes through its target's function, and some of them really open.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::path::PathBuf;

use seal::file::IdentityFile;
use seal::layer::{Draft, GroupOpener, GroupSealer};
use seal::nonce::Nonces;
use seal::password::Salt;
use seal::public::PublicIdentity;

fn folder(target: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz", "corpus", target].iter().collect()
}

fn run(target: &str, check: fn(&[u8])) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder(target)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!((4..=30).contains(&paths.len()), "{target}: {} inputs", paths.len());
    let inputs: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    inputs.iter().for_each(|input| check(input));
    inputs
}

/// A corpus whose every input is refused at once tests nothing.
fn reaches(target: &str, inputs: &[Vec<u8>], the_end: impl Fn(&[u8]) -> bool) {
    assert!(inputs.iter().any(|input| the_end(input)), "{target}: no input gets through");
    assert!(!inputs.iter().all(|input| the_end(input)), "{target}: every input gets through");
}

fn grant_opens(bytes: &[u8]) -> bool {
    let identity = targets::identity();
    let grant =
        wire::grants::Grant { recipient: identity.public().fingerprint(), label: wire::label::Label::FACE, wrapped: bytes.to_vec().into() };
    seal::grant::open(&identity, &grant, &targets::scope()).is_ok()
}

fn layers_open(bytes: &[u8]) -> bool {
    let secret = targets::content_key().group(0);
    let Some((split, rest)) = bytes.split_first() else { return false };
    let Some((first, later)) = rest.split_at_checked(usize::from(*split) * 16) else { return false };
    let Ok(opener) = GroupOpener::start(&secret, 0, 1, first) else { return false };
    let mut out = Vec::new();
    opener.open(0, 1, first, &mut out).is_ok() && opener.open(1, 1, later, &mut out).is_ok()
}

#[test]
fn grant_open() {
    reaches("grant_open", &run("grant_open", targets::grant_open), grant_opens);
}

#[test]
fn layer_open() {
    reaches("layer_open", &run("layer_open", targets::layer_open), layers_open);
}

#[test]
fn identity_file() {
    let opens = |bytes: &[u8]| IdentityFile::from_toml(bytes).is_ok_and(|file| file.unlock_under(&targets::unlock_key()).is_ok());
    reaches("identity_file", &run("identity_file", targets::identity_file), opens);
}

#[test]
fn public_identity() {
    let parses = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<PublicIdentity>().is_ok());
    reaches("public_identity", &run("public_identity", targets::public_identity), parses);
}

/// Writes the inputs that a fuzzer would not find alone: `cargo test -p seal --test corpora -- --ignored`.
#[test]
#[ignore = "writes files"]
fn write_seeds() {
    let write = |target: &str, name: &str, bytes: &[u8]| {
        fs::create_dir_all(folder(target)).unwrap();
        fs::write(folder(target).join(name), bytes).unwrap();
    };
    let identity = targets::identity();

    let grant = seal::grant::wrap(&targets::content_key(), &targets::scope(), &identity.public()).unwrap().wrapped;
    let elsewhere = seal::grant::Scope { epoch: 9, ..targets::scope() };
    let elsewhere = seal::grant::wrap(&targets::content_key(), &elsewhere, &identity.public()).unwrap().wrapped;
    write("grant_open", "opens", &grant);
    write("grant_open", "for-another-epoch", &elsewhere);
    write("grant_open", "cut-off", grant.get(..80).unwrap());
    write("grant_open", "longer", &[&grant[..], &[0]].concat());
    write("grant_open", "suite-2", &[&[2], grant.get(1..).unwrap()].concat());
    write("grant_open", "enc-of-order-4", &[&[1][..], &[0; 32], grant.get(33..).unwrap()].concat());
    write("grant_open", "empty", &[]);

    let layers = |sizes: [usize; 2]| {
        let mut nonces = Nonces::new();
        let mut sealer = GroupSealer::new(&targets::content_key().group(0));
        let mut layer = |sequence, size: usize| {
            let nonce = nonces.frame(sequence).unwrap().layer(1).unwrap();
            sealer.seal(nonce, Draft::from(&*vec![0x5a; size])).unwrap()
        };
        [layer(0, sizes[0]), layer(1, sizes[1])]
    };
    for (name, sizes) in [("empty-ones", [0, 0]), ("of-one-block", [12, 12]), ("padded", [13, 100]), ("with-larger-steps", [700, 2000])] {
        let [first, later] = layers(sizes);
        write("layer_open", name, &[&[u8::try_from(first.len() / 16).unwrap()], &first[..], &later[..]].concat());
    }
    let [first, later] = layers([100, 100]);
    let split = u8::try_from(first.len() / 16).unwrap();
    write("layer_open", "exchanged", &[&[split - 2], &later[..], &first[..]].concat());
    write("layer_open", "without-commitment", &[&[split - 2], first.get(32..).unwrap(), &later[..]].concat());
    write("layer_open", "cut-off", &[&[split], first.get(..40).unwrap()].concat());
    write("layer_open", "nothing", &[0]);

    let file = IdentityFile::lock_under(&identity, Salt([9; 32]), &targets::unlock_key()).unwrap().to_toml();
    write("identity_file", "opens", file.as_bytes());
    write("identity_file", "with-costs", format!("{file}\n[cost]\nn = 2\n").as_bytes());
    write("identity_file", "version-2", file.replace("version = 1", "version = 2").as_bytes());
    write("identity_file", "without-comments", file.get(file.find("version").unwrap()..).unwrap().as_bytes());
    write("identity_file", "another-salt-in-capitals", file.replace("CQkJ", "CQKJ").as_bytes());
    write("identity_file", "inline", b"version=1\nsalt='AA=='\nexchange={public='',wrapped=''}\nsigning={public='',wrapped=''}");
    write("identity_file", "dotted", b"version=1\nsalt=''\nexchange.public=''\nexchange.wrapped=''\nsigning.public=''\nsigning.wrapped=''");
    write("identity_file", "not-toml", b"[[[[[[[[");

    let text = PublicIdentity::new(identity.public()).unwrap().to_string();
    write("public_identity", "parses", text.as_bytes());
    write("public_identity", "with-space", format!("  {text}\r\n").as_bytes());
    write("public_identity", "in-capitals", text.to_uppercase().as_bytes());
    write("public_identity", "cut-off", text.get(..118).unwrap().as_bytes());
    write("public_identity", "with-another-prefix", text.replace("celosia1", "celosia2").as_bytes());
    write("public_identity", "not-text", &[0xff, 0xfe]);
}
