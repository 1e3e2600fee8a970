//! The codec `h264`: the public layer is a stream, and so is every label's canvas, which its regions' originals are cut from.

mod unit;

use std::collections::BTreeMap;

use openh264::OpenH264API;
use openh264::decoder::{DecodedYUV, DecoderConfig};
use openh264::formats::YUVSource as _;
use wire::frame::SignedFrame;
use wire::label::Label;
use wire::region::Region;

use super::Error;
use crate::picture::Picture;

/// The side of a canvas's blocks, in pixels.
const GRID: u16 = 16;

/// The shorter side of the smallest coded picture.
const SMALLEST: u16 = 16;

/// The streams of the group that is being decoded.
#[derive(Default)]
pub(super) struct Streams {
    /// The session's number and the group.
    group: Option<(u64, u64)>,
    /// The sequences of its key frame and of the latest frame.
    sequences: (u64, u64),
    public: Option<Stream>,
    sealed: BTreeMap<Label, Stream>,
}

/// One stream, whole so far.
struct Stream {
    decoder: openh264::decoder::Decoder,
    /// Width and height of its coded pictures.
    size: (u16, u16),
    /// Whether it is at its group's key frame.
    begins: bool,
    /// The latest frame that it has seen. It goes on with the one behind that, or not at all.
    latest: u64,
}

impl Streams {
    /// The next frame's picture.
    pub(super) fn public(&mut self, frame: &SignedFrame, layer: Option<&[u8]>) -> Result<Picture, Error> {
        let (context, header) = (frame.context(), frame.header());
        let (group, sequence) = (Some((context.session.number, header.group)), header.sequence);
        if header.flags.key {
            *self = Self { group, sequences: (sequence, sequence), ..Self::default() };
        } else if self.group == group && self.sequences.1.checked_add(1) == Some(sequence) {
            self.sequences.1 = sequence;
        } else {
            // A frame was missed, and with it every stream.
            *self = Self::default();
            return Err(Error::MidGroup);
        }
        let coded = |side: u16| side.checked_next_multiple_of(2).map(|side| side.max(SMALLEST));
        let size = (coded(context.width), coded(context.height));
        let (Some(width), Some(height)) = size else { return Err(Error::Mismatch("a larger one than any camera makes")) };
        let stream = self.public.take();
        let layer = layer.ok_or(Error::Mismatch("its public layer was not sent"))?;
        let mut stream = Stream::at(stream, (width, height), self.sequences)?;
        let picture = stream.decode(layer, |decoded| cut(decoded, (0, 0), (context.width, context.height)))?;
        self.public = Some(stream);
        Ok(picture)
    }

    /// The patches of that frame's regions of a label. Laid out as in the documentation of the agent's `encode`: a count, the canvas's columns
    /// and rows, each region's place on it, and an access unit.
    pub(super) fn patches(&mut self, label: Label, regions: &[Region], plain: &[u8]) -> Result<Vec<Picture>, Error> {
        let stream = self.sealed.remove(&label);
        let (count, rest) = plain.split_first().ok_or(Error::Mismatch("an empty layer"))?;
        if usize::from(*count) != regions.len() {
            return Err(Error::Mismatch("another number of regions"));
        }
        if regions.is_empty() {
            if !rest.is_empty() {
                return Err(Error::Mismatch("bytes are left over"));
            }
            // It stands still. (A key frame has a label only with regions, so it has begun.)
            let latest = self.sequences.1;
            if let Some(stream) = stream.filter(|stream| stream.latest + 1 == latest) {
                self.sealed.insert(label, Stream { latest, ..stream });
            }
            return Ok(Vec::new());
        }
        let ([columns, rows], rest) = rest.split_first_chunk().ok_or(Error::Mismatch("it ends too early"))?;
        let (places, unit) = rest.split_at_checked(2 * regions.len()).ok_or(Error::Mismatch("it ends too early"))?;
        let size = (u16::from(*columns) * GRID, u16::from(*rows) * GRID);
        let mut parts = Vec::with_capacity(regions.len());
        for (place, region) in places.chunks_exact(2).zip(regions) {
            let [column, row] = [0, 1].map(|at| u16::from(place.get(at).copied().unwrap_or_default()) * GRID);
            let inside = column.checked_add(region.w).is_some_and(|right| right <= size.0)
                && row.checked_add(region.h).is_some_and(|bottom| bottom <= size.1);
            if !inside {
                return Err(Error::Mismatch("a region that does not lie on its canvas"));
            }
            parts.push(((column, row), (region.w, region.h)));
        }
        let mut stream = Stream::at(stream, size, self.sequences)?;
        let patches = stream.decode(unit, |decoded| parts.iter().map(|(at, size)| cut(decoded, *at, *size)).collect())?;
        self.sealed.insert(label, stream);
        Ok(patches)
    }
}

impl Stream {
    /// The stream that decodes the latest frame of a group.
    fn at(before: Option<Self>, size: (u16, u16), (key, latest): (u64, u64)) -> Result<Self, Error> {
        if key == latest {
            let decoder = openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new());
            return Ok(Self { decoder: decoder.map_err(|error| broken(&error))?, size, begins: true, latest });
        }
        let stream = before.filter(|stream| stream.latest + 1 == latest).ok_or(Error::MidGroup)?;
        if stream.size != size {
            return Err(Error::Mismatch("another size than its group began with"));
        }
        Ok(Self { begins: false, latest, ..stream })
    }

    fn decode<T>(&mut self, unit: &[u8], take: impl FnOnce(&DecodedYUV<'_>) -> Option<T>) -> Result<T, Error> {
        unit::check(unit, self.begins, self.size)?;
        let decoded = self.decoder.decode(unit).map_err(|error| broken(&error))?.ok_or(Error::Mismatch("no picture came of it"))?;
        if decoded.dimensions() != (self.size.0.into(), self.size.1.into()) {
            return Err(Error::Mismatch("another size"));
        }
        take(&decoded).ok_or(Error::Mismatch("planes that are too small"))
    }
}

/// A part of a decoded picture, from even coordinates on; `None` where it does not have it.
fn cut(decoded: &DecodedYUV<'_>, (x, y): (u16, u16), (width, height): (u16, u16)) -> Option<Picture> {
    let mut samples = Vec::with_capacity(Picture::samples_of(width, height));
    let strides = decoded.strides();
    for ((plane, stride), step) in [(decoded.y(), strides.0), (decoded.u(), strides.1), (decoded.v(), strides.2)].into_iter().zip([1, 2, 2])
    {
        let (x, y) = (usize::from(x) / step, usize::from(y) / step);
        let (width, height) = (usize::from(width).div_ceil(step), usize::from(height).div_ceil(step));
        for row in y..y + height {
            let start = row.checked_mul(stride)?.checked_add(x)?;
            samples.extend_from_slice(plane.get(start..start + width)?);
        }
    }
    Some(Picture { width, height, samples })
}

fn broken(error: &openh264::Error) -> Error {
    // The first line: the rest is for the library's own makers.
    Error::Broken(error.to_string().lines().next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests;
