//! What peers say to each other: one enum, whole from the start. What is not built yet is refused by name; retired numbers stay, marked.

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader, put_long, put_short};
use crate::context::VERSION;
use crate::frame::MAX_FRAME;
use crate::grants::{Grant, GrantList, read_grants, write_grants};
use crate::id::{Digest, Fingerprint, Micros, Name};
use crate::receipt::SignedReceipt;
use crate::sign::SignedRecord;

/// No message but a frame is longer than this: a camera's certificates, or a full list of grants.
pub const MAX_CONTROL: usize = 16 << 20;

/// What a stranger may send in one message, before it is known who speaks.
pub const MAX_HELLO: usize = 256;

const MAX_TICKET: usize = 64;
const MAX_CERTIFICATE: usize = 4096;
const MAX_CERTIFICATES: usize = 4;
const MAX_CRL: usize = 1 << 20;
const MAX_CRLS: usize = 2;
const MAX_REASON: usize = 255;
const MAX_HEAD: usize = 1024;

/// One message. A subscription is a number that its opener chose, unique on its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// The first message in both directions.
    Hello(Hello),
    /// An agent is about to send its camera's frames.
    Publish {
        /// Chosen by the agent.
        subscription: u32,
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
    /// Everything of a session up to a sequence is durable.
    DurableAck {
        /// Which.
        subscription: u32,
        /// Of which session.
        session: u64,
        /// The last durable sequence.
        sequence: u64,
    },
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

/// Who speaks, as far as it needs to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// [`VERSION`] of the speaker.
    pub version: u8,
    /// A one-use ticket from the API.
    pub ticket: Option<Bytes>,
    /// The key whose grants are wanted, of a viewer without an account.
    pub fingerprint: Option<Fingerprint>,
}

impl Hello {
    /// A greeting in this version.
    #[must_use]
    pub const fn new(fingerprint: Option<Fingerprint>) -> Self {
        Self { version: VERSION, ticket: None, fingerprint }
    }
}

/// Which layers a viewer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Layers {
    /// The masked picture; sealed layers come as digests.
    Public = 0,
    /// The sealed layers too, with the grants.
    Sealed = 1,
}

/// From when to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// From the newest group on.
    Live,
    /// What was captured in that time, both ends included.
    Range {
        /// Not before.
        from: Micros,
        /// Not after.
        to: Micros,
    },
}

/// What a viewer wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscribe {
    /// Chosen by the viewer.
    pub subscription: u32,
    /// Which camera.
    pub camera: Name,
    /// Which layers.
    pub layers: Layers,
    /// When.
    pub span: Span,
    /// Of a range, how fast: percent of real time, 0 for as fast as it goes.
    pub pace: u16,
    /// Only key frames.
    pub key_frames_only: bool,
}

/// Who a camera is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Which subscription.
    pub subscription: u32,
    /// Its name at this relay.
    pub name: Name,
    /// DER (RFC 5280), the camera's own first, the root last.
    pub chain: Vec<Bytes>,
    /// DER: of the root, and of the issuing CA.
    pub crls: Vec<Bytes>,
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

/// Something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Which subscription; 0 for the connection.
    pub subscription: u32,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people.
    pub text: String,
}

macro_rules! reasons {
    ($($number:literal $name:ident $text:literal, $doc:literal;)*) => {
        /// Why something was refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Reason {
            $(#[doc = $doc] $name = $number,)*
        }

        impl Reason {
            /// A short name for counters and scripts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            const fn from_number(number: u16) -> Option<Self> {
                match number { $($number => Some(Self::$name),)* _ => None }
            }
        }
    };
}

reasons! {
    1 Version "version", "The peers speak no common version.";
    2 NotBuilt "not-built", "This version does not do that yet.";
    3 Malformed "malformed", "The message could not be read.";
    4 OutOfTurn "out-of-turn", "The message does not belong here.";
    5 UnknownCamera "unknown-camera", "No camera of that name.";
    6 NotAllowed "not-allowed", "The speaker may not do that.";
    7 TooMany "too-many", "A limit was reached; later may work.";
    8 NotVerified "not-verified", "A record or frame did not verify.";
    9 Forked "forked", "Another frame with that session and sequence is held already.";
    10 Replaced "replaced", "The same camera connected again.";
    11 Stopping "stopping", "The relay is shutting down.";
    12 Storage "storage", "The relay cannot store at the moment.";
    13 Offline "offline", "The camera is not connected.";
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
                out.extend_from_slice(&[Self::HELLO, hello.version]);
                put_short(&mut out, hello.ticket.as_deref().unwrap_or_default());
                put_short(&mut out, hello.fingerprint.as_ref().map_or(&[][..], |fingerprint| fingerprint.as_bytes()));
            }
            Self::Publish { subscription } => put_numbered(&mut out, Self::PUBLISH, *subscription),
            Self::Subscribe(subscribe) => subscribe.write(&mut out),
            Self::Unsubscribe { subscription } => put_numbered(&mut out, Self::UNSUBSCRIBE, *subscription),
            Self::Camera(camera) => {
                put_numbered(&mut out, Self::CAMERA, camera.subscription);
                put_short(&mut out, camera.name.as_str().as_bytes());
                put_list(&mut out, &camera.chain);
                put_list(&mut out, &camera.crls);
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
            Self::DurableAck { subscription, session, sequence } => {
                put_numbered(&mut out, Self::DURABLE_ACK, *subscription);
                put_numbers(&mut out, &[*session, *sequence]);
            }
            Self::Receipt { subscription, receipt } => {
                put_numbered(&mut out, Self::RECEIPT, *subscription);
                out.extend_from_slice(&receipt.encode());
            }
            Self::EndOfRange { subscription } => put_numbered(&mut out, Self::END_OF_RANGE, *subscription),
            Self::Refused(refused) => {
                put_numbered(&mut out, Self::REFUSED, refused.subscription);
                out.extend_from_slice(&(refused.reason as u16).to_be_bytes());
                put_short(&mut out, cut(&refused.text, MAX_REASON).as_bytes());
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
            Self::HELLO => Self::Hello(read_hello(&mut reader)?),
            Self::PUBLISH => Self::Publish { subscription: read_subscription(&mut reader)? },
            Self::SUBSCRIBE => Self::Subscribe(Subscribe::read(&mut reader)?),
            Self::UNSUBSCRIBE => Self::Unsubscribe { subscription: read_subscription(&mut reader)? },
            Self::CAMERA => Self::Camera(Camera {
                subscription: read_subscription(&mut reader)?,
                name: read_name(&mut reader)?,
                chain: read_list(&mut reader, "certificate", MAX_CERTIFICATES, MAX_CERTIFICATE)?,
                crls: read_list(&mut reader, "revocation list", MAX_CRLS, MAX_CRL)?,
            }),
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
            Self::DURABLE_ACK => Self::DurableAck {
                subscription: read_subscription(&mut reader)?,
                session: reader.u64("session")?,
                sequence: reader.u64("sequence")?,
            },
            Self::RECEIPT => {
                let subscription = read_subscription(&mut reader)?;
                return Ok(Self::Receipt { subscription, receipt: SignedReceipt::decode(reader.rest())? });
            }
            Self::END_OF_RANGE => Self::EndOfRange { subscription: read_subscription(&mut reader)? },
            Self::REFUSED => Self::Refused(Refused {
                subscription: read_subscription(&mut reader)?,
                reason: Reason::from_number(reader.u16("reason")?).ok_or(Malformed::new("reason", Problem::Unknown))?,
                text: read_text(&mut reader)?,
            }),
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
            Self::DurableAck { .. } => "durable-ack",
            Self::Receipt { .. } => "receipt",
            Self::EndOfRange { .. } => "end-of-range",
            Self::Refused(_) => "refused",
            Self::AuditHead { .. } => "audit-head",
        }
    }
}

impl Subscribe {
    const LIVE: u8 = 0;
    const RANGE: u8 = 1;

    fn write(&self, out: &mut Vec<u8>) {
        put_numbered(out, Message::SUBSCRIBE, self.subscription);
        put_short(out, self.camera.as_str().as_bytes());
        out.push(self.layers as u8);
        match self.span {
            Span::Live => out.push(Self::LIVE),
            Span::Range { from, to } => {
                out.push(Self::RANGE);
                put_numbers(out, &[from.0, to.0]);
            }
        }
        out.extend_from_slice(&self.pace.to_be_bytes());
        out.push(self.key_frames_only.into());
    }

    fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let subscription = read_subscription(reader)?;
        let camera = read_name(reader)?;
        let layers = match reader.u8("layers")? {
            0 => Layers::Public,
            1 => Layers::Sealed,
            _ => return Err(Malformed::new("layers", Problem::Unknown)),
        };
        let span = match reader.u8("span")? {
            Self::LIVE => Span::Live,
            Self::RANGE => Span::Range { from: Micros(reader.u64("from")?), to: Micros(reader.u64("to")?) },
            _ => return Err(Malformed::new("span", Problem::Unknown)),
        };
        if matches!(span, Span::Range { from, to } if from > to) {
            return Err(Malformed::new("span", Problem::Contradiction));
        }
        let pace = reader.u16("pace")?;
        let key_frames_only = match reader.u8("key frames only")? {
            0 => false,
            1 => true,
            _ => return Err(Malformed::new("key frames only", Problem::Unknown)),
        };
        Ok(Self { subscription, camera, layers, span, pace, key_frames_only })
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

fn put_list(out: &mut Vec<u8>, items: &[Bytes]) {
    out.push(u8::try_from(items.len()).unwrap_or(u8::MAX));
    for item in items {
        put_long(out, item);
    }
}

fn read_list(reader: &mut Reader, field: &'static str, most: usize, cap: usize) -> Result<Vec<Bytes>, Malformed> {
    let count = reader.count(field, most)?;
    (0..count).map(|_| reader.long(field, cap)).collect()
}

fn read_subscription(reader: &mut Reader) -> Result<u32, Malformed> {
    reader.u32("subscription")
}

fn read_name(reader: &mut Reader) -> Result<Name, Malformed> {
    const FIELD: &str = "camera name";
    let bytes = reader.short(FIELD, 32)?;
    std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok()).ok_or(Malformed::new(FIELD, Problem::Text))
}

fn read_text(reader: &mut Reader) -> Result<String, Malformed> {
    let bytes = reader.short("text", MAX_REASON)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| Malformed::new("text", Problem::Text))?;
    // It is shown on terminals: no escape sequences from a stranger.
    if text.chars().any(char::is_control) { Err(Malformed::new("text", Problem::Text)) } else { Ok(text.to_owned()) }
}

fn read_hello(reader: &mut Reader) -> Result<Hello, Malformed> {
    let version = reader.u8("version")?;
    let ticket = reader.short("ticket", MAX_TICKET)?;
    let fingerprint = reader.short("fingerprint", 32)?;
    let fingerprint = match &fingerprint[..] {
        [] => None,
        bytes => Some(Fingerprint(bytes.try_into().map_err(|_| Malformed::new("fingerprint", Problem::Truncated))?)),
    };
    Ok(Hello { version, ticket: (!ticket.is_empty()).then_some(ticket), fingerprint })
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

/// The longest prefix of at most `most` bytes that ends between two characters.
fn cut(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
