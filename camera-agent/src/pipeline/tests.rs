#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Mutex;
use std::time::Instant;

use wire::context::Codec;
use wire::epoch::{Link, SourceKind};
use wire::frame::Frame;
use wire::label::Labels;
use wire::verify::Group;

use super::*;
use crate::encode::{self, Encoded, Encoder};
use crate::mask::{self, Fill, Masked, Meta, Planner};
use crate::picture::{Picture, Planes, Pool};
use crate::publish::Outlet;
use crate::sealing::{Authorized, Sealer, Terms};
use crate::session::Session;
use crate::sign::{Signed, Signer};
use crate::testing::{camera_key, nobody, plant};

/// An encoder that fails where it is told to, and says when it was asked for a key frame.
struct Failing {
    inner: Box<dyn Encoder>,
    fail: Vec<u64>,
    /// By the pictures' numbers.
    full: Vec<u64>,
    asked: Arc<Mutex<Vec<u64>>>,
    next: u64,
}

impl Encoder for Failing {
    fn codec(&self) -> Codec {
        self.inner.codec()
    }

    fn force_key(&mut self) {
        self.asked.lock().unwrap().push(self.next);
        self.inner.force_key();
    }

    fn has_room(&mut self, masked: &Masked) -> bool {
        self.inner.has_room(masked) && !self.full.contains(&masked.number())
    }

    fn encode(&mut self, masked: &Masked) -> Result<Encoded, encode::Error> {
        let this = self.next;
        self.next += 1;
        if self.fail.contains(&this) { Err(encode::Error::Codec("as asked".to_owned())) } else { self.inner.encode(masked) }
    }
}

#[derive(Clone, Default)]
struct Kept {
    frames: Arc<Mutex<Vec<Signed>>>,
    wish: Arc<Mutex<bool>>,
}

impl Outlet for Kept {
    fn send(&mut self, signed: Signed) {
        self.frames.lock().unwrap().push(signed);
    }

    fn wants_key_frame(&mut self) -> bool {
        std::mem::take(&mut self.wish.lock().unwrap())
    }
}

fn masked(number: u64) -> Masked {
    let (at, size) = (Instant::now(), plant::size());
    let mut planner = Planner::new(mask::Config { faces: None, ..mask::Config::default() });
    planner.push(Meta { number, at, size }, ());
    let plan = planner.due(at).remove(0).plan;
    let mut planes = Planes::new(size);
    plant::draw(&mut planes);
    let picture = Picture { number, captured_at: wire::id::Micros(1_800_000_000_000_000 + number), at, planes };
    mask::apply(picture, plan, Fill::Solid, &Pool::new(1)).unwrap()
}

fn back(dir: &tempfile::TempDir, encoder: Failing, kept: &Kept, progress: &Arc<Progress>) -> Back {
    let session = Session::begin(dir.path()).unwrap();
    let terms = Arc::new(Terms {
        key: camera_key(),
        session: session.id(),
        link: Link::First,
        source: SourceKind::Sample,
        labels: Labels::default(),
        detector: String::new(),
    });
    let signer = Signer::new(&terms, session);
    let sealer = Sealer::new(terms, Authorized::new(nobody()), Duration::from_secs(60), Instant::now()).unwrap();
    Back::new(Box::new(encoder), sealer, signer, Box::new(kept.clone()), Arc::clone(progress))
}

fn failing(fail: &[u64]) -> (Failing, Arc<Mutex<Vec<u64>>>) {
    of(encode::Config::Jpeg { quality: 80 }, fail, &[])
}

fn of(config: encode::Config, fail: &[u64], full: &[u64]) -> (Failing, Arc<Mutex<Vec<u64>>>) {
    let asked = Arc::<Mutex<Vec<u64>>>::default();
    let inner = config.start().unwrap();
    (Failing { inner, fail: fail.to_vec(), full: full.to_vec(), asked: Arc::clone(&asked), next: 0 }, asked)
}

#[test]
fn groups_of_several_frames_are_a_chain_and_go_on_behind_what_the_rate_drops() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, progress) = (Kept::default(), Arc::new(Progress::default()));
    let (encoder, _) = of(encode::Config::default(), &[5], &[2, 3]);
    let mut back = back(&dir, encoder, &kept, &progress);
    for number in 0..12 {
        if number == 10 {
            *kept.wish.lock().unwrap() = true;
        }
        back.publish(masked(number));
    }
    back.end(&Clock::system());
    let now = progress.snapshot();
    assert_eq!((now.signed, now.dropped.failed, now.dropped.rate), (9, 1, 2));

    let frames = kept.frames.lock().unwrap();
    let shape = |signed: &Signed| {
        let header = signed.frame.header();
        (header.captured_at.0 % 100, header.group, header.sequence, header.flags.key)
    };
    // Two are dropped and draw no number; the sixth to be encoded fails, and the next opens a group; so does the one that was wished for.
    let expected = [
        (0, 0, 0, true),
        (1, 0, 1, false),
        (4, 0, 2, false),
        (5, 0, 3, false),
        (6, 0, 4, false),
        (8, 1, 5, true),
        (9, 1, 6, false),
        (10, 2, 7, true),
        (11, 2, 8, false),
    ];
    assert_eq!(frames.iter().map(shape).take(9).collect::<Vec<_>>(), expected);
    let camera = wire::id::CameraId(camera_key().verifying_key().to_bytes());
    let record = Arc::new(wire::verify::record(frames[0].announcement.record.clone(), camera).unwrap());
    let (mut group, mut previous): (Option<Group>, _) = (None, wire::id::Digest::ZERO);
    for signed in frames.iter() {
        let frame = Frame::decode(signed.frame.bytes().clone()).unwrap();
        let verified = if frame.header.flags.key {
            let (opened, verified) = Group::open(&record, frame).unwrap();
            assert_eq!(verified.context().previous, previous, "groups are chained too");
            group = Some(opened);
            verified
        } else {
            group.as_mut().unwrap().next(frame).unwrap()
        };
        previous = verified.digest();
    }
    assert!(frames.last().unwrap().frame.header().flags.end);
}

#[test]
fn a_frame_that_fails_is_not_published_and_the_next_opens_a_group() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, progress) = (Kept::default(), Arc::new(Progress::default()));
    let (encoder, asked) = failing(&[2, 3]);
    let mut back = back(&dir, encoder, &kept, &progress);
    for number in 0..6 {
        back.publish(masked(number));
    }
    *kept.wish.lock().unwrap() = true;
    back.publish(masked(6));
    back.publish(masked(7));
    back.end(&Clock::system());
    // At the beginning, until the failures are over, and when the outlet has lost its place.
    assert_eq!(*asked.lock().unwrap(), [0, 3, 4, 6]);
    let now = progress.snapshot();
    assert_eq!((now.signed, now.dropped.failed), (6, 2));
    assert!(now.bytes.frames > now.bytes.public && now.bytes.public > 0);

    let frames = kept.frames.lock().unwrap();
    let captured: Vec<u64> = frames.iter().map(|signed| signed.frame.header().captured_at.0 % 10).collect();
    assert_eq!(captured[..6], [0, 1, 4, 5, 6, 7]);
    let mut previous = wire::id::Digest::ZERO;
    for (sequence, signed) in (0..).zip(frames.iter()) {
        let camera = wire::id::CameraId(camera_key().verifying_key().to_bytes());
        let record = Arc::new(wire::verify::record(signed.announcement.record.clone(), camera).unwrap());
        let (_, frame) = Group::open(&record, Frame::decode(signed.frame.bytes().clone()).unwrap()).unwrap();
        assert_eq!((frame.header().sequence, frame.context().previous), (sequence, previous), "no number was drawn for what failed");
        previous = frame.digest();
    }
    assert!(frames.last().unwrap().frame.header().flags.end);
}

#[test]
fn a_session_without_a_frame_has_no_end() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, progress) = (Kept::default(), Arc::new(Progress::default()));
    let (encoder, _) = failing(&[0]);
    let mut back = back(&dir, encoder, &kept, &progress);
    back.publish(masked(0));
    back.end(&Clock::system());
    assert!(kept.frames.lock().unwrap().is_empty());
    assert_eq!(Session::begin(dir.path()).unwrap().link(), Link::First, "and the next session has none before it");
}

#[test]
fn the_end_has_a_time_even_when_the_clock_was_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (kept, progress) = (Kept::default(), Arc::new(Progress::default()));
    let (encoder, _) = failing(&[]);
    let mut back = back(&dir, encoder, &kept, &progress);
    back.publish(masked(3));
    let lost = Clock::new(|| capture::Stamp { captured_at: wire::id::Micros(0), at: Instant::now() });
    back.end(&lost);
    let frames = kept.frames.lock().unwrap();
    assert!(frames[1].frame.header().flags.end);
    assert_eq!(frames[1].frame.header().captured_at, frames[0].frame.header().captured_at);
}
