//! The seeing half as a whole: capture → detect → mask → encode, with detectors that do what they should not.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use camera_agent::capture::sample::{self, Sample};
use camera_agent::capture::{self, Capture, Clock, Source, Taken};
use camera_agent::detect::centerface::CenterFace;
use camera_agent::detect::{self, Detector, Error, Found, Model, Small, Worker};
use camera_agent::encode;
use camera_agent::mask::{self, Fill, Masked, Meta, Planner, apply};
use camera_agent::picture::{Area, Picture, Planes, Pool, Size};
use wire::frame::DetectorState;
use wire::id::Micros;

fn sample_config(width: usize, height: usize, faces: u8) -> sample::Config {
    sample::Config { size: Size::new(width, height).unwrap(), interval: Duration::from_millis(40), faces }
}

/// What the faulty detector does.
#[derive(Debug, Clone, Copy)]
enum Fault {
    LoadFails,
    LoadPanics,
    Errs,
    Panics,
    Hangs,
    Lags,
}

struct Faulty(Fault, Arc<AtomicU32>);

impl Model for Faulty {
    fn name(&self) -> String {
        "faulty".into()
    }

    fn small(&self, _: Size) -> Size {
        Size::new(32, 32).unwrap()
    }

    fn load(&self) -> Result<Box<dyn Detector>, Error> {
        match self.0 {
            Fault::LoadFails => Err(Error::Missing { path: "m.onnx".into(), why: std::io::ErrorKind::NotFound.into() }),
            Fault::LoadPanics => panic!("while loading"),
            _ => Ok(Box::new(Self(self.0, self.1.clone()))),
        }
    }
}

impl Detector for Faulty {
    fn detect(&mut self, _: &Small) -> Result<Vec<Found>, Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        match self.0 {
            Fault::Panics => panic!("while detecting"),
            Fault::Hangs => loop {
                thread::sleep(Duration::from_secs(1));
            },
            // The answer comes, and is an empty one: it must not be believed about pictures that are gone.
            Fault::Lags => thread::sleep(Duration::from_millis(1000)),
            _ => return Err(Error::Failed("no".into())),
        }
        Ok(Vec::new())
    }
}

/// Lets the sample run for a while, and hands over every picture that goes on.
fn run(model: Arc<dyn Model>, config: &sample::Config, how_long: Duration, mut each: impl FnMut(Masked)) {
    let opener = {
        let config = config.clone();
        move || Ok(Box::new(Sample::open(config.clone())?) as Box<dyn Source>)
    };
    let capture = Capture::start(Arc::new(opener), capture::Config::default(), Clock::system()).unwrap();
    let warm_up = Some(config.size);
    let mut worker = Worker::start(model, detect::Config { pause: Duration::from_millis(5), warm_up, ..detect::Config::default() });
    let mut planner = Planner::new(mask::Config::default());
    let pool = Pool::new(16);
    let began = Instant::now();
    while began.elapsed() < how_long {
        if let Taken::Picture(picture) = capture.take(Duration::from_millis(5)) {
            worker.offer(&picture);
            planner.push(Meta { number: picture.number, at: picture.at, size: picture.size() }, picture);
        }
        planner.detector_is(worker.state());
        for detection in worker.detections() {
            planner.detection(&detection);
        }
        for release in planner.due(Instant::now()) {
            each(apply(release.picture, release.plan, Fill::Solid, &pool).unwrap());
        }
    }
}

#[test]
fn whatever_a_detector_does_wrong_nothing_is_seen() {
    let config = sample_config(160, 96, 3);
    for (fault, states) in [
        (Fault::LoadFails, vec![DetectorState::Missing]),
        (Fault::LoadPanics, vec![DetectorState::Failed]),
        (Fault::Errs, vec![DetectorState::Failed]),
        (Fault::Panics, vec![DetectorState::Failed]),
        (Fault::Hangs, vec![DetectorState::Warming, DetectorState::Failed]),
        (Fault::Lags, vec![DetectorState::Warming, DetectorState::Late]),
    ] {
        let mut seen = 0;
        let calls = Arc::new(AtomicU32::new(0));
        run(Arc::new(Faulty(fault, calls.clone())), &config, Duration::from_millis(1500), |masked| {
            let luma = masked.planes().planes()[0].samples;
            assert!(luma.iter().all(|sample| *sample == luma[0]), "{fault:?}: something is seen in picture {}", masked.number());
            assert!(masked.plan().fail_closed());
            let state = masked.plan().detector();
            assert!(states.contains(&state) || state == DetectorState::Warming, "{fault:?}: {state}");
            seen += 1;
        });
        assert!(seen > 3, "{fault:?}: pictures go on all the same");
    }
}

/// Where the true face is hidden, the picture there has one colour.
fn hidden(masked: &Masked, face: Area) -> bool {
    let luma = masked.planes().planes()[0];
    let columns = face.x as usize..(face.x + face.w) as usize;
    let mut rows = luma.rows().take((face.y + face.h) as usize).skip(face.y as usize).map(|row| &row[columns.clone()]);
    let first = luma.samples[face.y as usize * luma.width + face.x as usize];
    rows.all(|row| row.iter().all(|sample| *sample == first))
}

#[test]
fn a_walking_face_is_hidden_in_every_picture_and_the_rest_is_seen() {
    let config = sample_config(640, 360, 1);
    let (mut open, mut visible) = (0, 0);
    run(Arc::new(CenterFace { width: 320, ..CenterFace::default() }), &config, Duration::from_secs(5), |masked| {
        let face = sample::truth(&config, masked.number()).remove(0);
        assert!(hidden(&masked, face), "picture {}: {:?}", masked.number(), masked.plan());
        open += u32::from(!masked.plan().fail_closed());
        // The control: the same place in a picture from which nothing was taken.
        visible += u32::from(!hidden(&masked, face.shifted(0.0, -face.y)));
    });
    assert!(open > 10 && visible > 10, "{open} pictures were not masked whole, {visible} showed something beside the face");
}

/// Milliseconds per picture of each stage: `cargo test -p camera-agent --test seeing -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a check"]
fn speed() {
    let config = sample_config(1280, 720, 3);
    let sample = Sample::open(config.clone()).unwrap();
    let pool = Pool::new(8);
    let at = Instant::now();
    let planes: Vec<Planes> = (0..16).map(|number| sample.draw(number * 7, &pool).clone()).collect();
    let mut next = 0;
    let mut picture = || {
        next += 1;
        Picture { number: next, captured_at: Micros(0), at, planes: planes[next as usize % planes.len()].clone() }
    };

    median("draw the sample", 50, || (), |()| drop(sample.draw(3, &pool)));
    for width in [320, 640] {
        let model = CenterFace { width, ..CenterFace::default() };
        let size = model.small(config.size);
        let mut small = Small::blank(config.size, size);
        let mut detector = model.load().unwrap();
        let began = Instant::now();
        detector.detect(&small).unwrap();
        println!("{:32} {:8.1} ms", format!("prepare the detector {size}"), began.elapsed().as_secs_f64() * 1e3);
        median(&format!("small copy {size}"), 50, &mut picture, |picture| small.show(&picture.planes, size).unwrap());
        median(&format!("detect {size}"), 12, || (), |()| drop(detector.detect(&small).unwrap()));
    }

    let faces = sample::truth(&config, 0);
    let release = |picture: Picture, everything: bool| {
        let mut planner = Planner::new(mask::Config::default());
        planner.detector_is(DetectorState::Ready);
        planner.push(Meta { number: 1, at, size: config.size }, picture);
        let faces = faces.iter().map(|area| Found { area: *area, score: 1.0 }).collect();
        if !everything {
            let look = detect::Look::Thorough;
            planner.detection(&detect::Detection { number: 1, at, size: config.size, look, smallest: 0.0, faces, took: Duration::ZERO });
        }
        planner.due(at + Duration::from_secs(1)).remove(0)
    };
    median("plan (3 faces)", 50, &mut picture, |picture| drop(release(picture, false)));
    for (name, everything) in [("3 faces", false), ("whole frame", true)] {
        for fill in [Fill::Solid, Fill::Surround] {
            let prepare = || release(picture(), everything);
            median(&format!("mask {name}, {fill:?}"), 50, prepare, |release| drop(apply(release.picture, release.plan, fill, &pool)));
        }
        let mut encoder = encode::Config::default().start().unwrap();
        let mut bytes = (0, 0);
        let prepare = || {
            let release = release(picture(), everything);
            apply(release.picture, release.plan, Fill::Solid, &pool).unwrap()
        };
        median(&format!("encode {name}"), 50, prepare, |masked| {
            let encoded = encoder.encode(&masked).unwrap();
            bytes = (encoded.public.len(), encoded.sealed.iter().map(|layer| layer.plaintext.len()).sum::<usize>());
        });
        println!("{:32} {:8} + {} bytes", format!("layers, {name}"), bytes.0, bytes.1);
    }
}

fn median<T>(name: &str, times: usize, mut prepare: impl FnMut() -> T, mut act: impl FnMut(T)) {
    let mut all: Vec<f64> = (0..times)
        .map(|_| {
            let prepared = prepare();
            let began = Instant::now();
            act(prepared);
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    all.sort_by(f64::total_cmp);
    println!("{name:32} {:8.3} ms", all[times / 2]);
}
