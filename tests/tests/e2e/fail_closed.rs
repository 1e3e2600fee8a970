//! A detector that dies in mid-stream: frames are masked whole, say so, and none in between is masked less.

use std::time::Duration;

use celosia_tests::audience::{Ask, Audience, Shown};
use celosia_tests::detector::{FakeDetector, Mood};
use celosia_tests::person::Person;
use celosia_tests::picture::{Luma, Rect, correlation, psnr};
use celosia_tests::source::{Stage, number};
use celosia_tests::world::{World, stop};
use wire::frame::DetectorState;
use wire::label::Label;
use wire::verdict::Verdict;

const NAME: &str = "front-door";
const FACE: Rect = Rect { x: 112, y: 48, w: 64, h: 64 };
const SIZE: (usize, usize) = (320, 192);

/// Whether every pixel of the face, and if it says so of the picture, is masked.
fn is_covered(shown: &Shown) -> bool {
    let regions = &shown.frame.header().regions;
    let inside = |x: usize, y: usize| {
        regions
            .iter()
            .map(Rect::from)
            .any(|region| (region.x..region.x + region.w).contains(&x) && (region.y..region.y + region.h).contains(&y))
    };
    let area = if shown.frame.header().flags.fail_closed { Rect { x: 0, y: 0, w: SIZE.0, h: SIZE.1 } } else { FACE };
    (area.y..area.y + area.h).all(|y| (area.x..area.x + area.w).all(|x| inside(x, y)))
}

fn fails_closed(shown: &Shown) -> bool {
    shown.frame.header().flags.fail_closed
}

/// How many of the last frames in a row are so.
fn in_a_row(audience: &Audience, is: impl Fn(&Shown) -> bool) -> usize {
    audience.shown.iter().rev().take_while(|shown| is(shown)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_becomes_of_the_detector_nothing_is_masked_less() {
    let (world, ana) = (World::new().await, Person::new());
    world.authorize(NAME, "ana", &ana, &["face", "whole-frame"]);
    let texture = Luma::texture(FACE.w, FACE.h, 3);
    let stage = Stage::planted(SIZE.0, SIZE.1, Duration::from_millis(50), &texture, (FACE.x, FACE.y));
    let detector = FakeDetector::finding(&[FACE]);
    let setup = world.agent(NAME, &stage, Some(detector.model())).await.with(|setup| {
        setup.config.detect.look_ahead = Duration::from_millis(400);
        setup.parts.worker.late = Duration::from_millis(300);
        setup.parts.worker.give_up = Duration::from_millis(1200);
        setup.parts.worker.pause = Duration::from_millis(50);
        setup.parts.worker.longest_pause = Duration::from_millis(200);
    });
    let agent = setup.start().await;
    let mut public = world.watch_when_live(Ask::live(NAME)).await;
    let mut owner = world.watch(Ask::live(NAME).by(&ana)).await;
    let ready = |shown: &Shown| !fails_closed(shown) && shown.frame.header().flags.detector == DetectorState::Ready;
    public.until("regions", |audience| in_a_row(audience, ready) >= 5).await;

    for (mood, states) in [
        (Mood::Panics, &[DetectorState::Failed, DetectorState::Warming, DetectorState::Late][..]),
        (Mood::Errs, &[DetectorState::Failed, DetectorState::Warming, DetectorState::Late]),
        (Mood::Hangs, &[DetectorState::Late, DetectorState::Failed, DetectorState::Warming]),
        (Mood::Lags(Duration::from_millis(900), vec![FACE]), &[DetectorState::Late, DetectorState::Failed, DetectorState::Warming]),
    ] {
        let before = public.shown.len();
        detector.set(mood.clone());
        public.until("whole frames", |audience| in_a_row(audience, fails_closed) >= 8).await;
        let closed: Vec<_> = public.shown[before..].iter().filter(|shown| fails_closed(shown)).collect();
        assert!(closed.iter().all(|shown| states.contains(&shown.frame.header().flags.detector)), "{mood:?}");
        detector.set(Mood::Finds(vec![FACE]));
        public.until("regions again", |audience| in_a_row(audience, ready) >= 5).await;
    }
    owner.until("as much", |audience| audience.places().last() >= public.places().last()).await;
    stop(agent).await;

    assert_eq!(public.verdict(), Verdict::Authentic, "{}", public.reasons());
    for shown in &public.shown {
        assert!(is_covered(shown), "{:?}: {:?}", shown.place, shown.frame.header());
        assert!(correlation(&texture, &shown.picture.part(FACE)).abs() < 0.1, "{:?}", shown.place);
        if fails_closed(shown) {
            assert!(shown.frame.header().regions.iter().all(|region| region.label == Label::WHOLE_FRAME), "{:?}", shown.place);
            let flat = shown.picture.samples.iter().all(|sample| sample.abs_diff(shown.picture.samples[0]) < 4);
            assert!(flat, "{:?}: something of the picture is there", shown.place);
        }
    }
    // Nothing is lost either: whoever may unlock whole frames sees them.
    let closed: Vec<_> = owner.shown.iter().filter(|shown| fails_closed(shown)).collect();
    assert!(closed.len() >= 20);
    for shown in closed {
        let source = stage.luma(number(&shown.picture).expect("the number is unlocked with the rest"));
        assert!(psnr(&source, &shown.picture) > 25.0, "{:?}: {}", shown.place, psnr(&source, &shown.picture));
    }
}

/// The control of all of that: without a detector the same face is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_face_that_nobody_looks_for_is_shown() {
    let world = World::new().await;
    let texture = Luma::texture(FACE.w, FACE.h, 3);
    let stage = Stage::planted(SIZE.0, SIZE.1, Duration::from_millis(50), &texture, (FACE.x, FACE.y));
    let agent = world.agent(NAME, &stage, Some(FakeDetector::finding(&[]).model())).await.start().await;
    let mut public = world.watch_when_live(Ask::live(NAME)).await;
    public.until("an open frame", |audience| audience.shown.iter().any(|shown| !fails_closed(shown))).await;
    let open = public.shown.iter().find(|shown| !fails_closed(shown)).unwrap();
    assert!(!is_covered(open));
    assert!(correlation(&texture, &open.picture.part(FACE)) > 0.9);
    stop(agent).await;
}
