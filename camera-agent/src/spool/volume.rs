//! A file of the spool: groups of one session, behind the record and grants that they are sealed under.
//!
//! ```text
//! "celosia spool" 00 00 01 ‖ entries:   when it was begun ‖ record ‖ grants ‖ frame ‖ frame ‖ … ‖ record ‖ grants ‖ frame ‖ …
//! ```
//!
//! Every file begins with a key frame, and its record before it: it can be sent without any other. A file that was not written to its end
//! is good up to the first entry that is not whole.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use wire::frame::Frame;
use wire::id::Digest;
use wire::message::Message;

use super::entry::{self, Entries};
use super::uptime::Uptime;

/// In front of every volume: what it is, and the version of this format.
const HEADER: [u8; 16] = *b"celosia spool\0\0\x01";

const SUFFIX: &str = ".spool";

/// Where the entries begin.
const BEGIN: u64 = 16;

/// Where a volume lies.
pub(super) fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:010}{SUFFIX}"))
}

/// The volumes of a folder by number, with their sizes. Whatever else lies there is none.
pub(super) fn list(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut found = Vec::new();
    for file in std::fs::read_dir(folder)? {
        let file = file?;
        let number = file.file_name().to_str().and_then(|name| name.strip_suffix(SUFFIX)?.parse().ok());
        if let Some(number) = number.filter(|number| path(folder, *number) == file.path()) {
            found.push((number, file.metadata()?.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes the folder, for its owner alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // One that is right already may lie on a disk that takes no changes.
    let mode = std::fs::metadata(folder)?.permissions().mode() & 0o777;
    if mode == 0o700 { Ok(()) } else { std::fs::set_permissions(folder, Permissions::from_mode(0o700)) }
}

/// Makes a volume; gives it with its length.
pub(super) fn create(path: &Path) -> io::Result<(File, u64)> {
    let mut file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
    let mut begin = HEADER.to_vec();
    entry::put(&mut begin, &[&Uptime::now().to_bytes()]);
    file.write_all(&begin).inspect_err(|_| drop(std::fs::remove_file(path)))?;
    Ok((file, u64::try_from(begin.len()).unwrap_or(0)))
}

/// When a volume was begun; `None` where it is none.
pub(super) fn begun(path: &Path) -> io::Result<Option<Uptime>> {
    if !is_volume(path)? {
        return Ok(None);
    }
    Ok(Entries::open(path, BEGIN, u64::MAX)?.next()?.and_then(|body| Uptime::from_bytes(&body)))
}

fn is_volume(path: &Path) -> io::Result<bool> {
    let mut header = [0; HEADER.len()];
    match io::Read::read_exact(&mut File::open(path)?, &mut header) {
        Ok(()) => Ok(header == HEADER),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// A group in a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    /// The sequence of its key frame.
    pub(super) first: u64,
    /// Of its last frame.
    pub(super) last: u64,
    /// How many frames it has.
    pub(super) frames: u64,
    /// Where its key frame's entry begins.
    pub(super) from: u64,
    /// One past its last entry.
    pub(super) to: u64,
    /// Where the entries of its record and grants begin.
    pub(super) record: u64,
    /// The record's digest.
    pub(super) digest: Digest,
}

impl Group {
    /// Its size.
    pub(super) const fn bytes(&self) -> u64 {
        self.to - self.from
    }
}

/// What a volume holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Scan {
    pub(super) session: u64,
    pub(super) groups: Vec<Group>,
    /// Bytes behind the last whole entry.
    pub(super) torn: u64,
}

/// Reads a volume up to `end`, or to where it is torn.
pub(super) fn scan(path: &Path, end: u64) -> io::Result<Scan> {
    let mut scan = Scan::default();
    let length = std::fs::metadata(path)?.len().min(end);
    if !is_volume(path)? {
        return Ok(Scan { torn: length, ..scan });
    }
    let mut entries = Entries::open(path, BEGIN, end)?;
    let _begun = entries.next()?;
    let mut record = None;
    loop {
        let at = entries.position();
        let Some(body) = entries.next()? else { break };
        match Message::decode(body) {
            Ok(Message::Record { record: signed, .. }) => record = Some((at, signed.digest())),
            Ok(Message::Grants(_)) => {}
            Ok(Message::Frame { session, frame, .. }) => {
                let (Some((record, digest)), Ok(frame)) = (record, Frame::decode(frame)) else { break };
                scan.session = session;
                let (first, to) = (frame.header.sequence, entries.position());
                match scan.groups.last_mut().filter(|_| !frame.header.flags.key) {
                    Some(group) => (group.last, group.frames, group.to) = (first, group.frames + 1, to),
                    None => scan.groups.push(Group { first, last: first, frames: 1, from: at, to, record, digest }),
                }
            }
            Ok(_) | Err(_) => break,
        }
    }
    scan.torn = length.saturating_sub(entries.position());
    Ok(scan)
}
