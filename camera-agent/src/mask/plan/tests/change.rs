//! Masks that change while pictures wait.

use wire::label::Labels;

use super::*;

fn named(names: &str) -> Arc<Labels> {
    Arc::new(Labels::new(names.split_whitespace().map(|name| name.parse().unwrap()).collect()).unwrap())
}

/// Masks with labels of those names, in their order.
fn masks(areas: &[(&str, Area)]) -> Config {
    let mut names: Vec<&str> = areas.iter().map(|(name, _)| *name).collect();
    names.dedup();
    let labels = named(&names.join(" "));
    let fixed = areas.iter().map(|(name, area)| Fixed { label: labels.find(name).unwrap(), shape: (*area).into() }).collect();
    Config { fixed, labels, queue: 1000, ..Config::default() }
}

/// Under which label's name a pixel is hidden.
fn hidden_as(plan: &Plan, x: u32, y: u32) -> Option<&str> {
    owner(plan, x, y).map(|label| plan.labels().name(label).unwrap())
}

const LEFT: Area = Area { x: 32.0, y: 32.0, w: 64.0, h: 64.0 };
const RIGHT: Area = Area { x: 320.0, y: 32.0, w: 64.0, h: 64.0 };

fn in_left(plan: &Plan) -> Option<&str> {
    hidden_as(plan, 50, 50)
}

fn in_right(plan: &Plan) -> Option<&str> {
    hidden_as(plan, 350, 50)
}

#[test]
fn pictures_that_wait_get_both_and_later_ones_the_new_masks() {
    for planned in [false, true] {
        let mut rig = Rig::new(masks(&[("till", LEFT)]));
        rig.push(0..=3);
        rig.detect(0, &[]);
        if planned {
            rig.detect(3, &[]);
        }
        assert_eq!(in_right(&rig.planner.due(rig.start)[0].plan), None);
        rig.planner.replace(&masks(&[("till", RIGHT)]));
        rig.push(4..=5);
        rig.detect(5, &[]);
        let due = rig.due(ms(0));
        assert_eq!(numbers(&due).last(), Some(&5));
        for release in &due {
            let old = (release.number < 4).then_some("till");
            assert_eq!((in_left(&release.plan), in_right(&release.plan)), (old, Some("till")), "{}", release.number);
            assert!(!release.plan.fail_closed());
        }
    }
}

#[test]
fn a_label_that_the_running_epoch_does_not_have_is_for_those_who_may_see_everything() {
    let mut rig = Rig::new(masks(&[("till", LEFT)]));
    rig.push(0..=1);
    rig.planner.replace(&masks(&[("window", RIGHT), ("till", LEFT)]));
    rig.push(2..=2);
    rig.detect(0, &[]);
    rig.detect(2, &[]);
    let due = rig.due(ms(0));
    for release in &due[..2] {
        assert_eq!(release.plan.labels(), &named("till"));
        assert_eq!((in_left(&release.plan), in_right(&release.plan)), (Some("till"), Some("whole-frame")));
    }
    assert_eq!(due[2].plan.labels(), &named("window till"));
    assert_eq!((in_left(&due[2].plan), in_right(&due[2].plan)), (Some("till"), Some("window")));
}

#[test]
fn a_whole_mask_stays_whole_and_says_so() {
    let mut rig = Rig::new(masks(&[("till", LEFT)]));
    rig.push(0..=1);
    // The first detection of all vouches for nothing before it.
    rig.detect(1, &[face(200.0, 200.0)]);
    rig.planner.replace(&masks(&[("till", RIGHT)]));
    let due = rig.due(ms(0));
    assert!(whole(&due[0].plan, &[]) && due[0].plan.fail_closed());
    assert_eq!((in_left(&due[0].plan), in_right(&due[0].plan)), (Some("till"), Some("till")));
    assert!(!due[1].plan.fail_closed() && hides(&due[1].plan, Label::FACE, face(200.0, 200.0)), "what was found stays masked");
}

#[test]
fn several_changes_while_one_picture_waits_all_count() {
    let mut rig = Rig::new(masks(&[("till", LEFT)]));
    rig.push(0..=0);
    rig.planner.replace(&masks(&[("window", RIGHT)]));
    rig.planner.replace(&masks(&[]));
    rig.detect(0, &[]);
    let plan = &rig.due(ms(0))[0].plan;
    assert_eq!((in_left(plan), in_right(plan)), (Some("till"), Some("whole-frame")));
    rig.push(1..=1);
    rig.detect(1, &[]);
    assert!(rig.due(ms(0))[0].plan.regions().is_empty());
}

#[test]
fn modes_change_without_a_gap() {
    let all = Config { mode: Mode::All, ..masks(&[]) };
    let mut rig = Rig::new(masks(&[]));
    rig.push(0..=2);
    rig.detect(0, &[]);
    rig.detect(1, &[]);
    rig.planner.replace(&all);
    assert!(!rig.planner.wants_detections());
    rig.push(3..=3);
    let due = rig.due(rig.at(2).duration_since(rig.start) + ms(250));
    assert_eq!(numbers(&due), [0, 1, 2, 3]);
    assert!(due.iter().all(|release| whole(&release.plan, &[])), "both would not show more than the new one alone");
    assert_eq!((due[3].plan.fail_closed(), due[3].plan.detector()), (false, DetectorState::Off));

    // Back: what was captured under `all` stays whole, and then the detector must speak first.
    rig.push(4..=4);
    rig.planner.replace(&masks(&[]));
    rig.push(5..=6);
    rig.detect(6, &[face(100.0, 100.0)]);
    let due = rig.due(ms(0));
    assert!(whole(&due[0].plan, &[]) && !due[0].plan.fail_closed());
    assert!(!whole(&due[2].plan, &[]) && hides(&due[2].plan, Label::FACE, face(100.0, 100.0)));

    let inverse = Config { mode: Mode::Inverse, zones: vec![LEFT.into()], ..masks(&[]) };
    rig.push(7..=7);
    rig.planner.replace(&inverse);
    rig.push(8..=8);
    rig.detect(8, &[]);
    let due = rig.due(ms(0));
    for release in &due {
        assert_eq!((in_left(&release.plan), in_right(&release.plan)), (None, Some("outside")), "{}", release.number);
    }
}

/// What happens to a planner whose masks change.
#[derive(Debug, Clone)]
enum Event {
    Picture,
    /// Of the newest picture.
    Detection,
    Time(u64),
    Change(Vec<(u8, u16, u16, u16, u16)>, u8),
}

fn event() -> impl Strategy<Value = Event> {
    let areas = prop::collection::vec((0u8..3, 0u16..620, 0u16..350, 1u16..200, 1u16..200), 0..4);
    prop_oneof![
        6 => Just(Event::Picture),
        3 => Just(Event::Detection),
        3 => (0u64..120).prop_map(Event::Time),
        2 => (areas, 0u8..4).prop_map(|(areas, mode)| Event::Change(areas, mode)),
    ]
}

fn config(areas: &[(u8, u16, u16, u16, u16)], mode: u8) -> (Config, Vec<Area>) {
    let names = ["till", "window", "desk"];
    let drawn: Vec<(&str, Area)> = areas
        .iter()
        .map(|(name, x, y, w, h)| (names[usize::from(*name)], Area { x: (*x).into(), y: (*y).into(), w: (*w).into(), h: (*h).into() }))
        .collect();
    let mut order: Vec<&str> = drawn.iter().map(|(name, _)| *name).collect();
    order.sort_unstable();
    order.dedup();
    let labels = named(&order.join(" "));
    let fixed = drawn.iter().map(|(name, area)| Fixed { label: labels.find(name).unwrap(), shape: (*area).into() }).collect();
    let mode = match mode {
        0 => Mode::All,
        1 => Mode::Inverse,
        _ => Mode::Masks,
    };
    let zones = vec![Area { x: 100.0, y: 100.0, w: 300.0, h: 200.0 }.into()];
    (Config { mode, fixed, zones, labels, queue: 1000, ..Config::default() }, drawn.into_iter().map(|(_, area)| area).collect())
}

proptest! {
    /// Whatever happens: a frame hides all that was fixed when its picture was captured, and all that was fixed by a change that came before
    /// it went on; its labels are those of when it was captured.
    #[test]
    fn no_change_ever_shows_what_both_hide(events in prop::collection::vec(event(), 1..60)) {
        let (first, areas) = config(&[(0, 10, 10, 50, 50)], 2);
        let mut rig = Rig::new(first.clone());
        let (mut clock, mut next) = (0, 0);
        // What hides each picture that waits: areas, modes, and the labels that it was captured under.
        let mut current = (areas, first.mode, first.labels);
        let mut waiting: Vec<(Vec<Area>, Vec<Mode>, Arc<Labels>)> = Vec::new();
        for event in events {
            match event {
                Event::Picture => {
                    rig.planner.push(Meta { number: next, at: rig.start + ms(clock), size: size(640, 368) }, next);
                    waiting.push((current.0.clone(), vec![current.1], Arc::clone(&current.2)));
                    next += 1;
                }
                Event::Detection if next > 0 => {
                    let (number, at, size, look) = (next - 1, rig.start + ms(clock), size(640, 368), Look::Thorough);
                    let detection = Detection { number, at, size, look, smallest: 0.0, faces: Vec::new(), took: ms(1) };
                    rig.planner.detector_is(DetectorState::Ready);
                    rig.planner.detection(&detection);
                }
                Event::Detection => {}
                Event::Time(passed) => clock += passed,
                Event::Change(areas, mode) => {
                    let (config, areas) = config(&areas, mode);
                    rig.planner.replace(&config);
                    let from = waiting.len() - rig.planner.waiting();
                    for (hidden, modes, _) in &mut waiting[from..] {
                        hidden.extend(areas.iter().copied());
                        modes.push(config.mode);
                    }
                    current = (areas, config.mode, config.labels);
                }
            }
            for release in rig.planner.due(rig.start + ms(clock)) {
                let (hidden, modes, labels) = &waiting[usize::try_from(release.number).unwrap()];
                prop_assert_eq!(release.plan.labels(), labels);
                prop_assert!(release.plan.regions().len() <= 255);
                prop_assert!(release.plan.regions().iter().all(|region| labels.name(region.label).is_some()));
                for area in hidden {
                    for (x, y) in pixels(*area).filter(|(x, y)| *x < 640 && *y < 368) {
                        prop_assert!(owner(&release.plan, x, y).is_some(), "{area:?} in {}", release.number);
                    }
                }
                if modes.contains(&Mode::All) {
                    prop_assert!(whole(&release.plan, &[]));
                }
                if modes.contains(&Mode::Inverse) {
                    prop_assert!(owner(&release.plan, 50, 300).is_some() && owner(&release.plan, 500, 20).is_some());
                }
            }
        }
    }
}
