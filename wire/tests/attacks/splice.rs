//! Frames from elsewhere: another camera, session, epoch, group, label.

use std::sync::Arc;

use wire::context::Context;
use wire::frame::{Frame, LayerKind};
use wire::label::Label;
use wire::verdict::{Reason, Verdict};
use wire::verify::Refusal;

use crate::camera::{Known, Plan, Session, back_door, front_door, guard, till};
use crate::control::{Field, Piece, protects};
use crate::stream::{Item, Stream};

/// A frame as it was signed.
fn signed(session: &Session, frame: usize) -> Piece {
    let before = frame.checked_sub(1).map_or(wire::id::Digest::ZERO, |before| session.frames[before].digest());
    Piece::of(session.frames[frame].bytes().clone(), session.frames[frame].context(), before)
}

/// The same frame, said to belong to the context that `change` makes of its own.
fn said(piece: &Piece, change: impl FnOnce(&mut Context)) -> Piece {
    let mut context = Context::clone(&piece.context);
    change(&mut context);
    let mut piece = piece.clone();
    piece.context = Arc::new(context);
    piece
}

#[test]
fn from_another_camera() {
    let (ours, theirs) = (front_door().session(1, "K.K."), back_door().session(1, "K.K."));
    let stream = Stream::public(&[&ours]);
    stream.watch().is_authentic("K.K.");
    Stream::public(&[&theirs]).watched(&back_door(), wire::assess::Mode::Range, None).is_authentic("K.K.");

    let other = Stream::public(&[&theirs]);
    let spliced = stream.clone().remove(2).insert(2, other.frame(2));
    let outcome = spliced.watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.", Verdict::Tampered));
    assert!(outcome.reasons().contains(&&Reason::Refused { session: 1, sequence: 2, refusal: Refusal::OtherCamera }));

    // With the camera's name changed it is ours by name, and not by signature.
    let renamed = spliced.edit(2, |frame| {
        let context = Context { camera: front_door().id(), ..Context::clone(frame.context.as_ref().unwrap()) };
        frame.context = Some(Arc::new(Context { record: ours.epochs[0].record.digest(), ..context }));
    });
    assert_eq!(renamed.watch().verdict(), Verdict::Tampered);
    // A frame that names no camera of its own: the one before it is another's.
    let outcome = stream.clone().remove(1).insert(1, other.frame(1)).watch();
    assert!(outcome.reasons().contains(&&Reason::Refused { session: 1, sequence: 1, refusal: Refusal::BadSignature }));

    let piece = signed(&ours, 0);
    protects(&[Field::Camera], &piece, &said(&piece, |context| context.camera = back_door().id()));
}

#[test]
fn a_record_of_another_camera() {
    let (ours, theirs) = (front_door().session(1, "K."), back_door().session(1, "K."));
    let stream = Stream::public(&[&ours]).push(Item::Record(theirs.epochs[0].record.clone()));
    stream.watch().is("K.", &[Reason::RecordRefused(Refusal::OtherCamera)]);
}

#[test]
fn from_another_session() {
    let camera = front_door();
    let one = camera.session(1, "K..E");
    let two = camera.film(&Plan::new(2, "K..E").link(one.link(Known::Ended)));
    let stream = Stream::public(&[&one, &two]);
    stream.watch().is_authentic("K..EK..E");
    // A frame of the first in the second: by its envelope only, since a frame that opens no group names no session.
    let Item::Frame { bytes, .. } = stream.frame(1) else { unreachable!() };
    let outcome = stream.clone().remove(5).insert(5, Item::Frame { session: 2, bytes }).watch();
    assert!(outcome.reasons().contains(&&Reason::Refused { session: 2, sequence: 1, refusal: Refusal::BadSignature }));
    // A key frame names its own.
    let Item::Frame { bytes, .. } = stream.frame(0) else { unreachable!() };
    let outcome = stream.clone().remove(4).insert(4, Item::Frame { session: 2, bytes }).watch();
    assert!(outcome.reasons().contains(&&Reason::Refused { session: 2, sequence: 0, refusal: Refusal::OtherSession }));

    let piece = signed(&one, 1);
    protects(&[Field::Session], &piece, &said(&piece, |context| context.session = two.id));
}

#[test]
fn from_another_epoch() {
    let camera = front_door();
    let session = camera.session(1, "K.|K.|K.");
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic("K.K.K.");
    let (first, second) = (session.epochs[0].record.digest(), session.epochs[1].record.digest());
    // A group that is said to be sealed under the epoch before it.
    let outcome = stream
        .edit(2, |frame| {
            let context = frame.context.as_ref().unwrap();
            assert_eq!(context.record, second, "the control");
            frame.context = Some(Arc::new(Context { record: first, ..Context::clone(context) }));
        })
        .watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("K.GK.", Verdict::Tampered));
    let piece = signed(&session, 2);
    protects(&[Field::Record], &piece, &said(&piece, |context| context.record = first));
}

#[test]
fn from_another_group() {
    let session = front_door().session(1, "K..K..");
    let stream = Stream::public(&[&session]);
    stream.watch().is_authentic("K..K..");
    let outcome =
        stream.clone().remove(1).insert(1, stream.frame(4)).edit(1, |frame| (frame.header.sequence, frame.header.group) = (1, 0)).watch();
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("KGK..", Verdict::Tampered));
    // Left with its own group number it is refused without a look at the signature.
    let outcome = stream.clone().remove(1).insert(1, stream.frame(4)).edit(1, |frame| frame.header.sequence = 1).watch();
    assert!(outcome.reasons().contains(&&Reason::Refused { session: 1, sequence: 1, refusal: Refusal::OtherGroup }));

    let piece = signed(&session, 1);
    let mut shown = said(&piece, |context| context.group = 1);
    shown.frame.header.group = 1;
    protects(&[Field::Group], &piece, &shown);
}

#[test]
fn from_another_label() {
    let session = front_door().session(1, "K.K.");
    let stream = Stream::unlocked(&[&session], guard());
    stream.watch_as(guard()).is_authentic("K.K.");
    // The till's bytes under the face's name, and the face's under the till's.
    let exchange = |frame: &mut Frame| {
        let (till, face) = (frame.layers[1].body.clone(), frame.layers[2].body.clone());
        (frame.layers[1].body, frame.layers[2].body) = (face, till);
    };
    for frame in [0, 1] {
        assert_eq!(stream.clone().edit(frame, exchange).watch_as(guard()).verdict(), Verdict::Tampered);
    }
    let piece = signed(&session, 1);
    let mut shown = piece.clone();
    exchange(&mut shown.frame);
    protects(&[Field::Layers], &piece, &shown);
}

#[test]
fn a_label_that_the_record_does_not_have() {
    let camera = front_door();
    let plan = Plan::new(1, "K");
    let session = camera.film(&plan);
    let mut signer = wire::sign::SessionSigner::new(camera.key.clone(), plan.id());
    let start = wire::sign::Start { codec: plan.codec, width: 640, height: 360, record: session.epochs[0].record.digest() };
    let mut draft = crate::camera::draft(1, 0, plan.start, Some(start));
    draft.sealed.insert(1, (Label::from_number(5).unwrap(), "of an unknown label".into()));
    let mut odd = Stream::public(&[&session]);
    let bytes = signer.sign(draft).unwrap().withhold(|kind| kind == LayerKind::Public);
    *odd.0.last_mut().unwrap() = Item::Frame { session: 1, bytes };
    odd.watch().is("", &[Reason::Refused { session: 1, sequence: 0, refusal: Refusal::Labels }, Reason::NoFrameYet]);
    // The control: the same frame without that label is fine.
    assert!(till() != Label::from_number(5).unwrap());
    Stream::public(&[&session]).watch().is_authentic("K");
}
