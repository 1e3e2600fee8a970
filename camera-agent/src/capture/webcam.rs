//! A camera of this machine, through nokhwa (V4L2 on Linux).
//!
//! The format is chosen here and not by the library, so that a person can be told which and why: `Closest` there may settle for ten
//! pictures a second where another format reaches thirty.

use std::fmt;

use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType, Resolution};
use nokhwa::{Camera, NokhwaError};
use wire::epoch::SourceKind;

use super::jpeg::Decoder;
use super::{About, Error, Source, convert};
use crate::picture::{Planes, Pool, Size};

/// What is converted, the cheapest first. A camera that delivers nothing but grey (GREY) or another format is refused.
const FORMATS: [FrameFormat; 5] = [FrameFormat::YUYV, FrameFormat::NV12, FrameFormat::MJPEG, FrameFormat::RAWRGB, FrameFormat::RAWBGR];

/// Which camera, and what is wanted of it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its number, its path (`/dev/video0`), or a part of its name; `None` is the first one.
    pub device: Option<String>,
    /// The wanted size.
    pub size: Size,
    /// The wanted pictures a second.
    pub rate: u32,
}

/// A format that a camera offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures a second.
    pub rate: u32,
    format: FrameFormat,
}

impl fmt::Display for Offer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}×{} {} at {} pictures a second", self.width, self.height, self.format, self.rate)
    }
}

/// A camera of this machine, for `check`.
#[derive(Debug)]
pub struct Listed {
    /// How the config may name it.
    pub number: u32,
    /// What it calls itself.
    pub name: String,
    /// What it offers, or why that cannot be told.
    pub offers: Result<Vec<Offer>, Error>,
}

/// The cameras of this machine and what they offer.
///
/// # Errors
/// When the system cannot say which cameras there are.
pub fn list() -> Result<Vec<Listed>, Error> {
    let offers = |index: &CameraIndex| open_any(index).and_then(|mut camera| offers(&mut camera));
    Ok(devices()?.iter().map(|info| Listed { number: number(info), name: info.human_name(), offers: offers(info.index()) }).collect())
}

/// An open camera.
pub struct Webcam {
    camera: Camera,
    name: String,
    offer: Offer,
    size: Size,
    remark: String,
    jpeg: Decoder,
}

impl Webcam {
    /// Finds the camera, chooses a format, and lets it run.
    ///
    /// # Errors
    /// When there is no such camera, it is in use, or it offers no format that can be converted.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let info = find(&devices()?, config.device.as_deref())?;
        let mut camera = open_any(info.index())?;
        let offers = choose(&offers(&mut camera)?, config.size, config.rate);
        if offers.is_empty() {
            return Err(unsupported(&info.human_name()));
        }
        // Drivers list more than they accept: the next best is tried then.
        let mut refusal = None;
        for offer in offers {
            let format = CameraFormat::new(Resolution::new(offer.width, offer.height), offer.format, offer.rate);
            let exactly = RequestedFormat::with_formats(RequestedFormatType::Exact(format), &FORMATS);
            match camera.set_camera_requset(exactly).and_then(|_| camera.open_stream()) {
                Ok(()) => {
                    let remark = remark(&offer, config.size, config.rate);
                    if offer.rate < config.rate {
                        tracing::warn!(camera = info.human_name(), "{offer}, where {} were asked for", config.rate);
                    }
                    let size = Size::new(offer.width as usize, offer.height as usize)?;
                    return Ok(Self { camera, name: info.human_name(), offer, size, remark, jpeg: Decoder::new()? });
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.map_or_else(|| unsupported(&info.human_name()), device))
    }
}

impl Source for Webcam {
    fn about(&self) -> About {
        let text = format!("webcam “{}”, {} ({})", self.name, self.offer, self.remark);
        // A camera sets its own pace.
        About { kind: SourceKind::Webcam, text, size: Some(self.size), interval: None, live: true, reopen: true }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        let bytes = self.camera.frame_raw().map_err(device)?;
        if self.offer.format == FrameFormat::MJPEG {
            let planes = self.jpeg.decode(&bytes, pool)?;
            // A remainder of an earlier mode, or a damaged header: masks are placed for the chosen size.
            return if planes.size() == self.size {
                Ok(Some(planes))
            } else {
                Err(Error::Garbage(format!("a picture of {}", planes.size())))
            };
        }
        let mut planes = pool.planes(self.size);
        match self.offer.format {
            FrameFormat::YUYV => convert::yuyv(&bytes, &mut planes)?,
            FrameFormat::NV12 => convert::nv12(&bytes, &mut planes)?,
            FrameFormat::RAWRGB => convert::rgb(&bytes, &mut planes)?,
            FrameFormat::RAWBGR => convert::bgr(&bytes, &mut planes)?,
            FrameFormat::MJPEG | FrameFormat::GRAY => return Err(unsupported(&self.name)),
        }
        Ok(Some(planes))
    }
}

fn devices() -> Result<Vec<CameraInfo>, Error> {
    let mut devices = nokhwa::query(ApiBackend::Auto).map_err(device)?;
    devices.sort_by_key(number);
    Ok(devices)
}

fn number(info: &CameraInfo) -> u32 {
    info.index().as_index().unwrap_or(u32::MAX)
}

/// The camera of that number, path or name.
fn find(devices: &[CameraInfo], wanted: Option<&str>) -> Result<CameraInfo, Error> {
    let known = || devices.iter().map(|info| format!("{} “{}”", number(info), info.human_name())).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        None => devices.first(),
        Some(wanted) => {
            let index = wanted.strip_prefix("/dev/video").unwrap_or(wanted).parse::<u32>();
            let by_name = |info: &&CameraInfo| info.human_name().to_lowercase().contains(&wanted.to_lowercase());
            match index {
                Ok(index) => devices.iter().find(|info| number(info) == index),
                Err(_) => devices.iter().find(by_name),
            }
        }
    };
    found.cloned().ok_or_else(|| match wanted {
        Some(wanted) if !devices.is_empty() => Error::Device(format!("there is no camera “{wanted}” here; there are: {}", known())),
        _ => Error::Device("there is none here".to_owned()),
    })
}

/// Opens a camera in whatever mode it is, to ask it.
fn open_any(index: &CameraIndex) -> Result<Camera, Error> {
    let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
    Camera::new(index.clone(), any).map_err(|error| match error {
        // The library's words for: nothing in the list can be converted.
        NokhwaError::GetPropertyError { property, .. } if property == "CameraFormat" || property == "FrameFormat" => {
            unsupported(&format!("number {index}"))
        }
        other => device(other),
    })
}

fn offers(camera: &mut Camera) -> Result<Vec<Offer>, Error> {
    let formats = camera.compatible_camera_formats().map_err(device)?;
    Ok(formats
        .into_iter()
        .map(|format| Offer { width: format.width(), height: format.height(), rate: format.frame_rate(), format: format.format() })
        .collect())
}

/// The offers that can be used, the best first: nearest size, then fast enough, then cheap to convert.
fn choose(offers: &[Offer], size: Size, rate: u32) -> Vec<Offer> {
    let mut usable: Vec<_> = offers
        .iter()
        .copied()
        .filter(|offer| FORMATS.contains(&offer.format) && offer.rate > 0 && Size::new(offer.width as usize, offer.height as usize).is_ok())
        .collect();
    usable.sort_by_key(|offer| {
        let distance = offer.width.abs_diff(size.width().into()) + offer.height.abs_diff(size.height().into());
        let cost = FORMATS.iter().position(|format| *format == offer.format);
        (distance, rate.saturating_sub(offer.rate), cost, offer.rate)
    });
    usable.dedup();
    usable
}

/// Why this format.
fn remark(offer: &Offer, size: Size, rate: u32) -> String {
    let same_size = offer.width == u32::from(size.width()) && offer.height == u32::from(size.height());
    match (same_size, offer.rate >= rate) {
        (true, true) => "as asked".to_owned(),
        (false, true) => format!("the nearest to {size} that it offers"),
        (true, false) => format!("slower than the {rate} asked for: it offers no more at this size"),
        (false, false) => format!("the nearest to {size} and {rate} pictures a second that it offers"),
    }
}

fn device(error: NokhwaError) -> Error {
    Error::Device(error.to_string())
}

fn unsupported(name: &str) -> Error {
    Error::Unsupported {
        what: format!("what camera {name} delivers"),
        format: "that it offers (grey only, GREY, or a raw or compressed one)".to_owned(),
        instead: "YUYV, NV12, MJPEG, RGB3 and BGR3 can: choose another camera, or convert with ffmpeg and the source y4m",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn offer(width: u32, height: u32, format: FrameFormat, rate: u32) -> Offer {
        Offer { width, height, rate, format }
    }

    #[test]
    fn the_nearest_size_then_speed_then_cost_decide() {
        let size = Size::new(1280, 720).unwrap();
        let yuyv_slow = offer(1280, 720, FrameFormat::YUYV, 10);
        let yuyv = offer(1280, 720, FrameFormat::YUYV, 30);
        let mjpeg = offer(1280, 720, FrameFormat::MJPEG, 30);
        let faster = offer(1280, 720, FrameFormat::MJPEG, 60);
        let small = offer(640, 480, FrameFormat::YUYV, 30);
        let grey = offer(1280, 720, FrameFormat::GRAY, 30);
        let best = |offers: &[Offer]| choose(offers, size, 30).first().copied();
        assert_eq!(best(&[small, yuyv_slow, mjpeg, faster]), Some(mjpeg), "slow YUYV loses against fast MJPEG");
        assert_eq!(best(&[mjpeg, yuyv]), Some(yuyv), "at equal speed what need not be decoded wins");
        assert_eq!(best(&[small, yuyv_slow]), Some(yuyv_slow));
        assert_eq!(best(&[small]), Some(small));
        assert_eq!(best(&[grey]), None, "grey is refused");
        assert!(remark(&yuyv_slow, size, 30).contains("slower than the 30"));
        assert_eq!(remark(&mjpeg, size, 30), "as asked");
        assert!(remark(&small, size, 30).contains("nearest"));
        assert!(unsupported("0").to_string().contains("GREY"));
    }

    #[test]
    fn cameras_are_found_by_number_path_or_name() {
        let info = |index, name: &str| CameraInfo::new(name, "", "", CameraIndex::Index(index));
        let devices = [info(0, "Integrated Camera"), info(2, "HD Pro Webcam")];
        let number_of = |wanted| find(&devices, wanted).map(|info| number(&info));
        assert_eq!(number_of(None).unwrap(), 0);
        for wanted in ["2", "/dev/video2", "hd pro"] {
            assert_eq!(number_of(Some(wanted)).unwrap(), 2, "{wanted}");
        }
        let error = number_of(Some("doorbell")).unwrap_err().to_string();
        assert!(error.contains("doorbell") && error.contains("Integrated Camera"), "{error}");
        assert!(find(&[], Some("0")).unwrap_err().to_string().contains("there is none here"));
    }
}
