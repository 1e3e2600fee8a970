//! An agent: everything put together, started, watched and stopped. The program and the tests start the same one.

mod follow;
mod intro;
mod status;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use link::exit::{self, Code};
use link::shutdown::Shutdown;
use link::tls::BadIdentity;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wire::id::CameraId;

use crate::capture::{self, Capture, Clock, Opener};
use crate::config::{Config, Owner};
use crate::detect::{self, Model, Worker};
use crate::enroll::{self, Enrolment};
use crate::picture::Size;
use crate::pipeline::{self, Back, Front, Progress};
use crate::publish::{self, Gauge, Outlet, Publisher};
use crate::recording::{self, Recording};
use crate::sealing::{self, Authorized, Sealer, Terms};
use crate::session::{self, Session};
use crate::sign::Signer;
use crate::viewers::{self, Change, FILE, Viewers, Watch};
use crate::{encode, mask};

use follow::Follower;
pub use intro::{Intro, Unlocks};
pub use status::Status;

/// How often the list of viewers and the file with the masks are looked at.
const WATCH: Duration = Duration::from_secs(1);

/// How often the log says how it goes.
const REPORT: Duration = Duration::from_secs(60);

/// How long the last frames may take to reach the relay once the pipeline has ended.
const FAREWELL: Duration = Duration::from_secs(4);

/// What an agent is made of.
pub struct Parts {
    /// The camera's key.
    pub key: SigningKey,
    /// The folder with `authorized_viewers` and what is remembered from one session to the next.
    pub dir: PathBuf,
    /// Opens the source.
    pub source: Arc<Opener>,
    /// How capture behaves.
    pub capture: capture::Config,
    /// Finds faces; `None` where the config does not look for any.
    pub detector: Option<Arc<dyn Model>>,
    /// How the detector is run.
    pub worker: detect::Config,
    /// Says what time it is.
    pub clock: Clock,
    /// Where signed frames go.
    pub destination: Destination,
}

impl Parts {
    /// Those of an enrolled camera, as the config says.
    ///
    /// # Errors
    /// When the config is for another camera, or its key cannot be used.
    pub fn enrolled(config: &Config, enrolment: &Enrolment) -> Result<Self, Error> {
        if let Some(name) = config.name().filter(|name| *name != enrolment.name) {
            return Err(Error::OtherName { config: name, enrolled: enrolment.name.clone() });
        }
        let relay = config.relay().unwrap_or_else(|| enrolment.relay.clone());
        let publish = publish::Config::new(relay, enrolment.root.fingerprint, enrolment.identity()?);
        let publish = publish::Config { patience: config.publish.patience, spool: config.spool.at(&config.camera.dir), ..publish };
        Ok(Self {
            key: enrolment.key.clone(),
            dir: config.camera.dir.clone(),
            source: config.source.opener(),
            capture: config.source.capture(),
            detector: config.detector(),
            worker: config.detect.worker(),
            clock: Clock::system(),
            destination: Destination::Relay(Box::new(publish)),
        })
    }

    /// The same, with a file instead of the relay.
    ///
    /// # Errors
    /// As [`Self::enrolled`], and when there is a file of that name, or none can be made.
    pub fn recording(config: &Config, enrolment: &Enrolment, file: &Path) -> Result<Self, Error> {
        let parts = Self::enrolled(config, enrolment)?;
        let recording = Recording::create(file, enrolment)?;
        let destination = Destination::Outlet(Box::new(recording), format!("nowhere: recorded in {}", file.display()));
        Ok(Self { destination, ..parts })
    }
}

/// Where signed frames go.
pub enum Destination {
    /// To a relay.
    Relay(Box<publish::Config>),
    /// Wherever somebody else takes them; the text says where.
    Outlet(Box<dyn Outlet>, String),
}

/// Why an agent does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The source, or the clock.
    #[error(transparent)]
    Capture(#[from] capture::Error),
    /// The source gave up.
    #[error("capture ended: {0}")]
    Ended(Arc<capture::Error>),
    /// The folder.
    #[error(transparent)]
    Session(#[from] session::Error),
    /// The list of viewers.
    #[error(transparent)]
    Viewers(#[from] viewers::Error),
    /// Nobody owns the camera.
    #[error("no owner is named in {}, so nobody could hand out or delete what this camera seals", .0.display())]
    NoOwner(PathBuf),
    /// The file that it is to record in.
    #[error(transparent)]
    Recording(#[from] recording::Error),
    /// Keys.
    #[error(transparent)]
    Sealing(#[from] sealing::Error),
    /// The codec.
    #[error(transparent)]
    Encode(#[from] encode::Error),
    /// The certificate.
    #[error("{0}. Restore camera.key and camera.crt from one backup, or enrol again")]
    Identity(#[from] BadIdentity),
    /// The enrolment.
    #[error(transparent)]
    Enrolment(#[from] enroll::Error),
    /// The config names another camera.
    #[error("the configuration is for `{config}`, and the folder holds the key of `{enrolled}`: one of the two is the wrong one")]
    OtherName {
        /// In the config.
        config: wire::id::Name,
        /// In the certificate.
        enrolled: wire::id::Name,
    },
    /// The system gives no thread.
    #[error("no thread could be started: {0}")]
    Thread(std::io::Error),
    /// A fault in this program.
    #[error("the pipeline ended unexpectedly, by this program's own fault; nothing was published after that")]
    Broken,
}

impl From<publish::NotStarted> for Error {
    fn from(error: publish::NotStarted) -> Self {
        match error {
            publish::NotStarted::Identity(error) => Self::Identity(error),
            publish::NotStarted::Thread(error) => Self::Thread(error),
        }
    }
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Capture(error) => source_code(error),
            Error::Ended(error) => source_code(error),
            Error::Session(session::Error::Running(_)) => Code::Unavailable,
            Error::Session(session::Error::File { why, .. }) => Code::of_output(why),
            Error::Recording(recording::Error { why, .. }) => Code::of_output(why),
            Error::Session(_) | Error::Identity(_) => Code::Data,
            Error::Viewers(viewers::Error::Unreadable { why, .. }) => Code::of_input(why),
            Error::Viewers(_) | Error::OtherName { .. } => Code::Usage,
            Error::NoOwner(_) => {
                let help = "camera-agent viewers add NAME --owner names one; owner = \"none\" under [camera] does without";
                return Self::of(Code::Usage, &error).with_help(help);
            }
            Error::Enrolment(_) => {
                let Error::Enrolment(error) = error else { return Self::of(Code::Internal, &error) };
                return error.into();
            }
            Error::Sealing(_) | Error::Encode(_) | Error::Thread(_) | Error::Broken => Code::Internal,
        };
        Self::of(code, &error)
    }
}

fn source_code(error: &capture::Error) -> Code {
    match error {
        capture::Error::Unreadable { why, .. } => Code::of_input(why),
        capture::Error::Size(_) | capture::Error::Clock | capture::Error::Address(_) | capture::Error::Login(_) => Code::Usage,
        capture::Error::Denied { .. } => Code::NotAllowed,
        capture::Error::NotY4m { .. }
        | capture::Error::Truncated { .. }
        | capture::Error::Unsupported { .. }
        | capture::Error::Garbage(_) => Code::Data,
        capture::Error::NoPictures(_) => Code::NoInput,
        capture::Error::Device(_) | capture::Error::Network { .. } | capture::Error::Silent(_) => Code::Unavailable,
        capture::Error::Panicked(_) | capture::Error::Thread(_) => Code::Internal,
    }
}

/// An agent that runs.
pub struct Agent {
    intro: Intro,
    camera: CameraId,
    session: wire::id::SessionId,
    progress: Arc<Progress>,
    publisher: Option<Publisher>,
    pipeline: oneshot::Receiver<Result<(), Arc<capture::Error>>>,
    minder: JoinHandle<()>,
    stop: Shutdown,
}

impl Agent {
    /// Starts it: opens the source, begins a session, and lets everything run until `stop`. Call it inside the tokio runtime.
    ///
    /// # Errors
    /// When anything that it needs is not there. Nothing was captured then.
    pub async fn start(config: &Config, parts: Parts, stop: Shutdown) -> Result<Self, Error> {
        let Parts { key, dir, source, capture, detector, worker, clock, destination } = parts;
        clock.now()?;
        let list = dir.join(FILE);
        let watch = Watch::open(&list)?;
        if config.camera.owner == Owner::Viewers && watch.current().owners().next().is_none() {
            return Err(Error::NoOwner(list));
        }
        // Opening a device may block; the runtime goes on meanwhile.
        let opened = tokio::task::spawn_blocking({
            let clock = clock.clone();
            move || Capture::start(source, capture, clock)
        });
        let capture = opened.await.map_err(|_| Error::Broken)??;
        let detector = detector.filter(|_| config.detect.on);
        let session = Session::begin(&dir)?;
        let encoder = config.encode.encoder().start()?;
        let terms = Arc::new(Terms {
            key,
            session: session.id(),
            link: session.link(),
            source: capture.about().kind,
            labels: config.labels(),
            detector: detector.as_ref().map(|model| model.name()).unwrap_or_default(),
        });
        if viewers::is_exposed(&list) {
            tracing::warn!(
                "{} can be written by others than its owner, who could grant themselves everything: chmod go-w it",
                list.display()
            );
        }
        let authorized = Authorized::new(Arc::clone(watch.current()));
        let sealer = Sealer::new(Arc::clone(&terms), authorized.clone(), config.camera.epoch, Instant::now())?;
        let intro = Intro::new(config, &terms, capture.about(), watch.current(), &destination);
        let (publisher, outlet) = match destination {
            Destination::Relay(config) => {
                let (publisher, inlet) = Publisher::start(*config, stop.clone())?;
                (Some(publisher), Box::new(inlet) as Box<dyn Outlet>)
            }
            Destination::Outlet(outlet, _) => (None, outlet),
        };
        let progress = Arc::new(Progress::default());
        let (masks, fill) = (masks(config, capture.about().size), config.masking.fill());
        let change = mask::Change::default();
        let follower = Follower::new(config, capture.about(), &terms.detector, change.clone());
        let worker = detector.map(|model| Worker::start(model, detect::Config { warm_up: capture.about().size, ..worker }));
        let front = Front::new(capture, worker, masks, fill, Arc::clone(&progress)).following(change);
        let signer = Signer::new(&terms, session);
        let camera = terms.camera();
        let back = Back::new(encoder, sealer, signer, outlet, Arc::clone(&progress));

        let (tell, pipeline) = oneshot::channel();
        let until = stop.clone();
        let body = move || {
            let _ = tell.send(pipeline::run(front, back, &clock, &until));
        };
        std::thread::Builder::new().name("pipeline".into()).spawn(body).map_err(Error::Thread)?;
        let minder = tokio::spawn(mind(watch, authorized, follower, Arc::clone(&progress), publisher.as_ref().map(Publisher::gauge)));
        Ok(Self { intro, camera, session: terms.session, progress, publisher, pipeline, minder, stop })
    }

    /// What it says when it starts.
    #[must_use]
    pub const fn intro(&self) -> &Intro {
        &self.intro
    }

    /// How it goes.
    #[must_use]
    pub fn status(&self) -> Status {
        Status::new(self.camera, self.session, &self.progress, self.publisher.as_ref().map(Publisher::status))
    }

    /// Asks it to stop: the session is ended, and its end is sent.
    pub fn stop(&self) {
        self.stop.drain();
    }

    /// Waits until it has stopped, because it was asked to or because the source ended, and everything was sent that could be.
    ///
    /// # Errors
    /// Why it could not go on, if it was not asked to stop.
    pub async fn ended(mut self) -> Result<(), Error> {
        let end = (&mut self.pipeline).await;
        if let Some(publisher) = self.publisher.take() {
            let spool = publisher.spool();
            if timeout(FAREWELL, publisher.finished()).await.is_err() {
                let kept = if spool.is_some() { "; they are kept here, and sent at the next start" } else { "" };
                tracing::warn!("the relay did not take the last frames in time{kept}");
                self.stop.abort();
            }
            if let Some(spool) = spool {
                let _ = tokio::task::spawn_blocking(move || spool.stop()).await;
            }
        }
        match end {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(Error::Ended(why)),
            Err(_) => Err(Error::Broken),
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.drain();
        self.minder.abort();
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Agent({}, session {})", self.camera.short(), self.session)
    }
}

/// What the planner masks; `size` is that of the pictures for which the areas were drawn.
pub(crate) fn masks(config: &Config, size: Option<Size>) -> mask::Config {
    let labels = config.labels();
    mask::Config {
        mode: config.masking.mode(),
        fixed: crate::config::masks::fixed(&config.mask, &labels),
        zones: config.zone.iter().filter_map(crate::config::Zone::shape).collect(),
        labels: Arc::new(labels),
        drawn_for: size,
        faces: config.detect.on.then(|| config.detect.faces()),
        grid: config.encode.encoder().codec().grid(),
        ..mask::Config::default()
    }
}

/// Watches the list of viewers and the masks, and tells the log how it goes.
async fn mind(mut watch: Watch, authorized: Authorized, mut follower: Option<Follower>, progress: Arc<Progress>, publish: Option<Gauge>) {
    let mut ticks = tokio::time::interval(WATCH);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut reported = Instant::now();
    let mut before = progress.snapshot();
    loop {
        ticks.tick().await;
        match watch.poll() {
            Change::Same => {}
            Change::New(viewers) => {
                tell(&viewers);
                authorized.replace(viewers);
            }
            Change::Unusable(error) => tracing::warn!("authorized_viewers cannot be used, so the list before stays in force: {error}"),
            Change::Gone => tracing::warn!("authorized_viewers is gone; the list before stays in force until there is another"),
        }
        if let Some(follower) = &mut follower {
            follower.look(watch.current());
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            before = status::report(&progress, &before, publish.as_ref().map(Gauge::status));
        }
    }
}

fn tell(viewers: &Viewers) {
    let (version, count) = (viewers.version(), viewers.list().len());
    tracing::info!(version, viewers = count, "authorized_viewers changed; it is in force from the next epoch on");
    if viewers.owners().next().is_none() {
        tracing::warn!("authorized_viewers names no owner any more");
    }
}
