//! Reading and writing big-endian fields, with every length checked before it is used.

use ::bytes::{Buf, Bytes};

/// Why bytes are not what they should be. Always the sender's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct Malformed {
    /// The field that was being read.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The bytes end inside the field.
    #[error("the bytes end too early")]
    Truncated,
    /// Bytes are left after the last field.
    #[error("there are bytes left over")]
    Trailing,
    /// A length or count is above its cap.
    #[error("is longer than allowed")]
    TooLong,
    /// The value has no meaning in this version.
    #[error("has a value without a meaning")]
    Unknown,
    /// The value contradicts another field or a rule of the format.
    #[error("contradicts the rest")]
    Contradiction,
    /// Text that is not in the alphabet of the field.
    #[error("is not allowed text")]
    Text,
}

impl Problem {
    /// A short name for counters and test vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::TooLong => "too-long",
            Self::Unknown => "unknown",
            Self::Contradiction => "contradiction",
            Self::Text => "text",
        }
    }
}

impl Malformed {
    /// `field` has `problem`.
    #[must_use]
    pub const fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }
}

/// Reads fields from the front of shared bytes; variable parts come out as slices that share the memory.
#[derive(Debug, Clone)]
pub struct Reader {
    rest: Bytes,
}

impl Reader {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// One byte.
    ///
    /// # Errors
    /// When fewer bytes are left; so for every method here.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array::<1>(field).map(|[byte]| byte)
    }

    /// Two bytes, big-endian.
    ///
    /// # Errors
    /// When fewer bytes are left.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_be_bytes)
    }

    /// Four bytes, big-endian.
    ///
    /// # Errors
    /// When fewer bytes are left.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// Eight bytes, big-endian.
    ///
    /// # Errors
    /// When fewer bytes are left.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_be_bytes)
    }

    /// `N` bytes, copied.
    ///
    /// # Errors
    /// When fewer bytes are left.
    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let mut out = [0; N];
        self.rest.try_copy_to_slice(&mut out).map_err(|_| Malformed::new(field, Problem::Truncated))?;
        Ok(out)
    }

    /// The next `length` bytes, shared.
    ///
    /// # Errors
    /// When fewer bytes are left.
    pub fn take(&mut self, field: &'static str, length: usize) -> Result<Bytes, Malformed> {
        if length > self.rest.len() {
            return Err(Malformed::new(field, Problem::Truncated));
        }
        Ok(self.rest.split_to(length))
    }

    /// A field behind a u8 length.
    ///
    /// # Errors
    /// When the length is above `cap` or fewer bytes are left.
    pub fn short(&mut self, field: &'static str, cap: usize) -> Result<Bytes, Malformed> {
        let length = usize::from(self.u8(field)?);
        self.capped(field, length, cap)
    }

    /// A field behind a u32 length.
    ///
    /// # Errors
    /// When the length is above `cap` or fewer bytes are left.
    pub fn long(&mut self, field: &'static str, cap: usize) -> Result<Bytes, Malformed> {
        let length = usize::try_from(self.u32(field)?).map_err(|_| Malformed::new(field, Problem::TooLong))?;
        self.capped(field, length, cap)
    }

    fn capped(&mut self, field: &'static str, length: usize, cap: usize) -> Result<Bytes, Malformed> {
        if length > cap {
            return Err(Malformed::new(field, Problem::TooLong));
        }
        self.take(field, length)
    }

    /// A count as one byte, at most `cap`.
    ///
    /// # Errors
    /// When the count is above `cap` or no byte is left.
    pub fn count(&mut self, field: &'static str, cap: usize) -> Result<usize, Malformed> {
        let count = usize::from(self.u8(field)?);
        if count > cap { Err(Malformed::new(field, Problem::TooLong)) } else { Ok(count) }
    }

    /// All that is left.
    #[must_use]
    pub fn rest(self) -> Bytes {
        self.rest
    }

    /// The end: nothing may be left.
    ///
    /// # Errors
    /// When bytes are left.
    pub fn end(self, field: &'static str) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err(Malformed::new(field, Problem::Trailing)) }
    }
}

/// Appends a field behind its u8 length. A longer one is cut at 255, above every cap, so that the other side reads on and refuses it by
/// its name.
pub(crate) fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
    out.push(length);
    out.extend_from_slice(bytes.get(..length.into()).unwrap_or(bytes));
}

/// Appends a field behind its u32 length.
pub(crate) fn put_long(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(&length32(bytes).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// A length as it is written; every variable field is capped far below 4 GiB.
pub(crate) fn length32(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
