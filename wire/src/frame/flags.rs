//! What a frame says about itself in one word.

use std::fmt;

use crate::bytes::{Malformed, Problem};

/// What the detector said about a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DetectorState {
    /// The config uses none.
    Off = 0,
    /// A detection at or after this frame has spoken.
    Ready = 1,
    /// It has not answered yet since it started.
    Warming = 2,
    /// It did not answer within the look-ahead.
    Late = 3,
    /// It failed.
    Failed = 4,
    /// Its model is not there.
    Missing = 5,
}

impl DetectorState {
    const fn from_number(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Off),
            1 => Some(Self::Ready),
            2 => Some(Self::Warming),
            3 => Some(Self::Late),
            4 => Some(Self::Failed),
            5 => Some(Self::Missing),
            _ => None,
        }
    }
}

impl fmt::Display for DetectorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::Ready => "ready",
            Self::Warming => "warming",
            Self::Late => "late",
            Self::Failed => "failed",
            Self::Missing => "missing",
        })
    }
}

/// What a frame says about itself in one word of 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags {
    /// Opens a group; a context precedes the frame.
    pub key: bool,
    /// Ends the session: a key frame of its own group, without regions and layers.
    pub end: bool,
    /// Masked whole because the masks could not be vouched for.
    pub fail_closed: bool,
    /// What the detector said.
    pub detector: DetectorState,
}

impl Flags {
    const KEY: u16 = 1;
    const END: u16 = 1 << 1;
    const FAIL_CLOSED: u16 = 1 << 2;
    const DETECTOR_SHIFT: u16 = 3;
    const DETECTOR_MASK: u16 = 0b111;

    pub(super) fn to_word(self) -> u16 {
        let bit = |set: bool, bit: u16| if set { bit } else { 0 };
        bit(self.key, Self::KEY)
            | bit(self.end, Self::END)
            | bit(self.fail_closed, Self::FAIL_CLOSED)
            | ((self.detector as u16) << Self::DETECTOR_SHIFT)
    }

    pub(super) fn from_word(word: u16) -> Result<Self, Malformed> {
        const FIELD: &str = "flags";
        let detector = DetectorState::from_number((word >> Self::DETECTOR_SHIFT) & Self::DETECTOR_MASK)
            .ok_or(Malformed::new("detector state", Problem::Unknown))?;
        let flags = Self { key: word & Self::KEY != 0, end: word & Self::END != 0, fail_closed: word & Self::FAIL_CLOSED != 0, detector };
        if flags.to_word() != word {
            return Err(Malformed::new(FIELD, Problem::Unknown));
        }
        if flags.end && !flags.key {
            return Err(Malformed::new(FIELD, Problem::Contradiction));
        }
        Ok(flags)
    }
}
