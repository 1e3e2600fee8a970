//! What is kept back from somebody who holds a grant.

use wire::assess::{Config, Mode};
use wire::frame::{Frame, LayerKind};
use wire::id::Fingerprint;
use wire::label::Label;
use wire::message;
use wire::verdict::{Reason, Verdict};

use crate::camera::{Session, cashier, front_door, guard, till};
use crate::stream::{Item, Stream, Viewer, config};

fn film() -> (Session, Stream) {
    let session = front_door().session(1, "K..K..|K..");
    let stream = Stream::unlocked(&[&session], guard());
    stream.watch_as(guard()).is_authentic("K..K..K..");
    (session, stream)
}

fn with_grants(stream: &Stream, change: impl Fn(&mut message::Grants)) -> Stream {
    let mut stream = stream.clone();
    for item in &mut stream.0 {
        if let Item::Grants(grants) = item {
            change(grants);
        }
    }
    stream
}

fn face() -> String {
    "face".to_owned()
}

#[test]
fn a_layer_whose_grant_is_held() {
    let (session, stream) = film();
    let without_face = |stream: &Stream, frame: usize| {
        let bytes = session.frames[frame].withhold(|kind| kind != LayerKind::Sealed(Label::FACE));
        stream.clone().remove(frame).insert(frame, Item::Frame { session: 1, bytes })
    };
    let kept_back = without_face(&stream, 4);
    kept_back.watch_as(guard()).is("K..K..K..", &[Reason::LayerWithheld { label: face() }]);
    // The control: to who holds no grant for it, the same frame is as it should be; and the signature alone says nothing.
    let for_cashier = without_face(&Stream::unlocked(&[&session], cashier()), 4);
    for_cashier.watch_as(cashier()).is_authentic("K..K..K..");
    kept_back.watch().is_authentic("K..K..K..");
    assert!(Frame::decode(kept_back.bytes(4)).unwrap().layers[2].present().is_none());
}

#[test]
fn a_layer_kept_back_before_the_grants_came() {
    let (session, _) = film();
    let mut viewer = Viewer::new(config(&front_door(), Mode::Range, Some(guard())));
    viewer.take(&Item::Record(session.epochs[0].record.clone()));
    for frame in &session.frames[..2] {
        let bytes = frame.withhold(|kind| kind == LayerKind::Public);
        viewer.take(&Item::Frame { session: 1, bytes });
    }
    // The frames wait for the grants, but not for ever.
    viewer.take(&Item::Pause(Config::PATIENCE));
    assert_eq!(viewer.assessor.delivered(), 2);
    viewer.take(&Item::Grants(session.epochs[0].grants_for(guard())));
    let labels = ["till".to_owned(), face()];
    viewer.finish().is("K.", &labels.map(|label| Reason::LayerWithheld { label }));
}

#[test]
fn a_grant_that_the_list_names() {
    let (_, stream) = film();
    let kept_back = with_grants(&stream, |grants| grants.grants.retain(|grant| grant.label != Label::FACE));
    kept_back.watch_as(guard()).is("K..K..K..", &[Reason::GrantWithheld { label: face() }]);
    // The control: who checks no list sees nothing missing.
    let grants: usize = kept_back.0.iter().filter(|item| matches!(item, Item::Grants(message) if !message.grants.is_empty())).count();
    assert_eq!(grants, 2);
}

#[test]
fn a_grant_that_was_changed() {
    let (_, stream) = film();
    let changed = with_grants(&stream, |grants| grants.grants[0].wrapped = "another key".into());
    changed.watch_as(guard()).is("K..K..K..", &[Reason::GrantWithheld { label: "till".into() }]);
}

#[test]
fn a_list_that_was_shortened_or_is_another_epochs() {
    let (session, stream) = film();
    let shortened = with_grants(&stream, |grants| {
        grants.grants.retain(|grant| grant.label == till());
        grants.list = wire::grants::GrantList::of(&grants.grants).unwrap();
    });
    shortened.watch_as(guard()).is("K..K..K..", &[Reason::NoGrantList { epoch: 1 }]);
    let other = session.epochs[0].list.clone();
    let exchanged = with_grants(&stream, |grants| grants.list = other.clone());
    exchanged.watch_as(guard()).is("K..K..K..", &[Reason::NoGrantList { epoch: 1 }]);
}

#[test]
fn the_whole_list() {
    let (_, stream) = film();
    let none = stream.without(|item| matches!(item, Item::Grants(_)));
    none.watch_as(guard()).is("K..K..K..", &[Reason::NoGrantList { epoch: 1 }]);
    // The control: who asked for no sealed layers is owed none.
    none.watch().is_authentic("K..K..K..");
}

#[test]
fn the_list_in_a_range_that_passes_faster_than_anyone_waits() {
    let (_, stream) = film();
    let none = stream.without(|item| matches!(item, Item::Grants(_)));
    let mut viewer = Viewer::new(config(&front_door(), Mode::Range, Some(guard())));
    none.0.iter().for_each(|item| viewer.take(item));
    assert!(viewer.now.monotonic < Config::PATIENCE);
    viewer.assessor.finish();
    viewer.show();
    viewer.outcome().is("K..K..K..", &[Reason::NoGrantList { epoch: 1 }]);
}

#[test]
fn grants_may_come_in_pieces_and_before_their_record() {
    let (session, stream) = film();
    let pieces = |recipient: Fingerprint| {
        let whole = session.epochs[0].grants_for(recipient);
        whole.grants.iter().map(|grant| Item::Grants(message::Grants { grants: vec![grant.clone()], ..whole.clone() })).collect::<Vec<_>>()
    };
    let early = Stream(pieces(guard())).then(stream);
    early.watch_as(guard()).is_authentic("K..K..K..");
}

#[test]
fn a_flood_of_old_records_does_not_make_it_forgotten() {
    let camera = front_door();
    let (session, stream) = film();
    let none = stream.without(|item| matches!(item, Item::Grants(_))).cut(6);
    let mut flooded = none;
    for epoch in 2..200 {
        let old = camera.epoch(&crate::camera::Plan::new(1, ""), epoch);
        flooded = flooded.push(Item::Record(old.record));
    }
    let outcome = flooded.watch_as(guard());
    assert_eq!(outcome.verdict(), Verdict::Withheld);
    assert_eq!(session.epochs.len(), 2);
}

/// So many records of the camera's past that none of before is remembered but the one in use.
fn flood() -> Stream {
    let camera = front_door();
    let epochs = (2..200).map(|epoch| camera.epoch(&crate::camera::Plan::new(1, ""), epoch));
    Stream(epochs.map(|epoch| Item::Record(epoch.record)).collect())
}

#[test]
fn a_flood_of_old_records_does_not_push_out_the_one_in_use() {
    let session = front_door().session(1, "K..K..");
    let stream = Stream::unlocked(&[&session], guard());
    let after = Stream(stream.0[5..].to_vec());
    stream.cut(3).then(flood()).then(after).watch_as(guard()).is_authentic("K..K..");
}

#[test]
fn what_was_kept_back_is_not_forgotten_with_its_record() {
    let (_, stream) = film();
    let mut first_without = stream;
    first_without.0.remove(1);
    let outcome = first_without.pause(1000).then(flood()).watch_as(guard());
    outcome.is("K..K..K..", &[Reason::NoGrantList { epoch: 0 }]);
}
