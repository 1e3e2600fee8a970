//! Grants as they travel: which content key was wrapped for whom. Opening one is the crate `seal`'s business.

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader, put_long};
use crate::id::{Digest, Fingerprint};
use crate::label::Label;

/// No grant is longer than this.
pub const MAX_GRANT: usize = 2048;

/// How many grants an epoch may have.
pub const MAX_GRANTS: usize = 4096;

const LIST: &str = "grant list";
/// A line of the list on the wire: recipient, label, digest.
const ENTRY: usize = 32 + 1 + 32;
/// The least that a grant takes on the wire: recipient, label, length.
const LEAST_GRANT: usize = 32 + 1 + 4;

/// A grant: one content key, wrapped for one viewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// For whom.
    pub recipient: Fingerprint,
    /// Which label it opens.
    pub label: Label,
    /// Suite byte, encapsulated key and ciphertext.
    pub wrapped: Bytes,
}

/// One line of the grant list: that a grant exists, without the grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// For whom.
    pub recipient: Fingerprint,
    /// Which label it opens.
    pub label: Label,
    /// SHA-256 of the wrapped key.
    pub digest: Digest,
}

impl Grant {
    /// Its line in the list.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry { recipient: self.recipient, label: self.label, digest: Digest::of(&[&self.wrapped]) }
    }
}

/// Every grant of an epoch by name, sorted by recipient, then label; its digest stands in the epoch record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GrantList(Vec<Entry>);

impl GrantList {
    /// The list of these grants.
    ///
    /// # Errors
    /// When there are more than [`MAX_GRANTS`], or two of one label for one recipient: nobody would read such a list.
    pub fn of(grants: &[Grant]) -> Result<Self, Malformed> {
        if grants.len() > MAX_GRANTS {
            return Err(Malformed::new(LIST, Problem::TooLong));
        }
        let mut entries: Vec<Entry> = grants.iter().map(Grant::entry).collect();
        entries.sort_unstable();
        if entries.windows(2).any(|pair| matches!(pair, [a, b] if (a.recipient, a.label) == (b.recipient, b.label))) {
            return Err(Malformed::new(LIST, Problem::Contradiction));
        }
        Ok(Self(entries))
    }

    /// The lines, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The lines that name `recipient`.
    pub fn of_recipient(&self, recipient: Fingerprint) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.recipient == recipient)
    }

    /// What the epoch record names.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&[&self.encode()])
    }

    /// The list alone, as a program keeps it in a file.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(4 + self.0.len() * ENTRY);
        self.write(&mut out);
        out.into()
    }

    /// Reads what [`Self::encode`] wrote.
    ///
    /// # Errors
    /// When the bytes are not exactly one list.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let list = Self::read(&mut reader)?;
        reader.end(LIST)?;
        Ok(list)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&u32::try_from(self.0.len()).unwrap_or(u32::MAX).to_be_bytes());
        for entry in &self.0 {
            out.extend_from_slice(entry.recipient.as_bytes());
            out.push(entry.label.number());
            out.extend_from_slice(entry.digest.as_bytes());
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let count = read_count(reader, LIST)?;
        let mut entries: Vec<Entry> = Vec::with_capacity(count.min(reader.remaining() / ENTRY));
        for _ in 0..count {
            let entry = Entry {
                recipient: Fingerprint(reader.array(LIST)?),
                label: Label::read(reader, LIST)?,
                digest: Digest(reader.array(LIST)?),
            };
            if entries.last().is_some_and(|last| (last.recipient, last.label) >= (entry.recipient, entry.label)) {
                return Err(Malformed::new(LIST, Problem::Contradiction));
            }
            entries.push(entry);
        }
        Ok(Self(entries))
    }
}

pub(crate) fn write_grants(grants: &[Grant], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(grants.len()).unwrap_or(u32::MAX).to_be_bytes());
    for grant in grants {
        out.extend_from_slice(grant.recipient.as_bytes());
        out.push(grant.label.number());
        put_long(out, &grant.wrapped);
    }
}

pub(crate) fn read_grants(reader: &mut Reader) -> Result<Vec<Grant>, Malformed> {
    const FIELD: &str = "grant";
    let count = read_count(reader, FIELD)?;
    let mut grants = Vec::with_capacity(count.min(reader.remaining() / LEAST_GRANT));
    for _ in 0..count {
        grants.push(Grant {
            recipient: Fingerprint(reader.array(FIELD)?),
            label: Label::read(reader, FIELD)?,
            wrapped: reader.long(FIELD, MAX_GRANT)?,
        });
    }
    Ok(grants)
}

fn read_count(reader: &mut Reader, field: &'static str) -> Result<usize, Malformed> {
    let count = usize::try_from(reader.u32(field)?).unwrap_or(usize::MAX);
    if count > MAX_GRANTS { Err(Malformed::new(field, Problem::TooLong)) } else { Ok(count) }
}
