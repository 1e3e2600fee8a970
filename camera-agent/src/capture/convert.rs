//! From what sources deliver to I420 in full range.

// Some formats come from cameras alone.
#![cfg_attr(not(feature = "webcam"), allow(dead_code))]

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvError, YuvPackedImage, YuvPlanarImageMut, YuvRange, YuvStandardMatrix, bgr_to_yuv420,
    rgb_to_yuv420, yuyv422_to_yuv420,
};

use super::Error;
use crate::picture::{Planes, Size};

/// YUYV (YUY2), 4:2:2 in limited range as cameras deliver it.
pub(super) fn yuyv(bytes: &[u8], planes: &mut Planes) -> Result<(), Error> {
    let size = planes.size();
    let stride = usize::from(size.width()).next_multiple_of(2) * 2;
    let yuy = enough(bytes, stride * usize::from(size.height()))?;
    let packed = YuvPackedImage { yuy, yuy_stride: wide(stride), width: size.width().into(), height: size.height().into() };
    yuyv422_to_yuv420(&mut target(planes), &packed).map_err(failed)?;
    expand(planes);
    Ok(())
}

/// NV12, 4:2:0 in limited range as cameras deliver it.
pub(super) fn nv12(bytes: &[u8], planes: &mut Planes) -> Result<(), Error> {
    let size = planes.size();
    let (width, height) = size.chroma();
    let (luma, pairs) = enough(bytes, size.area() + 2 * width * height)?.split_at(size.area());
    let [y, u, v] = planes.planes_mut();
    y.copy_from_slice(luma);
    for ((u, v), pair) in u.iter_mut().zip(v).zip(pairs.chunks_exact(2)) {
        if let [blue, red] = pair {
            (*u, *v) = (*blue, *red);
        }
    }
    expand(planes);
    Ok(())
}

/// RGB, 8 bit each, in this order.
pub(super) fn rgb(bytes: &[u8], planes: &mut Planes) -> Result<(), Error> {
    let (bytes, stride) = packed_rgb(bytes, planes.size())?;
    let mode = YuvConversionMode::Balanced;
    rgb_to_yuv420(&mut target(planes), bytes, stride, YuvRange::Full, YuvStandardMatrix::Bt601, mode).map_err(failed)
}

/// BGR, 8 bit each, in this order.
pub(super) fn bgr(bytes: &[u8], planes: &mut Planes) -> Result<(), Error> {
    let (bytes, stride) = packed_rgb(bytes, planes.size())?;
    let mode = YuvConversionMode::Balanced;
    bgr_to_yuv420(&mut target(planes), bytes, stride, YuvRange::Full, YuvStandardMatrix::Bt601, mode).map_err(failed)
}

/// How chroma planes are smaller than luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    /// Half in both directions.
    Yuv420,
    /// Half across.
    Yuv422,
    /// As large as luma.
    Yuv444,
    /// There are none.
    Mono,
}

/// Planes in full range. Each comes with its row length; rows and columns beyond the picture's size are ignored.
pub(super) fn planar(source: [(&[u8], usize); 3], chroma: Chroma, planes: &mut Planes) -> Result<(), Error> {
    let size = planes.size();
    let (width, height) = (usize::from(size.width()), usize::from(size.height()));
    let (half_width, half_height) = size.chroma();
    let [(luma, stride), blue, red] = source;
    let [y, u, v] = planes.planes_mut();
    crop(luma, stride, y, width, height)?;
    for ((samples, stride), out) in [(blue, u), (red, v)] {
        match chroma {
            Chroma::Yuv420 => crop(samples, stride, out, half_width, half_height)?,
            Chroma::Yuv422 => halve(samples, (stride, half_width, height), false, out)?,
            Chroma::Yuv444 => halve(samples, (stride, width, height), true, out)?,
            Chroma::Mono => out.fill(128),
        }
    }
    Ok(())
}

/// From limited range (luma 16 to 235, chroma 16 to 240) to full range, rounded; what was outside is clipped.
pub(super) fn expand(planes: &mut Planes) {
    let [y, u, v] = planes.planes_mut();
    for (plane, table) in [(y, &LUMA), (u, &CHROMA), (v, &CHROMA)] {
        for sample in plane {
            *sample = table[usize::from(*sample)];
        }
    }
}

static LUMA: [u8; 256] = table(16, 219, 0);
static CHROMA: [u8; 256] = table(128, 224, 128);

/// For every sample: so far from `zero`, that many of `range` steps, as steps of 255 from `to`.
const fn table(zero: i32, range: i32, to: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let scaled = (index - zero) * 255;
        let rounded = (scaled + if scaled < 0 { -range / 2 } else { range / 2 }) / range + to;
        table[index as usize] = if rounded < 0 {
            0
        } else if rounded > 255 {
            255
        } else {
            rounded as u8
        };
        index += 1;
    }
    table
}

/// Copies a plane without what its rows have too much.
fn crop(source: &[u8], stride: usize, out: &mut [u8], width: usize, height: usize) -> Result<(), Error> {
    if stride == width {
        out.copy_from_slice(enough(source, width * height)?);
        return Ok(());
    }
    let source = enough(source, stride * (height - 1) + width)?;
    for (out, row) in out.chunks_exact_mut(width).zip(source.chunks(stride)) {
        out.copy_from_slice(enough(row, width)?);
    }
    Ok(())
}

/// Averages pairs of rows, and with `across` pairs of columns; the last of an odd number stands for itself. `shape`: row length in the
/// source, columns, rows.
fn halve(source: &[u8], shape: (usize, usize, usize), across: bool, out: &mut [u8]) -> Result<(), Error> {
    let (stride, width, height) = shape;
    let source = enough(source, stride * (height - 1) + width)?;
    let half = if across { width.div_ceil(2) } else { width };
    for (out, rows) in out.chunks_exact_mut(half).zip(source.chunks(stride * 2)) {
        let upper = enough(rows, width)?;
        let lower = rows.get(stride..stride + width).unwrap_or(upper);
        let mean = |a: u8, b: u8| u16::from(a) + u16::from(b);
        if across {
            for (out, (a, b)) in out.iter_mut().zip(upper.chunks(2).zip(lower.chunks(2))) {
                let ends = |pair: &[u8]| mean(pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0));
                *out = ((ends(a) + ends(b) + 2) >> 2) as u8;
            }
        } else {
            for (out, (a, b)) in out.iter_mut().zip(upper.iter().zip(lower)) {
                *out = ((mean(*a, *b) + 1) >> 1) as u8;
            }
        }
    }
    Ok(())
}

fn packed_rgb(bytes: &[u8], size: Size) -> Result<(&[u8], u32), Error> {
    let stride = usize::from(size.width()) * 3;
    Ok((enough(bytes, stride * usize::from(size.height()))?, wide(stride)))
}

/// The first bytes, if there are so many.
fn enough(bytes: &[u8], needed: usize) -> Result<&[u8], Error> {
    bytes.get(..needed).ok_or_else(|| Error::Garbage(format!("{} bytes came where {needed} make a picture", bytes.len())))
}

/// No side is over 7680, so no row is near this.
fn wide(stride: usize) -> u32 {
    u32::try_from(stride).unwrap_or(u32::MAX)
}

fn target(planes: &mut Planes) -> YuvPlanarImageMut<'_, u8> {
    let size = planes.size();
    let chroma = wide(size.chroma().0);
    let [y, u, v] = planes.planes_mut();
    YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: size.width().into(),
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: chroma,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: chroma,
        width: size.width().into(),
        height: size.height().into(),
    }
}

pub(super) fn failed(error: YuvError) -> Error {
    Error::Garbage(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn planes(width: usize, height: usize) -> Planes {
        Planes::new(Size::new(width, height).unwrap())
    }

    fn samples(planes: &Planes) -> [Vec<u8>; 3] {
        planes.planes().map(|plane| plane.samples.to_vec())
    }

    #[test]
    fn black_and_white_of_limited_range_become_black_and_white() {
        let mut out = planes(4, 2);
        // Two black, two white pixels in a row; no colour.
        yuyv(&[16, 128, 16, 128, 235, 128, 235, 128].repeat(2), &mut out).unwrap();
        assert_eq!(samples(&out), [[0, 0, 255, 255].repeat(2), vec![128, 128], vec![128, 128]]);
        let mut out = planes(2, 2);
        nv12(&[16, 235, 235, 16, 240, 16], &mut out).unwrap();
        assert_eq!(samples(&out), [vec![0, 255, 255, 0], vec![255], vec![0]]);
    }

    #[test]
    fn every_limited_value_keeps_its_own_full_value() {
        let mut out = planes(220, 1);
        for (sample, value) in out.planes_mut()[0].iter_mut().zip(16..) {
            *sample = value;
        }
        expand(&mut out);
        let luma = &samples(&out)[0];
        assert!(luma.is_sorted() && luma.windows(2).all(|pair| pair[0] != pair[1]), "nothing is lost");
        assert_eq!((luma[0], luma[219]), (0, 255));
    }

    #[test]
    fn colours_survive_rgb_in_either_order() {
        for (convert, red) in [(rgb as fn(&[u8], &mut Planes) -> _, [255, 0, 0]), (bgr, [0, 0, 255])] {
            let mut out = planes(3, 3);
            convert(&red.repeat(9), &mut out).unwrap();
            let [y, u, v] = samples(&out);
            // JFIF: pure red is 76, 85, 255.
            assert!(y.iter().all(|s| s.abs_diff(76) <= 1) && u.iter().all(|s| s.abs_diff(85) <= 1) && v.iter().all(|s| *s >= 254));
        }
    }

    #[test]
    fn chroma_is_averaged_and_odd_edges_stand_for_themselves() {
        let luma: Vec<u8> = (0..9).collect();
        let full: &[u8] = &[10, 20, 30, 30, 40, 50, 60, 70, 80];
        let mut out = planes(3, 3);
        planar([(&luma, 3), (full, 3), (full, 3)], Chroma::Yuv444, &mut out).unwrap();
        assert_eq!(samples(&out), [luma.clone(), vec![25, 40, 65, 80], vec![25, 40, 65, 80]]);
        let half: &[u8] = &[10, 20, 30, 40, 50, 60];
        planar([(&luma, 3), (half, 2), (half, 2)], Chroma::Yuv422, &mut out).unwrap();
        assert_eq!(samples(&out)[1], [20, 30, 50, 60]);
        planar([(&luma, 3), (&[], 0), (&[], 0)], Chroma::Mono, &mut out).unwrap();
        assert_eq!(samples(&out)[1], [128; 4]);
        let padded: Vec<u8> = (0..12).collect();
        planar([(&padded, 4), (&padded, 3), (&padded, 3)], Chroma::Yuv420, &mut out).unwrap();
        assert_eq!(samples(&out), [vec![0, 1, 2, 4, 5, 6, 8, 9, 10], vec![0, 1, 3, 4], vec![0, 1, 3, 4]]);
    }

    #[test]
    fn too_few_bytes_are_garbage() {
        let mut out = planes(5, 3);
        for convert in [yuyv, nv12, rgb, bgr] {
            assert!(matches!(convert(&[0; 20], &mut out), Err(Error::Garbage(_))));
        }
        assert!(matches!(planar([(&[0; 14], 5), (&[], 3), (&[], 3)], Chroma::Yuv420, &mut out), Err(Error::Garbage(_))));
    }

    #[test]
    fn what_a_buffer_holds_behind_a_picture_is_not_looked_at() {
        for convert in [yuyv, nv12, rgb, bgr] {
            let fresh: Vec<u8> = (0..6 * 4 * 3).map(|index| 40 + index).collect();
            let (mut alone, mut with_tail) = (planes(6, 4), planes(6, 4));
            convert(&fresh, &mut alone).unwrap();
            convert(&[fresh, vec![255; 5000]].concat(), &mut with_tail).unwrap();
            assert_eq!(samples(&alone), samples(&with_tail));
        }
    }

    #[test]
    fn odd_sizes_convert() {
        for (width, height) in [(1, 1), (5, 3), (6, 3), (7, 8)] {
            let mut out = planes(width, height);
            yuyv(&vec![128; (width + 1) * 2 * height], &mut out).unwrap();
            rgb(&vec![128; width * 3 * height], &mut out).unwrap();
            assert!(samples(&out).iter().flatten().all(|sample| sample.abs_diff(128) <= 1), "{width}×{height}");
        }
    }

    #[test]
    #[ignore = "a measurement, not a check"]
    fn speed() {
        use crate::picture::Pool;
        let (width, height) = (1280, 720);
        let rgb_bytes: Vec<u8> = (0..width * height * 3).map(|index| (index * index / 977) as u8).collect();
        let jpeg = |subsamp| {
            let image =
                turbojpeg::Image { pixels: rgb_bytes.as_slice(), width, pitch: width * 3, height, format: turbojpeg::PixelFormat::RGB };
            turbojpeg::compress(image, 80, subsamp).unwrap().to_vec()
        };
        let mut out = planes(width, height);
        let time = |name: &str, act: &mut dyn FnMut()| {
            let began = std::time::Instant::now();
            (0..50).for_each(|_| act());
            println!("{name:10} {:7.3} ms", began.elapsed().as_secs_f64() * 1e3 / 50.0);
        };
        time("yuyv", &mut || yuyv(&rgb_bytes, &mut out).unwrap());
        time("nv12", &mut || nv12(&rgb_bytes, &mut out).unwrap());
        time("rgb", &mut || rgb(&rgb_bytes, &mut out).unwrap());
        time("expand", &mut || expand(&mut out));
        let pool = Pool::new(2);
        let mut decoder = crate::capture::jpeg::Decoder::new().unwrap();
        for subsamp in [turbojpeg::Subsamp::Sub2x1, turbojpeg::Subsamp::Sub2x2] {
            let bytes = jpeg(subsamp);
            time(&format!("{subsamp:?}"), &mut || drop(decoder.decode(&bytes, &pool).unwrap()));
        }
    }
}
