//! Pictures of what went wrong, to be looked at.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

use super::Error;
use crate::picture::{Area, Planes};

/// How many pictures are drawn.
const WORST: usize = 12;

/// Pictures of the same moment look alike: of so many in a row only the worst is drawn.
const MOMENT: u64 = 6;

/// The worst pictures so far.
pub(super) struct Worst {
    folder: Option<PathBuf>,
    pictures: Vec<Drawn>,
}

struct Drawn {
    number: u64,
    open: usize,
    masked: Planes,
    truth: Vec<Area>,
    leaked: Vec<Area>,
}

impl Worst {
    /// They are written into that folder, if there is one.
    pub(super) fn new(folder: Option<&Path>) -> Self {
        Self { folder: folder.map(Path::to_owned), pictures: Vec::new() }
    }

    /// Remembers the picture if it is among the worst.
    pub(super) fn consider(&mut self, number: u64, open: usize, masked: &Planes, truth: &[Area], leaked: &[Area]) {
        if self.folder.is_none() || open == 0 {
            return;
        }
        let drawn = || Drawn { number, open, masked: masked.clone(), truth: truth.to_vec(), leaked: leaked.to_vec() };
        if let Some(same) = self.pictures.iter_mut().find(|other| other.number + MOMENT > number) {
            if same.open < open {
                *same = drawn();
            }
            return;
        }
        self.pictures.push(drawn());
        if self.pictures.len() > WORST {
            let best = self.pictures.iter().enumerate().min_by_key(|(_, drawn)| drawn.open).map(|(index, _)| index);
            best.map(|index| self.pictures.swap_remove(index));
        }
    }

    /// Writes them: as the public sees them, with the true boxes, green where nothing is seen of the face and red where something is.
    pub(super) fn save(self) -> Result<(), Error> {
        let Some(folder) = self.folder else { return Ok(()) };
        let failed = |path: &Path, why: String| Error::Draw { path: path.to_owned(), why };
        std::fs::create_dir_all(&folder).map_err(|error| failed(&folder, error.to_string()))?;
        for drawn in self.pictures {
            let path = folder.join(format!("{:05}-{}-open.png", drawn.number, drawn.open));
            let mut picture = rgb(&drawn.masked).map_err(|why| failed(&path, why))?;
            for face in drawn.truth {
                let colour = if drawn.leaked.contains(&face) { Rgb([255, 0, 0]) } else { Rgb([0, 255, 0]) };
                frame(&mut picture, face, colour);
            }
            picture.save(&path).map_err(|error| failed(&path, error.to_string()))?;
        }
        Ok(())
    }
}

/// Fills an area with grey.
pub(super) fn grey(planes: &mut Planes, Area { x, y, w, h }: Area) {
    let widths = [usize::from(planes.size().width()), planes.size().chroma().0, planes.size().chroma().0];
    for ((plane, width), scale) in planes.planes_mut().into_iter().zip(widths).zip([1.0, 0.5, 0.5]) {
        let span = |from: f32, length: f32, limit: usize| {
            ((from * scale).floor() as usize).min(limit)..(((from + length) * scale).ceil() as usize).min(limit)
        };
        let columns = span(x, w, width);
        for row in span(y, h, plane.len() / width) {
            plane.get_mut(row * width + columns.start..row * width + columns.end).unwrap_or_default().fill(128);
        }
    }
}

fn rgb(planes: &Planes) -> Result<RgbImage, String> {
    let (width, height) = (u32::from(planes.size().width()), u32::from(planes.size().height()));
    let [y, u, v] = planes.planes();
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
    let mut rgb = vec![0; planes.size().area() * 3];
    yuv420_to_rgb(&image, &mut rgb, width * 3, YuvRange::Full, YuvStandardMatrix::Bt601).map_err(|error| error.to_string())?;
    RgbImage::from_raw(width, height, rgb).ok_or_else(|| "its rows do not fit".to_owned())
}

fn frame(image: &mut RgbImage, Area { x, y, w, h }: Area, colour: Rgb<u8>) {
    let (left, top, right, bottom) = (x.max(0.0) as u32, y.max(0.0) as u32, (x + w).max(0.0) as u32, (y + h).max(0.0) as u32);
    let mut dot = |x: u32, y: u32| {
        if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
            *pixel = colour;
        }
    };
    for thick in 0..2 {
        (left..=right).for_each(|x| [top + thick, bottom + thick].into_iter().for_each(|y| dot(x, y)));
        (top..=bottom).for_each(|y| [left + thick, right + thick].into_iter().for_each(|x| dot(x, y)));
    }
}
