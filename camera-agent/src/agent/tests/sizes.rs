//! A source whose pictures change their size in the middle of the stream: a camera that was set anew, a second header, another file.

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
        About { kind: SourceKind::Rtsp, text: "changing".to_owned(), size, interval: None, live: false, reopen: false }
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

#[tokio::test]
async fn another_size_begins_a_group_of_its_own_and_is_never_less_masked() {
    let dir = tempfile::tempdir().unwrap();
    // The area is drawn for the first size; in the others both it and its scaled copy are hidden.
    let area = "[[mask]]\nlabel = \"till\"\nx = 0\ny = 0\nw = 32\nh = 32\n";
    let config = config(&format!("{FREE}{area}"));
    let kept = Kept::default();
    let agent = Agent::start(&config, parts(&dir, changing(), Behaviour::Finds, kept.clone()), Shutdown::new()).await.unwrap();
    agent.ended().await.unwrap();

    let frames = kept.lock().clone();
    let mut sizes = Vec::new();
    for (_, frame) in shown(&frames) {
        let (width, height) = (usize::from(frame.context().width), usize::from(frame.context().height));
        sizes.push((width, height));
        let (luma, row) = luma(frame.public().unwrap());
        assert_eq!((row, luma.len() / row), (width, height), "the picture has the size that is signed");
        assert!(seen(&frame) < 0.1, "{width}×{height}, {}: {}", frame.header().flags.detector, seen(&frame));
        assert!(frame.header().regions.iter().all(|region| region.fits(frame.context().width, frame.context().height, 1)));
        let till = Label::from_number(0).unwrap();
        assert!(frame.header().regions.iter().any(|region| region.label == till && (region.x, region.y) == (0, 0)));
    }
    assert_eq!(sizes.len(), SIZES.len() * EACH, "nothing is lost");
    sizes.dedup();
    assert_eq!(sizes, SIZES);
    // With every size a group begins, whatever the codec makes of the pictures between.
    let mut before = None;
    for signed in frames.iter().filter(|signed| !signed.frame.header().flags.end) {
        let size = signed.frame.context().width;
        assert!(signed.frame.header().flags.key || before == Some(size));
        before = Some(size);
    }
}

#[tokio::test]
async fn control_a_detector_that_sees_nothing_shows_the_plant_in_every_size() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let agent = Agent::start(&config(FREE), parts(&dir, changing(), Behaviour::Blind, kept.clone()), Shutdown::new()).await.unwrap();
    agent.ended().await.unwrap();
    let frames = shown(&kept.lock());
    let open = |width: usize| frames.iter().any(|(_, frame)| usize::from(frame.context().width) == width && seen(frame) > 0.9);
    assert!(SIZES.iter().all(|(width, _)| open(*width)));
}
