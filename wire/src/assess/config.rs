//! What a stream is assessed against: what it claims to be, who vouches for its camera, and how long to wait and remember.

use std::time::Duration;

use crate::id::{CameraId, Fingerprint, Micros};

/// Both kinds of time.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since any fixed moment; never goes back.
    pub monotonic: Duration,
    /// The clock on the wall.
    pub wall: Micros,
}

/// What the stream claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Now.
    Live {
        /// How far the camera's clock may be from ours.
        tolerance: Duration,
        /// Session number and sequence of the highest frame seen live before.
        highest: Option<(u64, u64)>,
    },
    /// A stretch of the past.
    Range,
}

impl Mode {
    /// How far a live picture's time may be from the clock here.
    pub const TOLERANCE: Duration = Duration::from_secs(30);
}

/// What is known about the camera besides its frames; whoever can read certificates says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has come yet.
    Waiting,
    /// The operator vouches for it, and it is the one that was pinned.
    Known {
        /// If the revocation list is out of date, since when.
        revocation_unknown_since: Option<Micros>,
    },
    /// Nobody vouches for it, or it is not the pinned one; the sentence says which and what to do.
    Unknown(String),
    /// Its key is distrusted since that time.
    Revoked {
        /// By the revocation list.
        since: Micros,
    },
}

/// How to assess.
#[derive(Debug, Clone, Copy)]
pub struct Config {
    /// Whose frames are expected.
    pub camera: CameraId,
    /// What the stream claims to be.
    pub mode: Mode,
    /// The key whose sealed layers were asked for.
    pub recipient: Option<Fingerprint>,
    /// How long a frame waits for the ones before it.
    pub patience: Duration,
    /// How long a gap or a withheld layer weighs on the verdict; `None` for ever. What is tampered weighs for ever.
    pub memory: Option<Duration>,
}

impl Config {
    /// How long a frame waits for the ones before it.
    pub const PATIENCE: Duration = Duration::from_millis(500);
    /// How long a gap weighs on the verdict of a live stream.
    pub const MEMORY: Duration = Duration::from_secs(60);
}
