//! The codec `jpeg`: every picture for itself.

use turbojpeg::{Decompressor, Subsamp, YuvImage};
use wire::region::Region;

use super::Error;
use crate::picture::Picture;

/// The area of the largest picture, in pixels: 8K UHD, the most that an agent captures. A file of a few bytes may claim 4 gigapixels.
const MAX_AREA: usize = 7680 * 4320;

/// Decodes one JPEG after the other.
pub(super) struct Jpeg(Decompressor);

impl Jpeg {
    pub(super) fn new() -> Result<Self, Error> {
        Ok(Self(Decompressor::new().map_err(broken)?))
    }

    /// The patches of these regions, in their order: a count (u8), then for each region a length (u32) and a JPEG of exactly the region's
    /// size.
    pub(super) fn patches(&mut self, regions: &[Region], plain: &[u8]) -> Result<Vec<Picture>, Error> {
        let (count, mut rest) = plain.split_first().ok_or(Error::Mismatch("an empty layer"))?;
        if usize::from(*count) != regions.len() {
            return Err(Error::Mismatch("another number of regions"));
        }
        let mut patches = Vec::with_capacity(regions.len());
        for region in regions {
            let (length, after) = rest.split_first_chunk::<4>().ok_or(Error::Mismatch("it ends too early"))?;
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            let (patch, after) = after.split_at_checked(length).ok_or(Error::Mismatch("it ends too early"))?;
            patches.push(self.picture(region.w, region.h, patch)?);
            rest = after;
        }
        if rest.is_empty() { Ok(patches) } else { Err(Error::Mismatch("bytes are left over")) }
    }

    /// A picture of exactly this size.
    pub(super) fn picture(&mut self, width: u16, height: u16, bytes: &[u8]) -> Result<Picture, Error> {
        if usize::from(width) * usize::from(height) > MAX_AREA {
            return Err(Error::Mismatch("a larger one than any camera makes"));
        }
        // The library writes as many samples as the file says, so the file must say what the buffer holds: size and 4:2:0 alike.
        let header = self.0.read_header(bytes).map_err(broken)?;
        if (header.width, header.height) != (usize::from(width), usize::from(height)) {
            return Err(Error::Mismatch("another size"));
        }
        if header.subsamp != Subsamp::Sub2x2 || header.is_lossless || header.is_progressive {
            return Err(Error::Mismatch("not a baseline JPEG with 4:2:0"));
        }
        // The library rounds the planes up to whole chroma samples: an odd picture is decoded one wider and higher, then cut.
        let (even_width, even_height) = (usize::from(width).next_multiple_of(2), usize::from(height).next_multiple_of(2));
        let mut samples = vec![128; even_width * even_height * 3 / 2];
        let output =
            YuvImage { pixels: samples.as_mut_slice(), width: even_width, align: 1, height: even_height, subsamp: Subsamp::Sub2x2 };
        self.0.decompress_to_yuv(bytes, output).map_err(broken)?;
        if even_width != usize::from(width) || even_height != usize::from(height) {
            let luma: Vec<u8> =
                samples.chunks_exact(even_width).take(height.into()).flat_map(|row| &row[..width.into()]).copied().collect();
            samples.splice(..even_width * even_height, luma);
        }
        Ok(Picture { width, height, samples })
    }
}

fn broken(error: turbojpeg::Error) -> Error {
    Error::Broken(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use turbojpeg::Compressor;
    use wire::label::Label;

    fn jpeg(width: u16, height: u16, subsamp: Subsamp) -> Vec<u8> {
        let pixels = vec![90; usize::from(width) * usize::from(height) * 3];
        let image = turbojpeg::Image {
            pixels: pixels.as_slice(),
            width: width.into(),
            pitch: usize::from(width) * 3,
            height: height.into(),
            format: turbojpeg::PixelFormat::RGB,
        };
        let mut compressor = Compressor::new().unwrap();
        compressor.set_subsamp(subsamp).unwrap();
        compressor.compress_to_vec(image).unwrap()
    }

    fn layer(patches: &[Vec<u8>]) -> Vec<u8> {
        let mut out = vec![u8::try_from(patches.len()).unwrap()];
        for patch in patches {
            out.extend_from_slice(&u32::try_from(patch.len()).unwrap().to_be_bytes());
            out.extend_from_slice(patch);
        }
        out
    }

    #[test]
    fn a_picture_has_the_announced_size_and_sampling_or_is_refused() {
        let mut decoder = Jpeg::new().unwrap();
        for (w, h) in [(64, 48), (33, 17), (1, 1)] {
            let picture = decoder.picture(w, h, &jpeg(w, h, Subsamp::Sub2x2)).unwrap();
            assert!(picture.samples[..usize::from(w)].iter().all(|sample| sample.abs_diff(90) < 3));
        }
        let small = jpeg(64, 48, Subsamp::Sub2x2);
        assert_eq!(decoder.picture(64, 64, &small), Err(Error::Mismatch("another size")));
        let wide = decoder.picture(64, 48, &jpeg(64, 48, Subsamp::None));
        assert!(matches!(wide, Err(Error::Mismatch(_))), "4:4:4 would write past the end");
        for end in 0..small.len() / 2 {
            // A torn file may show what it has, or nothing, but never ends the program.
            let _ = decoder.picture(64, 48, &small[..end]);
        }
    }

    #[test]
    fn a_small_file_that_claims_gigapixels_is_refused_before_anything_is_allocated() {
        let mut decoder = Jpeg::new().unwrap();
        for (w, h) in [(7680, 4336), (65_500, 65_500)] {
            let mut claimed = jpeg(64, 48, Subsamp::Sub2x2);
            // Height and width stand five bytes behind the marker SOF0 (ITU-T T.81, B.2.2).
            let frame = claimed.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
            claimed[frame + 5..frame + 7].copy_from_slice(&u16::to_be_bytes(h));
            claimed[frame + 7..frame + 9].copy_from_slice(&u16::to_be_bytes(w));
            assert_eq!(decoder.picture(w, h, &claimed), Err(Error::Mismatch("a larger one than any camera makes")));
        }
    }

    #[test]
    fn patches_fit_their_regions_or_are_refused() {
        let mut decoder = Jpeg::new().unwrap();
        let region = |w, h| Region { label: Label::FACE, x: 0, y: 0, w, h, track: 0 };
        let regions = [region(32, 16), region(16, 48)];
        let good = [jpeg(32, 16, Subsamp::Sub2x2), jpeg(16, 48, Subsamp::Sub2x2)];
        let plain = layer(&good);
        assert_eq!(decoder.patches(&regions, &plain).unwrap().len(), 2);
        assert!(decoder.patches(&[], &[0]).unwrap().is_empty());
        let swapped = layer(&[good[1].clone(), good[0].clone()]);
        let more = [plain.as_slice(), &[0]].concat();
        for bad in [&[][..], &plain[..1], &plain[..9], &plain[..plain.len() - 1], &swapped, &more, &layer(&good[..1])] {
            assert!(decoder.patches(&regions, bad).is_err());
        }
    }
}
