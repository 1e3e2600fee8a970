//! Recording: signed frames into a file instead of to a relay, for a camera without a network and for later.
//!
//! The file is [`link::recording`]'s. What cannot be written (a full disk) is a gap that the signatures show, to the end of its group; what
//! was written before stays whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use link::file;
use link::recording::{HEAD, SUBSCRIPTION};
use link::stream;
use wire::id::Digest;
use wire::message::{self, Message};

use crate::enroll::Enrolment;
use crate::publish::Outlet;
use crate::sign::Signed;

/// The file cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be recorded in: {why}; a recording is a new file", path.display())]
pub struct Error {
    /// Which file.
    pub path: PathBuf,
    /// What the system says.
    pub why: io::Error,
}

/// A file that grows.
pub struct Recording {
    file: File,
    path: PathBuf,
    /// The record under which the last frame stands.
    announced: Option<Digest>,
    /// So long is what was written whole.
    length: u64,
    /// So long it was before the first frame.
    empty: u64,
    /// The rest of the group is worth nothing without what was not written.
    waits: bool,
    wishes: bool,
    failed: u64,
}

impl Recording {
    /// Makes the file, and says in it who the camera is.
    ///
    /// # Errors
    /// When there is one of that name, or none can be made.
    pub fn create(path: &Path, enrolment: &Enrolment) -> Result<Self, Error> {
        let failed = |why| Error { path: path.to_owned(), why };
        let new = OpenOptions::new().write(true).create_new(true).mode(file::READABLE).open(path);
        let mut recording = Self {
            file: new.map_err(failed)?,
            path: path.to_owned(),
            announced: None,
            length: 0,
            empty: 0,
            waits: false,
            wishes: false,
            failed: 0,
        };
        let camera = message::Camera {
            subscription: SUBSCRIPTION,
            name: enrolment.name.clone(),
            chain: enrolment.chain.iter().map(|certificate| Bytes::copy_from_slice(certificate)).collect(),
            crls: Vec::new(),
        };
        let begin = recording.file.write_all(HEAD).and_then(|()| put(&mut recording.file, &[], &Message::Camera(camera).encode()));
        begin
            .and_then(|()| recording.file.stream_position())
            .map(|length| (recording.length, recording.empty) = (length, length))
            .map_err(failed)?;
        Ok(recording)
    }

    fn write(&mut self, signed: &Signed) -> io::Result<()> {
        if self.file.stream_position()? != self.length {
            self.take_back()?;
        }
        let announcement = &*signed.announcement;
        if self.announced != Some(announcement.digest) {
            for message in announcement.messages(SUBSCRIPTION) {
                put(&mut self.file, &[], &message.encode())?;
            }
        }
        let head = Message::frame_head(SUBSCRIPTION, signed.frame.context().session.number);
        put(&mut self.file, &head, signed.frame.bytes())?;
        if signed.frame.header().flags.end {
            self.file.sync_all()?;
        }
        self.length = self.file.stream_position()?;
        self.announced = Some(announcement.digest);
        Ok(())
    }

    /// Takes back what was written in part.
    fn take_back(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length)).map(drop)
    }
}

/// One message.
fn put(file: &mut File, head: &[u8], body: &Bytes) -> io::Result<()> {
    let prefix = stream::prefix(head, body).map_err(io::Error::other)?;
    file.write_all(&prefix)?;
    file.write_all(body)
}

impl Outlet for Recording {
    fn send(&mut self, signed: Signed) {
        if self.waits && !signed.frame.header().flags.key {
            return;
        }
        let written = self.write(&signed);
        self.waits = written.is_err();
        if let Err(error) = written {
            self.wishes = true;
            self.failed += 1;
            // Said once, then at every doubling: a full disk must not fill the log.
            if self.failed.is_power_of_two() {
                tracing::error!(%error, file = %self.path.display(), times = self.failed, "a frame is not recorded");
            }
            // Should that fail too, it is tried again before the next frame.
            let _ = self.take_back();
        }
    }

    fn wants_key_frame(&mut self) -> bool {
        std::mem::take(&mut self.wishes)
    }
}

impl Drop for Recording {
    /// An agent that could not start leaves no recording of nothing behind.
    fn drop(&mut self) {
        if self.length == self.empty {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use wire::epoch::{Link, SourceKind};
    use wire::label::Labels;

    use super::*;
    use crate::encode;
    use crate::mask::{self, Fill, Meta, Planner};
    use crate::picture::{Picture, Planes, Pool};
    use crate::pipeline::{Back, Progress};
    use crate::sealing::{Authorized, Sealer, Terms};
    use crate::session::Session;
    use crate::sign::Signer;
    use crate::testing::{camera_key, nobody, plant};

    /// The kinds of the messages in a recording, as letters: Camera, Record, Grants, Frame, and `!` where it cannot be read on.
    fn messages(path: &Path) -> String {
        let bytes = std::fs::read(path).unwrap();
        let mut rest = bytes.strip_prefix(HEAD).unwrap();
        let mut kinds = String::new();
        while let Some((length, more)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            let message = more.get(..length).and_then(|bytes| Message::decode(Bytes::copy_from_slice(bytes)).ok());
            kinds.push(match message {
                Some(Message::Camera(_)) => 'C',
                Some(Message::Record { .. }) => 'R',
                Some(Message::Grants(_)) => 'G',
                Some(Message::Frame { .. }) => 'F',
                _ => return kinds + "!",
            });
            rest = &more[length..];
        }
        kinds
    }

    fn masked(number: u64) -> mask::Masked {
        let (at, size) = (Instant::now(), plant::size());
        let mut planner = Planner::new(mask::Config { faces: None, ..mask::Config::default() });
        planner.push(Meta { number, at, size }, ());
        let plan = planner.due(at).remove(0).plan;
        let picture = Picture { number, captured_at: wire::id::Micros(1_800_000_000_000_000 + number), at, planes: Planes::new(size) };
        mask::apply(picture, plan, Fill::Solid, &Pool::new(1)).unwrap()
    }

    #[test]
    fn what_was_written_in_part_is_taken_back_before_the_next_frame() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.celosia");
        let mut file = OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
        file.write_all(HEAD).unwrap();
        let mut torn = file.try_clone().unwrap();
        let length = HEAD.len() as u64;
        let recording =
            Recording { file, path: path.clone(), announced: None, length, empty: length, waits: false, wishes: false, failed: 0 };
        let session = Session::begin(dir.path()).unwrap();
        let terms = Arc::new(Terms {
            key: camera_key(),
            session: session.id(),
            link: Link::First,
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: String::new(),
        });
        let signer = Signer::new(&terms, session);
        let sealer = Sealer::new(terms, Authorized::new(nobody()), Duration::from_secs(60), Instant::now()).unwrap();
        let encoder = encode::Config::Jpeg { quality: 80 }.start().unwrap();
        let mut back = Back::new(encoder, sealer, signer, Box::new(recording), Arc::new(Progress::default()));
        back.publish(masked(0));
        back.publish(masked(1));
        assert_eq!(messages(&path), "RGFF");
        // As a full disk leaves it.
        torn.write_all(&[0, 0, 9, 9, 8, 1, 2, 3]).unwrap();
        assert_eq!(messages(&path), "RGFF!", "the control");
        back.publish(masked(2));
        back.end(&crate::capture::Clock::system());
        assert_eq!(messages(&path), "RGFFFF");
    }
}
