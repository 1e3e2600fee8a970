//! The clip that two layers are measured on: the sample's people, whose face is a photograph, walk past a scene that pans, and each picture
//! has the noise of a sensor of its own. A hard one beside it: more noise, shaken, and cut every second.

use std::time::Duration;

use camera_agent::capture::sample::{self, Sample, truth};
use camera_agent::picture::{Area, Planes, Pool, Size};

/// How far a sample is off, at most, in a good light.
const NOISE: i16 = 5;

/// And in the dark.
const DARK: i16 = 40;

/// Pictures from one cut to the next in the hard clip.
const CUT: u64 = 30;

/// Numbered pictures, always the same ones.
pub struct Clip {
    sample: Sample,
    config: sample::Config,
    pool: Pool,
    hard: bool,
}

impl Clip {
    /// With so many people, 1 to 3.
    ///
    /// # Errors
    /// When the size is impossible.
    pub fn new(size: Size, interval: Duration, faces: u8) -> anyhow::Result<Self> {
        let config = sample::Config { size, interval, faces };
        Ok(Self { sample: Sample::open(config.clone())?, config, pool: Pool::new(4), hard: false })
    }

    /// The same, hard to encode.
    #[must_use]
    pub fn hard(self) -> Self {
        Self { hard: true, ..self }
    }

    /// Where that picture's faces are.
    #[must_use]
    pub fn faces(&self, number: u64) -> Vec<Area> {
        truth(&self.config, self.scene(number))
    }

    /// Draws a picture.
    #[must_use]
    pub fn draw(&self, number: u64) -> Planes {
        let mut planes = self.sample.draw(self.scene(number), &self.pool);
        let noise = if self.hard { DARK } else { NOISE };
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        for (plane, noise) in planes.planes_mut().into_iter().zip([noise, noise / 2, noise / 2]) {
            random.add_noise(plane, noise);
        }
        planes
    }

    /// Which of the sample's pictures it is drawn from: in the hard clip they jump, a little each time and far at a cut.
    const fn scene(&self, number: u64) -> u64 {
        if self.hard { number / CUT * 400 + number % CUT + number * 7 % 13 * 6 } else { number }
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
