#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use link::settings;
use turbojpeg::{Decompressor, Image, PixelFormat};

use super::*;
use crate::testing::plant::{Behaviour, Fake, clip, correlation, live};

fn seen(shot: &Shot) -> f64 {
    let (width, height) = (usize::from(shot.width), usize::from(shot.height));
    let mut pixels = vec![0; width * height];
    let image = Image { pixels: pixels.as_mut_slice(), width, pitch: width, height, format: PixelFormat::GRAY };
    Decompressor::new().unwrap().decompress(&shot.jpeg, image).unwrap();
    correlation(&pixels, width).abs()
}

fn config(text: &str) -> Config {
    settings::parse(text, "f").unwrap()
}

#[test]
fn a_snapshot_is_masked_as_the_stream_is() {
    let shot = take(&Config::default(), live(), Some(Fake::new(Behaviour::Finds))).unwrap();
    assert!(!shot.fail_closed && shot.regions > 0);
    assert!(seen(&shot) < 0.1);
    // The control: where nothing is to be masked, the plant is there.
    let open = take(&config("[detect]\non = false"), live(), Some(Fake::new(Behaviour::Finds))).unwrap();
    assert!(!open.fail_closed && open.regions == 0 && seen(&open) > 0.9, "{open:?}");
}

#[test]
fn without_a_detection_a_snapshot_is_masked_whole() {
    // A clip, so that the wait for the detector ends with it.
    let shot = take(&config("[detect]\nlook_ahead = \"20ms\""), clip(5), Some(Fake::new(Behaviour::Errs))).unwrap();
    assert!(shot.fail_closed && shot.regions > 0 && seen(&shot) < 0.1, "{shot:?}");
}
