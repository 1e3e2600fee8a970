//! The cameras of this machine: what they offer, which one the config means, and what would be chosen of it.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::Report;
use crate::capture;
use crate::capture::webcam::choice::{Offer, Wish, told};
use crate::capture::webcam::{self, Listed, wanted};
use crate::config::{Kind, Source};

/// A camera of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Device {
    /// How the config may name it.
    pub number: u32,
    /// Its path.
    pub path: String,
    /// What it calls itself.
    pub name: String,
    /// Whether the config means this one.
    pub wanted: bool,
    /// What it offers.
    pub offers: Vec<Offer>,
    /// What would be chosen of it, with the wishes of the config.
    pub chosen: Option<Offer>,
    /// Why that, or why nothing.
    pub reason: String,
    /// What of the wishes it does not fulfil.
    pub shortfall: Option<String>,
}

/// How long the system may take to say which cameras there are: a driver may hang.
const PATIENCE: Duration = Duration::from_secs(10);

/// The cameras of this machine and what they offer.
pub(super) fn listed() -> Result<Vec<Listed>, capture::Error> {
    let (tell, told) = channel();
    let ask = move || {
        let _ = tell.send(webcam::list());
    };
    thread::Builder::new().name("list cameras".into()).spawn(ask).map_err(capture::Error::Thread)?;
    told.recv_timeout(PATIENCE).unwrap_or(Err(capture::Error::Silent(PATIENCE)))
}

/// Tells about each of them; the source itself is looked at elsewhere.
pub(super) fn devices(listed: Result<Vec<Listed>, capture::Error>, source: &Source, report: &mut Report) {
    let asked = source.kind == Kind::Webcam;
    let listed = match listed {
        Ok(listed) => listed,
        // Whoever wants a webcam hears of it when it is opened.
        Err(error) if !asked => return report.fine(format!("the cameras of this machine cannot be listed: {error}")),
        Err(error) => return report.warn(format!("the cameras of this machine cannot be listed: {error}")),
    };
    if listed.is_empty() {
        return report.fine("there is no camera at this machine (V4L2)");
    }
    let Some(wish) = source.wish() else { return };
    let meant = wanted(&listed, source.device.as_deref()).filter(|_| asked).map(|camera| camera.number);
    for camera in &listed {
        let device = look(camera, wish, meant == Some(camera.number));
        tell(&device, report);
        report.devices.push(device);
    }
}

fn look(camera: &Listed, wish: Wish, wanted: bool) -> Device {
    let mut device = Device {
        number: camera.number,
        path: format!("/dev/video{}", camera.number),
        name: camera.name.clone(),
        wanted,
        offers: Vec::new(),
        chosen: None,
        reason: "none of its formats can be converted".to_owned(),
        shortfall: None,
    };
    match &camera.offers {
        Err(error) => device.reason = error.to_string(),
        Ok(offers) => {
            device.offers.clone_from(offers);
            if let Some(chosen) = wish.choose(offers).first() {
                device.chosen = Some(*chosen);
                device.reason = wish.reason(chosen, offers);
                device.shortfall = wish.shortfall(chosen);
            }
        }
    }
    device
}

fn tell(device: &Device, report: &mut Report) {
    let Device { number, path, name, reason, .. } = device;
    let head = if device.wanted { "the camera of this config" } else { "another camera" };
    let offers = if device.offers.is_empty() { String::new() } else { format!(" offers {};", told(&device.offers)) };
    match &device.chosen {
        Some(chosen) => report.fine(format!("{head}, {number} “{name}” ({path}),{offers} {chosen} would be chosen: {reason}")),
        None if device.wanted => report.warn(format!("{head}, {number} “{name}” ({path}),{offers} nothing can be chosen: {reason}")),
        None => report.fine(format!("{head}, {number} “{name}” ({path}),{offers} nothing can be chosen: {reason}")),
    }
    if let Some(shortfall) = device.shortfall.as_ref().filter(|_| device.wanted) {
        report.warn(shortfall);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use nokhwa::utils::FrameFormat;

    use super::super::Weight;
    use super::*;

    fn listed() -> Vec<Listed> {
        let offers = vec![
            Offer::new((640, 480), FrameFormat::YUYV, 30),
            Offer::new((1280, 720), FrameFormat::YUYV, 10),
            Offer::new((1280, 720), FrameFormat::MJPEG, 30),
        ];
        let slow = vec![Offer::new((1280, 720), FrameFormat::YUYV, 10)];
        let busy = capture::Error::Device("Device or resource busy".to_owned());
        let camera = |number, name: &str, offers| Listed { number, name: name.to_owned(), offers };
        vec![
            camera(0, "Integrated Camera", Ok(offers)),
            camera(2, "Slow Camera", Ok(slow)),
            camera(4, "Night Camera", Ok(vec![Offer::new((640, 480), FrameFormat::GRAY, 30)])),
            camera(6, "Busy Camera", Err(busy)),
        ]
    }

    fn source(kind: Kind, device: Option<&str>) -> Source {
        Source { kind, device: device.map(str::to_owned), ..Source::default() }
    }

    fn report(listed: Result<Vec<Listed>, capture::Error>, source: &Source) -> Report {
        let mut report = Report::default();
        devices(listed, source, &mut report);
        report
    }

    fn warnings(report: &Report) -> Vec<&str> {
        report.findings.iter().filter(|finding| finding.weight == Weight::Warning).map(|finding| finding.text.as_str()).collect()
    }

    #[test]
    fn every_camera_is_told_with_what_would_be_chosen_and_why() {
        let found = report(Ok(listed()), &source(Kind::Webcam, None));
        let texts: Vec<&str> = found.findings.iter().map(|finding| finding.text.as_str()).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        let first = texts[0];
        assert!(first.starts_with("the camera of this config, 0 “Integrated Camera” (/dev/video0), offers 1280×720 "), "{first}");
        assert!(first.contains("640×480"), "{first}");
        assert!(
            first.ends_with("at 30 pictures a second would be chosen: the size that is asked for, YUYV reaches only 10 there"),
            "{first}"
        );
        assert!(texts[1].starts_with("another camera, 2 “Slow Camera”"), "{texts:?}");
        assert!(texts[2].ends_with("nothing can be chosen: none of its formats can be converted"), "{texts:?}");
        assert!(texts[3].contains("busy"), "{texts:?}");
        assert!(warnings(&found).is_empty(), "that others are slow is no fault");
        assert_eq!(found.code(), None, "whether the source opens is said elsewhere");
    }

    #[test]
    fn a_camera_slower_than_asked_is_said_aloud() {
        let found = report(Ok(listed()), &source(Kind::Webcam, Some("slow")));
        assert_eq!(warnings(&found).len(), 1);
        assert!(warnings(&found)[0].contains("10 pictures a second and 30 are asked for"), "{found:?}");
        let fast = report(Ok(listed()), &Source { rate: 10.0, ..source(Kind::Webcam, Some("2")) });
        assert!(warnings(&fast).is_empty(), "{fast:?}");
        for unusable in ["night", "6"] {
            let found = report(Ok(listed()), &source(Kind::Webcam, Some(unusable)));
            assert!(warnings(&found)[0].contains("nothing can be chosen"), "{found:?}");
        }
    }

    #[test]
    fn without_a_webcam_in_the_config_they_are_only_told() {
        let found = report(Ok(listed()), &source(Kind::Sample, None));
        assert!(
            found.findings.iter().all(|finding| finding.weight == Weight::Fine && finding.text.starts_with("another camera")),
            "{found:?}"
        );
        assert_eq!(report(Ok(Vec::new()), &source(Kind::Sample, None)).findings.len(), 1);
        let failed = || Err(capture::Error::Device("no such thing".to_owned()));
        assert!(warnings(&report(failed(), &source(Kind::Sample, None))).is_empty());
        assert_eq!(warnings(&report(failed(), &source(Kind::Webcam, None))).len(), 1);
    }

    #[test]
    fn for_programs_there_is_json() {
        let found = report(Ok(listed()), &source(Kind::Webcam, Some("slow")));
        let json = serde_json::to_value(&found).unwrap();
        let device = &json["devices"][1];
        assert_eq!((device["path"].as_str(), device["wanted"].as_bool()), (Some("/dev/video2"), Some(true)));
        assert_eq!((device["chosen"]["width"].as_u64(), device["chosen"]["rate"].as_u64()), (Some(1280), Some(10)));
        assert!(device["offers"][0]["format"].is_string() && device["shortfall"].is_string());
    }
}
