//! Failing closed, through the whole pipeline up to the signed frames.

use wire::frame::DetectorState;

use super::*;

#[tokio::test]
async fn what_is_found_is_masked_sealed_and_signed() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(FREE);
    let frames = run(&config, |kept| parts(&dir, live(), Behaviour::Finds, kept), 40).await;
    let shown = shown(&frames);
    let vouched: Vec<_> = shown.iter().filter(|(_, frame)| !frame.header().flags.fail_closed).collect();
    assert!(!vouched.is_empty(), "a detector that works is believed");
    for (_, frame) in &vouched {
        assert_eq!(frame.header().flags.detector, DetectorState::Ready);
        assert!(covered(frame, Label::FACE));
        assert!(seen(frame) < 0.1, "{}", seen(frame));
        let (luma, width) = luma(frame.public().unwrap());
        assert!(luma[10 * width + 300] > 70, "what is not masked is there");
    }
    let (record, end) = verified(&frames).pop().unwrap();
    assert!(end.header().flags.end && end.layers().is_empty());
    assert_eq!((record.record().link, record.record().detector.as_str()), (Link::First, "fake 1"));
}

#[tokio::test]
async fn control_a_detector_that_sees_nothing_lets_it_through() {
    let dir = tempfile::tempdir().unwrap();
    let frames = run(&config(FREE), |kept| parts(&dir, live(), Behaviour::Blind, kept), 40).await;
    let open = shown(&frames).into_iter().filter(|(_, frame)| !frame.header().flags.fail_closed).map(|(_, frame)| seen(&frame));
    assert!(open.into_iter().fold(0.0, f64::max) > 0.9, "the search for the plant finds it where it is");
}

/// What the public sees of a stream of video: each frame with its luma.
pub(super) fn video(frames: &[Signed]) -> Vec<(Verified<SignedFrame>, Vec<u8>)> {
    use openh264::formats::YUVSource as _;
    let mut decoder = openh264::decoder::Decoder::new().unwrap();
    let frames = shown(frames).into_iter().map(|(_, frame)| {
        let picture = decoder.decode(frame.public().unwrap()).unwrap().unwrap();
        let luma = picture.y().chunks(picture.strides().0).flat_map(|row| row[..320].to_vec()).collect();
        (frame, luma)
    });
    frames.collect()
}

#[tokio::test]
async fn video_shows_nothing_of_what_is_masked_and_the_control_does() {
    let text = FREE.replace("jpeg", "h264");
    for behaviour in [Behaviour::Finds, Behaviour::Panics, Behaviour::Dies(3), Behaviour::Blind] {
        let dir = tempfile::tempdir().unwrap();
        let frames = run(&config(&text), |kept| parts(&dir, live(), behaviour, kept), 60).await;
        let video = video(&frames);
        assert!(
            video.len() >= 60 && video.iter().filter(|(frame, _)| !frame.header().flags.key).count() > 20,
            "frames build on each other"
        );
        for (frame, luma) in &video {
            let header = frame.header();
            let masked = if header.flags.fail_closed { covered(frame, Label::WHOLE_FRAME) } else { covered(frame, Label::FACE) };
            assert_eq!(masked, behaviour != Behaviour::Blind || header.flags.fail_closed, "{behaviour:?}");
            if masked {
                let seen = correlation(luma, 320).abs();
                assert!(seen < 0.1, "{behaviour:?}, frame {}: {seen}", header.sequence);
            }
        }
        let open = video.iter().filter(|(frame, _)| !frame.header().flags.fail_closed).map(|(_, luma)| correlation(luma, 320));
        let most = open.fold(0.0, f64::max);
        assert_eq!(most > 0.9, behaviour == Behaviour::Blind, "{behaviour:?}: {most}");
    }
}

/// Every frame of an agent with that detector is masked whole, and says so.
async fn fails_closed(behaviour: Behaviour, states: &[DetectorState]) {
    let dir = tempfile::tempdir().unwrap();
    // A fixed mask keeps its own label all the same.
    let area = "[[mask]]\nlabel = \"till\"\nx = 0\ny = 0\nw = 64\nh = 64\n";
    let frames = run(&config(&format!("{FREE}{area}")), |kept| parts(&dir, live(), behaviour, kept), 40).await;
    let till = Label::from_number(0).unwrap();
    let shown = shown(&frames);
    assert!(shown.len() >= 40, "the camera goes on, masked");
    for (_, frame) in &shown {
        let header = frame.header();
        assert!(header.flags.fail_closed, "{behaviour:?}: frame {} is not masked whole", header.sequence);
        assert!(states.contains(&header.flags.detector), "{behaviour:?}: {}", header.flags.detector);
        let area: u32 = header.regions.iter().map(|region| u32::from(region.w) * u32::from(region.h)).sum();
        assert_eq!(area, 320 * 240, "every pixel is masked");
        assert!(covered(frame, Label::WHOLE_FRAME));
        let labels: BTreeSet<Label> = header.regions.iter().map(|region| region.label).collect();
        assert_eq!(labels, BTreeSet::from([till, Label::WHOLE_FRAME]));
        assert!(seen(frame) < 0.1);
    }
}

#[tokio::test]
async fn a_detector_that_panics_gives_whole_masks() {
    fails_closed(Behaviour::Panics, &[DetectorState::Warming, DetectorState::Failed]).await;
}

#[tokio::test]
async fn a_detector_that_hangs_gives_whole_masks() {
    fails_closed(Behaviour::Hangs, &[DetectorState::Warming, DetectorState::Late, DetectorState::Failed]).await;
}

#[tokio::test]
async fn a_detector_that_errs_gives_whole_masks() {
    fails_closed(Behaviour::Errs, &[DetectorState::Warming, DetectorState::Failed]).await;
}

#[tokio::test]
async fn a_detector_that_lags_gives_whole_masks() {
    fails_closed(Behaviour::Lags, &[DetectorState::Warming, DetectorState::Late, DetectorState::Failed]).await;
}

#[tokio::test]
async fn a_detector_without_its_model_gives_whole_masks() {
    fails_closed(Behaviour::Missing, &[DetectorState::Warming, DetectorState::Missing]).await;
}

#[tokio::test]
async fn a_detector_that_dies_midway_takes_the_open_pictures_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let agent = Agent::start(&config(FREE), parts(&dir, live(), Behaviour::Dies(20), kept.clone()), Shutdown::new()).await.unwrap();
    let last = |kept: &Kept| kept.lock().last().map(|signed| signed.frame.header().flags);
    until("vouched for", || last(&kept).is_some_and(|flags| !flags.fail_closed)).await;
    until("masked whole", || last(&kept).is_some_and(|flags| flags.fail_closed && flags.detector == DetectorState::Failed)).await;
    agent.stop();
    agent.ended().await.unwrap();
    for (_, frame) in shown(&kept.lock()) {
        assert!(seen(&frame) < 0.1, "frame {} shows the plant", frame.header().sequence);
    }
}

#[tokio::test]
async fn without_a_detector_only_areas_are_masked_and_mode_all_masks_all() {
    let dir = tempfile::tempdir().unwrap();
    let area = "[[mask]]\nlabel = \"plant\"\nx = 96\ny = 64\nw = 80\nh = 96\n";
    let text = format!("[camera]\nowner = \"none\"\n[encode]\ncodec = \"jpeg\"\n[detect]\non = false\n{area}");
    let frames = run(&config(&text), |kept| parts(&dir, live(), Behaviour::Panics, kept), 5).await;
    for (record, frame) in shown(&frames) {
        let header = frame.header();
        assert_eq!((header.flags.fail_closed, header.flags.detector), (false, DetectorState::Off));
        assert!(covered(&frame, Label::from_number(0).unwrap()) && seen(&frame) < 0.1);
        assert_eq!(record.record().detector, "");
    }
    let text = "[camera]\nowner = \"none\"\n[encode]\ncodec = \"jpeg\"\n[masking]\nmode = \"all\"\n";
    let frames = run(&config(text), |kept| parts(&dir, live(), Behaviour::Panics, kept), 5).await;
    for (_, frame) in shown(&frames) {
        assert!(!frame.header().flags.fail_closed, "asked for, not failed");
        assert!(covered(&frame, Label::WHOLE_FRAME) && seen(&frame) < 0.1);
    }
}
