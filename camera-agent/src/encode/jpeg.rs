//! The codec `jpeg`: every picture for itself, through TurboJPEG from the planes.

use bytes::Bytes;
use turbojpeg::{Compressor, Subsamp, YuvPlanesImage, compressed_buf_len};
use wire::context::Codec;
use wire::label::Label;

use super::{Clear, Encoded, Encoder, Error};
use crate::mask::Masked;
use crate::picture::Planes;

/// Encodes with one quality.
pub(super) struct Jpeg {
    turbo: Compressor,
    /// Where TurboJPEG writes: always large enough for the worst picture of the size.
    output: Vec<u8>,
    padded: Padded,
}

/// The planes with whole blocks of 2 × 2 pixels, for pictures with odd sides: TurboJPEG reads one column and row more then.
#[derive(Default)]
struct Padded {
    luma: Vec<u8>,
}

impl Jpeg {
    pub(super) fn new(quality: u8) -> Result<Self, Error> {
        if !(1..=100).contains(&quality) {
            return Err(Error::Quality(quality));
        }
        let mut turbo = Compressor::new().map_err(refused)?;
        turbo.set_quality(quality.into()).map_err(refused)?;
        Ok(Self { turbo, output: Vec::new(), padded: Padded::default() })
    }

    fn compress(&mut self, planes: &Planes) -> Result<&[u8], Error> {
        let (width, height) = (usize::from(planes.size().width()), usize::from(planes.size().height()));
        let [y, u, v] = planes.planes();
        let (luma, stride) = if width % 2 == 0 && height % 2 == 0 { (y.samples, width) } else { self.padded.even(planes) };
        let image = YuvPlanesImage {
            y_plane: luma,
            u_plane: u.samples,
            v_plane: v.samples,
            width,
            height,
            y_stride: stride,
            u_stride: u.width,
            v_stride: v.width,
            subsamp: Subsamp::Sub2x2,
        };
        let worst = compressed_buf_len(width, height, Subsamp::Sub2x2).map_err(refused)?;
        if self.output.len() < worst {
            self.output.resize(worst, 0);
        }
        let length = self.turbo.compress_yuv_planes_to_slice(&image, &mut self.output).map_err(refused)?;
        self.output.get(..length).ok_or_else(|| Error::Codec("it is longer than possible".to_owned()))
    }
}

impl Padded {
    /// The luma plane with its last column and row repeated where their number is odd, and its row length.
    fn even(&mut self, planes: &Planes) -> (&[u8], usize) {
        let [y, ..] = planes.planes();
        let stride = y.width.next_multiple_of(2);
        self.luma.clear();
        for row in y.rows() {
            self.luma.extend_from_slice(row);
            if stride > y.width {
                self.luma.extend(row.last());
            }
        }
        if planes.size().height() % 2 == 1 {
            self.luma.extend_from_within(self.luma.len() - stride..);
        }
        (&self.luma, stride)
    }
}

impl Encoder for Jpeg {
    fn codec(&self) -> Codec {
        Codec::Jpeg
    }

    /// Every picture is a key frame.
    fn force_key(&mut self) {}

    /// Its quality is fixed, not its rate.
    fn has_room(&mut self, _: &Masked) -> bool {
        true
    }

    fn encode(&mut self, masked: &Masked) -> Result<Encoded, Error> {
        let public = Bytes::copy_from_slice(self.compress(masked.planes())?);
        let mut labels: Vec<Label> = masked.originals().iter().map(|patch| patch.label).collect();
        labels.sort();
        labels.dedup();
        let mut sealed = Vec::with_capacity(labels.len());
        for label in labels {
            let own = masked.originals_of(label);
            let count = u8::try_from(own.clone().count()).map_err(|_| Error::Codec("there are more than 255 regions".to_owned()))?;
            let mut plaintext = vec![count];
            for (_, original) in own {
                let jpeg = self.compress(original)?;
                let length = u32::try_from(jpeg.len()).map_err(|_| Error::Codec("a patch is longer than 4 GB".to_owned()))?;
                plaintext.extend_from_slice(&length.to_be_bytes());
                plaintext.extend_from_slice(jpeg);
            }
            sealed.push(Clear { label, plaintext });
        }
        Ok(Encoded {
            number: masked.number(),
            captured_at: masked.captured_at(),
            at: masked.at(),
            codec: Codec::Jpeg,
            key: true,
            plan: masked.plan().clone(),
            public,
            sealed,
        })
    }
}

fn refused(error: turbojpeg::Error) -> Error {
    Error::Codec(error.to_string())
}

#[cfg(test)]
mod tests;
