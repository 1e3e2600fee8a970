//! Pictures in memory: I420, 8 bit, from capture to the encoder.
//!
//! A [`Picture`] shows everything. It is never encoded: the public encoder takes a [`crate::mask::Masked`] and nothing else, and only
//! [`crate::mask::apply()`] makes one.
//!
//! The samples are those of JPEG (JFIF): luma and chroma in the full range 0 to 255, matrix of ITU-R BT.601. Sources that deliver something
//! else convert when they capture, so that nobody behind them has to ask.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use wire::id::Micros;

/// The longer side of the largest picture, in pixels.
pub const MAX_SIDE: u16 = 7680;

/// The area of the largest picture, in pixels: 7680 × 4320 (8K UHD, either way up).
pub const MAX_AREA: usize = 7680 * 4320;

/// A luma sample and the neutral chroma: what is in a picture before its source wrote there. Never an earlier picture's pixels.
const BLANK: u8 = 128;

/// One captured instant, with everything on it.
pub struct Picture {
    /// Counts the pictures that the source delivered, from 0, dropped ones included.
    pub number: u64,
    /// When it was captured by the wall clock.
    pub captured_at: Micros,
    /// When it was captured by the monotonic clock: what masks are timed by.
    pub at: Instant,
    /// The samples.
    pub planes: Planes,
}

impl Picture {
    /// Its size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.planes.size
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}, {})", self.number, self.planes.size)
    }
}

/// Width and height in pixels: at least 1 × 1, at most [`MAX_SIDE`] and [`MAX_AREA`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    width: u16,
    height: u16,
}

/// A size that no picture may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a picture of {width} × {height} pixels cannot be used: at least 1 × 1 and at most 7680 × 4320 (or 4320 × 7680) are possible")]
pub struct BadSize {
    width: usize,
    height: usize,
}

impl Size {
    /// Checks the bounds.
    ///
    /// # Errors
    /// When a side is 0 or the picture is too large.
    pub fn new(width: usize, height: usize) -> Result<Self, BadSize> {
        let bad = BadSize { width, height };
        let side = |side: usize| u16::try_from(side).ok().filter(|side| (1..=MAX_SIDE).contains(side)).ok_or(bad);
        let size = Self { width: side(width)?, height: side(height)? };
        if size.area() <= MAX_AREA { Ok(size) } else { Err(bad) }
    }

    /// In pixels.
    #[must_use]
    pub const fn width(self) -> u16 {
        self.width
    }

    /// In pixels.
    #[must_use]
    pub const fn height(self) -> u16 {
        self.height
    }

    /// In pixels.
    #[must_use]
    pub const fn area(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Width and height of a chroma plane: half, rounded up.
    #[must_use]
    pub const fn chroma(self) -> (usize, usize) {
        (self.width.div_ceil(2) as usize, self.height.div_ceil(2) as usize)
    }

    /// How many samples the three planes have together.
    #[must_use]
    pub const fn samples(self) -> usize {
        let (width, height) = self.chroma();
        self.area() + 2 * width * height
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// A rectangle in pixels of the luma plane, with fractions: where something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Left edge.
    pub x: f32,
    /// Upper edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Area {
    /// The smallest one around both.
    #[must_use]
    pub fn around(self, other: Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = ((self.x + self.w).max(other.x + other.w), (self.y + self.h).max(other.y + other.h));
        Self { x, y, w: right - x, h: bottom - y }
    }

    /// Larger by so much on each side.
    #[must_use]
    pub fn grown(self, across: f32, down: f32) -> Self {
        Self { x: self.x - across, y: self.y - down, w: self.w + 2.0 * across, h: self.h + 2.0 * down }
    }

    /// Somewhere else.
    #[must_use]
    pub fn shifted(self, across: f32, down: f32) -> Self {
        Self { x: self.x + across, y: self.y + down, ..self }
    }

    /// The middle.
    #[must_use]
    pub fn centre(self) -> (f32, f32) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// How much both have in common, from 0 to 1: intersection over union.
    #[must_use]
    pub fn overlap(self, other: Self) -> f32 {
        let across = (self.x + self.w).min(other.x + other.w) - self.x.max(other.x);
        let down = (self.y + self.h).min(other.y + other.h) - self.y.max(other.y);
        let common = across.max(0.0) * down.max(0.0);
        let both = self.w * self.h + other.w * other.h - common;
        if both > 0.0 { common / both } else { 0.0 }
    }
}

/// One plane to read: its samples row by row without gaps, and how many make a row.
#[derive(Clone, Copy)]
pub struct Plane<'a> {
    /// The samples.
    pub samples: &'a [u8],
    /// Samples in a row.
    pub width: usize,
}

impl Plane<'_> {
    /// The rows, upper first.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, u8> {
        self.samples.chunks_exact(self.width)
    }
}

/// The three planes of a picture, without gaps, in one buffer that goes back to its [`Pool`] when dropped.
pub struct Planes {
    size: Size,
    samples: Vec<u8>,
    home: Option<Arc<Shelf>>,
}

impl Planes {
    /// A grey picture in a buffer of its own.
    #[must_use]
    pub fn new(size: Size) -> Self {
        Self { size, samples: vec![BLANK; size.samples()], home: None }
    }

    /// Width and height.
    #[must_use]
    pub const fn size(&self) -> Size {
        self.size
    }

    /// Y, U and V.
    #[must_use]
    pub fn planes(&self) -> [Plane<'_>; 3] {
        let (width, height) = self.size.chroma();
        let (luma, chroma) = self.samples.split_at(self.size.area());
        let (u, v) = chroma.split_at(width * height);
        [Plane { samples: luma, width: self.size.width.into() }, Plane { samples: u, width }, Plane { samples: v, width }]
    }

    /// The samples of Y, U and V to write, row by row without gaps.
    pub fn planes_mut(&mut self) -> [&mut [u8]; 3] {
        let (width, height) = self.size.chroma();
        let (luma, chroma) = self.samples.split_at_mut(self.size.area());
        let (u, v) = chroma.split_at_mut(width * height);
        [luma, u, v]
    }
}

impl Clone for Planes {
    /// A copy in a buffer of its own.
    fn clone(&self) -> Self {
        Self { size: self.size, samples: self.samples.clone(), home: None }
    }
}

impl fmt::Debug for Planes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Planes({})", self.size)
    }
}

impl Drop for Planes {
    fn drop(&mut self) {
        if let Some(home) = self.home.take() {
            home.put(std::mem::take(&mut self.samples));
        }
    }
}

/// Buffers for pictures, used again instead of allocated for each one.
#[derive(Clone)]
pub struct Pool(Arc<Shelf>);

struct Shelf {
    keep: usize,
    buffers: Mutex<Vec<Vec<u8>>>,
}

impl Shelf {
    fn put(&self, buffer: Vec<u8>) {
        let mut buffers = self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        if buffers.len() < self.keep {
            buffers.push(buffer);
        }
    }
}

impl Pool {
    /// A pool that keeps at most so many buffers that nobody uses.
    #[must_use]
    pub fn new(keep: usize) -> Self {
        Self(Arc::new(Shelf { keep, buffers: Mutex::default() }))
    }

    /// A grey picture.
    #[must_use]
    pub fn planes(&self, size: Size) -> Planes {
        let mut samples = self.0.buffers.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        // Grey all over: a source that writes only part of it must not show an earlier picture in the rest.
        samples.clear();
        samples.resize(size.samples(), BLANK);
        Planes { size, samples, home: Some(self.0.clone()) }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pool(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_are_bounded_and_chroma_rounds_up() {
        for (width, height) in [(0, 1), (1, 0), (7681, 1), (7680, 4321), (1 << 40, 1)] {
            assert!(Size::new(width, height).is_err(), "{width} × {height}");
        }
        for (width, height) in [(1, 1), (7680, 4320), (4320, 7680)] {
            assert!(Size::new(width, height).is_ok(), "{width} × {height}");
        }
        let odd = Size::new(5, 3).unwrap();
        assert_eq!((odd.chroma(), odd.samples()), ((3, 2), 15 + 12));
        let [y, u, v] = Planes::new(odd).planes().map(|plane| (plane.samples.len(), plane.width));
        assert_eq!((y, u, v), ((15, 5), (6, 3), (6, 3)));
    }

    #[test]
    fn buffers_come_back_blank() {
        let pool = Pool::new(1);
        let size = Size::new(4, 4).unwrap();
        let mut first = pool.planes(size);
        first.planes_mut().into_iter().for_each(|plane| plane.fill(7));
        let address = first.samples.as_ptr();
        drop(first);
        let second = pool.planes(size);
        assert_eq!(second.samples.as_ptr(), address, "the buffer is used again");
        assert!(second.samples.iter().all(|sample| *sample == BLANK), "and shows nothing of the picture before");
        // Only one is kept.
        let third = pool.planes(size);
        drop((second, third));
        assert_eq!(pool.0.buffers.lock().unwrap().len(), 1);
    }

    #[test]
    fn nothing_of_a_picture_reaches_a_log() {
        let mut planes = Planes::new(Size::new(2, 2).unwrap());
        planes.planes_mut().into_iter().for_each(|plane| plane.fill(77));
        assert_eq!(format!("{planes:?}"), "Planes(2×2)");
    }
}
