//! Draws pictures of the built-in sample into a folder, to be looked at: as captured, with the true faces (green) and the found ones (red),
//! and as the public sees them. `cargo run -p camera-agent --example look -- FOLDER NUMBER…`

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camera_agent::capture::sample::{Config, Sample, truth};
use camera_agent::detect::centerface::CenterFace;
use camera_agent::detect::{Detection, Look, Model, Small};
use camera_agent::encode;
use camera_agent::mask::{self, Fill, Meta, Planner, apply};
use camera_agent::picture::{Area, Picture, Planes, Pool, Size};
use image::{Rgb, RgbImage};
use wire::frame::DetectorState;
use wire::id::Micros;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("a folder is needed")?;
    let folder = Path::new(&folder);
    let config = Config { size: Size::new(1280, 720)?, interval: Duration::from_nanos(33_333_333), faces: 3 };
    let sample = Sample::open(config.clone())?;
    let pool = Pool::new(2);
    let model = CenterFace::default();
    let mut detector = model.load()?;
    let size = model.small(config.size);
    let mut small = Small::blank(config.size, size);
    for number in arguments {
        let number: u64 = number.parse()?;
        let planes = sample.draw(number, &pool);
        small.show(&planes, size)?;
        let found = detector.detect(&small)?;
        let at = Instant::now();
        let detection = Detection::new(&model, (number, at), &small, Look::Thorough, &found, Duration::ZERO);

        let mut seen = rgb(&planes)?;
        for face in truth(&config, number) {
            frame(&mut seen, face, Rgb([0, 255, 0]));
        }
        for one in &detection.faces {
            println!("picture {number}: {:.2} at {:.0}, {:.0}, {:.0} × {:.0}", one.score, one.area.x, one.area.y, one.area.w, one.area.h);
            frame(&mut seen, one.area, Rgb([255, 0, 0]));
        }
        seen.save(folder.join(format!("seen-{number:05}.png")))?;

        for fill in [Fill::Solid, Fill::Surround] {
            let mut planner = Planner::new(mask::Config::default());
            planner.detector_is(DetectorState::Ready);
            let picture = Picture { number, captured_at: Micros(0), at, planes: planes.clone() };
            planner.push(Meta { number, at, size: config.size }, picture);
            planner.detection(&detection);
            let release = planner.due(at + Duration::from_secs(1)).pop().context("it is due")?;
            let masked = apply(release.picture, release.plan, fill, &pool)?;
            let encoded = encode::Config::default().start()?.encode(&masked)?;
            std::fs::write(folder.join(format!("public-{number:05}-{fill:?}.jpg")), &encoded.public)?;
            rgb(masked.planes())?.save(folder.join(format!("public-{number:05}-{fill:?}.png")))?;
        }
    }
    Ok(())
}

fn rgb(planes: &Planes) -> Result<RgbImage> {
    let (width, height) = (u32::from(planes.size().width()), u32::from(planes.size().height()));
    let [y, u, v] = planes.planes();
    let chroma = u32::try_from(u.width)?;
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
    yuv420_to_rgb(&image, &mut rgb, width * 3, YuvRange::Full, YuvStandardMatrix::Bt601)?;
    RgbImage::from_raw(width, height, rgb).context("rows fit")
}

fn frame(image: &mut RgbImage, area: Area, colour: Rgb<u8>) {
    let (x, y, right, bottom) = (area.x as u32, area.y as u32, (area.x + area.w) as u32, (area.y + area.h) as u32);
    let mut dot = |x: u32, y: u32| {
        if let Some(pixel) = image.get_pixel_mut_checked(x, y) {
            *pixel = colour;
        }
    };
    for thick in 0..2 {
        (x..=right).for_each(|x| [y + thick, bottom + thick].into_iter().for_each(|y| dot(x, y)));
        (y..=bottom).for_each(|y| [x + thick, right + thick].into_iter().for_each(|x| dot(x, y)));
    }
}
