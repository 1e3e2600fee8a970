//! The spool: signed frames on the agent's own disk, until the relay says that it has them on its own.
//!
//! ```text
//! pipeline ──▶ intake (bounded, never waits) ──▶ thread ──▶ volumes on disk ──▶ cursor ──▶ backfill
//!                                                             │  ▲
//!                                         too old, too many ◀─┘  └── acknowledged: gone
//! ```
//!
//! What lies there is what is sent: the masked picture, sealed layers, grants. Nothing is ever there in clear, and no key.
//!
//! **What is kept.** Every frame is written when it is signed, its epoch's record and grants before it, and goes when the relay has acknowledged
//! its volume (some seconds of frames). Bounds of bytes and age drop whole volumes, so whole groups, the oldest first. Age is of the machine's
//! uptime: no step of a clock makes a frame old.
//!
//! **What is synced.** Nothing, while the relay acknowledges within [`SYNC`]: then hardly anything is written to the disk at all, since the
//! files are gone before the system would write them out. What waits longer is synced, at most once in that time. So a kill of the agent
//! loses what was signed and not yet handed to the system (a frame, usually; at most the intake), and a power cut what was written in the
//! last [`SYNC`] and not acknowledged.

mod entry;
mod ranges;
mod uptime;
mod volume;

mod books;
mod cursor;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::sign::Signed;
use books::Books;
pub use cursor::{Again, Cursor, Next};
use writer::Writer;

/// The folder of an agent's spool, in the agent's own.
pub const FOLDER: &str = "spool";

/// Bytes on the disk, unless the config says otherwise.
pub const BYTES: u64 = 2_000_000_000;

/// How long a frame is kept, unless the config says otherwise.
pub const AGE: Duration = Duration::from_secs(24 * 3600);

/// What share of the path backfill may take, unless the config says otherwise.
pub const SHARE: f64 = 0.25;

/// How old a frame that the relay has not acknowledged is at most when it is synced.
pub const SYNC: Duration = Duration::from_secs(5);

/// How large a volume gets before the next group begins another: what the relay has is removed by volumes.
const VOLUME_BYTES: u64 = 8 << 20;

/// How long a volume is written.
const VOLUME_AGE: Duration = Duration::from_secs(10);

/// What may wait for the thread: some seconds of frames, or 32 MB.
const INTAKE: (usize, usize) = (256, 32 << 20);

/// How long the last frames may take to be written when the agent stops.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where the spool lies, and its bounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its folder, for it alone.
    pub dir: PathBuf,
    /// How many bytes may lie there.
    pub bytes: u64,
    /// How long a frame is kept.
    pub age: Duration,
    /// What share of the path backfill may take, above 0 to 1.
    pub share: f64,
    /// How old a frame that the relay has not acknowledged is at most when it is synced.
    pub sync: Duration,
    /// How large a volume gets.
    pub volume_bytes: u64,
    /// How long it is written.
    pub volume_age: Duration,
}

impl Config {
    /// With the usual bounds, in an agent's folder.
    #[must_use]
    pub fn new(agent: &Path) -> Self {
        let dir = agent.join(FOLDER);
        Self { dir, bytes: BYTES, age: AGE, share: SHARE, sync: SYNC, volume_bytes: VOLUME_BYTES, volume_age: VOLUME_AGE }
    }

    /// With this bound in bytes; volumes are small against it.
    #[must_use]
    pub fn bounded(self, bytes: u64) -> Self {
        Self { bytes, volume_bytes: VOLUME_BYTES.min(bytes / 16), ..self }
    }
}

/// How many bytes lie in a spool's folder; none where there is no such folder.
///
/// # Errors
/// It cannot be read.
pub fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    match volume::list(folder) {
        Ok(volumes) => Ok(volumes.iter().map(|(_, bytes)| bytes).sum()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

/// Frames of one session, from the first to the last of these sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The session's number.
    pub session: u64,
    /// The first sequence.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// Why a frame is not in the spool, or not any more, though the relay has not acknowledged it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NotSpooled {
    Behind,
    Disk,
    Age,
    Full,
}

/// Frames that the spool does not have and the relay did not acknowledge, by reason. Those that were sent live may have arrived all the
/// same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Drops {
    /// The disk was too slow.
    pub behind: u64,
    /// The disk took no more.
    pub disk: u64,
    /// They were kept as long as the config says.
    pub age: u64,
    /// There were as many bytes as the config says.
    pub full: u64,
    /// Bytes, not frames: what could not be read again, torn by a power cut.
    pub torn_bytes: u64,
}

/// How the spool is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Status {
    /// Frames that the relay has not acknowledged; those of earlier runs count once they were looked into.
    pub waiting: u64,
    /// Bytes on the disk, what is acknowledged and not removed yet included.
    pub bytes: u64,
    /// Frames written.
    pub spooled: u64,
    /// Frames that the relay acknowledged.
    pub acknowledged: u64,
    /// Frames sent again.
    pub backfilled: u64,
    /// How often something was synced.
    pub syncs: u64,
    /// Frames that are lost unless they arrived live.
    pub dropped: Drops,
    /// Why it cannot be written, if it cannot.
    pub problem: Option<String>,
    /// Why the relay does not acknowledge, if it does not.
    pub not_storing: Option<String>,
}

/// The spool. Clones share it.
#[derive(Clone)]
pub struct Spool(Arc<Shared>);

struct Shared {
    config: Config,
    books: Mutex<Books>,
    load: Load,
    /// A group has become larger than a volume should be: the next frame should open one.
    key_wish: AtomicBool,
    end: Mutex<End>,
    changed: Condvar,
}

/// How it comes to its end.
#[derive(Default)]
struct End {
    closed: bool,
    stop: bool,
}

/// What waits for the thread.
#[derive(Default)]
struct Load(AtomicUsize);

impl Load {
    fn add(&self, bytes: usize) -> bool {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        // One frame always fits.
        if before == 0 || before.saturating_add(bytes) <= INTAKE.1 {
            return true;
        }
        self.removed(bytes);
        false
    }

    fn removed(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Where frames go in. Dropping it closes the spool's last volume.
pub struct Intake {
    sender: SyncSender<Signed>,
    spool: Spool,
    /// A frame of the running group was dropped: the rest of it is worth nothing here.
    broken: bool,
}

impl Intake {
    /// Takes a frame in, or drops it and the rest of its group. Never waits.
    pub fn offer(&mut self, signed: &Signed) {
        let (key, bytes) = (signed.frame.header().flags.key, signed.frame.bytes().len());
        self.broken &= !key;
        if self.broken || !self.spool.0.load.add(bytes) {
            self.broken = true;
            return self.spool.0.not_spooled(NotSpooled::Behind, 1);
        }
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = self.sender.try_send(signed.clone()) {
            self.spool.0.load.removed(bytes);
            self.broken = true;
            self.spool.0.not_spooled(NotSpooled::Behind, 1);
        }
    }

    /// Whether the next frame should open a group, so that groups can be dropped at all. Asking takes the wish away.
    pub fn wants_key_frame(&mut self) -> bool {
        self.spool.0.key_wish.swap(false, Ordering::Relaxed)
    }
}

impl fmt::Debug for Intake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Intake({:?})", self.spool)
    }
}

impl Spool {
    /// Opens the spool, with what an earlier run left in it, and starts its thread. A folder that cannot be used is no error: it is said, and
    /// tried again.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn open(config: Config) -> std::io::Result<(Self, Intake)> {
        let (sender, receiver) = sync_channel(INTAKE.0);
        let shared = Arc::new(Shared {
            config,
            books: Mutex::default(),
            load: Load::default(),
            key_wish: AtomicBool::new(false),
            end: Mutex::default(),
            changed: Condvar::new(),
        });
        let mut writer = Writer::new(Arc::clone(&shared));
        writer.find();
        std::thread::Builder::new().name("spool".to_owned()).spawn(move || writer.run(&receiver))?;
        let spool = Self(shared);
        Ok((spool.clone(), Intake { sender, spool, broken: false }))
    }

    /// A new connection: nothing is on its way.
    pub fn connected(&self) {
        self.books().connected();
    }

    /// A live frame was handed over to the transport.
    pub fn sent(&self, session: u64, sequence: u64, bytes: usize) {
        let run = Run { session, first: sequence, last: sequence };
        self.books().settled(run, Some(u64::try_from(bytes).unwrap_or(u64::MAX)), Instant::now());
    }

    /// A live frame will not be sent live, nor those before it that were not.
    pub fn passed_over(&self, session: u64, sequence: u64) {
        self.books().settled(Run { session, first: sequence, last: sequence }, None, Instant::now());
    }

    /// Live frames were handed over, and then their group was given up.
    pub fn taken_back(&self, run: Run) {
        self.books().taken_back(run);
    }

    /// There are no more live frames.
    pub fn all_settled(&self) {
        self.books().all_settled();
    }

    /// The relay has these frames on disk.
    pub fn acknowledge(&self, run: Run) {
        let mut books = self.books();
        let stored_nothing = books.not_storing.is_some();
        let newly = books.acknowledge(run, Instant::now());
        drop(books);
        if stored_nothing {
            tracing::info!("the relay stores again");
        }
        tracing::debug!(session = run.session, first = run.first, last = run.last, newly, "acknowledged");
    }

    /// The relay says that it stores nothing at the moment.
    pub fn not_storing(&self, why: &str) {
        tracing::warn!(%why, "the relay stores nothing at the moment: frames are kept here, and sent again");
        self.books().not_storing(why.to_owned(), Instant::now());
    }

    /// Somebody who sends again what the relay does not have.
    #[must_use]
    pub fn cursor(&self) -> Cursor {
        Cursor::new(self.clone())
    }

    /// A group of the cursor's was handed over to the transport, or could not be.
    pub fn landed(&self, run: Run, sent: bool) {
        self.books().landed(run, sent.then(Instant::now));
    }

    /// What share of the path backfill may take.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.0.config.share
    }

    /// Whether the relay has everything.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.books().is_settled()
    }

    /// Waits, after the intake was dropped, until everything is written (a few seconds at most), and ends the thread. Blocks.
    pub fn stop(&self) {
        let mut end = self.0.end();
        end.stop = true;
        self.0.changed.notify_all();
        let until = Instant::now() + PATIENCE;
        while !end.closed && Instant::now() < until {
            end = self.0.changed.wait_timeout(end, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let books = self.books();
        Status {
            waiting: books.volumes.iter().map(books::Volume::unacknowledged).sum(),
            bytes: books.volumes.iter().map(|volume| volume.bytes).sum(),
            spooled: books.spooled,
            acknowledged: books.acknowledged,
            backfilled: books.backfilled,
            syncs: books.syncs,
            dropped: books.dropped,
            problem: books.problem.clone(),
            not_storing: books.not_storing.clone(),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.books()
    }
}

impl fmt::Debug for Spool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spool({})", self.0.config.dir.display())
    }
}

impl Shared {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_spooled(&self, reason: NotSpooled, frames: u64) {
        let total = {
            let mut books = self.books();
            let Drops { behind, disk, age, full, .. } = &mut books.dropped;
            let counter = match reason {
                NotSpooled::Behind => behind,
                NotSpooled::Disk => disk,
                NotSpooled::Age => age,
                NotSpooled::Full => full,
            };
            let before = *counter;
            *counter += frames;
            (before, *counter)
        };
        // Said at the first, then at every doubling.
        if total.0.checked_ilog2() != total.1.checked_ilog2() {
            let why = match reason {
                NotSpooled::Behind => "the spool's disk is too slow",
                NotSpooled::Disk => "the spool's disk takes no more",
                NotSpooled::Age => "they waited longer for the relay than spool.age says",
                NotSpooled::Full => "more waited for the relay than spool.bytes says",
            };
            tracing::warn!(frames = total.1, "frames are lost to the recording: {why}");
        }
    }

    /// Everything was written.
    fn closed(&self) {
        self.end().closed = true;
        self.changed.notify_all();
    }

    /// Waits so long, or until it is told to stop; says whether it was.
    fn wait_for_stop(&self, within: Duration) -> bool {
        let end = self.end();
        if end.stop {
            return true;
        }
        self.changed.wait_timeout(end, within).unwrap_or_else(PoisonError::into_inner).0.stop
    }
}
