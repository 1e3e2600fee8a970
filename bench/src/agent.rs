//! The agent: what each stage takes of one core for a picture of 1280 × 720 from the built-in sample, and where the bytes of a frame go; with
//! H.264 and with JPEG, and with H.264 at 1920 × 1080.
//!
//! The stages run one after the other on this thread, each under its clock; in the agent they share the work of the same calls between
//! three threads.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camera_agent::capture::sample::{self, Sample};
use camera_agent::capture::{Source as _, y4m};
use camera_agent::detect::centerface::CenterFace;
use camera_agent::detect::{Detection, Look, Model, Rhythm, Schedule, Small};
use camera_agent::encode::{self, Encoder, Rate};
use camera_agent::mask::{self, Fill, Meta, Planner};
use camera_agent::picture::{Picture, Planes, Pool, Size};
use camera_agent::sealing::{Authorized, EPOCH, Sealer, Terms};
use camera_agent::session::Session;
use camera_agent::sign::Signer;
use camera_agent::viewers::Viewers;
use cpu_time::ThreadTime;
use ed25519_dalek::SigningKey;
use wire::epoch::SourceKind;
use wire::frame::{LayerKind, SignedFrame};
use wire::label::Labels;

use crate::figure::{Aim, Figure, text};
use crate::samples::Samples;
use crate::{Place, Scale, clock};

/// From one picture to the next.
const INTERVAL: Duration = Duration::from_micros(33_333);

/// What stands before a sealed layer's content in clear and in cipher: the commitment and the length.
const SEALED_HEAD: usize = 32 + 4;

/// Measures every stage.
///
/// # Errors
/// When a stage refuses a picture.
pub fn run(place: &Place, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (small, large, pictures) = match scale {
        Scale::Full => (Size::new(1280, 720)?, Size::new(1920, 1080)?, 240),
        Scale::Tiny => (Size::new(320, 192)?, Size::new(352, 200)?, 12),
    };
    let h264 = encode::Config::default();
    let measure = |size, config| {
        let dir = tempfile::TempDir::with_prefix_in("celosia-bench-", &place.dir).context("no folder for the agent")?;
        place.say(&format!("agent: {size}, {}", encode::Config::codec(&config)));
        let mut stages = Stages { convert: convert(dir.path(), size, pictures.min(60))?, ..Stages::default() };
        let bytes = Line::new(dir.path(), size, config)?.run(pictures, &mut stages)?;
        anyhow::Ok((stages, bytes))
    };
    let (stages, bytes) = measure(small, h264)?;
    let mut figures = figures(&stages, &bytes, small);
    let (jpeg, bytes) = measure(small, encode::Config::Jpeg { quality: 80 })?;
    figures.push(jpeg.encode.figure("encode both layers as JPEG"));
    figures.push(Figure::new("frame, as JPEG", bytes.all.mean() / 1000.0, "kB"));
    // Its bitrate grows with the picture's area.
    let (stages, _) = measure(large, encode::Config::H264 { rate: Rate::Bitrate(encode::BITRATE * 9 / 4), group: encode::GROUP })?;
    let all = stages.all();
    figures.push(
        Figure::new("all stages at the larger size, of one core at 30 pictures/s", 100.0 * all / period(), "%")
            .aim(Aim::AtMost(80.0))
            .note(format!("{large}: {}, of these {} detecting", text(all, "ms"), text(stages.amortised(), "ms"))),
    );
    figures.push(stages.encode.figure("encode both layers at the larger size"));
    figures.push(stages.convert.figure("source of the larger size (Y4M in limited range), apart"));
    Ok(figures)
}

/// Milliseconds from one picture to the next.
fn period() -> f64 {
    INTERVAL.as_secs_f64() * 1000.0
}

/// Milliseconds of one stage, by this thread's processor time and by the clock.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    cpu: Samples,
    wall: Samples,
}

impl Stage {
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (cpu, wall) = (ThreadTime::now(), Instant::now());
        let result = work();
        self.cpu.push(cpu.elapsed().as_secs_f64() * 1000.0);
        self.wall.push(wall.elapsed().as_secs_f64() * 1000.0);
        result
    }

    /// Of processor time.
    pub(crate) fn mean(&self) -> f64 {
        self.cpu.mean()
    }

    fn figure(&self, name: &str) -> Figure {
        Figure::new(name, self.cpu.median(), "ms").note(format!("{} by the clock", text(self.wall.median(), "ms")))
    }
}

#[derive(Debug, Default)]
struct Stages {
    convert: Stage,
    copy: Stage,
    detect: Stage,
    quick: Stage,
    plan: Stage,
    mask: Stage,
    encode: Stage,
    seal: Stage,
    sign: Stage,
}

impl Stages {
    /// Milliseconds of copying and detecting for each picture: of ten, one is looked at thoroughly and two quickly.
    fn amortised(&self) -> f64 {
        (self.detect.cpu.median() + 2.0 * self.quick.cpu.median() + 3.0 * self.copy.cpu.median()) / 10.0
    }

    /// Milliseconds of everything behind the source, for each picture.
    fn all(&self) -> f64 {
        // Planning and encoding are the mean: one comes in a lump, when a detection lets several pictures go, and key frames take longer.
        let rest = [&self.mask, &self.seal, &self.sign].map(|stage| stage.cpu.median());
        rest.iter().sum::<f64>() + self.plan.cpu.mean() + self.encode.cpu.mean() + self.amortised()
    }
}

/// Bytes of each frame, by part.
#[derive(Debug, Default)]
struct Bytes {
    public: Samples,
    sealed: Samples,
    padding: Samples,
    rest: Samples,
    all: Samples,
}

impl Bytes {
    /// `plain`: bytes of the sealed layers' content.
    fn push(&mut self, frame: &SignedFrame, plain: usize) {
        let length = |sealed: bool| {
            let layers = frame.layers().iter().filter(|layer| matches!(layer.kind, LayerKind::Sealed(_)) == sealed);
            layers.map(|layer| layer.present().map_or(0, bytes::Bytes::len)).sum::<usize>()
        };
        let count = frame.layers().iter().filter(|layer| layer.kind != LayerKind::Public).count();
        let (all, public, sealed) = (frame.bytes().len(), length(false), length(true));
        let padding = sealed.saturating_sub(plain + SEALED_HEAD * count);
        for (samples, value) in [
            (&mut self.public, public),
            (&mut self.sealed, plain),
            (&mut self.padding, padding),
            (&mut self.rest, all.saturating_sub(public + plain + padding)),
            (&mut self.all, all),
        ] {
            samples.push(value as f64);
        }
    }
}

/// What a source costs that does not deliver what the agent works on: Y4M in limited range, read from the page cache.
pub(crate) fn convert(dir: &Path, size: Size, pictures: u64) -> anyhow::Result<Stage> {
    let path = dir.join("clip.y4m");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&path)?);
    writeln!(file, "YUV4MPEG2 W{} H{} F30:1 C420jpeg XCOLORRANGE=LIMITED", size.width(), size.height())?;
    let sample = Sample::open(sample::Config { size, interval: INTERVAL, faces: sample::MAX_FACES })?;
    let pool = Pool::new(2);
    for number in 0..4 {
        file.write_all(b"FRAME\n")?;
        for plane in sample.draw(number, &pool).planes() {
            file.write_all(plane.samples)?;
        }
    }
    file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
    let mut stream = y4m::Stream::open(y4m::Config { path: Some(path), pace: false, repeat: true })?;
    let mut stage = Stage::default();
    for _ in 0..pictures {
        stage.time(|| stream.next(&pool))?.context("the clip ends")?;
    }
    Ok(stage)
}

/// The agent's stages behind the source.
struct Line {
    size: Size,
    sample: Sample,
    pool: Pool,
    model: CenterFace,
    planner: Planner<Picture>,
    encoder: Box<dyn Encoder>,
    sealer: Sealer,
    signer: Signer,
}

impl Line {
    fn new(dir: &Path, size: Size, config: encode::Config) -> anyhow::Result<Self> {
        let session = Session::begin(dir)?;
        let model = CenterFace::default();
        let terms = Arc::new(Terms {
            key: SigningKey::from_bytes(&[4; 32]),
            session: session.id(),
            link: session.link(),
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: model.name(),
        });
        let authorized = Authorized::new(Arc::new(Viewers::nobody()));
        Ok(Self {
            size,
            sample: Sample::open(sample::Config { size, interval: INTERVAL, faces: sample::MAX_FACES })?,
            pool: Pool::new(32),
            model,
            planner: Planner::new(mask::Config::default()),
            encoder: config.start()?,
            sealer: Sealer::new(Arc::clone(&terms), authorized, EPOCH, Instant::now())?,
            signer: Signer::new(&terms, session),
        })
    }

    fn run(mut self, pictures: u64, stages: &mut Stages) -> anyhow::Result<Bytes> {
        let begun = Instant::now();
        let mut detector = self.model.load()?;
        let model: &dyn Model = &self.model;
        let mut small = Small::blank(self.size, self.model.small(self.size));
        // The first detection of a size prepares the network.
        for look in [Look::Quick, Look::Thorough] {
            detector.detect(&Small::blank(self.size, model.copy(self.size, look)))?;
        }
        self.planner.detector_is(wire::frame::DetectorState::Ready);
        let (mut schedule, mut bytes) = (Schedule::new(Rhythm::default()), Bytes::default());
        for number in 0..pictures {
            let at = begun + INTERVAL * u32::try_from(number)?;
            let planes: Planes = self.sample.draw(number, &self.pool);
            let mut detection = None;
            if let Some(look) = schedule.due(at) {
                let copy = model.copy(self.size, look);
                stages.copy.time(|| small.show(&planes, copy))?;
                let stage = if look == Look::Thorough { &mut stages.detect } else { &mut stages.quick };
                let found = stage.time(|| detector.detect(&small))?;
                detection = Some(Detection::new(model, (number, at), &small, look, &found, Duration::ZERO));
            }
            let picture = Picture { number, captured_at: clock::now(), at, planes };
            let planner = &mut self.planner;
            let releases = stages.plan.time(|| {
                planner.push(Meta { number, at, size: self.size }, picture);
                if let Some(detection) = &detection {
                    planner.detection(detection);
                }
                planner.due(at)
            });
            for release in releases {
                let fill = Fill::default();
                let masked = stages.mask.time(|| mask::apply(release.picture, release.plan, fill, &self.pool))?;
                if !self.encoder.has_room(&masked) {
                    continue;
                }
                let encoded = stages.encode.time(|| self.encoder.encode(&masked))?;
                let plain = encoded.sealed.iter().map(|clear| clear.plaintext.len()).sum();
                let group = self.signer.next_group();
                let sealed = stages.seal.time(|| self.sealer.seal(encoded, group))?;
                let signed = stages.sign.time(|| self.signer.sign(sealed))?;
                bytes.push(&signed.frame, plain);
            }
        }
        Ok(bytes)
    }
}

fn figures(stages: &Stages, bytes: &Bytes, size: Size) -> Vec<Figure> {
    let kilobytes = |name: &str, samples: &Samples| Figure::new(name, samples.mean() / 1000.0, "kB");
    let bare = Figure::new("of these: header, regions, commitments, signature", bytes.rest.mean(), "bytes");
    vec![
        stages.convert.figure("convert (Y4M in limited range; the sample needs none)"),
        stages.copy.figure("small copy for the detector"),
        stages.detect.figure("one thorough detection"),
        stages.quick.figure("one quick detection"),
        Figure::new("detect, for each picture", stages.amortised(), "ms")
            .note("of ten pictures, one thoroughly and two quickly".to_owned()),
        Figure::new("plan the masks, mean", stages.plan.cpu.mean(), "ms"),
        stages.mask.figure("mask"),
        stages.encode.figure("encode both layers (H.264)"),
        stages.seal.figure("seal"),
        stages.sign.figure("sign, and remember the frame"),
        Figure::new("all stages of the sample, for each picture", stages.all(), "ms").note(format!("{size}, one core, processor time")),
        Figure::new("of one core, at 30 pictures/s", 100.0 * stages.all() / period(), "%").aim(Aim::AtMost(80.0)),
        kilobytes("bytes of a frame", &bytes.all).note(format!("{} frames, three faces", bytes.all.count())),
        kilobytes("of these: public layer", &bytes.public),
        kilobytes("of these: sealed layers, their content", &bytes.sealed),
        kilobytes("of these: sealed layers, their padding", &bytes.padding),
        bare,
    ]
}
