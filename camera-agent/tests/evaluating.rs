//! A short clip, evaluated: the photograph of the sample walks about, and nothing of a face of 64 pixels or more is seen.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use camera_agent::capture::sample::{self, Sample, truth};
use camera_agent::config::Detect;
use camera_agent::evaluate::{Clip, Error, Looks, Timing, Way, evaluate};
use camera_agent::mask::Tracking;
use camera_agent::picture::{Pool, Size};

/// Two people of the sample, who walk past; for the first pictures they are not there: the camera shows the street alone.
fn clip(folder: &Path, pictures: u64) -> Clip {
    let interval = Duration::from_nanos(33_333_333);
    let config = sample::Config { size: Size::new(960, 540).unwrap(), interval, faces: 1 };
    let sample = Sample::open(config.clone()).unwrap();
    let (pool, mut boxes) = (Pool::new(2), Vec::new());
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.join("walk.y4m")).unwrap());
    writeln!(file, "YUV4MPEG2 W960 H540 F30:1 C420jpeg").unwrap();
    for number in 0..pictures {
        // Walking fast: every fourth picture of the sample.
        let planes = sample.draw(4 * number, &pool);
        let absent = number < 12;
        writeln!(file, "FRAME").unwrap();
        for plane in planes.planes() {
            let blank = vec![128; plane.samples.len()];
            file.write_all(if absent { &blank } else { plane.samples }).unwrap();
        }
        let faces = truth(&config, 4 * number).into_iter().filter(|_| !absent);
        boxes.push(faces.map(|face| [face.x, face.y, face.w, face.h]).collect::<Vec<_>>());
    }
    file.flush().unwrap();
    std::fs::write(folder.join("walk.json"), serde_json::to_string(&boxes).unwrap()).unwrap();
    Clip::open(&folder.join("walk.y4m"), &folder.join("walk.json")).unwrap()
}

#[test]
fn nothing_of_a_large_face_is_seen_and_each_part_of_the_pipeline_is_needed() {
    let folder = tempfile::tempdir().unwrap();
    let clip = clip(folder.path(), 75);
    let mut looks = Looks::new(&Detect { width: 320, quick_width: 256, ..Detect::default() }, Timing::default()).unwrap();
    let way = |tracking, ahead| Way::Pipeline { tracking, ahead };
    let ways = [Way::WHOLE, way(Tracking::Straight, false), way(Tracking::Alone, false), Way::EachPicture { width: 128 }];
    let worst = folder.path().join("worst");
    let report = evaluate(&clip, &mut looks, &ways, Some(&worst)).unwrap();
    let rows = &report.rows;
    assert_eq!(rows[0].faces.large.face_frames, 63);
    // Of the last pictures nothing is heard any more that came after them.
    assert!(rows[0].faces.large.leaked == 0 && rows[0].whole <= 2, "{rows:?}");
    assert!(rows[0].warm_up <= 1 && rows[0].frames == 75);
    assert!(rows[0].masked < 75 * 960 * 540 / 4, "and not by masking everything: {rows:?}");
    let open = |row: usize| rows[row].faces.large.open_pixels;
    assert!(0 < open(1) && open(1) < open(2), "without look-ahead, and without tracker as well: {rows:?}");
    assert!(open(3) > 0, "the yardstick sees too little at that width");
    assert!(!worst.join("x").exists() && std::fs::read_dir(&worst).unwrap().next().is_none(), "there is nothing to draw");

    let again = evaluate(&clip, &mut looks, &ways[..1], None).unwrap();
    assert_eq!((again.rows[0].masked, again.rows[0].detections), (rows[0].masked, rows[0].detections), "it is the same each time");
    evaluate(&clip, &mut looks, &ways[2..3], Some(&worst)).unwrap();
    assert!(std::fs::read_dir(&worst).unwrap().next().is_some(), "what is seen of a face is drawn");
}

#[test]
fn a_truth_that_is_none_or_of_another_clip_is_told() {
    let folder = tempfile::tempdir().unwrap();
    clip(folder.path(), 3);
    let open = |text: &str| {
        std::fs::write(folder.path().join("walk.json"), text).unwrap();
        Clip::open(&folder.path().join("walk.y4m"), &folder.path().join("walk.json"))
    };
    for bad in ["", "{}", "[[[1, 2, 3]]]", "[[[1, 2, 3, 0]]]", "[[[1, 2, 3, -4]]]"] {
        assert!(matches!(open(bad), Err(Error::NotTruth { .. })), "{bad}");
    }
    let mut looks = Looks::new(&Detect { width: 64, quick_width: 64, ..Detect::default() }, Timing::default()).unwrap();
    for (text, truth) in [("[[], []]", 2), ("[[], [], [], []]", 4)] {
        let error = evaluate(&open(text).unwrap(), &mut looks, &[Way::WHOLE], None).unwrap_err();
        assert!(matches!(error, Error::Lengths { pictures: 3, truth: said } if said == truth), "{error}");
    }
}
