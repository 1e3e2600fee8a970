#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;

/// Pushes a stream written as a string: `K` opens a group, `p` continues it, `.` pops one. Gives what was popped, the rest at the end:
/// frames by their position in their group, skips as `<frames>`.
fn play(bounds: Bounds, stream: &str) -> String {
    let (sender, mut receiver) = bounded(bounds);
    let (mut group, mut place) = (0_u32, 0_u32);
    let mut out = String::new();
    let show = |popped| match popped {
        Popped::Item((0, _)) => "K".to_owned(),
        Popped::Item((_, _)) => "p".to_owned(),
        Popped::Skipped(Skipped { from, to, frames }) => format!("<{from}-{to}:{frames}>"),
    };
    for action in stream.chars() {
        match action {
            '.' => out.extend(receiver.try_pop().map(show)),
            'K' => {
                (group, place) = (group + 1, 0);
                sender.try_push(group, true, 10, (place, group)).unwrap();
            }
            _ => {
                place += 1;
                sender.try_push(group, false, 1, (place, group)).unwrap();
            }
        }
    }
    drop(sender);
    while let Some(popped) = receiver.try_pop() {
        out.push_str(&show(popped));
    }
    out
}

const ROOMY: Bounds = Bounds { items: 100, bytes: 1000 };
const FIVE: Bounds = Bounds { items: 5, bytes: 1000 };

#[test]
fn what_fits_comes_out_as_it_went_in() {
    assert_eq!(play(ROOMY, "KppKp.pKp"), "KppKppKp");
    assert_eq!(play(ROOMY, "..."), "");
}

#[test]
fn the_oldest_groups_go_first_and_whole() {
    assert_eq!(play(FIVE, "KppKppKpp"), "<1-2:6>Kpp");
    assert_eq!(play(FIVE, "KppKpp"), "<1-1:3>Kpp");
    assert_eq!(play(FIVE, "KKKKKK"), "<1-1:1>KKKKK");
}

#[test]
fn a_group_that_was_begun_is_dropped_to_its_end() {
    assert_eq!(play(FIVE, "Kppp..KppKp"), "Kp<1-1:2>KppKp");
}

#[test]
fn a_group_that_is_too_long_keeps_its_beginning() {
    assert_eq!(play(FIVE, "Kppppppp"), "Kpppp<1-1:3>");
    // Room comes too late: the group has a hole.
    assert_eq!(play(FIVE, "Kppppp...pppKp"), "Kpppp<1-1:4>Kp");
    // The next group takes its place.
    assert_eq!(play(FIVE, "KpppppppKpppp"), "<1-1:8>Kpppp");
}

#[test]
fn bytes_count_as_well_as_frames() {
    assert_eq!(play(Bounds { items: 100, bytes: 25 }, "KKpK"), "<1-1:1>KpK");
    assert_eq!(play(Bounds { items: 100, bytes: 9 }, "KppKp"), "<1-2:5>");
    assert_eq!(play(Bounds { items: 0, bytes: 100 }, "Kp"), "<1-1:2>");
}

#[test]
fn a_group_without_its_key_frame_is_not_delivered() {
    assert_eq!(play(ROOMY, "ppKp"), "<0-0:2>Kp");
}

#[tokio::test]
async fn the_consumer_waits_and_learns_of_the_end() {
    let (sender, mut receiver) = bounded(ROOMY);
    let consumer = tokio::spawn(async move { (receiver.pop().await, receiver.pop().await, receiver.pop().await) });
    tokio::task::yield_now().await;
    assert_eq!(sender.try_push(1, true, 1, 'a'), Ok(0));
    tokio::task::yield_now().await;
    assert_eq!(sender.try_push(1, false, 1, 'b'), Ok(0));
    drop(sender);
    assert_eq!(consumer.await.unwrap(), (Some(Popped::Item('a')), Some(Popped::Item('b')), None));
}

#[test]
fn the_producer_learns_that_nobody_reads() {
    let (sender, receiver) = bounded(ROOMY);
    assert_eq!(sender.try_push(1, true, 1, ()), Ok(0));
    drop(receiver);
    assert_eq!(sender.try_push(1, false, 1, ()), Err(Closed));
}

#[derive(Debug, Clone)]
enum Action {
    Push { key: bool, size: usize },
    Pop,
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let push = (prop::bool::weighted(0.3), 0_usize..40).prop_map(|(key, size)| Action::Push { key, size });
    prop::collection::vec(prop_oneof![3 => push, 2 => Just(Action::Pop)], 0..200)
}

/// One frame of the model: its group, its place in the group, its number among all.
type Frame = (u32, u32, u64);

proptest! {
    #[test]
    fn nothing_is_lost_unsaid(items in 1_usize..12, bytes in 40_usize..200, actions in actions()) {
        let bounds = Bounds { items, bytes };
        let (sender, mut receiver) = bounded::<u32, Frame>(bounds);
        let (mut group, mut place, mut number) = (0, 0, 0_u64);
        let mut popped = Vec::new();
        let mut newest_key = None;
        for action in actions {
            match action {
                Action::Push { key, size } => {
                    (group, place) = if key { (group + 1, 0) } else { (group, place + 1) };
                    if key {
                        newest_key = Some(number);
                    }
                    sender.try_push(group, key, size, (group, place, number)).unwrap();
                    number += 1;
                    let (length, load) = sender.0.lock().load();
                    prop_assert!(length <= items && load <= bytes);
                }
                Action::Pop => popped.extend(receiver.try_pop()),
            }
        }
        let dropped = sender.dropped();
        drop(sender);
        while let Some(next) = receiver.try_pop() {
            popped.push(next);
        }

        // Every frame is delivered or counted, at its place, and in order.
        let (mut expected, mut told) = (0, 0);
        let mut last: Option<Frame> = None;
        let mut after_skip = false;
        for next in &popped {
            match next {
                Popped::Skipped(skipped) => {
                    prop_assert!(skipped.frames > 0 && skipped.from <= skipped.to);
                    expected += skipped.frames;
                    told += skipped.frames;
                    after_skip = true;
                }
                Popped::Item(frame) => {
                    prop_assert_eq!(frame.2, expected);
                    expected += 1;
                    // After a skip only a key frame; within a group no hole.
                    if after_skip || last.is_none_or(|last| last.0 != frame.0) {
                        prop_assert_eq!(frame.1, 0);
                    } else {
                        prop_assert_eq!(Some(frame.1), last.map(|last| last.1 + 1));
                    }
                    last = Some(*frame);
                    after_skip = false;
                }
            }
        }
        prop_assert_eq!(expected, number);
        prop_assert_eq!(told, dropped);

        // The newest group survives, at least its beginning.
        if let Some(newest) = newest_key {
            let delivered = popped.iter().any(|next| matches!(next, Popped::Item(frame) if frame.2 == newest));
            prop_assert!(delivered);
        }
    }
}
