//! `camera-agent check`: everything that is wrong before the camera runs, at once, and what would be captured.

#[cfg(feature = "webcam")]
mod devices;

use std::path::Path;
use std::time::{Duration, Instant};

use link::camera_certificate;
use link::exit::Code;
use link::file;
use link::settings::Problems;
use serde::Serialize;

use crate::agent::{Intro, Parts};
use crate::capture::{self, About, Capture, Clock, Taken};
use crate::config::{Config, Owner};
use crate::detect::{Model, Small};
use crate::enroll::Enrolment;
use crate::picture::Size;
use crate::publish;
use crate::session::{self, Session};
use crate::viewers::{self, FILE, Viewers};
#[cfg(feature = "webcam")]
pub use devices::Device;

/// How long before its end a certificate is worth a word.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// How long the source may take to deliver its first picture.
const FIRST: Duration = Duration::from_secs(10);

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// All is well; said because somebody may want to know.
    Fine,
    /// The agent runs, but somebody should do something.
    Warning,
    /// The agent does not start, or would publish nothing.
    Error,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// What it is and what to do.
    pub text: String,
    /// The exit code that it calls for.
    #[serde(skip)]
    pub code: Code,
}

/// Everything that was found, in the order in which it was looked for.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
    /// The cameras of this machine.
    #[cfg(feature = "webcam")]
    pub devices: Vec<Device>,
}

impl Report {
    /// The exit code: of the first error, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.findings.iter().find(|finding| finding.weight == Weight::Error).map(|finding| finding.code)
    }

    fn fine(&mut self, text: impl ToString) {
        self.findings.push(Finding { weight: Weight::Fine, text: text.to_string(), code: Code::Usage });
    }

    fn warn(&mut self, text: impl ToString) {
        self.findings.push(Finding { weight: Weight::Warning, text: text.to_string(), code: Code::Usage });
    }

    fn error(&mut self, code: Code, text: impl ToString) {
        self.findings.push(Finding { weight: Weight::Error, text: text.to_string(), code });
    }

    /// An error that knows its exit code.
    fn fail(&mut self, error: impl Into<link::exit::Error>) {
        let error = error.into();
        self.error(error.code, error.message);
    }
}

/// Looks at everything that an agent with this configuration needs. It writes nothing but the file of the lock.
pub async fn check(config: Result<Config, Problems>) -> Report {
    let mut report = Report::default();
    let config = match config {
        Ok(config) => config,
        Err(Problems(problems)) => {
            problems.into_iter().for_each(|problem| report.error(Code::Usage, problem));
            return report;
        }
    };
    let now = match Clock::system().now() {
        Ok(stamp) => stamp.captured_at,
        Err(error) => {
            report.error(Code::Usage, error);
            return report;
        }
    };
    let dir = config.camera.dir.as_path();
    let enrolment = enrolment(&config, dir, now, &mut report);
    let viewers = authorized(&config, dir, &mut report);
    if let Err(error @ session::Error::Running(_)) = Session::try_lock(dir) {
        report.warn(format!("{error}. A camera that it holds cannot be opened here"));
    }
    let looked = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || {
            let mut report = Report::default();
            // Before the source holds one of them.
            #[cfg(feature = "webcam")]
            devices::devices(devices::listed(), &config.source, &mut report);
            let about = source(&config, &mut report);
            let size = about.as_ref().and_then(|about| about.size);
            if let Some(model) = config.detector() {
                detector(model.as_ref(), size, &config, &mut report);
            }
            (about, report)
        })
    };
    match looked.await {
        Ok((about, found)) => {
            report.findings.extend(found.findings);
            #[cfg(feature = "webcam")]
            report.devices.extend(found.devices);
            if let (Some(about), Some(viewers)) = (&about, &viewers) {
                Intro::warnings(&config, about, viewers).into_iter().for_each(|warning| report.warn(warning));
            }
        }
        Err(error) => report.error(Code::Internal, format!("looking at the source failed, by this program's own fault: {error}")),
    }
    spool(&config, dir, &mut report);
    if let Some(enrolment) = enrolment {
        relay(&config, &enrolment, &mut report).await;
    }
    report
}

fn enrolment(config: &Config, dir: &Path, now: wire::id::Micros, report: &mut Report) -> Option<Enrolment> {
    let enrolment = match Enrolment::load(dir) {
        Ok(enrolment) => enrolment,
        Err(error) => {
            report.fail(error);
            return None;
        }
    };
    let key = dir.join(crate::enroll::KEY);
    if file::is_exposed(&key).unwrap_or(false) {
        let text = "may be read by others than its owner, and whoever has it can sign as this camera: chmod 600 it";
        report.error(Code::NotAllowed, format!("{} {text}", key.display()));
    }
    match camera_certificate::verify(&enrolment.chain, &enrolment.root.certificate, &[] as &[&[u8]], now) {
        Ok(camera) if camera.not_after.distance(now) < SOON => {
            report.warn("the camera's certificate ends within 30 days: ask the relay's operator for a new invitation");
        }
        Ok(_) => {}
        Err(error) => report.error(Code::Data, error),
    }
    match Parts::enrolled(config, &enrolment) {
        Ok(_) => report.fine(format!("enrolled as {} at {}, camera id {}", enrolment.name, enrolment.relay, enrolment.id())),
        Err(error) => report.fail(error),
    }
    Some(enrolment)
}

fn authorized(config: &Config, dir: &Path, report: &mut Report) -> Option<Viewers> {
    let path = dir.join(FILE);
    match Viewers::load(&path) {
        Err(error) => {
            report.fail(crate::agent::Error::from(error));
            None
        }
        Ok(viewers) => {
            if viewers::is_exposed(&path) {
                let text = "can be written by others than its owner, who could grant themselves everything: chmod go-w it";
                report.error(Code::NotAllowed, format!("{} {text}", path.display()));
            }
            if config.camera.owner == Owner::Viewers && viewers.owners().next().is_none() {
                report.fail(crate::agent::Error::NoOwner(path));
            } else {
                let (all, owners) = (viewers.list().len(), viewers.owners().count());
                report.fine(format!("{all} may unlock, {owners} of them as owner of the camera"));
            }
            Some(viewers)
        }
    }
}

/// Opens the source and waits for a picture.
fn source(config: &Config, report: &mut Report) -> Option<About> {
    let capture = match Capture::start(config.source.opener(), config.source.capture(), Clock::system()) {
        Ok(capture) => capture,
        Err(error) => {
            report.fail(crate::agent::Error::from(error));
            return None;
        }
    };
    let mut about = capture.about().clone();
    match capture.take(FIRST) {
        Taken::Picture(picture) => {
            about.size = Some(picture.size());
            report.fine(format!("captures {}", about.text));
        }
        Taken::Nothing => report.error(Code::Unavailable, capture::Error::Silent(FIRST)),
        Taken::Ended(Some(error)) => report.fail(crate::agent::Error::Ended(error)),
        Taken::Ended(None) => report.error(Code::Data, "the source ended before its first picture"),
    }
    Some(about)
}

/// Loads the detector and lets it look once.
fn detector(model: &dyn Model, size: Option<Size>, config: &Config, report: &mut Report) {
    let Some(size) = size.or_else(|| Size::new(1280, 720).ok()) else { return };
    let look = || {
        let mut detector = model.load()?;
        let small = Small::blank(size, model.small(size));
        // The first look makes it ready, the second is like all others.
        detector.detect(&small)?;
        let begun = Instant::now();
        detector.detect(&small)?;
        Ok::<_, crate::detect::Error>(begun.elapsed())
    };
    match look() {
        Err(error) => report.error(Code::NoInput, error),
        Ok(took) => {
            report.fine(format!("looks for faces with {}, {} ms a picture here", model.name(), took.as_millis()));
            // A picture that just missed one detection waits for the rest of it, and for the whole next one.
            let needed = took * 2 + config.detect.every;
            if needed > config.detect.look_ahead {
                report.warn(format!(
                    "a picture may wait {} ms for its detection here, and detect.look_ahead is {} ms: pictures without one in time are \
                     masked whole. Set a smaller detect.width or a longer look_ahead",
                    needed.as_millis(),
                    config.detect.look_ahead.as_millis()
                ));
            }
        }
    }
}

/// What waits in the spool, and whether the disk has room for what it may grow to.
fn spool(config: &Config, dir: &Path, report: &mut Report) {
    let Some(spool) = config.spool.at(dir) else {
        return report.warn("[spool] is off: what is captured while the relay cannot be reached is lost to it");
    };
    let waiting = match crate::spool::bytes_in(&spool.dir) {
        Ok(bytes) => bytes,
        Err(error) => {
            return report.error(Code::of_output(&error), format!("the spool in {} cannot be read: {error}", spool.dir.display()));
        }
    };
    if waiting > 0 {
        report.fine(format!("{:.1} MB in the spool wait for the relay", waiting as f64 / 1e6));
    }
    // Its folder may not be there yet; it will be on the same disk.
    if let Ok(disk) = rustix::fs::statvfs(dir) {
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free.saturating_add(waiting) < spool.bytes {
            report.warn(format!(
                "spool.bytes is {} MB, and the disk of {} has {} MB left: when it is full, the newest frames are not kept",
                spool.bytes / 1_000_000,
                dir.display(),
                free / 1_000_000
            ));
        }
    }
}

async fn relay(config: &Config, enrolment: &Enrolment, report: &mut Report) {
    let relay = config.relay().unwrap_or_else(|| enrolment.relay.clone());
    let identity = match enrolment.identity() {
        Ok(identity) => identity,
        Err(error) => return report.fail(error),
    };
    let publish = publish::Config::new(relay.clone(), enrolment.root.fingerprint, identity);
    match publish::probe(&publish).await {
        Ok(()) => report.fine(format!("{relay} answers, is the relay that this camera was enrolled at, and knows the camera")),
        Err(error @ publish::Lost::Refused { .. }) => report.error(Code::NotAllowed, error),
        Err(error) => report.error(Code::Unavailable, error),
    }
}

#[cfg(test)]
mod tests;
