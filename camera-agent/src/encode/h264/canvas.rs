//! The canvas of one label: a small picture that its regions lie on.
//!
//! Regions that belong together are a cluster, and each cluster has a place on the canvas that it keeps while it moves and grows: the codec
//! sees its content shift by a block now and then. (Places that stand still for longer and then jump farther were tried, and cost more bits;
//! so did places whose content wraps around.) There is room to spare, so that most of what comes within a group finds a place; where
//! there is none, a group must begin with a larger canvas. Where a label hides much of the picture, its canvas is as large as the
//! picture and every region lies where it is.

use wire::region::Region;

use super::blocks::{Blocks, Cluster, GRID, clusters};
use crate::picture::{Planes, Size};

/// What the canvas shows where nothing is.
const FLAT: u8 = 128;

/// Blocks that a cluster may grow by, across and down, within the place that it was given.
const SPARE: u16 = 2;

/// From this part of the picture on (in quarters), its whole size is as good.
const MUCH: u32 = 3;

/// A canvas is kept at most so many times larger than one that would do.
const TOO_LARGE: u32 = 3;

/// The shorter side of a canvas, in blocks: smaller pictures are coded no cheaper.
const SMALLEST: u16 = 4;

/// Where a cluster lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// In the picture.
    of: Blocks,
    /// The canvas's blocks that it may fill, from the cluster's upper left one on.
    room: Blocks,
}

/// The canvas of one label.
#[derive(Debug)]
pub(super) struct Canvas {
    planes: Planes,
    all: Blocks,
    places: Vec<Place>,
    /// The number of each region's place.
    lies: Vec<usize>,
}

impl Canvas {
    /// One for these regions, in a picture of that size; the one before is kept where it will do, so that its stream goes on.
    /// `None` where no picture can be so large.
    pub(super) fn new(regions: &[Region], picture: Size, before: Option<Self>) -> Option<Self> {
        let whole = Blocks::whole(picture);
        let clusters = clusters(regions, whole);
        let reserved: Vec<Blocks> = clusters.iter().map(|cluster| cluster.blocks.roomier(SPARE, whole)).collect();
        let area: u32 = reserved.iter().map(|cluster| cluster.area()).sum();
        let all = if area * 4 >= whole.area() * MUCH { whole } else { sized(&reserved, area, whole) };
        let kept = before.filter(|before| before.all == all || (all != whole && before.all.area() <= all.area() * TOO_LARGE));
        if let Some(mut kept) = kept {
            kept.places.clear();
            if kept.put(&clusters, SPARE, whole) {
                return Some(kept);
            }
        }
        let mut canvas = Self::blank(all)?;
        if canvas.put(&clusters, SPARE, whole) {
            return Some(canvas);
        }
        let mut canvas = Self::blank(whole)?;
        canvas.put(&clusters, SPARE, whole).then_some(canvas)
    }

    fn blank(all: Blocks) -> Option<Self> {
        let size = Size::new((all.right * GRID).into(), (all.bottom * GRID).into()).ok()?;
        Some(Self { planes: Planes::new(size), all, places: Vec::new(), lies: Vec::new() })
    }

    /// The picture that it is.
    pub(super) const fn planes(&self) -> &Planes {
        &self.planes
    }

    /// Columns and rows, in blocks.
    pub(super) const fn blocks(&self) -> (u16, u16) {
        (self.all.right, self.all.bottom)
    }

    /// Whether these regions of the group's next picture find places.
    pub(super) fn follow(&mut self, regions: &[Region], picture: Size) -> bool {
        let whole = Blocks::whole(picture);
        self.put(&clusters(regions, whole), 0, whole)
    }

    /// Gives every cluster a place: the one that it had, or another with so much to spare.
    fn put(&mut self, clusters: &[Cluster], spare: u16, whole: Blocks) -> bool {
        self.lies = vec![0; clusters.iter().map(|cluster| cluster.regions.len()).sum()];
        if self.all == whole {
            // Everything lies where it is.
            self.places = vec![Place { of: whole, room: whole }];
            return true;
        }
        let mut before = std::mem::take(&mut self.places);
        let mut lost = Vec::new();
        let mut largest_first: Vec<&Cluster> = clusters.iter().collect();
        largest_first.sort_by_key(|cluster| std::cmp::Reverse(cluster.blocks.area()));
        for cluster in largest_first {
            let held = before.iter().enumerate().filter(|(_, place)| place.room.holds(cluster.blocks));
            let nearest = held.max_by_key(|(_, place)| place.of.common(cluster.blocks));
            match nearest.filter(|(_, place)| place.of.common(cluster.blocks) > 0).map(|(index, _)| index) {
                Some(index) => {
                    let place = before.swap_remove(index);
                    self.lay(cluster, place.room);
                }
                None => lost.push(cluster),
            }
        }
        for cluster in lost {
            let free = self.free(cluster.blocks.roomier(spare, whole)).or_else(|| self.free(cluster.blocks));
            let Some(room) = free else { return false };
            self.lay(cluster, room);
        }
        true
    }

    fn lay(&mut self, cluster: &Cluster, room: Blocks) {
        for region in &cluster.regions {
            if let Some(place) = self.lies.get_mut(*region) {
                *place = self.places.len();
            }
        }
        self.places.push(Place { of: cluster.blocks, room });
    }

    /// The first free rectangle as large as that.
    fn free(&self, wanted: Blocks) -> Option<Blocks> {
        let down = self.all.bottom.checked_sub(wanted.rows())?;
        let across = self.all.right.checked_sub(wanted.columns())?;
        for top in 0..=down {
            let mut left = 0;
            while left <= across {
                let room = Blocks { left, top, right: left + wanted.columns(), bottom: top + wanted.rows() };
                match self.places.iter().find(|place| place.room.common(room) > 0) {
                    Some(place) => left = place.room.right,
                    None => return Some(room),
                }
            }
        }
        None
    }

    /// Where a region's upper left block lies; the number is its own among the regions that the canvas was made for.
    pub(super) fn position(&self, number: usize, region: &Region) -> Option<(u16, u16)> {
        let blocks = Blocks::of(region);
        let place = self.places.get(*self.lies.get(number)?)?;
        place.of.contains(blocks).then(|| (place.room.left + blocks.left - place.of.left, place.room.top + blocks.top - place.of.top))
    }

    /// Draws the regions with their originals, and their margins as the public sees them. `None` where a region has no place.
    pub(super) fn paint<'a>(&mut self, masked: &Planes, regions: impl Iterator<Item = (&'a Region, &'a Planes)> + Clone) -> Option<()> {
        for plane in self.planes.planes_mut() {
            plane.fill(FLAT);
        }
        let whole = Blocks::whole(masked.size());
        for (number, (region, _)) in regions.clone().enumerate() {
            let (column, row) = self.position(number, region)?;
            let blocks = Blocks::of(region);
            let grown = blocks.grown(whole);
            // Margins lie in the cluster's place, since the cluster was made with them.
            let at = (column - (blocks.left - grown.left), row - (blocks.top - grown.top));
            self.copy(masked, (grown.left, grown.top), at, grown.pixels(masked.size()));
        }
        for (number, (region, original)) in regions.enumerate() {
            let at = self.position(number, region)?;
            self.copy(original, (0, 0), at, (region.w.into(), region.h.into()));
            self.extend(at, (region.w.into(), region.h.into()));
        }
        Some(())
    }

    /// Copies so many pixels from a block of one picture to a block of the canvas.
    fn copy(&mut self, from: &Planes, source: (u16, u16), target: (u16, u16), (width, height): (usize, usize)) {
        let to_width = usize::from(self.planes.size().width());
        for ((plane, into), step) in from.planes().into_iter().zip(self.planes.planes_mut()).zip([1, 2, 2]) {
            let side = usize::from(GRID) / step;
            let (from_x, from_y) = (usize::from(source.0) * side, usize::from(source.1) * side);
            let (to_x, to_y) = (usize::from(target.0) * side, usize::from(target.1) * side);
            let (width, height) = (width.div_ceil(step), height.div_ceil(step));
            let rows = plane.rows().skip(from_y).take(height);
            for (row, into) in rows.zip(into.chunks_exact_mut(to_width / step).skip(to_y)) {
                if let (Some(row), Some(into)) = (row.get(from_x..from_x + width), into.get_mut(to_x..to_x + width)) {
                    into.copy_from_slice(row);
                }
            }
        }
    }

    /// Repeats the last column and row of what lies there, up to the end of their blocks.
    fn extend(&mut self, at: (u16, u16), (width, height): (usize, usize)) {
        let grid = usize::from(GRID);
        if width.is_multiple_of(grid) && height.is_multiple_of(grid) {
            return;
        }
        let stride = usize::from(self.planes.size().width());
        for (plane, step) in self.planes.planes_mut().into_iter().zip([1, 2, 2]) {
            let (side, stride) = (grid / step, stride / step);
            let (x, y) = (usize::from(at.0) * side, usize::from(at.1) * side);
            let (right, bottom) = (x + width.div_ceil(step), y + height.div_ceil(step));
            let (far, low) = (x + width.div_ceil(grid) * side, y + height.div_ceil(grid) * side);
            for row in plane.chunks_exact_mut(stride).take(bottom).skip(y) {
                let last = right.checked_sub(1).and_then(|last| row.get(last)).copied().unwrap_or(FLAT);
                if let Some(beyond) = row.get_mut(right..far) {
                    beyond.fill(last);
                }
            }
            let last = bottom.saturating_sub(1) * stride;
            for row in bottom..low.min(plane.len() / stride.max(1)) {
                plane.copy_within(last + x..last + far.min(stride), row * stride + x);
            }
        }
    }
}

/// How large a canvas for clusters of these sizes should be: about a square, with room for one more.
fn sized(reserved: &[Blocks], area: u32, whole: Blocks) -> Blocks {
    let widest = reserved.iter().map(|blocks| blocks.columns()).max().unwrap_or(0);
    let tallest = reserved.iter().map(|blocks| blocks.rows()).max().unwrap_or(0);
    let square = f64::from(area).sqrt().ceil() as u16;
    let columns = square.max(widest).max(SMALLEST).next_multiple_of(2);
    // As shelves would need, one beside the other; then one shelf more.
    let (mut rows, mut shelf, mut used) = (0, 0, 0);
    let mut tallest_first: Vec<&Blocks> = reserved.iter().collect();
    tallest_first.sort_by_key(|blocks| std::cmp::Reverse(blocks.rows()));
    for blocks in tallest_first {
        if used + blocks.columns() > columns {
            rows += shelf;
            (shelf, used) = (0, 0);
        }
        shelf = shelf.max(blocks.rows());
        used += blocks.columns();
    }
    let rows = (rows + shelf + if reserved.len() > 1 { tallest } else { 0 }).max(SMALLEST).next_multiple_of(2);
    let sized = Blocks { left: 0, top: 0, right: columns, bottom: rows };
    // No larger than the picture, which has a place for everything.
    if sized.area() * 4 >= whole.area() * MUCH { whole } else { sized }
}

#[cfg(test)]
mod tests;
