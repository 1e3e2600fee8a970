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

/// What shrinking needs, kept from one picture to the next.
#[derive(Default)]
struct Scratch {
    sums: Vec<[u64; 2]>,
    line: Vec<u8>,
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

/// The even bytes of a word, each with room for 16 bits.
const LANES: u64 = 0x00ff_00ff_00ff_00ff;

/// One half in each lane, before eight bits are cut off.
const HALVES: u64 = 0x0080_0080_0080_0080;

/// Area average. Rows first: that is where most samples go away, and it runs along whole lines. Eight samples at a time in a word, since this
/// is done for every picture.
fn shrink(source: Plane<'_>, out: &mut [u8], (width, height): (usize, usize), scratch: &mut Scratch) {
    let rows = source.samples.len() / source.width;
    if (source.width, rows) == (width, height) {
        out.copy_from_slice(source.samples);
        return;
    }
    // Whole halvings are done in words, and only what remains is weighed sample by sample: at a third, say, neighbours blend a little.
    let mut halved = source.width;
    while halved >= 2 * width && halved.is_multiple_of(2) {
        halved /= 2;
    }
    let columns: Vec<Span> = if halved == width { Vec::new() } else { (0..width).map(|column| span(column, halved, width)).collect() };
    for (row, out) in out.chunks_exact_mut(width).enumerate() {
        let span = span(row, rows, height);
        average_rows(source.rows().skip(span.first).zip(&span.weights), source.width, scratch);
        let mut length = source.width;
        while length > halved {
            length /= 2;
            halve(&mut scratch.line, length);
        }
        if columns.is_empty() {
            out.copy_from_slice(scratch.line.get(..width).unwrap_or(&scratch.line));
            continue;
        }
        for (out, span) in out.iter_mut().zip(&columns) {
            let samples = scratch.line.get(span.first..).unwrap_or_default();
            let sum: u32 = samples.iter().zip(&span.weights).map(|(sample, weight)| u32::from(*sample) * u32::from(*weight)).sum();
            *out = ((sum + 128) >> 8) as u8;
        }
    }
}

/// The weighted mean of some rows, in `scratch.line`.
fn average_rows<'a>(rows: impl Iterator<Item = (&'a [u8], &'a u16)>, width: usize, scratch: &mut Scratch) {
    let Scratch { sums, line } = scratch;
    sums.clear();
    sums.resize(width.div_ceil(8), [HALVES; 2]);
    line.clear();
    for (row, weight) in rows {
        let weight = u64::from(*weight);
        let (words, rest) = row.as_chunks::<8>();
        for (sum, word) in sums.iter_mut().zip(words) {
            let word = u64::from_le_bytes(*word);
            // 255 · 256 and the half fit into 16 bits, so no lane runs into the next.
            sum[0] += (word & LANES) * weight;
            sum[1] += ((word >> 8) & LANES) * weight;
        }
        if let (false, Some(sum)) = (rest.is_empty(), sums.last_mut()) {
            let mut word = [0; 8];
            word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            let word = u64::from_le_bytes(word);
            sum[0] += (word & LANES) * weight;
            sum[1] += ((word >> 8) & LANES) * weight;
        }
    }
    for [even, odd] in sums {
        line.extend_from_slice(&(((*even >> 8) & LANES) | (*odd & !LANES)).to_le_bytes());
    }
    line.truncate(width);
}

/// The means of neighbours, in place: the first `length` samples of the line afterwards.
fn halve(line: &mut Vec<u8>, length: usize) {
    // Whole words may be read at the end; what they hold beyond the line is not used.
    line.resize((2 * length).next_multiple_of(8), 0);
    for index in 0..length.div_ceil(4) {
        let Some(word) = line.get(8 * index..8 * index + 8).and_then(|bytes| bytes.first_chunk()).copied() else { return };
        let word = u64::from_le_bytes(word);
        let means = (((word & LANES) + ((word >> 8) & LANES) + (HALVES >> 7)) >> 1) & LANES;
        // From every other byte to neighbouring ones.
        let pairs = (means | (means >> 8)) & 0x0000_ffff_0000_ffff;
        let four = ((pairs | (pairs >> 16)) as u32).to_le_bytes();
        if let Some(to) = line.get_mut(4 * index..4 * index + 4) {
            to.copy_from_slice(&four);
        }
    }
    line.truncate(length);
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

    /// The mean of all samples that one of the copy stands for, by their shares of area, in the simplest way.
    fn mean(source: Plane<'_>, (width, height): (usize, usize), (x, y): (usize, usize)) -> f64 {
        let rows = source.samples.len() / source.width;
        let share = |index: usize, from: usize, to: usize, sample: usize| {
            let (begin, end) = (index as f64 * from as f64 / to as f64, (index + 1) as f64 * from as f64 / to as f64);
            ((sample + 1) as f64).min(end) - (sample as f64).max(begin)
        };
        let (mut sum, mut whole) = (0.0, 0.0);
        for row in 0..rows {
            for column in 0..source.width {
                let weight = share(x, source.width, width, column).max(0.0) * share(y, rows, height, row).max(0.0);
                sum += weight * f64::from(source.samples[row * source.width + column]);
                whole += weight;
            }
        }
        sum / whole
    }

    #[test]
    fn words_give_what_samples_would() {
        let mut scratch = Scratch::default();
        for (from, to) in [
            ((64, 48), (32, 16)),
            ((33, 17), (16, 9)),
            ((40, 30), (10, 10)),
            ((36, 10), (9, 10)),
            ((5, 3), (8, 8)),
            ((7, 1), (1, 1)),
            ((16, 8), (8, 8)),
        ] {
            let samples: Vec<u8> = (0..from.0 * from.1).map(|index: usize| (index * index * 31 / 7) as u8).collect();
            let source = Plane { samples: &samples, width: from.0 };
            let mut out = vec![0; to.0 * to.1];
            shrink(source, &mut out, to, &mut scratch);
            for (index, sample) in out.iter().enumerate() {
                let expected = mean(source, to, (index % to.0, index / to.0));
                assert!((f64::from(*sample) - expected).abs() < 2.5, "{from:?} to {to:?} at {index}: {sample} and {expected}");
            }
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
