//! The epoch record: what a camera says once about a stretch of groups, and the session's link to the one before.

use std::fmt;

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader, put_short};
use crate::context::{VERSION, read_session, read_version};
use crate::id::{CameraId, Digest, SessionId, ViewerKeys};
use crate::label::Labels;

/// How many owners a record may name.
pub const MAX_OWNERS: usize = 16;

/// How long the detector's name may be, in bytes.
pub const MAX_DETECTOR: usize = 64;

/// No record is longer than this, signature included.
pub const MAX_RECORD: usize = 2048;

/// Where the pictures come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SourceKind {
    /// A camera of this machine.
    Webcam = 1,
    /// Frames from a Y4M file or stream.
    Y4m = 2,
    /// A folder of pictures.
    Pictures = 3,
    /// The built-in sample: nothing of it was seen by a camera.
    Sample = 4,
    /// A network camera.
    Rtsp = 5,
    /// Single pictures.
    Stills = 6,
}

impl SourceKind {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Webcam),
            2 => Some(Self::Y4m),
            3 => Some(Self::Pictures),
            4 => Some(Self::Sample),
            5 => Some(Self::Rtsp),
            6 => Some(Self::Stills),
            _ => None,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webcam => "webcam",
            Self::Y4m => "y4m",
            Self::Pictures => "pictures",
            Self::Sample => "sample",
            Self::Rtsp => "rtsp",
            Self::Stills => "stills",
        })
    }
}

/// How a session knows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Link {
    /// There was none: the camera's first session.
    First,
    /// It ended with its end frame: exact.
    Ended(LastFrame),
    /// It broke off: a lower bound. Validly signed frames beyond it are authentic; what followed the last one seen cannot be known.
    Broken(LastFrame),
}

/// The last frame that a session is known to have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastFrame {
    /// Which session.
    pub session: SessionId,
    /// The frame's sequence.
    pub sequence: u64,
    /// The frame's digest.
    pub digest: Digest,
}

impl Link {
    fn write(&self, out: &mut Vec<u8>) {
        let (kind, last) = match self {
            Self::First => (0, LastFrame { session: SessionId { number: 0, nonce: [0; 16] }, sequence: 0, digest: Digest::ZERO }),
            Self::Ended(last) => (1, *last),
            Self::Broken(last) => (2, *last),
        };
        out.push(kind);
        out.extend_from_slice(&last.session.to_bytes());
        out.extend_from_slice(&last.sequence.to_be_bytes());
        out.extend_from_slice(last.digest.as_bytes());
    }

    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "previous session";
        let kind = reader.u8(FIELD)?;
        let last = LastFrame { session: read_session(reader, FIELD)?, sequence: reader.u64(FIELD)?, digest: Digest(reader.array(FIELD)?) };
        let zeros = last.session.to_bytes().iter().all(|byte| *byte == 0) && last.sequence == 0 && last.digest == Digest::ZERO;
        match kind {
            0 if zeros => Ok(Self::First),
            0 => Err(Malformed::new(FIELD, Problem::Contradiction)),
            1 => Ok(Self::Ended(last)),
            2 => Ok(Self::Broken(last)),
            _ => Err(Malformed::new(FIELD, Problem::Unknown)),
        }
    }

    /// The last frame of the session before, if there was one.
    #[must_use]
    pub const fn last(&self) -> Option<&LastFrame> {
        match self {
            Self::First => None,
            Self::Ended(last) | Self::Broken(last) => Some(last),
        }
    }
}

/// What a camera signs once per epoch. The signature stands beside it in [`crate::sign::SignedRecord`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochRecord {
    /// Which camera.
    pub camera: CameraId,
    /// Which session.
    pub session: SessionId,
    /// The session before.
    pub link: Link,
    /// Counts from 0 in each session.
    pub epoch: u64,
    /// Where the pictures come from.
    pub source: SourceKind,
    /// The labels of this epoch.
    pub labels: Labels,
    /// The detector's name and version, empty where there is none; ASCII.
    pub detector: String,
    /// Who may re-grant: the owners among the authorized viewers.
    pub owners: Vec<ViewerKeys>,
    /// Version of the agent's `authorized_viewers`.
    pub viewers_version: u64,
    /// Digest of the agent's `authorized_viewers`.
    pub viewers_digest: Digest,
    /// Digest of the epoch's grant list ([`crate::grants::GrantList::digest`]).
    pub grants: Digest,
}

impl EpochRecord {
    /// The bytes that are signed, behind their domain string.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.push(VERSION);
        out.extend_from_slice(self.camera.as_bytes());
        out.extend_from_slice(&self.session.to_bytes());
        self.link.write(&mut out);
        out.extend_from_slice(&self.epoch.to_be_bytes());
        out.push(self.source as u8);
        self.labels.write(&mut out);
        put_short(&mut out, self.detector.as_bytes());
        out.push(u8::try_from(self.owners.len()).unwrap_or(u8::MAX));
        for owner in &self.owners {
            out.extend_from_slice(&owner.exchange);
            out.extend_from_slice(&owner.signing);
        }
        out.extend_from_slice(&self.viewers_version.to_be_bytes());
        out.extend_from_slice(self.viewers_digest.as_bytes());
        out.extend_from_slice(self.grants.as_bytes());
        out
    }

    /// Reads what [`Self::to_bytes`] wrote; nothing may follow.
    ///
    /// # Errors
    /// When the bytes are not exactly one record.
    pub fn from_bytes(bytes: Bytes) -> Result<Self, Malformed> {
        const FIELD: &str = "epoch record";
        let mut reader = Reader::new(bytes);
        read_version(&mut reader, FIELD)?;
        let record = Self {
            camera: CameraId(reader.array(FIELD)?),
            session: read_session(&mut reader, FIELD)?,
            link: Link::read(&mut reader)?,
            epoch: reader.u64(FIELD)?,
            source: SourceKind::from_number(reader.u8("source kind")?).ok_or(Malformed::new("source kind", Problem::Unknown))?,
            labels: Labels::read(&mut reader)?,
            detector: read_detector(&mut reader)?,
            owners: read_owners(&mut reader)?,
            viewers_version: reader.u64(FIELD)?,
            viewers_digest: Digest(reader.array(FIELD)?),
            grants: Digest(reader.array(FIELD)?),
        };
        reader.end(FIELD)?;
        // A session never follows itself or a later one.
        if record.link.last().is_some_and(|last| last.session.number >= record.session.number) {
            return Err(Malformed::new("previous session", Problem::Contradiction));
        }
        Ok(record)
    }
}

fn read_detector(reader: &mut Reader) -> Result<String, Malformed> {
    const FIELD: &str = "detector";
    let bytes = reader.short(FIELD, MAX_DETECTOR)?;
    if !bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
        return Err(Malformed::new(FIELD, Problem::Text));
    }
    String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::new(FIELD, Problem::Text))
}

fn read_owners(reader: &mut Reader) -> Result<Vec<ViewerKeys>, Malformed> {
    const FIELD: &str = "owners";
    let count = reader.count(FIELD, MAX_OWNERS)?;
    (0..count).map(|_| Ok(ViewerKeys { exchange: reader.array(FIELD)?, signing: reader.array(FIELD)? })).collect()
}
