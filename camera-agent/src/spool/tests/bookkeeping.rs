//! The books alone, with times of the test's own.

use std::collections::VecDeque;

use wire::id::Digest;

use super::super::books::{Books, RESEND, Take, Volume};
use super::super::volume::{Group, Scan};
use super::*;

/// Books of one live session, whose groups have three frames.
struct Scene {
    books: Books,
    now: Instant,
    next: u64,
}

impl Scene {
    fn new() -> Self {
        let mut books = Books::default();
        let mut volume = Volume::found(1, PathBuf::from("1"), 0, Instant::now());
        volume.open = true;
        books.volumes = VecDeque::from([volume]);
        Self { books, now: Instant::now(), next: 0 }
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// So many frames are written.
    fn write(&mut self, frames: u64) {
        for sequence in self.next..self.next + frames {
            self.books.wrote(run(1, sequence, sequence), sequence % 3 == 0, 100);
        }
        self.next += frames;
    }

    fn send(&mut self, first: u64, last: u64) {
        (first..=last).for_each(|sequence| self.books.settled(run(1, sequence, sequence), Some(100), self.now));
    }

    /// Takes a group, as the cursor does it.
    fn take(&mut self, number: u64) -> Take {
        let (first, last) = (3 * number, 3 * number + 2);
        let group = Group { first, last, frames: 3, from: 0, to: 300, record: 0, digest: Digest([u8::try_from(number / 10).unwrap(); 32]) };
        self.books.take(1, 1, &group)
    }

    /// Whether anything waits.
    fn waits(&mut self) -> bool {
        self.books.expire(self.now);
        self.books.next(0, self.now).is_some()
    }
}

#[test]
fn what_is_on_its_way_is_not_sent_again_until_it_is_late() {
    let mut scene = Scene::new();
    scene.write(7);
    assert!(!scene.waits(), "nothing of the session was settled yet");
    scene.send(0, 6);
    assert!(!scene.waits(), "all of it is on its way");
    scene.books.acknowledge(run(1, 0, 2), scene.now);
    scene.wait(RESEND.as_secs() - 1);
    assert!(!scene.waits());
    scene.books.acknowledge(run(1, 6, 6), scene.now);
    scene.wait(1);
    assert!(scene.waits(), "late");
    assert_eq!((scene.take(0), scene.take(1)), (Take::Skip, Take::Send(run(1, 3, 5))));
    assert_eq!(scene.take(1), Take::Skip, "and not twice");
}

#[test]
fn a_group_that_may_still_grow_or_be_sent_live_is_left_alone() {
    let mut scene = Scene::new();
    scene.write(6);
    scene.books.settled(run(1, 1, 1), None, scene.now);
    assert_eq!(scene.take(0), Take::Skip, "its last frame waits for its turn");
    scene.books.settled(run(1, 4, 4), None, scene.now);
    assert!(scene.waits());
    assert_eq!((scene.take(0), scene.take(1)), (Take::Send(run(1, 0, 2)), Take::Skip));
    scene.books.close();
    scene.books.all_settled();
    assert_eq!(scene.take(1), Take::Send(run(1, 3, 5)));
}

#[test]
fn a_group_of_which_a_part_was_sent_is_sent_again_whole() {
    let mut scene = Scene::new();
    scene.write(9);
    scene.send(0, 4);
    scene.books.settled(run(1, 6, 6), None, scene.now);
    assert_eq!((scene.take(0), scene.take(1)), (Take::Skip, Take::Send(run(1, 3, 5))));
    // A group that was given up on the way.
    scene.send(6, 7);
    scene.books.taken_back(run(1, 6, 8));
    scene.books.settled(run(1, 8, 8), None, scene.now);
    scene.write(1);
    assert_eq!(scene.take(2), Take::Send(run(1, 6, 8)));
}

#[test]
fn an_acknowledgement_that_comes_before_the_frame_is_written_counts() {
    let mut scene = Scene::new();
    scene.send(0, 5);
    assert_eq!(scene.books.acknowledge(run(1, 0, u64::MAX), scene.now), 0);
    scene.write(9);
    assert_eq!((scene.books.acknowledged, scene.books.oldest()), (6, Some((1, 6))), "as far as it was sent, and not beyond");
}

#[test]
fn backfill_keeps_to_what_the_relay_takes_at_a_time() {
    let mut scene = Scene::new();
    scene.write(120);
    scene.books.close();
    scene.books.all_settled();
    // Groups 0 to 9 are of one epoch, 10 to 19 of the next, and so on: two at a time.
    for number in [0, 1, 10] {
        assert!(matches!(scene.take(number), Take::Send(_)));
    }
    assert_eq!(scene.take(20), Take::Wait);
    for number in [0, 1] {
        scene.books.landed(run(1, 3 * number, 3 * number + 2), Some(scene.now));
    }
    scene.books.acknowledge(run(1, 0, 5), scene.now);
    assert!(matches!(scene.take(20), Take::Send(_)));
}

#[test]
fn a_relay_that_does_not_store_is_asked_now_and_then() {
    let mut scene = Scene::new();
    scene.write(30);
    scene.books.close();
    scene.send(0, 29);
    scene.books.not_storing("its disk is full".to_owned(), scene.now);
    assert!(!scene.waits());
    for pause in [2, 4, 8, 16, 30, 30] {
        scene.wait(pause);
        assert!(scene.waits(), "after {pause} seconds");
        assert!(matches!(scene.take(0), Take::Send(_)));
        assert_eq!(scene.take(1), Take::Wait, "one group is enough to find out");
        scene.books.landed(run(1, 0, 2), Some(scene.now));
        scene.wait(RESEND.as_secs());
        assert!(!scene.waits());
    }
    scene.books.acknowledge(run(1, 0, 2), scene.now);
    assert_eq!(scene.books.not_storing, None);
    assert!(scene.waits());
    assert!(matches!((scene.take(1), scene.take(2)), (Take::Send(_), Take::Send(_))));
}

#[test]
fn what_was_sent_live_while_the_relay_did_not_store_comes_again_as_soon_as_it_does() {
    let mut scene = Scene::new();
    scene.write(9);
    scene.books.not_storing("its disk is full".to_owned(), scene.now);
    scene.send(0, 8);
    scene.wait(1);
    assert!(!scene.waits());
    scene.write(3);
    scene.send(9, 11);
    scene.books.acknowledge(run(1, 6, 8), scene.now);
    assert!(scene.waits());
    assert_eq!((scene.take(0), scene.take(1)), (Take::Send(run(1, 0, 2)), Take::Send(run(1, 3, 5))));
    assert_eq!((scene.take(2), scene.take(3)), (Take::Skip, Take::Skip), "one is acknowledged, one may grow");
}

#[test]
fn a_group_that_is_being_sent_when_the_relay_stops_storing_comes_again_as_well() {
    let mut scene = Scene::new();
    scene.write(6);
    scene.books.close();
    scene.books.all_settled();
    assert_eq!(scene.take(0), Take::Send(run(1, 0, 2)));
    scene.books.not_storing("its disk is full".to_owned(), scene.now);
    scene.books.landed(run(1, 0, 2), Some(scene.now));
    scene.books.acknowledge(run(1, 3, 5), scene.now);
    assert!(scene.waits());
    assert_eq!((scene.take(0), scene.take(1)), (Take::Send(run(1, 0, 2)), Take::Skip));
}

#[test]
fn what_the_relay_never_takes_is_tried_ever_more_rarely() {
    let mut scene = Scene::new();
    scene.write(3);
    scene.books.close();
    scene.books.all_settled();
    let mut volume = Volume::found(2, PathBuf::from("2"), 0, scene.now);
    volume.open = true;
    scene.books.volumes.push_back(volume);
    let mut tries = Vec::new();
    for second in 0..3000_u64 {
        // It acknowledges everything else.
        scene.write(1);
        scene.send(scene.next - 1, scene.next - 1);
        scene.books.acknowledge(run(1, 3, scene.next), scene.now);
        if scene.waits() && matches!(scene.take(0), Take::Send(_)) {
            scene.books.landed(run(1, 0, 2), Some(scene.now));
            tries.push(second);
        }
        scene.wait(1);
    }
    assert!((5..12).contains(&tries.len()), "{tries:?}");
}

#[test]
fn what_was_found_counts_once_it_was_looked_into() {
    let mut scene = Scene::new();
    scene.books.volumes = VecDeque::from([Volume::found(1, PathBuf::from("1"), 900, scene.now)]);
    assert!(scene.waits());
    let group = Group { first: 4, last: 6, frames: 3, from: 0, to: 300, record: 0, digest: Digest::ZERO };
    scene.books.learn(1, &Scan { session: 7, groups: vec![group], torn: 5 });
    assert_eq!((scene.books.oldest(), scene.books.dropped.torn_bytes), (Some((7, 4)), 5));
    assert_eq!(scene.books.take(1, 7, &group), Take::Send(run(7, 4, 6)));
    assert_eq!(scene.books.acknowledge(run(7, 0, 99), scene.now), 3);
    assert!(scene.books.is_settled());
}
