#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::{Duration, Instant};

use wire::id::Micros;
use wire::region::Region;

use super::*;
use crate::capture::sample::{Config as SampleConfig, Sample, truth};
use crate::mask::{Config, Fill, Fixed, Meta, Planner, apply};
use crate::picture::{Area, Picture, Pool, Size};

fn size(width: usize, height: usize) -> Size {
    Size::new(width, height).unwrap()
}

/// The sample's picture, masked at those areas under those labels.
fn masked(size: Size, number: u64, fixed: &[(u8, Area)]) -> (Planes, Masked) {
    let pool = Pool::new(4);
    let sample = Sample::open(SampleConfig { size, interval: Duration::from_millis(40), faces: 3 }).unwrap();
    let planes = sample.draw(number, &pool);
    let fixed = fixed.iter().map(|(label, area)| Fixed { label: Label::from_number(*label).unwrap(), shape: (*area).into() }).collect();
    let mut planner = Planner::new(Config { faces: None, fixed, ..Config::default() });
    let at = Instant::now();
    let original = planes.clone();
    planner.push(Meta { number, at, size }, Picture { number, captured_at: Micros(1), at, planes });
    let release = planner.due(at).remove(0);
    (original, apply(release.picture, release.plan, Fill::Solid, &pool).unwrap())
}

/// A JPEG's luma plane, decoded by another library than the one that made it, with its size.
fn luma(jpeg: &[u8]) -> (Vec<u8>, usize, usize) {
    let image = image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap().into_rgb8();
    let luma =
        image.pixels().map(|image::Rgb([r, g, b])| (0.299 * f32::from(*r) + 0.587 * f32::from(*g) + 0.114 * f32::from(*b)).round() as u8);
    (luma.collect(), image.width() as usize, image.height() as usize)
}

/// The patches of a sealed layer, read as the module describes it.
fn patches(plaintext: &[u8]) -> Vec<Vec<u8>> {
    let (count, mut rest) = plaintext.split_first().unwrap();
    let patches = (0..*count).map(|_| {
        let (length, after) = rest.split_first_chunk().unwrap();
        let (jpeg, after) = after.split_at(u32::from_be_bytes(*length) as usize);
        rest = after;
        jpeg.to_vec()
    });
    let patches = patches.collect();
    assert!(rest.is_empty(), "nothing follows");
    patches
}

fn cut(plane: &[u8], width: usize, region: &Region) -> Vec<u8> {
    let columns = usize::from(region.x)..region.right() as usize;
    plane.chunks_exact(width).take(region.bottom() as usize).skip(region.y.into()).flat_map(|row| row[columns.clone()].to_vec()).collect()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>() / a.len() as f64;
    10.0 * (255.0 * 255.0 / error.max(1e-9)).log10()
}

/// From −1 to 1: how much two signals go together; 0 where one of them does not change.
fn correlation(a: &[u8], b: &[u8]) -> f64 {
    let mean = |signal: &[u8]| signal.iter().map(|s| f64::from(*s)).sum::<f64>() / signal.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut of_a, mut of_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        both += a * b;
        of_a += a * a;
        of_b += b * b;
    }
    if of_a * of_b == 0.0 { 0.0 } else { both / (of_a * of_b).sqrt() }
}

fn encode(masked: &Masked) -> Encoded {
    Jpeg::new(80).unwrap().encode(masked).unwrap()
}

#[test]
fn masked_means_gone_and_the_control_finds_it() {
    let size = size(1280, 720);
    let face = truth(&SampleConfig { size, interval: Duration::from_millis(40), faces: 3 }, 50)[0];
    for (fixed, hidden) in [(vec![(0, face)], true), (vec![], false)] {
        let (original, masked) = masked(size, 50, &fixed);
        let (public, width, _) = luma(&encode(&masked).public);
        let region = Region { label: Label::FACE, x: face.x as u16, y: face.y as u16, w: face.w as u16, h: face.h as u16, track: 0 };
        let found = correlation(&cut(&public, width, &region), &cut(original.planes()[0].samples, width, &region));
        if hidden {
            assert!(found.abs() < 0.02, "{found}");
        } else {
            assert!(found > 0.98, "without the mask it is there, so the test can see it: {found}");
        }
    }
}

#[test]
fn originals_come_back_up_to_the_loss_of_the_codec() {
    // Odd sides, with regions across the right and lower edge, and one label cut by another.
    for size in [size(640, 368), size(645, 367)] {
        let fixed = [
            (3, Area { x: 10.0, y: 10.0, w: 200.0, h: 120.0 }),
            (1, Area { x: 100.0, y: 60.0, w: 60.0, h: 60.0 }),
            (3, Area { x: 600.0, y: 340.0, w: 100.0, h: 100.0 }),
        ];
        let (original, masked) = masked(size, 3, &fixed);
        let encoded = encode(&masked);
        assert_eq!(encoded.sealed.iter().map(|layer| layer.label.number()).collect::<Vec<_>>(), [1, 3]);
        for layer in &encoded.sealed {
            let regions: Vec<_> = encoded.plan.regions().iter().filter(|region| region.label == layer.label).collect();
            let patches = patches(&layer.plaintext);
            assert_eq!(patches.len(), regions.len());
            for (patch, region) in patches.iter().zip(regions) {
                let (luma, width, height) = luma(patch);
                assert_eq!((width, height), (usize::from(region.w), usize::from(region.h)));
                let found = psnr(&luma, &cut(original.planes()[0].samples, size.width().into(), region));
                assert!(found >= 33.0, "{region:?}: {found}");
            }
        }
        let (public, width, height) = luma(&encoded.public);
        assert_eq!((width, height), (usize::from(size.width()), usize::from(size.height())));
        assert!(psnr(&public, masked.planes().planes()[0].samples) >= 33.0);
    }
}

#[test]
fn a_face_at_quality_80_comes_back_with_35_db_and_more() {
    let size = size(1280, 720);
    let faces = truth(&SampleConfig { size, interval: Duration::from_millis(40), faces: 3 }, 50);
    // As large as the planner makes them.
    let fixed: Vec<_> = (0..).zip(faces.into_iter().map(|face| face.grown(face.w * 0.15, face.h * 0.15))).collect();
    let (original, masked) = masked(size, 50, &fixed);
    let encoded = encode(&masked);
    for (layer, region) in encoded.sealed.iter().zip([0, 1, 2]) {
        let region = encoded.plan.regions().iter().find(|r| r.label.number() == region).unwrap();
        let decoded = turbojpeg::decompress_to_yuv(&patches(&layer.plaintext)[0]).unwrap();
        let found =
            psnr(&decoded.pixels[..usize::from(region.w) * usize::from(region.h)], &cut(original.planes()[0].samples, 1280, region));
        assert!(found >= 35.0, "{region:?}: {found}");
    }
}

#[test]
fn no_patch_shows_another_label_s_pixels() {
    let size = size(640, 368);
    // The inner label's area changes, and the outer one's layer must not.
    let inner = Area { x: 64.0, y: 64.0, w: 64.0, h: 64.0 };
    let fixed = [(0, inner), (5, Area { x: 32.0, y: 32.0, w: 128.0, h: 128.0 })];
    let plaintext = |flip: bool| {
        let pool = Pool::new(1);
        let (mut planes, masked) = masked(size, 9, &fixed);
        if flip {
            let [luma, ..] = planes.planes_mut();
            for row in luma.chunks_exact_mut(640).take(128).skip(64) {
                row[64..128].iter_mut().for_each(|sample| *sample = !*sample);
            }
        }
        let picture = Picture { number: 9, captured_at: Micros(1), at: Instant::now(), planes };
        let encoded = encode(&apply(picture, masked.plan().clone(), Fill::Solid, &pool).unwrap());
        let sealed = |index: usize| encoded.sealed[index].plaintext.clone();
        (encoded.public.to_vec(), sealed(0), sealed(1))
    };
    let (plain, flipped) = (plaintext(false), plaintext(true));
    assert_eq!(plain.0, flipped.0, "the public layer");
    assert_ne!(plain.1, flipped.1, "the inner label's own layer: so the test can see a difference");
    assert_eq!(plain.2, flipped.2, "the outer label's layer");
}

#[test]
fn pictures_without_masks_and_tiny_ones_are_encoded() {
    for (width, height) in [(1, 1), (2, 1), (17, 33), (640, 368)] {
        let (_, open) = masked(size(width, height), 0, &[]);
        let encoded = encode(&open);
        assert!(encoded.key && encoded.sealed.is_empty());
        assert_eq!(luma(&encoded.public).1, width);
        let (_, all) = masked(size(width, height), 0, &[(0, Area { x: 0.0, y: 0.0, w: 9999.0, h: 9999.0 })]);
        let encoded = encode(&all);
        assert_eq!(patches(&encoded.sealed[0].plaintext).len(), 1);
    }
}

#[test]
fn impossible_qualities_are_refused() {
    for quality in [0, 101, 255] {
        assert_eq!(Jpeg::new(quality).err(), Some(Error::Quality(quality)));
    }
}

#[test]
fn nothing_in_clear_reaches_a_log() {
    let (_, masked) = masked(size(64, 64), 0, &[(0, Area { x: 0.0, y: 0.0, w: 64.0, h: 64.0 })]);
    let encoded = encode(&masked);
    assert_eq!(format!("{:?}", encoded.sealed[0]), "Clear(0, ..)");
    assert!(format!("{masked:?} {encoded:?}").len() < 150);
}

/// Two pictures that differ under one label alone: no byte that anybody else gets differs.
#[test]
fn what_one_label_hides_changes_no_byte_of_another_layer() {
    let size = size(320, 180);
    // They touch, so that chroma and blocks lie side by side.
    let areas = [(0, Area { x: 64.0, y: 48.0, w: 64.0, h: 64.0 }), (1, Area { x: 128.0, y: 48.0, w: 64.0, h: 64.0 })];
    let layers = |shade: u8| {
        let (planes, _) = masked(size, 5, &areas);
        let mut planes = planes.clone();
        let [luma, ..] = planes.planes_mut();
        for (y, row) in luma.chunks_exact_mut(320).enumerate().skip(48).take(64) {
            row[64..128].iter_mut().enumerate().for_each(|(x, sample)| *sample = ((x + y) as u8 & 8) * 8 + shade);
        }
        let fixed = areas.map(|(label, area)| Fixed { label: Label::from_number(label).unwrap(), shape: area.into() }).to_vec();
        let mut planner = Planner::new(Config { faces: None, fixed, ..Config::default() });
        let at = Instant::now();
        planner.push(Meta { number: 5, at, size }, Picture { number: 5, captured_at: Micros(1), at, planes });
        let release = planner.due(at).remove(0);
        encode(&apply(release.picture, release.plan, Fill::Surround, &Pool::new(1)).unwrap())
    };
    let (one, other) = (layers(10), layers(150));
    assert_eq!(one.public, other.public);
    let layer = |encoded: &Encoded, index: usize| encoded.sealed[index].plaintext.clone();
    assert_eq!(layer(&one, 1), layer(&other, 1));
    assert_ne!(layer(&one, 0), layer(&other, 0), "control: its own layer shows it");
}
