#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use wire::frame::DetectorState;

use super::*;
use crate::mask::{Config, Fixed, Meta, Planner};
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
    let fixed = areas.iter().map(|(number, area)| Fixed { label: label(*number), area: *area }).collect();
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
