//! What was found so far: the latest of each kind, with its count, so that a hostile stream cannot make it grow.

use std::mem::discriminant;
use std::time::Duration;

use crate::verdict::{Finding, Reason, Verdict};

/// More kinds are not kept apart; there are fewer, but for the labels in a reason.
const MAX_KINDS: usize = 64;

#[derive(Clone)]
struct Entry {
    finding: Finding,
    last: Duration,
}

#[derive(Clone)]
pub(super) struct Findings(Vec<Entry>);

impl Findings {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one at the monotonic time `at`.
    pub(super) fn add(&mut self, reason: Reason, at: Duration) {
        self.add_many(reason, 1, at);
    }

    /// Adds `count` of them, the last one at the monotonic time `at`.
    pub(super) fn add_many(&mut self, reason: Reason, count: u64, at: Duration) {
        let crowded = self.0.len() >= MAX_KINDS;
        let same = |known: &Reason| discriminant(known) == discriminant(&reason) && (crowded || label(known) == label(&reason));
        match self.0.iter_mut().find(|entry| same(&entry.finding.reason)) {
            Some(entry) => {
                entry.finding.reason = reason;
                entry.finding.count = entry.finding.count.saturating_add(count);
                entry.last = entry.last.max(at);
            }
            None => self.0.push(Entry { finding: Finding { reason, count }, last: at }),
        }
    }

    /// What still weighs: everything tampered, and of the rest what is younger than `memory`.
    pub(super) fn current(self, memory: Option<Duration>, now: Duration) -> Vec<Finding> {
        let weighs = |entry: &Entry| {
            entry.finding.reason.verdict() == Verdict::Tampered || memory.is_none_or(|memory| now < entry.last.saturating_add(memory))
        };
        self.0.into_iter().filter(weighs).map(|entry| entry.finding).collect()
    }
}

fn label(reason: &Reason) -> Option<&str> {
    match reason {
        Reason::GrantWithheld { label } | Reason::LayerWithheld { label } => Some(label),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Refusal;

    #[test]
    fn kinds_are_counted_and_labels_are_kept_apart() {
        let mut findings = Findings::new();
        for sequence in 0..5 {
            findings.add(Reason::Replayed { session: 1, sequence }, Duration::ZERO);
        }
        for name in ["face", "till", "face"] {
            findings.add(Reason::LayerWithheld { label: name.into() }, Duration::ZERO);
        }
        let counts: Vec<u64> = findings.clone().current(None, Duration::MAX).iter().map(|finding| finding.count).collect();
        assert_eq!(counts, [5, 2, 1]);
        for name in 0..1000 {
            findings.add(Reason::GrantWithheld { label: format!("l{name}") }, Duration::ZERO);
        }
        assert!(findings.0.len() <= MAX_KINDS);
    }

    #[test]
    fn gaps_are_forgotten_and_tampering_is_not() {
        let mut findings = Findings::new();
        findings.add(Reason::Missing { session: 1, first: 1, last: 1 }, Duration::from_secs(1));
        findings.add(Reason::NotAFrame(Refusal::NoKeyFrame), Duration::from_secs(1));
        let memory = Some(Duration::from_secs(60));
        assert_eq!(findings.clone().current(memory, Duration::from_secs(60)).len(), 2);
        assert_eq!(findings.clone().current(memory, Duration::from_secs(61)).len(), 1);
        assert_eq!(findings.current(None, Duration::MAX).len(), 2);
    }
}
