//! Fixed masks in no more regions than a frame may have: never less masked, and no original under another's label.

use wire::label::Label;
use wire::region::MAX_REGIONS;

use super::grid::{Claim, Grid, Owners};

/// How many of a frame's regions are left for what a detector finds.
const ROOM: usize = 64;

/// How far labels are kept apart while rectangles grow, in blocks. Beyond, where they meet is sealed for those who may see everything.
const APART: [u16; 3] = [2, 4, 8];

/// The same claims, as they are or covered by larger rectangles: together with a mask over the whole frame they fit into one, and there is
/// room for faces.
pub(super) fn fitting(grid: Grid, claims: Vec<Claim>) -> Vec<Claim> {
    if let Some(regions) = fit(grid, &claims) {
        return regions;
    }
    let steps = std::iter::successors(Some(2_u16), |step| step.checked_mul(2));
    let apart = APART.iter().map(|step| apart(grid, &claims, *step));
    let coarser = apart.chain(steps.map(|step| together(grid, &claims, step))).find_map(|coarser| fit(grid, &coarser));
    // One rectangle over everything always fits.
    let fitting = coarser.unwrap_or_else(|| vec![whole(grid)]);
    tracing::warn!(
        areas = claims.len(),
        rectangles = fitting.len(),
        "the masks of the config need more rectangles than a frame may have, so larger ones cover them, and where labels meet these are \
         sealed under whole-frame; polygons with fewer and straighter sides are cut more finely"
    );
    fitting
}

/// A mask over the whole frame.
pub(super) fn whole(grid: Grid) -> Claim {
    Claim { label: Label::WHOLE_FRAME, track: 0, blocks: grid.all() }
}

/// The claims as the rectangles that they become, if these are few enough.
fn fit(grid: Grid, claims: &[Claim]) -> Option<Vec<Claim>> {
    let regions = grid.regions(claims).filter(|regions| regions.len() <= MAX_REGIONS - ROOM)?;
    let claims: Vec<Claim> = regions.iter().map(|region| grid.claim(region)).collect();
    let everything: Vec<Claim> = claims.iter().copied().chain([whole(grid)]).collect();
    grid.regions(&everything).map(|_| claims)
}

/// Squares of `step` blocks: a block that nobody claims goes to the first label that claims any of its square, all others stay whose they are.
fn apart(grid: Grid, claims: &[Claim], step: u16) -> Vec<Claim> {
    let squares = Squares::new(grid, claims, step);
    claimed(grid, |column, row| squares.owner(column, row).or_else(|| squares.first(column, row)))
}

/// Squares of `step` blocks, each hidden whole: under its label, or where several claim it, for those who may see everything.
fn together(grid: Grid, claims: &[Claim], step: u16) -> Vec<Claim> {
    let squares = Squares::new(grid, claims, step);
    claimed(grid, |column, row| if squares.several(column, row) { Some(Label::WHOLE_FRAME) } else { squares.first(column, row) })
}

fn claimed(grid: Grid, label: impl FnMut(u16, u16) -> Option<Label>) -> Vec<Claim> {
    grid.runs(label).into_iter().map(|(label, blocks)| Claim { label, track: 0, blocks }).collect()
}

/// Which labels claim anything of each square of blocks.
struct Squares {
    owners: Owners,
    step: u16,
    across: usize,
    /// One bit for each label, the lowest for the first.
    labels: Vec<u16>,
}

impl Squares {
    fn new(grid: Grid, claims: &[Claim], step: u16) -> Self {
        let all = grid.all();
        let (across, down) = (usize::from(all.right.div_ceil(step)), usize::from(all.bottom.div_ceil(step)));
        let mut squares = Self { owners: grid.owners(claims), step, across, labels: vec![0; across * down] };
        for row in 0..all.bottom {
            for column in 0..all.right {
                let Some(label) = squares.owner(column, row) else { continue };
                let square = squares.square(column, row);
                if let Some(labels) = squares.labels.get_mut(square) {
                    *labels |= 1 << label.number();
                }
            }
        }
        squares
    }

    fn owner(&self, column: u16, row: u16) -> Option<Label> {
        self.owners.label(column, row)
    }

    fn square(&self, column: u16, row: u16) -> usize {
        usize::from(row / self.step) * self.across + usize::from(column / self.step)
    }

    fn labels(&self, column: u16, row: u16) -> u16 {
        self.labels.get(self.square(column, row)).copied().unwrap_or(0)
    }

    /// The first label of a block's square.
    fn first(&self, column: u16, row: u16) -> Option<Label> {
        let labels = self.labels(column, row);
        (labels != 0).then(|| Label::from_number(labels.trailing_zeros() as u8)).flatten()
    }

    /// Whether a block's square has more than one label.
    fn several(&self, column: u16, row: u16) -> bool {
        self.labels(column, row).count_ones() > 1
    }
}

#[cfg(test)]
mod tests;
