//! What a grant holder is not given.

use celosia_tests::audience::Ask;
use celosia_tests::camera::{Camera, hidden};
use celosia_tests::operator::Operator;
use celosia_tests::person::Person;
use celosia_tests::picture::{Rect, psnr};
use celosia_tests::tape::Tape;
use wire::grants::GrantList;
use wire::message::Message;
use wire::verdict::Verdict;

use super::{NAME, only_the_cameras_own, play};

/// A stream for somebody who holds a grant.
fn granted(operator: &Operator, person: &Person) -> Tape {
    let mut camera = Camera::new(1, 1).granting(person.public()).granting(Person::new().public());
    Tape::of(operator, NAME, &mut camera, "KffKffKff", Some(person.public()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn control_a_grant_holder_is_shown_what_is_hidden() {
    let (operator, ana) = (Operator::new(), Person::new());
    let audience = play(&operator, granted(&operator, &ana), Ask::all(NAME).by(&ana)).await;
    assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
    assert_eq!(audience.shown.len(), 9);
    for shown in &audience.shown {
        assert_eq!(shown.lifted, 1);
        let inside = shown.picture.part(Rect::from(&shown.frame.header().regions[0]));
        assert!(psnr(&inside, &hidden(shown.place.1)) > 25.0, "a texture of noise at q80: {}", psnr(&inside, &hidden(shown.place.1)));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strip_from_a_grant_holder_is_withheld() {
    let (operator, ana) = (Operator::new(), Person::new());
    let honest = granted(&operator, &ana);
    let other_list = |mut grants: wire::message::Grants| {
        grants.list = GrantList::of(&grants.grants).unwrap();
        Some(grants)
    };
    for (what, tape, reason) in [
        ("the sealed layers", honest.clone().stripped(), "keeps back the sealed layer “face”"),
        ("the grant", honest.clone().grants(|grants| Some(wire::message::Grants { grants: Vec::new(), ..grants })), "keeps back a grant"),
        ("the list", honest.clone().grants(|_| None), "the list of grants of epoch 0 did not come"),
        ("the others in the list", honest.clone().grants(other_list), "the list of grants of epoch 0 did not come"),
    ] {
        let audience = play(&operator, tape, Ask::all(NAME).by(&ana)).await;
        assert_eq!(audience.verdict(), Verdict::Withheld, "{what}: {}", audience.reasons());
        assert!(audience.reasons().contains(reason), "{what}: {}", audience.reasons());
        assert_eq!(audience.shown.len(), 9, "{what}: the public picture is shown all the same");
        assert!(audience.shown.iter().all(|shown| shown.lifted == 0), "{what}");
        only_the_cameras_own(&audience, &honest, what);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn swapped_grants_open_nothing() {
    let (operator, ana) = (Operator::new(), Person::new());
    let honest = granted(&operator, &ana);
    // Of another session of the same camera: a genuine grant for ana, for the wrong frames.
    let mut other = Camera::new(1, 2).granting(ana.public());
    let foreign = other.grants(1, Some(ana.public()));
    let swapped = honest.clone().grants(|grants| Some(wire::message::Grants { grants: foreign.grants.clone(), ..grants }));
    let audience = play(&operator, swapped, Ask::all(NAME).by(&ana)).await;
    assert_eq!(audience.verdict(), Verdict::Withheld, "{}", audience.reasons());
    assert!(audience.shown.iter().all(|shown| shown.lifted == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_shown_what_the_public_is_shown() {
    let (operator, ana, eve) = (Operator::new(), Person::new(), Person::new());
    let mut camera = Camera::new(1, 1).granting(ana.public());
    let everything = Tape::of(&operator, NAME, &mut camera, "KffKff", Some(eve.public()));
    // The relay gives her even what is not hers: ana's grant.
    let handed = Tape(
        everything
            .0
            .iter()
            .map(|message| match message {
                Message::Grants(_) => Message::Grants(camera.grants(1, None)),
                other => other.clone(),
            })
            .collect(),
    );
    let public = play(&operator, everything.clone().stripped(), Ask::all(NAME)).await;
    for tape in [everything, handed] {
        let audience = play(&operator, tape, Ask::all(NAME).by(&eve)).await;
        assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
        for (seen, shown) in audience.shown.iter().zip(&public.shown) {
            assert_eq!((seen.lifted, &seen.picture), (0, &shown.picture));
            let (_, why) = &seen.opened.closed[0];
            assert!(why.to_string().contains("the camera's owner has not named this key"), "{why}");
        }
        assert_eq!(audience.shown.len(), public.shown.len());
    }
}
