//! JPEG pictures, from cameras (MJPEG) and files.

use image::ImageFormat;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, Subsamp, YuvImage};

use super::Error;
use super::convert::{self, Chroma};
use crate::picture::{Planes, Pool, Size};

/// Decodes one JPEG after the other, straight to I420 where it can.
#[derive(Debug)]
pub(super) struct Decoder {
    turbo: Decompressor,
    scratch: Vec<u8>,
}

impl Decoder {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self { turbo: Decompressor::new().map_err(garbage)?, scratch: Vec::new() })
    }

    /// Decodes the first image in the bytes. What follows it is ignored: cameras hand over a whole buffer, with remains of earlier pictures.
    pub(super) fn decode(&mut self, bytes: &[u8], pool: &Pool) -> Result<Planes, Error> {
        match self.turbo(bytes, pool) {
            Err(Error::Garbage(why)) => lenient(bytes, pool).ok_or(Error::Garbage(why)),
            other => other,
        }
    }

    fn turbo(&mut self, bytes: &[u8], pool: &Pool) -> Result<Planes, Error> {
        let header = self.turbo.read_header(bytes).map_err(garbage)?;
        let (width, height) = (header.width, header.height);
        let mut planes = pool.planes(Size::new(width, height)?);
        let chroma = match (header.colorspace, header.subsamp) {
            (Colorspace::YCbCr, Subsamp::Sub2x2) => Chroma::Yuv420,
            (Colorspace::YCbCr, Subsamp::Sub2x1) => Chroma::Yuv422,
            (Colorspace::YCbCr, Subsamp::None) => Chroma::Yuv444,
            (Colorspace::Gray, _) => Chroma::Mono,
            _ => {
                let pitch = width * 3;
                self.scratch.resize(pitch * height, 0);
                let image = Image { pixels: self.scratch.as_mut_slice(), width, pitch, height, format: PixelFormat::RGB };
                self.turbo.decompress(bytes, image).map_err(garbage)?;
                convert::rgb(&self.scratch, &mut planes)?;
                return Ok(planes);
            }
        };
        // TurboJPEG rounds the luma plane up to whole chroma samples.
        let (columns, rows) = match chroma {
            Chroma::Yuv420 => (width.next_multiple_of(2), height.next_multiple_of(2)),
            Chroma::Yuv422 => (width.next_multiple_of(2), height),
            Chroma::Yuv444 | Chroma::Mono => (width, height),
        };
        let (chroma_width, chroma_height) = match chroma {
            Chroma::Yuv420 => (columns / 2, rows / 2),
            Chroma::Yuv422 => (columns / 2, rows),
            Chroma::Yuv444 => (columns, rows),
            Chroma::Mono => (0, 0),
        };
        self.scratch.resize(columns * rows + 2 * chroma_width * chroma_height, 0);
        let image = YuvImage { pixels: self.scratch.as_mut_slice(), width, align: 1, height, subsamp: header.subsamp };
        self.turbo.decompress_to_yuv(bytes, image).map_err(garbage)?;
        let (y, uv) = self.scratch.split_at(columns * rows);
        let (u, v) = uv.split_at(chroma_width * chroma_height);
        convert::planar([(y, columns), (u, chroma_width), (v, chroma_width)], chroma, &mut planes)?;
        Ok(planes)
    }
}

/// A second opinion: TurboJPEG takes a mere warning (stray bytes before a marker, which some cameras send in every picture) for an error.
fn lenient(bytes: &[u8], pool: &Pool) -> Option<Planes> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), ImageFormat::Jpeg);
    reader.limits(limits());
    let image = reader.decode().ok()?.into_rgb8();
    let size = Size::new(image.width() as usize, image.height() as usize).ok()?;
    let mut planes = pool.planes(size);
    convert::rgb(image.as_raw(), &mut planes).ok()?;
    Some(planes)
}

/// No larger than the largest picture.
pub(super) fn limits() -> image::Limits {
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(crate::picture::MAX_SIDE.into());
    limits.max_image_height = Some(crate::picture::MAX_SIDE.into());
    // 16 bits in four channels of the largest picture.
    limits.max_alloc = Some(8 * crate::picture::MAX_AREA as u64);
    limits
}

fn garbage(error: turbojpeg::Error) -> Error {
    Error::Garbage(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A picture with a slope in every channel.
    fn slopes(width: usize, height: usize) -> Vec<u8> {
        let pixel = |x: usize, y: usize| [(x * 255 / width) as u8, (y * 255 / height) as u8, 90];
        (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
    }

    fn jpeg(width: usize, height: usize, subsamp: Subsamp) -> Vec<u8> {
        let pixels = slopes(width, height);
        let image = Image { pixels: pixels.as_slice(), width, pitch: width * 3, height, format: PixelFormat::RGB };
        turbojpeg::compress(image, 95, subsamp).unwrap().to_vec()
    }

    #[test]
    fn every_subsampling_and_odd_sizes_come_out_alike() {
        let pool = Pool::new(1);
        let mut decoder = Decoder::new().unwrap();
        for (width, height) in [(64, 48), (33, 17), (1, 1)] {
            let mut expected = Planes::new(Size::new(width, height).unwrap());
            convert::rgb(&slopes(width, height), &mut expected).unwrap();
            for subsamp in [Subsamp::Sub2x2, Subsamp::Sub2x1, Subsamp::None, Subsamp::Sub1x2, Subsamp::Sub4x1] {
                let decoded = decoder.turbo(&jpeg(width, height, subsamp), &pool).unwrap();
                for (a, b) in decoded.planes().iter().zip(expected.planes()) {
                    let worst = a.samples.iter().zip(b.samples).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
                    assert!(worst <= 12, "{width}×{height} {subsamp:?}: {worst}");
                }
            }
            let grey = decoder.turbo(&jpeg(width, height, Subsamp::Gray), &pool).unwrap();
            assert!(grey.planes()[1].samples.iter().all(|sample| *sample == 128));
        }
    }

    #[test]
    fn only_the_first_image_of_a_buffer_counts() {
        let pool = Pool::new(1);
        let mut decoder = Decoder::new().unwrap();
        let mut buffer = jpeg(32, 32, Subsamp::Sub2x1);
        let alone = decoder.decode(&buffer, &pool).unwrap();
        buffer.extend(jpeg(64, 64, Subsamp::Sub2x2));
        buffer.resize(3_000_000, 0);
        let first = decoder.decode(&buffer, &pool).unwrap();
        assert_eq!(first.planes()[0].samples, alone.planes()[0].samples);
    }

    #[test]
    fn a_stale_tail_is_never_shown_not_even_behind_stray_bytes() {
        let pool = Pool::new(1);
        let mut decoder = Decoder::new().unwrap();
        // What a driver hands over: the new picture, and behind it what an earlier and larger one left in the buffer.
        let earlier = jpeg(256, 256, Subsamp::Sub2x2);
        let fresh = jpeg(32, 32, Subsamp::Sub2x1);
        // Stray bytes, as some cameras send them, may take the second way through the decoder: before the end, or between two segments.
        let stray = |marker: [u8; 2]| {
            let mut damaged = fresh.clone();
            let at = damaged.windows(2).rposition(|pair| pair == marker).unwrap();
            damaged.splice(at..at, [0x12, 0x34, 0x56, 0x78]);
            damaged
        };
        for fresh in [fresh.clone(), stray([0xff, 0xd9]), stray([0xff, 0xda]), stray([0xff, 0xc4])] {
            let alone = decoder.decode(&fresh, &pool).unwrap();
            let mut buffer = vec![0; 1 << 20];
            buffer[..earlier.len()].copy_from_slice(&earlier);
            buffer[..fresh.len()].copy_from_slice(&fresh);
            let shown = decoder.decode(&buffer, &pool).unwrap();
            assert_eq!(shown.size(), alone.size());
            for (a, b) in shown.planes().iter().zip(alone.planes()) {
                assert_eq!(a.samples, b.samples);
            }
        }
    }

    #[test]
    fn warnings_are_forgiven_and_garbage_is_not() {
        let pool = Pool::new(1);
        let mut decoder = Decoder::new().unwrap();
        let mut stray = jpeg(32, 32, Subsamp::Sub2x2);
        let scan = stray.windows(2).rposition(|pair| pair == [0xff, 0xd9]).unwrap();
        stray.splice(scan..scan, [0x12, 0x34, 0x56, 0x78]);
        decoder.decode(&stray, &pool).unwrap();
        for garbage in [&[][..], &[0; 1000], b"\xff\xd8\xff\xe0 no picture"] {
            assert!(matches!(decoder.decode(garbage, &pool), Err(Error::Garbage(_))));
        }
    }
}
