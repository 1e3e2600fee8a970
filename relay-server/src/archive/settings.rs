//! The archive's bounds and intervals.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// No segment is larger, unless one frame alone is.
const SEGMENT_BYTES: u64 = 256 << 20;

/// How the archive works. The intervals are of the monotonic clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The relay's folder: segments lie in `archive` below it, the index is `index.redb`.
    pub dir: PathBuf,
    /// Bytes of all segments together; the oldest go first.
    pub max_bytes: u64,
    /// Bytes of one camera's segments, if they have a bound of their own.
    pub max_bytes_per_camera: Option<u64>,
    /// How long a segment may be open. From five sixths of it on, the next key frame begins a new one.
    pub segment_age: Duration,
    /// How large a segment may get, in bytes. From seven eighths of it on, the next key frame begins a new one.
    pub segment_bytes: u64,
    /// How many frames it may have: their digests are kept in memory while it is open, 48 bytes each.
    pub segment_frames: u64,
    /// How often files are synced: how old a frame is at most when it is on disk for certain, and its agent is told so (if the disk keeps
    /// up).
    pub sync_interval: Duration,
    /// How often frames are handed to the operating system, so that readers see them.
    pub flush_interval: Duration,
    /// How many frames may wait for the disk. One camera may take half of it.
    pub queue_frames: usize,
    /// How many bytes of frames may wait for the disk. One camera may take half of it.
    pub queue_bytes: usize,
    /// How soon storing is tried again after the disk failed, at first; doubled up to thirty seconds.
    pub retry: Duration,
    /// How often per second a camera may change its epoch, or turn back to older frames, in the long run; each costs a synced file.
    pub turns_per_second: u32,
}

impl Config {
    /// The defaults, for a relay's folder and its bounds; `max_bytes_per_camera` 0 means none.
    #[must_use]
    pub fn new(dir: &Path, max_bytes: u64, max_bytes_per_camera: u64) -> Self {
        let per_camera = (max_bytes_per_camera > 0).then_some(max_bytes_per_camera);
        // Whole segments go: a small bound needs small segments to be kept at all closely.
        let least = per_camera.map_or(max_bytes, |own| own.min(max_bytes));
        Self {
            dir: dir.to_owned(),
            max_bytes,
            max_bytes_per_camera: per_camera,
            segment_age: Duration::from_secs(60),
            segment_bytes: SEGMENT_BYTES.min(least / 8).max(1 << 20),
            segment_frames: 1 << 14,
            sync_interval: Duration::from_millis(500),
            flush_interval: Duration::from_millis(100),
            queue_frames: 4096,
            queue_bytes: 128 << 20,
            retry: Duration::from_secs(1),
            turns_per_second: 4,
        }
    }

    /// Where the segments lie.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.dir.join("archive")
    }

    /// Where the index lies.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.dir.join("index.redb")
    }
}
