#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::super::grid::Blocks;
use super::*;
use crate::picture::Size;

fn grid(width: usize, height: usize) -> Grid {
    Grid::new(Size::new(width, height).unwrap(), 16)
}

fn label(number: u8) -> Label {
    Label::from_number(number).unwrap()
}

fn single(number: u8, column: u16, row: u16) -> Claim {
    Claim { label: label(number), track: 0, blocks: Blocks { left: column, top: row, right: column + 1, bottom: row + 1 } }
}

/// Every second block of the picture, the labels in turn.
fn board(grid: Grid, labels: u8) -> Vec<Claim> {
    let all = grid.all();
    let blocks = (0..all.bottom).flat_map(|row| (0..all.right).map(move |column| (column, row)));
    blocks
        .filter(|(column, row)| (column + row) % 2 == 0)
        .map(|(column, row)| single(((column / 2 + row) % u16::from(labels)) as u8, column, row))
        .collect()
}

/// Everything that is claimed stays hidden, under its label or for those who may see everything; and it fits.
fn holds(grid: Grid, before: &[Claim], after: &[Claim]) {
    let (was, is) = (grid.owners(before), grid.owners(after));
    for row in 0..grid.all().bottom {
        for column in 0..grid.all().right {
            if let Some(label) = was.label(column, row) {
                let now = is.label(column, row);
                assert!(now == Some(label) || now == Some(Label::WHOLE_FRAME), "{label:?} became {now:?} at {column}, {row}");
            }
        }
    }
    let with_all: Vec<Claim> = after.iter().copied().chain([whole(grid)]).collect();
    assert!(grid.regions(after).unwrap().len() <= MAX_REGIONS - ROOM && grid.regions(&with_all).is_some());
}

#[test]
fn what_fits_stays_as_it_is() {
    let grid = grid(640, 368);
    let claims = vec![single(0, 3, 3), single(1, 4, 3), single(0, 9, 9)];
    let fitting = fitting(grid, claims.clone());
    for row in 0..grid.all().bottom {
        for column in 0..grid.all().right {
            assert_eq!(grid.owners(&fitting).label(column, row), grid.owners(&claims).label(column, row));
        }
    }
}

#[test]
fn one_label_grows_until_it_fits_and_stays_one_label() {
    let grid = grid(1920, 1088);
    let claims = board(grid, 1);
    assert!(grid.regions(&claims).is_none());
    let fitting = fitting(grid, claims.clone());
    holds(grid, &claims, &fitting);
    assert!(fitting.iter().all(|claim| claim.label == label(0)));
}

#[test]
fn labels_are_kept_apart_while_that_is_possible() {
    // Two polygons with a long slanting border: coarser outside, exact between them.
    let grid = grid(3840, 2160);
    let rows = grid.all().bottom;
    let run =
        |number, left, right, row| Claim { label: label(number), track: 0, blocks: Blocks { left, top: row, right, bottom: row + 1 } };
    let outer = |row: u16| [run(0, 10 + row / 2, 60 + row, row), run(1, 60 + row, 238 - row % 3, row)];
    let claims: Vec<Claim> = (0..rows.min(100)).flat_map(outer).collect();
    let fitting = fitting(grid, claims.clone());
    holds(grid, &claims, &fitting);

    // And where that is not possible, their border is for those who may see everything.
    let torn = board(grid, 5);
    let fitted = super::fitting(grid, torn.clone());
    holds(grid, &torn, &fitted);
    assert!(fitted.iter().any(|claim| claim.label == Label::WHOLE_FRAME));
}

#[test]
fn the_largest_picture_with_the_worst_masks_still_fits() {
    for grid in [grid(7680, 4320), grid(4320, 7680), Grid::new(Size::new(7680, 4320).unwrap(), 8), grid(1, 7680), grid(16, 16)] {
        for labels in [1, 2, 8] {
            let claims = board(grid, labels);
            let fitting = fitting(grid, claims.clone());
            holds(grid, &claims, &fitting);
        }
    }
}

proptest! {
    #[test]
    fn nothing_is_ever_uncovered_nor_given_to_another(
        blocks in prop::collection::vec((0u8..9, 0u16..60, 0u16..40, 1u16..4, 1u16..4), 0..400),
    ) {
        let grid = grid(960, 640);
        let claim = |(number, left, top, w, h): &(u8, u16, u16, u16, u16)| {
            Claim { label: label(*number), track: 0, blocks: Blocks { left: *left, top: *top, right: (left + w).min(60), bottom: (top + h).min(40) } }
        };
        let claims: Vec<Claim> = blocks.iter().map(claim).collect();
        holds(grid, &claims, &fitting(grid, claims.clone()));
    }
}
