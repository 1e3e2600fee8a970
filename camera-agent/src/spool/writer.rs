//! The spool's own thread: it writes frames, syncs now and then, and removes what the relay has or what is too much. Nobody waits for it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use wire::id::Digest;
use wire::message::Message;

use super::books::{Volume, Why};
use super::entry;
use super::uptime::Uptime;
use super::volume;
use super::{Config, NotSpooled, Run, Shared};
use crate::sign::Signed;

/// How often it looks what is to be removed or synced.
const LOOK: Duration = Duration::from_millis(200);

/// After a failure to write, how long until the next attempt.
const RETRY: Duration = Duration::from_secs(1);

/// The subscription in entries: it means nothing here.
const NONE: u32 = 0;

/// The volume that is written.
struct Open {
    file: File,
    session: u64,
    bytes: u64,
    begun: Instant,
    /// The record in force, once there is one.
    record: Option<Digest>,
}

/// Frames that a power cut would take.
struct Unsynced {
    files: Vec<File>,
    /// Some of them, session and sequence, and when they were written.
    marks: VecDeque<(u64, u64, Instant)>,
    /// New files, whose folder was not synced.
    folder: bool,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    open: Option<Open>,
    number: u64,
    /// The group that is given up, and why.
    broken: Option<NotSpooled>,
    retry_at: Option<Instant>,
    unsynced: Unsynced,
    looked: Instant,
    buffer: Vec<u8>,
}

impl Unsynced {
    fn wrote(&mut self, session: u64, sequence: u64) {
        let now = Instant::now();
        if self.marks.back().is_none_or(|(_, _, at)| now.duration_since(*at) >= LOOK) {
            self.marks.push_back((session, sequence, now));
        }
    }

    /// How long the oldest of them that the relay has not acknowledged is there, given the oldest of all that it has not.
    fn age(&mut self, oldest: Option<(u64, u64)>) -> Option<Duration> {
        let Some(oldest) = oldest else {
            self.marks.clear();
            self.files.clear();
            return None;
        };
        while self.marks.get(1).is_some_and(|(session, sequence, _)| (*session, *sequence) <= oldest) {
            self.marks.pop_front();
        }
        self.marks.front().map(|(_, _, at)| at.elapsed())
    }
}

impl Writer {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let unsynced = Unsynced { files: Vec::new(), marks: VecDeque::new(), folder: false };
        Self { shared, open: None, number: 0, broken: None, retry_at: None, unsynced, looked: Instant::now(), buffer: Vec::new() }
    }

    /// Lists what an earlier run left behind.
    pub(super) fn find(&mut self) {
        if let Err(error) = self.try_find() {
            self.failed(&error);
        }
    }

    fn try_find(&mut self) -> io::Result<()> {
        let folder = &self.shared.config.dir;
        volume::make_folder(folder)?;
        let (now, uptime) = (Instant::now(), Uptime::now());
        let mut bytes = 0;
        for (number, size) in volume::list(folder)? {
            self.number = number;
            let path = volume::path(folder, number);
            match volume::begun(&path) {
                Ok(Some(begun)) => {
                    let begun = now.checked_sub(begun.age(uptime)).unwrap_or(now);
                    self.shared.books().volumes.push_back(Volume::found(number, path, size, begun));
                    bytes += size;
                }
                // Its beginning was torn: nothing behind it can be read.
                Ok(None) => {
                    self.shared.books().dropped.torn_bytes += size;
                    std::fs::remove_file(&path)?;
                }
                Err(error) => return Err(error),
            }
        }
        if bytes > 0 {
            tracing::info!(bytes, "an earlier run left frames that the relay may not have; they are sent behind live ones");
        }
        Ok(())
    }

    /// Writes what comes until nobody sends any more, and tends to the rest until told to stop.
    pub(super) fn run(mut self, receiver: &Receiver<Signed>) {
        loop {
            match receiver.recv_timeout(LOOK) {
                Ok(signed) => {
                    self.shared.load.removed(signed.frame.bytes().len());
                    self.frame(&signed);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.looked.elapsed() >= LOOK {
                self.tend();
            }
        }
        self.close();
        self.tend();
        self.shared.closed();
        // Nobody is left who could acknowledge anything, or stop it, when this is the last one who knows the spool.
        while Arc::strong_count(&self.shared) > 1 && !self.shared.wait_for_stop(LOOK) {
            self.tend();
        }
        self.tend();
    }

    fn frame(&mut self, signed: &Signed) {
        let header = signed.frame.header();
        if header.flags.key {
            self.broken = None;
        }
        if let Some(reason) = self.broken {
            return self.shared.not_spooled(reason, 1);
        }
        if let Err(error) = self.write(signed) {
            // What was written of the group before is good; the rest of it would have a hole in front.
            self.broken = Some(NotSpooled::Disk);
            self.shared.not_spooled(NotSpooled::Disk, 1);
            self.failed(&error);
        }
    }

    fn write(&mut self, signed: &Signed) -> io::Result<()> {
        let (frame, header) = (&signed.frame, signed.frame.header());
        let (session, key) = (frame.context().session.number, header.flags.key);
        if key {
            self.make_room(session)?;
        }
        let Some(open) = &mut self.open else { return Err(io::Error::other("its group has no beginning here")) };
        self.buffer.clear();
        if open.record != Some(signed.announcement.digest) {
            for message in signed.announcement.messages(NONE) {
                entry::put(&mut self.buffer, &[&message.encode()]);
            }
        }
        entry::put(&mut self.buffer, &[&Message::frame_head(NONE, session), frame.bytes()]);
        if let Err(error) = open.file.write_all(&self.buffer) {
            // Nothing half-written stays; if that cannot be, the volume ends here.
            let whole = open.file.set_len(open.bytes);
            if whole.is_err() {
                self.close();
            }
            return Err(error);
        }
        open.bytes += u64::try_from(self.buffer.len()).unwrap_or(0);
        open.record = Some(signed.announcement.digest);
        self.buffer.shrink_to(1 << 20);
        self.unsynced.wrote(session, header.sequence);
        let (run, bytes) = (Run { session, first: header.sequence, last: header.sequence }, open.bytes);
        let mut books = self.shared.books();
        books.wrote(run, key, bytes);
        let solved = books.problem.take().is_some();
        if bytes > 2 * self.shared.config.volume_bytes {
            self.shared.key_wish.store(true, Ordering::Relaxed);
        }
        drop(books);
        if solved {
            tracing::info!("the spool can be written again");
        }
        tracing::trace!(session, sequence = header.sequence, "spooled");
        Ok(())
    }

    /// Before a key frame: sees to it that a volume of this session is open and not too large.
    fn make_room(&mut self, session: u64) -> io::Result<()> {
        let Config { volume_bytes, volume_age, .. } = self.shared.config;
        let fits = |open: &Open| open.session == session && open.bytes < volume_bytes && open.begun.elapsed() < volume_age;
        if self.open.as_ref().is_some_and(fits) {
            return Ok(());
        }
        self.close();
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Err(io::Error::other("it was tried a moment ago"));
        }
        volume::make_folder(&self.shared.config.dir)?;
        self.number += 1;
        let path = volume::path(&self.shared.config.dir, self.number);
        let (file, bytes) = volume::create(&path)?;
        self.retry_at = None;
        let mut volume = Volume::found(self.number, path, bytes, Instant::now());
        volume.open = true;
        self.shared.books().volumes.push_back(volume);
        self.unsynced.folder = true;
        self.open = Some(Open { file, session, bytes, begun: Instant::now(), record: None });
        Ok(())
    }

    fn close(&mut self) {
        if let Some(open) = self.open.take() {
            self.shared.books().close();
            self.unsynced.files.push(open.file);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.retry_at.get_or_insert_with(|| Instant::now() + RETRY);
        if self.retry_at.is_some_and(|at| Instant::now() >= at) {
            self.retry_at = Some(Instant::now() + RETRY);
        }
        let mut books = self.shared.books();
        if books.problem.is_none() {
            let folder = self.shared.config.dir.display();
            tracing::error!(
                "the spool in {folder} cannot be written: {error}. Live goes on; what the relay does not get now is lost. It is tried again by itself"
            );
        }
        books.problem = Some(error.to_string());
    }

    /// Does what is due.
    fn tend(&mut self) {
        self.looked = Instant::now();
        let gone = self.shared.books().dismiss(&self.shared.config, Instant::now());
        for (volume, why) in gone {
            self.remove(volume, why);
        }
        // What the relay has by then is not worth a sync: while it keeps up there is none.
        let oldest = self.shared.books().oldest();
        if self.unsynced.age(oldest).is_some_and(|age| age >= self.shared.config.sync)
            && let Err(error) = self.sync()
        {
            tracing::warn!(%error, "the spool cannot be synced: a power cut now would lose what the relay has not acknowledged");
        }
    }

    /// Waits until everything is on the disk.
    fn sync(&mut self) -> io::Result<()> {
        self.unsynced.marks.clear();
        for file in self.unsynced.files.drain(..) {
            file.sync_data()?;
        }
        if let Some(open) = &self.open {
            open.file.sync_data()?;
        }
        if std::mem::take(&mut self.unsynced.folder) {
            File::open(&self.shared.config.dir)?.sync_all()?;
        }
        self.shared.books().syncs += 1;
        Ok(())
    }

    fn remove(&self, volume: Volume, why: Why) {
        let unacknowledged = match (&volume.contents, why) {
            (_, Why::Done) => 0,
            (Some(_), _) => volume.unacknowledged(),
            // Never looked into: it is, to say how much is lost.
            (None, _) => volume::scan(&volume.path, volume.bytes).map_or(0, |scan| scan.groups.iter().map(|group| group.frames).sum()),
        };
        match why {
            Why::Done => {}
            Why::Age => self.shared.not_spooled(NotSpooled::Age, unacknowledged),
            Why::Full => self.shared.not_spooled(NotSpooled::Full, unacknowledged),
        }
        match std::fs::remove_file(&volume.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %volume.path.display(), %error, "a file of the spool cannot be removed");
            }
            _ => {}
        }
    }
}
