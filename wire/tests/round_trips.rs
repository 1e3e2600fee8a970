//! One value has one encoding: what is written is read again as it was, what is read is written again as it came, and no part of an
//! encoding is one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "attacks/camera.rs"]
mod camera;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use wire::context::Codec;
use wire::epoch::{EpochRecord, LastFrame, Link, SourceKind};
use wire::frame::{DetectorState, Frame, LayerKind};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, Fingerprint, Micros, Name, SessionId, ViewerKeys};
use wire::label::{Label, LabelName, Labels};
use wire::message::{self, DurableAck, Gap, GapCause, Hello, Layers, Message, Reason, Span, Subscribe};
use wire::receipt::{Receipt, SignedReceipt};
use wire::region::{Region, overlap};
use wire::sign::{Draft, SessionSigner, SignedRecord, Start};
use wire::verify::{self, Group};

/// Every valid encoding in a file of golden vectors.
fn valid(file: &str) -> Vec<Bytes> {
    let path = format!("{}/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let forms = ["bytes", "public_only", "withheld"];
    let found = vectors["valid"].as_array().unwrap().iter().flat_map(|vector| forms.map(|form| vector[form].as_str()));
    found.flatten().map(|text| HEXLOWER.decode(text.as_bytes()).unwrap().into()).collect()
}

/// Reads a message to its last byte, whatever it carries. `None` where something is wrong, else the message as it is written again.
fn message_again(bytes: Bytes) -> Option<Bytes> {
    let message = Message::decode(bytes).ok()?;
    match &message {
        Message::Frame { frame, .. } => assert_eq!(Frame::decode(frame.clone()).ok()?.encode(), frame),
        Message::Record { record, .. } => {
            assert_eq!(EpochRecord::from_bytes(record.record.clone()).ok()?.to_bytes(), record.record);
        }
        _ => {}
    }
    Some(message.encode())
}

fn frame_again(bytes: Bytes) -> Option<Bytes> {
    Frame::decode(bytes).ok().map(|frame| frame.encode())
}

fn record_again(bytes: Bytes) -> Option<Bytes> {
    EpochRecord::from_bytes(bytes).ok().map(|record| record.to_bytes().into())
}

fn list_again(bytes: Bytes) -> Option<Bytes> {
    GrantList::decode(bytes).ok().map(|list| list.encode())
}

fn receipt_again(bytes: Bytes) -> Option<Bytes> {
    SignedReceipt::decode(bytes).ok().map(|receipt| receipt.encode())
}

type Again = fn(Bytes) -> Option<Bytes>;

/// Each golden encoding with its reader. A record is read without its signature, which has no structure.
fn golden() -> Vec<(Bytes, Again)> {
    let of = |file, again: Again| valid(file).into_iter().map(move |bytes| (bytes, again));
    let records = valid("epoch-records.json").into_iter().map(|bytes| (bytes.slice(..bytes.len() - 64), record_again as Again));
    let all: Vec<_> = of("frames.json", frame_again)
        .chain(of("messages.json", message_again))
        .chain(of("grant-lists.json", list_again))
        .chain(of("receipts.json", receipt_again))
        .chain(records)
        .collect();
    assert!(all.len() > 50);
    all
}

#[test]
fn every_encoding_is_read_and_written_as_it_was() {
    for (bytes, again) in golden() {
        assert_eq!(again(bytes.clone()), Some(bytes));
    }
}

/// The head of a log is opaque: cut, it is a shorter one, that its signature refuses.
const OPAQUE: &[u8] = b"\x0esigned by the relay key";

#[test]
fn no_beginning_of_an_encoding_is_one() {
    for (bytes, again) in golden() {
        for at in 0..if bytes == OPAQUE { 1 } else { bytes.len() } {
            assert_eq!(again(bytes.slice(..at)), None, "{at} of {} bytes", bytes.len());
        }
    }
}

#[test]
fn no_record_cut_anywhere_verifies() {
    let camera = camera::front_door().id();
    let bytes = camera::front_door().session(1, "K").epochs[0].record.encode();
    let verifies = |bytes: Bytes| SignedRecord::decode(bytes).is_ok_and(|signed| verify::record(signed, camera).is_ok());
    assert!(verifies(bytes.clone()), "the control");
    for at in 0..bytes.len() {
        assert!(!verifies(bytes.slice(..at)));
        assert!(!verifies(bytes.slice(at + 1..)));
    }
}

#[test]
fn a_changed_byte_is_refused_or_another_value() {
    let mut read = 0_u32;
    for (bytes, again) in golden() {
        for at in 0..bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut changed = bytes.to_vec();
                changed[at] ^= change;
                let changed = Bytes::from(changed);
                // If it is read at all, it is written again as it came: nothing of it was ignored.
                if let Some(written) = again(changed.clone()) {
                    assert_eq!(written, changed);
                    read += 1;
                }
            }
        }
    }
    assert!(read > 1000, "the control: many are read");
}

#[test]
fn no_bit_of_a_receipt_can_be_flipped() {
    let relay = ed25519_dalek::SigningKey::from_bytes(&[3; 32]);
    let key = relay.verifying_key().to_bytes();
    let receipt = Receipt { camera: CameraId([4; 32]), segment: 5, leaves: 6, head: Digest([7; 32]), received_at: Micros(8) };
    let bytes = receipt.sign(&relay).encode();
    let verifies = |bytes: Vec<u8>| SignedReceipt::decode(bytes.into()).is_ok_and(|receipt| receipt.verify(&key).is_ok());
    assert!(verifies(bytes.to_vec()), "the control");
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!verifies(changed), "bit {bit}");
    }
}

fn digest() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest)
}

fn fingerprint() -> impl Strategy<Value = Fingerprint> {
    any::<[u8; 32]>().prop_map(Fingerprint)
}

fn label() -> impl Strategy<Value = Label> {
    (0..12_u8).prop_map(|number| Label::from_number(number).unwrap())
}

fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

fn name() -> impl Strategy<Value = Name> {
    "[a-z0-9][a-z0-9._-]{2,31}".prop_map(|text| text.parse().unwrap())
}

fn session() -> impl Strategy<Value = SessionId> {
    (any::<u64>(), any::<[u8; 16]>()).prop_map(|(number, nonce)| SessionId { number, nonce })
}

fn labels() -> impl Strategy<Value = Labels> {
    vec("[a-z0-9-]{1,32}", 0..=8).prop_filter_map("names are taken once", |names| {
        Labels::new(names.iter().map(|name| name.parse::<LabelName>().unwrap()).collect()).ok()
    })
}

fn link(number: u64) -> BoxedStrategy<Link> {
    if number == 0 {
        return Just(Link::First).boxed();
    }
    let last = (0..number, any::<[u8; 16]>(), any::<u64>(), digest()).prop_map(|(number, nonce, sequence, digest)| LastFrame {
        session: SessionId { number, nonce },
        sequence,
        digest,
    });
    let kind = prop::sample::select(vec![(|_| Link::First) as fn(LastFrame) -> Link, Link::Ended, Link::Broken]);
    (kind, last).prop_map(|(kind, last)| kind(last)).boxed()
}

prop_compose! {
    fn record()(session in session())(
        link in link(session.number),
        session in Just(session),
        epoch in any::<u64>(),
        source in prop::sample::select(vec![SourceKind::Webcam, SourceKind::Y4m, SourceKind::Pictures, SourceKind::Sample, SourceKind::Rtsp, SourceKind::Stills]),
        labels in labels(),
        detector in "[ -~]{0,64}",
        owners in vec(any::<([u8; 32], [u8; 32])>().prop_map(|(exchange, signing)| ViewerKeys { exchange, signing }), 0..=16),
        viewers_version in any::<u64>(),
        viewers_digest in digest(),
        grants in digest(),
    ) -> EpochRecord {
        let camera = camera::front_door().id();
        EpochRecord { camera, session, link, epoch, source, labels, detector, owners, viewers_version, viewers_digest, grants }
    }
}

fn grants() -> impl Strategy<Value = Vec<Grant>> {
    vec((fingerprint(), label(), bytes(100)).prop_map(|(recipient, label, wrapped)| Grant { recipient, label, wrapped }), 0..20)
}

fn message() -> impl Strategy<Value = Message> {
    let span =
        prop_oneof![Just(Span::Live), any::<(u64, u64)>().prop_map(|(a, b)| Span::Range { from: Micros(a.min(b)), to: Micros(a.max(b)) })];
    let reason = prop::sample::select(vec![Reason::Version, Reason::NotBuilt, Reason::Forked, Reason::Storage, Reason::Offline]);
    prop_oneof![
        (any::<u8>(), prop::option::of(vec(any::<u8>(), 1..=64)), prop::option::of(fingerprint()))
            .prop_map(|(version, ticket, fingerprint)| { Message::Hello(Hello { version, ticket: ticket.map(Bytes::from), fingerprint }) }),
        any::<(u32, u32)>().prop_map(|(subscription, backfill)| Message::Publish { subscription, backfill }),
        any::<u32>().prop_map(|subscription| Message::Unsubscribe { subscription }),
        any::<u32>().prop_map(|subscription| Message::EndOfRange { subscription }),
        (any::<u32>(), name(), any::<bool>(), span, any::<u16>(), any::<bool>()).prop_map(
            |(subscription, camera, sealed, span, pace, key_frames_only)| {
                let layers = if sealed { Layers::Sealed } else { Layers::Public };
                Message::Subscribe(Subscribe { subscription, camera, layers, span, pace, key_frames_only })
            }
        ),
        (any::<u32>(), name(), vec(bytes(200), 0..=4), vec(bytes(200), 0..=2))
            .prop_map(|(subscription, name, chain, crls)| { Message::Camera(message::Camera { subscription, name, chain, crls }) }),
        (any::<u32>(), record()).prop_map(|(subscription, record)| Message::Record {
            subscription,
            record: SignedRecord::sign(&record, &camera::front_door().key).unwrap()
        }),
        (any::<u32>(), digest(), grants(), grants()).prop_map(|(subscription, record, listed, grants)| {
            Message::Grants(message::Grants { subscription, record, list: GrantList::of(&listed).unwrap(), grants })
        }),
        (any::<u32>(), any::<u64>(), bytes(300)).prop_map(|(subscription, session, frame)| Message::Frame { subscription, session, frame }),
        (any::<(u32, u64, u64, u64)>(), any::<bool>()).prop_map(|((subscription, session, a, b), slow)| {
            let cause = if slow { GapCause::Slow } else { GapCause::Missing };
            Message::Gap(Gap { subscription, session, first: a.min(b), last: a.max(b), cause })
        }),
        any::<(u32, u64, u64, u64)>().prop_map(|(subscription, session, a, b)| {
            Message::DurableAck(DurableAck { subscription, session, first: a.min(b), last: a.max(b) })
        }),
        (any::<(u32, u64, u64, u64)>(), digest(), any::<[u8; 32]>()).prop_map(|((subscription, segment, leaves, at), head, camera)| {
            let receipt = Receipt { camera: CameraId(camera), segment, leaves, head, received_at: Micros(at) };
            Message::Receipt { subscription, receipt: SignedReceipt { receipt, signature: [9; 64] } }
        }),
        (any::<u32>(), reason, "[a-zA-Z ö“”…]{0,60}")
            .prop_map(|(subscription, reason, text)| { Message::Refused(message::Refused { subscription, reason, text }) }),
        bytes(1024).prop_map(|head| Message::AuditHead { head }),
    ]
}

/// Frames of one group: what is sealed is the same in all of them.
fn group() -> impl Strategy<Value = (Codec, Vec<Draft>)> {
    let sealed = prop::collection::btree_set(label(), 0..=12);
    let codec = prop::sample::select(vec![Codec::Jpeg, Codec::H264, Codec::Png]);
    (codec, sealed, 1..5_usize, any::<u64>()).prop_flat_map(|(codec, sealed, frames, time)| {
        let sealed: Vec<Label> = sealed.into_iter().filter(|label| label.number() == 0 || label.number() >= 8).collect();
        let state = prop::sample::select(vec![
            DetectorState::Off,
            DetectorState::Ready,
            DetectorState::Warming,
            DetectorState::Late,
            DetectorState::Failed,
            DetectorState::Missing,
        ]);
        let regions = if sealed.is_empty() {
            Just(Vec::new()).boxed()
        } else {
            let region = (prop::sample::select(sealed.clone()), 0..40_u16, 0..23_u16, 1..8_u16, 1..4_u16, any::<u16>());
            vec(region, 0..20).boxed()
        };
        let layers = vec(bytes(50), sealed.len());
        let frame = (state, any::<bool>(), regions, bytes(200), layers, 1..3_u64);
        vec(frame, frames).prop_map(move |frames| {
            let mut sequence = 0;
            let drafts = frames.into_iter().map(|(detector, fail_closed, cut, public, layers, step)| {
                sequence += step;
                let mut regions: Vec<Region> = Vec::new();
                for (label, x, y, w, h, track) in cut {
                    let region =
                        Region { label, x: x * 16, y: y * 16, w: (w * 16).min(640 - x * 16), h: (h * 16).min(360 - y * 16), track };
                    regions.push(region);
                    if overlap(&regions) {
                        regions.pop();
                    }
                }
                let sealed = sealed.iter().copied().zip(layers).collect();
                Draft { start: None, sequence, captured_at: Micros(time), fail_closed, detector, regions, public, sealed }
            });
            (codec, drafts.collect())
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_survive(record in record()) {
        let signed = SignedRecord::sign(&record, &camera::front_door().key).unwrap();
        prop_assert_eq!(EpochRecord::from_bytes(record.to_bytes().into()), Ok(record.clone()));
        let verified = verify::record(SignedRecord::decode(signed.encode()).unwrap(), record.camera).unwrap();
        prop_assert_eq!((verified.record(), verified.digest()), (&record, signed.digest()));
    }

    #[test]
    fn messages_survive(message in message()) {
        prop_assert_eq!(Message::decode(message.encode()), Ok(message));
    }

    #[test]
    fn grant_lists_survive(grants in grants()) {
        let list = GrantList::of(&grants).unwrap();
        prop_assert_eq!(GrantList::decode(list.encode()), Ok(list.clone()));
        let mut shuffled = grants;
        shuffled.reverse();
        prop_assert_eq!(GrantList::of(&shuffled).unwrap(), list);
    }

    #[test]
    fn frames_survive_and_verify_whatever_is_withheld((codec, drafts) in group(), kept: u16) {
        let camera = camera::front_door();
        let plan = camera::Plan::new(1, "");
        let epoch = camera.epoch(&plan, 0);
        let record = std::sync::Arc::new(verify::record(epoch.record.clone(), camera.id()).unwrap());
        let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
        let mut group: Option<Group> = None;
        for mut draft in drafts {
            draft.start = group.is_none().then_some(Start { codec, width: 640, height: 360, record: epoch.record.digest() });
            let signed = signer.sign(draft.clone()).unwrap();
            let decoded = Frame::decode(signed.bytes().clone()).unwrap();
            prop_assert_eq!(&decoded.header, signed.header());
            prop_assert_eq!(&decoded.header.regions, &draft.regions);
            prop_assert_eq!(&decoded.layers[..], signed.layers());
            prop_assert_eq!(decoded.encode(), signed.bytes());
            let sent = signed.withhold(|kind| match kind {
                LayerKind::Public => kept & 1 != 0,
                LayerKind::Sealed(label) => kept >> (label.number() + 1) & 1 != 0,
            });
            let sent = Frame::decode(sent).unwrap();
            let verified = match group.as_mut() {
                Some(group) => group.next(sent).unwrap(),
                None => {
                    let (opened, verified) = Group::open(&record, sent).unwrap();
                    group = Some(opened);
                    verified
                }
            };
            prop_assert_eq!(verified.digest(), signed.digest());
        }
    }

    #[test]
    fn whatever_is_read_is_written_as_it_came(bytes in vec(any::<u8>(), 0..300), kind in 0..16_u8) {
        let mut message = bytes.clone();
        message.insert(0, kind);
        let (bytes, message) = (Bytes::from(bytes), Bytes::from(message));
        for again in [frame_again, record_again, list_again, receipt_again] {
            if let Some(written) = again(bytes.clone()) {
                prop_assert_eq!(&written, &bytes);
            }
        }
        if let Some(written) = message_again(message.clone()) {
            prop_assert_eq!(&written, &message);
        }
    }
}
