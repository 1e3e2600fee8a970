//! A camera of this machine, through nokhwa (V4L2 on Linux).
//!
//! The format is chosen here ([`choice`]) and not by the library, so that a person can be told which and why: `Closest` there may settle
//! for ten pictures a second where another format reaches thirty.

pub mod choice;

use nokhwa::utils::{ApiBackend, CameraFormat, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType, Resolution};
use nokhwa::{Camera, NokhwaError};
use wire::epoch::SourceKind;

use super::jpeg::Decoder;
use super::{About, Error, Source, convert};
use crate::picture::{Planes, Pool, Size};
use choice::{FORMATS, Offer, Wish};

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

/// Which of these cameras the config means; `None` where it is not there.
#[must_use]
pub fn wanted<'a>(listed: &'a [Listed], device: Option<&str>) -> Option<&'a Listed> {
    position(listed.iter().map(|camera| (camera.number, camera.name.as_str())), device).and_then(|index| listed.get(index))
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
    reason: String,
    shortfall: Option<String>,
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
        let wish = Wish { size: config.size, rate: config.rate };
        let all = offers(&mut camera)?;
        let usable = wish.choose(&all);
        if usable.is_empty() {
            return Err(unsupported(&info.human_name()));
        }
        // Drivers list more than they accept: the next best is tried then.
        let mut refusal = None;
        for offer in usable {
            let format = CameraFormat::new(Resolution::new(offer.width, offer.height), offer.format, offer.rate);
            let exactly = RequestedFormat::with_formats(RequestedFormatType::Exact(format), &FORMATS);
            match camera.set_camera_requset(exactly).and_then(|_| camera.open_stream()) {
                Ok(()) => {
                    let (reason, shortfall) = (wish.reason(&offer, &all), wish.shortfall(&offer));
                    if let Some(shortfall) = &shortfall {
                        tracing::warn!(camera = info.human_name(), "{shortfall}");
                    }
                    let size = Size::new(offer.width as usize, offer.height as usize)?;
                    return Ok(Self { camera, name: info.human_name(), offer, size, reason, shortfall, jpeg: Decoder::new()? });
                }
                Err(error) => refusal = Some(error),
            }
        }
        Err(refusal.map_or_else(|| unsupported(&info.human_name()), device))
    }
}

impl Source for Webcam {
    fn about(&self) -> About {
        let text = format!("webcam “{}”, {} ({})", self.name, self.offer, self.reason);
        let shortfall = self.shortfall.clone();
        // A camera sets its own pace.
        About { kind: SourceKind::Webcam, text, size: Some(self.size), interval: None, live: true, reopen: true, shortfall }
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
    let names: Vec<(u32, String)> = devices.iter().map(|info| (number(info), info.human_name())).collect();
    let known = || names.iter().map(|(number, name)| format!("{number} “{name}”")).collect::<Vec<_>>().join(", ");
    let found = position(names.iter().map(|(number, name)| (*number, name.as_str())), wanted).and_then(|index| devices.get(index));
    found.cloned().ok_or_else(|| match wanted {
        Some(wanted) if !devices.is_empty() => Error::Device(format!("there is no camera “{wanted}” here; there are: {}", known())),
        _ => Error::Device("there is none here".to_owned()),
    })
}

/// Where the camera of that number, path or name stands among these.
fn position<'a>(mut cameras: impl Iterator<Item = (u32, &'a str)>, wanted: Option<&str>) -> Option<usize> {
    let Some(wanted) = wanted else { return cameras.next().map(|_| 0) };
    match wanted.strip_prefix("/dev/video").unwrap_or(wanted).parse::<u32>() {
        Ok(wanted) => cameras.position(|(number, _)| number == wanted),
        Err(_) => cameras.position(|(_, name)| name.to_lowercase().contains(&wanted.to_lowercase())),
    }
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
    Ok(formats.into_iter().map(|format| Offer::new((format.width(), format.height()), format.format(), format.frame_rate())).collect())
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
