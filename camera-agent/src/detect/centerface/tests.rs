#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use wire::id::Digest;

use super::*;
use crate::capture::sample::{Config, Sample, truth};
use crate::picture::Pool;

fn size(width: usize, height: usize) -> Size {
    Size::new(width, height).unwrap()
}

#[test]
fn the_model_in_the_binary_is_the_one_that_its_digest_names() {
    let expected = include_str!("../../../models/SHA256SUMS").split_whitespace().next().unwrap();
    assert_eq!(Digest::of(&[EMBEDDED]).to_string(), expected);
    assert_eq!(expected, "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc");
}

#[test]
fn its_name_fits_the_epoch_record() {
    let name = CenterFace { width: u16::MAX, ..CenterFace::default() }.name();
    assert!(name.is_ascii() && name.len() <= wire::epoch::MAX_DETECTOR, "{name}");
}

#[test]
fn small_copies_keep_the_shape_in_steps() {
    let small = |picture, width| CenterFace { width, ..CenterFace::default() }.small(picture);
    assert_eq!(small(size(1280, 720), 640), size(640, 352));
    assert_eq!(small(size(1280, 720), 320), size(320, 192));
    assert_eq!(small(size(1920, 1080), 500), size(480, 256));
    assert_eq!(small(size(100, 80), 640), size(128, 96), "small pictures are not blown up");
    assert_eq!(small(size(720, 1280), 640), size(352, 640), "upright ones take no longer");
    for (width, height) in [(1, 1), (7680, 1), (1, 7680), (33, 4000)] {
        for limit in [1, 320, 640] {
            let small = small(size(width, height), limit);
            assert!(small.width() % STEP == 0 && small.height() % STEP == 0 && small.area() <= 640 * 640, "{width}×{height}: {small}");
        }
    }
}

#[test]
fn it_finds_every_face_of_the_sample() {
    let config = Config { size: size(1280, 720), interval: Duration::from_millis(40), faces: 3 };
    let sample = Sample::open(config.clone()).unwrap();
    let pool = Pool::new(1);
    let model = CenterFace::default();
    let mut detector = model.load().unwrap();
    let mut small = Small::blank(config.size, size(1, 1));
    for number in [0, 150, 400] {
        small.show(&sample.draw(number, &pool), model.small(config.size)).unwrap();
        let (across, down) = (1280.0 / f32::from(small.size().width()), 720.0 / f32::from(small.size().height()));
        let found = detector.detect(&small).unwrap();
        for face in truth(&config, number) {
            let best =
                found.iter().map(|one| Area { x: one.area.x * across, y: one.area.y * down, w: one.area.w * across, h: one.area.h * down });
            let best = best.map(|area| area.overlap(face)).fold(0.0, f32::max);
            assert!(best > 0.3, "picture {number}: {face:?} in {found:?}");
        }
        assert!(found.len() <= 6, "and not much that is none: {found:?}");
    }
    assert_eq!(detector.detect(&Small::blank(config.size, small.size())).unwrap(), [], "nothing in nothing");
}

#[test]
fn a_model_that_is_not_there_or_none_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let load = |path: PathBuf| CenterFace { model: Some(path), ..CenterFace::default() }.load().err().unwrap();
    assert!(matches!(load(folder.path().join("none.onnx")), Error::Missing { .. }));
    let path = folder.path().join("bad.onnx");
    std::fs::write(&path, b"no model").unwrap();
    assert!(matches!(load(path), Error::Model(_)));
}

/// Outputs for an input of 32 × 32 with one face of 16 × 8 pixels in the cell (3, 2).
fn outputs() -> [Vec<f32>; 3] {
    let mut outputs = [vec![0.0; 64], vec![0.0; 128], vec![0.0; 128]];
    let cell = 2 * 8 + 3;
    outputs[0][cell] = 0.9;
    outputs[1][cell] = 2.0_f32.ln();
    outputs[1][64 + cell] = 4.0_f32.ln();
    outputs
}

fn decoded(outputs: &[Vec<f32>; 3]) -> Result<Vec<Found>, Error> {
    decode([&outputs[0], &outputs[1], &outputs[2]], size(32, 32), 0.3)
}

#[test]
fn cells_become_boxes_and_neighbours_one_face() {
    let mut outputs = outputs();
    let found = decoded(&outputs).unwrap();
    assert_eq!(found.len(), 1);
    let Area { x, y, w, h } = found[0].area;
    assert!([(x, 6.0), (y, 6.0), (w, 16.0), (h, 8.0)].iter().all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
    let neighbour = 2 * 8 + 4;
    outputs[0][neighbour] = 0.5;
    outputs[1][neighbour] = 2.0_f32.ln();
    outputs[1][64 + neighbour] = 4.0_f32.ln();
    assert_eq!(decoded(&outputs).unwrap().len(), 1);
}

#[test]
fn nonsense_is_an_error_and_not_an_empty_picture() {
    let nan = |output: usize, index: usize| {
        let mut outputs = outputs();
        outputs[output][index] = f32::NAN;
        decoded(&outputs)
    };
    assert!(nan(0, 0).is_err(), "a score");
    assert!(nan(1, 19).is_err(), "a size");
    assert!(nan(2, 19).is_err(), "an offset");
    let all = vec![1.0; 160 * 160];
    let zeros = vec![0.0; 2 * 160 * 160];
    assert!(matches!(decode([&all, &zeros, &zeros], size(640, 640), 0.3), Err(Error::Nonsense(_))));
    assert!(decode([&all, &zeros, &zeros], size(320, 320), 0.3).is_err(), "another shape");
}
