//! Grey pictures, and how alike two are. Colour adds nothing to what the tests ask.

use turbojpeg::{Compressor, Decompressor, Image, PixelFormat, Subsamp, YuvImage};
use wire::region::Region;

/// A rectangle in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Upper edge.
    pub y: usize,
    /// Width.
    pub w: usize,
    /// Height.
    pub h: usize,
}

impl From<&Region> for Rect {
    fn from(region: &Region) -> Self {
        Self { x: region.x.into(), y: region.y.into(), w: region.w.into(), h: region.h.into() }
    }
}

/// The luma plane of a picture, without gaps between rows.
#[derive(Clone, PartialEq, Eq)]
pub struct Luma {
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Row by row.
    pub samples: Vec<u8>,
}

impl std::fmt::Debug for Luma {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Luma({}×{})", self.width, self.height)
    }
}

impl Luma {
    /// All of one grey.
    #[must_use]
    pub fn flat(width: usize, height: usize, grey: u8) -> Self {
        Self { width, height, samples: vec![grey; width * height] }
    }

    /// Whether it is one grey, but for the few levels that a codec is off: nothing can be made out in it.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        let (darkest, brightest) = self.samples.iter().fold((u8::MAX, 0), |(low, high), sample| (low.min(*sample), high.max(*sample)));
        brightest.saturating_sub(darkest) < 10
    }

    /// The first plane of I420.
    #[must_use]
    pub fn of_i420(width: usize, height: usize, samples: &[u8]) -> Self {
        Self { width, height, samples: samples[..width * height].to_vec() }
    }

    /// A texture that no other picture has: squares of random grey under random grain, so that it is found in a picture that was encoded
    /// with loss as well as in raw bytes.
    #[must_use]
    pub fn texture(width: usize, height: usize, seed: u64) -> Self {
        const SQUARE: usize = 8;
        let mut random = Random(seed);
        let across = width.div_ceil(SQUARE);
        let squares: Vec<u8> = (0..across * height.div_ceil(SQUARE)).map(|_| 24 + (random.next() % 208) as u8).collect();
        let at = |index: usize| squares[(index / width / SQUARE) * across + index % width / SQUARE];
        let samples = (0..width * height).map(|index| at(index) + (random.next() % 9) as u8).collect();
        Self { width, height, samples }
    }

    /// A part of it.
    #[must_use]
    pub fn part(&self, rect: Rect) -> Self {
        let rows = self.samples.chunks_exact(self.width).skip(rect.y).take(rect.h);
        let samples: Vec<u8> = rows.flat_map(|row| &row[rect.x..rect.x + rect.w]).copied().collect();
        assert_eq!(samples.len(), rect.w * rect.h, "{rect:?} lies in {self:?}");
        Self { width: rect.w, height: rect.h, samples }
    }

    /// Puts another picture on it.
    pub fn paste(&mut self, x: usize, y: usize, other: &Self) {
        for (line, row) in other.samples.chunks_exact(other.width).enumerate() {
            let at = (y + line) * self.width + x;
            self.samples[at..at + other.width].copy_from_slice(row);
        }
    }

    /// Half as wide and high: every sample the mean of four.
    #[must_use]
    pub fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let at = |x: usize, y: usize| u32::from(self.samples[y * self.width + x]);
        let mean = |x: usize, y: usize| (at(x, y) + at(x + 1, y) + at(x, y + 1) + at(x + 1, y + 1) + 2) / 4;
        let samples = (0..width * height).map(|index| mean(index % width * 2, index / width * 2) as u8).collect();
        Self { width, height, samples }
    }

    /// As I420 with neutral chroma.
    #[must_use]
    pub fn to_i420(&self) -> Vec<u8> {
        let mut samples = self.samples.clone();
        samples.resize(self.samples.len() + 2 * self.width.div_ceil(2) * self.height.div_ceil(2), 128);
        samples
    }

    /// As a JPEG (4:2:0, quality 80).
    #[must_use]
    pub fn to_jpeg(&self) -> Vec<u8> {
        let pixels: Vec<u8> = self.samples.iter().flat_map(|grey| [*grey; 3]).collect();
        let image =
            Image { pixels: pixels.as_slice(), width: self.width, pitch: self.width * 3, height: self.height, format: PixelFormat::RGB };
        let mut compressor = Compressor::new().unwrap();
        compressor.set_subsamp(Subsamp::Sub2x2).unwrap();
        compressor.set_quality(80).unwrap();
        compressor.compress_to_vec(image).unwrap()
    }

    /// Whatever JPEG these bytes begin with, if they do and it is not absurdly large.
    #[must_use]
    pub fn from_jpeg(bytes: &[u8]) -> Option<Self> {
        let mut decompressor = Decompressor::new().unwrap();
        let header = decompressor.read_header(bytes).ok()?;
        if header.width * header.height > 4096 * 4096 || header.is_lossless {
            return None;
        }
        let mut pixels = vec![0; header.width * header.height];
        let image = Image {
            pixels: pixels.as_mut_slice(),
            width: header.width,
            pitch: header.width,
            height: header.height,
            format: PixelFormat::GRAY,
        };
        // A torn one shows what it has.
        let _ = decompressor.decompress(bytes, image);
        Some(Self { width: header.width, height: header.height, samples: pixels })
    }

    /// A PNG or JPEG file.
    #[must_use]
    pub fn open(path: &std::path::Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        Self::from_png(&bytes).or_else(|| Self::from_jpeg(&bytes)).unwrap_or_else(|| panic!("{} is no picture", path.display()))
    }

    /// A PNG.
    #[must_use]
    pub fn from_png(bytes: &[u8]) -> Option<Self> {
        let rgb = image::load_from_memory_with_format(bytes, image::ImageFormat::Png).ok()?.into_rgb8();
        let (width, height) = (rgb.width() as usize, rgb.height() as usize);
        // BT.601, as the programs convert.
        let grey = |pixel: &[u8]| (f32::from(pixel[0]) * 0.299 + f32::from(pixel[1]) * 0.587 + f32::from(pixel[2]) * 0.114).round() as u8;
        Some(Self { width, height, samples: rgb.as_raw().chunks_exact(3).map(grey).collect() })
    }
}

/// Luma and chroma of a JPEG as the viewer would decode it.
#[must_use]
pub fn i420_of_jpeg(bytes: &[u8]) -> Vec<u8> {
    let mut decompressor = Decompressor::new().unwrap();
    let header = decompressor.read_header(bytes).unwrap();
    let (width, height) = (header.width.next_multiple_of(2), header.height.next_multiple_of(2));
    let mut pixels = vec![0; width * height * 3 / 2];
    let image = YuvImage { pixels: pixels.as_mut_slice(), width, align: 1, height, subsamp: Subsamp::Sub2x2 };
    decompressor.decompress_to_yuv(bytes, image).unwrap();
    pixels
}

/// Peak signal to noise between two pictures of one size, in dB; infinite where they are equal.
#[must_use]
pub fn psnr(one: &Luma, other: &Luma) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let squares = one.samples.iter().zip(&other.samples).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    let mean = squares.sum::<f64>() / one.samples.len() as f64;
    10.0 * (255.0 * 255.0 / mean).log10()
}

/// Pearson's correlation between two pictures of one size: 1 for the same picture, 0 for nothing in common, and for a flat one.
#[must_use]
pub fn correlation(one: &Luma, other: &Luma) -> f64 {
    assert_eq!((one.width, one.height), (other.width, other.height));
    let count = one.samples.len() as f64;
    let mean = |samples: &[u8]| samples.iter().map(|sample| f64::from(*sample)).sum::<f64>() / count;
    let (a, b) = (mean(&one.samples), mean(&other.samples));
    let (mut both, mut first, mut second) = (0.0, 0.0, 0.0);
    for (x, y) in one.samples.iter().zip(&other.samples) {
        let (x, y) = (f64::from(*x) - a, f64::from(*y) - b);
        both += x * y;
        first += x * x;
        second += y * y;
    }
    if first < count * 0.01 || second < count * 0.01 { 0.0 } else { both / (first * second).sqrt() }
}

/// Numbers that look random and are the same in every run (SplitMix64).
#[derive(Debug)]
pub struct Random(pub u64);

impl Random {
    /// The next one.
    #[allow(clippy::should_implement_trait, reason = "an iterator would end")]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_like_itself_and_unlike_another() {
        let (one, other) = (Luma::texture(64, 48, 1), Luma::texture(64, 48, 2));
        let again = Luma::from_jpeg(&one.to_jpeg()).unwrap();
        assert!(psnr(&one, &again) > 25.0 && correlation(&one, &again) > 0.99);
        assert!(psnr(&one, &other) < 15.0 && correlation(&one, &other).abs() < 0.3);
        assert_eq!(correlation(&one, &Luma::flat(64, 48, 128)), 0.0);
        assert_eq!(psnr(&one, &one), f64::INFINITY);
    }
}
