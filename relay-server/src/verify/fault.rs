//! Why a camera is disconnected.

use wire::bytes::Malformed;
use wire::message::Reason;
use wire::verify::Refusal;

/// Why a camera is disconnected. All but the last two are the agent's fault, or that of whoever took its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A record or frame did not verify.
    #[error("{0}")]
    NotVerified(#[from] Refusal),
    /// Another frame with that session and sequence was verified before.
    #[error("two different frames are signed as number {sequence} of session {session}: two agents may be using one key")]
    Forked {
        /// The session's number.
        session: u64,
        /// The frame's.
        sequence: u64,
    },
    /// Another session with that number was verified before.
    #[error("two different sessions have the number {session}: two agents may be using one key, or its session counter was set back")]
    ForkedSession {
        /// The session's number.
        session: u64,
    },
    /// A group came, and its record or grants did not.
    #[error("a group came without its epoch record and all of its grants")]
    NoEpoch,
    /// The grants are not those that the record names.
    #[error("the grants are not those that the epoch record names")]
    Grants,
    /// A message is longer than what is allowed.
    #[error("a message is longer than this relay takes (limits.frame_bytes in its config)")]
    TooLong,
    /// A message that an agent does not send, or not there.
    #[error("the message “{0}” does not belong here")]
    OutOfTurn(&'static str),
    /// The same camera connected again.
    #[error("the same camera connected again")]
    Replaced,
    /// The operator took the camera's certificate back, or gave its name to another key.
    #[error("this camera no longer belongs to the relay")]
    Revoked,
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Self::NotVerified(Refusal::Malformed(malformed))
    }
}

impl Fault {
    /// A short name for counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotVerified(refusal) => refusal.name(),
            Self::Forked { .. } => "forked",
            Self::ForkedSession { .. } => "forked-session",
            Self::NoEpoch => "no-epoch",
            Self::Grants => "grants",
            Self::TooLong => "too-long",
            Self::OutOfTurn(_) => "out-of-turn",
            Self::Replaced => "replaced",
            Self::Revoked => "revoked",
        }
    }

    /// What the agent is told.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotVerified(Refusal::Malformed(_)) | Self::TooLong => Reason::Malformed,
            Self::NotVerified(_) | Self::NoEpoch | Self::Grants => Reason::NotVerified,
            Self::Forked { .. } | Self::ForkedSession { .. } => Reason::Forked,
            Self::OutOfTurn(_) => Reason::OutOfTurn,
            Self::Replaced => Reason::Replaced,
            Self::Revoked => Reason::NotAllowed,
        }
    }
}
