//! A source whose pictures change their size in the middle of the stream: a camera that was set anew, a second header, another file.

use openh264::formats::YUVSource as _;
use wire::context::Codec;
use wire::epoch::SourceKind;

use super::*;
use crate::capture::{About, Source};
use crate::picture::{Planes, Pool, Size};
use crate::testing::plant;

/// Larger, smaller, odd, and back.
const SIZES: [(usize, usize); 5] = [(320, 240), (640, 368), (256, 176), (323, 201), (320, 240)];

/// Pictures of one size in a row.
const EACH: usize = 12;

struct Changing {
    next: usize,
}

impl Source for Changing {
    fn about(&self) -> About {
        let size = Size::new(320, 240).ok();
        About { kind: SourceKind::Rtsp, text: "changing".to_owned(), size, interval: None, shortfall: None, live: false, reopen: false }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, capture::Error> {
        let Some((width, height)) = SIZES.get(self.next / EACH) else { return Ok(None) };
        self.next += 1;
        let mut planes = pool.planes(Size::new(*width, *height)?);
        plant::draw(&mut planes);
        Ok(Some(planes))
    }
}

fn changing() -> Arc<Opener> {
    Arc::new(|| Ok(Box::new(Changing { next: 0 })))
}

/// Every frame that shows something, verified under its group, with the luma of its public picture and its row length.
fn seen_by_all(frames: &[Signed]) -> Vec<(Verified<SignedFrame>, Vec<u8>, usize)> {
    let camera = CameraId(camera_key().verifying_key().to_bytes());
    let (mut group, mut video): (Option<Group>, Option<openh264::decoder::Decoder>) = (None, None);
    let mut out = Vec::new();
    for signed in frames.iter().filter(|signed| !signed.frame.header().flags.end) {
        let record = Arc::new(wire::verify::record(signed.announcement.record.clone(), camera).unwrap());
        let frame = Frame::decode(signed.frame.bytes().clone()).unwrap();
        let frame = if frame.header.flags.key {
            video = openh264::decoder::Decoder::new().ok();
            let (opened, frame) = Group::open(&record, frame).unwrap();
            group = Some(opened);
            frame
        } else {
            group.as_mut().unwrap().next(frame).unwrap()
        };
        let public = frame.public().unwrap();
        let (luma, row) = if frame.context().codec == Codec::Jpeg {
            luma(public)
        } else {
            let picture = video.as_mut().unwrap().decode(public).unwrap().unwrap();
            let ((width, height), (stride, ..)) = (picture.dimensions(), picture.strides());
            (picture.y().chunks(stride).take(height).flat_map(|row| &row[..width]).copied().collect(), width)
        };
        out.push((frame, luma, row));
    }
    out
}

async fn run_through(behaviour: Behaviour, more: &str) -> Vec<Signed> {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let config = config(&format!("{OPEN}{more}"));
    let agent = Agent::start(&config, parts(&dir, changing(), behaviour, kept.clone()), Shutdown::new()).await;
    agent.unwrap().ended().await.unwrap();
    kept.lock().clone()
}

async fn another_size(codec: &str) {
    // The area is drawn for the first size; in the others both it and its scaled copy are hidden.
    let area = "[[mask]]\nlabel = \"till\"\nx = 0\ny = 0\nw = 32\nh = 32\n";
    let frames = run_through(Behaviour::Finds, &format!("{codec}{area}")).await;
    let mut sizes = Vec::new();
    for (frame, luma, row) in seen_by_all(&frames) {
        let (width, height) = (usize::from(frame.context().width), usize::from(frame.context().height));
        sizes.push((width, height));
        // Video has whole pairs of pixels.
        assert_eq!((row.div_ceil(2), (luma.len() / row).div_ceil(2)), (width.div_ceil(2), height.div_ceil(2)), "as it is signed");
        let visible = correlation(&luma, row).abs();
        assert!(visible < 0.1, "{width}×{height}, {}: {visible}", frame.header().flags.detector);
        assert!(frame.header().regions.iter().all(|region| region.fits(frame.context().width, frame.context().height, 1)));
        let till = Label::from_number(0).unwrap();
        assert!(frame.header().regions.iter().any(|region| region.label == till && (region.x, region.y) == (0, 0)));
    }
    let pictures = sizes.len();
    sizes.dedup();
    assert_eq!(sizes, SIZES);
    assert!(pictures == SIZES.len() * EACH || codec == VIDEO, "only video has a rate that drops pictures: {pictures}");
}

/// Nobody need own the camera; the codec is each test's.
const OPEN: &str = "[camera]\nowner = \"none\"\n[detect]\nlook_ahead = \"100ms\"\n";

const JPEG: &str = "[encode]\ncodec = \"jpeg\"\n";
const VIDEO: &str = "[encode]\ncodec = \"h264\"\nbitrate = 12000\n";

#[tokio::test]
async fn another_size_begins_a_group_of_its_own_and_is_never_less_masked() {
    another_size(JPEG).await;
}

#[tokio::test]
async fn another_size_of_video_begins_a_group_of_its_own_and_is_never_less_masked() {
    another_size(VIDEO).await;
}

#[tokio::test]
async fn control_a_detector_that_sees_nothing_shows_the_plant_in_every_size() {
    for codec in [JPEG, VIDEO] {
        let frames = seen_by_all(&run_through(Behaviour::Blind, codec).await);
        let open = |width: usize| {
            let shows = |(frame, luma, row): &(Verified<SignedFrame>, Vec<u8>, usize)| {
                usize::from(frame.context().width) == width && correlation(luma, *row) > 0.9
            };
            frames.iter().any(shows)
        };
        assert!(SIZES.iter().all(|(width, _)| open(*width)), "{codec}");
    }
}
