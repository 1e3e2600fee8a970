//! Where the pictures come from, as the file says it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};
use wire::epoch::SourceKind;

use crate::capture::{self, Opener, pictures, rtsp, sample, y4m};
use crate::picture::Size;

/// Which source, and what is wanted of it. Keys that a kind does not know are refused, so that nobody believes in a setting that does
/// nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Source {
    /// Which.
    pub kind: Kind,
    /// Of `sample` and `webcam`, in pixels.
    pub width: u16,
    /// Likewise.
    pub height: u16,
    /// Pictures a second, of all but `y4m` and `rtsp`, whose streams have their own.
    pub rate: f64,
    /// Of `webcam`: its number, path, or a part of its name; `None` is the first one.
    pub device: Option<String>,
    /// Of `y4m`: a file, or `-` for standard input. Of `pictures`: a folder.
    pub path: Option<PathBuf>,
    /// Of `y4m` (files) and `pictures`: begin again at the end.
    pub repeat: bool,
    /// Of `y4m` (files): keep to the stream's rate; otherwise every picture is taken, as fast as the agent can.
    pub pace: bool,
    /// Of `sample`: how many people walk about.
    pub faces: u8,
    /// Of `rtsp`: where the stream is.
    pub url: Option<rtsp::Address>,
    /// Of `rtsp`: what carries it.
    pub transport: rtsp::Carrier,
    /// Of `rtsp`: the file with name and password; `None` is the environment.
    pub credentials: Option<PathBuf>,
}

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A camera of this machine.
    Webcam,
    /// Uncompressed pictures from a file or another program.
    Y4m,
    /// A folder of pictures.
    Pictures,
    /// The built-in sample.
    Sample,
    /// A network camera.
    Rtsp,
}

impl Default for Source {
    fn default() -> Self {
        Self {
            kind: Kind::Sample,
            width: 1280,
            height: 720,
            rate: 30.0,
            device: None,
            path: None,
            repeat: false,
            pace: true,
            faces: sample::MAX_FACES,
            url: None,
            transport: rtsp::Carrier::default(),
            credentials: None,
        }
    }
}

/// Whether a path means standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

impl Source {
    /// What the epoch record calls it.
    #[must_use]
    pub const fn kind(&self) -> SourceKind {
        match self.kind {
            Kind::Webcam => SourceKind::Webcam,
            Kind::Y4m => SourceKind::Y4m,
            Kind::Pictures => SourceKind::Pictures,
            Kind::Sample => SourceKind::Sample,
            Kind::Rtsp => SourceKind::Rtsp,
        }
    }

    /// How capture behaves with it.
    #[must_use]
    pub fn capture(&self) -> capture::Config {
        let usual = capture::Config::default();
        let open_within = if self.kind == Kind::Rtsp { rtsp::OPEN } else { usual.open_within };
        capture::Config { open_within, ..usual }
    }

    /// Opens it, as often as need be.
    #[must_use]
    pub fn opener(&self) -> Arc<Opener> {
        let (source, interval) = (self.clone(), Duration::from_secs_f64(1.0 / self.rate.clamp(LEAST_RATE, MOST_RATE)));
        match self.kind {
            Kind::Sample => Arc::new(move || {
                let config = sample::Config { size: source.size()?, interval, faces: source.faces };
                Ok(Box::new(sample::Sample::open(config)?))
            }),
            Kind::Pictures => Arc::new(move || {
                let path = source.path.clone().unwrap_or_default();
                Ok(Box::new(pictures::Folder::open(pictures::Config { path, interval, repeat: source.repeat })?))
            }),
            Kind::Y4m => Arc::new(move || {
                let path = source.path.clone().filter(|path| !is_stdin(path));
                // A stream comes as it comes; only a file has a pace and a beginning to go back to.
                let (pace, repeat) = (path.is_some() && source.pace, path.is_some() && source.repeat);
                Ok(Box::new(y4m::Stream::open(y4m::Config { path, pace, repeat })?))
            }),
            Kind::Webcam => webcam(source),
            Kind::Rtsp => Arc::new(move || {
                let address = source.url.clone().unwrap_or_else(|| rtsp::Address::new(""));
                let config = rtsp::Config { address, carrier: source.transport, login: source.credentials.clone() };
                Ok(Box::new(rtsp::Camera::open(&config)?))
            }),
        }
    }

    /// What is wanted of a webcam; `None` where no picture could have the size.
    #[cfg(feature = "webcam")]
    pub(crate) fn wish(&self) -> Option<capture::webcam::choice::Wish> {
        let rate = self.rate.round().clamp(1.0, MOST_RATE) as u32;
        Some(capture::webcam::choice::Wish { size: self.size().ok()?, rate })
    }

    fn size(&self) -> Result<Size, capture::Error> {
        Ok(Size::new(self.width.into(), self.height.into())?)
    }
}

#[cfg(feature = "webcam")]
fn webcam(source: Source) -> Arc<Opener> {
    use crate::capture::webcam::{Config, Webcam};
    Arc::new(move || {
        let rate = source.rate.round().clamp(1.0, MOST_RATE) as u32;
        let config = Config { device: source.device.clone(), size: source.size()?, rate };
        Ok(Box::new(Webcam::open(&config)?))
    })
}

#[cfg(not(feature = "webcam"))]
fn webcam(_: Source) -> Arc<Opener> {
    Arc::new(|| Err(capture::Error::Device("this build has no webcams (feature `webcam`)".to_owned())))
}

/// A picture every hundred seconds.
const LEAST_RATE: f64 = 0.01;

const MOST_RATE: f64 = 240.0;

impl Validate for Source {
    fn validate(&self, check: &mut Check<'_>) {
        let usual = Self::default();
        let kind = self.kind;
        if let Err(error) = Size::new(self.width.into(), self.height.into()) {
            check.wrong("width", error.to_string());
        }
        let rate = (LEAST_RATE..=MOST_RATE).contains(&self.rate);
        check.ensure(rate, "rate", "a rate is from 0.01 to 240 pictures a second");
        let faces = (1..=sample::MAX_FACES).contains(&self.faces);
        check.ensure(faces, "faces", "the sample has 1 to 3 people");
        let wants_path = matches!(kind, Kind::Y4m | Kind::Pictures);
        if wants_path && self.path.is_none() {
            check.wrong(
                "path",
                match kind {
                    Kind::Y4m => "this key is missing: a Y4M file, or \"-\" for standard input",
                    _ => "this key is missing: a folder of pictures",
                },
            );
        }
        match (kind, self.url.as_ref().map(rtsp::Address::url)) {
            (_, Some(Err(error))) => check.wrong("url", error.to_string()),
            (Kind::Rtsp, None) => check.wrong("url", "this key is missing: rtsp://HOST/PATH, as the camera's manual has it"),
            _ => {}
        }
        if kind == Kind::Webcam && !cfg!(feature = "webcam") {
            check.wrong("kind", "this build has no webcams: build it with the feature `webcam`");
        }
        let sized = matches!(kind, Kind::Sample | Kind::Webcam);
        let file = wants_path && !self.path.as_deref().is_some_and(is_stdin);
        for (key, known, changed) in [
            ("width", sized, self.width != usual.width),
            ("height", sized, self.height != usual.height),
            ("rate", !matches!(kind, Kind::Y4m | Kind::Rtsp), self.rate != usual.rate),
            ("device", kind == Kind::Webcam, self.device.is_some()),
            ("path", wants_path, self.path.is_some()),
            ("repeat", file, self.repeat != usual.repeat),
            ("pace", kind == Kind::Y4m && file, self.pace != usual.pace),
            ("faces", kind == Kind::Sample, self.faces != usual.faces),
            ("url", kind == Kind::Rtsp, self.url.is_some()),
            ("transport", kind == Kind::Rtsp, self.transport != usual.transport),
            ("credentials", kind == Kind::Rtsp, self.credentials.is_some()),
        ] {
            check.ensure(known || !changed, key, "this kind of source does not know this key");
        }
    }
}
