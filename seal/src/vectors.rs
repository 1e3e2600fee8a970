//! Reads the golden vectors of `vectors/`, which an independent implementation made (`vectors/make.py`).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use data_encoding::HEXLOWER;
use serde_json::Value;

/// One vector: fields of text and numbers, bytes in hexadecimal.
pub(crate) struct Vector(Value);

/// Runs `check` on every vector of a file; a file without any is a mistake.
pub(crate) fn each(file: &str, mut check: impl FnMut(&Vector)) {
    let Value::Array(vectors) = serde_json::from_str::<Value>(file).unwrap()["vectors"].take() else { panic!("no vectors") };
    assert!(!vectors.is_empty());
    for vector in vectors {
        check(&Vector(vector));
    }
}

impl Vector {
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str().unwrap())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_else(|| panic!("no field {name}"))
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        HEXLOWER.decode(self.text(name).as_bytes()).unwrap()
    }

    pub(crate) fn array<const N: usize>(&self, name: &str) -> [u8; N] {
        self.bytes(name).try_into().unwrap()
    }

    /// A number, written as text: a u64 does not fit into JSON's numbers everywhere.
    pub(crate) fn number(&self, name: &str) -> u64 {
        self.text(name).parse().unwrap()
    }
}
