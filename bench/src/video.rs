//! Two layers of H.264 against one: what it costs in bytes, time and quality to seal the faces instead of showing them.
//!
//! Both sides encode the same pictures in turn, with the same encoder and the same fixed quantiser. The true boxes of the faces, grown by
//! a tenth on each side, are the masks. What the second layer would cost on a canvas as large as the picture is measured beside it.

pub mod clip;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use camera_agent::encode::{self, Encoded, Encoder, Rate};
use camera_agent::mask::{self, Fill, Fixed, Masked, Meta, Planner};
use camera_agent::picture::{Area, Picture, Planes, Pool, Size};
use camera_agent::sealing::{Authorized, EPOCH, Sealer, Terms};
use camera_agent::session::Session;
use camera_agent::sign::Signer;
use camera_agent::viewers::Viewers;
use cpu_time::ThreadTime;
use ed25519_dalek::SigningKey;
use viewer::decode::Decoder;
use wire::epoch::SourceKind;
use wire::frame::{LayerKind, SignedFrame};
use wire::label::{Label, Labels};
use wire::region::Region;

use crate::figure::{Aim, Figure};
use crate::{Place, Scale, agent, clock};
use clip::Clip;

/// From one picture to the next.
const INTERVAL: Duration = Duration::from_micros(33_333);

/// A key frame every 60 pictures.
const GROUP: Duration = Duration::from_secs(2);

/// Measures.
///
/// # Errors
/// When a picture is refused.
pub fn run(place: &Place, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (size, pictures) = match scale {
        Scale::Full => (Size::new(1280, 720)?, 120),
        Scale::Tiny => (Size::new(320, 192)?, 6),
    };
    let dir = tempfile::TempDir::with_prefix_in("celosia-bench-", &place.dir).context("no folder for the agent")?;
    place.say("video: convert");
    let convert = agent::convert(dir.path(), size, pictures.min(60))?.mean();
    let mut figures = Vec::new();
    for quantiser in [24, 28] {
        for faces in [1, 3] {
            place.say(&format!("video: quantiser {quantiser}, faces {faces}"));
            let sums = Bench::new(dir.path(), size, quantiser, faces)?.run(pictures)?;
            figures.extend(sums.figures(quantiser, faces, convert));
        }
    }
    place.say("video: a hard clip");
    figures.extend(hard(size, scale)?);
    Ok(figures)
}

/// Everything that one clip is put through.
struct Bench {
    clip: Clip,
    size: Size,
    begun: Instant,
    pool: Pool,
    plain: Box<dyn Encoder>,
    layered: Box<dyn Encoder>,
    /// Encodes the canvas as large as the picture.
    whole: Box<dyn Encoder>,
    sealer: Sealer,
    signer: Signer,
    /// Of the plain stream, and of the two layers.
    eyes: [Decoder; 2],
}

/// What was counted.
#[derive(Default)]
struct Sums {
    pictures: u64,
    plain: Side,
    layered: Side,
    mask: f64,
    encode: f64,
    seal: f64,
    sign: f64,
    sealed: u64,
    whole: Side,
    whole_public: f64,
    /// Header, regions and signature; and the regions' number.
    head: u64,
    regions: u64,
    hidden: u64,
}

/// One side's bytes, milliseconds, and squared errors inside and outside the regions with the number of pixels.
#[derive(Default)]
struct Side {
    bytes: u64,
    ms: f64,
    inside: (u64, u64),
    outside: (u64, u64),
}

impl Bench {
    fn new(dir: &Path, size: Size, quantiser: u8, faces: usize) -> anyhow::Result<Self> {
        let session = Session::begin(dir)?;
        let terms = Arc::new(Terms {
            key: SigningKey::from_bytes(&[4; 32]),
            session: session.id(),
            link: session.link(),
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: String::new(),
        });
        let start = || encode::Config::H264 { rate: Rate::Quantiser(quantiser), group: GROUP }.start();
        Ok(Self {
            clip: Clip::new(size, INTERVAL, faces)?,
            size,
            begun: Instant::now(),
            pool: Pool::new(8),
            plain: start()?,
            layered: start()?,
            whole: start()?,
            sealer: Sealer::new(Arc::clone(&terms), Authorized::new(Arc::new(Viewers::nobody())), EPOCH, Instant::now())?,
            signer: Signer::new(&terms, session),
            eyes: [Decoder::new()?, Decoder::new()?],
        })
    }

    fn run(mut self, pictures: u64) -> anyhow::Result<Sums> {
        let mut sums = Sums { pictures, ..Sums::default() };
        // One signer for the plain side too, so that its stream can be given to a decoder as a frame.
        let mut film = Film::new(self.size)?;
        for number in 0..pictures {
            let original = self.clip.draw(number);
            let boxes: Vec<Area> = self.clip.faces(number).into_iter().map(|face| face.grown(face.w * 0.1, face.h * 0.1)).collect();

            let (open, _) = self.masked(number, original.clone(), &[])?;
            let (plain, ms) = timed(|| encode(&mut self.plain, &open))?;
            sums.plain.bytes += plain.public.len() as u64;
            sums.plain.ms += ms;

            let (masked, ms) = self.masked(number, original.clone(), &boxes)?;
            sums.mask += ms;
            let (encoded, ms) = timed(|| encode(&mut self.layered, &masked))?;
            sums.encode += ms;
            let plaintext = encoded.sealed.first().map(|layer| layer.plaintext.clone()).unwrap_or_default();
            let group = self.signer.next_group();
            let (sealed, ms) = timed(|| self.sealer.seal(encoded, group))?;
            sums.seal += ms;
            let (signed, ms) = timed(|| self.signer.sign(sealed))?;
            sums.sign += ms;
            sums.count(&signed.frame);

            // The same canvas as large as the picture: what is not a region or its margin is flat.
            let canvas = canvas(&masked, &original);
            let (canvas, _) = self.masked(number, canvas, &[])?;
            let (whole, ms) = timed(|| encode(&mut self.whole, &canvas))?;
            sums.whole.bytes += whole.public.len() as u64;
            sums.whole.ms += ms;
            sums.whole_public += ms;

            let regions = signed.frame.header().regions.clone();
            let shown = self.eyes[0].public(&film.frame(plain)?)?;
            sums.plain.compare(&original, &shown.samples, &regions);
            let mut composite = self.eyes[1].public(&signed.frame)?;
            for (region, patch) in regions.iter().zip(self.eyes[1].patches(&signed.frame, Label::FACE, &plaintext)?) {
                composite.paste(region, &patch);
            }
            sums.layered.compare(&original, &composite.samples, &regions);
        }
        Ok(sums)
    }

    /// Masks a picture at these boxes; the milliseconds are those of taking out and filling, and of planning.
    fn masked(&self, number: u64, planes: Planes, boxes: &[Area]) -> anyhow::Result<(Masked, f64)> {
        masked(self.begun, number, planes, boxes, &self.pool)
    }
}

fn masked(begun: Instant, number: u64, planes: Planes, boxes: &[Area], pool: &Pool) -> anyhow::Result<(Masked, f64)> {
    let at = begun + INTERVAL * u32::try_from(number)?;
    let fixed = boxes.iter().map(|area| Fixed { label: Label::FACE, shape: (*area).into() }).collect();
    let mut planner = Planner::new(mask::Config { faces: None, fixed, ..mask::Config::default() });
    let meta = Meta { number, at, size: planes.size() };
    let picture = Picture { number, captured_at: clock::now(), at, planes };
    let (masked, ms) = timed(|| {
        planner.push(meta, picture);
        let release = planner.due(at).pop().context("no plan")?;
        anyhow::Ok(mask::apply(release.picture, release.plan, Fill::Solid, pool)?)
    })?;
    Ok((masked, ms))
}

/// As the pipeline does.
fn encode(encoder: &mut Box<dyn Encoder>, masked: &Masked) -> Result<Encoded, encode::Error> {
    // A fixed quantiser has no budget; asking counts the pictures per second.
    let _ = encoder.has_room(masked);
    encoder.encode(masked)
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, f64), E> {
    let begun = ThreadTime::now();
    let result = work()?;
    Ok((result, begun.elapsed().as_secs_f64() * 1000.0))
}

/// The regions' originals and 16 pixels around them as everybody sees them, on a flat picture.
fn canvas(masked: &Masked, original: &Planes) -> Planes {
    let size = original.size();
    let mut canvas = Planes::new(size);
    let regions = masked.plan().regions();
    for (margin, source) in [(16, masked.planes()), (0, original)] {
        for region in regions {
            let widths = [usize::from(size.width()), size.chroma().0, size.chroma().0];
            for (((plane, target), step), width) in source.planes().into_iter().zip(canvas.planes_mut()).zip([1, 2, 2]).zip(widths) {
                let columns = usize::from(region.x.saturating_sub(margin)) / step
                    ..(region.right() as usize + usize::from(margin)).min(size.width().into()).div_ceil(step);
                let rows = usize::from(region.y.saturating_sub(margin)) / step
                    ..(region.bottom() as usize + usize::from(margin)).min(size.height().into()).div_ceil(step);
                for (row, target) in plane.rows().zip(target.chunks_exact_mut(width)).take(rows.end).skip(rows.start) {
                    if let (Some(row), Some(target)) = (row.get(columns.clone()), target.get_mut(columns.clone())) {
                        target.copy_from_slice(row);
                    }
                }
            }
        }
    }
    canvas
}

/// Signs the plain stream's pictures, so that the viewer's decoder takes them.
struct Film {
    signer: wire::sign::SessionSigner,
    size: Size,
    sequence: u64,
}

impl Film {
    fn new(size: Size) -> anyhow::Result<Self> {
        let session = wire::id::SessionId { number: 1, nonce: [0; 16] };
        Ok(Self { signer: wire::sign::SessionSigner::new(SigningKey::from_bytes(&[5; 32]), session), size, sequence: 0 })
    }

    fn frame(&mut self, encoded: Encoded) -> anyhow::Result<SignedFrame> {
        let (width, height) = (self.size.width(), self.size.height());
        let start = wire::sign::Start { codec: encoded.codec, width, height, record: wire::id::Digest::ZERO };
        self.sequence += 1;
        Ok(self.signer.sign(wire::sign::Draft {
            start: encoded.key.then_some(start),
            sequence: self.sequence,
            captured_at: encoded.captured_at,
            fail_closed: false,
            detector: encoded.plan.detector(),
            regions: Vec::new(),
            public: encoded.public,
            sealed: Vec::new(),
        })?)
    }
}

impl Side {
    fn compare(&mut self, original: &Planes, shown: &[u8], regions: &[Region]) {
        let [luma, ..] = original.planes();
        for (line, (there, here)) in luma.rows().zip(shown.chunks_exact(luma.width)).enumerate() {
            let line = line as u32;
            let crossed: Vec<&Region> = regions.iter().filter(|region| (u32::from(region.y)..region.bottom()).contains(&line)).collect();
            for (column, (there, here)) in there.iter().zip(here).enumerate() {
                let column = column as u32;
                let error = u64::from(there.abs_diff(*here)).pow(2);
                let hidden = crossed.iter().any(|region| (u32::from(region.x)..region.right()).contains(&column));
                let (sum, count) = if hidden { &mut self.inside } else { &mut self.outside };
                (*sum, *count) = (*sum + error, *count + 1);
            }
        }
    }
}

fn decibels((errors, pixels): (u64, u64)) -> f64 {
    10.0 * (255.0 * 255.0 * pixels as f64 / (errors as f64).max(1e-9)).log10()
}

impl Sums {
    fn count(&mut self, frame: &SignedFrame) {
        let length = |layer: &wire::frame::Layer| layer.present().map_or(0, bytes::Bytes::len) as u64;
        let layers: u64 = frame.layers().iter().map(length).sum();
        self.sealed += frame.layers().iter().filter(|layer| layer.kind != LayerKind::Public).map(length).sum::<u64>();
        self.layered.bytes += layers;
        self.head += frame.bytes().len() as u64 - layers;
        self.regions += frame.header().regions.len() as u64;
        self.hidden += frame.header().regions.iter().map(|region| u64::from(region.w) * u64::from(region.h)).sum::<u64>();
    }

    fn figures(&self, quantiser: u8, faces: usize, convert: f64) -> Vec<Figure> {
        let of = format!("{} at quantiser {quantiser}", if faces == 1 { "one face".to_owned() } else { format!("{faces} faces") });
        let pictures = self.pictures as f64;
        let share = |part: f64| format!("{:.1} %", 100.0 * part);
        let megabits = |bytes: u64| bytes as f64 * 8.0 / (pictures * INTERVAL.as_secs_f64()) / 1e6;
        let seconds = pictures * INTERVAL.as_secs_f64();
        let each = |ms: f64| ms / pictures;
        let (most, slowest) = if faces == 1 { (1.07, 1.35) } else { (1.15, 1.55) };
        let pixels = (self.plain.inside.1 + self.plain.outside.1) as f64;
        let work = convert * pictures + self.mask + self.encode + self.seal + self.sign;
        let [inside, outside] = [(self.plain.inside, self.layered.inside), (self.plain.outside, self.layered.outside)]
            .map(|(plain, layered)| (decibels(plain), decibels(layered)));
        let kilobits = self.head as f64 * 8.0 / seconds / 1000.0;
        let regions = self.regions as f64 / pictures;
        let whole = self.layered.bytes - self.sealed + self.whole.bytes;
        vec![
            Figure::new(format!("bytes of both layers against one stream, {of}"), self.layered.bytes as f64 / self.plain.bytes as f64, "×")
                .aim(Aim::AtMost(most))
                .note(format!(
                    "{:.2} public + {:.2} sealed against {:.2} Mbit/s; masked {} of the picture",
                    megabits(self.layered.bytes - self.sealed),
                    megabits(self.sealed),
                    megabits(self.plain.bytes),
                    share(self.hidden as f64 / pixels)
                )),
            Figure::new(format!("convert, mask, encode, seal, sign against one encode, {of}"), work / self.plain.ms, "×")
                .aim(Aim::AtMost(slowest))
                .note(format!(
                    "{:.2} + {:.2} + {:.2} + {:.2} + {:.2} against {:.2} ms",
                    convert,
                    each(self.mask),
                    each(self.encode),
                    each(self.seal),
                    each(self.sign),
                    each(self.plain.ms)
                )),
            Figure::new(format!("luma lost inside the regions, {of}"), inside.0 - inside.1, "dB")
                .aim(Aim::AtMost(0.2))
                .note(format!("{:.2} against {:.2} dB", inside.1, inside.0)),
            Figure::new(format!("luma lost outside, {of}"), outside.0 - outside.1, "dB")
                .aim(Aim::AtMost(0.1))
                .note(format!("{:.2} against {:.2} dB", outside.1, outside.0)),
            Figure::new(format!("header and signature, {of}"), kilobits, "kbit/s")
                .aim(Aim::AtMost(27.0 + 3.0 * regions))
                .note(format!("{regions:.1} regions a frame")),
            Figure::new(format!("the same on a canvas as large as the picture: bytes, {of}"), whole as f64 / self.plain.bytes as f64, "×"),
            Figure::new(format!("the same on a canvas as large as the picture: encoding, {of}"), self.whole_work() / self.plain.ms, "×")
                .note(format!("{:.2} in place of {:.2} × one encode", self.whole_work() / self.plain.ms, self.encode / self.plain.ms)),
        ]
    }

    /// Encoding the public layer (about what a plain picture takes), and a canvas as large as that.
    fn whole_work(&self) -> f64 {
        self.plain.ms + self.whole_public
    }
}

/// How far a hard clip exceeds the bitrate over two seconds, and what is dropped for it.
fn hard(size: Size, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let pictures = if scale == Scale::Full { 360 } else { 12 };
    let clip = Clip::new(size, INTERVAL, 3)?.hard();
    let (begun, pool) = (Instant::now(), Pool::new(8));
    let mut encoder = encode::Config::default().start()?;
    let (mut through, mut dropped): (Vec<(u64, u64)>, u64) = (Vec::new(), 0);
    for number in 0..pictures {
        let boxes: Vec<Area> = clip.faces(number).into_iter().map(|face| face.grown(face.w * 0.1, face.h * 0.1)).collect();
        let (masked, _) = masked(begun, number, clip.draw(number), &boxes, &pool)?;
        if !encoder.has_room(&masked) {
            dropped += 1;
            continue;
        }
        let encoded = encoder.encode(&masked)?;
        let sealed: usize = encoded.sealed.iter().map(|layer| layer.plaintext.len()).sum();
        through.push((number, (encoded.public.len() + sealed) as u64));
    }
    let window = 60;
    let within =
        |from: u64| through.iter().filter(|(number, _)| (from..from + window).contains(number)).map(|(_, bytes)| bytes).sum::<u64>();
    let most = through.iter().map(|(number, _)| within(*number)).max().unwrap_or(0) as f64 * 8.0;
    let seconds = window as f64 * INTERVAL.as_secs_f64();
    let allowed = f64::from(encode::BITRATE) * seconds;
    Ok(vec![
        Figure::new("noise, shake and cuts: both layers over any two seconds, against the bitrate", most / allowed, "×")
            .aim(Aim::AtMost(1.5))
            .note(format!("{} Mbit/s; before the encoders {dropped} of {pictures} pictures were dropped", encode::BITRATE / 1_000_000)),
    ])
}
