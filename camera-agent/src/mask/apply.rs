//! Takes the originals out of a picture and fills the holes.

use std::fmt;
use std::ops::Range;
use std::time::Instant;

use wire::id::Micros;
use wire::label::Label;
use wire::region::Region;

use super::Plan;
use crate::picture::{Picture, Planes, Pool, Size};

/// The colour of masks where nothing else is known: a grey that is neither black nor white. Y, U, V.
const GREY: [u8; 3] = [96, 128, 128];

/// What masks show. Never anything that depends on what they hide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fill {
    /// One grey for all.
    #[default]
    Solid,
    /// The mean colour of the visible pixels right around each mask.
    Surround,
}

/// A picture whose masks are filled, and apart from it the originals of its regions.
///
/// Only [`apply()`] makes one, and no unmasked picture is left when it did: it fills the captured buffer itself.
pub struct Masked {
    number: u64,
    captured_at: Micros,
    at: Instant,
    planes: Planes,
    plan: Plan,
    patches: Vec<Patch>,
}

/// The original pixels of one region.
pub(crate) struct Patch {
    pub(crate) label: Label,
    pub(crate) planes: Planes,
}

impl Masked {
    /// The picture's number.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When it was captured by the wall clock.
    #[must_use]
    pub const fn captured_at(&self) -> Micros {
        self.captured_at
    }

    /// When it was captured by the monotonic clock.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// What everybody may see.
    #[must_use]
    pub const fn planes(&self) -> &Planes {
        &self.planes
    }

    /// What was masked.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The originals, one for each region of the plan and in its order. For sealing, and for nothing else.
    pub(crate) fn originals(&self) -> &[Patch] {
        &self.patches
    }

    /// The regions of one label with their originals, in the plan's order. Together with [`Self::planes`] this is all that may go into
    /// that label's layer: no pixel of it depends on what is hidden under another label.
    pub(crate) fn originals_of(&self, label: Label) -> impl Iterator<Item = (&Region, &Planes)> + Clone {
        let all = self.plan.regions().iter().zip(self.originals());
        all.filter(move |(region, _)| region.label == label).map(|(region, patch)| (region, &patch.planes))
    }
}

impl fmt::Debug for Masked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Masked({}, {}, {} regions)", self.number, self.planes.size(), self.plan.regions().len())
    }
}

/// A plan that is not for this picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("picture {number} has {found} pixels and the masks are for {expected}; it is not published")]
pub struct Mismatch {
    number: u64,
    found: Size,
    expected: Size,
}

/// Masks the picture as planned.
///
/// # Errors
/// When the plan is for a picture of another size. The picture is gone then: nothing less masked comes out.
pub fn apply(picture: Picture, plan: Plan, fill: Fill, pool: &Pool) -> Result<Masked, Mismatch> {
    let Picture { number, captured_at, at, mut planes } = picture;
    let size = planes.size();
    let fits = |region: &Region| region.fits(size.width(), size.height(), 1);
    if plan.size() != size || !plan.regions().iter().all(fits) {
        return Err(Mismatch { number, found: size, expected: plan.size() });
    }
    let colours = match fill {
        Fill::Solid => vec![GREY; plan.regions().len()],
        Fill::Surround => surround(&planes, plan.regions()),
    };
    // All originals are taken out before the first hole is filled: where chroma is shared, no patch shows another's fill.
    let patches = plan.regions().iter().map(|region| Patch { label: region.label, planes: cut(&planes, region, pool) }).collect();
    for (region, colour) in plan.regions().iter().zip(colours) {
        hide(&mut planes, region, colour);
    }
    Ok(Masked { number, captured_at, at, planes, plan, patches })
}

/// Columns and rows of a region in each plane, rounded outward where chroma is shared.
fn shares(region: &Region) -> [(Range<usize>, Range<usize>); 3] {
    let (x, y, right, bottom) = (usize::from(region.x), usize::from(region.y), region.right() as usize, region.bottom() as usize);
    let chroma = (x / 2..right.div_ceil(2), y / 2..bottom.div_ceil(2));
    [(x..right, y..bottom), chroma.clone(), chroma]
}

fn cut(planes: &Planes, region: &Region, pool: &Pool) -> Planes {
    // Regions lie inside a picture, so their size is one that a picture may have.
    let Ok(size) = Size::new(region.w.into(), region.h.into()) else { return Planes::new(planes.size()) };
    let mut patch = pool.planes(size);
    let widths = [usize::from(size.width()), size.chroma().0, size.chroma().0];
    for (((source, target), (columns, rows)), width) in planes.planes().into_iter().zip(patch.planes_mut()).zip(shares(region)).zip(widths)
    {
        for (row, target) in source.rows().skip(rows.start).zip(target.chunks_exact_mut(width)) {
            if let Some(samples) = row.get(columns.start..columns.start + width) {
                target.copy_from_slice(samples);
            }
        }
    }
    patch
}

fn hide(planes: &mut Planes, region: &Region, colour: [u8; 3]) {
    let size = planes.size();
    let widths = [usize::from(size.width()), size.chroma().0, size.chroma().0];
    for (((target, (columns, rows)), width), sample) in planes.planes_mut().into_iter().zip(shares(region)).zip(widths).zip(colour) {
        for row in target.chunks_exact_mut(width).take(rows.end).skip(rows.start) {
            if let Some(samples) = row.get_mut(columns.clone()) {
                samples.fill(sample);
            }
        }
    }
}

/// For each region the mean of the visible pixels right around all regions of its label and track, grey where there are none.
fn surround(planes: &Planes, regions: &[Region]) -> Vec<[u8; 3]> {
    let (width, height) = planes.size().chroma();
    // In cells of 2 × 2 pixels, that is, in chroma samples: a cell is hidden when any of it is.
    let mut hidden = vec![false; width * height];
    for region in regions {
        let [_, (columns, rows), _] = shares(region);
        for row in hidden.chunks_exact_mut(width).take(rows.end).skip(rows.start) {
            if let Some(cells) = row.get_mut(columns.clone()) {
                cells.fill(true);
            }
        }
    }
    let mut sums: Vec<((Label, u16), [u64; 3], u64)> = Vec::new();
    for region in regions {
        let key = (region.label, region.track);
        let index = sums.iter().position(|(other, ..)| *other == key).unwrap_or_else(|| {
            sums.push((key, [0; 3], 0));
            sums.len() - 1
        });
        let Some((_, sum, count)) = sums.get_mut(index) else { continue };
        let [_, (columns, rows), _] = shares(region);
        let across = columns.clone().flat_map(|column| [Some((column, rows.end)), rows.start.checked_sub(1).map(|row| (column, row))]);
        let down = rows.clone().flat_map(|row| [Some((columns.end, row)), columns.start.checked_sub(1).map(|column| (column, row))]);
        for (column, row) in across.chain(down).flatten() {
            let inside = column < width && row < height;
            if !inside || hidden.get(row * width + column).copied().unwrap_or(true) {
                continue;
            }
            let [y, u, v] = planes.planes();
            let at = [(y, row * 2 * y.width + column * 2), (u, row * width + column), (v, row * width + column)];
            for (sum, (plane, index)) in sum.iter_mut().zip(at) {
                *sum += u64::from(plane.samples.get(index).copied().unwrap_or(0));
            }
            *count += 1;
        }
    }
    let colour = |region: &Region| {
        let found = sums.iter().find(|(key, ..)| *key == (region.label, region.track));
        found.filter(|(.., count)| *count > 0).map_or(GREY, |(_, sum, count)| sum.map(|sum| (sum / count) as u8))
    };
    regions.iter().map(colour).collect()
}

#[cfg(test)]
mod tests;
