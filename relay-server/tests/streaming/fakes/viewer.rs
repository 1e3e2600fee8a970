//! A viewer that writes down what it is sent.

use std::sync::Arc;
use std::time::Duration;

use link::api::account::Secret;
use link::endpoint::Transport;
use link::stream;
use quinn::{Connection, Endpoint, SendStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::frame::{Frame, MAX_FRAME};
use wire::id::Fingerprint;
use wire::message::{Hello, Layers, MAX_CONTROL, Message, Refused, Span, Subscribe};

use super::{PATIENCE, Relay};

/// A viewer's subscription to a camera, as most tests want it.
pub fn live(camera: &str) -> Subscribe {
    Subscribe {
        subscription: 1,
        camera: camera.parse().unwrap(),
        layers: Layers::Public,
        span: Span::Live,
        pace: 0,
        key_frames_only: false,
    }
}

pub struct Viewer {
    pub connection: Connection,
    pub send: SendStream,
    messages: mpsc::UnboundedReceiver<Message>,
    _tasks: JoinSet<()>,
    _endpoint: Endpoint,
}

impl Viewer {
    pub async fn connect(relay: &Relay, key: Option<u8>) -> Self {
        Self::with(relay, key, &Transport::VIEWER).await
    }

    pub async fn with(relay: &Relay, key: Option<u8>, transport: &Transport) -> Self {
        Self::greeting(relay, Hello::new(key.map(|key| Fingerprint([key; 32]))), transport).await
    }

    /// With a ticket.
    pub async fn signed_in(relay: &Relay, ticket: &Secret) -> Self {
        let hello = Hello { ticket: Some(ticket.expose().to_vec().into()), ..Hello::new(None) };
        Self::greeting(relay, hello, &Transport::VIEWER).await
    }

    async fn greeting(relay: &Relay, hello: Hello, transport: &Transport) -> Self {
        let (endpoint, connection) = relay.connect(None, transport).await;
        let (mut send, mut receive) = connection.open_bi().await.unwrap();
        stream::write(&mut send, &[], Message::Hello(hello).encode()).await.unwrap();
        let (sender, messages) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let control = sender.clone();
        tasks.spawn(async move {
            while let Ok(Some(bytes)) = stream::read(&mut receive, MAX_CONTROL).await {
                let _ = control.send(Message::decode(bytes).unwrap());
            }
        });
        let accepting = connection.clone();
        tasks.spawn(async move {
            let mut readers = JoinSet::new();
            while let Ok(mut stream) = accepting.accept_uni().await {
                let sender = sender.clone();
                readers.spawn(async move {
                    while let Ok(Some(bytes)) = stream::read(&mut stream, MAX_FRAME).await {
                        let _ = sender.send(Message::decode(bytes).unwrap());
                    }
                });
                while readers.try_join_next().is_some() {}
            }
        });
        let mut viewer = Self { connection, send, messages, _tasks: tasks, _endpoint: endpoint };
        assert!(matches!(viewer.next().await, Some(Message::Hello(_))));
        viewer
    }

    /// A viewer of that camera.
    pub async fn watch(relay: &Relay, camera: &str) -> Self {
        let mut viewer = Self::connect(relay, None).await;
        viewer.say(&Message::Subscribe(live(camera))).await;
        viewer
    }

    /// The same, once frames of the camera are there.
    pub async fn watch_when_online(relay: &Relay, camera: &str) -> Self {
        let name = camera.parse().unwrap();
        let hub = &relay.parts.hub;
        super::eventually("frames", || hub.get(&name).is_some_and(|channel| channel.newest().is_some())).await;
        Self::watch(relay, camera).await
    }

    pub async fn say(&mut self, message: &Message) {
        stream::write(&mut self.send, &[], message.encode()).await.unwrap();
    }

    /// The next message from anywhere; `None` when the connection is gone.
    pub async fn next(&mut self) -> Option<Message> {
        timeout(PATIENCE, self.messages.recv()).await.expect("nothing more came")
    }

    /// What comes within a moment: for what must not come.
    pub async fn soon(&mut self) -> Option<Message> {
        timeout(Duration::from_millis(300), self.messages.recv()).await.ok().flatten()
    }

    /// The next frames, in the order in which they arrive.
    pub async fn frames(&mut self, count: usize) -> Vec<Arc<Frame>> {
        let mut frames = Vec::with_capacity(count);
        while frames.len() < count {
            match self.next().await {
                Some(Message::Frame { frame, .. }) => frames.push(Arc::new(Frame::decode(frame).unwrap())),
                Some(Message::Refused(refused)) => panic!("refused: {refused:?}"),
                Some(_) => {}
                None => panic!("the connection is gone after {} frames", frames.len()),
            }
        }
        frames
    }

    /// The next frames' sequences, sorted.
    pub async fn sequences(&mut self, count: usize) -> Vec<u64> {
        let mut sequences: Vec<u64> = self.frames(count).await.iter().map(|frame| frame.header.sequence).collect();
        sequences.sort_unstable();
        sequences
    }

    pub async fn refusal(&mut self) -> Refused {
        loop {
            match self.next().await {
                Some(Message::Refused(refused)) => return refused,
                Some(_) => {}
                None => panic!("closed without a refusal: {:?}", self.connection.close_reason()),
            }
        }
    }
}
