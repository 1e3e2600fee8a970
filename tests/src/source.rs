//! Sources whose every picture is known: each carries its number in its top row, so that what was published can be compared with what was
//! captured.

use std::sync::Arc;
use std::time::Duration;

use camera_agent::capture::sample::{self, Sample};
use camera_agent::capture::{About, Error, Opener, Source};
use camera_agent::picture::{Planes, Pool, Size};
use wire::epoch::SourceKind;

use crate::picture::{Luma, Random, Rect};

/// The side of one bit of the number. A block of the codec, so that it survives encoding whatever stands beside it.
const BIT: usize = 16;

/// Bits of a number.
const BITS: usize = 16;

/// A scene: what the picture of a number shows, without the number.
type Scene = dyn Fn(u64, &Pool) -> Planes + Send + Sync;

/// A camera in front of a scene.
#[derive(Clone)]
pub struct Stage {
    size: Size,
    interval: Duration,
    scene: Arc<Scene>,
}

impl Stage {
    /// The built-in sample: real faces.
    #[must_use]
    pub fn sample(width: usize, height: usize, interval: Duration) -> Self {
        let size = Size::new(width, height).unwrap();
        let sample = Sample::open(sample::Config { size, interval, faces: sample::MAX_FACES }).unwrap();
        Self { size, interval, scene: Arc::new(move |number, pool| sample.draw(number, pool)) }
    }

    /// A lively background with a texture on it that stays where it is.
    #[must_use]
    pub fn planted(width: usize, height: usize, interval: Duration, texture: &Luma, at: (usize, usize)) -> Self {
        let size = Size::new(width, height).unwrap();
        let texture = texture.clone();
        let scene = move |number, pool: &Pool| {
            let mut luma = background(width, height, number);
            luma.paste(at.0, at.1, &texture);
            let mut planes = pool.planes(size);
            planes.planes_mut()[0].copy_from_slice(&luma.samples);
            planes
        };
        Self { size, interval, scene: Arc::new(scene) }
    }

    /// Noise, another in every picture: nothing of it can be predicted.
    #[must_use]
    pub fn noise(width: usize, height: usize, interval: Duration) -> Self {
        let size = Size::new(width, height).unwrap();
        let scene = move |number, pool: &Pool| {
            let mut planes = pool.planes(size);
            planes.planes_mut()[0].copy_from_slice(&Luma::texture(width, height, number).samples);
            planes
        };
        Self { size, interval, scene: Arc::new(scene) }
    }

    /// The picture of a number, its luma.
    #[must_use]
    pub fn luma(&self, number: u64) -> Luma {
        let planes = draw(self, number, &Pool::new(1));
        Luma { width: self.size.width().into(), height: self.size.height().into(), samples: planes.planes()[0].samples.to_vec() }
    }

    /// Opens it, as an agent does.
    #[must_use]
    pub fn opener(&self) -> Arc<Opener> {
        let stage = self.clone();
        Arc::new(move || Ok(Box::new(Playing { stage: stage.clone(), next: 0 })))
    }

    /// As Y4M, for the real program: so many pictures, luma alone (mono is not what every program takes, so chroma is grey).
    #[must_use]
    pub fn to_y4m(&self, pictures: u64) -> Vec<u8> {
        let rate = (1.0 / self.interval.as_secs_f64()).round() as u64;
        let mut out = format!("YUV4MPEG2 W{} H{} F{rate}:1 Ip C420jpeg\n", self.size.width(), self.size.height()).into_bytes();
        for number in 0..pictures {
            out.extend_from_slice(b"FRAME\n");
            out.extend_from_slice(&self.luma(number).to_i420());
        }
        out
    }
}

/// A scene with nobody in it, another in every picture.
#[must_use]
pub fn background(width: usize, height: usize, number: u64) -> Luma {
    let mut random = Random(number);
    let grain: Vec<u8> = (0..256).map(|_| (random.next() % 12) as u8).collect();
    let shade = |index: usize| {
        let (x, y) = (index % width, index / width);
        let slope = (x + 2 * y + number as usize * 3) % 320;
        40 + (slope.min(320 - slope)) as u8 / 2 + grain[(index * 7 + y) % 256]
    };
    Luma { width, height, samples: (0..width * height).map(shade).collect() }
}

fn draw(stage: &Stage, number: u64, pool: &Pool) -> Planes {
    let mut planes = (stage.scene)(number, pool);
    let width = usize::from(stage.size.width());
    let [luma, u, v] = planes.planes_mut();
    for bit in 0..BITS {
        let grey = if number >> bit & 1 == 1 { 235 } else { 16 };
        for row in luma.chunks_exact_mut(width).take(BIT) {
            row[bit * BIT..(bit + 1) * BIT].fill(grey);
        }
    }
    for chroma in [u, v] {
        for row in chroma.chunks_exact_mut(width.div_ceil(2)).take(BIT / 2) {
            row[..BITS * BIT / 2].fill(128);
        }
    }
    planes
}

/// The number that a picture carries, unless its top row is masked.
#[must_use]
pub fn number(picture: &Luma) -> Option<u64> {
    let bit = |bit: usize| {
        let block = picture.part(Rect { x: bit * BIT + 4, y: 4, w: BIT - 8, h: BIT - 8 });
        match block.samples.iter().map(|sample| u32::from(*sample)).sum::<u32>() / 64 {
            0..=60 => Some(0),
            190..=255 => Some(1_u64 << bit),
            _ => None,
        }
    };
    (0..BITS).map(bit).sum()
}

/// Where the number stands: not to be masked by mistake, and not to be compared.
#[must_use]
pub const fn numbered(rect: Rect) -> bool {
    rect.y < BIT && rect.x < BIT * BITS
}

struct Playing {
    stage: Stage,
    next: u64,
}

impl Source for Playing {
    fn about(&self) -> About {
        About {
            kind: SourceKind::Sample,
            text: format!("a stage of {}", self.stage.size),
            size: Some(self.stage.size),
            interval: Some(self.stage.interval),
            live: true,
            reopen: true,
            shortfall: None,
        }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        let planes = draw(&self.stage, self.next, pool);
        self.next += 1;
        Ok(Some(planes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_tells_its_number_after_encoding() {
        let stage = Stage::sample(320, 192, Duration::from_millis(100));
        for wanted in [0, 1, 7, 300, 65_535] {
            let seen = Luma::from_jpeg(&stage.luma(wanted).to_jpeg()).unwrap();
            assert_eq!(number(&seen), Some(wanted));
        }
        assert_eq!(number(&Luma::flat(320, 192, 128)), None);
    }
}
