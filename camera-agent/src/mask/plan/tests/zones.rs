//! Polygons, zones and the modes.

use super::*;

fn zone(x: f32, y: f32, w: f32, h: f32) -> Shape {
    Area { x, y, w, h }.into()
}

fn polygon(corners: &[(u16, u16)]) -> Shape {
    Shape::Polygon(Polygon::new(corners).unwrap())
}

/// A planner with zones, and a mask that overlaps one of them.
fn inverse(zones: Vec<Shape>) -> Config {
    Config { mode: Mode::Inverse, fixed: vec![till()], zones, ..Config::default() }
}

#[test]
fn a_polygon_hides_every_block_that_it_touches_under_its_label() {
    let label = Label::from_number(3).unwrap();
    let fixed = vec![Fixed { label, shape: polygon(&[(100, 100), (300, 140), (200, 300)]) }];
    let mut rig = Rig::new(Config { faces: None, fixed, ..Config::default() });
    rig.push(0..=0);
    let plan = &rig.due(ms(0))[0].plan;
    for (x, y) in [(100, 100), (96, 96), (299, 140), (200, 299), (200, 180), (150, 111)] {
        assert_eq!(owner(plan, x, y), Some(label), "{x}, {y}");
    }
    for (x, y) in [(90, 100), (300, 300), (110, 290), (320, 130)] {
        assert_eq!(owner(plan, x, y), None, "{x}, {y}");
    }
}

#[test]
fn inverse_shows_zones_and_nothing_else() {
    // On the grid, off the grid, and a triangle.
    let zones = vec![zone(0.0, 0.0, 64.0, 64.0), zone(200.0, 200.0, 100.0, 100.0), polygon(&[(400, 0), (640, 0), (640, 240)])];
    let mut rig = Rig::new(inverse(zones));
    rig.push(0..=1);
    rig.detect(0, &[]);
    let plan = &rig.due(ms(0))[0].plan;
    for (x, y) in [(0, 0), (63, 63), (208, 208), (287, 287), (600, 20)] {
        assert_eq!(owner(plan, x, y), None, "{x}, {y} is in a zone");
    }
    for (x, y) in [(64, 0), (0, 64), (200, 200), (207, 250), (288, 288), (410, 5), (300, 300), (639, 367)] {
        assert_eq!(owner(plan, x, y), Some(Label::OUTSIDE), "{x}, {y} is in no zone whole");
    }
    assert!(hides(plan, till().label, TILL), "fixed masks win over `outside`");
    assert_eq!((plan.fail_closed(), plan.detector()), (false, DetectorState::Ready));
    // Faces are masked in zones, and outside them belong to `outside`.
    rig.detect(1, &[face(240.0, 230.0), face(20.0, 200.0)]);
    let plan = &rig.due(ms(40))[0].plan;
    assert!(hides(plan, Label::FACE, face(240.0, 230.0)) && hides(plan, Label::OUTSIDE, face(20.0, 200.0)));
}

#[test]
fn a_fixed_mask_in_a_zone_stays() {
    let mut rig = Rig::new(Config { faces: None, ..inverse(vec![zone(0.0, 0.0, 640.0, 368.0)]) });
    rig.push(0..=0);
    let plan = &rig.due(ms(0))[0].plan;
    assert!(hides(plan, till().label, TILL));
    assert!(plan.regions().iter().all(|region| region.label == till().label));
}

#[test]
fn inverse_fails_closed_too() {
    let mut rig = Rig::new(inverse(vec![zone(0.0, 0.0, 320.0, 368.0)]));
    rig.push(0..=0);
    rig.planner.detector_is(DetectorState::Failed);
    assert_eq!(rig.due(ms(249)), []);
    let due = rig.due(ms(250));
    let plan = &due[0].plan;
    assert!(whole(plan, &[(till().label, TILL)]) && plan.fail_closed());
    assert_eq!(owner(plan, 100, 100), Some(Label::WHOLE_FRAME));
    assert_eq!(owner(plan, 400, 100), Some(Label::OUTSIDE), "what is outside anyway keeps its label");
}

#[test]
fn a_zone_that_crosses_itself_or_is_too_small_shows_nothing() {
    let crossed = polygon(&[(0, 0), (640, 368), (640, 0), (0, 368)]);
    let small = zone(40.0, 40.0, 23.0, 100.0);
    for zones in [vec![crossed], vec![small], Vec::new()] {
        let mut rig = Rig::new(Config { faces: None, ..inverse(zones) });
        rig.push(0..=0);
        assert!(whole(&rig.due(ms(0))[0].plan, &[(till().label, TILL)]));
    }
}

#[test]
fn in_pictures_of_another_size_only_what_both_zones_show_is_shown() {
    let mut rig = Rig::new(Config { faces: None, ..inverse(vec![zone(64.0, 64.0, 128.0, 128.0)]) });
    rig.push(0..=0);
    rig.planner.push(Meta { number: 1, at: rig.start, size: size(1280, 736) }, 1);
    let plan = &rig.due(ms(0))[1].plan;
    assert_eq!(owner(plan, 70, 70), Some(Label::OUTSIDE), "in the zone as it stands, not in the scaled one");
    assert_eq!(owner(plan, 300, 300), Some(Label::OUTSIDE), "and the other way round");
    assert_eq!(owner(plan, 150, 150), None);
}

proptest! {
    /// Pixel by pixel: what is shown in inverse mode lies in a zone, and belongs to no mask and no face.
    #[test]
    fn whatever_is_shown_is_in_a_zone(
        zones in prop::collection::vec((0u16..600, 0u16..340, 1u16..400, 1u16..300), 0..5),
        faces in prop::collection::vec((-20.0f32..620.0, -20.0f32..350.0), 0..4),
    ) {
        let shapes = zones.iter().map(|(x, y, w, h)| zone((*x).into(), (*y).into(), (*w).into(), (*h).into())).collect();
        let mut rig = Rig::new(inverse(shapes));
        rig.push(0..=0);
        let faces: Vec<Area> = faces.iter().map(|(x, y)| face(*x, *y)).collect();
        rig.detect(0, &faces);
        let due = rig.due(ms(0));
        let plan = &due[0].plan;
        prop_assert!(plan.regions().len() <= 255 && hides(plan, till().label, TILL));
        for y in (0..368).step_by(3) {
            for x in (0..640).step_by(3) {
                if owner(plan, x, y).is_some() {
                    continue;
                }
                let shown = |(left, top, w, h): &(u16, u16, u16, u16)| {
                    (u32::from(*left)..u32::from(left + w)).contains(&x) && (u32::from(*top)..u32::from(top + h)).contains(&y)
                };
                prop_assert!(zones.iter().any(shown), "{x}, {y} is in no zone");
                for face in &faces {
                    let inside = (face.x..face.x + face.w).contains(&(x as f32)) && (face.y..face.y + face.h).contains(&(y as f32));
                    prop_assert!(!inside, "{x}, {y} is in a face");
                }
            }
        }
    }
}
