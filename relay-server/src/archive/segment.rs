//! A segment's file: a header, then entries, each one message of [`wire`] behind its length and checksum.
//! `docs/reference/archive.md` draws the bytes.

mod entries;
mod walk;

use std::path::{Path, PathBuf};

use wire::frame::MAX_FRAME;
use wire::id::Name;
use wire::message::MAX_CONTROL;

pub(super) use entries::{Entries, Entry, Fault};
pub(super) use walk::Walk;

/// In front of every segment: what it is, and the version of this format.
pub const HEADER: [u8; 16] = *b"celosia segment\x01";

/// What stands in front of an entry's body: its length, its checksum.
pub const ENTRY_HEAD: usize = 8;

/// No body is longer: a frame with its message's head, or a list of grants.
pub const MAX_BODY: usize = {
    let frame = MAX_FRAME + 13;
    if frame > MAX_CONTROL { frame } else { MAX_CONTROL }
};

/// The subscription of a frame that the segment holds: a leaf of its receipt's tree.
pub const HELD: u32 = 0;

/// The subscription of a frame that another segment holds: it stands here without its layers, so that the frames of its group that
/// follow can be verified from this segment alone. No leaf.
pub const REPEATED: u32 = 1;

/// Where a segment lies, below the archive's folder.
#[must_use]
pub fn path(archive: &Path, camera: &Name, number: u64) -> PathBuf {
    archive.join(camera.as_str()).join(format!("{number:010}{SUFFIX}"))
}

const SUFFIX: &str = ".segment";

/// The number of the segment that has this file name.
#[must_use]
pub fn number(file_name: &str) -> Option<u64> {
    let digits = file_name.strip_suffix(SUFFIX)?;
    let number = (digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())??;
    (format!("{number:010}") == digits).then_some(number)
}

/// CRC-32 (ISO-HDLC, as in IEEE 802.3) over length ‖ body: the length is covered, so that a tail of zeros is no entry.
fn checksum(length: [u8; 4], body: &[&[u8]]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    for part in body {
        crc.update(part);
    }
    crc.finalize()
}

/// Appends an entry whose body is the parts, one after the other. The types of [`wire`] keep every body below [`MAX_BODY`].
pub(super) fn put_entry(out: &mut Vec<u8>, body: &[&[u8]]) {
    let length: usize = body.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, body).to_be_bytes());
    for part in body {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_segments_have_numbers() {
        assert_eq!(number("0000000001.segment"), Some(1));
        assert_eq!(number("12345678901.segment"), Some(12_345_678_901));
        for other in ["1.segment", "0000000001.segment~", "000000000a.segment", "00000000001.segment", ".segment", "+000000001.segment"] {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
