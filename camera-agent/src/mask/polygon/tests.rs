#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::picture::Size;

fn grid(width: usize, height: usize) -> Grid {
    Grid::new(Size::new(width, height).unwrap(), 16)
}

fn polygon(corners: &[(u16, u16)]) -> Polygon {
    Polygon::new(corners).unwrap()
}

fn has(blocks: &[Blocks], column: u16, row: u16) -> bool {
    blocks.iter().any(|blocks| blocks.has(column, row))
}

/// The blocks as a drawing: `#` for those, `.` for others.
fn drawn(blocks: &[Blocks], columns: u16, rows: u16) -> Vec<String> {
    let row = |row| (0..columns).map(|column| if has(blocks, column, row) { '#' } else { '.' }).collect();
    (0..rows).map(row).collect()
}

#[test]
fn every_block_that_is_touched_is_touched_and_whole_ones_are_inside() {
    let triangle = polygon(&[(8, 8), (88, 8), (8, 88)]);
    assert_eq!(
        drawn(&triangle.touched(grid(96, 96)), 6, 6),
        ["######", "#####.", "####..", "###...", "##....", "#....."].map(String::from)
    );
    assert_eq!(drawn(&triangle.inside(grid(96, 96)), 6, 6), ["......", ".###..", ".##...", ".#....", "......", "......"].map(String::from));
}

#[test]
fn on_the_grid_a_polygon_is_the_rectangle_that_it_looks_like() {
    let square = polygon(&[(16, 16), (48, 16), (48, 64), (16, 64)]);
    for blocks in [square.touched(grid(96, 96)), square.inside(grid(96, 96))] {
        assert_eq!(drawn(&blocks, 6, 6), ["......", ".##...", ".##...", ".##...", "......", "......"].map(String::from));
    }
    // Twice as large in a picture that is.
    let doubled = square.scaled(2.0, 2.0).touched(grid(192, 192));
    assert!(has(&doubled, 2, 2) && has(&doubled, 5, 7) && !has(&doubled, 1, 2) && !has(&doubled, 6, 7));
}

#[test]
fn a_sliver_thinner_than_a_pixel_is_hidden_along_all_its_way() {
    let sliver = polygon(&[(0, 40), (95, 41), (95, 42)]);
    assert_eq!(drawn(&sliver.touched(grid(96, 96)), 6, 6)[2], "######");
    assert_eq!(sliver.inside(grid(96, 96)), []);
}

#[test]
fn a_bay_stays_open_and_what_lies_beyond_the_picture_does_not_matter() {
    // A U: its bay is two blocks wide.
    let bay = polygon(&[(0, 0), (32, 0), (32, 80), (64, 80), (64, 0), (96, 0), (96, 96), (0, 96)]);
    assert!(!has(&bay.touched(grid(96, 96)), 2, 2) && has(&bay.touched(grid(96, 96)), 2, 5));
    let far = polygon(&[(0, 0), (60_000, 0), (60_000, 60_000), (0, 60_000)]);
    assert_eq!(drawn(&far.inside(grid(90, 90)), 6, 6).concat(), "#".repeat(36), "blocks at the edge count as far as the picture goes");
    assert_eq!(polygon(&[(100, 100), (200, 100), (100, 200)]).touched(grid(96, 96)), []);
}

#[test]
fn an_outline_that_crosses_itself_hides_its_hull_and_shows_nothing() {
    // A bow tie; a pentagram; two squares joined by a line that is walked twice; one loop against the other's sense.
    let bow: &[(u16, u16)] = &[(0, 0), (96, 96), (96, 0), (0, 96)];
    let star: &[(u16, u16)] = &[(48, 0), (76, 90), (2, 34), (94, 34), (20, 90)];
    let joined: &[(u16, u16)] = &[(0, 0), (32, 0), (64, 0), (64, 32), (96, 32), (96, 0), (32, 0), (32, 32), (0, 32)];
    let folded: &[(u16, u16)] = &[(0, 0), (64, 0), (64, 64), (32, 64), (32, 32), (96, 32), (96, 96), (0, 96)];
    for corners in [bow, star, joined, folded] {
        let crossed = polygon(corners);
        assert!(crossed.crosses_itself(), "{corners:?}");
        assert_eq!(crossed.inside(grid(96, 96)), []);
        for (x, y) in corners {
            let column = |value: u16| value.saturating_sub(1) / 16;
            assert!(has(&crossed.touched(grid(96, 96)), column(*x), column(*y)), "{x}, {y} of {corners:?}");
        }
    }
    assert_eq!(drawn(&polygon(bow).touched(grid(96, 96)), 6, 6).concat(), "#".repeat(36));
    for simple in [&[(0, 0), (96, 0), (48, 48), (96, 96), (0, 96)][..], &[(0, 0), (48, 0), (96, 0), (96, 96)]] {
        assert!(!polygon(simple).crosses_itself(), "{simple:?}");
    }
    // There and back again.
    assert!(polygon(&[(0, 0), (96, 0), (48, 0), (48, 96)]).crosses_itself());
}

#[test]
fn what_encloses_nothing_is_no_polygon() {
    for flat in [&[][..], &[(1, 1)], &[(1, 1), (5, 5)], &[(1, 1), (5, 5), (9, 9)], &[(1, 1), (5, 5), (1, 1)], &[(7, 7), (7, 7), (7, 7)]] {
        assert_eq!(Polygon::new(flat), Err(NotAPolygon::Flat), "{flat:?}");
    }
    let many: Vec<(u16, u16)> = (0..65).map(|index| (index, index * index)).collect();
    assert_eq!(Polygon::new(&many), Err(NotAPolygon::TooMany));
    assert!(Polygon::new(&many[..64]).is_ok());
    // A corner that is named twice, and a ring that is closed by hand.
    assert_eq!(polygon(&[(0, 0), (0, 0), (9, 0), (9, 9), (0, 0)]), polygon(&[(0, 0), (9, 0), (9, 9)]));
}

/// Whether a point lies in the polygon when its sides are walked around: by the even-odd rule, or by the winding number.
fn readings(corners: &[(u16, u16)], x: f64, y: f64) -> (bool, bool) {
    let (mut crossings, mut winding) = (0, 0);
    for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
        let [(x0, y0), (x1, y1)] = [from, to].map(|corner| (f64::from(corner.0), f64::from(corner.1)));
        if (y0 > y) != (y1 > y) && x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x {
            crossings += 1;
            winding += if y1 > y0 { 1 } else { -1 };
        }
    }
    (crossings % 2 == 1, winding != 0)
}

proptest! {
    /// Sampled at every half pixel: what any reading calls inside is hidden, and what is called wholly inside is inside by every reading.
    #[test]
    fn no_point_inside_is_left_out(corners in prop::collection::vec((0u16..130, 0u16..100), 3..9)) {
        let Ok(polygon) = Polygon::new(&corners) else { return Ok(()) };
        let (grid, size) = (grid(120, 90), (120, 90));
        let (touched, inside) = (polygon.touched(grid), polygon.inside(grid));
        for y in 0..size.1 {
            for x in 0..size.0 {
                let (column, row) = (x / 16, y / 16);
                // Off the half: no corner lies there.
                let (odd, wound) = readings(&corners, f64::from(x) + 0.49, f64::from(y) + 0.51);
                prop_assert!(!(odd || wound) || has(&touched, column, row), "{x}, {y} is visible");
                prop_assert!((odd && wound) || !has(&inside, column, row), "{x}, {y} is shown");
            }
        }
        for block in &inside {
            prop_assert!(has(&touched, block.left, block.top));
        }
    }
}
