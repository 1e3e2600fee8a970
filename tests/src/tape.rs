//! A tape: what an honest relay would send to one viewer, message by message. An attack changes it and does not hold the camera's key.

use bytes::Bytes;
use wire::frame::{Body, Frame, LayerKind, SignedFrame};
use wire::id::ViewerKeys;
use wire::message::{self, Message};

use crate::camera::Camera;
use crate::operator::Operator;

/// The subscription that all messages name; viewers have one.
const SUBSCRIPTION: u32 = 1;

/// What is sent, in this order.
#[derive(Debug, Clone, Default)]
pub struct Tape(pub Vec<Message>);

impl Tape {
    /// A camera's stream as that reader is sent it: introduction, record, grants, frames.
    #[must_use]
    pub fn of(operator: &Operator, name: &str, camera: &mut Camera, stream: &str, reader: Option<ViewerKeys>) -> Self {
        let introduction = Message::Camera(operator.introduction(name, &camera.key));
        Self(vec![introduction]).then(camera, stream, reader)
    }

    /// The same camera goes on (in another session, say).
    #[must_use]
    pub fn then(mut self, camera: &mut Camera, stream: &str, reader: Option<ViewerKeys>) -> Self {
        self.0.push(Message::Record { subscription: SUBSCRIPTION, record: camera.record() });
        if reader.is_some() {
            self.0.push(Message::Grants(camera.grants(SUBSCRIPTION, reader)));
        }
        self.0.extend(camera.frames(stream).iter().map(frame));
        self
    }

    /// Adds a message at the end.
    #[must_use]
    pub fn and(mut self, message: Message) -> Self {
        self.0.push(message);
        self
    }

    /// How many frames it has.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.0.iter().filter(|message| matches!(message, Message::Frame { .. })).count()
    }

    /// Where its frame of that number (in order) stands.
    fn at(&self, number: usize) -> usize {
        let frames = self.0.iter().enumerate().filter(|(_, message)| matches!(message, Message::Frame { .. }));
        frames.map(|(at, _)| at).nth(number).unwrap()
    }

    /// Without a frame.
    #[must_use]
    pub fn without(mut self, number: usize) -> Self {
        self.0.remove(self.at(number));
        self
    }

    /// With two frames exchanged.
    #[must_use]
    pub fn exchanged(mut self, one: usize, other: usize) -> Self {
        let (one, other) = (self.at(one), self.at(other));
        self.0.swap(one, other);
        self
    }

    /// With a frame sent once more, at the end.
    #[must_use]
    pub fn again(mut self, number: usize) -> Self {
        self.0.push(self.0[self.at(number)].clone());
        self
    }

    /// With other bytes for a frame.
    #[must_use]
    pub fn frame(mut self, number: usize, change: impl FnOnce(&mut Vec<u8>)) -> Self {
        let at = self.at(number);
        if let Message::Frame { frame, .. } = &mut self.0[at] {
            let mut bytes = frame.to_vec();
            change(&mut bytes);
            *frame = Bytes::from(bytes);
        }
        self
    }

    /// With other fields of a frame, as whoever lacks the key can change them.
    #[must_use]
    pub fn reframe(self, number: usize, change: impl FnOnce(&mut Frame)) -> Self {
        self.frame(number, |bytes| {
            let mut frame = Frame::decode(Bytes::copy_from_slice(bytes)).unwrap();
            change(&mut frame);
            *bytes = frame.encode().to_vec();
        })
    }

    /// The fields of a frame.
    #[must_use]
    pub fn read(&self, number: usize) -> Frame {
        Frame::decode(self.bytes(number)).unwrap()
    }

    /// With every sealed layer of every frame replaced by its digest.
    #[must_use]
    pub fn stripped(mut self) -> Self {
        for number in 0..self.frames() {
            self = self.reframe(number, |frame| {
                for layer in &mut frame.layers {
                    if layer.kind != LayerKind::Public {
                        layer.body = Body::Withheld(layer.digest());
                    }
                }
            });
        }
        self
    }

    /// The bytes of a frame.
    #[must_use]
    pub fn bytes(&self, number: usize) -> Bytes {
        match &self.0[self.at(number)] {
            Message::Frame { frame, .. } => frame.clone(),
            _ => Bytes::new(),
        }
    }

    /// With something done to every record.
    #[must_use]
    pub fn records(mut self, change: impl Fn(&mut wire::sign::SignedRecord)) -> Self {
        for message in &mut self.0 {
            if let Message::Record { record, .. } = message {
                change(record);
            }
        }
        self
    }

    /// With something done to every `grants`; those of which nothing is left are not sent.
    #[must_use]
    pub fn grants(mut self, change: impl Fn(message::Grants) -> Option<message::Grants>) -> Self {
        let keep = |message| match message {
            Message::Grants(grants) => change(grants).map(Message::Grants),
            other => Some(other),
        };
        self.0 = self.0.into_iter().filter_map(keep).collect();
        self
    }
}

/// A frame's message.
#[must_use]
pub fn frame(frame: &SignedFrame) -> Message {
    Message::Frame { subscription: SUBSCRIPTION, session: frame.context().session.number, frame: frame.bytes().clone() }
}
