//! Pictures as they are shown: I420, 8 bit, full range (JFIF), tight planes.

use std::io;
use std::path::Path;

use wire::region::Region;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

/// A picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
    /// Y, then U, then V, row by row without gaps; chroma is half as wide and high, rounded up.
    pub samples: Vec<u8>,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({}×{})", self.width, self.height)
    }
}

/// Why a picture was not written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be converted or encoded.
    #[error("the picture cannot be converted: {0}")]
    Convert(String),
    /// It could not be written.
    #[error("the picture cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl Picture {
    /// How many samples a picture of that size has.
    #[must_use]
    pub fn samples_of(width: u16, height: u16) -> usize {
        let (chroma_width, chroma_height) = chroma(width, height);
        usize::from(width) * usize::from(height) + 2 * chroma_width * chroma_height
    }

    /// A grey picture.
    #[must_use]
    pub fn new(width: u16, height: u16) -> Self {
        Self { width, height, samples: vec![128; Self::samples_of(width, height)] }
    }

    /// The three planes, each with the number of samples in a row.
    #[must_use]
    pub fn planes(&self) -> [(&[u8], usize); 3] {
        let (chroma_width, chroma_height) = chroma(self.width, self.height);
        let (luma, rest) = self.samples.split_at(usize::from(self.width) * usize::from(self.height));
        let (u, v) = rest.split_at(chroma_width * chroma_height);
        [(luma, self.width.into()), (u, chroma_width), (v, chroma_width)]
    }

    fn planes_mut(&mut self) -> [(&mut [u8], usize); 3] {
        let (chroma_width, chroma_height) = chroma(self.width, self.height);
        let (luma, rest) = self.samples.split_at_mut(usize::from(self.width) * usize::from(self.height));
        let (u, v) = rest.split_at_mut(chroma_width * chroma_height);
        [(luma, self.width.into()), (u, chroma_width), (v, chroma_width)]
    }

    /// Pastes a patch that is exactly as large as the region, at the region. Does nothing where they do not fit each other.
    pub fn paste(&mut self, region: &Region, patch: &Self) {
        if patch.width != region.w || patch.height != region.h || !region.fits(self.width, self.height, 1) {
            return;
        }
        // A region on the codec's grid begins on an even pixel; at the picture's edge the last chroma sample is shared with nobody.
        let offsets = [1, 2, 2].map(|step| (usize::from(region.x) / step, usize::from(region.y) / step));
        for (((target, width), (source, row)), (x, y)) in self.planes_mut().into_iter().zip(patch.planes()).zip(offsets) {
            for (line, samples) in source.chunks_exact(row.max(1)).enumerate() {
                let start = (y + line) * width + x;
                if let Some(target) = target.get_mut(start..start + row) {
                    target.copy_from_slice(samples);
                }
            }
        }
    }

    /// RGB, three bytes a pixel, row by row.
    ///
    /// # Errors
    /// When the samples are not those of a picture.
    pub fn to_rgb(&self) -> Result<Vec<u8>, Error> {
        let [(y, y_width), (u, u_width), (v, v_width)] = self.planes();
        let image = YuvPlanarImage {
            y_plane: y,
            y_stride: stride(y_width),
            u_plane: u,
            u_stride: stride(u_width),
            v_plane: v,
            v_stride: stride(v_width),
            width: self.width.into(),
            height: self.height.into(),
        };
        let mut rgb = vec![0; usize::from(self.width) * usize::from(self.height) * 3];
        yuv420_to_rgb(&image, &mut rgb, stride(usize::from(self.width) * 3), YuvRange::Full, YuvStandardMatrix::Bt601)
            .map_err(|error| Error::Convert(error.to_string()))?;
        Ok(rgb)
    }

    /// Writes it as a PNG, complete or not at all; for everybody to read ([`link::file::READABLE`]), or, where it may show what is masked
    /// for others, for its owner alone ([`link::file::PRIVATE`]).
    ///
    /// # Errors
    /// When it cannot be converted or written.
    pub fn write_png(&self, path: &Path, mode: u32) -> Result<(), Error> {
        let rgb = self.to_rgb()?;
        let mut png = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut png);
        image::ImageEncoder::write_image(encoder, &rgb, self.width.into(), self.height.into(), image::ExtendedColorType::Rgb8)
            .map_err(|error| Error::Convert(error.to_string()))?;
        link::file::replace(path, &png, mode)?;
        Ok(())
    }
}

fn chroma(width: u16, height: u16) -> (usize, usize) {
    (usize::from(width).div_ceil(2), usize::from(height).div_ceil(2))
}

fn stride(width: usize) -> u32 {
    u32::try_from(width).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::label::Label;

    fn region(x: u16, y: u16, w: u16, h: u16) -> Region {
        Region { label: Label::FACE, x, y, w, h, track: 0 }
    }

    #[test]
    fn a_patch_changes_its_region_and_nothing_else() {
        let mut picture = Picture::new(50, 35);
        let mut patch = Picture::new(18, 19);
        patch.samples.fill(200);
        picture.paste(&region(32, 16, 18, 19), &patch);
        for ((plane, width), (x0, y0)) in picture.planes().into_iter().zip([(32, 16), (16, 8), (16, 8)]) {
            for (at, sample) in plane.iter().enumerate() {
                let inside = at % width >= x0 && at / width >= y0;
                assert_eq!(*sample, if inside { 200 } else { 128 }, "sample {at}");
            }
        }
    }

    #[test]
    fn a_patch_of_another_size_is_not_pasted() {
        let mut picture = Picture::new(32, 32);
        let before = picture.clone();
        for (w, h) in [(16, 15), (32, 16), (1, 1)] {
            let mut patch = Picture::new(w, h);
            patch.samples.fill(9);
            picture.paste(&region(16, 0, 16, 16), &patch);
            picture.paste(&region(32, 0, w, h), &patch);
        }
        assert_eq!(picture, before);
    }
}
