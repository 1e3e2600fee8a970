//! A recording (`camera-agent run --out`): messages from a file, verified as if a relay had sent them.

use std::path::Path;

use link::exit::{Code, Error};
use link::recording::HEAD;
use link::stream::{self, ReadError};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, BufReader};
use wire::assess::{self, Assessor, Config, Mode, Now};
use wire::frame::MAX_FRAME;
use wire::id::Fingerprint;
use wire::message::{MAX_CONTROL, Message};
use wire::verdict::Report;

use crate::watch::{Camera, Event, introduce, standing, wall_clock};

/// No message in it is longer: a frame in its envelope, or a full list of grants.
const LONGEST: usize = if MAX_FRAME + 64 > MAX_CONTROL { MAX_FRAME + 64 } else { MAX_CONTROL };

/// A recording that is being read.
pub struct Recording {
    file: BufReader<File>,
    name: String,
    camera: Camera,
    assessor: Assessor,
    done: bool,
    torn: bool,
    /// How many messages were read.
    read: u32,
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Recording({})", self.name)
    }
}

impl Recording {
    /// Opens it, and reads which camera it is of. With a fingerprint, grants of that key are looked at.
    ///
    /// # Errors
    /// When there is no such file, it is no recording, or the certificates in it do not make a camera.
    pub async fn open(path: &Path, recipient: Option<Fingerprint>) -> Result<Self, Error> {
        let name = path.display().to_string();
        let unreadable = |error: std::io::Error| Error::new(Code::of_input(&error), format!("{name} cannot be read: {error}"));
        let mut file = BufReader::new(File::open(path).await.map_err(unreadable)?);
        let mut head = Vec::with_capacity(HEAD.len());
        let length = u64::try_from(HEAD.len()).unwrap_or(u64::MAX);
        (&mut file).take(length).read_to_end(&mut head).await.map_err(unreadable)?;
        let none = || Error::new(Code::Data, format!("{name} is no recording: camera-agent run --out makes one"));
        if head != HEAD {
            return Err(none());
        }
        let first = stream::read(&mut file, MAX_CONTROL).await.ok().flatten().and_then(|bytes| Message::decode(bytes).ok());
        let Some(Message::Camera(message)) = first else { return Err(none()) };
        // The file brings its own root: it says how the operator called the camera, and who that was is for people to compare.
        let root = message.chain.last().cloned().unwrap_or_default();
        let camera = introduce(&message, &root)?;
        let config = Config { camera: camera.id, mode: Mode::Range, recipient, patience: Config::PATIENCE, memory: None };
        let mut assessor = Assessor::new(config);
        assessor.standing(standing(&camera.revocation));
        Ok(Self { file, name, camera, assessor, done: false, torn: false, read: 0 })
    }

    /// Whose it is.
    #[must_use]
    pub const fn camera(&self) -> &Camera {
        &self.camera
    }

    /// Whether it breaks off inside a message: whatever wrote it was stopped in the middle.
    #[must_use]
    pub const fn torn(&self) -> bool {
        self.torn
    }

    /// The verdict on what was read so far.
    #[must_use]
    pub fn report(&self) -> Report {
        self.assessor.report(self.now())
    }

    /// The next event, or none at the end.
    ///
    /// # Errors
    /// When what comes next is no message of a recording.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            match self.assessor.next(self.now()) {
                Some(assess::Event::Frame(frame, record)) => {
                    let grants = self.assessor.own_grants(record.digest()).to_vec();
                    return Ok(Some(Event::Frame { frame, record, grants }));
                }
                Some(assess::Event::Gap(reason)) => return Ok(Some(Event::Gap(reason))),
                Some(assess::Event::End(_)) => return Ok(Some(Event::SessionEnd)),
                None if self.done => return Ok(None),
                None => self.read().await?,
            }
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
        let damaged = |why: String| Error::new(Code::Data, format!("{} is damaged: {why}", self.name));
        let message = match stream::read(&mut self.file, LONGEST).await {
            Ok(Some(bytes)) => Message::decode(bytes).map_err(|error| damaged(error.to_string()))?,
            ended @ (Ok(None) | Err(ReadError::CutOff)) => {
                (self.done, self.torn) = (true, ended.is_err());
                self.assessor.finish();
                return Ok(());
            }
            Err(error) => return Err(damaged(error.to_string())),
        };
        self.read = self.read.saturating_add(1);
        let now = self.now();
        match message {
            Message::Record { record, .. } => self.assessor.record(record, now),
            Message::Grants(grants) => self.assessor.grants(grants),
            Message::Frame { session, frame, .. } => self.assessor.frame(session, frame, now),
            other => return Err(damaged(format!("it holds a message “{}”", other.name()))),
        }
        Ok(())
    }

    /// What does not stand before a frame does not stand behind it either: with every message the time is over in which it might have come.
    fn now(&self) -> Now {
        Now { monotonic: Config::PATIENCE.saturating_mul(self.read).saturating_mul(2), wall: wall_clock() }
    }
}
