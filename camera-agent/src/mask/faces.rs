//! The masks of faces: tracks, on the grid, without flicker; and whether there is anybody to vouch for them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use wire::label::Label;

use super::grid::{Blocks, Claim, Grid};
use super::plan::Meta;
use super::track::{Alone, Cover, Sight, Straight, Tracker};
use super::{Faces, Tracking};
use crate::detect::{Detection, Found, Look};
use crate::picture::{Area, Size};

/// A detection with more faces than this hides everything: so many masks would cover the picture anyway.
const MAX_FACES: usize = 200;

/// How many detections are remembered. Pictures wait for some of them, and one of each kind must not be long ago.
const REMEMBERED: usize = 256;

/// Whether the masks of a picture can be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vouch {
    /// No detection at or after it has spoken.
    NotYet,
    /// One has, but it cannot say what was there before it.
    No,
    Yes,
}

/// All about the masks of faces in the pictures of one size.
pub(super) struct FaceMasks {
    config: Faces,
    tracker: Box<dyn Tracker>,
    /// Of the pictures that the tracker saw.
    size: Option<Size>,
    /// The last detections, of any size.
    heard: VecDeque<Heard>,
    held: HashMap<(u64, usize), Held>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    number: u64,
    at: Instant,
    size: Size,
    look: Look,
}

/// The blocks that a cover has at present.
struct Held {
    blocks: Blocks,
    /// Since when they are more than needed.
    loose: Option<Instant>,
}

impl FaceMasks {
    pub(super) fn new(config: Faces) -> Self {
        let tracker = tracker(&config);
        Self { config, tracker, size: None, heard: VecDeque::new(), held: HashMap::new() }
    }

    /// Whether a detection in pictures of that size would make it forget what it knows.
    pub(super) fn turns_away(&self, size: Size) -> bool {
        self.size.is_some_and(|known| known != size)
    }

    /// Hears a detection, unless it is older than the last one. No picture from before `oldest` waits.
    pub(super) fn hear(&mut self, detection: &Detection, oldest: Instant) {
        let Detection { number, at, size, look, smallest, .. } = *detection;
        if self.heard.back().is_some_and(|heard| number <= heard.number) {
            return;
        }
        if self.size != Some(size) {
            // Another size: what was where does not carry over.
            (self.size, self.tracker, self.held) = (Some(size), tracker(&self.config), HashMap::new());
        }
        if self.heard.len() >= REMEMBERED {
            self.heard.pop_front();
        }
        self.heard.push_back(Heard { number, at, size, look });
        let everything = Found { area: Area { x: 0.0, y: 0.0, w: size.width().into(), h: size.height().into() }, score: 1.0 };
        let sure = detection.faces.iter().filter(|found| found.score >= self.config.sure).count();
        let faces = if sure > MAX_FACES { std::slice::from_ref(&everything) } else { detection.faces.as_slice() };
        self.tracker.see(&Sight { at, oldest: oldest.min(at), faces, smallest, sure: self.config.sure });
    }

    /// How long the picture of that number waits from its capture on; `None`: not at all.
    pub(super) fn wait(&self, number: u64) -> Option<Duration> {
        let spoken = self.heard.back().is_some_and(|heard| heard.number >= number);
        let wait = if spoken { self.config.linger.min(self.config.look_ahead) } else { self.config.look_ahead };
        Some(wait).filter(|wait| self.config.ahead && !wait.is_zero())
    }

    /// Boxes in a picture of another size say nothing about this one, nor does what came after it alone: a face that has left by then was seen
    /// by nobody. Nor do quick looks alone, which small faces escape.
    pub(super) fn vouch(&self, meta: Meta) -> Vouch {
        let reach = self.config.hold.max(self.config.look_ahead);
        let before = self.heard.iter().rfind(|heard| heard.number <= meta.number && heard.size == meta.size);
        let after = self.heard.iter().find(|heard| heard.number >= meta.number);
        let thorough = || {
            let near = |at: Instant| at.max(meta.at) - at.min(meta.at) <= reach;
            self.heard.iter().any(|heard| heard.look == Look::Thorough && heard.size == meta.size && near(heard.at))
        };
        let vouched = match (before, after) {
            (None, None) => return Vouch::NotYet,
            (_, None) if self.config.ahead => return Vouch::NotYet,
            (Some(before), None) => meta.at.saturating_duration_since(before.at) <= reach,
            (_, Some(after)) if after.size != meta.size => false,
            (_, Some(after)) if after.number == meta.number => true,
            (Some(before), Some(after)) => after.at.saturating_duration_since(before.at) <= reach,
            (None, Some(_)) => false,
        };
        if vouched && thorough() { Vouch::Yes } else { Vouch::No }
    }

    /// What is to be hidden in a picture of that instant.
    pub(super) fn claims(&mut self, at: Instant, grid: Grid) -> Vec<Claim> {
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

fn tracker(config: &Faces) -> Box<dyn Tracker> {
    match config.tracking {
        Tracking::Straight => Box::new(Straight::new(config.margin, config.hold)),
        Tracking::Alone => Box::new(Alone::new(config.margin)),
    }
}

/// 1 to 65535, round and round; 0 is for what is not tracked.
pub(super) fn short(track: u64) -> u16 {
    u16::try_from(track.saturating_sub(1) % u64::from(u16::MAX)).unwrap_or(0) + 1
}
