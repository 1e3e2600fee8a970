//! The small copy of a picture that a detector looks at.

use std::fmt;

use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use super::Error;
use crate::picture::{Plane, Planes, Size};

/// A picture made small, in RGB.
pub struct Small {
    of: Size,
    planes: Planes,
    rgb: Vec<u8>,
    scratch: Scratch,
}

#[derive(Default)]
struct Scratch {
    row: Vec<u16>,
    columns: Vec<Span>,
}

/// Which samples of a line make one sample of the copy, and how much each counts: 256 together.
struct Span {
    first: usize,
    weights: Vec<u16>,
}

impl Small {
    /// One that shows nothing: what a detector is warmed up with.
    #[must_use]
    pub fn blank(of: Size, size: Size) -> Self {
        Self { of, planes: Planes::new(size), rgb: vec![0; 3 * size.area()], scratch: Scratch::default() }
    }

    /// Shows that picture from now on, each sample the mean of those that it stands for.
    ///
    /// # Errors
    /// Only when the conversion's own checks fail.
    pub fn show(&mut self, picture: &Planes, size: Size) -> Result<(), Error> {
        self.of = picture.size();
        if self.planes.size() != size {
            *self = Self { scratch: std::mem::take(&mut self.scratch), ..Self::blank(self.of, size) };
        }
        let (width, height) = size.chroma();
        let shapes = [(size.width().into(), size.height().into()), (width, height), (width, height)];
        for ((source, out), shape) in picture.planes().into_iter().zip(self.planes.planes_mut()).zip(shapes) {
            shrink(source, out, shape, &mut self.scratch);
        }
        self.colour()
    }

    /// Its size.
    #[must_use]
    pub fn size(&self) -> Size {
        self.planes.size()
    }

    /// The size of the picture that it shows.
    #[must_use]
    pub const fn of(&self) -> Size {
        self.of
    }

    /// Red, green and blue of every pixel, row by row.
    #[must_use]
    pub fn rgb(&self) -> &[u8] {
        &self.rgb
    }

    fn colour(&mut self) -> Result<(), Error> {
        let (width, height) = (u32::from(self.size().width()), u32::from(self.size().height()));
        let [y, u, v] = self.planes.planes();
        let chroma = u.width as u32;
        let image = YuvPlanarImage {
            y_plane: y.samples,
            y_stride: width,
            u_plane: u.samples,
            u_stride: chroma,
            v_plane: v.samples,
            v_stride: chroma,
            width,
            height,
        };
        yuv420_to_rgb(&image, &mut self.rgb, width * 3, YuvRange::Full, YuvStandardMatrix::Bt601)
            .map_err(|error| Error::Failed(error.to_string()))
    }
}

impl fmt::Debug for Small {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Small({} of {})", self.size(), self.of)
    }
}

/// Area average. Rows first: that is where most samples go away, and it runs along whole lines.
fn shrink(source: Plane<'_>, out: &mut [u8], (width, height): (usize, usize), scratch: &mut Scratch) {
    let rows = source.samples.len() / source.width;
    if (source.width, rows) == (width, height) {
        out.copy_from_slice(source.samples);
        return;
    }
    scratch.columns.clear();
    scratch.columns.extend((0..width).map(|column| span(column, source.width, width)));
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let span = span(row, rows, height);
        scratch.row.clear();
        scratch.row.resize(source.width, 0);
        for (line, weight) in source.rows().skip(span.first).zip(&span.weights) {
            for (sum, sample) in scratch.row.iter_mut().zip(line) {
                *sum += u16::from(*sample) * weight;
            }
        }
        if source.width == 2 * width {
            for (out, pair) in out.iter_mut().zip(scratch.row.chunks_exact(2)) {
                *out = (pair.iter().map(|sum| u32::from(*sum)).sum::<u32>() >> 9) as u8;
            }
            continue;
        }
        for (out, span) in out.iter_mut().zip(&scratch.columns) {
            let sums = scratch.row.get(span.first..).unwrap_or_default();
            let sum: u32 = sums.iter().zip(&span.weights).map(|(sum, weight)| u32::from(*sum) * u32::from(*weight)).sum();
            *out = (sum >> 16) as u8;
        }
    }
}

/// The part of `from` samples that the sample of that index stands for, when there are `to` of them.
fn span(index: usize, from: usize, to: usize) -> Span {
    let (begin, end) = (index * from, (index + 1) * from);
    let (first, last) = (begin / to, (end - 1) / to);
    // Shares are the differences of rounded sums, so that they make exactly 256.
    let share = |sample: usize| ((((sample + 1) * to).min(end) - begin) * 256 + from / 2) / from;
    let mut before = 0;
    let weights = (first..=last)
        .map(|sample| {
            let weight = share(sample) - before;
            before += weight;
            weight as u16
        })
        .collect();
    Span { first, weights }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn size(width: usize, height: usize) -> Size {
        Size::new(width, height).unwrap()
    }

    #[test]
    fn shares_make_a_whole() {
        for (from, to) in [(1280, 640), (1280, 416), (7, 3), (3, 7), (1, 1), (7680, 32), (5, 5)] {
            let mut next = 0;
            for index in 0..to {
                let span = span(index, from, to);
                assert_eq!(span.weights.iter().sum::<u16>(), 256, "{from} to {to}");
                assert!(span.first <= next && span.first + span.weights.len() <= from, "nothing between is left out");
                next = span.first + span.weights.len();
            }
            assert_eq!(next, from);
        }
    }

    #[test]
    fn a_copy_is_the_mean_of_what_it_stands_for() {
        let mut picture = Planes::new(size(8, 4));
        for (index, sample) in picture.planes_mut()[0].iter_mut().enumerate() {
            *sample = if index % 8 < 4 { 40 } else { 200 };
        }
        let mut small = Small::blank(size(1, 1), size(1, 1));
        for (to, expected) in [
            ((4, 2), vec![40, 40, 200, 200]),
            ((2, 1), vec![40, 200]),
            ((1, 1), vec![120]),
            ((16, 8), [40; 8].into_iter().chain([200; 8]).collect()),
        ] {
            small.show(&picture, size(to.0, to.1)).unwrap();
            let greens: Vec<u8> = small.rgb().chunks(3).take(to.0).map(|pixel| pixel[1]).collect();
            assert!(greens.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 1), "{greens:?}");
            assert_eq!((small.of(), small.rgb().len()), (size(8, 4), to.0 * to.1 * 3));
        }
    }

    #[test]
    fn odd_sizes_shrink() {
        let mut small = Small::blank(size(1, 1), size(1, 1));
        for (from, to) in [((33, 17), (32, 32)), ((1, 1), (32, 32)), ((101, 999), (32, 320))] {
            small.show(&Planes::new(size(from.0, from.1)), size(to.0, to.1)).unwrap();
            assert!(small.rgb().iter().all(|sample| sample.abs_diff(128) <= 1));
        }
    }
}
