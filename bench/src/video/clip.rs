//! The clip that two layers are measured on: a photograph that the camera pans over, faces that move in front of it, and in each picture
//! the noise of a sensor of its own. A hard one beside it: more noise, shaken, and cut every second.

use std::time::Duration;

use anyhow::Context as _;
use camera_agent::capture::sample::{self, Sample, truth};
use camera_agent::picture::{Area, Planes, Pool, Size};

/// `assets/README.md` says where it comes from.
const PHOTOGRAPH: &[u8] = include_bytes!("../../assets/photograph.png");

/// The photograph is enlarged by this, in a picture of 720 rows.
const ENLARGED: f32 = 1.4;

/// How many pixels the camera pans from one picture to the next.
const PAN: f32 = 1.3;

/// How far the sensor is off, at most: nearly normal with a deviation of 2.5.
const NOISE: i16 = 6;

/// And in the dark.
const DARK: i16 = 40;

/// Pictures from one cut to the next in the hard clip.
const CUT: u64 = 30;

/// A face's width in pixels of a picture of 720 rows, and where it is at a time in seconds: fractions of width and height.
type Walk = (f32, fn(f32) -> (f32, f32));

const FACES: [Walk; 3] = [
    (100.0, |t| (0.08 + 0.06 * t, 0.17 + 0.04 * (2.0 * t).sin())),
    (72.0, |t| (0.55 - 0.04 * t, 0.56 + 0.03 * (3.0 * t).cos())),
    (80.0, |t| (0.75 + 0.1 * (1.3 * t).sin(), 0.12 + 0.05 * t.sin())),
];

/// Numbered pictures, always the same ones.
pub struct Clip {
    size: Size,
    interval: Duration,
    /// Luma of the photograph, mirrored beside and below itself, and how many samples make a row.
    scene: (Vec<u8>, usize),
    faces: Vec<Planes>,
    pool: Pool,
    hard: bool,
}

impl Clip {
    /// With so many faces, up to 3.
    ///
    /// # Errors
    /// When the size is impossible.
    pub fn new(size: Size, interval: Duration, faces: usize) -> anyhow::Result<Self> {
        let scale = f32::from(size.height()) / 720.0;
        let faces = FACES.iter().take(faces).map(|(width, _)| face(width * scale)).collect::<anyhow::Result<_>>()?;
        Ok(Self { size, interval, scene: scene(size, ENLARGED * scale)?, faces, pool: Pool::new(4), hard: false })
    }

    /// The same, hard to encode.
    #[must_use]
    pub fn hard(self) -> Self {
        Self { hard: true, ..self }
    }

    /// Where that picture's faces are.
    #[must_use]
    pub fn faces(&self, number: u64) -> Vec<Area> {
        let seconds = self.scene_of(number) * self.interval.as_secs_f32();
        let (width, height) = (f32::from(self.size.width()), f32::from(self.size.height()));
        let place = |(face, (_, way)): (&Planes, &Walk)| {
            let ((x, y), size) = (way(seconds % 8.0), face.size());
            // In pixel pairs, so that chroma falls together.
            let even = |value: f32| (value / 2.0).round() * 2.0;
            Area { x: even(x * width), y: even(y * height), w: size.width().into(), h: size.height().into() }
        };
        self.faces.iter().zip(&FACES).map(place).collect()
    }

    /// Draws a picture.
    #[must_use]
    pub fn draw(&self, number: u64) -> Planes {
        let mut planes = self.pool.planes(self.size);
        let shift = self.scene_of(number) * PAN;
        let [luma, ..] = planes.planes_mut();
        let (scene, stride) = &self.scene;
        let (first, part) = (shift as usize % (stride / 2), (shift.fract() * 256.0) as u16);
        for (row, target) in scene.chunks_exact(*stride).zip(luma.chunks_exact_mut(self.size.width().into())) {
            let pairs = row.iter().zip(row.iter().skip(1)).skip(first);
            for (target, (left, right)) in target.iter_mut().zip(pairs) {
                *target = ((u16::from(*left) * (256 - part) + u16::from(*right) * part) / 256) as u8;
            }
        }
        for (face, area) in self.faces.iter().zip(self.faces(number)) {
            paste(face, (area.x as usize, area.y as usize), &mut planes);
        }
        let noise = if self.hard { DARK } else { NOISE };
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for (plane, noise) in planes.planes_mut().into_iter().zip([noise, noise / 2, noise / 2]) {
            random.add_noise(plane, noise);
        }
        planes
    }

    /// At which of the scene's instants: in the hard clip they jump, a little each time and far at a cut.
    fn scene_of(&self, number: u64) -> f32 {
        (if self.hard { number / CUT * 131 + number % CUT + number * 7 % 13 * 6 } else { number }) as f32
    }
}

/// The photograph, large enough for a picture to be panned over it once around.
fn scene(size: Size, enlarged: f32) -> anyhow::Result<(Vec<u8>, usize)> {
    let photograph = image::load_from_memory(PHOTOGRAPH).context("the photograph cannot be read")?.into_luma8();
    let side = |pixels: u32| ((pixels as f32 * enlarged) as u32).max(8);
    let (width, height) = (side(photograph.width()), side(photograph.height()));
    let photograph = image::imageops::resize(&photograph, width, height, image::imageops::FilterType::Lanczos3);
    let mirrored = |at: u32, length: u32| if (at / length).is_multiple_of(2) { at % length } else { length - 1 - at % length };
    // One way around is the photograph and its mirror image; the picture sees beyond.
    let around = 2 * width * u32::from(size.width()).div_ceil(2 * width);
    let columns = 2 * around;
    let rows = u32::from(size.height());
    let samples = (0..rows).flat_map(|y| (0..columns).map(move |x| (x, y)));
    let samples = samples.map(|(x, y)| photograph.get_pixel(mirrored(x, width), mirrored(y, height)).0[0]).collect();
    Ok((samples, columns as usize))
}

/// A face of that width, cut out of the sample.
fn face(width: f32) -> anyhow::Result<Planes> {
    // The nearest person's face is 97 pixels wide in a picture of 720 rows.
    let rows = ((width / 97.0 * 720.0) as usize).max(32);
    let config = sample::Config { size: Size::new(rows * 16 / 9, rows)?, interval: Duration::from_millis(33), faces: 1 };
    let picture = Sample::open(config.clone())?.draw(0, &Pool::new(1));
    let area = truth(&config, 0).into_iter().next().context("the sample has no face")?;
    let even = |value: f32| (value as usize / 2).max(1) * 2;
    let (x, y, w, h) = (even(area.x), even(area.y), even(area.w), even(area.h));
    let mut cut = Planes::new(Size::new(w, h)?);
    for ((plane, target), step) in picture.planes().into_iter().zip(cut.planes_mut()).zip([1, 2, 2]) {
        for (row, target) in plane.rows().skip(y / step).zip(target.chunks_exact_mut(w / step)) {
            if let Some(row) = row.get(x / step..(x + w) / step) {
                target.copy_from_slice(row);
            }
        }
    }
    Ok(cut)
}

/// Lays the ellipse of a face on a picture.
fn paste(face: &Planes, (x, y): (usize, usize), planes: &mut Planes) {
    let stride = usize::from(planes.size().width());
    for ((plane, target), step) in face.planes().into_iter().zip(planes.planes_mut()).zip([1, 2, 2]) {
        let height = plane.samples.len() / plane.width;
        for (line, row) in plane.rows().enumerate() {
            for (column, sample) in row.iter().enumerate() {
                let off = |at: usize, length: usize| (at as f32 + 0.5) / length as f32 * 2.0 - 1.0;
                let inside = off(column, plane.width).powi(2) + off(line, height).powi(2) < 1.0;
                if let Some(target) = target.get_mut((y / step + line) * (stride / step) + x / step + column).filter(|_| inside) {
                    *target = *sample;
                }
            }
        }
    }
}

/// Numbers that look random and are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Triangular, and so nearly normal, from -`most` to `most`.
    fn add_noise(&mut self, plane: &mut [u8], most: i16) {
        let range = most.unsigned_abs() + 1;
        for samples in plane.chunks_mut(4) {
            let bits = self.next();
            for (index, sample) in samples.iter_mut().enumerate() {
                let (one, other) = ((bits >> (16 * index) & 0xff) as u16, (bits >> (16 * index + 8) & 0xff) as u16);
                let off = (one * range / 256) as i16 - (other * range / 256) as i16;
                *sample = (i16::from(*sample) + off).clamp(0, 255) as u8;
            }
        }
    }
}
