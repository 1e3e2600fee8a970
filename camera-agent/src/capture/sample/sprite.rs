//! The cut-out person, scaled, ready to be laid over a picture.

use image::imageops::{self, FilterType};
use image::{Pixel, Rgba, RgbaImage};

use crate::capture::{Error, convert};
use crate::picture::{Planes, Size};

/// Samples and how much they cover (0 to 255), for luma and for chroma.
pub(super) struct Sprite {
    planes: Planes,
    luma: Cover,
    chroma: Cover,
}

/// How much each sample covers, and per row where the cover begins and ends, and where it is full without a gap.
struct Cover {
    width: usize,
    alpha: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy)]
struct Row {
    begin: usize,
    full: (usize, usize),
    end: usize,
}

impl Sprite {
    pub(super) fn new(person: &RgbaImage, (width, height): (usize, usize), mirrored: bool) -> Result<Self, Error> {
        let mut image = person.clone();
        // Colours weigh as much as they cover while the picture is scaled, or its edge would turn dark.
        for pixel in image.pixels_mut() {
            let Rgba([r, g, b, a]) = *pixel;
            let weigh = |channel: u8| (u16::from(channel) * u16::from(a) / 255) as u8;
            *pixel = Rgba([weigh(r), weigh(g), weigh(b), a]);
        }
        if mirrored {
            imageops::flip_horizontal_in_place(&mut image);
        }
        let image = imageops::resize(&image, width as u32, height as u32, FilterType::Triangle);
        let mut rgb = Vec::with_capacity(width * height * 3);
        let mut alpha = Vec::with_capacity(width * height);
        for Rgba([r, g, b, a]) in image.pixels() {
            let unweigh = |channel: u8| if *a == 0 { 0 } else { (u16::from(channel) * 255 / u16::from(*a)).min(255) as u8 };
            rgb.extend([unweigh(*r), unweigh(*g), unweigh(*b)]);
            alpha.push(*a);
        }
        let mut planes = Planes::new(Size::new(width, height)?);
        convert::rgb(&rgb, &mut planes)?;
        let quarter = imageops::resize(&image, width as u32 / 2, height as u32 / 2, FilterType::Triangle);
        let quarter = quarter.pixels().filter_map(|pixel| pixel.channels().last().copied()).collect();
        Ok(Self { planes, luma: Cover::new(alpha, width), chroma: Cover::new(quarter, width / 2) })
    }

    /// Lays it over the picture with its corner there (even coordinates), down to that row.
    pub(super) fn draw(&self, (x, y): (isize, isize), bottom: isize, planes: &mut Planes) {
        let (width, chroma_width) = (usize::from(planes.size().width()), planes.size().chroma().0);
        let [luma, u, v] = self.planes.planes();
        let [to_luma, to_u, to_v] = planes.planes_mut();
        self.luma.lay(luma.samples, (x, y), bottom, to_luma, width);
        self.chroma.lay(u.samples, (x / 2, y / 2), bottom / 2, to_u, chroma_width);
        self.chroma.lay(v.samples, (x / 2, y / 2), bottom / 2, to_v, chroma_width);
    }
}

impl Cover {
    fn new(alpha: Vec<u8>, width: usize) -> Self {
        let rows = alpha.chunks_exact(width).map(row).collect();
        Self { width, alpha, rows }
    }

    fn lay(&self, samples: &[u8], (x, y): (isize, isize), bottom: isize, target: &mut [u8], stride: usize) {
        let source = self.rows.iter().zip(samples.chunks_exact(self.width).zip(self.alpha.chunks_exact(self.width)));
        let skip = usize::try_from(-y).unwrap_or(0);
        let first = usize::try_from(y).unwrap_or(0);
        let last = usize::try_from(bottom).unwrap_or(0);
        let rows = target.chunks_exact_mut(stride).take(last).skip(first);
        for ((row, (samples, alpha)), target) in source.skip(skip).zip(rows) {
            // The columns of the sprite that fall into the picture.
            let from = usize::try_from(-x).unwrap_or(0);
            let to = usize::try_from(stride as isize - x).unwrap_or(0).min(self.width);
            let within = |column: usize| column.clamp(from, to.max(from));
            let (begin, end) = (within(row.begin), within(row.end));
            let full = (within(row.full.0), within(row.full.1));
            for (a, b, opaque) in [(begin, full.0, false), (full.0, full.1, true), (full.1, end, false)] {
                let at = a as isize + x;
                let Ok(at) = usize::try_from(at) else { continue };
                let (Some(samples), Some(alpha), Some(target)) =
                    (samples.get(a..b), alpha.get(a..b), target.get_mut(at..at + b.saturating_sub(a)))
                else {
                    continue;
                };
                if opaque {
                    target.copy_from_slice(samples);
                    continue;
                }
                for (target, (sample, alpha)) in target.iter_mut().zip(samples.iter().zip(alpha)) {
                    let alpha = u16::from(*alpha);
                    *target = ((u16::from(*sample) * alpha + u16::from(*target) * (255 - alpha) + 127) / 255) as u8;
                }
            }
        }
    }
}

/// Begin, end, and the longest stretch of full cover.
fn row(alpha: &[u8]) -> Row {
    let begin = alpha.iter().position(|alpha| *alpha > 0).unwrap_or(0);
    let end = alpha.iter().rposition(|alpha| *alpha > 0).map_or(begin, |last| last + 1);
    let (mut best, mut run) = ((begin, begin), begin);
    for (column, alpha) in alpha.iter().enumerate().skip(begin) {
        if *alpha < 255 {
            run = column + 1;
        } else if column + 1 - run > best.1 - best.0 {
            best = (run, column + 1);
        }
    }
    Row { begin, full: best, end }
}
