//! Masks on the codec's grid: who owns which block, and which rectangles cover them.

use wire::label::Label;
use wire::region::{MAX_REGIONS, Region};

use crate::picture::{Area, Size};

/// A rectangle of blocks, from left and top to before right and bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) right: u16,
    pub(super) bottom: u16,
}

impl Blocks {
    /// Whether a block is one of them.
    pub(super) fn has(self, column: u16, row: u16) -> bool {
        (self.left..self.right).contains(&column) && (self.top..self.bottom).contains(&row)
    }

    pub(super) fn contains(self, other: Self) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }

    /// The smallest change that contains those others: sides that are one block too far out stay, so that a box that trembles stands still.
    pub(super) fn moved_to(self, others: Self) -> Self {
        let low = |mine: u16, needed: u16| if mine <= needed && needed - mine <= 1 { mine } else { needed };
        let high = |mine: u16, needed: u16| if mine >= needed && mine - needed <= 1 { mine } else { needed };
        Self {
            left: low(self.left, others.left),
            top: low(self.top, others.top),
            right: high(self.right, others.right),
            bottom: high(self.bottom, others.bottom),
        }
    }

    /// By how many blocks its farthest side is beyond that of one that it contains.
    pub(super) fn slack(self, inner: Self) -> u16 {
        let sides = [inner.left - self.left, inner.top - self.top, self.right - inner.right, self.bottom - inner.bottom];
        sides.into_iter().max().unwrap_or(0)
    }
}

/// Somebody wants these blocks hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) label: Label,
    pub(super) track: u16,
    pub(super) blocks: Blocks,
}

/// One block in pixels: its edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

/// The blocks of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grid {
    size: Size,
    side: u16,
    columns: u16,
    rows: u16,
}

impl Grid {
    pub(super) fn new(size: Size, side: u16) -> Self {
        let side = side.max(1);
        Self { size, side, columns: size.width().div_ceil(side), rows: size.height().div_ceil(side) }
    }

    /// Every block.
    pub(super) const fn all(self) -> Blocks {
        Blocks { left: 0, top: 0, right: self.columns, bottom: self.rows }
    }

    /// The blocks that an area touches; `None` where it lies outside the picture. An area that is no rectangle is everything.
    pub(super) fn cover(self, area: Area) -> Option<Blocks> {
        let Area { x, y, w, h } = area;
        if ![x, y, w, h].iter().all(|value| value.is_finite()) {
            return Some(self.all());
        }
        let side = f32::from(self.side);
        let (width, height) = (f32::from(self.size.width()), f32::from(self.size.height()));
        let (right, bottom) = (x + w.max(0.0), y + h.max(0.0));
        if x >= width || y >= height || right <= 0.0 || bottom <= 0.0 {
            return None;
        }
        // Casts from floats saturate, and nothing here is negative any more.
        let floor = |value: f32| (value.max(0.0) / side).floor() as u16;
        let ceil = |value: f32, limit: u16| ((value / side).ceil() as u16).min(limit);
        let (left, top) = (floor(x), floor(y));
        Some(Blocks { left, top, right: ceil(right, self.columns).max(left + 1), bottom: ceil(bottom, self.rows).max(top + 1) })
    }

    /// The blocks that lie in an area whole, as far as they lie in the picture; `None` where there are none.
    pub(super) fn within(self, area: Area) -> Option<Blocks> {
        let Area { x, y, w, h } = area;
        if ![x, y, w, h].iter().all(|value| value.is_finite()) {
            return None;
        }
        let side = f32::from(self.side);
        let first = |from: f32| (from.max(0.0) / side).ceil() as u16;
        // What lies beyond the picture's edge need not be covered.
        let past = |to: f32, length: u16, blocks: u16| if to >= f32::from(length) { blocks } else { (to.max(0.0) / side).floor() as u16 };
        let (left, top) = (first(x), first(y));
        let (right, bottom) = (past(x + w, self.size.width(), self.columns), past(y + h, self.size.height(), self.rows));
        (left < right && top < bottom).then_some(Blocks { left, top, right, bottom })
    }

    /// A block in pixels, as far as it lies in the picture.
    pub(super) fn block(self, column: u16, row: u16) -> Block {
        let edge = |index: u16, length: u16| f64::from(u32::from(index) * u32::from(self.side)).min(f64::from(length));
        let (width, height) = (self.size.width(), self.size.height());
        Block { left: edge(column, width), top: edge(row, height), right: edge(column + 1, width), bottom: edge(row + 1, height) }
    }

    /// Neighbours in a row that have the same key; those without are left out. Asks for one block after the other, row by row.
    pub(super) fn runs<K: Copy + PartialEq>(self, mut key: impl FnMut(u16, u16) -> Option<K>) -> Vec<(K, Blocks)> {
        let mut runs: Vec<(K, Blocks)> = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let Some(key) = key(column, row) else { continue };
                match runs.last_mut() {
                    Some((same, run)) if *same == key && run.top == row && run.right == column => run.right = column + 1,
                    _ => runs.push((key, Blocks { left: column, top: row, right: column + 1, bottom: row + 1 })),
                }
            }
        }
        runs
    }

    /// The same blocks and more, so that both ends lie on multiples of so many blocks.
    pub(super) fn coarsen(self, blocks: Blocks, step: u16) -> Blocks {
        let down = |value: u16| value / step * step;
        let up = |value: u16, limit: u16| value.div_ceil(step).saturating_mul(step).min(limit);
        Blocks {
            left: down(blocks.left),
            top: down(blocks.top),
            right: up(blocks.right, self.columns),
            bottom: up(blocks.bottom, self.rows),
        }
    }

    /// The regions that cover exactly what is claimed: disjoint, and every block under the first claim on it, in the order of labels. `None`
    /// where more than [`MAX_REGIONS`] would be needed.
    pub(super) fn regions(self, claims: &[Claim]) -> Option<Vec<Region>> {
        let mut map = self.map(claims);
        let mut regions = Vec::new();
        for row in 0..self.rows {
            for column in 0..self.columns {
                let Some(owner) = map.take_at(column, row) else { continue };
                let Some(claim) = claims.get(owner) else { continue };
                if regions.len() == MAX_REGIONS {
                    return None;
                }
                // As far right as the same owner goes, then down as long as whole rows are theirs.
                let mut right = column + 1;
                while right < self.columns && map.owner(right, row) == Some(owner) {
                    map.clear(right..right + 1, row);
                    right += 1;
                }
                let mut bottom = row + 1;
                while bottom < self.rows && (column..right).all(|column| map.owner(column, bottom) == Some(owner)) {
                    map.clear(column..right, bottom);
                    bottom += 1;
                }
                regions.push(self.region(claim, Blocks { left: column, top: row, right, bottom }));
            }
        }
        Some(regions)
    }

    /// The claim that a region came from: its blocks are the region's.
    pub(super) fn claim(self, region: &Region) -> Claim {
        let end = |pixels: u32, blocks: u16| u16::try_from(pixels.div_ceil(self.side.into())).map_or(blocks, |end| end.min(blocks));
        let blocks = Blocks {
            left: region.x / self.side,
            top: region.y / self.side,
            right: end(region.right(), self.columns),
            bottom: end(region.bottom(), self.rows),
        };
        Claim { label: region.label, track: region.track, blocks }
    }

    /// Whose block is which.
    pub(super) fn owners(self, claims: &[Claim]) -> Owners {
        let map = self.map(claims);
        let label = |owner: &u32| (*owner as usize).checked_sub(1).and_then(|index| claims.get(index)).map(|claim| claim.label);
        Owners { columns: self.columns, labels: map.owners.iter().map(label).collect() }
    }

    /// Which claim owns which block. Claims of one label and track count as one, or they would not be merged.
    fn map(self, claims: &[Claim]) -> Map {
        let mut order: Vec<usize> = (0..claims.len()).collect();
        order.sort_by_key(|index| claims.get(*index).map(|claim| claim.label));
        let mut map = Map { columns: self.columns, owners: vec![0; usize::from(self.columns) * usize::from(self.rows)] };
        for index in order {
            let Some(claim) = claims.get(index) else { continue };
            let same = |other: &Claim| (other.label, other.track) == (claim.label, claim.track);
            let owner = claims.iter().position(same).unwrap_or(index);
            for row in claim.blocks.top..claim.blocks.bottom.min(self.rows) {
                for slot in map.row(claim.blocks.left..claim.blocks.right.min(self.columns), row).iter_mut().filter(|slot| **slot == 0) {
                    *slot = owner as u32 + 1;
                }
            }
        }
        map
    }

    fn region(self, claim: &Claim, blocks: Blocks) -> Region {
        let (x, y) = (blocks.left * self.side, blocks.top * self.side);
        let right = blocks.right.saturating_mul(self.side).min(self.size.width());
        let bottom = blocks.bottom.saturating_mul(self.side).min(self.size.height());
        Region { label: claim.label, x, y, w: right - x, h: bottom - y, track: claim.track }
    }
}

/// The label that each block is hidden under.
pub(super) struct Owners {
    columns: u16,
    labels: Vec<Option<Label>>,
}

impl Owners {
    /// Of one block.
    pub(super) fn label(&self, column: u16, row: u16) -> Option<Label> {
        self.labels.get(usize::from(row) * usize::from(self.columns) + usize::from(column)).copied().flatten()
    }
}

/// An owner per block: 0 is nobody, others are the index of a claim, plus 1.
struct Map {
    columns: u16,
    owners: Vec<u32>,
}

impl Map {
    fn row(&mut self, columns: std::ops::Range<u16>, row: u16) -> &mut [u32] {
        let start = usize::from(row) * usize::from(self.columns);
        self.owners.get_mut(start + usize::from(columns.start)..start + usize::from(columns.end)).unwrap_or_default()
    }

    fn owner(&self, column: u16, row: u16) -> Option<usize> {
        let slot = self.owners.get(usize::from(row) * usize::from(self.columns) + usize::from(column)).copied().unwrap_or(0);
        (slot as usize).checked_sub(1)
    }

    fn clear(&mut self, columns: std::ops::Range<u16>, row: u16) {
        self.row(columns, row).fill(0);
    }

    fn take_at(&mut self, column: u16, row: u16) -> Option<usize> {
        let owner = self.owner(column, row);
        self.clear(column..column + 1, row);
        owner
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn size(width: usize, height: usize) -> Size {
        Size::new(width, height).unwrap()
    }

    #[test]
    fn areas_grow_outward_to_the_grid() {
        let grid = Grid::new(size(100, 50), 16);
        let cover = |x, y, w, h| grid.cover(Area { x, y, w, h });
        assert_eq!(cover(16.0, 16.0, 16.0, 16.0), Some(Blocks { left: 1, top: 1, right: 2, bottom: 2 }));
        assert_eq!(cover(15.9, 16.0, 16.2, 16.0), Some(Blocks { left: 0, top: 1, right: 3, bottom: 2 }));
        assert_eq!(cover(99.0, 49.0, 500.0, 500.0), Some(Blocks { left: 6, top: 3, right: 7, bottom: 4 }));
        assert_eq!(cover(-50.0, -50.0, 51.0, 51.0), Some(Blocks { left: 0, top: 0, right: 1, bottom: 1 }));
        assert_eq!(cover(20.0, 20.0, 0.0, 0.0), Some(Blocks { left: 1, top: 1, right: 2, bottom: 2 }));
        for outside in [(100.0, 0.0), (0.0, 50.0), (-9.0, 0.0), (0.0, -9.0)] {
            assert_eq!(cover(outside.0, outside.1, 9.0, 9.0), None);
        }
        for broken in [f32::NAN, f32::INFINITY] {
            assert_eq!(cover(broken, 0.0, 1.0, 1.0), Some(grid.all()), "what is no rectangle hides everything");
        }
    }

    #[test]
    fn the_lower_label_owns_what_both_claim() {
        let grid = Grid::new(size(64, 32), 16);
        let claim = |label, left, right| Claim { label, track: 0, blocks: Blocks { left, top: 0, right, bottom: 2 } };
        let till = Label::from_number(0).unwrap();
        let regions = grid.regions(&[claim(Label::FACE, 0, 3), claim(till, 2, 4)]).unwrap();
        let brief: Vec<_> = regions.iter().map(|region| (region.label, region.x, region.w, region.h)).collect();
        assert_eq!(brief, [(Label::FACE, 0, 32, 32), (till, 32, 32, 32)]);
    }

    #[test]
    fn too_many_regions_are_said() {
        let grid = Grid::new(size(1024, 1024), 16);
        let single =
            |index: u16| Blocks { left: index % 32 * 2, top: index / 32 * 2, right: index % 32 * 2 + 1, bottom: index / 32 * 2 + 1 };
        let claims = |count| (0..count).map(|index| Claim { label: Label::FACE, track: 0, blocks: single(index) }).collect::<Vec<_>>();
        assert_eq!(grid.regions(&claims(255)).unwrap().len(), 255);
        assert_eq!(grid.regions(&claims(256)), None);
    }

    fn claims() -> impl Strategy<Value = Vec<Claim>> {
        let claim =
            (0u8..=10, 0u16..3, 0u16..20, 0u16..12, 1u16..12, 1u16..8).prop_filter_map("label", |(label, track, left, top, w, h)| {
                let label = Label::from_number(label)?;
                Some(Claim { label, track, blocks: Blocks { left, top, right: left + w, bottom: top + h } })
            });
        prop::collection::vec(claim, 0..14)
    }

    fn blocks() -> impl Strategy<Value = Blocks> {
        let blocks = |(left, top, w, h)| Blocks { left, top, right: left + w, bottom: top + h };
        (0u16..20, 0u16..20, 1u16..9, 1u16..9).prop_map(blocks)
    }

    proptest! {
        #[test]
        fn every_claimed_block_is_in_one_region_of_the_first_label(claims in claims(), width in 1usize..330, height in 1usize..200) {
            let grid = Grid::new(size(width, height), 16);
            let Some(regions) = grid.regions(&claims) else { return Ok(()) };
            for region in &regions {
                prop_assert!(region.fits(width as u16, height as u16, 16), "{region:?}");
            }
            for row in 0..grid.rows {
                for column in 0..grid.columns {
                    let within = |blocks: &Blocks| (blocks.left..blocks.right).contains(&column) && (blocks.top..blocks.bottom).contains(&row);
                    let expected = claims.iter().filter(|claim| within(&claim.blocks)).map(|claim| claim.label).min();
                    let (x, y) = (u32::from(column) * 16, u32::from(row) * 16);
                    let covering: Vec<_> = regions.iter().filter(|region| {
                        (u32::from(region.x)..region.right()).contains(&x) && (u32::from(region.y)..region.bottom()).contains(&y)
                    }).collect();
                    prop_assert!(covering.len() <= 1, "regions overlap");
                    prop_assert_eq!(covering.first().map(|region| region.label), expected);
                }
            }
        }

        #[test]
        fn cover_hides_at_least_what_was_asked(x in -50.0f32..400.0, y in -50.0f32..300.0, w in 0.0f32..200.0, h in 0.0f32..200.0, side in 1u16..40) {
            let grid = Grid::new(size(321, 243), side);
            match grid.cover(Area { x, y, w, h }) {
                None => prop_assert!(x >= 321.0 || y >= 243.0 || x + w <= 0.0 || y + h <= 0.0),
                Some(blocks) => {
                    prop_assert!(blocks.left < blocks.right && blocks.top < blocks.bottom && grid.all().contains(blocks));
                    let side = f32::from(side);
                    prop_assert!(f32::from(blocks.left) * side <= x.max(0.0) && f32::from(blocks.top) * side <= y.max(0.0));
                    prop_assert!(f32::from(blocks.right) * side >= (x + w).min(321.0) && f32::from(blocks.bottom) * side >= (y + h).min(243.0));
                }
            }
        }

        #[test]
        fn a_box_that_moves_contains_where_it_must_be(from in blocks(), to in blocks()) {
            let moved = from.moved_to(to);
            prop_assert!(moved.contains(to) && moved.slack(to) <= 1);
        }

        #[test]
        fn coarsening_never_uncovers(blocks in blocks(), step in 1u16..20) {
            let grid = Grid::new(size(480, 480), 16);
            prop_assert!(grid.coarsen(blocks, step).contains(blocks));
        }
    }
}
