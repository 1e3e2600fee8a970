//! Messages, one of every kind.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::id::{Digest, Micros, SessionId};
use wire::message::{Camera, DurableAck, Gap, GapCause, Grants, Hello, Layers, Message, Reason, Refused, Span, Subscribe};

use super::{Hex, Vectors, camera, check_malformed, frames, hex, malformed, read, receipts, records, with};

pub const FILE: &str = "messages.json";

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    name: String,
    /// The kind's name; its number is the first byte.
    kind: String,
    bytes: Hex,
}

pub fn every_kind() -> Vec<(&'static str, Message)> {
    let name: wire::id::Name = "front-door".parse().unwrap();
    let session = SessionId { number: 7, nonce: [7; 16] };
    let epoch = camera::front_door().epoch(&camera::Plan::new(7, ""), 3);
    let range = Span::Range { from: camera::START, to: Micros(camera::START.0 + 600_000_000) };
    let live =
        Subscribe { subscription: 1, camera: name.clone(), layers: Layers::Public, span: Span::Live, pace: 0, key_frames_only: false };
    let past = Subscribe { subscription: 2, layers: Layers::Sealed, span: range, pace: 400, key_frames_only: true, ..live.clone() };
    let chain = vec![Bytes::from_static(b"camera certificate"), Bytes::from_static(b"issuing CA"), Bytes::from_static(b"root CA")];
    let frame = frames::film().frames[1].bytes().clone();
    vec![
        ("hello", Message::Hello(Hello::new(None))),
        ("hello with a fingerprint", Message::Hello(Hello::new(Some(camera::guard())))),
        ("hello with a ticket", Message::Hello(Hello { ticket: Some("one-use ticket".into()), ..Hello::new(None) })),
        ("publish", Message::Publish { subscription: 1, backfill: 2 }),
        ("publish, live frames only", Message::Publish { subscription: 1, backfill: 0 }),
        ("subscribe, live", Message::Subscribe(live)),
        ("subscribe, range", Message::Subscribe(past)),
        ("unsubscribe", Message::Unsubscribe { subscription: u32::MAX }),
        ("camera", Message::Camera(Camera { subscription: 1, name: name.clone(), chain, crls: vec![Bytes::from_static(b"crl")] })),
        ("camera without anything", Message::Camera(Camera { subscription: 1, name, chain: Vec::new(), crls: Vec::new() })),
        ("epoch record", Message::Record { subscription: 1, record: records::typical() }),
        ("grants to a viewer", Message::Grants(epoch.grants_for(camera::guard()))),
        ("grants from an agent", Message::Grants(Grants { grants: camera::grants(session, 3), ..epoch.grants_for(camera::guard()) })),
        ("frame", Message::Frame { subscription: 1, session: 7, frame }),
        ("gap, too slow", Message::Gap(Gap { subscription: 1, session: 7, first: 10, last: 39, cause: GapCause::Slow })),
        ("gap, one frame missing", Message::Gap(Gap { subscription: 1, session: 7, first: 10, last: 10, cause: GapCause::Missing })),
        ("durable ack", Message::DurableAck(DurableAck { subscription: 1, session: 7, first: 12, last: 41 })),
        ("durable ack, one frame", Message::DurableAck(DurableAck { subscription: 1, session: 7, first: 41, last: 41 })),
        ("receipt", Message::Receipt { subscription: 1, receipt: receipts::receipt() }),
        ("end of range", Message::EndOfRange { subscription: 2 }),
        ("refused", Message::Refused(Refused { subscription: 1, reason: Reason::UnknownCamera, text: "no camera “front-dor”".into() })),
        ("refused, signed out", Message::Refused(Refused { subscription: 2, reason: Reason::SignedOut, text: "sign in again".into() })),
        ("refused, the whole connection", Message::Refused(Refused { subscription: 0, reason: Reason::Version, text: String::new() })),
        ("audit head", Message::AuditHead { head: Bytes::from_static(b"signed by the relay key") }),
    ]
}

pub fn made() -> Vectors<Said> {
    let messages = every_kind();
    let bytes = |name: &str| messages.iter().find(|(known, _)| *known == name).unwrap().1.encode();
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| with(&bytes(name), |bytes| change(bytes));
    let at = |name: &str, at: usize, value: u8| changed(name, &|bytes| bytes[at] = value);
    let valid =
        messages.iter().map(|(name, message)| Said { name: (*name).into(), kind: message.name().into(), bytes: hex(message.encode()) });
    // In a subscribe: kind, number, name (11 bytes), layers, span, then from and to or the pace.
    let (layers, span) = (16, 17);
    // In a message of grants: kind, number, digest, count, lines of 65, count, then recipient, label, length.
    let first_grant = 5 + 32 + 4 + 3 * 65 + 4;
    let big_crl = [&bytes("camera without anything")[..16], &[0, 1], &(1_u32 << 20).to_be_bytes()[..], &[0; 9]].concat();
    Vectors {
        about: "One message of every kind. A frame's message is its envelope and the frame, which is not read with it.".into(),
        valid: valid.collect(),
        malformed: vec![
            malformed("empty", b"", "message kind", "truncated"),
            malformed("kind 0", [0], "message kind", "unknown"),
            malformed("kind 15", [15], "message kind", "unknown"),
            malformed("hello without a version", [1], "version", "truncated"),
            malformed("hello, ticket of 65 bytes", [1, 1, 65], "ticket", "too-long"),
            malformed(
                "hello, fingerprint of 31 bytes",
                with(&[1, 1, 0, 31], |bytes| bytes.extend([0; 31])),
                "fingerprint",
                "contradiction",
            ),
            malformed("hello, fingerprint of 33 bytes", [1, 1, 0, 33], "fingerprint", "too-long"),
            malformed("hello, one byte more", changed("hello", &|bytes| bytes.push(0)), "message", "trailing"),
            malformed("publish, cut", &bytes("publish")[..8], "subscription", "truncated"),
            malformed("publish, one byte more", changed("publish", &|bytes| bytes.push(0)), "message", "trailing"),
            malformed("subscribe, a name in capitals", at("subscribe, live", 6, b'F'), "camera name", "text"),
            malformed(
                "subscribe, a name that is a path",
                changed("subscribe, live", &|bytes| bytes[6..10].copy_from_slice(b"../x")),
                "camera name",
                "text",
            ),
            malformed("subscribe, a name of 33 bytes", at("subscribe, live", 5, 33), "camera name", "too-long"),
            malformed("subscribe, layers 2", at("subscribe, live", layers, 2), "layers", "unknown"),
            malformed("subscribe, span 2", at("subscribe, live", span, 2), "span", "unknown"),
            malformed("subscribe, from behind to", at("subscribe, range", span + 1, 0xff), "span", "contradiction"),
            malformed(
                "subscribe, key frames only 2",
                changed("subscribe, live", &|bytes| *bytes.last_mut().unwrap() = 2),
                "key frames only",
                "unknown",
            ),
            malformed("camera, five certificates", at("camera without anything", 16, 5), "certificate", "too-long"),
            malformed(
                "camera, a certificate of 4 kB and one",
                [&bytes("camera without anything")[..16], &[1], &4097_u32.to_be_bytes()[..]].concat(),
                "certificate",
                "too-long",
            ),
            malformed("camera, three revocation lists", at("camera without anything", 17, 3), "revocation list", "too-long"),
            malformed("camera, a revocation list that is not all there", big_crl, "revocation list", "truncated"),
            malformed("epoch record, too long", with(&[6, 0, 0, 0, 1], |bytes| bytes.extend([0; 2049])), "epoch record", "too-long"),
            malformed("epoch record, too short", with(&[6, 0, 0, 0, 1], |bytes| bytes.extend([0; 63])), "epoch record", "truncated"),
            malformed("grants, no list", &bytes("grants to a viewer")[..37], "grant list", "truncated"),
            malformed("grants, list out of order", changed("grants to a viewer", &|bytes| bytes[41] = 0xff), "grant list", "contradiction"),
            malformed("grants, a grant of label 12", at("grants to a viewer", first_grant + 32, 12), "grant", "unknown"),
            malformed(
                "grants, a grant of 2 kB and one",
                changed("grants to a viewer", &|bytes| bytes[first_grant + 33..first_grant + 37].copy_from_slice(&2049_u32.to_be_bytes())),
                "grant",
                "too-long",
            ),
            malformed("grants, one grant short", changed("grants to a viewer", &|bytes| bytes[first_grant - 1] = 3), "grant", "truncated"),
            malformed("frame, envelope cut", &bytes("frame")[..12], "session", "truncated"),
            malformed("gap, first behind last", changed("gap, one frame missing", &|bytes| bytes[20] = 11), "gap", "contradiction"),
            malformed("gap, cause 0", changed("gap, too slow", &|bytes| bytes[29] = 0), "gap", "unknown"),
            malformed("gap, cause 3", changed("gap, too slow", &|bytes| bytes[29] = 3), "gap", "unknown"),
            malformed("durable ack, cut", &bytes("durable ack")[..28], "durable ack", "truncated"),
            malformed(
                "durable ack, first behind last",
                changed("durable ack, one frame", &|bytes| bytes[20] = 42),
                "durable ack",
                "contradiction",
            ),
            malformed("receipt, cut", &bytes("receipt")[..100], "receipt", "truncated"),
            malformed("end of range, one byte more", changed("end of range", &|bytes| bytes.push(0)), "message", "trailing"),
            malformed("refused, reason 0", at("refused", 6, 0), "reason", "unknown"),
            malformed("refused, reason 15", at("refused", 6, 15), "reason", "unknown"),
            malformed("refused, an escape sequence", at("refused", 8, 0x1b), "text", "text"),
            malformed(
                "refused, a turn of the writing direction",
                with(&[13, 0, 0, 0, 1, 0, 5, 3], |bytes| bytes.extend("\u{202e}".as_bytes())),
                "text",
                "text",
            ),
            malformed("refused, no UTF-8", at("refused", 8, 0xff), "text", "text"),
            malformed("audit head, too long", with(&[14], |bytes| bytes.extend([0; 1025])), "audit head", "too-long"),
        ],
        refused: Vec::new(),
    }
}

#[test]
fn messages_are_read_as_the_file_says() {
    let vectors: Vectors<Said> = read(FILE);
    let made = every_kind();
    assert_eq!(vectors.valid.len(), made.len());
    for (vector, (_, expected)) in vectors.valid.iter().zip(made) {
        let message = Message::decode(vector.bytes.0.clone()).unwrap();
        assert_eq!(message, expected, "{}", vector.name);
        assert_eq!((message.name(), message.encode()), (vector.kind.as_str(), vector.bytes.0.clone()), "{}", vector.name);
    }
    check_malformed(&vectors.malformed, |bytes| Message::decode(bytes).map(drop));
}

#[test]
fn every_kind_has_a_vector() {
    let mut kinds: Vec<u8> = every_kind().iter().map(|(_, message)| message.encode()[0]).collect();
    kinds.dedup();
    assert_eq!(kinds, (1..=14).collect::<Vec<u8>>());
    let head = Message::frame_head(1, 7);
    let frame = frames::film().frames[1].bytes().clone();
    assert_eq!(Message::Frame { subscription: 1, session: 7, frame: frame.clone() }.encode(), [&head[..], &frame].concat());
    assert_eq!(Digest::ZERO, Digest([0; 32]));
}
