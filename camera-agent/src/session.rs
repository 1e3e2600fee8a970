//! What an agent must remember from one run to the next: which session it was, and which frame was the last.
//!
//! ```text
//! lock         held while a session runs: two agents with one key would sign two frames of one number
//! session      the number of the newest session, raised durably before its first frame
//! last-frame   two blocks of 4096 bytes, written in turn before each frame is sent, so that a torn write leaves the one before:
//!              ┌──────────────────┬──────────┬──────────────┬──────────────┬─────────────┬──────────────────────────────┐
//!              │ "celosia last 1" │ ended u8 │ session (24) │ sequence u64 │ digest (32) │ SHA-256 of what precedes (32) │
//!              └──────────────────┴──────────┴──────────────┴──────────────┴─────────────┴──────────────────────────────┘
//! ```
//!
//! The first frame of a session and its end are written through to the disk; the frames between are not, since a write-through thirty
//! times a second wears flash out. After a power cut the next session therefore names an earlier frame of this one: a lower bound, which
//! is what `broken` means.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use link::file;
use wire::epoch::{LastFrame, Link};
use wire::id::{Digest, SessionId};

const LOCK: &str = "lock";
const NUMBER: &str = "session";
const LAST: &str = "last-frame";

const MAGIC: &[u8; 14] = b"celosia last 1";
const BLOCK: u64 = 4096;
const WRITTEN: usize = MAGIC.len() + 1 + SessionId::LENGTH + 8 + 32 + 32;

/// Why no session can begin, or a frame may not be sent.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another agent runs on this folder.
    #[error("another agent is running on {}: one camera has one agent. Stop the other, or give this one a folder of its own", .0.display())]
    Running(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("{} cannot be {what}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        why: io::Error,
    },
    /// The number is no number.
    #[error("{} is damaged: it should hold the number of the last session, and nothing else", .0.display())]
    Number(PathBuf),
    /// Both blocks are damaged.
    #[error(
        "{} is damaged, so it cannot be said how the last session ended. If you move the file away, the next session will claim to be \
         the camera's first, and viewers will see that something is missing", .0.display()
    )]
    Last(PathBuf),
    /// No randomness.
    #[error("the operating system gives no random bytes, so no session can begin")]
    NoRandomness,
}

/// A session that is running. While it exists, no other agent can run on its folder.
pub struct Session {
    id: SessionId,
    link: Link,
    last: File,
    path: PathBuf,
    /// Which block is written next.
    block: u64,
    begun: bool,
    _lock: File,
}

impl Session {
    /// Takes the folder, reads how the last session ended, and raises the number durably.
    ///
    /// # Errors
    /// When another agent runs there, or a file cannot be read or written, or is damaged.
    pub fn begin(dir: &Path) -> Result<Self, Error> {
        let lock = lock(&dir.join(LOCK))?;
        let path = dir.join(LAST);
        let last = open_last(&path)?;
        let found = read_last(&last, &path)?;
        let number = next_number(&dir.join(NUMBER), found.map_or(0, |(last, _)| last.session.number))?;
        let link = match found {
            None => Link::First,
            Some((last, true)) => Link::Ended(last),
            Some((last, false)) => Link::Broken(last),
        };
        // The block that holds the older frame of the two goes first.
        let block = newer_block(&last).map_or(0, |newer| 1 - newer);
        Ok(Self { id: SessionId { number, nonce: nonce()? }, link, last, path, block, begun: false, _lock: lock })
    }

    /// Whether a session could begin: nobody else runs on the folder.
    ///
    /// # Errors
    /// When somebody does, or the folder cannot be used.
    pub fn try_lock(dir: &Path) -> Result<(), Error> {
        lock(&dir.join(LOCK)).map(drop)
    }

    /// Number and random bytes.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// What every epoch record of this session says of the one before.
    #[must_use]
    pub const fn link(&self) -> Link {
        self.link
    }

    /// Remembers the frame that is about to be sent; the first one durably.
    ///
    /// # Errors
    /// When it cannot be written. The first frame must not be sent then: a later session would not know that this one was. Later frames
    /// may: what is remembered stays a lower bound.
    pub fn about_to_send(&mut self, frame: &LastFrame) -> Result<(), Error> {
        self.write(frame, false, !self.begun)
    }

    /// Whether a frame of this session was remembered.
    #[must_use]
    pub const fn begun(&self) -> bool {
        self.begun
    }

    /// Remembers, durably, that the session ended with this frame.
    ///
    /// # Errors
    /// When it cannot be written: the next session will say `broken`.
    pub fn ended(&mut self, frame: &LastFrame) -> Result<(), Error> {
        self.write(frame, true, true)
    }

    fn write(&mut self, frame: &LastFrame, ended: bool, durably: bool) -> Result<(), Error> {
        let written = self.last.write_all_at(&encode(frame, ended), self.block * BLOCK);
        let written = written.and_then(|()| if durably { self.last.sync_data() } else { Ok(()) });
        written.map_err(|why| Error::File { path: self.path.clone(), what: "written", why })?;
        self.block = 1 - self.block;
        self.begun = true;
        Ok(())
    }
}

fn lock(path: &Path) -> Result<File, Error> {
    let file = options().open(path).map_err(|why| Error::File { path: path.to_owned(), what: "opened", why })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Running(path.parent().unwrap_or(path).to_owned())),
        Err(TryLockError::Error(why)) => Err(Error::File { path: path.to_owned(), what: "locked", why }),
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options
}

/// Opens the file with both its blocks there, so that no later write needs space on the disk.
fn open_last(path: &Path) -> Result<File, Error> {
    let open = || -> io::Result<File> {
        let file = options().open(path)?;
        let length = file.metadata()?.len();
        if length == 0 {
            file.write_all_at(&vec![0; usize::try_from(2 * BLOCK).unwrap_or(0)], 0)?;
            file.sync_all()?;
        }
        Ok(file)
    };
    open().map_err(|why| Error::File { path: path.to_owned(), what: "opened", why })
}

fn encode(frame: &LastFrame, ended: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(WRITTEN);
    out.extend_from_slice(MAGIC);
    out.push(ended.into());
    out.extend_from_slice(&frame.session.to_bytes());
    out.extend_from_slice(&frame.sequence.to_be_bytes());
    out.extend_from_slice(frame.digest.as_bytes());
    let checksum = Digest::of(&[&out]);
    out.extend_from_slice(checksum.as_bytes());
    out
}

fn decode(bytes: &[u8; WRITTEN]) -> Option<(LastFrame, bool)> {
    let (body, checksum) = bytes.split_last_chunk::<32>()?;
    let rest = body.strip_prefix(MAGIC).filter(|_| Digest::of(&[body]).as_bytes() == checksum)?;
    let (ended, rest) = rest.split_first()?;
    let (number, rest) = rest.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let (sequence, digest) = rest.split_first_chunk()?;
    let session = SessionId { number: u64::from_be_bytes(*number), nonce: *nonce };
    let frame = LastFrame { session, sequence: u64::from_be_bytes(*sequence), digest: Digest(digest.try_into().ok()?) };
    Some((frame, *ended == 1))
}

fn read_block(file: &File, block: u64) -> io::Result<[u8; WRITTEN]> {
    let mut bytes = [0; WRITTEN];
    file.read_exact_at(&mut bytes, block * BLOCK)?;
    Ok(bytes)
}

/// Which block holds the newer frame.
fn newer_block(file: &File) -> Option<u64> {
    let place = |block| {
        let (frame, ended) = decode(&read_block(file, block).ok()?)?;
        Some(((frame.session.number, frame.sequence, ended), block))
    };
    place(0).into_iter().chain(place(1)).max().map(|(_, block)| block)
}

/// The newest frame that was remembered, and whether it ended its session.
fn read_last(file: &File, path: &Path) -> Result<Option<(LastFrame, bool)>, Error> {
    if let Some(block) = newer_block(file) {
        let bytes = read_block(file, block).map_err(|why| Error::File { path: path.to_owned(), what: "read", why })?;
        return Ok(decode(&bytes));
    }
    // Never written is not damaged.
    let blank = |block| read_block(file, block).is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    if blank(0) && blank(1) { Ok(None) } else { Err(Error::Last(path.to_owned())) }
}

/// The next session's number, once it is on the disk.
fn next_number(path: &Path, seen: u64) -> Result<u64, Error> {
    let failed = |what, why| Error::File { path: path.to_owned(), what, why };
    let before = match std::fs::read_to_string(path) {
        Ok(text) => text.trim().parse::<u64>().map_err(|_| Error::Number(path.to_owned()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed("read", error)),
    };
    let next = before.max(seen).checked_add(1).ok_or_else(|| Error::Number(path.to_owned()))?;
    file::replace(path, format!("{next}\n").as_bytes(), file::READABLE).map_err(|why| failed("written", why))?;
    Ok(next)
}

fn nonce() -> Result<[u8; 16], Error> {
    let random = seal::secret::Secret::random().map_err(|_| Error::NoRandomness)?;
    random.expose().first_chunk().copied().ok_or(Error::NoRandomness)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn frame(session: SessionId, sequence: u64) -> LastFrame {
        LastFrame { session, sequence, digest: Digest::of(&[&sequence.to_be_bytes()]) }
    }

    #[test]
    fn each_session_names_how_the_one_before_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut first = Session::begin(dir.path()).unwrap();
        assert_eq!((first.id().number, first.link()), (1, Link::First));
        for sequence in 0..5 {
            first.about_to_send(&frame(first.id(), sequence)).unwrap();
        }
        first.ended(&frame(first.id(), 5)).unwrap();
        let ended = frame(first.id(), 5);
        drop(first);

        let mut second = Session::begin(dir.path()).unwrap();
        assert_eq!((second.id().number, second.link()), (2, Link::Ended(ended)));
        for sequence in [0, 1, 7] {
            second.about_to_send(&frame(second.id(), sequence)).unwrap();
        }
        let broken = frame(second.id(), 7);
        drop(second);

        // The third ends before its first frame: the fourth still names the second.
        let third = Session::begin(dir.path()).unwrap();
        assert_eq!((third.id().number, third.link()), (3, Link::Broken(broken)));
        assert!(!third.begun());
        drop(third);
        let fourth = Session::begin(dir.path()).unwrap();
        assert_eq!((fourth.id().number, fourth.link()), (4, Link::Broken(broken)));
    }

    #[test]
    fn two_agents_cannot_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = Session::begin(dir.path()).unwrap();
        assert!(matches!(Session::begin(dir.path()), Err(Error::Running(_))));
        drop(first);
        assert_eq!(Session::begin(dir.path()).unwrap().id().number, 2, "the refused one took no number");
    }

    #[test]
    fn two_sessions_differ_even_with_one_number() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (one, other) = (Session::begin(one.path()).unwrap().id(), Session::begin(other.path()).unwrap().id());
        assert_eq!(one.number, other.number);
        assert_ne!(one.nonce, other.nonce);
    }

    /// Damages one byte of a block.
    fn damage(dir: &Path, block: u64, byte: u64) {
        let file = OpenOptions::new().write(true).open(dir.join(LAST)).unwrap();
        file.write_all_at(&[0xa5], block * BLOCK + byte).unwrap();
    }

    #[test]
    fn a_torn_write_leaves_the_frame_before() {
        for byte in [0, 14, 20, 60, 100] {
            let dir = tempfile::tempdir().unwrap();
            let mut session = Session::begin(dir.path()).unwrap();
            for sequence in 0..4 {
                session.about_to_send(&frame(session.id(), sequence)).unwrap();
            }
            let id = session.id();
            drop(session);
            // Frame 3 went into block 1.
            damage(dir.path(), 1, byte);
            assert_eq!(Session::begin(dir.path()).unwrap().link(), Link::Broken(frame(id, 2)));
            damage(dir.path(), 0, byte);
            assert!(matches!(Session::begin(dir.path()), Err(Error::Last(_))), "nothing false is said when both are damaged");
        }
    }

    #[test]
    fn a_lost_or_damaged_number_is_never_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut session = Session::begin(dir.path()).unwrap();
        session.about_to_send(&frame(session.id(), 0)).unwrap();
        drop(session);
        std::fs::remove_file(dir.path().join(NUMBER)).unwrap();
        assert_eq!(Session::begin(dir.path()).unwrap().id().number, 2, "the last frame still knows its session");
        std::fs::write(dir.path().join(NUMBER), "seven").unwrap();
        assert!(matches!(Session::begin(dir.path()), Err(Error::Number(_))));
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = Session::begin(&dir.path().join("nowhere")).map(|session| session.id()).unwrap_err();
        assert!(error.to_string().contains("nowhere"), "{error}");
    }
}
