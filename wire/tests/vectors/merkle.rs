//! Tree heads over an archive segment's frames.

use serde::{Deserialize, Serialize};
use wire::id::Digest;
use wire::merkle::Tree;

use super::{Hex, Vectors, hex, read};

pub const FILE: &str = "merkle.json";

/// The head over the first so many leaves.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    leaves: Vec<Hex>,
    head: Hex,
}

pub fn made() -> Vectors<Head> {
    let about = "RFC 9162, 2.1.1: the tree head over frame digests in archive order.";
    let leaves: Vec<Digest> = (0..17_u8).map(|i| Digest::of(&[&[i]])).collect();
    let heads = [0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 17].map(|count| {
        let mut tree = Tree::default();
        leaves[..count].iter().for_each(|leaf| tree.push(*leaf));
        Head { leaves: leaves[..count].iter().map(|leaf| hex(leaf.as_bytes())).collect(), head: hex(tree.head().as_bytes()) }
    });
    Vectors { about: about.into(), valid: heads.into(), malformed: Vec::new(), refused: Vec::new() }
}

#[test]
fn heads_are_the_ones_in_the_file() {
    for vector in read::<Head>(FILE).valid {
        let mut tree = Tree::default();
        vector.leaves.iter().for_each(|leaf| tree.push(Digest(leaf.array())));
        assert_eq!(tree.head(), Digest(vector.head.array()), "{} leaves", vector.leaves.len());
    }
    // What a hash of nothing is, everybody knows.
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(Tree::default().head().to_string(), empty);
}
