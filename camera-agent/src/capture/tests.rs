//! Capture, run with sources that follow a script.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wire::id::Micros;

use super::*;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(20);

#[derive(Clone)]
enum Act {
    Show(u8),
    Garbage,
    Break,
    Panic,
    /// Until released; then a picture comes after all.
    Hang(Arc<AtomicBool>),
}

struct Scripted {
    script: std::vec::IntoIter<Act>,
    about: About,
}

impl Source for Scripted {
    fn about(&self) -> About {
        self.about.clone()
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        let sample = match self.script.next() {
            None => return Ok(None),
            Some(Act::Show(sample)) => sample,
            Some(Act::Garbage) => return Err(Error::Garbage("noise".into())),
            Some(Act::Break) => return Err(Error::Device("unplugged".into())),
            Some(Act::Panic) => panic!("a bug in a driver"),
            Some(Act::Hang(released)) => {
                while !released.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
                255
            }
        };
        let mut planes = pool.planes(Size::new(2, 2)?);
        planes.planes_mut()[0].fill(sample);
        Ok(Some(planes))
    }
}

/// How a test's source behaves.
struct Play {
    /// What it does, per opening; the last for all further ones.
    scripts: Vec<Vec<Act>>,
    live: bool,
    reopen: bool,
    silence: Duration,
    clock: Clock,
}

impl Play {
    fn new(scripts: Vec<Vec<Act>>) -> Self {
        Self { scripts, live: false, reopen: true, silence: LONG, clock: Clock::system() }
    }

    fn start(self) -> Capture {
        let openings = AtomicU64::new(0);
        let (kind, text) = (SourceKind::Y4m, "a script".into());
        let about = About { kind, text, size: None, interval: None, live: self.live, reopen: self.reopen, shortfall: None };
        let opener = move || {
            let opening = openings.fetch_add(1, Ordering::SeqCst) as usize;
            let script = self.scripts.get(opening).or(self.scripts.last()).cloned().unwrap().into_iter();
            Ok(Box::new(Scripted { script, about: about.clone() }) as Box<dyn Source>)
        };
        let short = Duration::from_millis(1);
        let config = Config { silence: self.silence, pause: short, longest_pause: 2 * short, ..Config::default() };
        Capture::start(Arc::new(opener), config, self.clock).unwrap()
    }
}

/// Every picture until the end, and the end's reason.
fn all(capture: &Capture) -> (Vec<u8>, Option<String>) {
    let mut shown = Vec::new();
    loop {
        match capture.take(LONG) {
            Taken::Picture(picture) => shown.push(picture.planes.planes()[0].samples[0]),
            Taken::Ended(reason) => return (shown, reason.map(|error| error.to_string())),
            Taken::Nothing => panic!("nothing came"),
        }
    }
}

fn show(samples: std::ops::Range<u8>) -> Vec<Act> {
    samples.map(Act::Show).collect()
}

#[test]
fn a_source_that_is_not_live_loses_nothing() {
    let capture = Play::new(vec![show(0..50)]).start();
    assert_eq!(all(&capture), ((0..50).collect(), None));
    assert_eq!(capture.counters(), Counters { delivered: 50, ..Counters::default() });
}

#[test]
fn the_newest_wins_and_drops_are_counted() {
    let capture = Play { live: true, ..Play::new(vec![show(0..50)]) }.start();
    while capture.counters().delivered < 50 {
        thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(all(&capture), (vec![49], None));
    assert_eq!(capture.counters().overtaken, 49);
}

#[test]
fn numbers_count_what_was_dropped_too() {
    let capture = Play { live: true, ..Play::new(vec![show(0..10)]) }.start();
    while capture.counters().delivered < 10 {
        thread::sleep(Duration::from_millis(1));
    }
    let Taken::Picture(picture) = capture.take(LONG) else { panic!("a picture waits") };
    assert_eq!(picture.number, 9);
}

#[test]
fn garbage_is_skipped_and_counted() {
    let script = vec![Act::Show(1), Act::Garbage, Act::Garbage, Act::Show(2)];
    let capture = Play::new(vec![script]).start();
    assert_eq!(all(&capture), (vec![1, 2], None));
    assert_eq!(capture.counters().garbage, 2);
    assert_eq!(capture.counters().reopened, 0);
}

#[test]
fn a_source_that_breaks_or_panics_is_opened_again() {
    let capture = Play::new(vec![vec![Act::Show(1), Act::Break], vec![Act::Show(2), Act::Panic], vec![Act::Break], show(3..5)]).start();
    assert_eq!(all(&capture), (vec![1, 2, 3, 4], None));
    assert_eq!(capture.counters().reopened, 3);
}

#[test]
fn what_cannot_be_opened_twice_ends_with_its_reason() {
    let capture = Play { reopen: false, ..Play::new(vec![vec![Act::Show(1), Act::Break]]) }.start();
    let (shown, reason) = all(&capture);
    assert_eq!(shown, [1]);
    assert!(reason.unwrap().contains("unplugged"));
}

#[test]
fn a_silent_source_is_given_up_and_what_it_delivers_later_is_not_shown() {
    let released = Arc::new(AtomicBool::new(false));
    let silence = Duration::from_millis(100);
    let mut third = show(3..5);
    third.insert(1, Act::Hang(released.clone()));
    let play = Play::new(vec![vec![Act::Show(1), Act::Hang(released.clone())], vec![Act::Show(2), Act::Hang(released.clone())], third]);
    let capture = Play { silence, ..play }.start();
    for expected in [1, 2, 3] {
        let Taken::Picture(picture) = capture.take(LONG) else { panic!("{expected} did not come") };
        assert_eq!(picture.planes.planes()[0].samples[0], expected);
    }
    assert!(capture.counters().reopened >= 2);
    released.store(true, Ordering::SeqCst);
    let before = Instant::now();
    while capture.counters().stale < 2 {
        assert!(before.elapsed() < LONG, "the two that woke up were refused");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn opening_may_take_longer_than_a_picture() {
    let openings = AtomicU64::new(0);
    let opener = move || {
        // The second opening takes ten times as long as a source may be silent.
        if openings.fetch_add(1, Ordering::SeqCst) == 1 {
            thread::sleep(Duration::from_millis(1000));
        }
        let script = vec![Act::Show(7), Act::Break].into_iter();
        let about =
            About { kind: SourceKind::Rtsp, text: String::new(), size: None, interval: None, shortfall: None, live: false, reopen: true };
        Ok(Box::new(Scripted { script, about }) as Box<dyn Source>)
    };
    let short = Duration::from_millis(1);
    let config = Config { silence: Duration::from_millis(100), open_within: LONG, pause: short, longest_pause: short, ..Config::default() };
    let capture = Capture::start(Arc::new(opener), config, Clock::system()).unwrap();
    for _ in 0..2 {
        assert!(matches!(capture.take(LONG), Taken::Picture(_)));
    }
    assert_eq!(capture.counters().reopened, 1, "it was not given up while it opened");
}

#[test]
fn a_refused_password_is_not_tried_again_soon() {
    let denied = || Error::Denied { camera: "camera:554".to_owned(), why: "the camera refuses the name or the password" };
    let openings = Arc::new(AtomicU64::new(0));
    for (lasting, tried) in [(true, 2), (false, 4)] {
        openings.store(0, Ordering::SeqCst);
        let count = openings.clone();
        let opener = move || -> Result<Box<dyn Source>, Error> {
            match count.fetch_add(1, Ordering::SeqCst) {
                0 => {
                    let about = About {
                        kind: SourceKind::Rtsp,
                        text: String::new(),
                        size: None,
                        interval: None,
                        shortfall: None,
                        live: true,
                        reopen: true,
                    };
                    Ok(Box::new(Scripted { script: vec![Act::Show(1), Act::Break].into_iter(), about }))
                }
                _ if lasting => Err(denied()),
                _ => Err(Error::Device("unplugged".to_owned())),
            }
        };
        let short = Duration::from_millis(1);
        let config = Config { pause: short, longest_pause: short, long_pause: Duration::from_secs(300), ..Config::default() };
        let capture = Capture::start(Arc::new(opener), config, Clock::system()).unwrap();
        let began = Instant::now();
        while openings.load(Ordering::SeqCst) < tried {
            assert!(began.elapsed() < LONG, "it was opened {} times", openings.load(Ordering::SeqCst));
            thread::sleep(Duration::from_millis(1));
        }
        if lasting {
            thread::sleep(Duration::from_millis(200));
            assert_eq!(openings.load(Ordering::SeqCst), tried, "cameras lock out whoever tries again and again");
        }
        drop(capture);
    }
}

#[test]
fn a_slow_taker_is_no_silence() {
    let capture = Play { silence: Duration::from_millis(300), ..Play::new(vec![show(0..4)]) }.start();
    thread::sleep(Duration::from_millis(700));
    assert_eq!(all(&capture).0, [0, 1, 2, 3]);
    assert_eq!(capture.counters().reopened, 0);
}

#[test]
fn dropping_it_stops_at_once_even_while_the_source_hangs() {
    let released = Arc::new(AtomicBool::new(false));
    let capture = Play::new(vec![vec![Act::Hang(released.clone())]]).start();
    let before = Instant::now();
    drop(capture);
    assert!(before.elapsed() < LONG / 2);
    released.store(true, Ordering::SeqCst);
}

#[test]
fn a_clock_that_is_not_set_refuses_the_start_and_drops_pictures_later() {
    let at = Instant::now();
    let wrong = Clock::new(move || Stamp { captured_at: Micros(0), at });
    let opener = || -> Result<Box<dyn Source>, Error> { panic!("is not even opened") };
    assert!(matches!(Capture::start(Arc::new(opener), Config::default(), wrong), Err(Error::Clock)));

    let calls = AtomicU64::new(0);
    let later = Clock::new(move || {
        // Right when capture starts, wrong for the first picture, right again.
        let micros = if calls.fetch_add(1, Ordering::SeqCst) == 1 { 0 } else { 1_700_000_000_000_000 };
        Stamp { captured_at: Micros(micros), at }
    });
    let capture = Play { clock: later, ..Play::new(vec![show(0..3)]) }.start();
    assert_eq!(all(&capture).0, [1, 2]);
    assert_eq!(capture.counters().clock, 1);
}

#[test]
fn what_cannot_be_opened_is_said_when_capture_starts() {
    let opener = || Err(Error::Device("no such device".into()));
    let error = Capture::start(Arc::new(opener), Config::default(), Clock::system()).unwrap_err();
    assert!(error.to_string().contains("no such device"));
}

#[test]
fn a_paced_source_keeps_its_pace() {
    let config = sample::Config { size: Size::new(32, 18).unwrap(), interval: Duration::from_millis(20), faces: 1 };
    let opener = move || Ok(Box::new(sample::Sample::open(config.clone())?) as Box<dyn Source>);
    let capture = Capture::start(Arc::new(opener), Config::default(), Clock::system()).unwrap();
    let mut last: Option<Instant> = None;
    let began = Instant::now();
    for _ in 0..6 {
        let Taken::Picture(picture) = capture.take(LONG) else { panic!("a picture comes") };
        assert!(last.is_none_or(|last| picture.at > last));
        last = Some(picture.at);
    }
    assert!(began.elapsed() >= Duration::from_millis(80), "not faster than asked");
}
