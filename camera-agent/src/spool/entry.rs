//! What a volume consists of: entries, each a body behind its length and checksum.
//!
//! ```text
//! ┌────────────┬────────────┬──────────────────┐
//! │ length u32 │ CRC-32     │ body             │   the checksum is over length ‖ body, so that a tail of zeros is no entry
//! └────────────┴────────────┴──────────────────┘
//! ```

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use bytes::Bytes;
use wire::frame::MAX_FRAME;

/// In front of a body.
const HEAD: u64 = 8;

/// No body is longer: a frame behind the head of its message.
const MAX_BODY: usize = MAX_FRAME + 13;

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;

fn checksum(length: [u8; 4], body: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    body.iter().for_each(|part| crc.update(part));
    crc.finalize()
}

/// Appends an entry whose body is these parts, one after the other.
pub(super) fn put(out: &mut Vec<u8>, body: &[&[u8]]) {
    let length = body.iter().map(|part| part.len()).sum::<usize>();
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, body).to_be_bytes());
    body.iter().for_each(|part| out.extend_from_slice(part));
}

/// Reads entries from the front, up to an end or the first one that is not whole.
pub(super) struct Entries {
    file: BufReader<File>,
    position: u64,
    end: u64,
}

impl Entries {
    /// Begins at this place in a file, and does not go beyond `end`.
    pub(super) fn open(path: &Path, position: u64, end: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let end = end.min(file.metadata()?.len());
        file.seek(SeekFrom::Start(position))?;
        Ok(Self { file: BufReader::with_capacity(BLOCK, file), position, end })
    }

    /// Where the next entry begins.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The next body; `None` at the end, or where what follows is no whole entry.
    pub(super) fn next(&mut self) -> io::Result<Option<Bytes>> {
        let left = self.end.saturating_sub(self.position);
        if left < HEAD {
            return Ok(None);
        }
        let (mut length, mut sum) = ([0; 4], [0; 4]);
        self.file.read_exact(&mut length)?;
        self.file.read_exact(&mut sum)?;
        let size = u32::from_be_bytes(length);
        let fits = u64::from(size) <= left - HEAD && size > 0;
        let Some(size) = usize::try_from(size).ok().filter(|size| fits && *size <= MAX_BODY) else { return Ok(None) };
        let mut body = vec![0; size];
        self.file.read_exact(&mut body)?;
        if checksum(length, &[&body]) != u32::from_be_bytes(sum) {
            return Ok(None);
        }
        self.position += HEAD + u64::try_from(size).unwrap_or(u64::MAX);
        Ok(Some(body.into()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn read(path: &Path) -> Vec<Bytes> {
        let mut entries = Entries::open(path, 0, u64::MAX).unwrap();
        std::iter::from_fn(|| entries.next().unwrap()).collect()
    }

    #[test]
    fn reading_ends_where_an_entry_is_not_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("v");
        let mut whole = Vec::new();
        put(&mut whole, &[b"one", b"two"]);
        let first = whole.len();
        put(&mut whole, &[&[7; 300]]);
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read(&path), [&b"onetwo"[..], &[7; 300]]);
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(read(&path).len(), usize::from(length >= first), "cut at {length}");
        }
        for byte in 0..whole.len() {
            let mut changed = whole.clone();
            changed[byte] ^= 0x10;
            std::fs::write(&path, changed).unwrap();
            assert_eq!(read(&path).len(), usize::from(byte >= first), "changed at {byte}");
        }
        whole.extend_from_slice(&[0; 100]);
        std::fs::write(&path, &whole).unwrap();
        assert_eq!(read(&path).len(), 2, "zeros are no entry");
    }
}
