//! The connection to a network camera: on a thread and a runtime of its own, from which encoded pictures come one by one.

use std::future::Future;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{Demuxed, PlayOptions, SessionGroup, SessionOptions, SetupOptions, Transport};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame, VideoParametersCodec};
use tokio::sync::oneshot;
use tokio::time::timeout;
use url::Url;

use super::login::Login;
use super::parameters::{Parameters, Undecodable};
use super::{Carrier, address};
use crate::capture::Error;

/// How long the camera may take for each of its answers.
const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take to hear that nobody looks any more.
const FAREWELL: Duration = Duration::from_secs(1);

/// How many encoded pictures wait for the decoder: a second. When it is slower than the camera, the rest of the group is dropped, so that
/// pictures do not grow old.
const WAITING: usize = 30;

/// One encoded picture.
pub(super) struct Unit {
    /// Annex B, with the parameter sets before each key picture.
    pub data: Vec<u8>,
    /// Whether it needs no other.
    pub key: bool,
    /// Whether something before it was lost.
    pub loss: bool,
    /// What pictures are from here on, where that is new.
    pub parameters: Option<Parameters>,
}

/// A camera that plays. Dropping it ends the connection.
pub(super) struct Session {
    units: Receiver<Result<Unit, Error>>,
    _ends: oneshot::Sender<()>,
}

impl Session {
    /// Connects, and lets it play.
    ///
    /// # Errors
    /// When the camera does not answer, lets nobody in, or has no video that can be decoded.
    pub(super) fn open(url: Url, carrier: Carrier, login: Option<&Login>) -> Result<Self, Error> {
        let (sender, units) = sync_channel(WAITING);
        let (_ends, ends) = oneshot::channel();
        let (tell, told) = sync_channel(1);
        let credentials = login.map(Login::credentials);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build().map_err(Error::Thread)?;
        let body = move || {
            let group = Arc::new(SessionGroup::default());
            let camera = Camera { shown: address::shown(&url), url, carrier, known: credentials.is_some() };
            runtime.block_on(async {
                let options = SessionOptions::default().creds(credentials).session_group(Arc::clone(&group));
                match camera.play(options).await {
                    Ok(playing) => {
                        let _ = tell.send(Ok(()));
                        camera.listen(playing, &sender, ends).await;
                    }
                    Err(error) => drop(tell.send(Err(error))),
                }
                let _ = timeout(FAREWELL, group.await_teardown()).await;
            });
        };
        thread::Builder::new().name("rtsp".into()).spawn(body).map_err(Error::Thread)?;
        // Every answer in there has its deadline.
        told.recv().unwrap_or_else(|_| Err(Error::Panicked("the thread of the network camera ended".to_owned())))?;
        Ok(Self { units, _ends })
    }

    /// Waits at most so long for the next one; `None` when nothing came.
    ///
    /// # Errors
    /// Why no more will come.
    pub(super) fn next(&self, within: Duration) -> Result<Option<Unit>, Error> {
        match self.units.recv_timeout(within) {
            Ok(unit) => unit.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(Error::Panicked("the thread of the network camera ended".to_owned())),
        }
    }
}

/// Whom to talk to, and how to call them.
struct Camera {
    url: Url,
    shown: String,
    carrier: Carrier,
    /// Whether name and password are known.
    known: bool,
}

impl Camera {
    /// Asks for the first H.264 video, and lets it play.
    async fn play(&self, options: SessionOptions) -> Result<(Demuxed, usize), Error> {
        let describe = retina::client::Session::describe(self.url.clone(), options);
        let mut session = self.answer("asked what it offers", describe).await?;
        let videos = || session.streams().iter().enumerate().filter(|(_, stream)| stream.media() == "video");
        let Some((index, _)) = videos().find(|(_, stream)| stream.encoding_name() == "h264") else {
            return Err(self.other(videos().map(|(_, stream)| stream.encoding_name()).next()));
        };
        let transport = match self.carrier {
            Carrier::Tcp => Transport::Tcp(retina::client::TcpTransportOptions::default()),
            Carrier::Udp => Transport::Udp(retina::client::UdpTransportOptions::default()),
        };
        let setup = SetupOptions::default().transport(transport).frame_format(FrameFormat::SIMPLE);
        self.answer("asked for its video", session.setup(index, setup)).await?;
        let playing = self.answer("asked to play", session.play(PlayOptions::default())).await?;
        let demuxed = playing.demuxed().map_err(|error| self.failed(&error))?;
        if let Some(ParametersRef::Video(_)) = demuxed.streams().get(index).and_then(retina::client::Stream::parameters) {
            // What cannot be decoded is said before a picture comes.
            self.parameters(&demuxed, index)?;
        }
        Ok((demuxed, index))
    }

    /// Hands over what comes until nobody wants it, or no more comes.
    async fn listen(
        &self,
        (mut demuxed, index): (Demuxed, usize),
        units: &SyncSender<Result<Unit, Error>>,
        mut ends: oneshot::Receiver<()>,
    ) {
        // The first picture brings its parameters along, known before or not.
        let (mut known, mut lost) = (false, false);
        loop {
            let item = tokio::select! {
                biased;
                _ = &mut ends => return,
                item = demuxed.next() => item,
            };
            let unit = match item {
                Some(Ok(CodecItem::VideoFrame(frame))) => self.unit(&demuxed, index, frame, known),
                Some(Ok(_)) => continue,
                Some(Err(error)) => Err(self.failed(&error)),
                None => Err(self.trouble("it ended the stream")),
            };
            let last = unit.is_err();
            let unit = unit.map(|unit| Unit { loss: unit.loss || lost, ..unit });
            let parameters = unit.as_ref().is_ok_and(|unit| unit.parameters.is_some());
            match units.try_send(unit) {
                Ok(()) => (known, lost) = (known || parameters, false),
                Err(TrySendError::Full(unit)) => {
                    if !lost {
                        tracing::warn!("the network camera sends more than this machine decodes: pictures are dropped");
                    }
                    // Parameters that were lost on the way here come along with the next picture.
                    (known, lost) = (known && !parameters, true);
                    if last {
                        // What went wrong is said in any case, as soon as there is room.
                        let _ = units.send(unit);
                    }
                }
                Err(TrySendError::Disconnected(_)) => return,
            }
            if last {
                return;
            }
        }
    }

    fn unit(&self, demuxed: &Demuxed, index: usize, frame: VideoFrame, known: bool) -> Result<Unit, Error> {
        let parameters = if !known || frame.has_new_parameters() { self.parameters(demuxed, index)? } else { None };
        Ok(Unit { key: frame.is_random_access_point(), loss: frame.loss() > 0, parameters, data: frame.into_data() })
    }

    /// What is known of the pictures, if it is known yet.
    fn parameters(&self, demuxed: &Demuxed, index: usize) -> Result<Option<Parameters>, Error> {
        let Some(ParametersRef::Video(video)) = demuxed.streams().get(index).and_then(retina::client::Stream::parameters) else {
            return Ok(None);
        };
        let VideoParametersCodec::H264 { sps, .. } = video.codec_params() else { return Ok(None) };
        let read = Parameters::read(sps, video.pixel_dimensions().1);
        read.map(Some).map_err(|Undecodable { format, instead }| self.unsupported(format, instead))
    }

    /// Waits for an answer of the camera.
    async fn answer<T>(&self, asked: &str, answer: impl Future<Output = Result<T, retina::Error>>) -> Result<T, Error> {
        match timeout(ANSWER, answer).await {
            Ok(answer) => answer.map_err(|error| self.failed(&error)),
            Err(_) => Err(self.trouble(&format!("{asked}, it said nothing for {} s", ANSWER.as_secs()))),
        }
    }

    fn failed(&self, error: &retina::Error) -> Error {
        let camera = self.shown.clone();
        match (error.status_code(), self.known) {
            (Some(401 | 403), true) => Error::Denied { camera, why: "the camera refuses the name or the password" },
            (Some(401 | 403), false) => Error::Denied { camera, why: "the camera asks for a name and a password" },
            (Some(404), _) => self.trouble("it has no stream at that path (404)"),
            // The library's own words go on over several lines, with addresses and packets for a debugger.
            _ => self.trouble(error.to_string().lines().next().unwrap_or_default()),
        }
    }

    fn trouble(&self, why: &str) -> Error {
        Error::Network { camera: self.shown.clone(), why: why.to_owned() }
    }

    fn unsupported(&self, format: &str, instead: &'static str) -> Error {
        Error::Unsupported { what: format!("the video of the camera at {}", self.shown), format: format.to_owned(), instead }
    }

    /// The camera's video, if it has one, is no H.264.
    fn other(&self, encoding: Option<&str>) -> Error {
        let instead =
            "set this stream's video codec (encoding) to H.264 in the camera's settings, or choose the URL of a stream that has it";
        match encoding {
            Some("h265" | "hevc") => self.unsupported("H.265 (HEVC)", instead),
            Some("jpeg") => self.unsupported("Motion JPEG", instead),
            Some(other) => self.unsupported(other, instead),
            None => self.trouble("it offers no video at that path"),
        }
    }
}
