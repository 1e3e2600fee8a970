//! Draws pictures of the built-in sample into a folder, to be looked at: `cargo run -p camera-agent --example look -- FOLDER NUMBER…`

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use camera_agent::capture::sample::{Config, Sample};
use camera_agent::picture::{Planes, Pool, Size};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_rgb};

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("a folder is needed")?;
    let config = Config { size: Size::new(1280, 720)?, interval: Duration::from_nanos(33_333_333), faces: 3 };
    let before = Instant::now();
    let sample = Sample::open(config)?;
    println!("open {:?}", before.elapsed());
    let pool = Pool::new(2);
    for number in arguments {
        let number: u64 = number.parse()?;
        let before = Instant::now();
        let planes = sample.draw(number, &pool);
        println!("draw {:?}", before.elapsed());
        save(&planes, &Path::new(&folder).join(format!("sample-{number:05}.png")))?;
    }
    Ok(())
}

fn save(planes: &Planes, path: &Path) -> Result<()> {
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
    image::RgbImage::from_raw(width, height, rgb).context("rows fit")?.save(path)?;
    Ok(())
}
