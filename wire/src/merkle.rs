//! The Merkle tree over an archive segment's frames (RFC 9162, 2.1.1), grown leaf by leaf.

use crate::id::Digest;

/// A tree whose leaves are frame digests in archive order.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Heads of the complete subtrees, largest first, each with its number of leaves (a power of two).
    heads: Vec<(u64, Digest)>,
    leaves: u64,
}

impl Tree {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: Digest) {
        self.leaves += 1;
        let mut head = (1, Digest::of(&[&[0], leaf.as_bytes()]));
        while let Some(&(size, left)) = self.heads.last()
            && size == head.0
        {
            self.heads.pop();
            head = (size * 2, node(left, head.1));
        }
        self.heads.push(head);
    }

    /// How many leaves it has.
    #[must_use]
    pub const fn leaves(&self) -> u64 {
        self.leaves
    }

    /// The tree head; SHA-256 of nothing for the empty tree.
    #[must_use]
    pub fn head(&self) -> Digest {
        let mut heads = self.heads.iter().rev().map(|(_, head)| *head);
        match heads.next() {
            None => Digest::of(&[]),
            Some(smallest) => heads.fold(smallest, |right, left| node(left, right)),
        }
    }
}

fn node(left: Digest, right: Digest) -> Digest {
    Digest::of(&[&[1], left.as_bytes(), right.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The recursive definition of RFC 9162, 2.1.1, word for word.
    fn defined(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => Digest::of(&[]),
            [leaf] => Digest::of(&[&[0], leaf.as_bytes()]),
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(k);
                node(defined(left), defined(right))
            }
        }
    }

    #[test]
    fn grows_to_the_head_that_the_standard_defines() {
        let leaves: Vec<Digest> = (0u8..70).map(|i| Digest::of(&[&[i]])).collect();
        let mut tree = Tree::default();
        assert_eq!(tree.head(), defined(&[]));
        for (i, leaf) in leaves.iter().enumerate() {
            tree.push(*leaf);
            assert_eq!(tree.head(), defined(&leaves[..=i]), "{} leaves", i + 1);
        }
        assert_eq!(tree.leaves(), 70);
    }
}
