//! Where pictures come from.
//!
//! A [`Source`] delivers one picture after the other, in its own time. [`Capture`] runs it on a thread of its own, stamps what it
//! delivers, keeps only the newest picture for whoever takes them, watches that pictures keep coming, and opens the source again when they
//! do not.

mod clock;
mod colours;
mod convert;
mod jpeg;

mod runner;
mod slot;

pub mod pictures;
pub mod rtsp;
pub mod sample;
#[cfg(feature = "webcam")]
pub mod webcam;
pub mod y4m;

use std::path::PathBuf;
use std::time::Duration;

use wire::epoch::SourceKind;

use crate::picture::{BadSize, Planes, Pool, Size};

pub use clock::{Clock, Stamp};
pub use runner::{Capture, Config};
pub use slot::{Counters, Taken};

/// Something that delivers pictures.
pub trait Source {
    /// What it is and how it wants to be run. Does not change while it is open.
    fn about(&self) -> About;

    /// The next picture, in a buffer from the pool; `None` when there will never be another. May block until the device has one.
    ///
    /// # Errors
    /// When there is no picture this time; [`Error::step`] says what then.
    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error>;
}

/// What a source says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// For the epoch record.
    pub kind: SourceKind,
    /// What is captured, in a few words for people: `sample 1280×720, 30 pictures a second`.
    pub text: String,
    /// The size of its pictures, where it is known before the first one.
    pub size: Option<Size>,
    /// How far apart its pictures are to be delivered; `None`: as they come.
    pub interval: Option<Duration>,
    /// Whether what nobody took in time is dropped (live), or waited for (work through a file).
    pub live: bool,
    /// Whether opening it again may help; a stream from stdin cannot be opened twice.
    pub reopen: bool,
    /// What falls short of what the config asks for, in a sentence for people.
    pub shortfall: Option<String>,
}

/// Opens a source, as often as need be.
pub type Opener = dyn Fn() -> Result<Box<dyn Source>, Error> + Send + Sync;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder that cannot be read.
    #[error("cannot read {}: {why}; check the path of the source in the config", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// A size that no picture may have.
    #[error("the source delivers a size that cannot be used: {0}")]
    Size(#[from] BadSize),
    /// Not a Y4M stream.
    #[error("{name} is not a Y4M stream: {why}; `ffmpeg -i INPUT -pix_fmt yuv420p -f yuv4mpegpipe -` makes one")]
    NotY4m {
        /// The file, or stdin.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// A Y4M stream that breaks off.
    #[error("{name} breaks off inside picture {picture} (counted from 0): the file is cut short, or whoever writes it stopped")]
    Truncated {
        /// The file, or stdin.
        name: String,
        /// Which picture is incomplete.
        picture: u64,
    },
    /// Samples of a kind that is not converted.
    #[error("{what} of the format {format} cannot be used; {instead}")]
    Unsupported {
        /// What delivers it.
        what: String,
        /// The format's name.
        format: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// A picture that cannot be decoded.
    #[error("the source delivered something that is no picture: {0}")]
    Garbage(String),
    /// A folder without a usable picture.
    #[error("there is no PNG or JPEG picture that can be read in {}", .0.display())]
    NoPictures(PathBuf),
    /// The device or its driver refuses.
    #[error("the camera cannot be used: {0}; is it plugged in, free, and may this user read it (group “video”)?")]
    Device(String),
    /// The URL of a network camera cannot be used.
    #[error("the camera's URL cannot be used: {0}")]
    Address(#[from] rtsp::BadAddress),
    /// What should hold a name and a password does not.
    #[error("{0} does not hold a name and a password: write USER:PASSWORD into its first line")]
    Login(String),
    /// A network camera lets nobody in without the right name and password.
    #[error(
        "{why} (camera at {camera}): write USER:PASSWORD into a file of its own (chmod 600) and name it in `credentials` under [source], or \
         into the environment variable CELOSIA_CAMERA_LOGIN"
    )]
    Denied {
        /// Its host and port.
        camera: String,
        /// What it refuses.
        why: &'static str,
    },
    /// A network camera that does not answer, or not as it should.
    #[error(
        "the camera at {camera} cannot be used: {why}; is it switched on and in this network, and is `url` under [source] that of its stream?"
    )]
    Network {
        /// Its host and port.
        camera: String,
        /// What happened.
        why: String,
    },
    /// Nothing came.
    #[error("the source delivered nothing for {} s; it is opened again", .0.as_secs_f32())]
    Silent(Duration),
    /// A fault in the source's code or its library.
    #[error("the source failed unexpectedly: {0}")]
    Panicked(String),
    /// The clock of this machine is not set.
    #[error("this machine's clock says it is before 2020; set it (NTP), since every picture is signed with its time")]
    Clock,
    /// The system gives no thread.
    #[error("no thread could be started for capture: {0}")]
    Thread(std::io::Error),
}

/// What to do after an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Drop this picture; the next may be good.
    Skip,
    /// Open the source again, after a while.
    Reopen,
    /// Give up: it would be the same again.
    End,
}

impl Error {
    /// What to do after it.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Garbage(_) | Self::Clock => Step::Skip,
            Self::Unreadable { .. }
            | Self::Device(_)
            | Self::Login(_)
            | Self::Denied { .. }
            | Self::Network { .. }
            | Self::Silent(_)
            | Self::Panicked(_)
            | Self::Thread(_) => Step::Reopen,
            Self::Size(_)
            | Self::NotY4m { .. }
            | Self::Truncated { .. }
            | Self::Unsupported { .. }
            | Self::NoPictures(_)
            | Self::Address(_) => Step::End,
        }
    }

    /// Whether opening again soon can only do harm: cameras lock out whoever tries wrong passwords again and again.
    #[must_use]
    pub const fn lasting(&self) -> bool {
        matches!(self, Self::Denied { .. })
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".to_owned())
}

/// How many pictures a second, for a text.
fn rate_text(interval: Duration) -> String {
    let rate = 1.0 / interval.as_secs_f64();
    let rounded = (rate * 100.0).round() / 100.0;
    if rounded >= 1.0 { format!("{rounded} pictures a second") } else { format!("a picture every {} s", interval.as_secs_f64().round()) }
}

#[cfg(test)]
mod tests;
