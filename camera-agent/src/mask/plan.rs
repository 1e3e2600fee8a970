//! Which regions every picture gets, and when it may go on.
//!
//! Pure logic: no thread, no clock, no pixel. The pipeline pushes pictures and detections as they come, and asks what is due.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use wire::frame::DetectorState;
use wire::label::{Label, Labels};
use wire::region::Region;

use super::grid::{Blocks, Claim, Grid};
use super::hidden::Hidden;
use super::rules::Rules;
use super::track::{Cover, Straight, Tracker};
use super::{Config, Faces, Mode};
use crate::detect::Detection;
use crate::picture::{Area, Size};

/// A detection with more faces than this hides everything: so many masks would cover the picture anyway.
const MAX_FACES: usize = 200;

/// What the planner knows of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// Its number.
    pub number: u64,
    /// When it was captured, by the monotonic clock.
    pub at: Instant,
    /// Its size.
    pub size: Size,
}

/// The masks of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    size: Size,
    regions: Vec<Region>,
    labels: Arc<Labels>,
    fail_closed: bool,
    detector: DetectorState,
}

impl Plan {
    /// The size of the picture that it is for.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// What is hidden: disjoint, on the codec's grid, at most [`wire::region::MAX_REGIONS`].
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// What the labels of the regions are called. They are sealed in an epoch that has exactly these.
    #[must_use]
    pub const fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// Whether all is masked because the masks could not be vouched for.
    #[must_use]
    pub const fn fail_closed(&self) -> bool {
        self.fail_closed
    }

    /// What the detector said.
    #[must_use]
    pub const fn detector(&self) -> DetectorState {
        self.detector
    }
}

/// A picture that may go on, with its masks.
#[derive(Debug, PartialEq, Eq)]
pub struct Release<P> {
    /// Its number.
    pub number: u64,
    /// What was pushed.
    pub picture: P,
    /// Its masks.
    pub plan: Plan,
}

/// What was counted since the planner began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Pictures that went on.
    pub released: u64,
    /// Among them: masked whole because the masks could not be vouched for.
    pub fail_closed: u64,
    /// Dropped: too many waited.
    pub overload: u64,
}

/// Decides about masks; `P` is whatever the pipeline keeps with a picture, at best the picture itself.
pub struct Planner<P> {
    rules: Rules,
    queue: usize,
    detector: DetectorState,
    waiting: VecDeque<Waiting<P>>,
    /// Size of the first picture, for areas of which nobody says what they were drawn for.
    first: Option<Size>,
    faces: Option<FaceMasks>,
    counters: Counters,
}

struct Waiting<P> {
    meta: Meta,
    picture: P,
    /// What the config hides in it, whatever is found.
    hidden: Hidden,
    /// Set as soon as it is known.
    plan: Option<Plan>,
}

impl<P> Planner<P> {
    /// A planner that saw nothing yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let rules = Rules::new(&config);
        let faces = config.faces.map(FaceMasks::new);
        let detector = if faces.is_some() { DetectorState::Warming } else { DetectorState::Off };
        let (waiting, counters) = (VecDeque::new(), Counters::default());
        Self { rules, queue: config.queue.max(1), detector, waiting, first: None, faces, counters }
    }

    /// Whether detections change anything: there is a detector, and not everything is masked anyway.
    #[must_use]
    pub fn wants_detections(&self) -> bool {
        self.faces.is_some() && self.rules.mode() != Mode::All
    }

    /// From the next picture on other masks are in force: mode, areas, zones and labels. How faces are masked stays as it is. The pictures
    /// that wait get the masks of before and these.
    pub fn replace(&mut self, config: &Config) {
        let mut rules = Rules::new(config);
        for waiting in &mut self.waiting {
            let size = waiting.meta.size;
            let more = rules.claims_under(size, self.first.unwrap_or(size), waiting.hidden.labels());
            waiting.hidden = waiting.hidden.and(&more);
            if let Some(before) = waiting.plan.take() {
                let everything = if before.fail_closed { Everything::Unsure } else { Everything::No };
                let faces = waiting.hidden.faces(&before.regions);
                waiting.plan = Some(Plan { detector: before.detector, ..plan(&waiting.hidden, size, before.detector, everything, &faces) });
            }
        }
        self.rules = rules;
    }

    /// How the detector is, from here on.
    pub fn detector_is(&mut self, state: DetectorState) {
        if self.faces.is_some() {
            self.detector = state;
        }
    }

    /// A picture was captured. Numbers and instants rise.
    pub fn push(&mut self, meta: Meta, picture: P) {
        let first = *self.first.get_or_insert(meta.size);
        if self.waiting.len() >= self.queue {
            self.waiting.pop_front();
            self.counters.overload += 1;
        }
        let claims = self.rules.claims(meta.size, first);
        let hidden = Hidden::new(self.rules.grid(meta.size), Arc::clone(self.rules.labels()), claims);
        let plan = match (self.rules.mode(), &self.faces) {
            (Mode::All, _) => Some(plan(&hidden, meta.size, DetectorState::Off, Everything::Asked, &[])),
            (Mode::Masks | Mode::Inverse, None) => Some(plan(&hidden, meta.size, DetectorState::Off, Everything::No, &[])),
            (Mode::Masks | Mode::Inverse, Some(_)) => None,
        };
        self.waiting.push_back(Waiting { meta, picture, hidden, plan });
    }

    /// A detection has spoken: about its picture, and with the one before about all between them.
    pub fn detection(&mut self, detection: &Detection) {
        let Some(mut faces) = self.faces.take() else { return };
        if faces.hear(detection) {
            for index in 0..self.waiting.len() {
                let Some(Waiting { meta, plan: None, hidden, .. }) = self.waiting.get(index) else { continue };
                if meta.number > detection.number {
                    break;
                }
                let (at, size) = (meta.at, meta.size);
                // Boxes in a picture of another size say nothing about this one, nor does what came after it alone: a face that has left
                // by then was seen by nobody.
                let vouched = meta.number == detection.number || faces.before;
                let plan = if size == detection.size && vouched {
                    let claims = faces.claims(at, self.rules.grid(size));
                    plan(hidden, size, self.detector, Everything::No, &claims)
                } else {
                    plan(hidden, size, self.detector, Everything::Unsure, &[])
                };
                if let Some(waiting) = self.waiting.get_mut(index) {
                    waiting.plan = Some(plan);
                }
            }
        }
        self.faces = Some(faces);
    }

    /// The pictures that may go on by now, in their order.
    pub fn due(&mut self, now: Instant) -> Vec<Release<P>> {
        let mut due = Vec::new();
        let look_ahead = self.faces.as_ref().map(|faces| faces.config.look_ahead).unwrap_or_default();
        while let Some(first) = self.waiting.front() {
            let overdue = now.saturating_duration_since(first.meta.at) >= look_ahead;
            if first.plan.is_none() && !overdue {
                break;
            }
            let Some(Waiting { meta, picture, hidden, plan: vouched }) = self.waiting.pop_front() else { break };
            let plan = vouched.unwrap_or_else(|| plan(&hidden, meta.size, self.detector, Everything::Unsure, &[]));
            self.counters.released += 1;
            self.counters.fail_closed += u64::from(plan.fail_closed);
            due.push(Release { number: meta.number, picture, plan });
        }
        due
    }

    /// When the oldest waiting picture is due at the latest.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let look_ahead = self.faces.as_ref().map(|faces| faces.config.look_ahead).unwrap_or_default();
        self.waiting.front().map(|waiting| waiting.meta.at + look_ahead)
    }

    /// How many pictures wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

/// The plan for a picture that hides this, and what was found in it besides.
fn plan(hidden: &Hidden, size: Size, detector: DetectorState, everything: Everything, found: &[Claim]) -> Plan {
    let detector = match (everything, detector) {
        (_, DetectorState::Off) => DetectorState::Off,
        (Everything::Unsure, DetectorState::Ready) => DetectorState::Late,
        (Everything::Unsure, state) => state,
        // Whatever became of it since: about this picture it has spoken.
        (Everything::No | Everything::Asked, _) => DetectorState::Ready,
    };
    let plan = |regions, fail_closed| Plan { size, regions, labels: Arc::clone(hidden.labels()), fail_closed, detector };
    match everything {
        Everything::No => hidden.with(found).map_or_else(|| plan(hidden.everything(), true), |regions| plan(regions, false)),
        Everything::Asked => plan(hidden.everything(), false),
        Everything::Unsure => plan(hidden.everything(), true),
    }
}

impl<P> fmt::Debug for Planner<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Planner({} waiting, detector {})", self.waiting.len(), self.detector)
    }
}

/// Whether the whole frame is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Everything {
    No,
    /// The config says so.
    Asked,
    /// The masks cannot be vouched for.
    Unsure,
}

/// The masks of faces: tracks, on the grid, without flicker.
struct FaceMasks {
    config: Faces,
    tracker: Box<dyn Tracker>,
    /// Of the pictures that the tracker saw.
    size: Option<Size>,
    heard: Option<u64>,
    /// The picture of the last detection was captured then.
    last: Option<Instant>,
    /// Whether the detection before the last one says what was there before it: in a picture of the same size, not longer ago than what it
    /// found stays masked.
    before: bool,
    held: HashMap<(u64, usize), Held>,
}

/// The blocks that a cover has at present.
struct Held {
    blocks: Blocks,
    /// Since when they are more than needed.
    loose: Option<Instant>,
}

impl FaceMasks {
    fn new(config: Faces) -> Self {
        let tracker = Box::new(Straight::new(config.margin, config.hold));
        Self { config, tracker, size: None, heard: None, last: None, before: false, held: HashMap::new() }
    }

    /// Returns whether it is news.
    fn hear(&mut self, detection: &Detection) -> bool {
        if self.heard.is_some_and(|heard| detection.number <= heard) {
            return false;
        }
        self.heard = Some(detection.number);
        if self.size != Some(detection.size) {
            // Another size: what was where does not carry over.
            *self = Self { size: Some(detection.size), heard: self.heard, ..Self::new(self.config.clone()) };
        }
        let reach = self.config.hold.max(self.config.look_ahead);
        self.before = self.last.is_some_and(|last| detection.at.saturating_duration_since(last) <= reach);
        self.last = Some(detection.at);
        let mut areas: Vec<Area> = detection.faces.iter().map(|found| found.area).collect();
        if areas.len() > MAX_FACES {
            areas = vec![Area { x: 0.0, y: 0.0, w: detection.size.width().into(), h: detection.size.height().into() }];
        }
        self.tracker.see(detection.at, &areas);
        true
    }

    /// What is to be hidden in a picture of that instant.
    fn claims(&mut self, at: Instant, grid: Grid) -> Vec<Claim> {
        let mut seen: HashMap<u64, usize> = HashMap::new();
        let mut claims = Vec::new();
        let mut before = std::mem::take(&mut self.held);
        for Cover { track, area } in self.tracker.cover(at) {
            let index = seen.entry(track).or_default();
            let key = (track, *index);
            *index += 1;
            let Some(needed) = grid.cover(area) else { continue };
            let held = self.steady(before.remove(&key), needed, at);
            claims.push(Claim { label: Label::FACE, track: short(track), blocks: held.blocks });
            self.held.insert(key, held);
        }
        claims
    }

    /// What is held stays while it contains what is needed, unless it was too large for a while. Where it must give way, its other sides
    /// stay as long as they are off by no more than a block.
    fn steady(&self, held: Option<Held>, needed: Blocks, at: Instant) -> Held {
        let new = Held { blocks: needed, loose: None };
        let Some(held) = held else { return new };
        if !held.blocks.contains(needed) {
            return Held { blocks: held.blocks.moved_to(needed), loose: None };
        }
        if held.blocks.slack(needed) <= 1 {
            return Held { loose: None, ..held };
        }
        let since = held.loose.unwrap_or(at);
        if at.saturating_duration_since(since) >= self.config.settle { new } else { Held { loose: Some(since), ..held } }
    }
}

/// 1 to 65535, round and round; 0 is for what is not tracked.
fn short(track: u64) -> u16 {
    u16::try_from(track.saturating_sub(1) % u64::from(u16::MAX)).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests;
