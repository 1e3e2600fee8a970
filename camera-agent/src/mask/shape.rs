//! What people draw: rectangles and polygons.

use super::grid::{Blocks, Grid};
use super::polygon::Polygon;
use crate::picture::{Area, Size};

/// An area that somebody drew, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Upright.
    Rectangle(Area),
    /// Anything else with straight sides.
    Polygon(Polygon),
}

impl From<Area> for Shape {
    fn from(area: Area) -> Self {
        Self::Rectangle(area)
    }
}

impl Shape {
    /// Whether no pixel of a picture of that size is in it: then something is wrong with the config.
    #[must_use]
    pub fn misses(&self, size: Size) -> bool {
        self.touched(Grid::new(size, 16)).is_empty()
    }

    /// Whether nothing of it can be shown as a zone in a picture of that size, since no whole block lies in it.
    #[must_use]
    pub fn shows_nothing(&self, size: Size) -> bool {
        self.inside(Grid::new(size, 16)).is_empty()
    }

    /// Whether its outline crosses itself, so that it is taken for more than its author may have meant.
    #[must_use]
    pub fn crosses_itself(&self) -> bool {
        matches!(self, Self::Polygon(polygon) if polygon.crosses_itself())
    }

    /// The same in a picture that is so many times as wide and high.
    pub(super) fn scaled(&self, across: f32, down: f32) -> Self {
        match self {
            Self::Rectangle(Area { x, y, w, h }) => Self::Rectangle(Area { x: x * across, y: y * down, w: w * across, h: h * down }),
            Self::Polygon(polygon) => Self::Polygon(polygon.scaled(across, down)),
        }
    }

    /// Every block of which any part is in it.
    pub(super) fn touched(&self, grid: Grid) -> Vec<Blocks> {
        match self {
            Self::Rectangle(area) => grid.cover(*area).into_iter().collect(),
            Self::Polygon(polygon) => polygon.touched(grid),
        }
    }

    /// Every block that lies in it whole.
    pub(super) fn inside(&self, grid: Grid) -> Vec<Blocks> {
        match self {
            Self::Rectangle(area) => grid.within(*area).into_iter().collect(),
            Self::Polygon(polygon) => polygon.inside(grid),
        }
    }
}
