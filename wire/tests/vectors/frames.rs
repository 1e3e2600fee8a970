//! Frames: key, dependent and last ones, whole and with layers withheld.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wire::context::Context;
use wire::frame::{Body, DetectorState, Flags, Frame, Layer, LayerKind, SignedFrame};
use wire::id::{CameraId, Digest};
use wire::label::Label;
use wire::sign::SignedRecord;
use wire::verify::{self, Group, Record, Refusal, Verified};

use super::records::{Session, session};
use super::{Hex, Vectors, camera, check_malformed, hex, malformed, read, refused, with};

pub const FILE: &str = "frames.json";

/// A frame in the order of its session, with the record that it is sealed under.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Said {
    name: String,
    camera: Hex,
    /// With its signature.
    record: Hex,
    session: Session,
    /// Every layer present.
    bytes: Hex,
    /// Sealed layers withheld.
    public_only: Hex,
    /// Every layer withheld.
    withheld: Hex,
    /// The bytes under the signature, the same for all three.
    signed: Hex,
    /// Their SHA-256.
    digest: Hex,
    previous: Hex,
    codec: String,
    width: u16,
    height: u16,
    group: String,
    sequence: String,
    captured_at: String,
    key: bool,
    end: bool,
    fail_closed: bool,
    detector: String,
    regions: Vec<[u16; 6]>,
    layers: Vec<SaidLayer>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SaidLayer {
    /// `public`, or the label's number.
    kind: String,
    bytes: Hex,
    /// Of length and bytes.
    digest: Hex,
}

/// The session of these vectors: two epochs, H.264.
pub fn film() -> camera::Session {
    camera::front_door().session(7, "K.|K.E")
}

fn still() -> camera::Session {
    camera::front_door().film(&camera::Plan { codec: wire::context::Codec::Jpeg, ..camera::Plan::new(8, "KKE") })
}

fn kind(kind: LayerKind) -> String {
    match kind {
        LayerKind::Public => "public".into(),
        LayerKind::Sealed(label) => label.number().to_string(),
    }
}

fn said(name: &str, record: &SignedRecord, previous: Digest, frame: &SignedFrame) -> Said {
    let (context, header) = (frame.context(), frame.header());
    let signed = Frame::decode(frame.bytes().clone()).unwrap().signed_bytes(context, frame.layer_digests(), previous);
    Said {
        name: name.into(),
        camera: hex(context.camera.as_bytes()),
        record: hex(record.encode()),
        session: session(context.session),
        bytes: hex(frame.bytes()),
        public_only: hex(frame.withhold(|kind| kind == LayerKind::Public)),
        withheld: hex(frame.withhold(|_| false)),
        signed: hex(&signed),
        digest: hex(frame.digest().as_bytes()),
        previous: hex(previous.as_bytes()),
        codec: context.codec.to_string(),
        width: context.width,
        height: context.height,
        group: header.group.to_string(),
        sequence: header.sequence.to_string(),
        captured_at: header.captured_at.0.to_string(),
        key: header.flags.key,
        end: header.flags.end,
        fail_closed: header.flags.fail_closed,
        detector: header.flags.detector.to_string(),
        regions: header.regions.iter().map(|r| [r.label.number().into(), r.x, r.y, r.w, r.h, r.track]).collect(),
        layers: frame
            .layers()
            .iter()
            .zip(frame.layer_digests())
            .map(|(layer, digest)| SaidLayer {
                kind: kind(layer.kind),
                bytes: hex(layer.present().unwrap()),
                digest: hex(digest.as_bytes()),
            })
            .collect(),
    }
}

fn sessions() -> Vec<Said> {
    let names = ["key frame", "dependent frame", "key frame of the next epoch", "dependent frame of the next epoch", "end of session"];
    let stills = ["JPEG frame", "next JPEG frame", "end of a JPEG session"];
    let mut all = Vec::new();
    for (film, names) in [(film(), &names[..]), (still(), &stills[..])] {
        let mut previous = Digest::ZERO;
        for (frame, name) in film.frames.iter().zip(names) {
            let record = film.epochs.iter().find(|epoch| epoch.record.digest() == frame.context().record).unwrap();
            all.push(said(name, &record.record, previous, frame));
            previous = frame.digest();
        }
    }
    all
}

pub fn made() -> Vectors<Said> {
    let film = film();
    let whole = |frame: usize| film.frames[frame].bytes().to_vec();
    let (key, dependent, end) = (whole(0), whole(1), whole(4));
    let at = |bytes: &[u8], at: usize, value: u8| with(bytes, |bytes| bytes[at] = value);
    let edit = |bytes: &[u8], edit: &dyn Fn(&mut Frame)| {
        let mut frame = Frame::decode(Bytes::copy_from_slice(bytes)).unwrap();
        edit(&mut frame);
        frame.encode().to_vec()
    };
    let context = |frame: &mut Frame, change: &dyn Fn(&mut Context)| {
        let mut context = Context::clone(frame.context.as_ref().unwrap());
        change(&mut context);
        frame.context = Some(Arc::new(context));
    };
    // Offsets, as FORMAT.md draws them: a key frame's context stands behind the flags.
    let (codec, width, regions) = (2 + 65, 2 + 66, 2 + 24);
    let region = regions + 1;
    let layers = region + 22;
    let layer = layers + 1;
    let withheld = film.frames[1].withhold(|_| false);
    Vectors {
        about: "Two sessions, frame by frame in their order. All three forms of a frame verify, under the same signature.".into(),
        valid: sessions(),
        malformed: vec![
            malformed("empty", b"", "flags", "truncated"),
            malformed("flag bit 6", at(&dependent, 1, dependent[1] | 1 << 6), "flags", "unknown"),
            malformed("flag bit 15", at(&dependent, 0, 0x80), "flags", "unknown"),
            malformed("detector state 6", at(&dependent, 1, 6 << 3), "detector state", "unknown"),
            malformed("end without key", at(&dependent, 1, dependent[1] | 2), "flags", "contradiction"),
            malformed("version 2", at(&key, 2, 2), "version", "unknown"),
            malformed("codec 0", at(&key, codec, 0), "codec", "unknown"),
            malformed("codec 4", at(&key, codec, 4), "codec", "unknown"),
            malformed("width 0", with(&key, |bytes| bytes[width..width + 2].fill(0)), "width × height", "contradiction"),
            malformed("height 0", with(&key, |bytes| bytes[width + 2..width + 4].fill(0)), "width × height", "contradiction"),
            malformed("context cut", &key[..100], "group context", "truncated"),
            malformed("context of another group", at(&key, 2 + 64, 1), "group", "contradiction"),
            malformed(
                "a first group that follows something",
                edit(&key, &|frame| context(frame, &|context| context.previous = Digest([1; 32]))),
                "previous frame",
                "contradiction",
            ),
            malformed(
                "a later group that follows nothing",
                edit(&whole(2), &|frame| context(frame, &|context| context.previous = Digest::ZERO)),
                "previous frame",
                "contradiction",
            ),
            malformed("group cut", &dependent[..9], "group", "truncated"),
            malformed("sequence cut", &dependent[..17], "sequence", "truncated"),
            malformed("time cut", &dependent[..25], "captured at", "truncated"),
            malformed("regions cut", &dependent[..region + 12], "region", "truncated"),
            malformed("region with label 12", at(&dependent, region, 12), "region", "unknown"),
            malformed(
                "two regions with a pixel in common",
                edit(&dependent, &|frame| frame.header.regions[1].x = 352),
                "regions",
                "contradiction",
            ),
            malformed(
                "region without a layer for its label",
                edit(&dependent, &|frame| frame.header.regions[1].label = Label::OUTSIDE),
                "regions",
                "contradiction",
            ),
            malformed("region beyond the picture", edit(&key, &|frame| frame.header.regions[0].x = 608), "regions", "contradiction"),
            malformed("region off the grid", edit(&key, &|frame| frame.header.regions[0].x = 8), "regions", "contradiction"),
            malformed("region without a width", edit(&key, &|frame| frame.header.regions[0].w = 0), "regions", "contradiction"),
            malformed("fourteen layers", at(&dependent, layers, 14), "layers", "too-long"),
            malformed(
                "no layers",
                edit(&dependent, &|frame| {
                    frame.layers.clear();
                    frame.header.regions.clear();
                }),
                "layers",
                "contradiction",
            ),
            malformed(
                "no public layer",
                edit(&dependent, &|frame| {
                    frame.layers.remove(0);
                }),
                "layers",
                "contradiction",
            ),
            malformed("layers out of order", edit(&dependent, &|frame| frame.layers.swap(1, 2)), "layers", "contradiction"),
            malformed("a layer twice", edit(&dependent, &|frame| frame.layers[2] = frame.layers[1].clone()), "layers", "contradiction"),
            malformed("layer of kind 2", at(&dependent, layer, 2), "layer kind", "unknown"),
            malformed("public layer with a label", at(&dependent, layer + 1, 1), "layer kind", "unknown"),
            malformed("layer neither present nor withheld", at(&dependent, layer + 2, 2), "layer", "unknown"),
            malformed("layer longer than any frame", with(&dependent, |bytes| bytes[layer + 3..layer + 7].fill(0xff)), "layer", "too-long"),
            malformed("layer longer than the bytes", at(&dependent, layer + 5, 0xff), "layer", "truncated"),
            malformed("withheld layer cut", &withheld[..layer + 20], "layer", "truncated"),
            malformed("signature cut", &dependent[..dependent.len() - 1], "signature", "truncated"),
            malformed("one byte more", with(&dependent, |bytes| bytes.push(0)), "frame", "trailing"),
            malformed(
                "end with a layer",
                edit(&end, &|frame| frame.layers.push(Layer { kind: LayerKind::Public, body: Body::Present(Bytes::new()) })),
                "end of session",
                "contradiction",
            ),
        ],
        refused: vec![
            refused(
                "a picture exchanged",
                "key frame",
                edit(&dependent, &|frame| frame.layers[0].body = Body::Present("another".into())),
                "bad-signature",
            ),
            refused("a withheld layer's digest changed", "key frame", with(&withheld, |bytes| bytes[layer + 40] ^= 1), "bad-signature"),
            refused("a region moved", "key frame", edit(&dependent, &|frame| frame.header.regions[0].x = 336), "bad-signature"),
            refused("a region off the grid", "key frame", edit(&dependent, &|frame| frame.header.regions[0].x = 321), "malformed"),
            refused("a time changed", "key frame", edit(&dependent, &|frame| frame.header.captured_at.0 += 1), "bad-signature"),
            refused(
                "a state changed",
                "key frame",
                edit(&dependent, &|frame| frame.header.flags = Flags { detector: DetectorState::Late, ..frame.header.flags }),
                "bad-signature",
            ),
            refused("a signature changed", "key frame", with(&dependent, |bytes| *bytes.last_mut().unwrap() ^= 1), "bad-signature"),
            refused("its predecessor again", "dependent frame", &dependent, "sequence"),
            refused(
                "another predecessor",
                "key frame",
                edit(&whole(3), &|frame| (frame.header.group, frame.header.sequence) = (0, 1)),
                "bad-signature",
            ),
            refused("another group", "key frame", whole(3), "other-group"),
            refused("a key frame in the middle of a group", "key frame", whole(2), "other-group"),
            refused(
                "other layers than its key frame",
                "key frame",
                edit(&dependent, &|frame| {
                    frame.layers.pop();
                    frame.header.regions.pop();
                }),
                "labels",
            ),
            refused(
                "anything behind the end",
                "end of session",
                edit(&whole(3), &|frame| (frame.header.group, frame.header.sequence) = (2, 5)),
                "ended",
            ),
            refused("no key frame", "", &dependent, "no-key-frame"),
            refused(
                "another camera",
                "",
                edit(&key, &|frame| context(frame, &|context| context.camera = camera::back_door().id())),
                "other-camera",
            ),
            refused(
                "another session",
                "",
                edit(&key, &|frame| context(frame, &|context| context.session.nonce = [8; 16])),
                "other-session",
            ),
            refused("another record", "", whole(2), "other-record"),
            refused(
                "a label that the record does not have",
                "",
                edit(&key, &|frame| {
                    let kind = LayerKind::Sealed(Label::from_number(1).unwrap());
                    frame.layers.insert(2, Layer { kind, body: Body::Present(Bytes::new()) });
                }),
                "labels",
            ),
        ],
    }
}

fn record(said: &Said) -> Arc<Verified<Record>> {
    let signed = SignedRecord::decode(said.record.0.clone()).unwrap();
    Arc::new(verify::record(signed, CameraId(said.camera.array())).unwrap())
}

/// Verifies frames in their order; the last of which decides.
fn verify_in_order(record: &Arc<Verified<Record>>, frames: &[Bytes]) -> Result<(Group, Verified<SignedFrame>), Refusal> {
    let (first, rest) = frames.split_first().unwrap();
    let (mut group, mut verified) = Group::open(record, Frame::decode(first.clone())?)?;
    for frame in rest {
        verified = group.next(Frame::decode(frame.clone())?)?;
    }
    Ok((group, verified))
}

/// A frame's own group up to it: the frames that its verifier must have.
fn behind(valid: &[Said], name: &str) -> Vec<Bytes> {
    let at = valid.iter().position(|said| said.name == name).unwrap();
    let key = valid[..=at].iter().rposition(|said| said.key).unwrap();
    valid[key..=at].iter().map(|said| said.bytes.0.clone()).collect()
}

#[test]
fn frames_are_read_and_verified_as_the_file_says() {
    let vectors: Vectors<Said> = read(FILE);
    assert_eq!(vectors.valid.len(), 8);
    for vector in &vectors.valid {
        let record = record(vector);
        let frames = behind(&vectors.valid, &vector.name);
        let (_, before) = frames.split_last().unwrap();
        let forms = [&vector.bytes, &vector.public_only, &vector.withheld];
        for form in forms {
            assert_eq!(Frame::decode(form.0.clone()).unwrap().encode(), form.0, "{}", vector.name);
            let (_, verified) = verify_in_order(&record, &[before, std::slice::from_ref(&form.0)].concat()).unwrap();
            assert_eq!(verified.digest(), Digest(vector.digest.array()), "{}", vector.name);
            assert_eq!(Digest::of(&[&vector.signed.0]), verified.digest(), "{}", vector.name);
        }
        let (_, verified) = verify_in_order(&record, &frames).unwrap();
        let again = said(&vector.name, record.signed(), Digest(vector.previous.array()), &verified);
        assert_eq!(again, *vector);
    }
    check_malformed(&vectors.malformed, |bytes| Frame::decode(bytes).map(drop));
}

#[test]
fn frames_are_refused_as_the_file_says() {
    let vectors: Vectors<Said> = read(FILE);
    let first = &vectors.valid[0];
    for vector in &vectors.refused {
        assert!(Frame::decode(vector.bytes.0.clone()).is_ok(), "{} is well-formed", vector.name);
        let against = vectors.valid.iter().find(|said| said.name == vector.against);
        let before = against.map_or(Vec::new(), |said| behind(&vectors.valid, &said.name));
        let record = record(against.unwrap_or(first));
        let refusal = verify_in_order(&record, &[&before[..], std::slice::from_ref(&vector.bytes.0)].concat()).unwrap_err();
        assert_eq!(refusal.name(), vector.refusal, "{}", vector.name);
    }
}
