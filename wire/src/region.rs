//! Regions: the rectangles of one frame whose originals are sealed.

use crate::bytes::{Malformed, Reader};
use crate::label::Label;

/// How many regions a frame may have.
pub const MAX_REGIONS: usize = 255;

/// A rectangle of pixels that is masked in the public layer and sealed under one label. Regions of one frame do not overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region {
    /// Under which label its originals are sealed.
    pub label: Label,
    /// Left edge, in pixels of the luma plane; on the codec's grid.
    pub x: u16,
    /// Upper edge, likewise.
    pub y: u16,
    /// Width in pixels, a multiple of the grid except at the picture's right edge.
    pub w: u16,
    /// Height in pixels, a multiple of the grid except at the picture's lower edge.
    pub h: u16,
    /// Which tracked object this belongs to, renumbered in every group; 0 where nothing is tracked.
    pub track: u16,
}

impl Region {
    /// One past the right edge.
    #[must_use]
    pub fn right(&self) -> u32 {
        u32::from(self.x) + u32::from(self.w)
    }

    /// One past the lower edge.
    #[must_use]
    pub fn bottom(&self) -> u32 {
        u32::from(self.y) + u32::from(self.h)
    }

    /// Whether it lies inside a picture of that size, is not empty, and lies on the grid (edges of the picture count as on it).
    #[must_use]
    pub fn fits(&self, width: u16, height: u16, grid: u16) -> bool {
        let on_grid = |value: u32| grid > 0 && value.is_multiple_of(u32::from(grid));
        self.w > 0
            && self.h > 0
            && self.right() <= u32::from(width)
            && self.bottom() <= u32::from(height)
            && on_grid(self.x.into())
            && on_grid(self.y.into())
            && (on_grid(self.right()) || self.right() == u32::from(width))
            && (on_grid(self.bottom()) || self.bottom() == u32::from(height))
    }

    /// Whether both have a pixel in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        u32::from(self.x) < other.right()
            && u32::from(other.x) < self.right()
            && u32::from(self.y) < other.bottom()
            && u32::from(other.y) < self.bottom()
    }

    /// Its size on the wire and under the signature, in bytes.
    pub const LENGTH: usize = 1 + 5 * 2;

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.label.number());
        for value in [self.x, self.y, self.w, self.h, self.track] {
            out.extend_from_slice(&value.to_be_bytes());
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "region";
        Ok(Self {
            label: Label::read(reader, FIELD)?,
            x: reader.u16(FIELD)?,
            y: reader.u16(FIELD)?,
            w: reader.u16(FIELD)?,
            h: reader.u16(FIELD)?,
            track: reader.u16(FIELD)?,
        })
    }
}

/// Whether any two of them have a pixel in common: a frame with such regions is refused, since every hidden pixel belongs to one label.
#[must_use]
pub fn overlap(regions: &[Region]) -> bool {
    let mut rest = regions;
    while let Some((first, others)) = rest.split_first() {
        if others.iter().any(|other| first.overlaps(other)) {
            return true;
        }
        rest = others;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_lie_inside_and_on_the_grid() {
        let region = |x, y, w, h| Region { label: Label::FACE, x, y, w, h, track: 0 };
        assert!(region(16, 32, 48, 16).fits(640, 360, 16));
        assert!(region(624, 352, 16, 8).fits(640, 360, 16), "the lower edge is not on the grid and need not be");
        for (bad, why) in [
            (region(8, 0, 16, 16), "off the grid"),
            (region(0, 0, 20, 16), "ends off the grid"),
            (region(0, 0, 0, 16), "empty"),
            (region(640, 0, 16, 16), "outside"),
            (region(u16::MAX, u16::MAX, u16::MAX, u16::MAX), "overflow"),
        ] {
            assert!(!bad.fits(640, 360, 16), "{why}");
        }
    }
}
