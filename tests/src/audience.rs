//! A viewer that looks through the viewer's own library and writes down what it is shown.

use std::sync::Arc;
use std::time::Duration;

use link::address;
use link::exit::Error;
use link::tls::{RootFingerprint, Trust};
use tokio::time::timeout;
use viewer::compose::{Composed, compose};
use viewer::decode::Decoder;
use viewer::relay::Relay;
use viewer::unlock::{Opened, Unlock};
use viewer::watch::{Event, Options, Watch};
use wire::frame::SignedFrame;
use wire::grants::Grant;
use wire::id::Micros;
use wire::message::{Hello, Span};
use wire::verdict::{Report, Verdict};
use wire::verify::{Record, Verified};

use crate::camera::{self, MASK};
use crate::patience::{PATIENCE, within};
use crate::person::Person;
use crate::picture::{Luma, Rect, psnr};

/// Session number and sequence.
pub type Place = (u64, u64);

/// A frame as it was shown.
pub struct Shown {
    /// Which.
    pub place: Place,
    /// The verified frame.
    pub frame: Box<Verified<SignedFrame>>,
    /// The record that it is sealed under.
    pub record: Arc<Verified<Record>>,
    /// Our own grants under it.
    pub grants: Vec<Grant>,
    /// What was opened of it.
    pub opened: Opened,
    /// The picture with what was opened.
    pub picture: Luma,
    /// How many regions were lifted.
    pub lifted: usize,
}

/// Everything that a viewer noticed.
pub struct Audience {
    watch: Watch,
    unlock: Option<Unlock>,
    decoder: Decoder,
    /// The frames, in the order in which they were shown.
    pub shown: Vec<Shown>,
    /// Frames that were said to be missing, in words.
    pub gaps: Vec<String>,
    /// How often frames were skipped because this viewer was slow.
    pub skips: usize,
    /// How many sessions ended.
    pub ends: usize,
    /// Why it was over, if it is.
    pub error: Option<Error>,
    /// Whether the range was sent to its end.
    pub finished: bool,
    /// A layer that opens and is no picture does not fail the test.
    pub tolerate_broken: bool,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Which camera.
    pub camera: &'a str,
    /// When.
    pub span: Span,
    /// Who unlocks, if anybody.
    pub person: Option<&'a Person>,
    /// The highest frame that was seen live before.
    pub highest: Option<Place>,
    /// Only key frames.
    pub key_frames_only: bool,
}

impl<'a> Ask<'a> {
    /// The public picture of now.
    #[must_use]
    pub const fn live(camera: &'a str) -> Self {
        Self { camera, span: Span::Live, person: None, highest: None, key_frames_only: false }
    }

    /// Everything that was ever recorded.
    #[must_use]
    pub const fn all(camera: &'a str) -> Self {
        Self { span: Span::Range { from: Micros(0), to: Micros(u64::MAX) }, ..Self::live(camera) }
    }

    /// With somebody's keys.
    #[must_use]
    pub const fn by(self, person: &'a Person) -> Self {
        Self { person: Some(person), ..self }
    }
}

impl Audience {
    /// Connects and subscribes.
    ///
    /// # Errors
    /// When the relay or the camera is refused.
    pub async fn open(relay: &address::Relay, root: RootFingerprint, ask: Ask<'_>) -> Result<Self, Error> {
        let recipient = ask.person.map(|person| person.public().fingerprint());
        let relay = within("connect", Relay::connect(relay, Trust::Pinned(root), Hello::new(recipient))).await?;
        let camera = ask.camera.parse().unwrap();
        let options = Options { camera, span: ask.span, recipient, pace: 0, key_frames_only: ask.key_frames_only };
        let watch = within("subscribe", Watch::open(relay, &options, |_| Ok(ask.highest))).await?;
        Ok(Self {
            watch,
            unlock: ask.person.map(|person| Unlock::new(person.identity(), None)),
            decoder: Decoder::new().unwrap(),
            shown: Vec::new(),
            gaps: Vec::new(),
            skips: 0,
            ends: 0,
            error: None,
            finished: false,
            tolerate_broken: false,
        })
    }

    /// What it thinks now.
    #[must_use]
    pub fn report(&self) -> Report {
        self.watch.report()
    }

    /// The verdict now.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        self.report().verdict
    }

    /// The reasons for it, in words.
    #[must_use]
    pub fn reasons(&self) -> String {
        self.report().findings.iter().map(|finding| finding.reason.to_string()).collect::<Vec<_>>().join("; ")
    }

    /// The camera's id.
    #[must_use]
    pub fn camera(&self) -> wire::id::CameraId {
        self.watch.camera().id
    }

    /// The places of what was shown.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        self.shown.iter().map(|shown| shown.place).collect()
    }

    /// Looks until it has seen so many frames, or there is no more.
    pub async fn frames(&mut self, count: usize) -> &[Shown] {
        self.until("enough frames", |audience| audience.shown.len() >= count).await;
        &self.shown
    }

    /// Looks to the end of a range.
    pub async fn to_the_end(&mut self) -> &[Shown] {
        self.until("the end", |_| false).await;
        &self.shown
    }

    /// Looks until something holds, or there is no more; fails when neither comes.
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let begun = std::time::Instant::now();
        while !self.finished && self.error.is_none() && !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "{what} never came: {} ({})", self.verdict(), self.reasons());
            // Some verdicts come with time alone.
            let _ = timeout(Duration::from_millis(50), self.step()).await;
        }
    }

    async fn step(&mut self) {
        match self.watch.next().await {
            Ok(Some(Event::Frame { frame, record, grants })) => {
                let opened = self.unlock.as_mut().map(|unlock| unlock.open(&frame, &record, &grants)).unwrap_or_default();
                let Composed { picture, lifted, broken } = compose(&mut self.decoder, &frame, &opened).unwrap();
                assert!(broken.is_empty() || self.tolerate_broken, "{broken:?}");
                let place = (frame.context().session.number, frame.header().sequence);
                let picture = Luma::of_i420(picture.width.into(), picture.height.into(), &picture.samples);
                self.shown.push(Shown { place, frame, record, grants, opened, picture, lifted: lifted.len() });
            }
            Ok(Some(Event::Gap(reason))) => self.gaps.push(reason.to_string()),
            Ok(Some(Event::Skipped { .. })) => self.skips += 1,
            Ok(Some(Event::SessionEnd)) => self.ends += 1,
            Ok(None) => self.finished = true,
            Err(error) => self.error = Some(error),
        }
    }
}

/// Fails unless a frame of a [`camera::Camera`] was shown as the picture that it is, with what its mask hides or without.
pub fn is_the_cameras_picture(shown: &Shown, unlocked: bool) {
    let sequence = shown.place.1;
    let mask = Rect::from(&MASK);
    let corner = Rect { x: 0, y: 0, w: mask.x, h: camera::SIZE.1.into() };
    let outside = psnr(&shown.picture.part(corner), &camera::shown(sequence).part(corner));
    assert!(outside > 38.0, "frame {sequence} shows another picture: {outside} dB");
    let inside = psnr(&shown.picture.part(mask), &camera::hidden(sequence));
    assert!((inside > 30.0) == unlocked, "frame {sequence}: {inside} dB under its mask");
}
