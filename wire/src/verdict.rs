//! Verdicts: what a viewer may conclude about what it was sent, always with the reason.

use std::fmt;

use crate::id::Micros;
use crate::verify::Refusal;

/// What is concluded. The order is the order in which they apply: the least one is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Something was changed, forged, reordered or forked.
    Tampered,
    /// The camera's key is distrusted, and no receipt from before that time covers the frame.
    Revoked,
    /// Nobody vouches for the camera, or it is not the one that was pinned.
    UnknownCamera,
    /// The pictures may be authentic, but they are not from now.
    NotLive,
    /// A sealed layer or a grant that is ours was not handed out.
    Withheld,
    /// Frames are missing.
    WithGaps,
    /// Too little has come to say more.
    NotEnoughYet,
    /// All that came is what the camera signed.
    Authentic,
}

impl Verdict {
    /// One word or two, for scripts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tampered => "tampered",
            Self::Revoked => "revoked",
            Self::UnknownCamera => "unknown-camera",
            Self::NotLive => "not-live",
            Self::Withheld => "withheld",
            Self::WithGaps => "with-gaps",
            Self::NotEnoughYet => "not-enough-yet",
            Self::Authentic => "authentic",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().replace('-', " "))
    }
}

/// Why. Each reason belongs to one verdict; several may hold at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A frame did not verify.
    Refused {
        /// In which session.
        session: u64,
        /// Which frame.
        sequence: u64,
        /// What was wrong.
        refusal: Refusal,
    },
    /// An epoch record did not verify.
    RecordRefused(Refusal),
    /// Something that is no frame came as one.
    NotAFrame(Refusal),
    /// Two different frames with one session number and sequence, both signed.
    Forked {
        /// In which session.
        session: u64,
        /// Which frame.
        sequence: u64,
    },
    /// Two sessions with one number, both signed.
    ForkedSession {
        /// The number.
        session: u64,
    },
    /// A session says that the one before it ended otherwise than what was seen.
    LinkContradicts {
        /// The session that says so.
        session: u64,
    },
    /// A frame came again, or behind later ones.
    Replayed {
        /// In which session.
        session: u64,
        /// Which frame.
        sequence: u64,
    },
    /// The camera's key is distrusted since that time.
    Revoked {
        /// By the revocation list.
        since: Micros,
    },
    /// Nobody vouches for the camera, or it is not the pinned one; the sentence says which.
    UnknownCamera(String),
    /// The newest frame's time is too far from the clock here.
    OtherTime {
        /// By the camera's clock, which may be wrong.
        captured_at: Micros,
        /// By the clock here.
        now: Micros,
    },
    /// The newest frame is not above the highest one seen live before.
    SeenBefore {
        /// Session number and sequence of the newest frame.
        newest: (u64, u64),
        /// Session number and sequence of the highest seen before.
        highest: (u64, u64),
    },
    /// No list of grants came that the epoch record names.
    NoGrantList {
        /// Of which epoch.
        epoch: u64,
    },
    /// The list names a grant for us that did not come.
    GrantWithheld {
        /// For which label.
        label: String,
    },
    /// A sealed layer whose grant we hold came as a digest.
    LayerWithheld {
        /// Which label.
        label: String,
    },
    /// Frames did not come.
    Missing {
        /// In which session.
        session: u64,
        /// The first missing sequence.
        first: u64,
        /// The last missing sequence.
        last: u64,
    },
    /// The end of a session did not come, as the next one shows.
    TailMissing {
        /// The session that lacks it.
        session: u64,
        /// The last sequence it is known to have had.
        until: u64,
    },
    /// A session broke off: what followed the last frame seen cannot be known.
    TailUnknown {
        /// The session that broke off.
        session: u64,
    },
    /// Whole sessions did not come.
    SessionsMissing {
        /// The last one seen.
        after: u64,
        /// The one that shows it.
        before: u64,
    },
    /// A frame came without its public layer.
    PublicMissing {
        /// In which session.
        session: u64,
        /// Which frame.
        sequence: u64,
    },
    /// A frame came without what it is checked by: its record, its key frame, or the frame before it.
    Unverifiable {
        /// In which session, by the relay's word.
        session: u64,
        /// Which frame, by its own word.
        sequence: u64,
    },
    /// No frame has been verified yet.
    NoFrameYet,
    /// Frames wait for their epoch record.
    NoRecordYet,
    /// Nothing has come about who the camera is.
    NoCertificateYet,
    /// The revocation list is out of date: a later revocation would not be known.
    RevocationUnknown {
        /// Since when.
        since: Micros,
    },
}

impl Reason {
    /// The verdict that it leads to.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Refused { .. }
            | Self::RecordRefused(_)
            | Self::NotAFrame(_)
            | Self::Forked { .. }
            | Self::ForkedSession { .. }
            | Self::LinkContradicts { .. }
            | Self::Replayed { .. } => Verdict::Tampered,
            Self::Revoked { .. } => Verdict::Revoked,
            Self::UnknownCamera(_) => Verdict::UnknownCamera,
            Self::OtherTime { .. } | Self::SeenBefore { .. } => Verdict::NotLive,
            Self::NoGrantList { .. } | Self::GrantWithheld { .. } | Self::LayerWithheld { .. } => Verdict::Withheld,
            Self::Missing { .. }
            | Self::TailMissing { .. }
            | Self::TailUnknown { .. }
            | Self::SessionsMissing { .. }
            | Self::PublicMissing { .. }
            | Self::Unverifiable { .. } => Verdict::WithGaps,
            Self::NoFrameYet | Self::NoRecordYet | Self::NoCertificateYet => Verdict::NotEnoughYet,
            Self::RevocationUnknown { .. } => Verdict::Authentic,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { session, sequence, refusal } => write!(f, "frame {session}/{sequence} was refused: {refusal}"),
            Self::RecordRefused(refusal) => write!(f, "an epoch record was refused: {refusal}"),
            Self::NotAFrame(refusal) => write!(f, "something that is no frame came as one: {refusal}"),
            Self::Forked { session, sequence } => write!(f, "forked: two frames are signed as {session}/{sequence}"),
            Self::ForkedSession { session } => write!(f, "forked: two sessions are signed as number {session}"),
            Self::LinkContradicts { session } => {
                write!(f, "session {session} says that the one before it ended otherwise than what was seen")
            }
            Self::Replayed { session, sequence } => write!(f, "frame {session}/{sequence} came again or out of order"),
            Self::Revoked { since } => write!(f, "the camera's key is distrusted since {}", Utc(*since)),
            Self::UnknownCamera(why) => f.write_str(why),
            Self::OtherTime { captured_at, now } => write!(
                f,
                "the camera's clock says {} and the clock here {}: the picture is old, or one of the clocks is wrong",
                Utc(*captured_at),
                Utc(*now)
            ),
            Self::SeenBefore { newest, highest } => {
                write!(f, "frame {}/{} is not above {}/{}, which was seen live before", newest.0, newest.1, highest.0, highest.1)
            }
            Self::NoGrantList { epoch } => write!(f, "the list of grants of epoch {epoch} did not come"),
            Self::GrantWithheld { label } => write!(f, "the relay keeps back a grant for “{label}” that names this key"),
            Self::LayerWithheld { label } => write!(f, "the relay keeps back the sealed layer “{label}”, for which this key holds a grant"),
            Self::Missing { session, first, last } if first == last => write!(f, "frame {session}/{first} is missing"),
            Self::Missing { session, first, last } => write!(f, "frames {session}/{first} to {session}/{last} are missing"),
            Self::TailMissing { session, until } => write!(f, "the end of session {session} is missing, up to frame {until}"),
            Self::TailUnknown { session } => write!(f, "session {session} broke off: what followed the last frame seen cannot be known"),
            Self::SessionsMissing { after, before } => write!(f, "one or more sessions between {after} and {before} are missing"),
            Self::PublicMissing { session, sequence } => write!(f, "frame {session}/{sequence} came without its picture"),
            Self::Unverifiable { session, sequence } => {
                write!(f, "frame {session}/{sequence} cannot be checked: its record or a frame before it is missing")
            }
            Self::NoFrameYet => f.write_str("no frame has been verified yet"),
            Self::NoRecordYet => f.write_str("the epoch record has not come yet"),
            Self::NoCertificateYet => f.write_str("the camera's certificate has not come yet"),
            Self::RevocationUnknown { since } => write!(f, "revocation unknown since {}", Utc(*since)),
        }
    }
}

/// A time as people read it: `2026-03-01 14:00:05Z`.
#[derive(Debug, Clone, Copy)]
pub struct Utc(pub Micros);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0.0 / 1_000_000).unwrap_or(i64::MAX);
        match time::OffsetDateTime::from_unix_timestamp(seconds) {
            Ok(t) => {
                write!(f, "{:04}-{:02}-{:02} {:02}:{:02}:{:02}Z", t.year(), u8::from(t.month()), t.day(), t.hour(), t.minute(), t.second())
            }
            Err(_) => write!(f, "{} µs", self.0.0),
        }
    }
}

/// A reason with how often it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The latest of its kind.
    pub reason: Reason,
    /// How many of its kind.
    pub count: u64,
}

/// The verdict and everything behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first that applies.
    pub verdict: Verdict,
    /// All reasons, those of the verdict first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The report over these findings.
    #[must_use]
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| finding.reason.verdict());
        let verdict = findings.first().map_or(Verdict::Authentic, |finding| finding.reason.verdict());
        Self { verdict, findings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_applies_is_shown_and_all_reasons_are_listed() {
        let finding = |reason| Finding { reason, count: 1 };
        let gap = finding(Reason::Missing { session: 1, first: 4, last: 6 });
        let stale = finding(Reason::OtherTime { captured_at: Micros(0), now: Micros(60_000_000) });
        let report = Report::of(vec![gap.clone(), stale.clone()]);
        assert_eq!(report.verdict, Verdict::NotLive);
        assert_eq!(report.findings, [stale, gap]);
        assert_eq!(Report::of(Vec::new()).verdict, Verdict::Authentic);
    }

    #[test]
    fn an_outdated_revocation_list_is_said_and_changes_nothing() {
        let report = Report::of(vec![Finding { reason: Reason::RevocationUnknown { since: Micros(1_700_000_000_000_000) }, count: 1 }]);
        assert_eq!(report.verdict, Verdict::Authentic);
        assert_eq!(report.findings[0].reason.to_string(), "revocation unknown since 2023-11-14 22:13:20Z");
    }
}
