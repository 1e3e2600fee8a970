//! The town behind the sample's people: drawn once, then moved past the camera.

use crate::capture::{Error, convert};
use crate::picture::{Planes, Size};

/// The scene is drawn in units of a picture of 720 rows.
const ROWS: f32 = 720.0;

/// Wide enough that what passes differs for a while, in units.
const LENGTH: f32 = 2560.0;

type Colour = [f32; 3];

/// The drawn town, as wide as the widest picture or wider; it repeats.
pub(super) struct Scene {
    town: Planes,
}

impl Scene {
    pub(super) fn new(size: Size) -> Result<Self, Error> {
        let height = usize::from(size.height());
        let unit = ROWS / height as f32;
        // In pixel pairs, and no narrower than the picture, so that a row is put together from two parts.
        let width =
            ((LENGTH / unit) as usize).max(usize::from(size.width())).min(crate::picture::MAX_SIDE.into()).max(2).next_multiple_of(2);
        let mut rgb = Vec::with_capacity(width * height * 3);
        for row in 0..height {
            for column in 0..width {
                // A length that the width holds a whole number of times keeps the seam invisible.
                let x = (column as f32 + 0.5) / width as f32 * LENGTH;
                let colour = town(x, (row as f32 + 0.5) * unit);
                let grain = (hash(column as u32, row as u32) - 0.5) * 6.0;
                rgb.extend(colour.map(|channel| (channel + grain).clamp(0.0, 255.0) as u8));
            }
        }
        let mut town = Planes::new(Size::new(width, height)?);
        convert::rgb(&rgb, &mut town)?;
        Ok(Self { town })
    }

    /// Copies what the camera sees in that picture: it pans by a pixel a picture, in steps of two.
    pub(super) fn draw(&self, number: u64, planes: &mut Planes) {
        let width = u64::from(self.town.size().width());
        let offset = (number % width) as usize & !1;
        let stride = [usize::from(planes.size().width()), planes.size().chroma().0, planes.size().chroma().0];
        let offsets = [offset, offset / 2, offset / 2];
        for (((target, source), stride), offset) in planes.planes_mut().into_iter().zip(self.town.planes()).zip(stride).zip(offsets) {
            for (target, row) in target.chunks_exact_mut(stride).zip(source.rows()) {
                let (before, after) = row.split_at(offset.min(row.len()));
                let first = after.len().min(stride);
                let (left, right) = target.split_at_mut(first);
                left.copy_from_slice(after.get(..first).unwrap_or(after));
                if let Some(rest) = before.get(..right.len()) {
                    right.copy_from_slice(rest);
                }
            }
        }
    }
}

/// The colour of one point, from back to front.
fn town(x: f32, y: f32) -> Colour {
    if y >= 640.0 {
        return parapet(x, y);
    }
    if y >= 600.0 {
        return pavement(x, y);
    }
    if y >= 545.0 {
        return hedge(x, y);
    }
    if y >= 340.0 {
        return house(x, y);
    }
    if y >= 285.0 {
        return lattice(x, y);
    }
    tower(x, y).unwrap_or_else(|| sky(x, y))
}

fn sky(x: f32, y: f32) -> Colour {
    let hill = 228.0 + 26.0 * wave(x, 2.0) + 14.0 * wave(x, 5.0);
    if y > hill {
        return mix([112.0, 138.0, 122.0], [146.0, 160.0, 150.0], noise(x / 40.0, y / 18.0));
    }
    let clear = mix([96.0, 148.0, 206.0], [204.0, 222.0, 234.0], y / 250.0);
    let cloud = (noise(x / 150.0, y / 46.0) * 0.6 + noise(x / 60.0, y / 22.0) * 0.4 - 0.48).max(0.0) * 3.2;
    mix(clear, [247.0, 247.0, 245.0], cloud.min(0.9))
}

/// Towers stand behind the terrace, one in every 320 units, of different heights.
fn tower(x: f32, y: f32) -> Option<Colour> {
    let (index, at) = ((x / 320.0).floor(), x % 320.0);
    let random = |salt: u32| hash(index as u32, salt);
    let (left, width, top) = (40.0 + 90.0 * random(1), 70.0 + 60.0 * random(2), 70.0 + 120.0 * random(3));
    let (u, v) = (at - left, y - top);
    if !(0.0..width).contains(&u) || v < -width * 0.28 {
        return None;
    }
    if v < 0.0 {
        // A tiled roof with two slopes.
        let inside = (u - width / 2.0).abs() < (v + width * 0.28) / 0.28 / 2.0;
        let tile = if (v.rem_euclid(6.0)) < 1.5 { 0.82 } else { 1.0 };
        return inside.then(|| [168.0, 92.0, 66.0].map(|channel: f32| channel * tile));
    }
    let wall = mix([206.0, 186.0, 156.0], [188.0, 160.0, 140.0], random(4));
    let margin = width % 28.0 / 2.0;
    let across = (margin..width - margin).contains(&u) && ((u - margin) % 28.0 - 14.0).abs() < 5.0;
    let window = across && (v % 38.0 - 20.0).abs() < 9.0;
    Some(if window { [62.0, 70.0, 84.0] } else { shade(wall, u / width) })
}

/// The terrace's wall: a lattice between two beams.
fn lattice(x: f32, y: f32) -> Colour {
    let stone = [222.0, 208.0, 184.0];
    if !(294.0..331.0).contains(&y) {
        return shade(stone, (y - 285.0) / 55.0);
    }
    let post = x % 128.0 < 12.0;
    let across = ((x + y).rem_euclid(16.0) - 8.0).abs() < 2.6 || ((x - y).rem_euclid(16.0) - 8.0).abs() < 2.6;
    if post || across { shade(stone, 0.35) } else { [88.0, 80.0, 74.0] }
}

/// Houses of 256 units, each in a colour of its own, with windows and a door.
fn house(x: f32, y: f32) -> Colour {
    let (index, at) = ((x / 256.0).floor(), x % 256.0);
    let colours = [[214.0, 178.0, 132.0], [196.0, 206.0, 198.0], [222.0, 196.0, 176.0], [176.0, 190.0, 206.0], [224.0, 214.0, 170.0]];
    let wall = colours.get(index as usize % colours.len()).copied().unwrap_or([200.0; 3]);
    if at < 5.0 {
        return wall.map(|channel| channel * 0.7);
    }
    if y > 425.0 && (at - 216.0).abs() < 24.0 {
        let panel = (at - 216.0).abs() % 24.0 > 19.0 || (y % 44.0) < 4.0;
        return if panel { [74.0, 46.0, 34.0] } else { [104.0, 66.0, 46.0] };
    }
    let (u, v) = (at.rem_euclid(64.0) - 32.0, y - 412.0);
    if at < 192.0 && u.abs() < 20.0 && v.abs() < 34.0 {
        let frame = u.abs() > 16.0 || v.abs() > 30.0;
        let bars = u.abs() < 1.5 || (v + 8.0).abs() < 1.5;
        return if frame || bars { [236.0, 232.0, 222.0] } else { mix([54.0, 66.0, 82.0], [120.0, 142.0, 160.0], (v + u + 50.0) / 110.0) };
    }
    if at < 192.0 && u.abs() < 24.0 && (38.0..46.0).contains(&v) {
        return shade([232.0, 226.0, 214.0], 0.4);
    }
    let plaster = 0.94 + 0.12 * noise(x / 34.0, y / 34.0);
    shade(wall.map(|channel| channel * plaster), (y - 340.0) / 260.0 * 0.5)
}

fn hedge(x: f32, y: f32) -> Colour {
    let leaf = noise(x / 5.0, y / 5.0) * 0.6 + noise(x / 17.0, y / 13.0) * 0.4;
    // Trimmed flat, and lit from above.
    let light = if y < 552.0 { 0.3 } else { 0.0 };
    shade(mix([38.0, 74.0, 36.0], [104.0, 146.0, 74.0], leaf + light), (y - 545.0) / 90.0)
}

fn pavement(x: f32, y: f32) -> Colour {
    let course = ((y - 600.0) / 10.0).floor();
    let joint = (y - 600.0) % 10.0 < 1.5 || (x + course * 21.0) % 42.0 < 1.8;
    let stone = 150.0 + 26.0 * hash(((x + course * 21.0) / 42.0) as u32, course as u32 + 50);
    if joint { [112.0, 108.0, 104.0] } else { [stone, stone * 0.98, stone * 0.94] }
}

/// The wall right in front of the camera.
fn parapet(x: f32, y: f32) -> Colour {
    if y < 656.0 {
        return shade([206.0, 198.0, 184.0], (y - 640.0) / 40.0);
    }
    let course = ((y - 656.0) / 32.0).floor();
    let at = x + course * 64.0;
    if (y - 656.0) % 32.0 < 2.0 || at % 128.0 < 2.5 {
        return [116.0, 106.0, 96.0];
    }
    let block = 0.86 + 0.2 * hash((at / 128.0) as u32, course as u32 + 90);
    let rough = 0.92 + 0.16 * noise(x / 7.0, y / 7.0);
    [178.0, 164.0, 144.0].map(|channel: f32| channel * block * rough)
}

fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    let share = share.clamp(0.0, 1.0);
    std::array::from_fn(|channel| a.get(channel).zip(b.get(channel)).map_or(0.0, |(a, b)| a + (b - a) * share))
}

/// Darker towards 1.
fn shade(colour: Colour, amount: f32) -> Colour {
    colour.map(|channel| channel * (1.0 - 0.3 * amount.clamp(0.0, 1.0)))
}

/// A sine that fits into the town's length that many times.
fn wave(x: f32, times: f32) -> f32 {
    (x / LENGTH * std::f32::consts::TAU * times).sin()
}

/// Smooth noise from 0 to 1.
fn noise(x: f32, y: f32) -> f32 {
    let (column, row) = (x.floor(), y.floor());
    let ease = |part: f32| part * part * (3.0 - 2.0 * part);
    let (across, down) = (ease(x - column), ease(y - row));
    let at = |dx: f32, dy: f32| hash((column + dx) as i32 as u32, (row + dy) as i32 as u32);
    let upper = at(0.0, 0.0) + (at(1.0, 0.0) - at(0.0, 0.0)) * across;
    let lower = at(0.0, 1.0) + (at(1.0, 1.0) - at(0.0, 1.0)) * across;
    upper + (lower - upper) * down
}

/// Noise without order, from 0 to 1.
fn hash(x: u32, y: u32) -> f32 {
    let mut value = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77);
    value = (value ^ (value >> 15)).wrapping_mul(0x2c1b_3c6d);
    value = (value ^ (value >> 12)).wrapping_mul(0x297a_2d39);
    ((value ^ (value >> 15)) >> 8) as f32 / 16_777_216.0
}
