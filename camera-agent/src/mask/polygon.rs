//! Polygons: which blocks of a picture they touch, and which lie wholly inside.

use super::grid::{Block, Blocks, Grid};

/// How many corners a polygon may have.
pub const MAX_POINTS: usize = 64;

/// An area with straight sides, in pixels.
///
/// An outline that crosses itself can be read in several ways. It never leaves open what one of them hides: such a polygon touches whatever
/// its hull does, and nothing lies inside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon {
    points: Vec<Point>,
    crossed: bool,
}

type Point = (f64, f64);

/// Corners that enclose nothing, or that are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPolygon {
    /// Fewer than three, or all of them on one line.
    #[error("these points enclose nothing: at least three are needed, and not all on one line")]
    Flat,
    /// More than [`MAX_POINTS`].
    #[error("there are more than {MAX_POINTS} points: fewer do, since what is masked grows outward to blocks of 16 pixels anyway")]
    TooMany,
}

impl Polygon {
    /// From its corners in turn, in pixels; the last one is joined to the first.
    ///
    /// # Errors
    /// When they enclose nothing, or are too many.
    pub fn new(corners: &[(u16, u16)]) -> Result<Self, NotAPolygon> {
        if corners.len() > MAX_POINTS {
            return Err(NotAPolygon::TooMany);
        }
        let mut exact: Vec<Exact> = corners.iter().map(|(x, y)| (i64::from(*x), i64::from(*y))).collect();
        exact.dedup();
        if exact.len() > 1 && exact.first() == exact.last() {
            exact.pop();
        }
        let hull = hull(&exact);
        if hull.len() < 3 {
            return Err(NotAPolygon::Flat);
        }
        let crossed = crosses_itself(&exact);
        let points = if crossed { hull } else { exact };
        Ok(Self { points: points.into_iter().map(|(x, y)| (x as f64, y as f64)).collect(), crossed })
    }

    /// Whether its outline crosses or touches itself.
    #[must_use]
    pub const fn crosses_itself(&self) -> bool {
        self.crossed
    }

    /// The same in a picture that is so many times as wide and high.
    pub(super) fn scaled(&self, across: f32, down: f32) -> Self {
        let (across, down) = (f64::from(across), f64::from(down));
        Self { points: self.points.iter().map(|(x, y)| (x * across, y * down)).collect(), ..*self }
    }

    /// Every block of which any part is in it.
    pub(super) fn touched(&self, grid: Grid) -> Vec<Blocks> {
        self.blocks(grid, |crossed, inside| crossed || inside)
    }

    /// Every block that lies in it whole.
    pub(super) fn inside(&self, grid: Grid) -> Vec<Blocks> {
        if self.crossed { Vec::new() } else { self.blocks(grid, |crossed, inside| !crossed && inside) }
    }

    /// The blocks of which `wanted` holds, told whether the outline passes through their inside, and whether their middle is in the polygon.
    fn blocks(&self, grid: Grid, wanted: impl Fn(bool, bool) -> bool) -> Vec<Blocks> {
        // Rows come one after the other, and most sides have nothing to do with most rows.
        let mut beside: (Option<u16>, Vec<Side>) = (None, Vec::new());
        let runs = grid.runs(|column, row| {
            let block = grid.block(column, row);
            if beside.0 != Some(row) {
                beside = (Some(row), self.sides().filter(|side| side.beside(block)).collect());
            }
            let crossed = beside.1.iter().any(|side| side.passes_through(block));
            // Where the outline does not pass through it, the middle speaks for the whole block.
            let inside = || beside.1.iter().filter(|side| side.right_of(block)).count() % 2 == 1;
            wanted(crossed, !crossed && inside()).then_some(())
        });
        runs.into_iter().map(|((), blocks)| blocks).collect()
    }

    fn sides(&self) -> impl Iterator<Item = Side> {
        let ends = self.points.iter().skip(1).chain(self.points.first());
        self.points.iter().zip(ends).map(|(from, to)| Side { from: *from, to: *to })
    }
}

/// One side of a polygon.
#[derive(Clone, Copy)]
struct Side {
    from: Point,
    to: Point,
}

impl Side {
    /// Whether it has to do with the block's row at all.
    fn beside(&self, block: Block) -> bool {
        self.from.1.min(self.to.1) < block.bottom && self.from.1.max(self.to.1) > block.top
    }

    /// Whether any point of it lies inside the block, its edges not counted.
    fn passes_through(&self, block: Block) -> bool {
        let (dx, dy) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        // The part of the side between the block's edges (Liang and Barsky): from 0, its beginning, to 1, its end.
        let (mut first, mut last) = (0.0_f64, 1.0_f64);
        for (rate, start, low, high) in [(dx, self.from.0, block.left, block.right), (dy, self.from.1, block.top, block.bottom)] {
            if rate == 0.0 {
                if start <= low || start >= high {
                    return false;
                }
                continue;
            }
            let (near, far) = ((low - start) / rate, (high - start) / rate);
            first = first.max(near.min(far));
            last = last.min(near.max(far));
        }
        first < last
    }

    /// Whether a line from the block's middle to the right meets it.
    fn right_of(&self, block: Block) -> bool {
        let (x, y) = ((block.left + block.right) / 2.0, (block.top + block.bottom) / 2.0);
        if (self.from.1 > y) == (self.to.1 > y) {
            return false;
        }
        let along = (y - self.from.1) / (self.to.1 - self.from.1);
        self.from.0 + along * (self.to.0 - self.from.0) > x
    }
}

/// A corner in whole pixels: what is asked of them is answered without rounding.
type Exact = (i64, i64);

/// Above 0 where c lies to one side of the line from a to b, below 0 to the other, 0 on it.
fn turn(a: Exact, b: Exact, c: Exact) -> i64 {
    (b.0 - a.0) * (c.1 - a.1) - (b.1 - a.1) * (c.0 - a.0)
}

/// The corners of the smallest convex polygon around all of them (Andrew's monotone chain).
fn hull(points: &[Exact]) -> Vec<Exact> {
    let mut sorted = points.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let half = |points: &mut dyn Iterator<Item = Exact>| {
        let mut chain: Vec<Exact> = Vec::new();
        for point in points {
            while let [.., a, b] = chain.as_slice()
                && turn(*a, *b, point) <= 0
            {
                chain.pop();
            }
            chain.push(point);
        }
        // The last one begins the other half.
        chain.pop();
        chain
    };
    let mut hull = half(&mut sorted.iter().copied());
    hull.extend(half(&mut sorted.iter().rev().copied()));
    hull
}

/// Whether two sides have a point in common that is not the corner between them.
fn crosses_itself(points: &[Exact]) -> bool {
    let sides: Vec<(Exact, Exact)> = points.iter().copied().zip(points.iter().copied().cycle().skip(1)).collect();
    let neighbours = |first: usize, second: usize| second == first + 1 || (first == 0 && second + 1 == sides.len());
    sides.iter().enumerate().any(|(first, one)| {
        sides.iter().enumerate().skip(first + 1).any(|(second, other)| {
            if !neighbours(first, second) {
                return meet(*one, *other);
            }
            // Neighbours share a corner; they share more where one goes back along the other.
            let (before, corner, after) = if second == first + 1 { (one.0, one.1, other.1) } else { (other.0, other.1, one.1) };
            let back = (before.0 - corner.0) * (after.0 - corner.0) + (before.1 - corner.1) * (after.1 - corner.1) > 0;
            turn(before, corner, after) == 0 && back
        })
    })
}

/// Whether two sides have any point in common.
fn meet((a, b): (Exact, Exact), (c, d): (Exact, Exact)) -> bool {
    let within = |low: i64, high: i64, value: i64| (low.min(high)..=low.max(high)).contains(&value);
    let on =
        |from: Exact, to: Exact, point: Exact| turn(from, to, point) == 0 && within(from.0, to.0, point.0) && within(from.1, to.1, point.1);
    let apart = |from: Exact, to: Exact, one: Exact, other: Exact| turn(from, to, one).signum() * turn(from, to, other).signum() < 0;
    (apart(a, b, c, d) && apart(c, d, a, b)) || on(a, b, c) || on(a, b, d) || on(c, d, a) || on(c, d, b)
}

#[cfg(test)]
mod tests;
