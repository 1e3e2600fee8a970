//! An agent that has a camera's real key and certificate, and sends what the test says.

use bytes::Bytes;
use link::address::Relay;
use link::endpoint::{self, Transport};
use link::stream;
use link::tls::{self, Identity, RootFingerprint, Trust};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use wire::frame::SignedFrame;
use wire::message::{Hello, MAX_CONTROL, Message, Refused};

use crate::camera::Camera;
use crate::patience::{PATIENCE, within};

/// The subscription that it publishes under.
const SUBSCRIPTION: u32 = 1;

/// A connected agent.
pub struct EvilAgent {
    /// What signs for it.
    pub camera: Camera,
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
    _endpoint: Endpoint,
}

impl EvilAgent {
    /// Connects, greets and publishes.
    pub async fn connect(relay: &Relay, root: RootFingerprint, identity: &Identity, camera: Camera) -> Self {
        match Self::greet(relay, root, identity, camera).await {
            Ok(mut agent) => {
                agent.say(&Message::Publish { subscription: SUBSCRIPTION, backfill: 0 }).await;
                agent
            }
            Err(other) => panic!("the relay does not greet: {other:?}"),
        }
    }

    /// Connects and greets.
    ///
    /// # Errors
    /// What the relay says instead of a greeting.
    pub async fn greet(relay: &Relay, root: RootFingerprint, identity: &Identity, camera: Camera) -> Result<Self, Option<Message>> {
        let client = tls::Client::new(Trust::Pinned(root), Some(identity), tls::PEER).unwrap();
        let endpoint = endpoint::client(&Transport::AGENT).unwrap();
        let (connection, _) = endpoint::connect(&endpoint, &client, &Transport::AGENT, relay, PATIENCE).await.unwrap();
        let (send, receive) = connection.open_bi().await.unwrap();
        let mut agent = Self { camera, connection, send, receive, _endpoint: endpoint };
        agent.say(&Message::Hello(Hello::new(None))).await;
        match agent.hear().await {
            Some(Message::Hello(_)) => Ok(agent),
            other => Err(other),
        }
    }

    /// Says something on the control stream.
    pub async fn say(&mut self, message: &Message) {
        self.say_raw(message.encode()).await;
    }

    /// Says bytes as a message on the control stream.
    pub async fn say_raw(&mut self, message: Bytes) {
        // The relay may have had enough.
        let _ = stream::write(&mut self.send, &[], message).await;
    }

    async fn hear(&mut self) -> Option<Message> {
        let read = within("an answer", stream::read(&mut self.receive, MAX_CONTROL)).await;
        read.ok().flatten().map(|bytes| Message::decode(bytes).unwrap())
    }

    /// Announces the running epoch.
    pub async fn announce(&mut self) {
        let record = self.camera.record();
        self.say(&Message::Record { subscription: SUBSCRIPTION, record }).await;
        let grants = self.camera.grants(SUBSCRIPTION, None);
        if !grants.grants.is_empty() {
            self.say(&Message::Grants(grants)).await;
        }
    }

    /// Signs a stream of whole groups and sends each on a stream of its own, as an honest agent does.
    pub async fn send(&mut self, stream: &str) -> Vec<SignedFrame> {
        let frames = self.camera.frames(stream);
        self.send_frames(&frames).await;
        frames
    }

    /// Sends frames, a new stream for every key frame.
    pub async fn send_frames(&self, frames: &[SignedFrame]) {
        let mut group: Vec<Bytes> = Vec::new();
        for frame in frames {
            if frame.header().flags.key && !group.is_empty() {
                self.send_raw(&std::mem::take(&mut group)).await;
            }
            group.push(message(frame));
        }
        self.send_raw(&group).await;
    }

    /// Sends messages on one stream, whatever they are.
    pub async fn send_raw(&self, messages: &[Bytes]) {
        let Ok(mut stream) = self.connection.open_uni().await else { return };
        for message in messages {
            // The relay may have had enough in the middle of it.
            let _ = stream::write(&mut stream, &[], message.clone()).await;
        }
        let _ = stream.finish();
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
        within("the end of the connection", self.connection.closed()).await;
        refused
    }
}

/// A frame's message as an agent sends it.
#[must_use]
pub fn message(frame: &SignedFrame) -> Bytes {
    let session = frame.context().session.number;
    Message::Frame { subscription: SUBSCRIPTION, session, frame: frame.bytes().clone() }.encode()
}
