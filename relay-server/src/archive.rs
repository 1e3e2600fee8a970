//! The archive: what was verified, on disk, in the order of each camera's sessions and sequences.
//!
//! Every camera has append-only segments of at most a minute, each closed with a receipt that the relay key signs over the frames in it,
//! and never changed afterwards. A segment stands alone: whoever has the file and the operator's root certificate can verify it. The
//! index only saves opening files; it can be rebuilt from them.
//!
//! One thread writes for all cameras. The async side hands frames to it through a bounded queue and never waits: what does not fit is not
//! stored, is counted, and shows as a gap later; live goes on. When the disk fails, storing stops and is tried again by itself.
//!
//! In reading order: where frames stand ([`place`]), the file ([`segment`]), what is known of it ([`index`]), how frames go in
//! ([`Archive::store_frame`] → queue → desk → lane → [`disk`]), what a crash leaves behind, and how frames come out ([`range`]).

pub mod place;

pub mod segment;

mod contents;
pub mod index;

mod shelf;

pub mod counters;
mod queue;

mod budget;
mod groups;
mod lane;

pub mod held;

mod desk;
mod retention;
mod writer;

mod mend;
pub mod recover;

pub mod range;
mod recorder;

pub mod disk;
pub mod settings;
pub mod time;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use wire::frame::SignedFrame;
use wire::id::{CameraId, Digest, Micros, Name};
use wire::message;
use wire::verify::{Record, Verified};

use crate::clock::Clock;
use crate::verify::Tidings;

use counters::Counters;
use desk::{Numbers, Tools};
use disk::Disk;
use held::Stretches;
use index::Index;
use mend::Mender;
use queue::{Job, Load, Queue};
use shelf::{Shelf, lock};
use writer::{Shelves, Writer};

pub use counters::NotStored;
pub use held::Held;
pub use place::{Place, Run};
pub use range::{Asked, Range};
pub use recover::{Error, Opened};
pub use settings::Config;
pub use time::Monotonic;

/// How long a reader waits at most until it can see the newest frames. The archive's thread flushes by itself about as often.
const FLUSH_WAIT: Duration = Duration::from_millis(200);

/// How many frames the thread takes from the queue before it looks what else is due.
const BATCH: usize = 256;

/// How long the thread looks away at most.
const LOOK: Duration = Duration::from_secs(1);

/// How long the thread gathers frames before it looks again: it is not woken for each.
const GATHER: Duration = Duration::from_millis(5);

/// The archive. Clones share it.
#[derive(Clone)]
pub struct Archive(Arc<Shared>);

struct Shared {
    folder: PathBuf,
    queue: Queue,
    shelves: Arc<Shelves>,
    index: Arc<dyn Index>,
    counters: Arc<Counters>,
    storing: Arc<Storing>,
    opened: Opened,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Whether frames are being stored, and if not, why.
#[derive(Default)]
struct Storing {
    stopped: AtomicBool,
    problem: Mutex<Option<String>>,
}

impl Storing {
    fn set(&self, problem: Option<String>) {
        self.stopped.store(problem.is_some(), Ordering::Relaxed);
        *lock(&self.problem) = problem;
    }
}

/// Tells if the archive's thread breaks down.
struct Watch(Arc<Storing>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(Some("the archive's thread broke down: restart the relay, and report what its log says".to_owned()));
        }
    }
}

/// What a camera has in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Which camera.
    pub camera: CameraId,
    /// Its name, if it is known.
    pub name: Option<Name>,
    /// Segments, open ones included.
    pub segments: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Frames in them.
    pub frames: u64,
    /// The earliest and the latest capture time, by the camera's clock.
    pub times: Option<(Micros, Micros)>,
}

impl Archive {
    /// Opens the archive, puts in order what a crash left behind, and starts its thread. Blocks on the disk: usually a moment, longer
    /// after a crash (some tenths of a second per camera) or when the index must be rebuilt (every segment is read once).
    ///
    /// # Errors
    /// When the folder cannot be used, or another process has the archive open.
    pub fn open(config: Config, key: SigningKey, clock: Clock, monotonic: Monotonic) -> Result<Self, Error> {
        Self::open_on(Arc::new(disk::System), config, key, clock, monotonic)
    }

    /// [`Self::open`] on a disk of the caller's.
    ///
    /// # Errors
    /// As there.
    pub fn open_on(disk: Arc<dyn Disk>, config: Config, key: SigningKey, clock: Clock, monotonic: Monotonic) -> Result<Self, Error> {
        let (writer, shared, receiver, load) = prepare(disk, config, key, clock)?;
        let watch = Watch(Arc::clone(&shared.storing));
        let run = move || {
            let _watch = watch;
            run(writer, &receiver, &load, &monotonic);
        };
        let thread = std::thread::Builder::new().name("archive".to_owned()).spawn(run).map_err(Error::Thread)?;
        *lock(&shared.thread) = Some(thread);
        Ok(Self(Arc::new(shared)))
    }

    /// Says who a camera is: its name and certificates, for the segments to come. Before its first frame, and when a revocation list is
    /// renewed.
    pub fn store_camera(&self, camera: CameraId, message: message::Camera) {
        lock(&self.shelf_or_new(camera).papers).set_camera(message);
    }

    /// Whom to tell what of a camera's frames is on disk, what cannot be, and when nothing is.
    pub fn tell_camera(&self, camera: CameraId, tidings: Arc<Tidings>) {
        self.shelf_or_new(camera).tell(Arc::clone(&tidings));
        if let Some(problem) = self.problem() {
            tidings.problem(Some(problem));
        }
    }

    /// Keeps an epoch's record and grants for the frames under it. They are on disk before the first of these frames is written.
    ///
    /// # Errors
    /// [`NotStored::Grants`] when these are not the grants that the record names.
    pub fn store_record(&self, record: Arc<Verified<Record>>, grants: message::Grants) -> Result<(), NotStored> {
        let shelf = self.shelf_or_new(record.record().camera);
        let kept = lock(&shelf.papers).add(record, grants);
        kept.inspect_err(|reason| self.0.counters.count(*reason))
    }

    /// Hands a frame over to be stored. Never waits; what comes of it later (a fork, a disk that fails), the counters and the log say.
    ///
    /// # Errors
    /// When it is not taken in. The rest of its group is not either.
    pub fn store_frame(&self, frame: Arc<Verified<SignedFrame>>) -> Result<(), NotStored> {
        let taken = match self.shelf(frame.context().camera) {
            Some(shelf) => {
                let open = if self.0.storing.stopped.load(Ordering::Relaxed) { Err(NotStored::Disk) } else { Ok(()) };
                self.0.queue.offer(&shelf, frame, open)
            }
            None => Err(NotStored::NoCamera),
        };
        taken.inspect_err(|reason| self.0.counters.count(*reason))
    }

    /// Whether a frame with this place is held, as far as memory tells. Frames that still wait in the queue count as not held.
    #[must_use]
    pub fn held(&self, camera: CameraId, place: Place, digest: Digest) -> Held {
        self.shelf(camera).map_or(Held::No, |shelf| held::recall(&lock(&shelf.view), place, digest))
    }

    /// Whether a frame with this place is held. Where memory does not tell, about a second of a segment is read: this blocks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn look_up(&self, camera: CameraId, place: Place, digest: Digest) -> Result<Held, held::Error> {
        let Some(shelf) = self.shelf(camera) else { return Ok(Held::No) };
        let found = Stretches::default().look_up(&shelf, &*self.0.index, &self.0.folder, place, true)?;
        Ok(Held::of(found, digest))
    }

    /// Which of a camera's newest frames are on disk for certain, in runs without a hole, the newest last. Trails by at most the sync
    /// interval; never names a frame that is not there.
    #[must_use]
    pub fn synced(&self, camera: CameraId) -> Vec<Run> {
        self.shelf(camera).map_or_else(Vec::new, |shelf| lock(&shelf.view).synced.iter().copied().collect())
    }

    /// Reads a range. This and the range itself block: use them on a thread of their own.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub fn range(&self, camera: CameraId, asked: Asked) -> Result<Range, range::Error> {
        let Some(shelf) = self.shelf(camera) else { return Ok(Range::empty()) };
        self.flush();
        Range::new(&shelf, asked, &self.0.index, &self.0.folder, Arc::clone(&self.0.counters))
    }

    /// A camera's newest epoch here, with all its grants; `None` if nothing of it is stored. Blocks on the disk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn newest_epoch(&self, camera: CameraId) -> Result<Option<Arc<range::Epoch>>, range::Error> {
        let Some(shelf) = self.shelf(camera) else { return Ok(None) };
        range::newest_epoch(&shelf, &*self.0.index, &self.0.folder)
    }

    /// Waits, for a moment at most, until readers can see the newest frames.
    fn flush(&self) {
        let (sender, receiver) = sync_channel(1);
        if self.0.queue.ask(Job::Flush(sender)) {
            // Too late is no harm: the newest tenth of a second is missing then.
            let _ = receiver.recv_timeout(FLUSH_WAIT);
        }
    }

    /// What every camera has.
    #[must_use]
    pub fn stats(&self) -> Vec<Stats> {
        let shelves: Vec<_> = lock(&self.0.shelves).values().cloned().collect();
        let mut stats: Vec<Stats> = shelves.iter().map(|shelf| stats(shelf)).collect();
        stats.sort_by(|a, b| (&a.name, a.camera).cmp(&(&b.name, b.camera)));
        stats
    }

    /// The numbers for the metrics.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// Why frames are not being stored at the moment; `None` if they are.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        lock(&self.0.storing.problem).clone()
    }

    /// What was found when it was opened.
    #[must_use]
    pub fn opened(&self) -> &Opened {
        &self.0.opened
    }

    /// Stores what is in the queue, closes every segment with its receipt, and ends the thread. Blocks until that is done.
    pub fn stop(&self) {
        let thread = lock(&self.0.thread).take();
        if let Some(thread) = thread {
            self.0.queue.insist(Job::Stop);
            if thread.join().is_err() {
                tracing::error!("the archive's thread broke down; what it left behind is put in order at the next start");
            }
        }
    }

    fn shelf(&self, camera: CameraId) -> Option<Arc<Shelf>> {
        lock(&self.0.shelves).get(&camera).cloned()
    }

    fn shelf_or_new(&self, camera: CameraId) -> Arc<Shelf> {
        Arc::clone(lock(&self.0.shelves).entry(camera).or_insert_with(|| Arc::new(Shelf::new(camera))))
    }
}

fn stats(shelf: &Shelf) -> Stats {
    let camera = shelf.camera;
    let told = lock(&shelf.papers).camera().map(|(name, _)| name.clone());
    let view = lock(&shelf.view);
    let segments = || view.closed.values().chain(view.open.values().map(|open| &open.segment));
    Stats {
        camera,
        name: told.or_else(|| segments().last().map(|segment| segment.name.clone())),
        segments: u64::try_from(segments().count()).unwrap_or(u64::MAX),
        bytes: segments().map(|segment| segment.bytes).sum(),
        frames: segments().map(|segment| segment.frames).sum(),
        times: view.times(),
    }
}

/// Everything but the thread.
fn prepare(
    disk: Arc<dyn Disk>,
    config: Config,
    key: SigningKey,
    clock: Clock,
) -> Result<(Writer, Shared, Receiver<Job>, Arc<Load>), Error> {
    let folder = config.archive();
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| Error::Io { path: folder.display().to_string(), source })?;
    let (database, moved_to) = index::Database::open(&config.index(), clock.now())?;
    if let Some(aside) = &moved_to {
        tracing::error!(moved_to = %aside.display(), "the archive's index is broken: it was moved aside and is rebuilt from the segments");
    }
    let index: Arc<dyn Index> = Arc::new(database);
    let mut opened = Opened { index_moved_to: moved_to, ..Opened::default() };
    let mender = Mender { disk: &*disk, key: &key, now: clock.now() };
    let found = recover::recover(&folder, &*index, &mender, &mut opened)?;
    let counters = Arc::new(Counters::default());
    counters.torn.store(opened.mended + opened.removed, Ordering::Relaxed);
    counters.torn_bytes.store(opened.torn_bytes, Ordering::Relaxed);
    counters.damaged.store(opened.damaged, Ordering::Relaxed);
    let mut shelves: HashMap<CameraId, Arc<Shelf>> = HashMap::new();
    for (camera, number, segment) in found.segments {
        let shelf = shelves.entry(camera).or_insert_with(|| Arc::new(Shelf::new(camera)));
        lock(&shelf.view).closed.insert(number, segment);
    }
    let (shelves, storing) = (Arc::new(Mutex::new(shelves)), Arc::new(Storing::default()));
    let (queue, receiver, load) = Queue::new(config.queue_frames, config.queue_bytes);
    let tools = Tools { config, archive: folder.clone(), disk, index: Arc::clone(&index), key, clock, counters: Arc::clone(&counters) };
    let writer = Writer::new(tools, Arc::clone(&shelves), Arc::clone(&storing), Numbers(found.numbers));
    let shared = Shared { folder, queue, shelves, index, counters, storing, opened, thread: Mutex::new(None) };
    Ok((writer, shared, receiver, load))
}

/// The archive's thread. Ends when told to, or when the last handle is gone.
fn run(mut writer: Writer, receiver: &Receiver<Job>, load: &Load, monotonic: &Monotonic) {
    let mut waiting = Vec::new();
    loop {
        let idle = writer.idle(monotonic.now()).clamp(GATHER, LOOK);
        let mut gathered = false;
        for at in 0..BATCH {
            match receiver.recv_timeout(if at == 0 { idle } else { Duration::ZERO }) {
                Ok(Job::Frame(shelf, frame)) => {
                    load.taken(&shelf, &frame);
                    writer.frame(&shelf, &frame, monotonic.now());
                    gathered = true;
                }
                Ok(Job::Flush(answer)) => waiting.push(answer),
                Err(RecvTimeoutError::Timeout) => break,
                Ok(Job::Stop) | Err(RecvTimeoutError::Disconnected) => return writer.finish(monotonic.now()),
            }
        }
        if waiting.is_empty() {
            writer.tick(monotonic.now());
        } else {
            writer.flush(monotonic.now());
            for answer in waiting.drain(..) {
                // Whoever asked may have given up.
                let _ = answer.try_send(());
            }
        }
        if gathered {
            std::thread::sleep(GATHER);
        }
    }
}
