#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use crate::access::LabelSet;
use wire::frame::{Frame, SignedFrame};
use wire::verify::{self, Group, Verified};

use super::*;
use crate::fake::Camera;
use crate::verify::Epoch;

/// A stream as it comes to the hub.
fn items(camera: &mut Camera, text: &str) -> Vec<Arc<Item>> {
    let frames = camera.frames(text);
    let record = Arc::new(verify::record(camera.record.clone().unwrap(), camera.id()).unwrap());
    let grants = camera.grants(0);
    let epoch = Arc::new(Epoch::new(Arc::clone(&record), grants.list, grants.grants).unwrap());
    let mut group: Option<Group> = None;
    let mut verify = |frame: &SignedFrame| -> Verified<SignedFrame> {
        let frame = Frame::decode(frame.bytes().clone()).unwrap();
        if frame.context.is_some() {
            let (opened, frame) = Group::open(&record, frame).unwrap();
            group = Some(opened);
            return frame;
        }
        group.as_mut().unwrap().next(frame).unwrap()
    };
    frames.iter().map(|frame| Arc::new(Item::new(&verify(frame), &epoch))).collect()
}

fn fill(ring: &mut Ring, items: &[Arc<Item>]) -> Vec<bool> {
    items.iter().map(|item| ring.push(Arc::clone(item))).collect()
}

/// Everything from a cursor on, as sequences.
fn rest(ring: &Ring, cursor: &mut Cursor) -> Vec<u64> {
    std::iter::from_fn(|| match ring.next(cursor) {
        Next::Item(item) => Some(item.place.sequence),
        Next::Nothing | Next::Fallen => None,
    })
    .collect()
}

#[test]
fn a_join_starts_at_the_newest_group() {
    let (mut camera, mut ring) = (Camera::new(1, 1), Ring::default());
    assert!(ring.join().is_none());
    fill(&mut ring, &items(&mut camera, "KffKff"));
    let mut cursor = ring.join().unwrap();
    assert_eq!(rest(&ring, &mut cursor), [3, 4, 5]);
    fill(&mut ring, &items(&mut camera, "KfKf"));
    assert_eq!(rest(&ring, &mut cursor), [6, 7, 8, 9], "whoever keeps up misses nothing");
    assert_eq!(rest(&ring, &mut ring.join().unwrap()), [8, 9]);
}

#[test]
fn the_newest_key_frame_is_ahead_until_it_was_looked_at() {
    let (mut camera, mut ring) = (Camera::new(1, 1), Ring::default());
    fill(&mut ring, &items(&mut camera, "Kff"));
    let mut cursor = ring.join().unwrap();
    assert!(ring.ahead(&cursor).is_none(), "it is the one that this viewer joined at");
    fill(&mut ring, &items(&mut camera, "KfKf"));
    assert_eq!(rest(&ring, &mut ring.ahead(&cursor).unwrap()), [5, 6]);
    rest(&ring, &mut cursor);
    assert!(ring.ahead(&cursor).is_none());
}

#[test]
fn what_is_older_is_backfill_but_for_a_moment() {
    let (mut camera, mut ring) = (Camera::new(1, 1), Ring::default());
    let frames = items(&mut camera, &"K".repeat(100));
    assert_eq!(fill(&mut ring, &frames[99..]), [true]);
    // At 30 frames a second the last second is 30 frames.
    let late: Vec<bool> = fill(&mut ring, &frames[..99]);
    assert_eq!(late.iter().position(|live| *live), Some(69));
    assert!(late[69..].iter().all(|live| *live));
    // An earlier session is never live again, however recent it says it is.
    let mut next = Camera::new(1, 2);
    assert_eq!(fill(&mut ring, &items(&mut next, "K")), [true]);
    assert_eq!(fill(&mut ring, &items(&mut camera, "K")), [false]);
}

#[test]
fn groups_that_overtake_each_other_do_not_confuse_a_viewer() {
    let (mut camera, mut ring) = (Camera::new(1, 1), Ring::default());
    let frames = items(&mut camera, "KffKf");
    // The second group's key frame comes before the first group's tail.
    for at in [0, 1, 3, 2, 4] {
        ring.push(Arc::clone(&frames[at]));
    }
    assert_eq!(rest(&ring, &mut ring.join().unwrap()), [3, 4], "who joins now has no use for the first group's tail");
    let mut early = Cursor { at: 0, from: frames[0].place };
    assert_eq!(rest(&ring, &mut early), [0, 1, 3, 2, 4]);
}

#[test]
fn it_is_bounded_by_frames_and_by_bytes() {
    let (mut camera, mut ring) = (Camera::new(1, 1), Ring::default());
    fill(&mut ring, &items(&mut camera, "K"));
    let mut slow = ring.join().unwrap();
    fill(&mut ring, &items(&mut camera, &"Kf".repeat(RING_FRAMES)));
    assert_eq!(ring.items.len(), RING_FRAMES);
    assert!(matches!(ring.next(&mut slow), Next::Fallen));
    assert!(!ring.holds(&slow));

    camera.public = RING_BYTES / 4;
    fill(&mut ring, &items(&mut camera, "KfKfKf"));
    assert!(ring.bytes <= RING_BYTES && !ring.items.is_empty());
    assert_eq!(ring.bytes, ring.items.iter().map(|item| item.size()).sum::<usize>());
    // The newest frame is kept however large it is.
    camera.public = 2 * RING_BYTES;
    let large = items(&mut camera, "Kf");
    fill(&mut ring, &large[..1]);
    assert_eq!(ring.items.len(), 1);
    assert!(ring.join().is_some());
    // A group that is longer than the ring cannot be joined until the next one begins.
    fill(&mut ring, &large[1..]);
    assert!(ring.join().is_none());
}

#[test]
fn what_was_missed_is_named_across_sessions() {
    let mut ring = Ring::default();
    let (mut one, mut two, mut three) = (Camera::new(1, 1), Camera::new(1, 2), Camera::new(1, 3));
    for camera in [&mut one, &mut two, &mut three] {
        fill(&mut ring, &items(camera, "KfKf"));
    }
    let at = |session, sequence| Place { session, sequence };
    assert_eq!(ring.between(at(1, 2), at(1, 3)), [(1, 2, 2)]);
    assert_eq!(ring.between(at(1, 2), at(3, 2)), [(1, 2, 3), (2, 0, 3), (3, 0, 1)]);
    assert_eq!(ring.between(at(1, 4), at(2, 0)), []);
    assert_eq!(ring.between(at(2, 3), at(2, 3)), []);
}

#[test]
fn a_frame_has_two_variants_of_one_signature() {
    let mut camera = Camera::new(1, 1);
    let item = &items(&mut camera, "K")[0];
    let (full, public) = (item.bytes(LabelSet::ALL), item.bytes(LabelSet::NONE));
    let [full, public] = [full, public].map(|bytes| Frame::decode(bytes.clone()).unwrap());
    assert_eq!(full.layers[0], public.layers[0]);
    assert!(full.layers[1].present().is_some());
    assert!(public.layers[1].present().is_none(), "nothing sealed is in what the public is sent");
    assert_eq!(full.layer_digests(), public.layer_digests());
    // Without sealed layers there is one variant, and no copy.
    camera.sealed = None;
    let item = &items(&mut camera, "K")[0];
    assert_eq!(item.bytes(LabelSet::ALL).as_ptr(), item.bytes(LabelSet::NONE).as_ptr());
}
