//! A network camera (IP camera) that sends H.264 over RTSP.
//!
//! ```text
//! camera ── RTSP, RTP over TCP or UDP ──▶ session (a thread and runtime of its own) ──▶ at most a second of units ──▶ decoder ──▶ pictures
//! ```
//!
//! Pictures begin with one that needs no other, and begin again so after every loss: what is decoded without its references shows smeared
//! faces that no detector finds. Whether the camera lives is judged by its pictures, not by its connection.

mod address;
mod decoder;
mod login;
mod parameters;
mod session;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use wire::epoch::SourceKind;

use self::decoder::Decoder;
use self::login::Login;
use self::session::Session;
use super::{About, Error, Source};
use crate::picture::{Planes, Pool, Size};

pub use address::{Address, BadAddress};
pub use login::VARIABLE;

/// How long the first picture may take once the camera plays: cameras that send one whole picture in ten seconds are still waited for.
const FIRST: Duration = Duration::from_secs(14);

/// How long opening a camera may take: three answers, and the first picture.
pub const OPEN: Duration = Duration::from_secs(30);

/// How long any further picture may take.
const NEXT: Duration = Duration::from_secs(10);

/// What carries the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Carrier {
    /// The connection itself: nothing is lost.
    #[default]
    Tcp,
    /// Datagrams: less delay on a bad line, at the price of pictures.
    Udp,
}

/// Which camera.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where its stream is.
    pub address: Address,
    /// What carries the video.
    pub carrier: Carrier,
    /// The file with name and password; without one the environment may have them ([`VARIABLE`]).
    pub login: Option<PathBuf>,
}

/// A camera that plays.
pub struct Camera {
    session: Session,
    decoder: Decoder,
    shown: String,
    carrier: Carrier,
    size: Size,
    /// The first picture, by which the size is known.
    first: Option<Planes>,
}

impl Camera {
    /// Connects, lets it play, and waits for its first picture.
    ///
    /// # Errors
    /// When the camera does not answer or lets nobody in, or its video cannot be decoded.
    pub fn open(config: &Config) -> Result<Self, Error> {
        let url = config.address.url()?;
        let shown = address::shown(&url);
        let login = Login::find(config.login.as_deref())?;
        let session = Session::open(url, config.carrier, login.as_ref())?;
        let mut decoder = Decoder::default();
        let first = first(&session, &mut decoder, &shown)?;
        Ok(Self { session, decoder, shown, carrier: config.carrier, size: first.size(), first: Some(first) })
    }
}

/// The first picture, and if it does not come, why.
fn first(session: &Session, decoder: &mut Decoder, shown: &str) -> Result<Planes, Error> {
    let (until, pool) = (Instant::now() + FIRST, Pool::new(1));
    let (mut units, mut keys, mut refusal) = (0_u32, 0_u32, None);
    while let Some(unit) = session.next(until.saturating_duration_since(Instant::now()))? {
        units += 1;
        keys += u32::from(unit.key);
        match decoder.decode(&unit, &pool) {
            Ok(Some(picture)) => return Ok(picture),
            Ok(None) => {}
            Err(error @ Error::Garbage(_)) => refusal = Some(error),
            Err(error) => return Err(error),
        }
    }
    let camera = shown.to_owned();
    Err(match refusal {
        Some(refusal) => Error::Unsupported {
            what: format!("the video of the camera at {camera}"),
            format: refusal.to_string(),
            instead: "set this stream to H.264 in profile Main or Baseline, progressive, without “smart” or “plus” codecs, in the camera's settings",
        },
        None if units > 0 && keys == 0 => Error::Network {
            camera,
            why: format!(
                "it sent {units} pictures and none that needs no other within {} s; set its key frame interval (I-frame interval, GOP) to 2 s",
                FIRST.as_secs()
            ),
        },
        None => Error::Network { camera, why: format!("it plays, and sent no whole picture within {} s", FIRST.as_secs()) },
    })
}

impl Source for Camera {
    fn about(&self) -> About {
        let carrier = match self.carrier {
            Carrier::Tcp => "TCP",
            Carrier::Udp => "UDP",
        };
        let text = format!("camera at {}, {}, H.264 over {carrier}", self.shown, self.size);
        // It sets its own pace.
        About { kind: SourceKind::Rtsp, text, size: Some(self.size), interval: None, shortfall: None, live: true, reopen: true }
    }

    fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, Error> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        let until = Instant::now() + NEXT;
        while let Some(unit) = self.session.next(until.saturating_duration_since(Instant::now()))? {
            if let Some(picture) = self.decoder.decode(&unit, pool)? {
                return Ok(Some(picture));
            }
        }
        Err(Error::Silent(NEXT))
    }
}
