//! Which regions every picture gets, and when it may go on.
//!
//! Pure logic: no thread, no clock, no pixel. The pipeline pushes pictures and detections as they come, and asks what is due.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wire::frame::DetectorState;
use wire::label::Labels;
use wire::region::Region;

use super::faces::{FaceMasks, Vouch};
use super::grid::Claim;
use super::hidden::Hidden;
use super::rules::Rules;
use super::{Config, Mode};
use crate::detect::Detection;
use crate::picture::Size;

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

    /// A detection has spoken: about its picture, and with those before about all between them.
    pub fn detection(&mut self, detection: &Detection) {
        let Some(mut faces) = self.faces.take() else { return };
        if faces.turns_away(detection.size) {
            // What was seen in pictures of the size so far is about to be forgotten: it decides now about those that wait.
            for index in 0..self.waiting.len() {
                let Some(Waiting { meta, plan: None, hidden, .. }) = self.waiting.get(index) else { continue };
                if meta.number >= detection.number {
                    break;
                }
                let plan = self.planned(&mut faces, *meta, hidden);
                if let (Some(plan), Some(waiting)) = (plan, self.waiting.get_mut(index)) {
                    waiting.plan = Some(plan);
                }
            }
        }
        faces.hear(detection, self.waiting.front().map_or(detection.at, |waiting| waiting.meta.at));
        self.faces = Some(faces);
    }

    /// The plan for a picture by what is known at present; `None` where nobody has spoken about it yet.
    fn planned(&self, faces: &mut FaceMasks, meta: Meta, hidden: &Hidden) -> Option<Plan> {
        match faces.vouch(meta) {
            Vouch::NotYet => None,
            Vouch::No => Some(plan(hidden, meta.size, self.detector, Everything::Unsure, &[])),
            Vouch::Yes => {
                let claims = faces.claims(meta.at, self.rules.grid(meta.size));
                Some(plan(hidden, meta.size, self.detector, Everything::No, &claims))
            }
        }
    }

    fn now_planned(&mut self, meta: Meta, hidden: &Hidden) -> Option<Plan> {
        let mut faces = self.faces.take()?;
        let plan = self.planned(&mut faces, meta, hidden);
        self.faces = Some(faces);
        plan
    }

    /// The pictures that may go on by now, in their order.
    pub fn due(&mut self, now: Instant) -> Vec<Release<P>> {
        let mut due = Vec::new();
        while self.waiting.front().is_some_and(|waiting| self.wait(waiting).is_none_or(|wait| waiting.meta.at + wait <= now)) {
            let Some(Waiting { meta, picture, hidden, plan: certain }) = self.waiting.pop_front() else { break };
            let known = certain.or_else(|| self.now_planned(meta, &hidden));
            let plan = known.unwrap_or_else(|| plan(&hidden, meta.size, self.detector, Everything::Unsure, &[]));
            self.counters.released += 1;
            self.counters.fail_closed += u64::from(plan.fail_closed);
            due.push(Release { number: meta.number, picture, plan });
        }
        due
    }

    /// When the oldest waiting picture is due, as far as is known by now: at once where its masks are certain, with a detection at or after
    /// it when the next ones had their time to add to them, and without one at the end of the look-ahead.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.waiting.front().map(|waiting| waiting.meta.at + self.wait(waiting).unwrap_or_default())
    }

    /// How long it waits from its capture on; `None` where there is nothing to wait for.
    fn wait(&self, waiting: &Waiting<P>) -> Option<Duration> {
        self.faces.as_ref().filter(|_| waiting.plan.is_none())?.wait(waiting.meta.number)
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

#[cfg(test)]
mod tests;
