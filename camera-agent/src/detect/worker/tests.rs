#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use wire::id::Micros;

use super::*;
use crate::picture::{Area, Planes};

const LONG: Duration = Duration::from_secs(20);

/// What a fake detector does with a picture.
#[derive(Clone)]
enum Act {
    Find,
    Err,
    Panic,
    Hang(Arc<AtomicBool>),
}

/// Plays its acts, one per picture, over all loads; the last one for ever.
struct Fake {
    acts: Vec<Act>,
    played: Arc<AtomicU32>,
    /// How often loading fails first.
    unloadable: u32,
    loads: AtomicU32,
}

impl Fake {
    fn new(acts: &[Act]) -> Self {
        Self { acts: acts.to_vec(), played: Arc::default(), unloadable: 0, loads: AtomicU32::new(0) }
    }
}

impl Model for Fake {
    fn name(&self) -> String {
        "fake 1".into()
    }

    fn small(&self, picture: Size) -> Size {
        Size::new(usize::from(picture.width()) / 2, usize::from(picture.height()) / 4).unwrap()
    }

    fn load(&self) -> Result<Box<dyn Detector>, Error> {
        if self.loads.fetch_add(1, Ordering::SeqCst) < self.unloadable {
            return Err(Error::Missing { path: "model.onnx".into(), why: std::io::ErrorKind::NotFound.into() });
        }
        Ok(Box::new(Player { acts: self.acts.clone(), played: self.played.clone() }))
    }
}

struct Player {
    acts: Vec<Act>,
    played: Arc<AtomicU32>,
}

impl Detector for Player {
    fn detect(&mut self, small: &Small) -> Result<Vec<Found>, Error> {
        let act = self.played.fetch_add(1, Ordering::SeqCst) as usize;
        match self.acts.get(act).or(self.acts.last()).unwrap() {
            Act::Find => {}
            Act::Err => return Err(Error::Failed("no luck".into())),
            Act::Panic => panic!("a bug"),
            Act::Hang(released) => {
                while !released.load(Ordering::SeqCst) {
                    thread::sleep(Duration::from_millis(5));
                }
            }
        }
        let (w, h) = (f32::from(small.size().width()), f32::from(small.size().height()));
        Ok(vec![Found { area: Area { x: w / 2.0, y: h / 2.0, w: w / 4.0, h: h / 4.0 }, score: 0.9 }])
    }
}

fn worker(fake: Fake) -> Worker {
    let config = Config {
        late: Duration::from_millis(50),
        give_up: Duration::from_millis(200),
        pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(2),
        rhythm: Rhythm { every: Duration::ZERO, thorough: Duration::ZERO },
        ..Config::default()
    };
    Worker::start(Arc::new(fake), config)
}

fn picture(number: u64) -> Picture {
    Picture { number, captured_at: Micros(0), at: Instant::now(), planes: Planes::new(Size::new(64, 64).unwrap()) }
}

/// Offers pictures until that holds.
fn until(worker: &mut Worker, mut holds: impl FnMut(&mut Worker) -> bool) {
    // Numbers go on rising from one call to the next.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let began = Instant::now();
    while !holds(worker) {
        assert!(began.elapsed() < LONG, "it never came to that: {worker:?}, {:?}", worker.counters());
        worker.offer(&picture(NEXT.fetch_add(1, Ordering::SeqCst)));
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn boxes_come_back_in_pixels_of_the_picture() {
    let mut worker = worker(Fake::new(&[Act::Find]));
    assert_eq!(worker.state(), DetectorState::Warming, "until there was an answer");
    let mut seen = Vec::new();
    until(&mut worker, |worker| {
        seen.extend(worker.detections());
        seen.len() > 3
    });
    assert_eq!(worker.state(), DetectorState::Ready);
    assert!(seen.windows(2).all(|pair| pair.first().unwrap().number < pair.last().unwrap().number), "in order");
    let first = seen.first().unwrap();
    assert_eq!(first.faces.first().unwrap().area, Area { x: 32.0, y: 32.0, w: 16.0, h: 16.0 });
    assert_eq!(first.size, Size::new(64, 64).unwrap());
}

#[test]
fn an_error_fails_and_the_next_answer_heals() {
    let mut worker = worker(Fake::new(&[Act::Find, Act::Err, Act::Find]));
    until(&mut worker, |worker| worker.counters().errors == 1);
    until(&mut worker, |worker| worker.state() == DetectorState::Ready);
    assert_eq!(worker.counters().restarts, 0);
}

#[test]
fn one_that_always_errs_stays_failed_and_never_speaks() {
    let mut worker = worker(Fake::new(&[Act::Err]));
    until(&mut worker, |worker| worker.counters().errors > 10 && worker.counters().restarts > 2);
    assert_eq!(worker.state(), DetectorState::Failed);
    assert_eq!(worker.detections(), []);
}

#[test]
fn a_panic_fails_and_it_starts_again() {
    let mut worker = worker(Fake::new(&[Act::Find, Act::Panic, Act::Panic, Act::Find]));
    let mut failed = false;
    until(&mut worker, |worker| {
        failed |= worker.state() == DetectorState::Failed;
        worker.counters().restarts == 2
    });
    until(&mut worker, |worker| worker.state() == DetectorState::Ready);
    assert!(failed);
}

#[test]
fn a_missing_model_is_told_and_tried_again() {
    let mut worker = worker(Fake { unloadable: 3, ..Fake::new(&[Act::Find]) });
    let mut missing = false;
    until(&mut worker, |worker| {
        missing |= worker.state() == DetectorState::Missing;
        worker.state() == DetectorState::Ready
    });
    assert!(missing);
    assert_eq!(worker.counters().restarts, 3);
}

#[test]
fn one_that_hangs_is_late_then_given_up_and_not_believed_any_more() {
    let released = Arc::new(AtomicBool::new(false));
    let mut worker = worker(Fake::new(&[Act::Find, Act::Hang(released.clone()), Act::Find]));
    until(&mut worker, |worker| worker.state() == DetectorState::Late);
    until(&mut worker, |worker| worker.counters().restarts == 1);
    until(&mut worker, |worker| worker.state() == DetectorState::Ready);
    let before = worker.counters();
    released.store(true, Ordering::SeqCst);
    until(&mut worker, |worker| worker.threads.len() == 1);
    assert_eq!(worker.counters().errors, before.errors);
    let numbers: Vec<_> = worker.detections().iter().map(|detection| detection.number).collect();
    assert!(numbers.is_sorted(), "what the hanging one said at last is not among them: {numbers:?}");
}

#[test]
fn those_that_all_hang_are_bounded() {
    let released = Arc::new(AtomicBool::new(false));
    let mut worker = worker(Fake::new(&[Act::Hang(released.clone())]));
    let began = Instant::now();
    until(&mut worker, |_| began.elapsed() > Duration::from_millis(1500));
    assert!(worker.threads.len() <= MAX_HANGING + 1);
    assert_ne!(worker.state(), DetectorState::Ready);
    released.store(true, Ordering::SeqCst);
}

#[test]
fn it_looks_no_more_often_than_asked() {
    let mut worker = worker(Fake::new(&[Act::Find]));
    worker.schedule = Schedule::new(Rhythm { every: Duration::from_secs(10), thorough: Duration::ZERO });
    let start = Instant::now();
    for number in 0..5 {
        worker.offer(&Picture { at: start + Duration::from_secs(4) * number as u32, ..picture(number) });
        let began = Instant::now();
        while worker.shared.lock().pending.is_some() || worker.shared.lock().busy.is_some() {
            assert!(began.elapsed() < LONG);
            thread::sleep(Duration::from_millis(1));
        }
    }
    let numbers: Vec<_> = worker.detections().iter().map(|detection| detection.number).collect();
    assert_eq!(numbers, [0, 3]);
}
