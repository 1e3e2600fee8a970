//! What was found so far: the latest of each kind, with its count, so that a hostile stream cannot make it grow.

use std::mem::{Discriminant, discriminant};
use std::time::Duration;

use super::Now;
use crate::verdict::{Finding, Reason, Verdict};

struct Entry {
    kind: Discriminant<Reason>,
    finding: Finding,
    last: Duration,
}

pub(super) struct Findings(Vec<Entry>);

impl Findings {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn add(&mut self, reason: Reason, now: Now) {
        let kind = discriminant(&reason);
        match self.0.iter_mut().find(|entry| entry.kind == kind) {
            Some(entry) => {
                entry.finding.reason = reason;
                entry.finding.count += 1;
                entry.last = now.monotonic;
            }
            None => self.0.push(Entry { kind, finding: Finding { reason, count: 1 }, last: now.monotonic }),
        }
    }

    /// What still weighs: everything tampered, and of the rest what is younger than `memory`.
    pub(super) fn current(&self, memory: Option<Duration>, now: Now) -> Vec<Finding> {
        let weighs = |entry: &&Entry| {
            entry.finding.reason.verdict() == Verdict::Tampered || memory.is_none_or(|memory| now.monotonic < entry.last + memory)
        };
        self.0.iter().filter(weighs).map(|entry| entry.finding.clone()).collect()
    }
}
