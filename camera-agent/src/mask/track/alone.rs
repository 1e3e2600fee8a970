//! No tracker: what `evaluate --without-tracker` shows the use of the real one with.

use std::time::Instant;

use super::{Cover, Sight, Tracker, grown};
use crate::picture::Area;

/// Every detection for itself: a picture gets the boxes of the one before it and of the one after it.
#[derive(Debug)]
pub struct Alone {
    margin: f32,
    sights: Vec<(Instant, Vec<Area>)>,
}

impl Alone {
    /// Boxes grow by that factor.
    #[must_use]
    pub const fn new(margin: f32) -> Self {
        Self { margin, sights: Vec::new() }
    }
}

impl Tracker for Alone {
    fn see(&mut self, sight: &Sight<'_>) {
        let old = self.sights.iter().rposition(|(at, _)| *at < sight.oldest);
        self.sights.drain(..old.unwrap_or(0));
        let sure = sight.faces.iter().filter(|found| found.score >= sight.sure);
        self.sights.push((sight.at, sure.map(|found| found.area).collect()));
    }

    fn cover(&self, at: Instant) -> Vec<Cover> {
        let before = self.sights.iter().rfind(|(seen, _)| *seen <= at);
        let after = self.sights.iter().find(|(seen, _)| *seen > at).filter(|_| before.is_none_or(|(seen, _)| *seen < at));
        let boxes = before.into_iter().chain(after).flat_map(|(_, boxes)| boxes);
        boxes.zip(1..).map(|(area, track)| Cover { track, area: grown(*area, self.margin, 0.0) }).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::detect::Found;

    #[test]
    fn a_picture_gets_the_boxes_of_its_neighbours_and_nothing_is_held() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut alone = Alone::new(1.3);
        let face = |x| Found { area: Area { x, y: 100.0, w: 40.0, h: 50.0 }, score: 0.9 };
        for (millis, faces) in [(0, vec![face(10.0)]), (100, vec![face(200.0)]), (200, vec![])] {
            alone.see(&Sight { at: at(millis), oldest: start, faces: &faces, smallest: 0.0, sure: 0.3 });
        }
        let found: Vec<_> = [0, 50, 100, 150, 200, 250].map(|millis| alone.cover(at(millis)).len()).to_vec();
        assert_eq!(found, [1, 2, 1, 1, 0, 0]);
    }
}
