//! An archive without its thread: the test is the thread, and its clocks are the test's.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use tempfile::TempDir;
use wire::frame::SignedFrame;
use wire::id::{CameraId, Micros};
use wire::verify::Verified;

use super::agent::{Agent, NOON, Shot};
use crate::archive::disk::{Disk, System};
use crate::archive::range::{Asked, Cause, Item};
use crate::archive::writer::Writer;
use crate::archive::{Archive, Config, Opened, Place, prepare};
use crate::clock::Clock;

pub const RELAY_KEY: [u8; 32] = [0xee; 32];

/// Everything in an archive.
pub const EVERYTHING: Asked = Asked { from: Micros(0), to: Micros(u64::MAX), key_frames_only: false };

/// A folder that outlives the archives in it.
pub struct Bench {
    pub _folder: TempDir,
    pub config: Config,
    /// Milliseconds on the relay's monotonic clock; its wall clock goes along.
    pub now: Arc<AtomicU64>,
}

impl Default for Bench {
    fn default() -> Self {
        // In memory where there is such a folder: these tests open thousands of archives.
        let shared = std::path::Path::new("/dev/shm");
        let folder = if shared.is_dir() { tempfile::tempdir_in(shared) } else { tempfile::tempdir() }.unwrap();
        let config = Config { turns_per_second: 1000, ..Config::new(folder.path(), 1 << 40, 0) };
        Self { _folder: folder, config, now: Arc::default() }
    }
}

impl Bench {
    pub fn open(&self) -> Rig {
        self.open_on(Arc::new(System))
    }

    pub fn open_on(&self, disk: Arc<dyn Disk>) -> Rig {
        let key = SigningKey::from_bytes(&RELAY_KEY);
        let (writer, shared, _, _) = prepare(disk, self.config.clone(), key, self.clock()).unwrap();
        Rig { writer, archive: Archive(Arc::new(shared)), now: Arc::clone(&self.now) }
    }

    pub fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Clock::of(move || Micros(NOON + now.load(Ordering::Relaxed) * 1000))
    }

    /// The files of a camera, in order.
    pub fn files(&self, name: &str) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(self.config.archive().join(name));
        let mut files: Vec<_> = folder.map(|folder| folder.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default();
        files.sort();
        files
    }

    pub fn forget_index(&self) {
        std::fs::remove_file(self.config.index()).unwrap();
    }
}

pub struct Rig {
    pub writer: Writer,
    pub archive: Archive,
    pub now: Arc<AtomicU64>,
}

impl Rig {
    pub fn now(&self) -> Duration {
        Duration::from_millis(self.now.load(Ordering::Relaxed))
    }

    /// So much later everything that is due is done.
    pub fn wait(&mut self, time: Duration) {
        self.now.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
        self.writer.tick(self.now());
    }

    pub fn introduce(&self, agent: &Agent) {
        self.archive.store_camera(agent.camera(), agent.message());
        self.archive.store_record(Arc::clone(&agent.record), agent.grants.clone()).unwrap();
    }

    pub fn store(&mut self, agent: &Agent, shots: &[Shot]) {
        self.introduce(agent);
        self.put(agent.camera(), shots);
    }

    pub fn put(&mut self, camera: CameraId, shots: &[Shot]) {
        let shelf = self.archive.shelf(camera).unwrap();
        for shot in shots {
            self.writer.frame(&shelf, shot, self.now());
        }
    }

    pub fn flush(&mut self) {
        self.writer.flush(self.now());
    }

    pub fn finish(mut self) {
        self.writer.finish(self.now());
    }

    pub fn read(&self, camera: CameraId, asked: Asked) -> Vec<Item> {
        self.archive.range(camera, asked).unwrap().map(|item| item.unwrap()).collect()
    }

    /// The frames of a camera, whole.
    pub fn frames(&self, camera: CameraId) -> Vec<Verified<SignedFrame>> {
        let frames = self.read(camera, EVERYTHING).into_iter().filter_map(|item| match item {
            Item::Frame(frame) => Some(*frame),
            _ => None,
        });
        frames.collect()
    }

    /// A range as a string: `C` the camera, `R` an epoch, numbers frames, `(1-3)` what is missing, `<1-3>` what is from another time,
    /// `.` the end.
    pub fn told(&self, camera: CameraId, asked: Asked) -> String {
        let mut told = Vec::new();
        for item in self.read(camera, asked) {
            told.push(match item {
                Item::Camera(_) => "C".to_owned(),
                Item::Epoch(_) => "R".to_owned(),
                Item::Frame(frame) => frame.header().sequence.to_string(),
                Item::Gap(gap) if gap.cause == Cause::Missing => format!("({}-{})", gap.first, gap.last),
                Item::Gap(gap) => format!("<{}-{}>", gap.first, gap.last),
                Item::End => ".".to_owned(),
            });
        }
        told.join(" ")
    }

    pub fn opened(&self) -> &Opened {
        self.archive.opened()
    }

    pub fn count(&self, name: &str) -> u64 {
        self.archive.counters().read().iter().find(|(known, _)| *known == name).unwrap().1
    }
}

/// That the frames are just these, byte for byte.
pub fn assert_same(read: &[Verified<SignedFrame>], stored: &[Shot]) {
    let place = |frame: &SignedFrame| Place::of(frame);
    let read_places: Vec<_> = read.iter().map(|frame| place(frame)).collect();
    let stored_places: Vec<_> = stored.iter().map(|frame| place(frame)).collect();
    assert_eq!(read_places, stored_places);
    for (read, stored) in read.iter().zip(stored) {
        assert_eq!((read.bytes(), read.digest()), (stored.bytes(), stored.digest()));
    }
}
