//! The picture at the window's size: scaled plane by plane, converted once, and kept until another one comes.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_bgra};

use super::canvas::{Canvas, Color};
use super::fit::Rect;
use crate::picture::Picture;

/// Scales pictures, and keeps the last one.
#[derive(Default)]
pub struct Scaled {
    resizer: Resizer,
    planes: [Vec<u8>; 3],
    pixels: Vec<u8>,
    /// Which picture it is, and its size in the window.
    kept: Option<(u64, usize, usize)>,
}

impl std::fmt::Debug for Scaled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scaled({:?})", self.kept)
    }
}

/// Why a picture cannot be drawn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the picture cannot be drawn: {0}")]
pub struct Error(String);

impl Error {
    fn of(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

impl Scaled {
    /// Makes the picture ready for that size; `number` tells one picture from another.
    ///
    /// # Errors
    /// When it is no picture, or has no size.
    pub fn prepare(&mut self, number: u64, picture: &Picture, size: Rect) -> Result<(), Error> {
        let (width, height) = (side(size.w), side(size.h));
        if self.kept == Some((number, width, height)) {
            return Ok(());
        }
        self.kept = None;
        let (chroma_width, chroma_height) = (width.div_ceil(2), height.div_ceil(2));
        let targets = [(width, height), (chroma_width, chroma_height), (chroma_width, chroma_height)];
        let same = (width, height) == (picture.width.into(), picture.height.into());
        if !same {
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
            for ((plane, (samples, row)), (w, h)) in self.planes.iter_mut().zip(picture.planes()).zip(targets) {
                let lines = samples.len() / row.max(1);
                let source = ImageRef::new(long(row), long(lines), samples, PixelType::U8).map_err(Error::of)?;
                plane.resize(w * h, 0);
                let mut target = Image::from_slice_u8(long(w), long(h), plane, PixelType::U8).map_err(Error::of)?;
                self.resizer.resize(&source, &mut target, &options).map_err(Error::of)?;
            }
        }
        let [y, u, v] = if same { picture.planes().map(|(plane, _)| plane) } else { self.planes.each_ref().map(Vec::as_slice) };
        let image = YuvPlanarImage {
            y_plane: y,
            y_stride: long(width),
            u_plane: u,
            u_stride: long(chroma_width),
            v_plane: v,
            v_stride: long(chroma_width),
            width: long(width),
            height: long(height),
        };
        self.pixels.resize(width * height * 4, 0);
        yuv420_to_bgra(&image, &mut self.pixels, long(width * 4), YuvRange::Full, YuvStandardMatrix::Bt601).map_err(Error::of)?;
        self.kept = Some((number, width, height));
        Ok(())
    }

    /// Forgets the picture.
    pub fn forget(&mut self) {
        self.kept = None;
        self.pixels.fill(0);
        self.planes.iter_mut().for_each(|plane| plane.fill(0));
    }

    /// Draws what was prepared with its upper left corner there; dark and grey when it is not from now.
    pub fn draw(&self, canvas: &mut Canvas<'_>, at: Rect, faded: bool) {
        let Some((_, width, _)) = self.kept else { return };
        for (y, row) in (at.y..).zip(self.pixels.chunks_exact(width.max(1) * 4)) {
            // Cut where the window ends, on either side.
            let skipped = side((-at.x).max(0));
            let pixels = canvas.row(at.x, y, at.w);
            for (pixel, bgra) in pixels.iter_mut().zip(row.chunks_exact(4).skip(skipped)) {
                let color = bgra.first_chunk().map_or(0, |bgra| u32::from_le_bytes(*bgra)) & 0xff_ffff;
                *pixel = if faded { fade(color) } else { color };
            }
        }
    }
}

/// A third of its light, and no colour.
const fn fade(color: Color) -> Color {
    let (r, g, b) = ((color >> 16) & 0xff, (color >> 8) & 0xff, color & 0xff);
    let grey = (r * 77 + g * 150 + b * 29) / 256 / 3;
    grey << 16 | grey << 8 | grey
}

fn side(pixels: i32) -> usize {
    usize::try_from(pixels).unwrap_or(0)
}

fn long(samples: usize) -> u32 {
    u32::try_from(samples).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The left half black, the right half white.
    fn halves(width: u16, height: u16) -> Picture {
        let mut picture = Picture::new(width, height);
        let row = usize::from(width);
        for (at, sample) in picture.samples[..row * usize::from(height)].iter_mut().enumerate() {
            *sample = if at % row < row / 2 { 0 } else { 255 };
        }
        picture
    }

    fn drawn(picture: &Picture, rect: Rect, faded: bool) -> Vec<u32> {
        let mut pixels = vec![9; 40 * 30];
        let mut scaled = Scaled::default();
        scaled.prepare(1, picture, rect).unwrap();
        scaled.draw(&mut Canvas::new(&mut pixels, 40, 30), rect, faded);
        pixels
    }

    #[test]
    fn a_picture_is_drawn_at_any_size_where_it_belongs() {
        for size in [(20, 10), (32, 18), (11, 7), (200, 100)] {
            let rect = Rect::new(4, 6, 20, 16);
            let pixels = drawn(&halves(size.0, size.1), rect, false);
            for (at, pixel) in pixels.iter().enumerate() {
                let (x, y) = (at % 40, at / 40);
                let wanted = if !(4..24).contains(&x) || !(6..22).contains(&y) {
                    9
                } else if x < 11 {
                    0
                } else if x > 16 {
                    0xff_ffff
                } else {
                    continue;
                };
                assert_eq!(*pixel, wanted, "{size:?}: {x}, {y}");
            }
        }
    }

    #[test]
    fn what_is_larger_than_the_window_is_cut() {
        let pixels = drawn(&halves(80, 60), Rect::new(-20, -10, 80, 60), false);
        assert_eq!((pixels[0], pixels[18], pixels[22], pixels[39]), (0, 0, 0xff_ffff, 0xff_ffff));
    }

    #[test]
    fn colours_are_where_the_window_system_wants_them() {
        let mut picture = Picture::new(4, 4);
        picture.samples[..16].fill(76);
        picture.samples[16..20].fill(85);
        picture.samples[20..].fill(255);
        let red = drawn(&picture, Rect::new(0, 0, 4, 4), false)[0];
        assert!(red >> 16 > 250 && (red >> 8) & 0xff < 4 && red & 0xff < 4, "{red:06x}");
        let faded = drawn(&picture, Rect::new(0, 0, 4, 4), true)[0];
        assert!(faded & 0xff == faded >> 16 && faded & 0xff < 40, "{faded:06x}");
    }

    #[test]
    fn another_picture_replaces_the_one_before_and_nothing_of_it_is_kept() {
        let rect = Rect::new(0, 0, 8, 4);
        let mut scaled = Scaled::default();
        let first = |scaled: &Scaled| u32::from_le_bytes(*scaled.pixels.first_chunk().unwrap()) & 0xff_ffff;
        let mut white = Picture::new(8, 4);
        white.samples[..32].fill(255);
        scaled.prepare(1, &white, rect).unwrap();
        scaled.prepare(1, &halves(8, 4), rect).unwrap();
        assert_eq!(first(&scaled), 0xff_ffff, "the same number is the same picture");
        scaled.prepare(2, &halves(8, 4), rect).unwrap();
        assert_eq!(first(&scaled), 0);
        scaled.prepare(3, &white, rect).unwrap();
        scaled.forget();
        assert!(scaled.pixels.iter().all(|sample| *sample == 0));
    }
}
