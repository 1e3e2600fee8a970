#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use wire::label::Label;

use super::*;

fn size(width: usize, height: usize) -> Size {
    Size::new(width, height).unwrap()
}

fn region(x: u16, y: u16, w: u16, h: u16) -> Region {
    Region { label: Label::FACE, x, y, w, h, track: 0 }
}

/// Every region's rectangle on the canvas, in blocks.
fn places(canvas: &Canvas, regions: &[Region]) -> Vec<Blocks> {
    let place = |(number, region): (usize, &Region)| {
        let ((left, top), blocks) = (canvas.position(number, region).unwrap(), Blocks::of(region));
        Blocks { left, top, right: left + blocks.columns(), bottom: top + blocks.rows() }
    };
    regions.iter().enumerate().map(place).collect()
}

#[test]
fn a_canvas_is_small_and_a_cluster_keeps_its_place() {
    let picture = size(1280, 720);
    let at = |x| [region(x, 160, 128, 160), region(800, 320, 96, 112)];
    let mut canvas = Canvas::new(&at(160), picture, None).unwrap();
    assert!(canvas.all.area() * 4 < Blocks::whole(picture).area(), "{:?}", canvas.all);
    let before = places(&canvas, &at(160));
    for x in (176..600).step_by(16) {
        assert!(canvas.follow(&at(x), picture));
        assert_eq!(places(&canvas, &at(x)), before, "it moves in the picture, not on the canvas");
    }
    // They meet, and part.
    for x in (608..1000).step_by(16) {
        let regions = [region(x, 160, 128, 160), region(x + 128 + (x / 16 % 5) * 16, 160, 96, 112)];
        assert!(canvas.follow(&regions, picture) || Canvas::new(&regions, picture, Some(Canvas::blank(canvas.all).unwrap())).is_some());
    }
}

#[test]
fn faces_that_pass_each_other_keep_their_places() {
    let picture = size(1280, 720);
    // Cut where they overlap, as the planner does: the first one hides what both claim.
    let at = |x: u16| {
        let one = Region { track: 1, ..region(320, 160, 96, 96) };
        let other = |x: u16, w: u16| Region { track: 2, ..region(x, 160, w, 96) };
        match x {
            0..=224 | 416.. => vec![one, other(x, 96)],
            225..320 => vec![one, other(x, 320 - x)],
            320 => vec![one],
            _ => vec![one, other(416, x + 96 - 416)],
        }
    };
    let mut canvas = Canvas::new(&at(160), picture, None).unwrap();
    let first = places(&canvas, &at(160))[0];
    for x in (176..600).step_by(16) {
        assert!(canvas.follow(&at(x), picture), "{x}");
        assert_eq!(places(&canvas, &at(x))[0], first, "{x}");
    }
}

#[test]
fn newcomers_find_room_until_there_is_none() {
    let picture = size(1280, 720);
    let faces = |count: u16| (0..count).map(|n| region(32 + n * 192, 160, 96, 112)).collect::<Vec<_>>();
    let mut canvas = Canvas::new(&faces(3), picture, None).unwrap();
    assert!(canvas.follow(&faces(4), picture), "one more fits: {:?}", canvas.all);
    assert!(canvas.follow(&faces(0), picture) && canvas.follow(&faces(2), picture));
    let many: Vec<_> = (0..40).map(|n| region(n % 8 * 144, n / 8 * 128, 64, 64)).collect();
    assert!(!canvas.follow(&many, picture), "a group must begin");
    let canvas = Canvas::new(&many, picture, Some(canvas)).unwrap();
    assert_eq!(places(&canvas, &many).len(), 40);
}

#[test]
fn what_hides_much_lies_where_it_is() {
    let picture = size(1280, 720);
    let whole = [region(0, 0, 1280, 720)];
    let canvas = Canvas::new(&whole, picture, None).unwrap();
    assert_eq!((canvas.blocks(), canvas.position(0, &whole[0])), ((80, 45), Some((0, 0))));
    // And is kept no longer than needed.
    let face = [region(160, 160, 96, 96)];
    let canvas = Canvas::new(&face, picture, Some(canvas)).unwrap();
    assert!(canvas.all.area() < 400);
    // One that is a little larger than needed is, so that its stream goes on.
    let blocks = canvas.blocks();
    let canvas = Canvas::new(&[region(160, 160, 64, 64)], picture, Some(canvas)).unwrap();
    assert_eq!(canvas.blocks(), blocks);
}

#[test]
fn originals_lie_inside_their_margins_on_a_flat_ground() {
    for (picture, face) in [(size(320, 240), region(96, 80, 64, 48)), (size(205, 147), region(160, 112, 45, 35))] {
        let mut masked = Planes::new(picture);
        masked.planes_mut().into_iter().for_each(|plane| plane.fill(50));
        let mut original = Planes::new(size(face.w.into(), face.h.into()));
        original.planes_mut().into_iter().for_each(|plane| plane.fill(200));
        let mut canvas = Canvas::new(&[face], picture, None).unwrap();
        canvas.paint(&masked, [(&face, &original)].into_iter()).unwrap();
        let (column, row) = canvas.position(0, &face).unwrap();
        let whole = Blocks::whole(picture);
        for (plane, step) in canvas.planes.planes().into_iter().zip([1, 2, 2]) {
            let side = 16 / step;
            let (x, y) = (usize::from(column) * side, usize::from(row) * side);
            let (w, h) = (usize::from(face.w).div_ceil(16) * side, usize::from(face.h).div_ceil(16) * side);
            for (at, sample) in plane.samples.iter().enumerate() {
                let (across, down) = (at % plane.width, at / plane.width);
                let inside = (x..x + w).contains(&across) && (y..y + h).contains(&down);
                let near =
                    (x.saturating_sub(side)..x + w + side).contains(&across) && (y.saturating_sub(side)..y + h + side).contains(&down);
                match (inside, near) {
                    (true, _) => assert_eq!(*sample, 200, "an original, up to the end of its last blocks"),
                    (false, true) => assert!([50, FLAT].contains(sample), "the margin"),
                    (false, false) => assert_eq!(*sample, FLAT),
                }
            }
            assert!(plane.samples.contains(&50), "there is a margin in {whole:?}");
        }
    }
}

fn regions() -> impl Strategy<Value = Vec<Region>> {
    prop::collection::vec((0u16..40, 0u16..22, 1u16..12, 1u16..12, 0u16..4), 0..20).prop_map(|boxes| {
        let mut regions: Vec<Region> = Vec::new();
        for (column, row, columns, rows, track) in boxes {
            let (x, y) = (column * 16, row * 16);
            let made = Region { track, ..region(x, y, (columns * 16).min(645 - x), (rows * 16).min(363 - y)) };
            if !regions.iter().any(|other| other.overlaps(&made)) {
                regions.push(made);
            }
        }
        regions
    })
}

proptest! {
    #[test]
    fn every_region_lies_on_the_canvas_alone(first in regions(), then in prop::collection::vec(regions(), 0..6)) {
        let picture = size(645, 363);
        let mut canvas = Canvas::new(&first, picture, None).unwrap();
        let mut now = first;
        for next in std::iter::once(now.clone()).chain(then) {
            if canvas.follow(&next, picture) {
                now = next;
            } else {
                canvas = Canvas::new(&next, picture, Some(canvas)).unwrap();
                now = next;
            }
            let places = places(&canvas, &now);
            for (index, place) in places.iter().enumerate() {
                prop_assert!(canvas.all.contains(*place));
                prop_assert!(places.iter().skip(index + 1).all(|other| other.common(*place) == 0), "two on one place");
            }
            // Whatever is around it, every original is whole: 200 against the masked picture's 50.
            let mut masked = Planes::new(picture);
            masked.planes_mut().into_iter().for_each(|plane| plane.fill(50));
            let original = |region: &Region| {
                let mut original = Planes::new(size(region.w.into(), region.h.into()));
                original.planes_mut().into_iter().for_each(|plane| plane.fill(200));
                original
            };
            let originals: Vec<Planes> = now.iter().map(original).collect();
            prop_assert!(canvas.paint(&masked, now.iter().zip(&originals)).is_some());
            let [luma, ..] = canvas.planes.planes();
            for place in &places {
                let columns = usize::from(place.left) * 16..usize::from(place.right) * 16;
                let rows = luma.rows().take(usize::from(place.bottom) * 16).skip(usize::from(place.top) * 16);
                prop_assert!(rows.flat_map(|row| &row[columns.clone()]).all(|sample| *sample == 200));
            }
        }
        let _ = now;
    }
}
