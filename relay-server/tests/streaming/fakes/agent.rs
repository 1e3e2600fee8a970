//! An agent that does what a test says, good or bad.

use bytes::Bytes;
use link::endpoint::Transport;
use link::stream;
use link::tls::Identity;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::time::timeout;
use wire::frame::SignedFrame;
use wire::message::{Hello, MAX_CONTROL, Message, Refused};

use super::camera::Camera;
use super::{PATIENCE, Relay};

/// The subscription that it publishes under.
pub const SUBSCRIPTION: u32 = 7;

/// The subscription of earlier frames.
pub const BACKFILL: u32 = 70;

pub struct Agent {
    pub camera: Camera,
    pub identity: Identity,
    pub connection: Connection,
    pub send: SendStream,
    pub receive: RecvStream,
    _endpoint: Endpoint,
}

impl Agent {
    /// A camera that is enrolled, connected and publishes.
    pub async fn start(relay: &Relay, name: &str, camera: Camera) -> Self {
        let identity = relay.enrol(name, &camera.key);
        Self::connect(relay, identity, camera).await
    }

    /// Connects, greets and publishes.
    pub async fn connect(relay: &Relay, identity: Identity, camera: Camera) -> Self {
        let mut agent = Self::greet(relay, identity, camera).await;
        agent.say(&Message::Publish { subscription: SUBSCRIPTION, backfill: BACKFILL }).await;
        agent
    }

    /// Connects and greets.
    pub async fn greet(relay: &Relay, identity: Identity, camera: Camera) -> Self {
        let (endpoint, connection) = relay.connect(Some(&identity), &Transport::AGENT).await;
        let (send, receive) = connection.open_bi().await.unwrap();
        let mut agent = Self { camera, identity, connection, send, receive, _endpoint: endpoint };
        agent.say(&Message::Hello(Hello::new(None))).await;
        match agent.hear().await {
            Some(Message::Hello(_)) => agent,
            other => panic!("no greeting but {other:?}"),
        }
    }

    pub async fn say(&mut self, message: &Message) {
        stream::write(&mut self.send, &[], message.encode()).await.unwrap();
    }

    pub async fn hear(&mut self) -> Option<Message> {
        let read = timeout(PATIENCE, stream::read(&mut self.receive, MAX_CONTROL)).await.unwrap();
        read.ok().flatten().map(|bytes| Message::decode(bytes).unwrap())
    }

    /// Waits for the relay's refusal, and for it to close the connection.
    pub async fn refusal(&mut self) -> Refused {
        let refused = loop {
            match self.hear().await {
                Some(Message::Refused(refused)) => break refused,
                Some(_) => {}
                None => panic!("closed without a refusal: {:?}", self.connection.close_reason()),
            }
        };
        timeout(PATIENCE, self.connection.closed()).await.unwrap();
        refused
    }

    /// Signs and announces an epoch.
    pub async fn epoch(&mut self) {
        let record = self.camera.begin_epoch();
        self.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
        if !self.camera.grants.is_empty() {
            self.say(&Message::Grants(self.camera.grants(SUBSCRIPTION))).await;
        }
    }

    /// Signs a stream of whole groups and sends each on a stream of its own.
    pub async fn send(&mut self, text: &str) -> Vec<SignedFrame> {
        if self.camera.record.is_none() {
            self.epoch().await;
        }
        let frames = self.camera.frames(text);
        self.send_frames(&frames).await;
        frames
    }

    /// Sends frames, a new stream for every key frame.
    pub async fn send_frames(&self, frames: &[SignedFrame]) {
        self.send_under(SUBSCRIPTION, frames).await;
    }

    /// The same, as earlier ones.
    pub async fn backfill(&self, frames: &[SignedFrame]) {
        self.send_under(BACKFILL, frames).await;
    }

    async fn send_under(&self, subscription: u32, frames: &[SignedFrame]) {
        let mut stream: Option<SendStream> = None;
        for frame in frames {
            if frame.header().flags.key {
                stream = Some(self.connection.open_uni().await.unwrap());
            }
            let head = Message::frame_head(subscription, frame.context().session.number);
            // The relay may have had enough in the middle of it.
            let _ = stream::write(stream.as_mut().unwrap(), &head, frame.bytes().clone()).await;
        }
    }

    /// Sends messages on one stream, whatever they are.
    pub async fn send_raw(&self, messages: &[Bytes]) {
        let mut stream = self.connection.open_uni().await.unwrap();
        for message in messages {
            let _ = stream::write(&mut stream, &[], message.clone()).await;
        }
        let _ = stream.finish();
    }
}

/// A frame's message, as [`Agent::send_raw`] takes it.
pub fn message(frame: &SignedFrame) -> Bytes {
    let session = frame.context().session.number;
    Message::Frame { subscription: SUBSCRIPTION, session, frame: frame.bytes().clone() }.encode()
}
