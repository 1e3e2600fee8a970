#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use openh264::encoder::{Encoder, EncoderConfig, IntraFramePeriod};
use openh264::formats::YUVBuffer;
use wire::context::Codec;
use wire::frame::DetectorState;
use wire::id::{Digest, Micros, SessionId};
use wire::sign::{Draft, SessionSigner, Start};

use super::*;

/// Signs whatever it is given, as a camera whose key was stolen would.
struct Film {
    signer: SessionSigner,
    sequence: u64,
    size: (u16, u16),
}

impl Film {
    fn new(size: (u16, u16)) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        Self { signer: SessionSigner::new(key, SessionId { number: 1, nonce: [3; 16] }), sequence: 0, size }
    }

    fn frame(&mut self, key: bool, public: Vec<u8>) -> SignedFrame {
        let (width, height) = self.size;
        let start = key.then_some(Start { codec: Codec::H264, width, height, record: Digest::ZERO });
        self.sequence += 1;
        let draft = Draft {
            start,
            sequence: self.sequence,
            captured_at: Micros(self.sequence),
            fail_closed: false,
            detector: DetectorState::Off,
            regions: Vec::new(),
            public: Bytes::from(public),
            sealed: Vec::new(),
        };
        self.signer.sign(draft).unwrap()
    }
}

/// A library encoder on pictures of one size; each has its own grey, and a ramp that tells left from right.
struct Camera {
    encoder: Encoder,
    size: (u16, u16),
}

impl Camera {
    fn new(size: (u16, u16)) -> Self {
        let config = EncoderConfig::new().skip_frames(true).intra_frame_period(IntraFramePeriod::from_num_frames(0));
        let encoder = Encoder::with_api_config(OpenH264API::from_source(), config).unwrap();
        Self { encoder, size }
    }

    fn unit(&mut self, grey: u8, key: bool) -> Vec<u8> {
        let (width, height) = (usize::from(self.size.0), usize::from(self.size.1));
        if key {
            self.encoder.force_intra_frame();
        }
        let mut samples: Vec<u8> = (0..width * height).map(|at| grey + (at % width / 16) as u8).collect();
        samples.resize(width * height * 3 / 2, 128);
        self.encoder.encode(&YUVBuffer::from_vec(samples, width, height)).unwrap().to_vec()
    }
}

fn region(x: u16, y: u16, w: u16, h: u16) -> Region {
    Region { label: Label::FACE, x, y, w, h, track: 0 }
}

fn layer(canvas: (u8, u8), places: &[(u8, u8)], unit: &[u8]) -> Vec<u8> {
    let mut out = vec![u8::try_from(places.len()).unwrap(), canvas.0, canvas.1];
    out.extend(places.iter().flat_map(|(column, row)| [*column, *row]));
    out.extend_from_slice(unit);
    out
}

fn about(sample: u8, expected: u8) -> bool {
    sample.abs_diff(expected) < 5
}

#[test]
fn pictures_come_out_in_their_size_and_in_order() {
    for size in [(160_u16, 96_u16), (159, 95), (17, 33), (9, 5)] {
        let coded = (size.0.next_multiple_of(2).max(16), size.1.next_multiple_of(2).max(16));
        let (mut film, mut camera, mut streams) = (Film::new(size), Camera::new(coded), Streams::default());
        for number in 0..8_u8 {
            let key = number % 4 == 0;
            let frame = film.frame(key, camera.unit(40 + number * 16, key));
            let picture = streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
            assert_eq!((picture.width, picture.height), size);
            assert_eq!(picture.samples.len(), Picture::samples_of(size.0, size.1));
            assert!(about(picture.samples[0], 40 + number * 16), "{} in picture {number}", picture.samples[0]);
        }
    }
}

#[test]
fn after_a_loss_nothing_is_shown_until_the_next_group() {
    let (mut film, mut camera, mut streams) = (Film::new((160, 96)), Camera::new((160, 96)), Streams::default());
    let frames: Vec<_> = (0..12_u8).map(|number| film.frame(number % 4 == 0, camera.unit(40 + number * 8, number % 4 == 0))).collect();
    let mut show = |number: usize| streams.public(&frames[number], frames[number].public().map(|layer| &layer[..]));
    assert_eq!(show(1), Err(Error::MidGroup), "the group began before");
    assert!(show(4).is_ok() && show(5).is_ok());
    assert_eq!(show(7), Err(Error::MidGroup), "one was missed");
    assert_eq!(show(7), Err(Error::MidGroup));
    assert!(show(8).is_ok());
    assert_eq!(show(5), Err(Error::MidGroup), "another group's");
    assert_eq!(show(9), Err(Error::MidGroup));
    // One that cannot be decoded is as good as missed.
    assert!(show(4).is_ok());
    assert!(streams.public(&frames[5], Some(&[0, 0, 1, 0x41, 9, 9])).is_err());
    assert_eq!(streams.public(&frames[6], frames[6].public().map(|layer| &layer[..])), Err(Error::MidGroup));
    assert!(streams.public(&frames[8], frames[8].public().map(|layer| &layer[..])).is_ok());
    assert!(streams.public(&frames[9], None).is_err(), "not sent");
    assert_eq!(streams.public(&frames[10], frames[10].public().map(|layer| &layer[..])), Err(Error::MidGroup));
}

#[test]
fn patches_are_cut_where_the_layer_says_and_a_label_stands_still_without_regions() {
    let (mut film, mut camera, mut canvas) = (Film::new((320, 192)), Camera::new((320, 192)), Camera::new((160, 96)));
    let mut streams = Streams::default();
    for number in 0..6_u8 {
        let frame = film.frame(number == 0, camera.unit(50, number == 0));
        streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
        if number == 2 {
            assert!(streams.patches(Label::FACE, &[], &[0]).unwrap().is_empty());
            continue;
        }
        let regions = [region(32, 32, 48, 32), region(160, 64, 31, 17)];
        let plain = layer((10, 6), &[(0, 1), (6, 3)], &canvas.unit(60 + number * 10, number == 0));
        let patches = streams.patches(Label::FACE, &regions, &plain).unwrap();
        let sizes: Vec<_> = patches.iter().map(|patch| (patch.width, patch.height)).collect();
        assert_eq!(sizes, [(48, 32), (31, 17)]);
        assert!(about(patches[0].samples[0], 60 + number * 10) && about(patches[1].samples[0], 66 + number * 10));
    }
    // Closed for a frame, it stays closed until the next group.
    let frame = film.frame(false, camera.unit(50, false));
    streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
    let missed = canvas.unit(99, false);
    assert!(!missed.is_empty());
    let frame = film.frame(false, camera.unit(50, false));
    streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
    let plain = layer((10, 6), &[(0, 0)], &canvas.unit(120, false));
    assert_eq!(streams.patches(Label::FACE, &[region(0, 0, 16, 16)], &plain), Err(Error::MidGroup));
    let frame = film.frame(true, camera.unit(50, true));
    streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
    let plain = layer((10, 6), &[(0, 0)], &canvas.unit(120, true));
    assert_eq!(streams.patches(Label::FACE, &[region(0, 0, 16, 16)], &plain).unwrap().len(), 1);
}

#[test]
fn layers_that_are_laid_out_otherwise_are_refused() {
    let mut canvas = Camera::new((160, 96));
    let unit = canvas.unit(60, true);
    let regions = [region(32, 32, 48, 32)];
    let good = layer((10, 6), &[(0, 1)], &unit);
    let try_one = |regions: &[Region], plain: &[u8]| {
        let (mut film, mut camera, mut streams) = (Film::new((320, 192)), Camera::new((320, 192)), Streams::default());
        let frame = film.frame(true, camera.unit(50, true));
        streams.public(&frame, frame.public().map(|layer| &layer[..])).unwrap();
        streams.patches(Label::FACE, regions, plain)
    };
    assert_eq!(try_one(&regions, &good).unwrap().len(), 1, "control");
    for (what, plain) in [
        ("empty", Vec::new()),
        ("another number", layer((10, 6), &[(0, 1), (5, 1)], &unit)),
        ("cut off in the places", good[..4].to_vec()),
        ("beyond the right edge", layer((10, 6), &[(8, 1)], &unit)),
        ("beyond the lower edge", layer((10, 6), &[(0, 5)], &unit)),
        ("far outside", layer((10, 6), &[(255, 255)], &unit)),
        ("another canvas than is coded", layer((20, 12), &[(0, 1)], &unit)),
        ("a smaller canvas than is coded", layer((9, 6), &[(0, 1)], &unit)),
        ("no canvas", layer((0, 0), &[(0, 0)], &unit)),
        ("no picture", layer((10, 6), &[(0, 1)], &[])),
        ("not the beginning", layer((10, 6), &[(0, 1)], &canvas.unit(70, false))),
    ] {
        assert!(try_one(&regions, &plain).is_err(), "{what}");
    }
    assert!(try_one(&[], &[0, 1]).is_err(), "bytes are left over");
}

#[test]
fn what_claims_another_size_never_reaches_the_library() {
    let small = Camera::new((160, 96)).unit(60, true);
    assert_eq!(unit::check(&small, true, (160, 96)), Ok(()));
    assert_eq!(unit::check(&small, true, (160, 112)), Err(Error::Mismatch("another size")));
    assert_eq!(unit::check(&Camera::new((1920, 1080)).unit(60, true), true, (160, 96)), Err(Error::Mismatch("another size")));
    let mut camera = Camera::new((160, 96));
    let (key, other) = (camera.unit(60, true), camera.unit(90, false));
    assert_eq!(unit::check(&other, false, (160, 96)), Ok(()));
    assert!(unit::check(&key, false, (160, 96)).is_err(), "a stream begins anew only with its group");
    assert!(unit::check(&other, true, (160, 96)).is_err() && unit::check(&[], true, (160, 96)).is_err());
    assert!(unit::check(&[key.clone(), key.clone()].concat(), true, (160, 96)).is_err(), "two sets of parameters");
    let sliced: Vec<u8> = [0, 0, 1, 0x41].repeat(1000);
    assert_eq!(unit::check(&sliced, false, (160, 96)), Err(Error::Mismatch("more parts than a picture has")));
}

#[test]
fn damaged_video_is_an_error_or_a_picture_of_the_right_size() {
    let size = (160, 96);
    let mut camera = Camera::new(size);
    let units: Vec<_> = (0..4_u8).map(|number| camera.unit(40 + number * 30, number == 0)).collect();
    let mut random = 1_u64;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    for _ in 0..400 {
        let (mut film, mut streams) = (Film::new(size), Streams::default());
        for (number, unit) in units.iter().enumerate() {
            let mut unit = unit.clone();
            if next(2) == 0 {
                for _ in 0..=next(4) {
                    let at = next(unit.len());
                    unit[at] ^= 1 << next(8);
                }
            }
            if next(8) == 0 {
                unit.truncate(next(unit.len()));
            }
            let frame = film.frame(number == 0, unit);
            if let Ok(picture) = streams.public(&frame, frame.public().map(|layer| &layer[..])) {
                assert_eq!((picture.width, picture.height, picture.samples.len()), (160, 96, 160 * 96 * 3 / 2));
            }
        }
    }
}
