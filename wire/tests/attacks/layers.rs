//! What a frame carries: its layers, and where they belong in the picture.

use wire::frame::{Body, Frame};
use wire::verdict::{Reason, Verdict};
use wire::verify::Refusal;

use crate::camera::{Session, front_door, guard};
use crate::control::{Field, Piece, protects};
use crate::stream::Stream;

fn film() -> (Session, Stream) {
    let session = front_door().session(1, "K..K..");
    let stream = Stream::unlocked(&[&session], guard());
    stream.watch_as(guard()).is_authentic("K..K..");
    (session, stream)
}

fn control(session: &Session, field: Field, edit: impl FnOnce(&mut Frame)) {
    let signed = Piece::of(session.frames[1].bytes().clone(), session.frames[1].context(), session.frames[0].digest());
    let mut shown = signed.clone();
    edit(&mut shown.frame);
    protects(&[field], &signed, &shown);
}

/// Frame 1, edited, is refused: nothing of it is shown, and what depends on it is a gap.
fn refused(edit: fn(&mut Frame), refusal: Refusal) {
    let (_, stream) = film();
    let outcome = stream.edit(1, edit).watch_as(guard());
    assert_eq!((outcome.shown.as_str(), outcome.verdict()), ("KGK..", Verdict::Tampered));
    assert_eq!(outcome.reasons()[0], &Reason::Refused { session: 1, sequence: 1, refusal });
}

#[test]
fn a_sealed_layer_from_another_frame() {
    let (session, stream) = film();
    let other = Frame::decode(stream.bytes(4)).unwrap().layers[2].body.clone();
    let swap = |frame: &mut Frame| frame.layers[2].body = other.clone();
    assert_eq!(stream.edit(1, swap).watch_as(guard()).verdict(), Verdict::Tampered);
    control(&session, Field::Layers, swap);
}

#[test]
fn a_sealed_layer_replaced_by_the_digest_of_another() {
    let (session, stream) = film();
    let other = session.frames[4].layer_digests()[2];
    let swap = |frame: &mut Frame| frame.layers[2].body = Body::Withheld(other);
    assert_eq!(stream.edit(1, swap).watch_as(guard()).verdict(), Verdict::Tampered);
    control(&session, Field::Layers, swap);
}

#[test]
fn a_layer_left_out_or_added() {
    let drop_face: fn(&mut Frame) = |frame| {
        frame.layers.pop();
        frame.header.regions.pop();
    };
    refused(drop_face, Refusal::Labels);
    let (session, _) = film();
    let signed = Piece::of(session.frames[1].bytes().clone(), session.frames[1].context(), session.frames[0].digest());
    let mut shown = signed.clone();
    drop_face(&mut shown.frame);
    // How many layers there are and which is under the signature as well.
    protects(&[Field::Regions, Field::Layers], &signed, &shown);
}

#[test]
fn a_region_moved_grown_or_relabelled() {
    let bad = Refusal::BadSignature;
    refused(|frame| frame.header.regions[1].x += 16, bad);
    refused(|frame| frame.header.regions[1].w -= 16, bad);
    refused(|frame| frame.header.regions[1].h += 16, bad);
    refused(|frame| frame.header.regions[1].track = 9, bad);
    refused(|frame| frame.header.regions[1].label = wire::label::Label::from_number(0).unwrap(), bad);
    refused(|frame| frame.header.regions.truncate(1), bad);
    let (session, _) = film();
    control(&session, Field::Regions, |frame| frame.header.regions[1].x += 16);
    control(&session, Field::Regions, |frame| frame.header.regions.truncate(1));
}

#[test]
fn a_time_or_a_state_that_was_changed() {
    refused(|frame| frame.header.captured_at.0 += 1, Refusal::BadSignature);
    refused(|frame| frame.header.flags.fail_closed = true, Refusal::BadSignature);
    refused(|frame| frame.header.flags.detector = wire::frame::DetectorState::Late, Refusal::BadSignature);
    let (session, _) = film();
    control(&session, Field::CapturedAt, |frame| frame.header.captured_at.0 += 1);
    control(&session, Field::Flags, |frame| frame.header.flags.fail_closed = true);
}

#[test]
fn a_picture_of_another_size() {
    let (session, stream) = film();
    let grow = |frame: &mut Frame| {
        let context = frame.context.as_ref().unwrap();
        frame.context = Some(std::sync::Arc::new(wire::context::Context { width: 1280, ..wire::context::Context::clone(context) }));
    };
    assert_eq!(stream.edit(3, grow).watch_as(guard()).verdict(), Verdict::Tampered);
    let signed = Piece::of(session.frames[3].bytes().clone(), session.frames[3].context(), session.frames[2].digest());
    let mut shown = signed.clone();
    grow(&mut shown.frame);
    shown.context = shown.frame.context.clone().unwrap();
    protects(&[Field::Size], &signed, &shown);
}

#[test]
fn a_frame_without_its_picture_is_a_gap_until_the_next_group() {
    let (session, stream) = film();
    let strip = |frame: &mut Frame| frame.layers[0].body = Body::Withheld(session.frames[1].layer_digests()[0]);
    let outcome = stream.clone().edit(1, strip).watch_as(guard());
    outcome.is("KGK..", &[Reason::PublicMissing { session: 1, sequence: 1 }]);
    // The control: a withheld sealed layer that nobody asked for is nothing of the kind.
    Stream::public(&[&session]).watch().is_authentic("K..K..");
    // Another picture's digest is not a missing picture but a forged one.
    let other = session.frames[2].layer_digests()[0];
    let outcome = stream.edit(1, |frame| frame.layers[0].body = Body::Withheld(other)).watch_as(guard());
    assert_eq!(outcome.verdict(), Verdict::Tampered);
}

#[test]
fn regions_that_share_a_pixel_are_signed_and_read_by_nobody() {
    let (session, _) = film();
    let mut frame = Frame::decode(session.frames[1].bytes().clone()).unwrap();
    assert_eq!(Frame::decode(frame.encode()), Ok(frame.clone()), "the control");
    frame.header.regions[1].x = frame.header.regions[0].x + 16;
    assert!(Frame::decode(frame.encode()).is_err());
    frame.header.regions[1].x = frame.header.regions[0].x + frame.header.regions[0].w;
    assert!(Frame::decode(frame.encode()).is_ok(), "side by side is fine");
}
