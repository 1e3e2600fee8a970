//! How fast frames are verified, beside bare strict verification and SHA-256 of the same bytes in the same run. Not a test of anything
//! by itself: `cargo test -p wire --test speed -- --ignored --nocapture` prints a table.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::cast_precision_loss)]

#[path = "attacks/camera.rs"]
mod camera;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha256};
use wire::frame::Frame;
use wire::label::Label;
use wire::region::Region;
use wire::sign::{Draft, SessionSigner, Start};
use wire::verify::{self, Group, Record, Verified};

/// Frames in a group, each verified once a round.
const FRAMES: u64 = 60;
/// The best of so many rounds counts.
const ROUNDS: usize = 40;

struct Film {
    record: Arc<Verified<Record>>,
    frames: Vec<Bytes>,
    /// What is under each frame's signature, and the signature.
    signed: Vec<(Vec<u8>, Signature)>,
    key: VerifyingKey,
}

fn film(size: usize) -> Film {
    let camera = camera::front_door();
    let plan = camera::Plan::new(1, "");
    let record = camera.epoch(&plan, 0).record;
    let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
    let region = |at: u16| Region { label: Label::FACE, x: at * 64, y: 32, w: 48, h: 64, track: at };
    let mut previous = wire::id::Digest::ZERO;
    let (mut frames, mut signed) = (Vec::new(), Vec::new());
    for sequence in 0..FRAMES {
        let draft = Draft {
            start: (sequence == 0).then_some(Start { codec: plan.codec, width: 1280, height: 720, record: record.digest() }),
            sequence,
            captured_at: camera::START,
            fail_closed: false,
            detector: wire::frame::DetectorState::Ready,
            regions: (0..3).map(region).collect(),
            public: Bytes::from(vec![0xa5; size - size / 10]),
            sealed: vec![(Label::FACE, Bytes::from(vec![0x5a; size / 10]))],
        };
        let frame = signer.sign(draft).unwrap();
        let decoded = Frame::decode(frame.bytes().clone()).unwrap();
        let bytes = decoded.signed_bytes(frame.context(), frame.layer_digests(), previous);
        signed.push((bytes, Signature::from_bytes(&decoded.signature)));
        frames.push(frame.bytes().clone());
        previous = frame.digest();
    }
    let record = Arc::new(verify::record(record, camera.id()).unwrap());
    Film { record, frames, signed, key: camera.key.verifying_key() }
}

fn ours(film: &Film) {
    let (mut group, _) = Group::open(&film.record, Frame::decode(film.frames[0].clone()).unwrap()).unwrap();
    for frame in &film.frames[1..] {
        black_box(group.next(Frame::decode(frame.clone()).unwrap()).unwrap());
    }
}

fn bare(film: &Film) {
    for (frame, (signed, signature)) in film.frames.iter().zip(&film.signed) {
        black_box(Sha256::digest(frame));
        film.key.verify_strict(signed, signature).unwrap();
    }
}

#[test]
#[ignore = "measures, and takes seconds"]
fn frames_per_second() {
    println!("{:>8} {:>14} {:>14} {:>8}", "bytes", "frames/s", "bare/s", "ratio");
    for size in [12_000, 40_000, 156_000] {
        let film = film(size);
        let mut best = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            for (best, run) in best.iter_mut().zip([ours as fn(&Film), bare]) {
                let start = Instant::now();
                run(&film);
                *best = start.elapsed().min(*best);
            }
        }
        let [ours, bare] = best.map(|time| FRAMES as f64 / time.as_secs_f64());
        println!("{size:>8} {ours:>14.0} {bare:>14.0} {:>8.3}", ours / bare);
    }
}
