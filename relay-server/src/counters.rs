//! What the relay counts: plain numbers that only rise, read as one snapshot.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// A number that only rises.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn one(&self) {
        self.add(1);
    }

    /// So many more.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// How many by now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Up to how many seconds the buckets of a [`Delays`] go; what took longer is in one more.
pub const DELAYS: [f64; 8] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0];

/// How long something took, as counts in fixed buckets.
#[derive(Debug, Default)]
pub struct Delays {
    counts: [Counter; DELAYS.len() + 1],
    microseconds: Counter,
}

impl Delays {
    /// It took so long once more.
    pub fn one(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let at = DELAYS.iter().position(|bound| seconds <= *bound).unwrap_or(DELAYS.len());
        if let Some(counter) = self.counts.get(at) {
            counter.one();
        }
        self.microseconds.add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    /// The bounds with their counts, which are not added up; the last has no bound.
    #[must_use]
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let bounds = DELAYS.iter().copied().chain([f64::INFINITY]);
        bounds.zip(&self.counts).map(|(bound, count)| (bound, count.get())).collect()
    }

    /// All of it together, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        Duration::from_micros(self.microseconds.get()).as_secs_f64()
    }
}

/// One counter per reason. Reasons that are not in the list count as the last one.
#[derive(Debug)]
pub struct Tally {
    reasons: &'static [&'static str],
    counts: Box<[Counter]>,
}

impl Tally {
    fn new(reasons: &'static [&'static str]) -> Self {
        Self { reasons, counts: reasons.iter().map(|_| Counter::default()).collect() }
    }

    /// One more for this reason.
    pub fn one(&self, reason: &str) {
        let at = self.reasons.iter().position(|known| *known == reason);
        if let Some(counter) = at.map_or(self.counts.last(), |at| self.counts.get(at)) {
            counter.one();
        }
    }

    /// How many for this reason.
    #[must_use]
    pub fn get(&self, reason: &str) -> u64 {
        let found = self.reasons.iter().zip(&self.counts).find(|(known, _)| **known == reason);
        found.map_or(0, |(_, counter)| counter.get())
    }

    /// Every reason that was counted.
    #[must_use]
    pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
        self.reasons.iter().zip(&self.counts).map(|(reason, counter)| (*reason, counter.get())).filter(|(_, count)| *count > 0).collect()
    }
}

/// Why a camera was disconnected: [`crate::verify::Fault::name`].
const CAMERA_REASONS: &[&str] = &[
    "malformed",
    "weak-key",
    "bad-signature",
    "other-camera",
    "other-session",
    "other-group",
    "other-record",
    "no-key-frame",
    "sequence",
    "labels",
    "chain",
    "ended",
    "forked",
    "forked-session",
    "no-epoch",
    "grants",
    "too-long",
    "out-of-turn",
    "replaced",
    "revoked",
    "other",
];

/// Why a peer was refused something: [`wire::message::Reason::name`].
const PEER_REASONS: &[&str] = &[
    "version",
    "not-built",
    "malformed",
    "out-of-turn",
    "unknown-camera",
    "not-allowed",
    "too-many",
    "not-verified",
    "forked",
    "replaced",
    "stopping",
    "storage",
    "offline",
    "other",
];

/// Why a connection did not come about, or ended before it said who it is.
const CONNECTION_REASONS: &[&str] = &["full", "address", "rate", "handshakes", "handshake", "retry", "silent", "stopping", "other"];

macro_rules! counters {
    (counters { $($counter:ident: $counter_doc:literal,)* } tallies { $($tally:ident = $reasons:ident: $tally_doc:literal,)* }) => {
        /// Everything that is counted.
        #[derive(Debug)]
        pub struct Counters {
            $(#[doc = $counter_doc] pub $counter: Counter,)*
            $(#[doc = $tally_doc] pub $tally: Tally,)*
            /// From verified to handed to a viewer's connection.
            pub live_delay: Delays,
        }

        impl Default for Counters {
            fn default() -> Self {
                Self { $($counter: Counter::default(),)* $($tally: Tally::new($reasons),)* live_delay: Delays::default() }
            }
        }

        /// The numbers at one moment, or nearly: they are read one after the other.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize)]
        pub struct Snapshot {
            $(#[doc = $counter_doc] pub $counter: u64,)*
            $(#[doc = $tally_doc] pub $tally: BTreeMap<&'static str, u64>,)*
        }

        impl Counters {
            /// The numbers now.
            #[must_use]
            pub fn snapshot(&self) -> Snapshot {
                Snapshot { $($counter: self.$counter.get(),)* $($tally: self.$tally.snapshot(),)* }
            }

            /// Every plain number: its name, what it counts, how many.
            #[must_use]
            pub fn numbers(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($counter), $counter_doc, self.$counter.get())),*]
            }

            /// Every tally: its name, what it counts, and the tally itself.
            #[must_use]
            pub fn tallies(&self) -> Vec<(&'static str, &'static str, &Tally)> {
                vec![$((stringify!($tally), $tally_doc, &self.$tally)),*]
            }
        }
    };
}

counters! {
    counters {
        connections: "Connections that finished their handshake.",
        agents: "Connections that turned out to be agents.",
        viewers: "Connections that turned out to be viewers.",
        frames_verified: "Frames that were verified.",
        bytes_verified: "Their bytes.",
        frames_repeated: "Frames that were held already, with the same digest.",
        frames_live: "Frames that went to the hub.",
        frames_backfilled: "Frames that were too old for the hub.",
        frames_not_stored: "Frames that the archive could not take at that moment.",
        epochs: "Epochs whose record and grants were verified.",
        late_streams: "Group streams that were given up because their next frame did not come.",
        subscriptions: "Subscriptions that were served.",
        frames_sent: "Frames handed to viewers' connections, once per viewer.",
        bytes_sent: "Their bytes.",
        skips: "Times that a viewer was too slow and skipped to the newest group.",
        frames_skipped: "Frames that they missed by it.",
        frames_replayed: "Frames of ranges handed to viewers' connections.",
    }
    tallies {
        cameras_disconnected = CAMERA_REASONS: "Cameras that were disconnected, by reason.",
        peers_refused = PEER_REASONS: "Peers that were refused something, by reason.",
        connections_refused = CONNECTION_REASONS: "Connections that did not come about, by reason.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_is_lost_among_the_others() {
        use wire::message::Reason as R;
        use wire::verify::Refusal;

        use crate::verify::Fault as F;

        let malformed = wire::bytes::Malformed::new("test", wire::bytes::Problem::Unknown);
        let refusals = [
            Refusal::Malformed(malformed),
            Refusal::WeakKey,
            Refusal::BadSignature,
            Refusal::OtherCamera,
            Refusal::OtherSession,
            Refusal::OtherGroup,
            Refusal::OtherRecord,
            Refusal::NoKeyFrame,
            Refusal::Sequence,
            Refusal::Labels,
            Refusal::Chain,
            Refusal::Ended,
        ];
        let forked = [F::Forked { session: 1, sequence: 1 }, F::ForkedSession { session: 1 }];
        let faults = [F::NoEpoch, F::Grants, F::TooLong, F::OutOfTurn("test"), F::Replaced, F::Revoked];
        for fault in refusals.into_iter().map(F::NotVerified).chain(forked).chain(faults) {
            assert!(CAMERA_REASONS.contains(&fault.name()), "{}", fault.name());
        }
        let reasons = [
            R::Version,
            R::NotBuilt,
            R::Malformed,
            R::OutOfTurn,
            R::UnknownCamera,
            R::NotAllowed,
            R::TooMany,
            R::NotVerified,
            R::Forked,
            R::Replaced,
            R::Stopping,
            R::Storage,
            R::Offline,
        ];
        for reason in reasons {
            assert!(PEER_REASONS.contains(&reason.name()), "{}", reason.name());
        }
    }

    #[test]
    fn reasons_are_counted_by_name() {
        let counters = Counters::default();
        counters.cameras_disconnected.one("chain");
        counters.cameras_disconnected.one("chain");
        counters.cameras_disconnected.one("never heard of");
        counters.frames_verified.add(3);
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.cameras_disconnected, BTreeMap::from([("chain", 2), ("other", 1)]));
        assert_eq!(snapshot.frames_verified, 3);
        assert!(serde_json::to_string(&snapshot).is_ok_and(|text| text.contains(r#""cameras_disconnected":{"chain":2,"other":1}"#)));
    }
}
