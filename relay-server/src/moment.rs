//! Times as people and scripts read them: RFC 3339, UTC, whole seconds.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wire::id::Micros;

/// A time as text; one that no calendar has is empty.
#[must_use]
pub fn text(at: Micros) -> String {
    let seconds = i64::try_from(at.0 / 1_000_000).ok();
    let time = seconds.and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(text(Micros(1_700_000_000_999_999)), "2023-11-14T22:13:20Z");
        assert_eq!(text(Micros(u64::MAX)), "");
    }
}
