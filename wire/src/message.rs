//! What peers say to each other: one enum, whole from the start. What is not built yet is refused by name; retired numbers stay, marked.

mod camera;
mod hello;
mod refused;
mod subscribe;

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader};
use crate::frame::MAX_FRAME;
use crate::grants::{Grant, GrantList, read_grants, write_grants};
use crate::id::{Digest, Name};
use crate::receipt::SignedReceipt;
use crate::sign::SignedRecord;

pub use camera::Camera;
pub use hello::Hello;
pub use refused::{Reason, Refused};
pub use subscribe::{Layers, Span, Subscribe};

/// No message but a frame is longer than this: a camera's certificates, or a full list of grants.
pub const MAX_CONTROL: usize = 16 << 20;

/// What a stranger may send in one message, before it is known who speaks.
pub const MAX_HELLO: usize = 256;

const MAX_HEAD: usize = 1024;

/// One message. A subscription is a number that its opener chose, unique on its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first message in both directions.
    Hello(Hello),
    /// An agent is about to send its camera's frames.
    Publish {
        /// Of live frames. Chosen by the agent.
        subscription: u32,
        /// Of earlier ones, which go to the archive and never to live viewers; 0: there will be none.
        backfill: u32,
    },
    /// A viewer wants a camera.
    Subscribe(Subscribe),
    /// A viewer wants no more of it.
    Unsubscribe {
        /// Which.
        subscription: u32,
    },
    /// Who a camera is, before its first frame.
    Camera(Camera),
    /// An epoch record, before the first frame under it.
    Record {
        /// Which.
        subscription: u32,
        /// With its signature.
        record: SignedRecord,
    },
    /// An epoch's grants: the whole list by name, and of the grants themselves those for the reader.
    Grants(Grants),
    /// A frame. Its twelve bytes of envelope are not signed.
    Frame {
        /// Which.
        subscription: u32,
        /// The number of its session, for frames that carry no context.
        session: u64,
        /// [`crate::frame::Frame`], not read yet.
        frame: Bytes,
    },
    /// Frames that will not come.
    Gap(Gap),
    /// Frames of an agent's that the relay has on disk.
    DurableAck(DurableAck),
    /// A closed segment's receipt.
    Receipt {
        /// Which.
        subscription: u32,
        /// With the relay's signature.
        receipt: SignedReceipt,
    },
    /// A range was sent to its end.
    EndOfRange {
        /// Which.
        subscription: u32,
    },
    /// Something was not done.
    Refused(Refused),
    /// A head of the relay's log.
    AuditHead {
        /// Signed by the relay key.
        head: Bytes,
    },
}

/// An epoch's grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Which subscription.
    pub subscription: u32,
    /// The record that names this list.
    pub record: Digest,
    /// Every grant of the epoch by name.
    pub list: GrantList,
    /// From an agent all of them; to a viewer only its own.
    pub grants: Vec<Grant>,
}

/// Frames of an agent's that the relay has on disk: every one of that session from the first to the last of these sequences. One message
/// names no frame that is not held, so gaps and groups that come late take a message of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurableAck {
    /// Which subscription: that of live frames, however they came.
    pub subscription: u32,
    /// Of which session.
    pub session: u64,
    /// The first durable sequence.
    pub first: u64,
    /// The last durable sequence.
    pub last: u64,
}

/// Frames that will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// Which subscription.
    pub subscription: u32,
    /// Of which session.
    pub session: u64,
    /// The first missing sequence.
    pub first: u64,
    /// The last missing sequence.
    pub last: u64,
    /// Why.
    pub cause: GapCause,
}

/// Why frames will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum GapCause {
    /// The viewer was too slow, and skipped to the newest group.
    Slow = 1,
    /// The relay does not have them.
    Missing = 2,
}

impl Message {
    const HELLO: u8 = 1;
    const PUBLISH: u8 = 2;
    const SUBSCRIBE: u8 = 3;
    const UNSUBSCRIBE: u8 = 4;
    const CAMERA: u8 = 5;
    const RECORD: u8 = 6;
    const GRANTS: u8 = 7;
    const FRAME: u8 = 8;
    const GAP: u8 = 9;
    const DURABLE_ACK: u8 = 10;
    const RECEIPT: u8 = 11;
    const END_OF_RANGE: u8 = 12;
    const REFUSED: u8 = 13;
    const AUDIT_HEAD: u8 = 14;

    /// What stands in front of a frame's bytes in its message: kind, subscription, session number. The frame follows to the message's
    /// end, so that its bytes are shared by everyone who is sent them.
    #[must_use]
    pub fn frame_head(subscription: u32, session: u64) -> [u8; 13] {
        let mut head = [Self::FRAME; 13];
        let (_, rest) = head.split_at_mut(1);
        let (first, second) = rest.split_at_mut(4);
        first.copy_from_slice(&subscription.to_be_bytes());
        second.copy_from_slice(&session.to_be_bytes());
        head
    }

    /// The message's bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Hello(hello) => {
                out.push(Self::HELLO);
                hello.write(&mut out);
            }
            Self::Publish { subscription, backfill } => {
                put_numbered(&mut out, Self::PUBLISH, *subscription);
                out.extend_from_slice(&backfill.to_be_bytes());
            }
            Self::Subscribe(subscribe) => {
                put_numbered(&mut out, Self::SUBSCRIBE, subscribe.subscription);
                subscribe.write(&mut out);
            }
            Self::Unsubscribe { subscription } => put_numbered(&mut out, Self::UNSUBSCRIBE, *subscription),
            Self::Camera(camera) => {
                put_numbered(&mut out, Self::CAMERA, camera.subscription);
                camera.write(&mut out);
            }
            Self::Record { subscription, record } => {
                put_numbered(&mut out, Self::RECORD, *subscription);
                out.extend_from_slice(&record.encode());
            }
            Self::Grants(grants) => {
                put_numbered(&mut out, Self::GRANTS, grants.subscription);
                out.extend_from_slice(grants.record.as_bytes());
                grants.list.write(&mut out);
                write_grants(&grants.grants, &mut out);
            }
            Self::Frame { subscription, session, frame } => {
                out.reserve(frame.len());
                out.extend_from_slice(&Self::frame_head(*subscription, *session));
                out.extend_from_slice(frame);
            }
            Self::Gap(gap) => {
                put_numbered(&mut out, Self::GAP, gap.subscription);
                put_numbers(&mut out, &[gap.session, gap.first, gap.last]);
                out.push(gap.cause as u8);
            }
            Self::DurableAck(ack) => {
                put_numbered(&mut out, Self::DURABLE_ACK, ack.subscription);
                put_numbers(&mut out, &[ack.session, ack.first, ack.last]);
            }
            Self::Receipt { subscription, receipt } => {
                put_numbered(&mut out, Self::RECEIPT, *subscription);
                out.extend_from_slice(&receipt.encode());
            }
            Self::EndOfRange { subscription } => put_numbered(&mut out, Self::END_OF_RANGE, *subscription),
            Self::Refused(refused) => {
                put_numbered(&mut out, Self::REFUSED, refused.subscription);
                refused.write(&mut out);
            }
            Self::AuditHead { head } => {
                out.push(Self::AUDIT_HEAD);
                out.extend_from_slice(head);
            }
        }
        out.into()
    }

    /// Reads exactly one message. A frame's bytes are shared, not read.
    ///
    /// # Errors
    /// When the bytes are not exactly one message of this version.
    pub fn decode(bytes: Bytes) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let message = match reader.u8("message kind")? {
            Self::HELLO => Self::Hello(Hello::read(&mut reader)?),
            Self::PUBLISH => Self::Publish { subscription: read_subscription(&mut reader)?, backfill: read_subscription(&mut reader)? },
            Self::SUBSCRIBE => Self::Subscribe(Subscribe::read(read_subscription(&mut reader)?, &mut reader)?),
            Self::UNSUBSCRIBE => Self::Unsubscribe { subscription: read_subscription(&mut reader)? },
            Self::CAMERA => Self::Camera(Camera::read(read_subscription(&mut reader)?, &mut reader)?),
            Self::RECORD => {
                let subscription = read_subscription(&mut reader)?;
                return Ok(Self::Record { subscription, record: SignedRecord::decode(reader.rest())? });
            }
            Self::GRANTS => Self::Grants(Grants {
                subscription: read_subscription(&mut reader)?,
                record: Digest(reader.array("grants")?),
                list: GrantList::read(&mut reader)?,
                grants: read_grants(&mut reader)?,
            }),
            Self::FRAME => {
                let (subscription, session) = (read_subscription(&mut reader)?, reader.u64("session")?);
                if reader.remaining() > MAX_FRAME {
                    return Err(Malformed::new("frame", Problem::TooLong));
                }
                return Ok(Self::Frame { subscription, session, frame: reader.rest() });
            }
            Self::GAP => Self::Gap(read_gap(&mut reader)?),
            Self::DURABLE_ACK => Self::DurableAck(read_durable_ack(&mut reader)?),
            Self::RECEIPT => {
                let subscription = read_subscription(&mut reader)?;
                return Ok(Self::Receipt { subscription, receipt: SignedReceipt::decode(reader.rest())? });
            }
            Self::END_OF_RANGE => Self::EndOfRange { subscription: read_subscription(&mut reader)? },
            Self::REFUSED => Self::Refused(Refused::read(read_subscription(&mut reader)?, &mut reader)?),
            Self::AUDIT_HEAD => {
                if reader.remaining() > MAX_HEAD {
                    return Err(Malformed::new("audit head", Problem::TooLong));
                }
                return Ok(Self::AuditHead { head: reader.rest() });
            }
            _ => return Err(Malformed::new("message kind", Problem::Unknown)),
        };
        reader.end("message")?;
        Ok(message)
    }

    /// The kind's name, for counters and refusals.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Publish { .. } => "publish",
            Self::Subscribe(_) => "subscribe",
            Self::Unsubscribe { .. } => "unsubscribe",
            Self::Camera(_) => "camera",
            Self::Record { .. } => "epoch-record",
            Self::Grants(_) => "grants",
            Self::Frame { .. } => "frame",
            Self::Gap(_) => "gap",
            Self::DurableAck(_) => "durable-ack",
            Self::Receipt { .. } => "receipt",
            Self::EndOfRange { .. } => "end-of-range",
            Self::Refused(_) => "refused",
            Self::AuditHead { .. } => "audit-head",
        }
    }
}

fn put_numbered(out: &mut Vec<u8>, kind: u8, subscription: u32) {
    out.push(kind);
    out.extend_from_slice(&subscription.to_be_bytes());
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[u64]) {
    for number in numbers {
        out.extend_from_slice(&number.to_be_bytes());
    }
}

fn read_subscription(reader: &mut Reader) -> Result<u32, Malformed> {
    reader.u32("subscription")
}

fn read_name(reader: &mut Reader) -> Result<Name, Malformed> {
    const FIELD: &str = "camera name";
    let bytes = reader.short(FIELD, 32)?;
    std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::new(FIELD, Problem::Text))
}

fn read_durable_ack(reader: &mut Reader) -> Result<DurableAck, Malformed> {
    const FIELD: &str = "durable ack";
    let ack = DurableAck {
        subscription: read_subscription(reader)?,
        session: reader.u64(FIELD)?,
        first: reader.u64(FIELD)?,
        last: reader.u64(FIELD)?,
    };
    if ack.first > ack.last { Err(Malformed::new(FIELD, Problem::Contradiction)) } else { Ok(ack) }
}

fn read_gap(reader: &mut Reader) -> Result<Gap, Malformed> {
    let gap = Gap {
        subscription: read_subscription(reader)?,
        session: reader.u64("gap")?,
        first: reader.u64("gap")?,
        last: reader.u64("gap")?,
        cause: match reader.u8("gap")? {
            1 => GapCause::Slow,
            2 => GapCause::Missing,
            _ => return Err(Malformed::new("gap", Problem::Unknown)),
        },
    };
    if gap.first > gap.last { Err(Malformed::new("gap", Problem::Contradiction)) } else { Ok(gap) }
}
