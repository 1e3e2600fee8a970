//! A subscription: messages in, verified frames out, and a verdict at any moment.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use link::camera_certificate::{self, Revocation};
use link::endpoint::connect;
use link::exit::{Code, Error, OrExit as _};
use link::stream;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use wire::assess::{self, Assessor, Config, Mode, Now, Standing};
use wire::frame::{MAX_FRAME, SignedFrame};
use wire::grants::Grant;
use wire::id::{CameraId, Fingerprint, Micros, Name};
use wire::message::{self, GapCause, Layers, MAX_CONTROL, Message, Span, Subscribe};
use wire::verdict::{Reason, Report};
use wire::verify::{Record, Verified};

use crate::relay::{PATIENCE, Relay, refusal};

/// Messages that wait for whoever shows them. More is not useful: when they are shown late, the relay skips to the newest group.
const WAITING: usize = 16;

/// Frames that are read ahead of that, at once: one whose packets are late must not hold up the next.
const READING: usize = 8;

/// The one subscription on a connection of ours.
const SUBSCRIPTION: u32 = 1;

/// What to watch, and how.
#[derive(Debug, Clone)]
pub struct Options {
    /// Which camera.
    pub camera: Name,
    /// Since when, until when.
    pub span: Span,
    /// The key whose sealed layers and grants are wanted; `None` for the public layer alone.
    pub recipient: Option<Fingerprint>,
    /// Of a range: percent of real time, 0 for as fast as it goes.
    pub pace: u16,
    /// Only key frames.
    pub key_frames_only: bool,
}

/// The camera, as the operator's CA introduces it.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Its name at the relay.
    pub name: Name,
    /// Its key.
    pub id: CameraId,
    /// Whether it was taken back.
    pub revocation: Revocation,
}

impl Camera {
    /// What another introduction changes: neither key nor name. What was taken back once stays so, though the relay may find an older list.
    fn introduced_again(&self, again: Self) -> Result<Self, Error> {
        if (again.id, &again.name) != (self.id, &self.name) {
            return Err(Error::new(Code::Data, format!("the relay swapped the camera behind {} while it was watched", self.name)));
        }
        let revoked = matches!(self.revocation, Revocation::Revoked { .. }) && !matches!(again.revocation, Revocation::Revoked { .. });
        Ok(if revoked { self.clone() } else { again })
    }
}

/// What happens.
#[derive(Debug)]
pub enum Event {
    /// The next frame, verified, with its record and our own grants under it.
    Frame {
        /// The frame.
        frame: Box<Verified<SignedFrame>>,
        /// The record that it is sealed under.
        record: std::sync::Arc<Verified<Record>>,
        /// Our own grants, each listed in the record.
        grants: Vec<Grant>,
    },
    /// Frames are missing before the next one.
    Gap(Reason),
    /// The relay skipped for us, because we were too slow.
    Skipped {
        /// How many frames.
        frames: u64,
    },
    /// The camera's session ended in order; another may follow.
    SessionEnd,
}

enum Incoming {
    Message(Message),
    Lost(Error),
}

/// A running subscription. Dropping it ends it.
pub struct Watch {
    camera: Camera,
    assessor: Assessor,
    root: Vec<u8>,
    incoming: mpsc::Receiver<Incoming>,
    endpoint: Endpoint,
    connection: Connection,
    _control: SendStream,
    _readers: JoinSet<()>,
    started: Instant,
    done: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Watch({})", self.camera.name)
    }
}

impl Watch {
    /// Subscribes, and waits until the relay has said who the camera is. `highest` is the highest frame of a camera that was seen live
    /// before; `known` may refuse the camera.
    ///
    /// # Errors
    /// When the relay refuses, is lost, or nobody vouches for the camera.
    pub async fn open(
        relay: Relay,
        options: &Options,
        known: impl FnOnce(&Camera) -> Result<Option<(u64, u64)>, Error>,
    ) -> Result<Self, Error> {
        let Relay { connection, mut send, receive, root, endpoint } = relay;
        let subscribe = Message::Subscribe(Subscribe {
            subscription: SUBSCRIPTION,
            camera: options.camera.clone(),
            layers: if options.recipient.is_some() { Layers::Sealed } else { Layers::Public },
            span: options.span,
            pace: options.pace,
            key_frames_only: options.key_frames_only,
        });
        stream::write(&mut send, &[], subscribe.encode()).await.or_exit(Code::Unavailable)?;

        let (sender, mut incoming) = mpsc::channel(WAITING);
        let mut readers = JoinSet::new();
        readers.spawn(read_control(connection.clone(), receive, sender.clone()));
        readers.spawn(read_streams(connection.clone(), sender));

        let early = tokio::time::timeout(PATIENCE, first_camera(&mut incoming)).await;
        let (message, early) = early.map_err(|_| Error::new(Code::Unavailable, "the relay did not say who the camera is"))??;
        let camera = introduce(&message, &root.certificate)?;
        if camera.name != options.camera {
            return Err(Error::new(Code::Data, format!("the relay was asked for {} and answers with {}", options.camera, camera.name)));
        }
        let highest = known(&camera)?;
        let live = matches!(options.span, Span::Live);
        let mode = if live { Mode::Live { tolerance: Mode::TOLERANCE, highest } } else { Mode::Range };
        let assessor = Assessor::new(Config {
            camera: camera.id,
            mode,
            recipient: options.recipient,
            patience: Config::PATIENCE,
            memory: live.then_some(Config::MEMORY),
        });
        let assessor = if options.key_frames_only { assessor.key_frames_only() } else { assessor };
        let root = root.certificate.to_vec();
        let mut watch = Self {
            camera,
            assessor,
            root,
            incoming,
            endpoint,
            connection,
            _control: send,
            _readers: readers,
            started: Instant::now(),
            done: false,
        };
        watch.assessor.standing(standing(&watch.camera.revocation));
        for message in early {
            watch.take(message)?;
        }
        Ok(watch)
    }

    /// Says good-bye to the relay, and waits until that is on its way.
    pub async fn close(self) {
        self.connection.close(0u32.into(), b"done");
        // Bounded: a relay that is gone does not hold us up.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.endpoint.wait_idle()).await;
    }

    /// Who the camera is.
    #[must_use]
    pub const fn camera(&self) -> &Camera {
        &self.camera
    }

    /// The verdict at this moment.
    #[must_use]
    pub fn report(&self) -> Report {
        self.assessor.report(self.now())
    }

    /// The frame before the newest group: what whoever watches again must see something newer than.
    #[must_use]
    pub fn before_newest_group(&self) -> Option<(u64, u64)> {
        self.assessor.before_newest_group()
    }

    /// The next event; waits for it. After the end of a range there is none. May be dropped while it waits, and called again.
    ///
    /// # Errors
    /// When the connection is lost or the relay refuses to go on.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            let now = self.now();
            if let Some(event) = self.assessor.next(now) {
                return Ok(Some(self.event(event)));
            }
            if self.done {
                return Ok(None);
            }
            let wake = self.assessor.wake_at().map(|at| self.started + at);
            let message = tokio::select! {
                biased;
                message = self.incoming.recv() => message,
                () = sleep_until(wake) => continue,
            };
            match message {
                Some(Incoming::Message(message)) => {
                    if let Some(event) = self.take(message)? {
                        return Ok(Some(event));
                    }
                }
                Some(Incoming::Lost(error)) => return Err(error),
                None => return Err(Error::new(Code::Unavailable, "the connection to the relay was lost")),
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<Option<Event>, Error> {
        let now = self.now();
        match message {
            Message::Camera(message) => {
                // Sent again when revocation lists change; a camera does not change its key on the way.
                self.camera = self.camera.introduced_again(introduce(&message, &self.root)?)?;
                self.assessor.standing(standing(&self.camera.revocation));
            }
            Message::Record { record, .. } => self.assessor.record(record, now),
            Message::Grants(grants) => self.assessor.grants(grants),
            Message::Frame { session, frame, .. } => self.assessor.frame(session, frame, now),
            Message::Gap(gap) => {
                self.assessor.gap(&gap);
                if gap.cause == GapCause::Slow {
                    return Ok(Some(Event::Skipped { frames: gap.last.saturating_sub(gap.first).saturating_add(1) }));
                }
            }
            Message::EndOfRange { .. } => {
                self.assessor.finish();
                self.done = true;
            }
            Message::Refused(refused) => return Err(refusal(&refused.text, refused.reason)),
            Message::Receipt { .. } | Message::AuditHead { .. } => {}
            Message::Hello(_) | Message::Publish { .. } | Message::Subscribe(_) | Message::Unsubscribe { .. } | Message::DurableAck(_) => {
                return Err(Error::new(Code::Data, format!("the relay sent “{}” out of turn", message.name())));
            }
        }
        Ok(None)
    }

    fn event(&self, event: assess::Event) -> Event {
        match event {
            assess::Event::Frame(frame, record) => {
                let grants = self.assessor.own_grants(record.digest()).to_vec();
                Event::Frame { frame, record, grants }
            }
            assess::Event::Gap(reason) => Event::Gap(reason),
            assess::Event::End(_) => Event::SessionEnd,
        }
    }

    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), wall: wall_clock() }
    }
}

/// Everything that came before the camera's introduction waits for it.
async fn first_camera(incoming: &mut mpsc::Receiver<Incoming>) -> Result<(message::Camera, Vec<Message>), Error> {
    let mut early = Vec::new();
    loop {
        match incoming.recv().await {
            Some(Incoming::Message(Message::Camera(camera))) => return Ok((camera, early)),
            Some(Incoming::Message(Message::Refused(refused))) => return Err(refusal(&refused.text, refused.reason)),
            Some(Incoming::Message(message)) if early.len() < 4 * WAITING => early.push(message),
            Some(Incoming::Message(_)) => return Err(Error::new(Code::Data, "the relay does not say who the camera is")),
            Some(Incoming::Lost(error)) => return Err(error),
            None => return Err(Error::new(Code::Unavailable, "the connection to the relay was lost")),
        }
    }
}

pub(crate) fn introduce(message: &message::Camera, root: &[u8]) -> Result<Camera, Error> {
    let camera = camera_certificate::verify(&message.chain, root, &message.crls, wall_clock())
        .or_exit_with(Code::Data, "nobody vouches for this camera: ask the relay's operator")?;
    if camera.name != message.name {
        return Err(Error::new(Code::Data, format!("the camera {} shows a certificate made for {}", message.name, camera.name)));
    }
    Ok(Camera { name: camera.name, id: camera.id, revocation: camera.revocation })
}

pub(crate) const fn standing(revocation: &Revocation) -> Standing {
    match revocation {
        Revocation::NotRevoked => Standing::Known { revocation_unknown_since: None },
        Revocation::UnknownSince(since) => Standing::Known { revocation_unknown_since: Some(*since) },
        Revocation::Revoked { distrust_since } => Standing::Revoked { since: *distrust_since },
    }
}

async fn read_control(connection: Connection, mut receive: RecvStream, sender: mpsc::Sender<Incoming>) {
    let lost = loop {
        match stream::read(&mut receive, MAX_CONTROL).await {
            Ok(Some(bytes)) => match Message::decode(bytes) {
                Ok(message) => {
                    if sender.send(Incoming::Message(message)).await.is_err() {
                        return;
                    }
                }
                Err(malformed) => break Error::new(Code::Data, format!("the relay sent a message that cannot be read: {malformed}")),
            },
            Ok(None) | Err(_) => {
                let reason = connection.closed().await;
                break Error::new(Code::Unavailable, format!("the connection to the relay was lost: {}", connect::explain(&reason)));
            }
        }
    };
    // Nobody may be listening any more.
    let _ = sender.send(Incoming::Lost(lost)).await;
}

/// Live, every frame is a stream of its own; a range is one stream.
async fn read_streams(connection: Connection, sender: mpsc::Sender<Incoming>) {
    let mut readers = JoinSet::new();
    loop {
        tokio::select! {
            stream = connection.accept_uni(), if readers.len() < READING => match stream {
                Ok(stream) => {
                    readers.spawn(read_stream(stream, sender.clone()));
                }
                // The control stream's reader says why.
                Err(_) => break,
            },
            Some(_) = readers.join_next() => {}
        }
    }
    while readers.join_next().await.is_some() {}
}

async fn read_stream(mut stream: RecvStream, sender: mpsc::Sender<Incoming>) {
    // The relay resets what it skips, and says so on the control stream.
    while let Ok(Some(bytes)) = stream::read(&mut stream, MAX_FRAME + 64).await {
        let incoming = Message::decode(bytes).map_or_else(
            |malformed| Incoming::Lost(Error::new(Code::Data, format!("the relay sent a message that cannot be read: {malformed}"))),
            Incoming::Message,
        );
        if sender.send(incoming).await.is_err() {
            return;
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The clock on the wall, as frames carry it.
#[must_use]
pub fn wall_clock() -> Micros {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Micros(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn another_introduction_changes_neither_key_nor_name_nor_takes_a_revocation_back() {
        let camera = |name: &str, id, revocation| Camera { name: name.parse().unwrap(), id: CameraId([id; 32]), revocation };
        let revoked = Revocation::Revoked { distrust_since: Micros(7) };
        let first = camera("front-door", 1, Revocation::NotRevoked);
        assert!(first.introduced_again(camera("front-door", 2, Revocation::NotRevoked)).is_err());
        assert!(first.introduced_again(camera("back-door", 1, Revocation::NotRevoked)).is_err());
        let later = first.introduced_again(camera("front-door", 1, revoked)).unwrap();
        assert_eq!(later.revocation, revoked);
        for older in [Revocation::NotRevoked, Revocation::UnknownSince(Micros(3))] {
            assert_eq!(later.introduced_again(camera("front-door", 1, older)).unwrap().revocation, revoked);
            assert_eq!(first.introduced_again(camera("front-door", 1, older)).unwrap().revocation, older, "the control");
        }
    }
}
