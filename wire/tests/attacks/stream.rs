//! What comes to a viewer, and what the viewer concludes. A stream can be changed on its way; what was shown is a string again:
//! `K` and `.` are frames, `G` is a gap, `E` the session's end.

use std::time::Duration;

use bytes::Bytes;
use wire::assess::{Assessor, Config, Event, Mode, Now, Standing};
use wire::frame::{Frame, LayerKind};
use wire::id::{Fingerprint, Micros};
use wire::message;
use wire::sign::SignedRecord;
use wire::verdict::{Reason, Report, Verdict};

use crate::camera::{Camera, Session, TICK, front_door};

/// One thing that comes.
#[derive(Clone)]
pub enum Item {
    Record(SignedRecord),
    Grants(message::Grants),
    Frame {
        session: u64,
        bytes: Bytes,
    },
    Gap(message::Gap),
    /// Nothing, for that long.
    Pause(Duration),
}

/// What comes, in the order in which it comes.
#[derive(Clone)]
pub struct Stream(pub Vec<Item>);

impl Stream {
    /// What an honest relay sends to somebody who sees the public layer.
    pub fn public(sessions: &[&Session]) -> Self {
        Self::sent(sessions, None)
    }

    /// What an honest relay sends to a holder of grants.
    pub fn unlocked(sessions: &[&Session], recipient: Fingerprint) -> Self {
        Self::sent(sessions, Some(recipient))
    }

    fn sent(sessions: &[&Session], recipient: Option<Fingerprint>) -> Self {
        let mut items = Vec::new();
        for session in sessions {
            for epoch in &session.epochs {
                items.push(Item::Record(epoch.record.clone()));
                items.extend(recipient.map(|recipient| Item::Grants(epoch.grants_for(recipient))));
            }
            items.extend(session.frames.iter().map(|frame| {
                let bytes = frame.withhold(|kind| recipient.is_some() || kind == LayerKind::Public);
                Item::Frame { session: session.id.number, bytes }
            }));
        }
        Self(items)
    }

    /// Where the frame with that index stands.
    fn place(&self, frame: usize) -> usize {
        let mut frames = self.0.iter().enumerate().filter(|(_, item)| matches!(item, Item::Frame { .. }));
        frames.nth(frame).expect("there are so many frames").0
    }

    pub fn frame(&self, frame: usize) -> Item {
        self.0[self.place(frame)].clone()
    }

    pub fn bytes(&self, frame: usize) -> Bytes {
        let Item::Frame { bytes, .. } = self.frame(frame) else { unreachable!() };
        bytes
    }

    pub fn remove(mut self, frame: usize) -> Self {
        let at = self.place(frame);
        self.0.remove(at);
        self
    }

    /// Without that frame and all behind it, of whatever session.
    pub fn cut(mut self, frame: usize) -> Self {
        let at = self.place(frame);
        self.0.truncate(at);
        self
    }

    /// Puts an item in front of the frame with that index.
    pub fn insert(mut self, frame: usize, item: Item) -> Self {
        let frames = self.0.iter().filter(|item| matches!(item, Item::Frame { .. })).count();
        let at = if frame == frames { self.0.len() } else { self.place(frame) };
        self.0.insert(at, item);
        self
    }

    pub fn push(mut self, item: Item) -> Self {
        self.0.push(item);
        self
    }

    /// Lets nothing come for that long.
    pub fn pause(self, millis: u64) -> Self {
        self.push(Item::Pause(Duration::from_millis(millis)))
    }

    pub fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Lets two frames come in each other's place.
    pub fn swap(mut self, a: usize, b: usize) -> Self {
        let (a, b) = (self.place(a), self.place(b));
        self.0.swap(a, b);
        self
    }

    /// Changes a frame's bytes.
    pub fn change(mut self, frame: usize, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let at = self.place(frame);
        let Item::Frame { bytes, .. } = &mut self.0[at] else { unreachable!() };
        let mut changed = bytes.to_vec();
        change(&mut changed);
        *bytes = changed.into();
        self
    }

    /// Changes what a frame says, and leaves its signature.
    pub fn edit(self, frame: usize, edit: impl FnOnce(&mut Frame)) -> Self {
        self.change(frame, |bytes| {
            let mut frame = Frame::decode(bytes.clone().into()).unwrap();
            edit(&mut frame);
            *bytes = frame.encode().to_vec();
        })
    }

    /// Without the items for which it holds.
    pub fn without(mut self, unwanted: impl Fn(&Item) -> bool) -> Self {
        self.0.retain(|item| !unwanted(item));
        self
    }

    /// What a viewer of the front door concludes who asked for a stretch of the past.
    pub fn watch(&self) -> Outcome {
        self.watched(&front_door(), Mode::Range, None)
    }

    /// The same for a holder of grants.
    pub fn watch_as(&self, recipient: Fingerprint) -> Outcome {
        self.watched(&front_door(), Mode::Range, Some(recipient))
    }

    pub fn watched(&self, camera: &Camera, mode: Mode, recipient: Option<Fingerprint>) -> Outcome {
        let mut viewer = Viewer::new(config(camera, mode, recipient));
        self.0.iter().for_each(|item| viewer.take(item));
        viewer.finish()
    }

    /// What somebody is shown who reads the frames and checks nothing.
    pub fn believed(&self) -> Vec<Bytes> {
        let frames = self.0.iter().filter_map(|item| match item {
            Item::Frame { bytes, .. } => Frame::decode(bytes.clone()).ok(),
            _ => None,
        });
        frames.filter_map(|frame| frame.layers.first().and_then(wire::frame::Layer::present).cloned()).collect()
    }
}

pub fn config(camera: &Camera, mode: Mode, recipient: Option<Fingerprint>) -> Config {
    Config { camera: camera.id(), mode, recipient, patience: Config::PATIENCE, memory: None }
}

/// Live, with nothing seen before.
pub const fn live(highest: Option<(u64, u64)>) -> Mode {
    Mode::Live { tolerance: Mode::TOLERANCE, highest }
}

/// A viewer with a clock of their own: each frame comes one tick after the one before.
pub struct Viewer {
    pub tick: Duration,
    pub assessor: Assessor,
    pub now: Now,
    shown: String,
    pictures: Vec<Bytes>,
}

impl Viewer {
    pub fn new(config: Config) -> Self {
        let mut assessor = Assessor::new(config);
        assessor.standing(Standing::Known { revocation_unknown_since: None });
        Self {
            tick: Duration::from_micros(TICK),
            assessor,
            now: Now { monotonic: Duration::ZERO, wall: Micros(0) },
            shown: String::new(),
            pictures: Vec::new(),
        }
    }

    pub fn take(&mut self, item: &Item) {
        match item {
            Item::Record(record) => self.assessor.record(record.clone(), self.now),
            Item::Grants(grants) => self.assessor.grants(grants.clone()),
            Item::Gap(gap) => self.assessor.gap(gap),
            Item::Frame { session, bytes } => {
                self.now.monotonic += self.tick;
                self.assessor.frame(*session, bytes.clone(), self.now);
            }
            Item::Pause(time) => self.now.monotonic += *time,
        }
        self.show();
    }

    pub fn show(&mut self) {
        while let Some(event) = self.assessor.next(self.now) {
            self.shown.push(match event {
                Event::Frame(frame, _) => {
                    self.pictures.extend(frame.public().cloned());
                    if frame.header().flags.key { 'K' } else { '.' }
                }
                Event::Gap(_) => 'G',
                Event::End(_) => 'E',
            });
        }
    }

    /// Waits until nothing waits any more.
    pub fn finish(mut self) -> Outcome {
        self.now.monotonic += Duration::from_secs(5);
        self.show();
        self.outcome()
    }

    pub fn outcome(self) -> Outcome {
        Outcome { shown: self.shown, pictures: self.pictures, report: self.assessor.report(self.now) }
    }
}

/// What was shown, and what was concluded.
#[derive(Debug)]
pub struct Outcome {
    pub shown: String,
    pub pictures: Vec<Bytes>,
    pub report: Report,
}

impl Outcome {
    pub const fn verdict(&self) -> Verdict {
        self.report.verdict
    }

    pub fn reasons(&self) -> Vec<&Reason> {
        self.report.findings.iter().map(|finding| &finding.reason).collect()
    }

    /// That exactly this was shown, and nothing is wrong with it.
    #[track_caller]
    pub fn is_authentic(&self, shown: &str) {
        assert_eq!((self.shown.as_str(), self.verdict()), (shown, Verdict::Authentic), "{:?}", self.reasons());
    }

    /// That exactly this was shown, and these are the reasons (however often each).
    #[track_caller]
    pub fn is(&self, shown: &str, reasons: &[Reason]) {
        assert_eq!(self.shown, shown, "{:?}", self.reasons());
        assert_eq!(self.reasons(), reasons.iter().collect::<Vec<_>>());
    }
}
