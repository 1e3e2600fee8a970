//! Rectangles of macroblocks, in a picture or on a canvas.

use wire::region::Region;

use crate::picture::Size;

/// The side of a block, in pixels: [`wire::context::Codec::grid`] of this codec.
pub(super) const GRID: u16 = 16;

/// A rectangle of blocks, from left and top to before right and bottom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) left: u16,
    pub(super) top: u16,
    pub(super) right: u16,
    pub(super) bottom: u16,
}

impl Blocks {
    /// All of a picture.
    pub(super) const fn whole(size: Size) -> Self {
        Self { left: 0, top: 0, right: size.width().div_ceil(GRID), bottom: size.height().div_ceil(GRID) }
    }

    /// Those of a region, which begins at one.
    pub(super) const fn of(region: &Region) -> Self {
        let (left, top) = (region.x / GRID, region.y / GRID);
        Self { left, top, right: left + region.w.div_ceil(GRID), bottom: top + region.h.div_ceil(GRID) }
    }

    pub(super) const fn columns(self) -> u16 {
        self.right - self.left
    }

    pub(super) const fn rows(self) -> u16 {
        self.bottom - self.top
    }

    pub(super) const fn area(self) -> u32 {
        self.columns() as u32 * self.rows() as u32
    }

    /// With a margin of one block, inside the whole.
    pub(super) fn grown(self, whole: Self) -> Self {
        Self {
            left: self.left.saturating_sub(1).max(whole.left),
            top: self.top.saturating_sub(1).max(whole.top),
            right: (self.right + 1).min(whole.right),
            bottom: (self.bottom + 1).min(whole.bottom),
        }
    }

    /// At the same place and larger by so much, but no larger than the whole.
    pub(super) fn roomier(self, by: u16, whole: Self) -> Self {
        let columns = (self.columns() + by).min(whole.columns());
        let rows = (self.rows() + by).min(whole.rows());
        Self { right: self.left + columns, bottom: self.top + rows, ..self }
    }

    /// Whether another is no larger.
    pub(super) const fn holds(self, other: Self) -> bool {
        self.columns() >= other.columns() && self.rows() >= other.rows()
    }

    /// Whether another lies inside.
    pub(super) const fn contains(self, other: Self) -> bool {
        self.left <= other.left && self.top <= other.top && self.right >= other.right && self.bottom >= other.bottom
    }

    /// How many blocks both have.
    pub(super) fn common(self, other: Self) -> u32 {
        let across = self.right.min(other.right).saturating_sub(self.left.max(other.left));
        let down = self.bottom.min(other.bottom).saturating_sub(self.top.max(other.top));
        u32::from(across) * u32::from(down)
    }

    /// The smallest around both.
    fn around(self, other: Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Width and height of what a picture of that size shows of them.
    pub(super) fn pixels(self, size: Size) -> (usize, usize) {
        let width = (self.right.saturating_mul(GRID)).min(size.width()).saturating_sub(self.left * GRID);
        let height = (self.bottom.saturating_mul(GRID)).min(size.height()).saturating_sub(self.top * GRID);
        (width.into(), height.into())
    }
}

/// Regions that belong together, by their numbers, and the rectangle around them and their margins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cluster {
    pub(super) blocks: Blocks,
    pub(super) regions: Vec<usize>,
}

/// What belongs together: the regions of one track, and of those without one (track 0) the ones that touch. Two faces that pass each other
/// stay apart.
pub(super) fn clusters(regions: &[Region], whole: Blocks) -> Vec<Cluster> {
    // Each with its blocks as they are, and its track.
    let mut bare: Vec<(Blocks, u16, Vec<usize>)> = Vec::new();
    for (number, region) in regions.iter().enumerate() {
        let (mut blocks, mut members) = (Blocks::of(region), vec![number]);
        let together =
            |other: Blocks, track: u16, blocks: Blocks| track == region.track && (track != 0 || other.grown(whole).common(blocks) > 0);
        // Each one that is swallowed makes it larger, so look again.
        while let Some(index) = bare.iter().position(|(other, track, _)| together(*other, *track, blocks)) {
            let (other, _, more) = bare.swap_remove(index);
            blocks = blocks.around(other);
            members.extend(more);
        }
        bare.push((blocks, region.track, members));
    }
    bare.into_iter().map(|(blocks, _, regions)| Cluster { blocks: blocks.grown(whole), regions }).collect()
}
