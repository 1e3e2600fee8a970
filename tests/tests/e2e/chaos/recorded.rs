//! What the relay has of a camera, as a viewer reads and verifies it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use celosia_tests::camera::now;
use celosia_tests::patience::within;
use celosia_tests::site::Site;
use link::tls::Trust;
use viewer::relay::Relay;
use viewer::watch::{Event, Options, Watch};
use wire::id::Micros;
use wire::message::{Hello, Span};
use wire::verdict::{Reason, Verdict};

use super::camera::Place;

/// All times.
pub const EVER: (Micros, Micros) = (Micros(0), Micros(u64::MAX));

/// How far back everybody may look, somewhat less.
const BACK: u64 = 399 * 86_400 * 1_000_000;

pub struct Recorded {
    /// When each was captured.
    pub frames: BTreeMap<Place, Micros>,
    /// Frames that are told to be missing.
    gaps: Vec<Reason>,
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn open(site: &Site, camera: &str, span: Span) -> Watch {
    let relay = within("the relay", Relay::connect(&site.address(), Trust::Pinned(site.root()), Hello::new(None))).await.unwrap();
    let options = Options { camera: camera.parse().unwrap(), span, recipient: None, pace: 0, key_frames_only: false };
    within("the range", Watch::open(relay, &options, |_| Ok(None))).await.unwrap()
}

impl Recorded {
    /// What was captured between these times, by the camera's clock.
    pub fn read(site: &Site, camera: &str, (from, to): (Micros, Micros)) -> Self {
        run(async {
            let from = Micros(from.0.max(now().0 - BACK));
            let mut watch = open(site, camera, Span::Range { from, to }).await;
            let mut recorded = Self { frames: BTreeMap::new(), gaps: Vec::new() };
            let mut last: Option<(Place, Micros)> = None;
            while let Some(event) = within("the next frame", watch.next()).await.unwrap() {
                match event {
                    Event::Frame { frame, .. } => {
                        let place = (frame.context().session.number, frame.header().sequence);
                        let at = frame.header().captured_at;
                        let again = recorded.frames.insert(place, at);
                        last = Some((place, at));
                        assert_eq!(again, None, "{place:?} is there twice");
                    }
                    Event::Gap(reason) => {
                        recorded.gaps.push(reason);
                        last = None;
                    }
                    // The signed end is a frame without a picture, the next one after the last that has one.
                    Event::SessionEnd => {
                        if let Some(((session, sequence), at)) = last.take() {
                            recorded.frames.insert((session, sequence + 1), at);
                        }
                    }
                    Event::Skipped { .. } => panic!("a range skips nothing"),
                }
            }
            let report = watch.report();
            let reasons: Vec<_> = report.findings.iter().map(|finding| finding.reason.to_string()).collect();
            let verdict = report.verdict;
            assert!([Verdict::Authentic, Verdict::WithGaps].contains(&verdict), "{camera}: {verdict}: {}", reasons.join("; "));
            watch.close().await;
            recorded
        })
    }

    /// Sees so many live frames; fails when they do not come.
    pub fn live(site: &Site, camera: &str, frames: usize) {
        run(async {
            let mut watch = open(site, camera, Span::Live).await;
            let mut seen = 0;
            while seen < frames {
                if let Some(Event::Frame { frame, .. }) = within("a live frame", watch.next()).await.unwrap() {
                    // By the right time: nothing of the past comes as live.
                    assert!(frame.header().captured_at.distance(now()) < Duration::from_secs(30));
                    seen += 1;
                }
            }
            watch.close().await;
        });
    }

    /// Fails unless all of these are there.
    pub fn holds(&self, places: &[Place]) {
        let gone: Vec<_> = places.iter().filter(|place| !self.frames.contains_key(place)).collect();
        assert!(gone.is_empty(), "{} acknowledged frames are not found, the first is {:?}; {:?}", gone.len(), gone.first(), self.gaps);
    }

    pub fn captured_at(&self, place: Place) -> Micros {
        self.frames[&place]
    }

    /// Whether a gap that was told covers the frame.
    fn tells(&self, (session, sequence): Place) -> bool {
        self.gaps.iter().any(|reason| match reason {
            Reason::Missing { session: of, first, last } => *of == session && (*first..=*last).contains(&sequence),
            Reason::TailMissing { session: of, until } => *of == session && sequence <= *until,
            Reason::TailUnknown { session: of } => *of == session,
            Reason::SessionsMissing { after, before } => (*after + 1..*before).contains(&session),
            _ => false,
        })
    }

    /// Fails unless everything that was written is there but for what was torn off, and every hole is told with its bounds. Gives how many
    /// frames are missing.
    pub fn tells_what_is_missing(&self, written: &BTreeSet<Place>, torn: &BTreeSet<Place>) -> usize {
        let missing: Vec<_> = written.iter().filter(|place| !self.frames.contains_key(place)).copied().collect();
        for place in &missing {
            assert!(torn.contains(place), "{place:?} was written and is lost");
            assert!(self.tells(*place), "{place:?} is missing, and nothing says so: {:?}", self.gaps);
        }
        let places: Vec<_> = self.frames.keys().copied().collect();
        for pair in places.windows(2) {
            let ((session, before), (next, after)) = (pair[0], pair[1]);
            if session == next && after != before + 1 {
                let told = Reason::Missing { session, first: before + 1, last: after - 1 };
                assert!(self.gaps.contains(&told), "{told:?} is not told: {:?}", self.gaps);
            }
        }
        missing.len()
    }
}
