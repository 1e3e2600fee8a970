#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use wire::frame::DetectorState;

use super::*;
use crate::detect::{Detection, Found, Look};
use crate::mask::{Config, Faces, Fixed, Meta, Mode, Planner, Polygon, Shape};
use crate::picture::Area;

/// A picture in which every sample differs from its neighbours.
fn picture(width: usize, height: usize) -> Picture {
    let mut planes = Planes::new(Size::new(width, height).unwrap());
    for (index, plane) in planes.planes_mut().into_iter().enumerate() {
        for (at, sample) in plane.iter_mut().enumerate() {
            *sample = (at * 37 + index * 11) as u8;
        }
    }
    Picture { number: 7, captured_at: Micros(5), at: Instant::now(), planes }
}

fn plan(size: Size, areas: &[(u8, Area)]) -> Plan {
    let label = |number| Label::from_number(number).unwrap();
    let fixed = areas.iter().map(|(number, area)| Fixed { label: label(*number), shape: (*area).into() }).collect();
    let mut planner = Planner::new(Config { faces: None, fixed, ..Config::default() });
    let at = Instant::now();
    planner.push(Meta { number: 0, at, size }, ());
    planner.due(at).remove(0).plan
}

fn area(x: f32, y: f32, w: f32, h: f32) -> Area {
    Area { x, y, w, h }
}

fn copy(planes: &Planes) -> [Vec<u8>; 3] {
    planes.planes().map(|plane| plane.samples.to_vec())
}

#[test]
fn no_original_sample_is_left_inside_and_every_one_outside() {
    let pool = Pool::new(4);
    for (width, height) in [(64, 48), (65, 49), (33, 70)] {
        for fill in [Fill::Solid, Fill::Surround] {
            let picture = picture(width, height);
            let size = picture.size();
            let before = copy(&picture.planes);
            // One in the corner, one inside, one across the lower right edge.
            let edge = area(width as f32 - 3.0, height as f32 - 3.0, 50.0, 50.0);
            let plan = plan(size, &[(2, area(0.0, 0.0, 9.0, 9.0)), (0, area(17.0, 20.0, 10.0, 20.0)), (1, edge)]);
            assert_eq!(plan.regions().iter().map(|region| region.label).collect::<std::collections::BTreeSet<_>>().len(), 3);
            let regions = plan.regions().to_vec();
            let masked = apply(picture, plan, fill, &pool).unwrap();
            let after = copy(masked.planes());
            for (index, (width, scale)) in [(width, 1), (size.chroma().0, 2), (size.chroma().0, 2)].into_iter().enumerate() {
                for at in 0..before[index].len() {
                    let (x, y) = ((at % width * scale) as u32, (at / width * scale) as u32);
                    let within = |region: &&Region| {
                        (u32::from(region.x)..region.right()).contains(&x) && (u32::from(region.y)..region.bottom()).contains(&y)
                    };
                    match regions.iter().find(within) {
                        None => assert_eq!(after[index][at], before[index][at], "outside nothing changes"),
                        Some(region) => {
                            let corner = usize::from(region.y) / scale * width + usize::from(region.x) / scale;
                            assert_eq!(after[index][at], after[index][corner], "inside all is alike");
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_fill_does_not_depend_on_what_is_hidden() {
    let pool = Pool::new(4);
    let size = Size::new(64, 64).unwrap();
    let areas = [(0, area(16.0, 16.0, 16.0, 16.0)), (1, area(32.0, 16.0, 16.0, 16.0))];
    for fill in [Fill::Solid, Fill::Surround] {
        let first = picture(64, 64);
        let mut second = picture(64, 64);
        // Everything under the masks is different.
        for region in plan(size, &areas).regions() {
            hide(&mut second.planes, region, [255, 1, 254]);
        }
        assert_ne!(copy(&first.planes), copy(&second.planes));
        let masked = [first, second].map(|picture| copy(apply(picture, plan(size, &areas), fill, &pool).unwrap().planes()));
        assert_eq!(masked[0], masked[1], "{fill:?}");
    }
}

#[test]
fn the_surroundings_colour_is_that_of_visible_pixels() {
    let pool = Pool::new(4);
    let size = Size::new(64, 64).unwrap();
    let mut planes = Planes::new(size);
    for (plane, sample) in planes.planes_mut().into_iter().zip([200, 90, 160]) {
        plane.fill(sample);
    }
    let picture = |planes: Planes| Picture { number: 0, captured_at: Micros(0), at: Instant::now(), planes };
    let masked = apply(picture(planes), plan(size, &[(0, area(16.0, 16.0, 16.0, 16.0))]), Fill::Surround, &pool).unwrap();
    assert!(copy(masked.planes()).iter().zip([200, 90, 160]).all(|(plane, sample)| plane.iter().all(|s| *s == sample)));
    // Nothing is visible: the grey that depends on nothing.
    let masked = apply(picture(Planes::new(size)), plan(size, &[(0, area(0.0, 0.0, 64.0, 64.0))]), Fill::Surround, &pool).unwrap();
    assert_eq!(masked.planes().planes().map(|plane| plane.samples[0]), GREY);
}

#[test]
fn originals_are_those_of_the_regions_and_put_back_make_the_picture() {
    let pool = Pool::new(4);
    for (width, height) in [(64, 48), (65, 49)] {
        let picture = picture(width, height);
        let before = copy(&picture.planes);
        let size = picture.size();
        let plan = plan(size, &[(2, area(20.0, 20.0, 100.0, 100.0)), (0, area(0.0, 0.0, 30.0, 30.0))]);
        let masked = apply(picture, plan, Fill::Solid, &pool).unwrap();
        let mut again = masked.planes().clone();
        assert_eq!(masked.originals().len(), masked.plan().regions().len());
        for (patch, region) in masked.originals().iter().zip(masked.plan().regions()) {
            assert_eq!(patch.label, region.label);
            let widths = [width, size.chroma().0, size.chroma().0];
            for (((target, source), (columns, rows)), width) in
                again.planes_mut().into_iter().zip(patch.planes.planes()).zip(shares(region)).zip(widths)
            {
                for (row, samples) in target.chunks_exact_mut(width).skip(rows.start).zip(source.rows()) {
                    row[columns.clone()].copy_from_slice(samples);
                }
            }
        }
        assert_eq!(copy(&again), before);
    }
}

#[test]
fn a_plan_for_another_size_gives_nothing() {
    let plan = plan(Size::new(64, 48).unwrap(), &[]);
    assert_eq!(plan.detector(), DetectorState::Off);
    let mismatch = apply(picture(64, 64), plan, Fill::Solid, &Pool::new(1)).unwrap_err();
    assert!(mismatch.to_string().contains("not published"));
}

/// Which label hides a sample of a plane, `None` where everybody sees it. `scale` is 1 for luma and 2 for chroma.
fn owner(regions: &[Region], x: usize, y: usize, scale: usize) -> Option<Label> {
    let (x, y) = ((x * scale) as u32, (y * scale) as u32);
    let within =
        |region: &&Region| (u32::from(region.x)..region.right()).contains(&x) && (u32::from(region.y)..region.bottom()).contains(&y);
    regions.iter().find(within).map(|region| region.label)
}

/// What a holder of one label can make of a frame: its originals where its regions are, and what everybody sees elsewhere, margins included.
fn opened(masked: &Masked, label: Label) -> Planes {
    let mut planes = masked.planes().clone();
    let size = planes.size();
    for (region, original) in masked.originals_of(label) {
        let widths = [usize::from(size.width()), size.chroma().0, size.chroma().0];
        for (((target, source), (columns, rows)), width) in
            planes.planes_mut().into_iter().zip(original.planes()).zip(shares(region)).zip(widths)
        {
            for (row, samples) in target.chunks_exact_mut(width).skip(rows.start).zip(source.rows()) {
                row[columns.clone()].copy_from_slice(samples);
            }
        }
    }
    planes
}

/// A plan with masks, zones and faces on top of each other.
fn crowded(config: Config, size: Size, faces: &[Area]) -> Plan {
    let mut planner = Planner::new(config);
    let (at, number) = (Instant::now(), 0);
    planner.push(Meta { number, at, size }, ());
    let faces = faces.iter().map(|area| Found { area: *area, score: 0.9 }).collect();
    planner.detector_is(DetectorState::Ready);
    let took = std::time::Duration::ZERO;
    planner.detection(&Detection { number, at, size, look: Look::Thorough, smallest: 0.0, faces, took });
    planner.due(at + Faces::default().look_ahead).remove(0).plan
}

fn areas() -> impl Strategy<Value = Vec<Area>> {
    prop::collection::vec((-20.0f32..140.0, -20.0f32..100.0, 1.0f32..70.0, 1.0f32..60.0).prop_map(|(x, y, w, h)| area(x, y, w, h)), 0..4)
}

fn triangles() -> impl Strategy<Value = Vec<Shape>> {
    let corners = prop::collection::vec((0u16..140, 0u16..100), 3..6);
    prop::collection::vec(corners.prop_filter_map("flat", |corners| Polygon::new(&corners).ok().map(Shape::Polygon)), 0..3)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two pictures that differ in everything that one label hides, and nowhere else: nothing that anybody else gets differs.
    #[test]
    fn what_one_label_hides_changes_nothing_for_the_holders_of_others(
        rectangles in areas(), polygons in triangles(), zones in triangles(), faces in areas(),
        mode in prop_oneof![Just(Mode::Masks), Just(Mode::Inverse), Just(Mode::All)],
        surround in any::<bool>(), width in 100usize..131, height in 70usize..99,
    ) {
        let size = Size::new(width, height).unwrap();
        let label = |index: usize| Label::from_number((index % 3) as u8).unwrap();
        let shapes = rectangles.into_iter().map(Shape::from).chain(polygons);
        let fixed = shapes.enumerate().map(|(index, shape)| Fixed { label: label(index), shape }).collect();
        let config = Config { mode, fixed, zones, ..Config::default() };
        let plan = crowded(config, size, &faces);
        let regions = plan.regions().to_vec();
        let fill = if surround { Fill::Surround } else { Fill::Solid };
        let pool = Pool::new(4);
        let labels: std::collections::BTreeSet<Label> = regions.iter().map(|region| region.label).collect();
        let first = picture(width, height);
        let original = copy(&first.planes);
        let masked = apply(first, plan.clone(), fill, &pool).unwrap();
        let widths = [width, size.chroma().0, size.chroma().0];
        for hiding in &labels {
            let mut second = picture(width, height);
            for region in regions.iter().filter(|region| region.label == *hiding) {
                for (((plane, (columns, rows)), width), salt) in second.planes.planes_mut().into_iter().zip(shares(region)).zip(widths).zip(1u8..) {
                    for row in plane.chunks_exact_mut(width).take(rows.end).skip(rows.start) {
                        row[columns.clone()].iter_mut().for_each(|sample| *sample = sample.wrapping_mul(31).wrapping_add(41 * salt));
                    }
                }
            }
            let other = apply(second, plan.clone(), fill, &pool).unwrap();
            prop_assert_eq!(copy(masked.planes()), copy(other.planes()), "everybody");
            for holder in labels.iter().filter(|holder| *holder != hiding) {
                prop_assert_eq!(copy(&opened(&masked, *holder)), copy(&opened(&other, *holder)), "{:?} of {:?}", holder, hiding);
            }
            // The control: whoever holds it sees the difference.
            prop_assert_ne!(copy(&opened(&masked, *hiding)), copy(&opened(&other, *hiding)));
        }
        // And sample by sample: the original where the label hides it or nobody does, and the masked picture elsewhere.
        for holder in &labels {
            let seen = copy(&opened(&masked, *holder));
            for (plane, (width, scale)) in widths.into_iter().zip([1, 2, 2]).enumerate() {
                for at in 0..seen[plane].len() {
                    let expected = match owner(&regions, at % width, at / width, scale) {
                        Some(owner) if owner != *holder => copy_of(masked.planes(), plane, at),
                        _ => original[plane][at],
                    };
                    prop_assert_eq!(seen[plane][at], expected);
                }
            }
        }
    }
}

fn copy_of(planes: &Planes, plane: usize, at: usize) -> u8 {
    planes.planes()[plane].samples[at]
}
