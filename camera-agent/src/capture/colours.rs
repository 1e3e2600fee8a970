//! How the samples of a video stream are to be read, and how they become those of every picture here: full range, ITU-R BT.601.

use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use super::{Error, convert};
use crate::picture::Planes;

/// What a stream says of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colours {
    /// Luma from 16 to 235, chroma from 16 to 240; otherwise both from 0 to 255.
    pub limited: bool,
    /// How luma and chroma were made of red, green and blue.
    pub matrix: Matrix,
}

/// The matrices that cameras use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
}

impl Matrix {
    /// By its number in ITU-T H.273; `None` where the number says nothing, or nothing that a camera means.
    pub(super) const fn from_number(number: u8) -> Option<Self> {
        match number {
            // SMPTE 240M differs from BT.709 by less than a step of most samples.
            1 | 7 => Some(Self::Bt709),
            4..=6 => Some(Self::Bt601),
            9 | 10 => Some(Self::Bt2020),
            _ => None,
        }
    }

    const fn standard(self) -> YuvStandardMatrix {
        match self {
            Self::Bt601 => YuvStandardMatrix::Bt601,
            Self::Bt709 => YuvStandardMatrix::Bt709,
            Self::Bt2020 => YuvStandardMatrix::Bt2020,
        }
    }
}

/// Makes full-range BT.601 of a picture that came otherwise; `rgb` is used again from picture to picture.
pub(super) fn settle(planes: &mut Planes, colours: Colours, rgb: &mut Vec<u8>) -> Result<(), Error> {
    if colours.matrix == Matrix::Bt601 {
        if colours.limited {
            convert::expand(planes);
        }
        return Ok(());
    }
    let size = planes.size();
    let (width, stride) = (u32::from(size.width()), 3 * u32::from(size.width()));
    rgb.resize(size.area() * 3, 0);
    let [y, u, v] = planes.planes();
    let chroma = width.div_ceil(2);
    let image = YuvPlanarImage {
        y_plane: y.samples,
        y_stride: width,
        u_plane: u.samples,
        u_stride: chroma,
        v_plane: v.samples,
        v_stride: chroma,
        width,
        height: size.height().into(),
    };
    let range = if colours.limited { YuvRange::Limited } else { YuvRange::Full };
    yuv420_to_rgb(&image, rgb, stride, range, colours.matrix.standard()).map_err(convert::failed)?;
    convert::rgb(rgb, planes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::picture::Size;

    /// One colour, given as Y, U, V, and what it becomes.
    fn settled(colour: [u8; 3], limited: bool, matrix: Matrix) -> [u8; 3] {
        let mut planes = Planes::new(Size::new(18, 10).unwrap());
        for (plane, sample) in planes.planes_mut().into_iter().zip(colour) {
            plane.fill(sample);
        }
        settle(&mut planes, Colours { limited, matrix }, &mut Vec::new()).unwrap();
        planes.planes().map(|plane| {
            assert!(plane.samples.iter().all(|sample| *sample == plane.samples[0]), "a colour stays one");
            plane.samples[0]
        })
    }

    #[test]
    fn pure_red_is_jfifs_red_however_it_came() {
        // Red in each matrix, as ITU-R has it; in full-range BT.601 it is 76, 85, 255.
        for (colour, limited, matrix) in [
            ([76, 85, 255], false, Matrix::Bt601),
            ([81, 90, 240], true, Matrix::Bt601),
            ([63, 102, 240], true, Matrix::Bt709),
            ([54, 99, 255], false, Matrix::Bt709),
            ([74, 97, 240], true, Matrix::Bt2020),
        ] {
            let came = settled(colour, limited, matrix);
            let expected = [76, 85, 255];
            assert!(came.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3), "{matrix:?}, limited {limited}: {came:?}");
        }
        // The control: read with the wrong matrix or range it is another colour.
        for (colour, limited, matrix) in [([63, 102, 240], true, Matrix::Bt601), ([81, 90, 240], false, Matrix::Bt601)] {
            assert!(settled(colour, limited, matrix)[0].abs_diff(76) + settled(colour, limited, matrix)[1].abs_diff(85) > 5);
        }
    }

    #[test]
    fn greys_keep_their_order_to_the_ends() {
        for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
            let luma: Vec<u8> = (16..=235).map(|luma| settled([luma, 128, 128], true, matrix)[0]).collect();
            assert!(luma.is_sorted() && luma[0] == 0 && luma[219] == 255, "{matrix:?}");
        }
    }
}
