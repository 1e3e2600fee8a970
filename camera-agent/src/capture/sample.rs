//! The built-in sample: people with a real face walk through a drawn town, under a running clock.
//!
//! It is the camera of the demo and the tests: nobody is in front of a lens, yet detection, masks and sealing have something to do. What a
//! picture shows depends on its number alone, and [`truth`] says where its faces are.

mod digits;
mod scene;
mod sprite;

use std::time::Duration;

use image::ImageFormat;
use wire::epoch::SourceKind;

use self::scene::Scene;
use self::sprite::Sprite;
use super::{About, Error, Source, rate_text};
use crate::picture::{Area, Planes, Pool, Size};

/// The person, without a background. `assets/README.md` says where the photograph comes from.
const PERSON: &[u8] = include_bytes!("../../assets/person.png");

/// Its size in pixels.
const PERSON_SIZE: (f32, f32) = (334.0, 330.0);

/// Where the face is in it, from the brow to the chin.
const FACE: Area = Area { x: 148.0, y: 48.0, w: 97.0, h: 116.0 };

/// How many people there are at most.
pub const MAX_FACES: u8 = 3;

/// What the sample shows.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the pictures. The scene is drawn for 16:9 and shows less at the sides, or repeats, in other shapes.
    pub size: Size,
    /// From one picture to the next.
    pub interval: Duration,
    /// How many people, 1 to 3: one near, one further away, one far.
    pub faces: u8,
}

/// One who walks to and fro.
struct Person {
    /// Height, against that of the cut-out in a picture of 720 rows.
    scale: f32,
    /// Where the lower edge is hidden behind a wall or hedge, as a fraction of the height.
    bottom: f32,
    /// Between which points the middle moves, as fractions of the width.
    between: (f32, f32),
    /// How long there and back takes, in seconds.
    period: f32,
    /// Looks the other way.
    mirrored: bool,
}

/// Nobody ever walks in front of another's face.
const PEOPLE: [Person; MAX_FACES as usize] = [
    Person { scale: 1.0, bottom: 642.0 / 720.0, between: (0.13, 0.52), period: 14.0, mirrored: false },
    Person { scale: 0.62, bottom: 546.0 / 720.0, between: (0.76, 0.91), period: 9.0, mirrored: true },
    Person { scale: 0.40, bottom: 286.0 / 720.0, between: (0.18, 0.86), period: 32.0, mirrored: false },
];

impl Person {
    /// Width and height in whole pixel pairs.
    fn size(&self, size: Size) -> (usize, usize) {
        let scale = self.scale * f32::from(size.height()) / 720.0;
        let even = |length: f32| ((length * scale / 2.0).round() as usize).max(1) * 2;
        (even(PERSON_SIZE.0), even(PERSON_SIZE.1))
    }

    /// Left upper corner in a picture: even, so that chroma falls together.
    fn corner(&self, config: &Config, number: u64) -> (isize, isize) {
        let (width, height) = self.size(config.size);
        let seconds = number as f32 * config.interval.as_secs_f32();
        let turn = seconds / self.period * std::f32::consts::TAU;
        let (from, to) = self.between;
        let middle = f32::from(config.size.width()) * (from + (to - from) * (0.5 - 0.5 * turn.cos()));
        // Each step lifts and lowers the body a little.
        let scale = self.scale * f32::from(config.size.height()) / 720.0;
        let lift = (seconds * 7.0).sin().abs() * 7.0 * scale;
        // However high the step, the lower edge stays hidden.
        let below = 8.0 * scale;
        let even = |value: f32| (value / 2.0).round() as isize * 2;
        (even(middle - width as f32 / 2.0), even(f32::from(config.size.height()) * self.bottom - height as f32 + below - lift))
    }

    fn face(&self, config: &Config, number: u64) -> Area {
        let (width, height) = self.size(config.size);
        let (across, down) = (width as f32 / PERSON_SIZE.0, height as f32 / PERSON_SIZE.1);
        let left = if self.mirrored { PERSON_SIZE.0 - FACE.x - FACE.w } else { FACE.x };
        let (x, y) = self.corner(config, number);
        Area { x: x as f32 + left * across, y: y as f32 + FACE.y * down, w: FACE.w * across, h: FACE.h * down }
    }
}

/// Where the faces of a picture are, the nearest first.
#[must_use]
pub fn truth(config: &Config, number: u64) -> Vec<Area> {
    people(config).map(|person| person.face(config, number)).collect()
}

fn people(config: &Config) -> impl Iterator<Item = &'static Person> {
    PEOPLE.iter().take(config.faces.clamp(1, MAX_FACES).into())
}

/// The sample, ready to be drawn.
pub struct Sample {
    config: Config,
    scene: Scene,
    people: Vec<(&'static Person, Sprite)>,
    next: u64,
}

impl Sample {
    /// Prepares what does not move.
    ///
    /// # Errors
    /// Only when this program was built from a broken asset.
    pub fn open(config: Config) -> Result<Self, Error> {
        let person = image::load_from_memory_with_format(PERSON, ImageFormat::Png).map_err(|error| Error::Garbage(error.to_string()))?;
        let person = person.into_rgba8();
        let people = people(&config)
            .map(|one| Ok((one, Sprite::new(&person, one.size(config.size), one.mirrored)?)))
            .collect::<Result<_, Error>>()?;
        Ok(Self { scene: Scene::new(config.size)?, people, config, next: 0 })
    }

    /// Draws the picture of that number.
    #[must_use]
    pub fn draw(&self, number: u64, pool: &Pool) -> Planes {
        let mut planes = pool.planes(self.config.size);
        self.scene.draw(number, &mut planes);
        let visible = |person: &Person| (f32::from(self.config.size.height()) * person.bottom) as isize & !1;
        for (person, sprite) in self.people.iter().rev() {
            sprite.draw(person.corner(&self.config, number), visible(person), &mut planes);
        }
        digits::draw(number, self.config.interval, &mut planes);
        planes
    }
}

impl Source for Sample {
    fn about(&self) -> About {
        let text = format!("sample {}, {}", self.config.size, rate_text(self.config.interval));
        About {
            kind: SourceKind::Sample,
            text,
            size: Some(self.config.size),
            interval: Some(self.config.interval),
            live: true,
            reopen: true,
            shortfall: None,
        }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        let planes = self.draw(self.next, pool);
        self.next += 1;
        Ok(Some(planes))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn config(width: usize, height: usize, faces: u8) -> Config {
        Config { size: Size::new(width, height).unwrap(), interval: Duration::from_millis(40), faces }
    }

    #[test]
    fn a_picture_depends_on_its_number_alone() {
        let pool = Pool::new(2);
        let sample = Sample::open(config(320, 180, 3)).unwrap();
        let twin = Sample::open(config(320, 180, 3)).unwrap();
        let samples = |sample: &Sample, number| sample.draw(number, &pool).planes().map(|plane| plane.samples.to_vec());
        for number in [0, 7, 100_000] {
            assert_eq!(samples(&sample, number), samples(&twin, number));
            assert_ne!(samples(&sample, number), samples(&sample, number + 1), "the clock runs");
        }
    }

    #[test]
    fn faces_are_inside_apart_and_on_the_move() {
        let config = config(1280, 720, 3);
        let mut seen = truth(&config, 0);
        let mut moved = [0.0_f32; 3];
        for number in 0..2000 {
            let faces = truth(&config, number);
            for (index, face) in faces.iter().enumerate() {
                assert!(face.x >= 0.0 && face.y >= 0.0 && face.x + face.w <= 1280.0 && face.y + face.h <= 720.0, "{number}: {face:?}");
                for other in &faces[..index] {
                    assert_eq!(face.overlap(*other), 0.0, "{number}");
                }
                moved[index] += (face.x - seen[index].x).abs();
            }
            seen = faces;
        }
        assert!(moved.iter().all(|way| *way > 500.0), "{moved:?}");
        assert!(seen[0].w > seen[1].w && seen[1].w > seen[2].w, "near, further, far");
    }

    #[test]
    fn any_size_is_drawn() {
        let pool = Pool::new(1);
        for (width, height) in [(1, 1), (33, 7), (7, 333), (641, 361)] {
            let sample = Sample::open(config(width, height, 3)).unwrap();
            assert_eq!(sample.draw(3, &pool).size(), sample.config.size);
        }
    }
}
