#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use ed25519_dalek::SigningKey;
use seal::grant::{self, Scope};
use seal::identity::Identity;
use seal::layer::GroupOpener;
use seal::public::PublicIdentity;
use wire::context::Codec;
use wire::epoch::{Link, SourceKind};
use wire::frame::{Frame, SignedFrame};
use wire::id::SessionId;
use wire::label::Labels;
use wire::sign::SessionSigner;
use wire::verify::{Group, Record, Verified};

use super::*;
use crate::testing::blank_under;

const MINUTE: Duration = Duration::from_secs(60);

fn terms() -> Arc<Terms> {
    Arc::new(Terms {
        key: SigningKey::from_bytes(&[7; 32]),
        session: SessionId { number: 3, nonce: [9; 16] },
        link: Link::First,
        source: SourceKind::Sample,
        labels: labels("till"),
        detector: "fake 1".to_owned(),
    })
}

fn labels(names: &str) -> Labels {
    Labels::new(names.split_whitespace().map(|name| name.parse().unwrap()).collect()).unwrap()
}

fn viewers(version: u64, list: &[(&str, &Identity, &str)]) -> Arc<Viewers> {
    let entry = |(name, identity, labels): &(&str, &Identity, &str)| {
        let key = PublicIdentity::new(identity.public()).unwrap();
        let labels: Vec<_> = labels.split_whitespace().collect();
        format!("[[viewer]]\nname = \"{name}\"\nkey = \"{key}\"\nlabels = {labels:?}\nowner = true\n")
    };
    let text = format!("version = {version}\n{}", list.iter().map(entry).collect::<String>());
    Arc::new(Viewers::parse(&text, "f").unwrap())
}

fn encoded(key: bool, sealed: &[(Label, &[u8])], at: Instant) -> Encoded {
    encoded_under("till", key, sealed, at)
}

fn encoded_under(names: &str, key: bool, sealed: &[(Label, &[u8])], at: Instant) -> Encoded {
    let sealed = sealed.iter().map(|(label, plain)| Clear { label: *label, plaintext: plain.to_vec() }).collect();
    Encoded { sealed, key, ..blank_under(labels(names), Codec::Jpeg, Bytes::from_static(b"the masked picture"), at) }
}

fn till() -> Label {
    Label::from_number(0).unwrap()
}

/// Seals, signs, and verifies as anybody would.
fn publish(sealer: &mut Sealer, signer: &mut SessionSigner, encoded: Encoded) -> (Verified<SignedFrame>, Arc<Verified<Record>>) {
    let (draft, announcement) = sealer.seal(encoded, signer.next_group()).unwrap().into_parts();
    let frame = signer.sign(draft).unwrap();
    let record = Arc::new(wire::verify::record(announcement.record.clone(), signer.camera()).unwrap());
    assert_eq!(announcement.list.digest(), record.record().grants);
    let (_, verified) = Group::open(&record, Frame::decode(frame.bytes().clone()).unwrap()).unwrap();
    (verified, record)
}

fn signer(terms: &Terms) -> SessionSigner {
    SessionSigner::new(terms.key.clone(), terms.session)
}

/// What a viewer reads in a label's layer with the grants of that announcement.
fn open(identity: &Identity, announcement: &Announcement, record: &Record, frame: &SignedFrame, label: Label) -> Option<Vec<u8>> {
    let recipient = identity.public().fingerprint();
    let grant = announcement.grants.iter().find(|grant| grant.recipient == recipient && grant.label == label)?;
    let key = grant::open(identity, grant, &Scope::of(record.record(), label)?).ok()?;
    let (header, layers) = (frame.header(), frame.layers());
    let index = layers.iter().position(|layer| layer.kind == wire::frame::LayerKind::Sealed(label))?;
    let (sequence, bytes) = (header.sequence, layers[index].present()?);
    let index = u32::try_from(index).unwrap();
    let mut out = Vec::new();
    GroupOpener::start(&key.group(header.group), sequence, index, bytes).ok()?.open(sequence, index, bytes, &mut out).ok()?;
    Some(out)
}

#[test]
fn who_is_named_opens_the_labels_that_are_named_and_nobody_opens_more() {
    let (ana, ben, eve) = (Identity::generate().unwrap(), Identity::generate().unwrap(), Identity::generate().unwrap());
    let list = viewers(4, &[("ana", &ana, "face till"), ("ben", &ben, "face unknown-label")]);
    let (terms, now) = (terms(), Instant::now());
    let mut sealer = Sealer::new(Arc::clone(&terms), Authorized::new(Arc::clone(&list)), MINUTE, now).unwrap();
    let mut signer = signer(&terms);
    let announcement = Arc::clone(sealer.announcement());
    let (frame, record) = publish(&mut sealer, &mut signer, encoded(true, &[(till(), b"coins"), (Label::FACE, b"a face")], now));

    let read = |identity, label| open(identity, &announcement, &record, &frame, label);
    assert_eq!(read(&ana, till()).as_deref(), Some(&b"coins"[..]));
    assert_eq!(read(&ana, Label::FACE).as_deref(), Some(&b"a face"[..]));
    assert_eq!(read(&ben, Label::FACE).as_deref(), Some(&b"a face"[..]));
    assert_eq!(read(&ben, till()), None);
    assert_eq!(read(&eve, Label::FACE), None);
    assert_eq!(announcement.grants.len(), 3);

    let stated = record.record();
    assert_eq!((stated.viewers_version, stated.viewers_digest), (4, list.digest()));
    assert_eq!(stated.owners, [ana.public(), ben.public()]);
    assert_eq!((stated.epoch, stated.detector.as_str(), stated.labels.clone()), (0, "fake 1", terms.labels.clone()));
}

#[test]
fn nothing_that_is_sealed_stands_in_the_frame() {
    let (terms, now) = (terms(), Instant::now());
    let mut sealer = Sealer::new(Arc::clone(&terms), Authorized::new(Arc::new(Viewers::nobody())), MINUTE, now).unwrap();
    let mut signer = signer(&terms);
    let secret: &[u8] = b"the original pixels of a face";
    let (frame, _) = publish(&mut sealer, &mut signer, encoded(true, &[(Label::FACE, secret)], now));
    let found = |needle: &[u8]| frame.bytes().windows(needle.len()).any(|window| window == needle);
    assert!(!found(secret) && !found(&secret[..8]));
    assert!(found(b"the masked picture"), "control: what is public is found");
}

#[test]
fn an_epoch_ends_at_a_group_and_its_keys_with_it() {
    let ana = Identity::generate().unwrap();
    let (terms, start) = (terms(), Instant::now());
    let authorized = Authorized::new(viewers(1, &[("ana", &ana, "face")]));
    let mut sealer = Sealer::new(Arc::clone(&terms), authorized.clone(), MINUTE, start).unwrap();
    let mut signer = signer(&terms);
    let first = Arc::clone(sealer.announcement());
    let face = |at| encoded(true, &[(Label::FACE, b"a face")], at);

    assert!(!sealer.wants_key_frame(start + MINUTE / 2).unwrap());
    let (_, record) = publish(&mut sealer, &mut signer, face(start + MINUTE / 2));
    assert_eq!(record.record().epoch, 0);

    // Ana is struck out; what runs goes on to its end.
    authorized.replace(Arc::new(Viewers::nobody()));
    let (frame, record) = publish(&mut sealer, &mut signer, face(start + MINUTE / 2));
    assert_eq!(open(&ana, &first, &record, &frame, Label::FACE).as_deref(), Some(&b"a face"[..]));

    // Due: made ready in the background; overdue: waited for.
    let due = start + MINUTE * 2;
    assert!(sealer.wants_key_frame(due).unwrap());
    assert_eq!(sealer.epoch(), 0, "the next group begins it, not the clock");
    let (frame, record) = publish(&mut sealer, &mut signer, face(due));
    assert_eq!((sealer.epoch(), record.record().epoch), (1, 1));
    assert!(sealer.announcement().grants.is_empty());
    assert_eq!(open(&ana, sealer.announcement(), &record, &frame, Label::FACE), None);
    assert_eq!(open(&ana, &first, &record, &frame, Label::FACE), None, "the keys before open nothing of it");
    assert!(!sealer.wants_key_frame(due).unwrap(), "the new epoch has its whole time");
    // Sequences and groups go on.
    assert_eq!((frame.header().sequence, frame.header().group), (2, 2));
}

#[test]
fn an_epoch_that_is_due_comes_without_waiting() {
    let (terms, start) = (terms(), Instant::now());
    let authorized = Authorized::new(Arc::new(Viewers::nobody()));
    let mut sealer = Sealer::new(terms, authorized, MINUTE, start).unwrap();
    let begun = Instant::now();
    while !sealer.wants_key_frame(start + MINUTE).unwrap() {
        assert!(begun.elapsed() < MINUTE, "the next epoch never came");
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn other_labels_begin_an_epoch_at_once() {
    let ana = Identity::generate().unwrap();
    let (terms, now) = (terms(), Instant::now());
    let list = viewers(1, &[("ana", &ana, "face till window")]);
    let mut sealer = Sealer::new(Arc::clone(&terms), Authorized::new(list), MINUTE, now).unwrap();
    let mut signer = signer(&terms);
    let names = |record: &Record| {
        record.record().labels.all().map(|(_, name)| name.to_owned()).take_while(|name| name != "outside").collect::<Vec<_>>()
    };
    let (_, record) = publish(&mut sealer, &mut signer, encoded(true, &[(till(), b"coins")], now));
    assert_eq!(names(&record), ["till"]);

    // A frame under other labels, before its epoch: nothing is sealed, whether a group begins or not.
    let window = || encoded_under("window till", true, &[(till(), b"a neighbour")], now);
    assert!(matches!(sealer.seal(window(), 1), Err(Error::Labels)));
    assert!(matches!(sealer.seal(Encoded { key: false, ..window() }, 1), Err(Error::Labels)));

    sealer.follow(&Arc::new(labels("window till"))).unwrap();
    assert!(sealer.wants_key_frame(now).unwrap(), "without waiting");
    assert_eq!(sealer.epoch(), 0, "the frame begins it");
    // What still comes under the labels of before opens no group of the new epoch.
    assert!(matches!(sealer.seal(encoded(true, &[(till(), b"coins")], now), 1), Err(Error::Labels)));
    sealer.follow(&Arc::new(labels("till"))).unwrap();
    sealer.follow(&Arc::new(labels("window till"))).unwrap();
    let (frame, record) = publish(&mut sealer, &mut signer, window());
    assert_eq!(names(&record), ["window", "till"]);
    let read = open(&ana, sealer.announcement(), &record, &frame, till());
    assert_eq!(read.as_deref(), Some(&b"a neighbour"[..]), "under the number that the new record gives the label");
    assert!(!sealer.wants_key_frame(now).unwrap());
    // The usual next epoch keeps them.
    let due = now + MINUTE * 2;
    assert!(sealer.wants_key_frame(due).unwrap());
    let (_, record) = publish(&mut sealer, &mut signer, encoded_under("window till", true, &[], due));
    assert_eq!(names(&record), ["window", "till"]);
}

#[test]
fn a_change_that_is_taken_back_goes_on_in_the_same_epoch() {
    let (terms, now) = (terms(), Instant::now());
    let mut sealer = Sealer::new(Arc::clone(&terms), Authorized::new(Arc::new(Viewers::nobody())), MINUTE, now).unwrap();
    let mut signer = signer(&terms);
    publish(&mut sealer, &mut signer, encoded(true, &[], now));
    sealer.follow(&Arc::new(labels("window"))).unwrap();
    sealer.follow(&Arc::new(labels("till"))).unwrap();
    assert!(!sealer.wants_key_frame(now).unwrap());
    let (_, record) = publish(&mut sealer, &mut signer, encoded(true, &[], now));
    assert_eq!(record.record().epoch, 0);
}

#[test]
fn a_failed_frame_takes_its_sequence_with_it() {
    let (terms, now) = (terms(), Instant::now());
    let mut sealer = Sealer::new(Arc::clone(&terms), Authorized::new(Arc::new(Viewers::nobody())), MINUTE, now).unwrap();
    let mut signer = signer(&terms);
    let unknown = Label::from_number(5).unwrap();
    assert!(matches!(sealer.seal(encoded(true, &[(unknown, b"x")], now), 0), Err(Error::Label)), "no such label in this session");
    assert!(matches!(sealer.seal(encoded(false, &[(Label::FACE, b"x")], now), 0), Err(Error::NoKeyFrame)));
    let (frame, _) = publish(&mut sealer, &mut signer, encoded(true, &[(Label::FACE, b"x")], now));
    assert_eq!(frame.header().sequence, 0, "nothing was drawn for frames that never came to sealing");
    // A frame with other labels than its group.
    assert!(matches!(sealer.seal(encoded(false, &[(till(), b"x")], now), 0), Err(Error::Label)));
    assert!(matches!(sealer.seal(encoded(false, &[], now), 0), Err(Error::Label)));
    // A number that was drawn is gone.
    assert_eq!(sealer.draw().unwrap(), 1);
    let (frame, _) = publish(&mut sealer, &mut signer, encoded(true, &[], now));
    assert_eq!(frame.header().sequence, 2);
}

#[test]
fn no_key_prints_itself() {
    let sealer = Sealer::new(terms(), Authorized::new(Arc::new(Viewers::nobody())), MINUTE, Instant::now()).unwrap();
    assert_eq!(format!("{sealer:?} {:?}", sealer.epoch), "Sealer(epoch 0) Epoch(0, 0 grants)");
}
