//! What the spool knows of its volumes: what each holds, what of it is acknowledged, what is on its way, and what is next.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use wire::id::Digest;

use super::ranges::Ranges;
use super::volume::{Group, Scan};
use super::{Config, Drops, Run};

/// How long the relay may take to acknowledge what was handed over to the transport; later, it is sent again. It acknowledges within a
/// second of arrival.
pub(super) const RESEND: Duration = Duration::from_secs(10);

/// However often something was sent in vain, it is tried again after this time at the latest.
const LONGEST: Duration = Duration::from_secs(600);

/// How much backfill may be on its way, in bytes: as much as the relay takes in between two acknowledgements on a fast path.
const WINDOW: u64 = 16 << 20;

/// Backfill of so many epochs may be on its way: each new one costs the relay a sync.
const EPOCHS: usize = 2;

/// A live frame joins the run before it if that is not older.
const JOIN: Duration = Duration::from_millis(250);

/// What a volume holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) session: u64,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) frames: u64,
    /// The sequence of the newest key frame, if its group may go on, and how many frames are before it.
    growing: Option<(u64, u64)>,
    acked: Ranges,
}

impl Contents {
    fn unacknowledged(&self) -> u64 {
        self.frames.saturating_sub(self.acked.count(self.first, self.last))
    }
}

/// A file of the spool.
#[derive(Debug)]
pub(super) struct Volume {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    /// When it was begun.
    pub(super) begun: Instant,
    /// `None`: left by an earlier run of the agent, and not looked into yet.
    pub(super) contents: Option<Contents>,
    pub(super) open: bool,
    /// How often something in it was sent in vain, and when it is its turn again.
    vain: u32,
    not_before: Option<Instant>,
}

impl Volume {
    pub(super) const fn found(number: u64, path: PathBuf, bytes: u64, begun: Instant) -> Self {
        Self { number, path, bytes, begun, contents: None, open: false, vain: 0, not_before: None }
    }

    /// Whether the relay has all of it.
    pub(super) fn is_done(&self) -> bool {
        !self.open && self.contents.as_ref().is_some_and(|contents| contents.unacknowledged() == 0)
    }

    pub(super) fn unacknowledged(&self) -> u64 {
        self.contents.as_ref().map_or(0, Contents::unacknowledged)
    }
}

/// Frames on their way.
#[derive(Debug, Clone, Copy)]
struct Flight {
    run: Run,
    frames: u64,
    bytes: u64,
    /// When they were handed over to the transport; `None` while they are being sent.
    since: Option<Instant>,
    /// Of backfill: the record that they are sealed under.
    record: Option<Digest>,
}

/// Everything but the files.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) volumes: VecDeque<Volume>,
    flights: VecDeque<Flight>,
    /// The same by session.
    flying: HashMap<u64, Ranges>,
    /// The live session, and up to where it is settled whether a frame was sent live on this connection.
    live: Option<(u64, Option<u64>)>,
    /// What was acknowledged of the live session before it was written here.
    early: Ranges,
    /// Why the relay does not store, if it says so or does not acknowledge.
    pub(super) not_storing: Option<String>,
    /// Then: when it is tried next, and the pause after that.
    probe: Option<(Instant, Duration)>,
    acknowledged_at: Option<Instant>,
    pub(super) spooled: u64,
    pub(super) acknowledged: u64,
    pub(super) backfilled: u64,
    pub(super) dropped: Drops,
    /// How often something was synced.
    pub(super) syncs: u64,
    /// Why the spool cannot be written.
    pub(super) problem: Option<String>,
}

/// A volume to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

impl Books {
    /// A frame was written into the open volume, which has this size now.
    pub(super) fn wrote(&mut self, run: Run, key: bool, bytes: u64) {
        self.spooled += 1;
        if self.live.is_none_or(|(session, _)| session < run.session) {
            self.live = Some((run.session, None));
        }
        let early = self.early.count(run.first, run.last) > 0;
        self.early.remove(0, run.last);
        let Some(volume) = self.volumes.back_mut() else { return };
        volume.bytes = bytes;
        let contents = volume.contents.get_or_insert_with(|| Contents { session: run.session, first: run.first, ..Contents::default() });
        if key {
            contents.growing = Some((run.first, contents.frames));
        }
        contents.last = run.last;
        contents.frames += 1;
        if early {
            contents.acked.insert(run.first, run.last);
            self.acknowledged += 1;
        }
    }

    /// Nothing more comes into the open volume.
    pub(super) fn close(&mut self) {
        if let Some(volume) = self.volumes.back_mut() {
            volume.open = false;
            if let Some(contents) = &mut volume.contents {
                contents.growing = None;
            }
        }
    }

    /// A new connection: nothing is on its way.
    pub(super) fn connected(&mut self) {
        self.flights.clear();
        self.flying.clear();
        (self.not_storing, self.probe, self.acknowledged_at) = (None, None, None);
    }

    /// Every frame of the live session was settled: there will be no more.
    pub(super) fn all_settled(&mut self) {
        self.live = self.live.map(|(session, _)| (session, Some(u64::MAX)));
    }

    /// The last frame of the live session that was written.
    fn written(&self) -> Option<(u64, u64)> {
        let contents = self.volumes.iter().rev().find_map(|volume| volume.contents.as_ref());
        contents
            .filter(|contents| self.live.is_some_and(|(session, _)| session == contents.session))
            .map(|contents| (contents.session, contents.last))
    }

    /// A live frame was handed over to the transport, or (with no bytes) will not be.
    pub(super) fn settled(&mut self, run: Run, bytes: Option<u64>, now: Instant) {
        self.live = Some((run.session, Some(run.last)));
        // Nobody waits for what a relay that stores nothing was sent: it comes again as soon as one frame is acknowledged.
        let Some(bytes) = bytes.filter(|_| self.not_storing.is_none()) else { return };
        self.flying.entry(run.session).or_default().insert(run.first, run.last);
        let joins = |flight: &&mut Flight| {
            let follows = flight.run.session == run.session && flight.run.last.checked_add(1) == Some(run.first);
            flight.record.is_none() && follows && flight.since.is_some_and(|since| now.saturating_duration_since(since) < JOIN)
        };
        match self.flights.back_mut().filter(joins) {
            Some(flight) => (flight.run.last, flight.frames, flight.bytes) = (run.last, flight.frames + 1, flight.bytes + bytes),
            None => self.flights.push_back(Flight { run, frames: 1, bytes, since: Some(now), record: None }),
        }
    }

    /// Live frames of a group that was given up halfway: whether they arrive is open.
    pub(super) fn taken_back(&mut self, run: Run) {
        self.flights.retain_mut(|flight| {
            let its = flight.record.is_none() && flight.run.session == run.session && flight.run.last >= run.first;
            if its && flight.run.first < run.first {
                flight.frames = flight.frames.min(run.first - flight.run.first);
                flight.run.last = run.first - 1;
            }
            !its || flight.run.first < run.first
        });
        self.refly();
    }

    /// The relay has these frames on disk. Says how many it had not before.
    pub(super) fn acknowledge(&mut self, run: Run, now: Instant) -> u64 {
        (self.acknowledged_at, self.not_storing, self.probe) = (Some(now), None, None);
        if let Some((session, Some(settled))) = self.live
            && session == run.session
        {
            let first = self.written().map_or(0, |(_, last)| last.saturating_add(1)).max(run.first);
            let last = run.last.min(settled);
            if first <= last {
                self.early.insert(first, last);
            }
        }
        let mut newly = 0;
        for contents in self.volumes.iter_mut().filter_map(|volume| volume.contents.as_mut()) {
            // Nothing is acknowledged that was not written yet, whatever the relay says.
            let (first, last) = (run.first.max(contents.first), run.last.min(contents.last));
            if contents.session == run.session && first <= last && contents.frames > 0 {
                let before = contents.unacknowledged();
                contents.acked.insert(first, last);
                newly += before - contents.unacknowledged();
            }
        }
        self.acknowledged += newly;
        let (volumes, written) = (&self.volumes, self.written());
        let waits = |flight: &Flight| {
            self.live.is_some_and(|(session, _)| session == flight.run.session) && written < Some((flight.run.session, flight.run.last))
        };
        self.flights.retain(|flight| waits(flight) || !is_acknowledged(volumes, flight));
        self.refly();
        newly
    }

    /// The relay stores nothing at the moment: what it did not acknowledge must come again.
    pub(super) fn not_storing(&mut self, problem: String, now: Instant) {
        // Also what is being sent just now: it would be waited for, and count as sent in vain.
        self.flights.clear();
        self.refly();
        self.not_storing = Some(problem);
        self.wait_for_probe(now);
    }

    fn wait_for_probe(&mut self, now: Instant) {
        if self.probe.is_some_and(|(at, _)| now < at) {
            return;
        }
        let pause = self.probe.map_or(Duration::from_secs(2), |(_, pause)| (pause * 2).min(Duration::from_secs(30)));
        self.probe = Some((now + pause, pause));
    }

    fn refly(&mut self) {
        self.flying.clear();
        for flight in &self.flights {
            self.flying.entry(flight.run.session).or_default().insert(flight.run.first, flight.run.last);
        }
    }

    /// Gives up waiting for what was sent too long ago.
    pub(super) fn expire(&mut self, now: Instant) {
        let late = |flight: &Flight| flight.since.is_some_and(|since| now.saturating_duration_since(since) >= RESEND);
        let expired: Vec<Flight> = self.flights.iter().filter(|flight| late(flight)).copied().collect();
        if expired.is_empty() {
            return;
        }
        self.flights.retain(|flight| !late(flight));
        self.refly();
        let newest = expired.iter().filter_map(|flight| flight.since).max();
        if self.acknowledged_at < newest {
            // It is not these frames: the relay acknowledges nothing at all.
            let silent = "the relay acknowledges nothing".to_owned();
            self.not_storing.get_or_insert(silent);
            return self.wait_for_probe(now);
        }
        // What was sent live is sent again at once; what was sent again in vain, ever more rarely.
        for volume in &mut self.volumes {
            let its = |contents: &Contents| expired.iter().any(|flight| flight.record.is_some() && holds(contents, flight.run));
            if volume.contents.as_ref().is_some_and(its) {
                volume.vain += 1;
                let pause = RESEND.saturating_mul(1 << volume.vain.min(8)).min(LONGEST);
                volume.not_before = Some(now + pause);
            }
        }
    }

    /// The oldest volume above this number in which something waits to be sent again.
    pub(super) fn next(&self, above: u64, now: Instant) -> Option<Look> {
        if self.probe.is_some_and(|(at, _)| now < at || self.flights.iter().any(|flight| flight.record.is_some())) {
            return None;
        }
        let waits = |volume: &&Volume| {
            let its_turn = volume.number > above && volume.not_before.is_none_or(|at| now >= at);
            its_turn && volume.contents.as_ref().is_none_or(|contents| self.lacks(contents))
        };
        self.volumes.iter().find(waits).map(|volume| Look { number: volume.number, path: volume.path.clone(), bytes: volume.bytes })
    }

    /// Whether whole groups of these frames seem to be neither acknowledged nor on their way.
    fn lacks(&self, contents: &Contents) -> bool {
        let (mut last, mut frames) = match contents.growing {
            Some((key, before)) if before > 0 => (key - 1, before),
            Some(_) => return false,
            None => (contents.last, contents.frames),
        };
        match self.live {
            Some((session, None)) if session == contents.session => return false,
            Some((session, Some(settled))) if session == contents.session => last = last.min(settled),
            _ => {}
        }
        if last < contents.first {
            return false;
        }
        frames = frames.min(last - contents.first + 1);
        contents.acked.count_with(self.flying.get(&contents.session), contents.first, last) < frames
    }

    /// Notes what was found in a volume. Says whether it is worth going through.
    pub(super) fn learn(&mut self, number: u64, scan: &Scan) -> bool {
        let Some(volume) = self.volumes.iter_mut().find(|volume| volume.number == number) else { return false };
        if volume.contents.is_none() {
            self.dropped.torn_bytes += scan.torn;
            let (first, last) = (scan.groups.first().map_or(0, |group| group.first), scan.groups.last().map_or(0, |group| group.last));
            let frames = scan.groups.iter().map(|group| group.frames).sum();
            volume.contents = Some(Contents { session: scan.session, first, last, frames, ..Contents::default() });
        }
        true
    }

    /// Takes a group to be sent, if it is whole, nobody has it, and there is room on the way.
    pub(super) fn take(&mut self, number: u64, session: u64, group: &Group) -> Take {
        let Some(contents) = self.volumes.iter().find(|volume| volume.number == number).and_then(|volume| volume.contents.as_ref()) else {
            return Take::Skip;
        };
        let grows = contents.growing.is_some_and(|(key, _)| group.last >= key);
        let unsettled = self.live.is_some_and(|(live, settled)| live == session && settled.is_none_or(|settled| group.last > settled));
        let known = contents.acked.count_with(self.flying.get(&session), group.first, group.last);
        if grows || unsettled || known >= group.frames {
            return Take::Skip;
        }
        let under_way = || self.flights.iter().filter_map(|flight| Some((flight.record?, flight.bytes)));
        let others = under_way().map(|(record, _)| record).filter(|record| *record != group.digest);
        let others = others.collect::<std::collections::HashSet<_>>().len();
        let bytes = under_way().map(|(_, bytes)| bytes).sum::<u64>();
        let probing = self.probe.is_some() && bytes > 0;
        if bytes >= WINDOW || others >= EPOCHS || probing {
            return Take::Wait;
        }
        let run = Run { session, first: group.first, last: group.last };
        self.flying.entry(session).or_default().insert(group.first, group.last);
        self.flights.push_back(Flight { run, frames: group.frames, bytes: group.bytes(), since: None, record: Some(group.digest) });
        Take::Send(run)
    }

    /// A group of backfill was handed over to the transport, or could not be.
    pub(super) fn landed(&mut self, run: Run, sent: Option<Instant>) {
        let at = self.flights.iter().position(|flight| flight.run == run && flight.record.is_some() && flight.since.is_none());
        match (at.and_then(|at| self.flights.get_mut(at)), sent) {
            (Some(flight), Some(now)) => {
                flight.since = Some(now);
                self.backfilled += flight.frames;
            }
            (Some(_), None) => {
                at.and_then(|at| self.flights.remove(at));
                self.refly();
            }
            (None, _) => {}
        }
    }

    /// Takes out the volumes that the relay has wholly, and those that are too old or too many, the oldest first: never the open one.
    pub(super) fn dismiss(&mut self, config: &Config, now: Instant) -> Vec<(Volume, Why)> {
        let mut gone = Vec::new();
        let mut bytes: u64 = self.volumes.iter().map(|volume| volume.bytes).sum();
        let (old, rest): (Vec<Volume>, Vec<Volume>) = self.volumes.drain(..).partition(Volume::is_done);
        bytes -= old.iter().map(|volume| volume.bytes).sum::<u64>();
        gone.extend(old.into_iter().map(|volume| (volume, Why::Done)));
        for volume in rest {
            let why = if volume.open {
                None
            } else if now.saturating_duration_since(volume.begun) > config.age {
                Some(Why::Age)
            } else {
                (bytes > config.bytes).then_some(Why::Full)
            };
            match why {
                Some(why) => {
                    bytes -= volume.bytes;
                    gone.push((volume, why));
                }
                None => self.volumes.push_back(volume),
            }
        }
        gone
    }

    /// The oldest frame that the relay has not acknowledged, as session and sequence; of volumes that were not looked into yet, none.
    pub(super) fn oldest(&self) -> Option<(u64, u64)> {
        let contents = self.volumes.iter().filter_map(|volume| volume.contents.as_ref()).find(|contents| contents.unacknowledged() > 0)?;
        Some((contents.session, contents.acked.first_missing(contents.first)))
    }

    /// Whether the relay has everything that it was sent, and there is nothing else.
    pub(super) fn is_settled(&self) -> bool {
        self.volumes.iter().all(|volume| volume.contents.as_ref().is_some_and(|contents| contents.unacknowledged() == 0))
    }
}

/// Why a volume goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// The relay has it.
    Done,
    /// It is too old.
    Age,
    /// There is no room for it.
    Full,
}

/// What to do with a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// Send it.
    Send(Run),
    /// It is not to be sent (now).
    Skip,
    /// It is, once something was acknowledged.
    Wait,
}

fn holds(contents: &Contents, run: Run) -> bool {
    contents.session == run.session && contents.first <= run.last && run.first <= contents.last
}

/// Whether all of it is acknowledged, or gone with its volume.
fn is_acknowledged(volumes: &VecDeque<Volume>, flight: &Flight) -> bool {
    let its = || volumes.iter().filter_map(|volume| volume.contents.as_ref()).filter(|contents| holds(contents, flight.run));
    let acked: u64 = its().map(|contents| contents.acked.count(flight.run.first, flight.run.last)).sum();
    acked >= flight.frames || its().next().is_none()
}
