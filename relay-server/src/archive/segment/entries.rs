//! Reading a segment's entries from the front, in blocks of at least 256 kB.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use bytes::Bytes;
use wire::message::Message;

use super::{ENTRY_HEAD, HEADER, MAX_BODY, checksum};

/// How much is read at once, in bytes.
const BLOCK: usize = 256 << 10;

/// One entry, its checksum right.
#[derive(Debug)]
pub(in super::super) struct Entry {
    /// Where it begins in the file.
    pub(in super::super) offset: u64,
    /// One past its end.
    pub(in super::super) end: u64,
    /// A message's bytes.
    pub(in super::super) body: Bytes,
}

impl Entry {
    /// The message.
    pub(in super::super) fn message(&self) -> Result<Message, Fault> {
        Message::decode(self.body.clone()).map_err(|_| Fault::Damaged { at: self.offset, next: Some(self.end) })
    }
}

/// Why there is no next entry where one was expected.
#[derive(Debug, thiserror::Error)]
pub(in super::super) enum Fault {
    /// The operating system could not read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is no segment of a version that this program knows.
    #[error("it does not begin as a segment of a known version")]
    Header,
    /// The file ends inside an entry.
    #[error("it ends inside the entry at byte {at}")]
    Torn { at: u64 },
    /// Bytes were changed. Where the length can be believed, the next entry may be fine.
    #[error("the entry at byte {at} is damaged")]
    Damaged { at: u64, next: Option<u64> },
}

/// The entries of one file, up to a limit.
pub(in super::super) struct Entries {
    file: File,
    block: Vec<u8>,
    /// Where the block begins in the file.
    start: u64,
    /// Where the next entry begins.
    position: u64,
    /// Nothing is read from here on.
    end: u64,
}

impl Entries {
    /// Opens a segment and checks its header. `limit` is how much of it counts; `None` for all.
    pub(in super::super) fn open(path: &Path, limit: Option<u64>) -> Result<Self, Fault> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let end = limit.map_or(length, |limit| limit.min(length));
        let mut entries = Self { file, block: Vec::new(), start: 0, position: 0, end };
        if entries.take(HEADER.len())? != Some(&HEADER[..]) {
            return Err(Fault::Header);
        }
        entries.seek(u64::try_from(HEADER.len()).unwrap_or(u64::MAX));
        Ok(entries)
    }

    /// One past the last byte that counts.
    pub(in super::super) const fn end(&self) -> u64 {
        self.end
    }

    /// Where the next entry begins.
    pub(in super::super) const fn position(&self) -> u64 {
        self.position
    }

    /// Goes on at this offset, where an entry begins.
    pub(in super::super) const fn seek(&mut self, offset: u64) {
        self.position = offset;
    }

    /// The next entry; `None` at the end. After a fault the position is where it was.
    pub(in super::super) fn next(&mut self) -> Result<Option<Entry>, Fault> {
        let at = self.position;
        if at >= self.end {
            return Ok(None);
        }
        let Some(&[l0, l1, l2, l3, c0, c1, c2, c3]) = self.take(ENTRY_HEAD)? else { return Err(Fault::Torn { at }) };
        let length = [l0, l1, l2, l3];
        let size = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if size == 0 || size > MAX_BODY {
            return Err(Fault::Damaged { at, next: None });
        }
        let Some(entry) = self.take(ENTRY_HEAD + size)? else { return Err(Fault::Torn { at }) };
        let body = entry.get(ENTRY_HEAD..).unwrap_or_default();
        let next = at + u64::try_from(ENTRY_HEAD + size).unwrap_or(u64::MAX);
        if checksum(length, &[body]) != u32::from_be_bytes([c0, c1, c2, c3]) {
            return Err(Fault::Damaged { at, next: Some(next) });
        }
        // A copy: what leaves must not keep the whole block alive.
        let body = Bytes::copy_from_slice(body);
        self.position = next;
        Ok(Some(Entry { offset: at, end: next, body }))
    }

    /// The next bytes without going past them; `None` where fewer are left.
    fn take(&mut self, length: usize) -> Result<Option<&[u8]>, Fault> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        if length > left {
            return Ok(None);
        }
        let inside = |start: u64, position: u64| position.checked_sub(start).and_then(|skip| usize::try_from(skip).ok());
        let skip = inside(self.start, self.position).filter(|skip| *skip <= self.block.len()).unwrap_or(self.block.len());
        if self.start.checked_add(u64::try_from(skip).unwrap_or(u64::MAX)) != Some(self.position) || self.block.len() - skip < length {
            self.fill(length.max(BLOCK.min(left)))?;
        }
        let skip = inside(self.start, self.position).unwrap_or(0);
        Ok(self.block.get(skip..skip.saturating_add(length)))
    }

    /// Makes the block begin at the position and have this length; the file may turn out shorter.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        let skip = self.position.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        match skip.filter(|skip| *skip < self.block.len()) {
            Some(skip) => drop(self.block.drain(..skip)),
            None => self.block.clear(),
        }
        if length <= BLOCK && self.block.capacity() > 4 * BLOCK {
            self.block.shrink_to(BLOCK);
        }
        self.start = self.position;
        let mut filled = self.block.len();
        self.block.resize(length.max(filled), 0);
        while filled < self.block.len() {
            let offset = self.start.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            let Some(rest) = self.block.get_mut(filled..) else { break };
            match self.file.read_at(rest, offset) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.block.truncate(filled);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::super::put_entry;
    use super::*;

    fn file(bodies: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        for body in bodies {
            put_entry(&mut bytes, &[body]);
        }
        bytes
    }

    fn read(path: &Path) -> (Vec<Vec<u8>>, Option<Fault>) {
        let mut entries = match Entries::open(path, None) {
            Ok(entries) => entries,
            Err(fault) => return (Vec::new(), Some(fault)),
        };
        let mut bodies = Vec::new();
        loop {
            match entries.next() {
                Ok(Some(entry)) => bodies.push(entry.body.to_vec()),
                Ok(None) => return (bodies, None),
                Err(fault) => return (bodies, Some(fault)),
            }
        }
    }

    #[test]
    fn entries_of_every_size_come_back_across_block_borders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let sizes = [1, 7, BLOCK - 30, BLOCK, 3 * BLOCK + 1, 5, 100_000, 100_000, 100_000, 1];
        let bodies: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| vec![u8::try_from(i).unwrap(); *size]).collect();
        std::fs::write(&path, file(&bodies)).unwrap();
        let (read, fault) = read(&path);
        assert!(fault.is_none() && read == bodies, "{fault:?}");
    }

    #[test]
    fn seeking_goes_anywhere() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let bodies: Vec<Vec<u8>> = (0..20u8).map(|i| vec![i; 60_000]).collect();
        std::fs::write(&path, file(&bodies)).unwrap();
        let mut entries = Entries::open(&path, None).unwrap();
        for i in [19u8, 0, 7, 8, 3, 19] {
            entries.seek(16 + u64::from(i) * 60_008);
            assert_eq!(entries.next().unwrap().unwrap().body[0], i);
        }
    }

    #[test]
    fn zeros_flips_and_missing_bytes_are_faults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let whole = file(&[vec![1; 9], vec![2; 9]]);
        let mut zeros = whole.clone();
        zeros.extend_from_slice(&[0; 40]);
        std::fs::write(&path, zeros).unwrap();
        assert!(matches!(read(&path), (bodies, Some(Fault::Damaged { at: 50, next: None })) if bodies.len() == 2));
        for byte in 16..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 0x40;
            std::fs::write(&path, flipped).unwrap();
            let (bodies, fault) = read(&path);
            assert_eq!(bodies.len(), usize::from(byte >= 33), "byte {byte}");
            assert!(fault.is_some(), "byte {byte}");
        }
        for length in 0..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let (bodies, fault) = read(&path);
            assert_eq!(bodies.len(), usize::from(length >= 33), "{length} bytes");
            assert_eq!(fault.is_none(), length == 16 || length == 33, "{length} bytes");
        }
    }
}
