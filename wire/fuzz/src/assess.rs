//! A relay that does whatever the bytes say, and a viewer who must not be fooled.
//!
//! The camera's stream is fixed; the bytes say what becomes of it: which items come, in which order, changed or not, what is made up in
//! between, and how time passes.

use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use wire::assess::{Assessor, Config, Event, Mode, Now, Standing};
use wire::frame::{Frame, LayerKind};
use wire::id::Micros;
use wire::message::{Gap, GapCause, Message};
use wire::verdict::Verdict;

use super::camera::{Known, Plan, Session, front_door, guard};

/// No input does more than this.
const MAX_STEPS: usize = 300;

struct Stream {
    items: Vec<Message>,
    pictures: BTreeSet<Bytes>,
}

static STREAM: LazyLock<Stream> = LazyLock::new(|| {
    let camera = front_door();
    let one = camera.session(1, "K..K.|K..E");
    let two = camera.film(&Plan::new(2, "K..K.").link(one.link(Known::Ended)));
    let three = camera.film(&Plan::new(3, "KK.|KE").link(two.link(Known::BrokenAt(1))));
    let sessions: [&Session; 3] = [&one, &two, &three];
    let mut items = Vec::new();
    for session in sessions {
        for epoch in &session.epochs {
            items.push(Message::Record { subscription: 1, record: epoch.record.clone() });
            items.push(Message::Grants(epoch.grants_for(guard())));
        }
        for frame in &session.frames {
            items.push(Message::Frame { subscription: 1, session: session.id.number, frame: frame.bytes().clone() });
        }
    }
    let frames = sessions.iter().flat_map(|session| &session.frames);
    Stream { items, pictures: frames.filter_map(|frame| frame.public().cloned()).collect() }
});

/// How many items the stream has: a byte below this lets the item come.
pub fn items() -> usize {
    STREAM.items.len()
}

struct Relay<'a> {
    script: &'a [u8],
    /// Whether anything was changed, made up or repeated.
    honest: bool,
    sent: BTreeSet<usize>,
}

impl Relay<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.script.split_first().unwrap_or((&0, &[]));
        self.script = rest;
        *first
    }

    fn item(&mut self) -> usize {
        usize::from(self.byte()) % items()
    }

    fn short(&mut self) -> u64 {
        match self.byte() {
            0xff => u64::MAX,
            byte => byte.into(),
        }
    }
}

struct Viewer {
    assessor: Assessor,
    now: Now,
    last: Option<(u64, u64)>,
}

impl Viewer {
    fn take(&mut self, message: Message) {
        match message {
            Message::Record { record, .. } => self.assessor.record(record, self.now),
            Message::Grants(grants) => self.assessor.grants(grants),
            Message::Frame { session, frame, .. } => self.assessor.frame(session, frame, self.now),
            Message::Gap(gap) => self.assessor.gap(&gap),
            _ => {}
        }
    }

    fn show(&mut self) {
        while let Some(event) = self.assessor.next(self.now) {
            let Event::Frame(frame, record) = event else { continue };
            assert!(STREAM.pictures.contains(frame.public().unwrap()), "nothing is shown that was not filmed");
            assert_eq!(frame.context().record, record.digest());
            let place = Some((frame.context().session.number, frame.header().sequence));
            assert!(place > self.last, "and nothing twice or out of order");
            self.last = place;
        }
    }
}

/// Runs the script.
pub fn assessor(data: &[u8]) {
    let mut relay = Relay { script: data, honest: true, sent: BTreeSet::new() };
    let settings = relay.byte();
    let mode = if settings & 1 == 0 { Mode::Range } else { Mode::Live { tolerance: Mode::TOLERANCE, highest: Some((1, 3)) } };
    let config = Config {
        camera: front_door().id(),
        mode,
        recipient: (settings & 2 != 0).then(guard),
        patience: Config::PATIENCE,
        memory: (settings & 4 != 0).then_some(Config::MEMORY),
    };
    let mut assessor = Assessor::new(config);
    if settings & 8 != 0 {
        assessor = assessor.key_frames_only();
    }
    assessor.standing(Standing::Known { revocation_unknown_since: None });
    let mut viewer = Viewer { assessor, now: Now { monotonic: Duration::ZERO, wall: Micros(0) }, last: None };
    for _ in 0..MAX_STEPS {
        if relay.script.is_empty() {
            break;
        }
        step(&mut relay, &mut viewer);
        if settings & 16 == 0 {
            viewer.show();
        }
        let _ = viewer.assessor.report(viewer.now);
    }
    viewer.show();
    viewer.now.monotonic += Duration::from_secs(3600);
    viewer.show();
    assert_eq!(viewer.assessor.wake_at(), None, "nothing waits for ever");
    viewer.assessor.finish();
    let report = viewer.assessor.report(viewer.now);
    if relay.honest {
        assert_ne!(report.verdict, Verdict::Tampered, "loss, delay and the relay's word are never tampered: {:?}", report.findings);
    }
}

fn step(relay: &mut Relay<'_>, viewer: &mut Viewer) {
    let command = usize::from(relay.byte());
    if let Some(item) = STREAM.items.get(command) {
        let frame = matches!(item, Message::Frame { .. });
        relay.honest &= relay.sent.insert(command) || !frame;
        return viewer.take(item.clone());
    }
    match command % 8 {
        // Time passes.
        0 | 1 => viewer.now.monotonic += Duration::from_millis(relay.short().min(2000) * 10),
        // The clock on the wall is set.
        2 => viewer.now.wall = Micros(super::camera::START.0 + relay.short().min(1000) * 1_000_000),
        // The relay says that frames are missing.
        3 => {
            let (session, first) = (relay.short(), relay.short());
            let last = first.saturating_add(relay.short());
            viewer.take(Message::Gap(Gap { subscription: 1, session, first, last, cause: GapCause::Slow }));
        }
        // An item, one byte changed.
        4 => {
            relay.honest = false;
            let mut bytes = STREAM.items[relay.item()].encode().to_vec();
            let at = (usize::from(relay.byte()) << 8 | usize::from(relay.byte())) % bytes.len();
            bytes[at] ^= relay.byte();
            if let Ok(message) = Message::decode(bytes.into()) {
                viewer.take(message);
            }
        }
        // A frame under other numbers, perhaps without its layers.
        5 => {
            relay.honest = false;
            let (item, numbers, keep) = (relay.item(), [relay.short(), relay.short(), relay.short()], relay.byte());
            let Message::Frame { frame, .. } = &STREAM.items[item] else { return };
            let mut frame = Frame::decode(frame.clone()).unwrap();
            let [session, group, sequence] = numbers;
            (frame.header.group, frame.header.sequence) = (group, sequence);
            frame.layers.retain(|layer| layer.kind == LayerKind::Public || keep & 1 != 0);
            viewer.take(Message::Frame { subscription: 1, session, frame: frame.encode() });
        }
        // Whatever bytes come.
        6 => {
            relay.honest = false;
            let length = usize::from(relay.byte()).min(relay.script.len());
            let (made_up, rest) = relay.script.split_at(length);
            relay.script = rest;
            if let Ok(message) = Message::decode(Bytes::copy_from_slice(made_up)) {
                viewer.take(message);
            }
        }
        // A frame under another envelope.
        _ => {
            relay.honest = false;
            let (item, session) = (relay.item(), relay.short());
            let Message::Frame { frame, .. } = &STREAM.items[item] else { return };
            viewer.take(Message::Frame { subscription: 1, session, frame: frame.clone() });
        }
    }
}
