//! What is lost, delayed and brought in another order by a way that changes nothing: never tampered, and whatever is missing is said.

use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use wire::assess::Mode;
use wire::frame::Frame;
use wire::message::{Gap, GapCause};
use wire::verdict::Verdict;

use crate::camera::{Known, Plan, Session, front_door, guard};
use crate::stream::{Item, Stream, Viewer, config, live};

static SESSIONS: LazyLock<Vec<Session>> = LazyLock::new(|| {
    let camera = front_door();
    let one = camera.session(1, "K..K.|K...E");
    let two = camera.film(&Plan::new(2, "K...K.").link(one.link(Known::Ended)));
    let three = camera.film(&Plan::new(3, "KK.|KK.E").link(two.link(Known::BrokenAt(1))));
    vec![one, two, three]
});

/// What becomes of each item: lost, or delayed by so many places.
fn fates() -> impl Strategy<Value = Vec<(bool, usize)>> {
    let fate = (prop::bool::weighted(0.15), prop_oneof![4 => Just(0), 2 => 0..6_usize, 1 => 0..30_usize]);
    prop::collection::vec(fate, 40)
}

fn lossy(stream: &Stream, fates: &[(bool, usize)]) -> Vec<Item> {
    let kept = stream.0.iter().zip(fates).enumerate().filter(|(_, (_, (lost, _)))| !lost);
    let mut kept: Vec<(usize, Item)> = kept.map(|(at, (item, (_, delay)))| (at + delay, item.clone())).collect();
    kept.sort_by_key(|(at, _)| *at);
    kept.into_iter().map(|(_, item)| item).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn loss_and_delay_are_never_tampered(
        fates in fates(),
        pauses in prop::collection::vec((0..40_usize, 0..900_u64), 0..4),
        gaps in prop::collection::vec((1..4_u64, 0..12_u64, 0..12_u64, 0..40_usize), 0..3),
        unlocked: bool,
        is_live: bool,
    ) {
        let sessions: Vec<&Session> = SESSIONS.iter().collect();
        let stream = if unlocked { Stream::unlocked(&sessions, guard()) } else { Stream::public(&sessions) };
        let mut items = lossy(&stream, &fates);
        for (at, millis) in pauses {
            items.insert(at.min(items.len()), Item::Pause(Duration::from_millis(millis)));
        }
        for (session, first, length, at) in gaps {
            let gap = Gap { subscription: 1, session, first, last: first + length, cause: GapCause::Slow };
            items.insert(at.min(items.len()), Item::Gap(gap));
        }
        let mode = if is_live { live(None) } else { Mode::Range };
        let mut viewer = Viewer::new(config(&front_door(), mode, unlocked.then(guard)));
        items.iter().for_each(|item| viewer.take(item));
        viewer.now.monotonic += Duration::from_secs(5);
        viewer.show();
        prop_assert_eq!(viewer.assessor.wake_at(), None, "nothing waits for ever");
        let outcome = viewer.outcome();
        prop_assert_ne!(outcome.verdict(), Verdict::Tampered, "{:?}", outcome.reasons());

        // What is shown is what was filmed, in that order.
        let filmed = stream.believed();
        let mut at = 0;
        for picture in &outcome.pictures {
            let found = filmed.iter().skip(at).position(|filmed| filmed == picture);
            prop_assert!(found.is_some(), "a picture that was not filmed, or not then");
            at += found.unwrap_or_default() + 1;
        }
        // Of a stretch of the past, whatever came and is not shown is said, and what lies between two that are shown is too.
        let came = items.iter().filter(|item| matches!(item, Item::Frame { bytes, .. } if !is_end(bytes))).count();
        let ends = items.iter().filter(|item| matches!(item, Item::Frame { bytes, .. } if is_end(bytes))).count();
        if !is_live && outcome.verdict() == Verdict::Authentic {
            prop_assert_eq!(outcome.pictures.len(), came);
            prop_assert_eq!(outcome.shown.matches('E').count(), ends);
            let first = filmed.iter().position(|filmed| Some(filmed) == outcome.pictures.first());
            let last = filmed.iter().position(|filmed| Some(filmed) == outcome.pictures.last());
            if let (Some(first), Some(last)) = (first, last) {
                prop_assert_eq!(last - first + 1, outcome.pictures.len(), "nothing in between was lost");
            }
        }
    }

    #[test]
    fn one_changed_bit_is_never_shown(frame in 0..23_usize, bit: prop::sample::Index, fates in fates(), unlocked: bool) {
        let sessions: Vec<&Session> = SESSIONS.iter().collect();
        let whole = if unlocked { Stream::unlocked(&sessions, guard()) } else { Stream::public(&sessions) };
        let stream = whole.clone().change(frame, |bytes| {
            let bit = bit.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
        });
        let mut viewer = Viewer::new(config(&front_door(), Mode::Range, unlocked.then(guard)));
        lossy(&stream, &fates).iter().for_each(|item| viewer.take(item));
        let outcome = viewer.finish();
        let filmed = whole.believed();
        prop_assert!(outcome.pictures.iter().all(|picture| filmed.contains(picture)));
        let untouched = stream.watched(&front_door(), Mode::Range, unlocked.then(guard));
        prop_assert_ne!(untouched.verdict(), Verdict::Authentic, "{:?}", untouched.shown);
    }
}

fn is_end(bytes: &bytes::Bytes) -> bool {
    Frame::decode(bytes.clone()).unwrap().header.flags.end
}

#[test]
fn the_control_without_loss() {
    let sessions: Vec<&Session> = SESSIONS.iter().collect();
    let outcome = Stream::public(&sessions).watch();
    outcome.is("K..K.K...EK...K.KK.KK.E", &[wire::verdict::Reason::TailUnknown { session: 2 }]);
    let outcome = Stream::public(&sessions[..1]).watch();
    outcome.is_authentic("K..K.K...E");
}
