//! Times as people type them: `2026-03-01T14:00:00Z`, `-10m` (ago), `now`.

use std::str::FromStr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::id::Micros;
use wire::message::Span;

use crate::watch::wall_clock;

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    Now,
    /// This long ago.
    Ago(std::time::Duration),
    At(Micros),
}

/// Text that is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a time: write 2026-03-01T14:00:00Z (with a zone), -10m for ten minutes ago, or now")]
pub(super) struct NotAMoment;

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Some(ago) = text.strip_prefix('-') {
            return humantime::parse_duration(ago).map(Self::Ago).map_err(|_| NotAMoment);
        }
        let at = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotAMoment)?;
        u64::try_from(at.unix_timestamp_nanos() / 1000).map(|micros| Self::At(Micros(micros))).map_err(|_| NotAMoment)
    }
}

impl Moment {
    fn at(self, now: Micros) -> Micros {
        match self {
            Self::Now => now,
            Self::Ago(ago) => Micros(now.0.saturating_sub(u64::try_from(ago.as_micros()).unwrap_or(u64::MAX))),
            Self::At(at) => at,
        }
    }
}

/// Live, or from one moment to another (or until now).
pub(super) fn span(from: Option<Moment>, to: Option<Moment>) -> Result<Span, link::exit::Error> {
    let Some(from) = from else { return Ok(Span::Live) };
    let now = wall_clock();
    let (from, to) = (from.at(now), to.unwrap_or(Moment::Now).at(now));
    if from > to {
        return Err(link::exit::Error::new(link::exit::Code::Usage, "--from is later than --to"));
    }
    Ok(Span::Range { from, to })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let at = |text: &str| text.parse::<Moment>().unwrap().at(Micros(1_000_000_000_000_000));
        assert_eq!(at("now"), Micros(1_000_000_000_000_000));
        assert_eq!(at("-10m"), Micros(999_999_400_000_000));
        assert_eq!(at("2026-03-01T14:00:00Z"), Micros(1_772_373_600_000_000));
        assert_eq!(at("2026-03-01T15:00:00.5+01:00"), Micros(1_772_373_600_500_000));
        for bad in ["", "14:00", "2026-03-01", "-", "-x", "1969-01-01T00:00:00Z", "2026-03-01T14:00:00"] {
            assert!(bad.parse::<Moment>().is_err(), "{bad}");
        }
        assert!(span("now".parse().ok(), "-1m".parse().ok()).is_err());
        assert_eq!(span(None, None).unwrap(), Span::Live);
    }
}
