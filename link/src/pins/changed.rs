//! What to tell a person when somebody is not who they were.

use std::fmt;
use std::path::PathBuf;

use time::OffsetDateTime;

use crate::exit::{self, Code};

/// A relay shows another root, or a camera another id, than when it was first met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// The table of the file, `relays` or `cameras`.
    pub(super) table: &'static str,
    /// Who: `HOST:PORT` or `NAME@HOST:PORT`.
    pub key: String,
    /// What was pinned.
    pub expected: T,
    /// What is shown now.
    pub seen: T,
    /// When the pinned one was first seen.
    pub first_seen: OffsetDateTime,
    /// The file in which it is pinned.
    pub file: PathBuf,
}

impl<T: fmt::Display> fmt::Display for Changed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let relay = self.table == "relays";
        let (who, what) = if relay { ("relay", "root certificate") } else { ("camera", "key (its camera id)") };
        let whom = if relay { "the relay's operator" } else { "the camera's owner" };
        write!(
            f,
            "the {who} {key} changed its {what}.\n\
             known since {since}: {expected}\n\
             shown now: {seen}\n\
             Either {whom} made a new one, or somebody poses as the {who}. Ask {whom}, by another way than this connection, whether the one \
             shown now is theirs. Only then accept it: remove [{table}.\"{key}\"] from {file} and connect again",
            key = self.key,
            since = self.first_seen.date(),
            expected = self.expected,
            seen = self.seen,
            table = self.table,
            file = self.file.display(),
        )
    }
}

impl<T: fmt::Display + fmt::Debug> std::error::Error for Changed<T> {}

impl<T: fmt::Display + fmt::Debug + 'static> From<Changed<T>> for exit::Error {
    fn from(changed: Changed<T>) -> Self {
        Self::new(Code::NotAllowed, changed)
    }
}
