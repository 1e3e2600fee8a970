#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use openh264::decoder::Decoder;
use openh264::formats::YUVSource as _;
use wire::id::Micros;

use super::*;
use crate::capture::sample::{Config as SampleConfig, MAX_FACES, Sample, truth};
use crate::mask::{Config, Fill, Fixed, Meta, Planner, apply};
use crate::picture::{Area, Picture, Planes, Pool};

fn size(width: usize, height: usize) -> Size {
    Size::new(width, height).unwrap()
}

fn label(number: u8) -> Label {
    Label::from_number(number).unwrap()
}

fn area(x: f32, y: f32, w: f32, h: f32) -> Area {
    Area { x, y, w, h }
}

/// A camera on the sample: thirty pictures a second, masked as the test says.
struct Scene {
    sample: Sample,
    size: Size,
    begun: Instant,
    pool: Pool,
}

impl Scene {
    fn new(size: Size) -> Self {
        let sample = Sample::open(SampleConfig { size, interval: Duration::from_millis(33), faces: MAX_FACES }).unwrap();
        Self { sample, size, begun: Instant::now(), pool: Pool::new(8) }
    }

    fn original(&self, number: u64) -> Planes {
        self.sample.draw(number, &self.pool)
    }

    fn masked(&self, number: u64, areas: &[(u8, Area)]) -> Masked {
        self.mask(self.original(number), number, areas)
    }

    fn mask(&self, planes: Planes, number: u64, areas: &[(u8, Area)]) -> Masked {
        let fixed = areas.iter().map(|(number, area)| Fixed { label: label(*number), shape: (*area).into() }).collect();
        let mut planner = Planner::new(Config { faces: None, fixed, ..Config::default() });
        let at = self.begun + Duration::from_micros(33_333) * u32::try_from(number).unwrap();
        let size = planes.size();
        planner.push(Meta { number, at, size }, Picture { number, captured_at: Micros(1), at, planes });
        let release = planner.due(at).remove(0);
        apply(release.picture, release.plan, Fill::Solid, &self.pool).unwrap()
    }
}

fn encoder(quantiser: u8) -> H264 {
    H264::new(Rate::Quantiser(quantiser), Duration::from_secs(2)).unwrap()
}

/// A decoder for one stream, as it is documented.
struct Eye(Decoder);

impl Eye {
    fn new() -> Self {
        Self(Decoder::new().unwrap())
    }

    /// The luma of the next picture, and its size.
    fn luma(&mut self, unit: &[u8]) -> (Vec<u8>, usize, usize) {
        let picture = self.0.decode(unit).unwrap().unwrap();
        let (width, height) = picture.dimensions();
        let rows = picture.y().chunks(picture.strides().0).take(height);
        (rows.flat_map(|row| row[..width].to_vec()).collect(), width, height)
    }
}

/// A sealed layer, read as the parent module describes it: places, canvas in blocks, and the access unit.
#[allow(clippy::type_complexity)] // Places, columns and rows, and the rest.
fn read(plaintext: &[u8]) -> (Vec<(usize, usize)>, (usize, usize), &[u8]) {
    let count = usize::from(plaintext[0]);
    if count == 0 {
        assert_eq!(plaintext.len(), 1, "nothing follows");
        return (Vec::new(), (0, 0), &[]);
    }
    let (places, unit) = plaintext[3..].split_at(2 * count);
    let places = places.chunks_exact(2).map(|place| (usize::from(place[0]) * 16, usize::from(place[1]) * 16)).collect();
    (places, (plaintext[1].into(), plaintext[2].into()), unit)
}

fn part(luma: &[u8], stride: usize, (x, y): (usize, usize), (w, h): (u16, u16)) -> Vec<u8> {
    luma.chunks_exact(stride).skip(y).take(h.into()).flat_map(|row| row[x..x + usize::from(w)].to_vec()).collect()
}

fn psnr(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let error: f64 = a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>() / a.len() as f64;
    10.0 * (255.0 * 255.0 / error.max(1e-9)).log10()
}

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

fn labels(encoded: &Encoded) -> Vec<u8> {
    encoded.sealed.iter().map(|layer| layer.label.number()).collect()
}

#[test]
fn a_group_decodes_to_the_masked_picture_and_its_originals() {
    // Odd sides too, with regions across the right and lower edge, and one label cut by another.
    for size in [size(640, 368), size(645, 367), size(320, 200)] {
        let scene = Scene::new(size);
        let (right, bottom) = (f32::from(size.width()), f32::from(size.height()));
        let mut encoder = encoder(24);
        let (mut public, mut sealed) = (Eye::new(), BTreeMap::new());
        for number in 0..20 {
            let step = number as f32 * 3.0;
            let areas = [
                (3, area(10.0 + step, 10.0, 120.0, 100.0)),
                (1, area(60.0, 40.0 + step, 60.0, 60.0)),
                (3, area(right - 40.0, bottom - 30.0, 90.0, 90.0)),
            ];
            let original = scene.original(number);
            let masked = scene.masked(number, &areas);
            let encoded = encoder.encode(&masked).unwrap();
            assert_eq!((encoded.key, labels(&encoded)), (number == 0, vec![1, 3]));
            let (luma, width, height) = public.luma(&encoded.public);
            let even = |side: u16| usize::from(side).next_multiple_of(2);
            assert_eq!((width, height), (even(size.width()), even(size.height())));
            let shown = part(&luma, width, (0, 0), (size.width(), size.height()));
            assert!(psnr(&shown, masked.planes().planes()[0].samples) >= 34.0, "the public picture {number} of {size}");
            for layer in &encoded.sealed {
                let regions = of(&masked, layer.label);
                let (places, (columns, rows), unit) = read(&layer.plaintext);
                let eye = sealed.entry(layer.label).or_insert_with(Eye::new);
                let (luma, width, height) = eye.luma(unit);
                assert_eq!((width, height), (columns * 16, rows * 16));
                assert_eq!(places.len(), regions.len());
                for (place, region) in places.into_iter().zip(regions) {
                    let there =
                        part(original.planes()[0].samples, size.width().into(), (region.x.into(), region.y.into()), (region.w, region.h));
                    let here = part(&luma, width, place, (region.w, region.h));
                    assert!(psnr(&there, &here) >= 33.0, "{region:?} of picture {number} of {size}: {}", psnr(&there, &here));
                }
            }
        }
    }
}

#[test]
fn masked_means_gone_and_the_control_finds_it() {
    let scene = Scene::new(size(1280, 720));
    let config = SampleConfig { size: scene.size, interval: Duration::from_millis(33), faces: MAX_FACES };
    for hidden in [true, false] {
        let (mut encoder, mut eye) = (encoder(24), Eye::new());
        for number in 50..56 {
            let face = truth(&config, number)[0];
            let areas = [(0, face)];
            let masked = scene.masked(number, if hidden { &areas } else { &[] });
            let encoded = encoder.encode(&masked).unwrap();
            let (luma, ..) = eye.luma(&encoded.public);
            let (at, of) = ((face.x as usize, face.y as usize), (face.w as u16, face.h as u16));
            let original = part(scene.original(number).planes()[0].samples, 1280, at, of);
            let found = correlation(&part(&luma, 1280, at, of), &original);
            if hidden {
                assert!(found.abs() < 0.1, "picture {number}: {found}");
            } else {
                assert!(found > 0.95, "without the mask it is there, so the test can see it: {found}");
            }
        }
    }
}

#[test]
fn groups_begin_when_they_must_and_carry_exactly_their_labels() {
    let scene = Scene::new(size(320, 240));
    let mut encoder = encoder(30);
    let (till, door) = ((1, area(32.0, 32.0, 48.0, 48.0)), (2, area(160.0, 96.0, 48.0, 48.0)));
    let mut seen = Vec::new();
    for number in 0..150 {
        let areas: &[_] = match number {
            0..10 => &[],
            10..20 => &[till],
            20..30 => &[till, door],
            30..140 => &[door],
            _ => &[till],
        };
        if number == 35 {
            encoder.force_key();
        }
        let encoded = encoder.encode(&scene.masked(number, areas)).unwrap();
        seen.push((encoded.key, labels(&encoded), encoded.sealed.iter().map(|layer| layer.plaintext[0]).collect::<Vec<_>>()));
    }
    let keys: Vec<usize> = (0..150).filter(|number| seen[*number].0).collect();
    // A label comes at 10 and at 20, somebody asks at 35, two seconds are over at 95, a label comes at 140.
    assert_eq!(keys, [0, 10, 20, 35, 95, 140]);
    assert_eq!(seen[9].1, [0_u8; 0]);
    assert_eq!((&seen[29].1, &seen[29].2), (&vec![1, 2], &vec![1, 1]));
    assert_eq!((&seen[34].1, &seen[34].2), (&vec![1, 2], &vec![0, 1]), "empty until the group is over");
    assert_eq!((&seen[35].1, &seen[35].2), (&vec![2], &vec![1]), "and gone with the next");
}

#[test]
fn a_label_that_comes_back_within_its_group_goes_on() {
    let scene = Scene::new(size(320, 240));
    let (mut encoder, mut eye) = (encoder(24), Eye::new());
    for number in 0..30 {
        let areas: &[_] = if (10..20).contains(&number) { &[] } else { &[(1, area(64.0, 64.0, 96.0, 96.0))] };
        let masked = scene.masked(number, areas);
        let encoded = encoder.encode(&masked).unwrap();
        assert_eq!((encoded.key, labels(&encoded)), (number == 0, vec![1]));
        let (places, _, unit) = read(&encoded.sealed[0].plaintext);
        for (place, region) in places.into_iter().zip(of(&masked, label(1))) {
            let (luma, width, _) = eye.luma(unit);
            let there = part(scene.original(number).planes()[0].samples, 320, (region.x.into(), region.y.into()), (region.w, region.h));
            assert!(psnr(&there, &part(&luma, width, place, (region.w, region.h))) > 33.0, "picture {number}");
        }
    }
}

#[test]
fn a_change_of_size_begins_a_group() {
    let mut encoder = encoder(30);
    let scenes = [Scene::new(size(320, 240)), Scene::new(size(352, 288)), Scene::new(size(320, 240))];
    let mut number = 0;
    for scene in &scenes {
        let mut eyes = [Eye::new(), Eye::new()];
        for turn in 0..3 {
            let masked = scene.masked(number, &[(1, area(32.0, 32.0, 64.0, 64.0))]);
            number += 1;
            let encoded = encoder.encode(&masked).unwrap();
            assert_eq!(encoded.key, turn == 0);
            let (_, width, height) = eyes[0].luma(&encoded.public);
            assert_eq!((width, height), (scene.size.width().into(), scene.size.height().into()));
            eyes[1].luma(read(&encoded.sealed[0].plaintext).2);
        }
    }
}

#[test]
fn no_layer_shows_another_label_s_pixels() {
    let scene = Scene::new(size(640, 368));
    // The inner label's pixels change, and neither the outer one's layer nor the public one may, in any picture of the group: both border
    // on each other, so margins are looked at too.
    let areas = [(0, area(64.0, 64.0, 64.0, 64.0)), (5, area(32.0, 32.0, 128.0, 128.0))];
    let run = |flip: bool| {
        let mut encoder = encoder(20);
        let mut layers = Vec::new();
        for number in 0..8 {
            let mut planes = scene.original(number);
            if flip {
                for (plane, step) in planes.planes_mut().into_iter().zip([1, 2, 2]) {
                    for row in plane.chunks_exact_mut(640 / step).take(128 / step).skip(64 / step) {
                        row[64 / step..128 / step].iter_mut().for_each(|sample| *sample = !*sample);
                    }
                }
            }
            let encoded = encoder.encode(&scene.mask(planes, number, &areas)).unwrap();
            let sealed = |index: usize| encoded.sealed[index].plaintext.clone();
            layers.push((encoded.public.to_vec(), sealed(0), sealed(1)));
        }
        layers
    };
    for (plain, flipped) in run(false).into_iter().zip(run(true)) {
        assert_eq!(plain.0, flipped.0, "the public layer");
        assert_ne!(plain.1, flipped.1, "the inner label's own layer: so the test can see a difference");
        assert_eq!(plain.2, flipped.2, "the outer label's layer");
    }
}

#[test]
fn the_public_stream_and_canvases_are_no_larger_than_needed() {
    let scene = Scene::new(size(1280, 720));
    let mut encoder = encoder(28);
    let encoded = encoder.encode(&scene.masked(0, &[(0, area(300.0, 200.0, 100.0, 120.0))])).unwrap();
    let (_, (columns, rows), _) = read(&encoded.sealed[0].plaintext);
    assert!(columns * rows < 300, "{columns} × {rows} blocks of 3600");
    // Constrained Baseline, which every decoder takes.
    assert_eq!(encoded.public[..7], [0, 0, 0, 1, 0x67, 0x42, 0xc0]);
    let whole = encoder.encode(&scene.masked(1, &[(10, area(0.0, 0.0, 9999.0, 9999.0))])).unwrap();
    let (places, blocks, _) = read(&whole.sealed[0].plaintext);
    assert_eq!((places, blocks), (vec![(0, 0)], (80, 45)));
}

#[test]
fn tiny_pictures_are_encoded_and_huge_ones_refused_by_name() {
    let scene = Scene::new(size(320, 240));
    for (width, height) in [(1, 1), (2, 1), (17, 33), (16, 16)] {
        let size = size(width, height);
        let masked = |number, areas: &[_]| scene.mask(Planes::new(size), number, areas);
        let mut encoder = encoder(30);
        for number in 0..3 {
            let encoded = encoder.encode(&masked(number, &[(0, area(0.0, 0.0, 9999.0, 9999.0))])).unwrap();
            assert_eq!((encoded.key, read(&encoded.sealed[0].plaintext).0.len()), (number == 0, 1));
            assert!(encoded.public.len() > 4);
        }
    }
    let huge = scene.mask(Planes::new(size(4096, 2160)), 0, &[]);
    let error = encoder(30).encode(&huge).unwrap_err();
    assert!(error.to_string().contains("4096×2160 is larger than this codec takes"), "{error}");
}

#[test]
fn impossible_quantisers_are_refused() {
    for quantiser in [0, 11, 52, 255] {
        assert_eq!(H264::new(Rate::Quantiser(quantiser), Duration::from_secs(2)).err(), Some(Error::Quantiser(quantiser)));
    }
}

/// Bytes per picture that came through, with the time, and how many were dropped.
fn hard(rate: u32, pictures: u32, clip: impl Fn(u32) -> Planes) -> (Vec<(Duration, usize)>, u32) {
    let scene = Scene::new(size(320, 240));
    let mut encoder = H264::new(Rate::Bitrate(rate), Duration::from_secs(2)).unwrap();
    let (mut through, mut dropped) = (Vec::new(), 0);
    for number in 0..pictures {
        let planes = clip(number);
        let width = f32::from(planes.size().width());
        let masked = scene.mask(planes, number.into(), &[(0, area(width / 3.0, 64.0, 128.0, 128.0))]);
        if !encoder.has_room(&masked) {
            dropped += 1;
            continue;
        }
        let encoded = encoder.encode(&masked).unwrap();
        let sealed: usize = encoded.sealed.iter().map(|layer| layer.plaintext.len()).sum();
        through.push((masked.at() - scene.begun, encoded.public.len() + sealed));
    }
    (through, dropped)
}

/// The most bits within any two seconds, as a multiple of what the rate allows in two.
fn worst(through: &[(Duration, usize)], rate: u32) -> f64 {
    let within = |from: Duration| {
        through.iter().filter(|(at, _)| (from..from + Duration::from_secs(2)).contains(at)).map(|(_, bytes)| bytes).sum::<usize>()
    };
    let most = through.iter().map(|(at, _)| within(*at)).max().unwrap();
    most as f64 * 8.0 / (2.0 * f64::from(rate))
}

#[test]
fn a_hard_clip_stays_within_one_and_a_half_times_the_bitrate() {
    let picture = size(640, 368);
    // Noise, another in each picture, under a scene that shakes, and is cut to another every second.
    let noise = |number: u32, strength: u32| {
        let mut planes = Planes::new(picture);
        let mut random = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let shake = number * 37 % 23;
        for (index, sample) in planes.planes_mut()[0].iter_mut().enumerate() {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (x, y) = (index as u32 % 640 + shake, index as u32 / 640 + shake);
            let scene = ((x / 8 * (number / 30 + 3)) ^ (y / 8 * 7)) & 0x7f;
            *sample = (40 + scene + (random >> 40) as u32 % strength) as u8;
        }
        planes
    };
    let rate = 1_000_000;
    let (through, dropped) = hard(rate, 240, |number| noise(number, 90));
    assert!(dropped > 0, "it is hard");
    assert!(worst(&through, rate) <= 1.5, "{} times", worst(&through, rate));
    // A picture comes through now and then all the same.
    assert!(through.len() > 20, "{}", through.len());
    // The control: where the budget is as good as none, the same clip exceeds that by far.
    let (through, dropped) = hard(49_000_000, 120, |number| noise(number, 90));
    assert!(dropped == 0 && worst(&through, rate) > 1.5, "{} times", worst(&through, rate));
}

#[test]
fn an_ordinary_clip_loses_nothing_and_keeps_to_its_bitrate() {
    let scene = Scene::new(size(640, 368));
    let rate = 1_000_000;
    let (through, dropped) = hard(rate, 240, |number| scene.original(number.into()));
    assert_eq!(dropped, 0);
    assert!(worst(&through, rate) <= 1.5, "{} times", worst(&through, rate));
}

#[test]
fn nothing_in_clear_reaches_a_log() {
    let scene = Scene::new(size(64, 64));
    let masked = scene.masked(0, &[(0, area(0.0, 0.0, 64.0, 64.0))]);
    let encoded = encoder(30).encode(&masked).unwrap();
    assert!(format!("{masked:?} {encoded:?} {:?}", encoded.sealed[0]).len() < 150);
}
