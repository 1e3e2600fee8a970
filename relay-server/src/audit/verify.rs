//! Looking for what was changed: the chain, the heads that lie beside it, and those that somebody else kept.

use ed25519_dalek::VerifyingKey;
use redb::{ReadableDatabase as _, ReadableTable as _};
use serde::{Deserialize, Serialize};
use wire::id::{Digest, Micros};

use super::{ENTRIES, Entry, HEADS, Head, Log, PERSONAL, entry_of, hash};
use crate::accounts::Error;
use crate::moment;

/// Findings that are listed.
const MOST: usize = 100;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// How many heads were checked, those of the caller included.
    pub heads: u64,
    /// The newest head of the log's own: to be kept elsewhere.
    pub head: Option<String>,
    /// What is wrong, for people; empty if nothing is.
    pub wrong: Vec<String>,
}

impl Log {
    /// Checks everything, against the heads that somebody kept too. Blocks.
    ///
    /// # Errors
    /// When the database itself cannot be read.
    pub fn verify(&self, key: &VerifyingKey, kept: &[Head]) -> Result<Report, Error> {
        let read = self.0.database.begin_read()?;
        let (entries, personal, heads) = (read.open_table(ENTRIES)?, read.open_table(PERSONAL)?, read.open_table(HEADS)?);
        let mut report = Report::default();
        let mut say = |text: String| {
            if report.wrong.len() < MOST {
                report.wrong.push(text);
            }
        };

        let mut own = Vec::new();
        for item in heads.iter()? {
            let (count, bytes) = item?;
            match Head::from_bytes(bytes.value()) {
                Ok(head) if head.entries == count.value() => own.push(head),
                _ => say(format!("the head over {} entries is damaged", count.value())),
            }
        }
        let newest = own.last().map(Head::to_string);
        own.extend(kept);
        own.sort_by_key(|head| head.entries);
        for head in &own {
            if !head.is_signed_by(key) {
                say(format!("the head over {} entries of {} was not signed by this relay's key", head.entries, moment::text(head.at)));
            }
        }

        let (mut next, mut previous) = (0u64, Digest::ZERO);
        let mut heads = own.iter().peekable();
        for item in entries.iter()? {
            let (number, bytes) = item?;
            let number = number.value();
            if number != next {
                say(format!("entries {next} to {} are missing", number.saturating_sub(1)));
            }
            let entry = entry_of(number, bytes.value(), None);
            let content = bytes.value().get(32..).unwrap_or_default();
            let expected = hash(number, previous, content);
            match entry {
                Ok(entry) => {
                    if entry.hash != expected {
                        say(format!("entry {number} of {} was changed, or what precedes it", moment::text(Micros(entry.content.at))));
                    }
                    let values = personal.get(number)?.map(|bytes| bytes.value().to_vec());
                    match values.map(|values| entry_of(number, bytes.value(), Some(values))).transpose() {
                        Ok(Some(Entry { personal, content, .. })) => {
                            for field in personal.wrong(&content) {
                                say(format!("the {field} of entry {number} was changed"));
                            }
                        }
                        Ok(None) => {}
                        Err(_) => say(format!("the names of entry {number} are damaged")),
                    }
                    previous = entry.hash;
                }
                Err(_) => {
                    say(format!("entry {number} is damaged"));
                    previous = expected;
                }
            }
            next = number.saturating_add(1);
            while let Some(head) = heads.next_if(|head| head.entries <= next) {
                if head.entries == next && head.hash != previous {
                    say(format!("the log is not the one of which a head was signed over {next} entries at {}", moment::text(head.at)));
                }
            }
        }
        for head in heads {
            say(format!("entries are cut off: there are {next}, and a head was signed over {} at {}", head.entries, moment::text(head.at)));
        }
        report.entries = next;
        report.heads = own.len() as u64;
        report.head = newest;
        Ok(report)
    }
}
