//! Bytes that were changed, cut or blown up on the way.

use bytes::Bytes;
use wire::bytes::{Malformed, Problem};
use wire::frame::{Frame, LayerKind};
use wire::sign::SignedRecord;
use wire::verdict::{Reason, Verdict};
use wire::verify::{self, Group, Refusal};

use crate::camera::{front_door, guard};
use crate::stream::Stream;

#[test]
fn no_bit_of_a_frame_can_be_flipped() {
    let session = front_door().session(1, "K.E");
    let record = std::sync::Arc::new(verify::record(session.epochs[0].record.clone(), front_door().id()).unwrap());
    for public_only in [false, true] {
        let bytes = |at: usize| session.frames[at].withhold(|kind| !public_only || kind == LayerKind::Public);
        let verifies = |at: usize, bytes: Bytes| -> Result<(), Refusal> {
            let frame = Frame::decode(bytes)?;
            match at {
                1 => Group::open(&record, Frame::decode(session.frames[0].bytes().clone())?)?.0.next(frame).map(drop),
                _ => Group::open(&record, frame).map(drop),
            }
        };
        for at in 0..session.frames.len() {
            let whole = bytes(at);
            assert_eq!(verifies(at, whole.clone()), Ok(()), "the control");
            for bit in 0..whole.len() * 8 {
                let mut changed = whole.to_vec();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(verifies(at, changed.into()).is_err(), "frame {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn no_bit_of_an_epoch_record_can_be_flipped() {
    let camera = front_door();
    let whole = camera.session(1, "K").epochs[0].record.encode();
    let verifies = |bytes: Bytes| -> Result<(), Refusal> { verify::record(SignedRecord::decode(bytes)?, camera.id()).map(drop) };
    assert_eq!(verifies(whole.clone()), Ok(()), "the control");
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(verifies(changed.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_changed_frame_is_tampered_and_never_shown() {
    let session = front_door().session(1, "K..K..E");
    let stream = Stream::unlocked(&[&session], guard());
    stream.watch_as(guard()).is_authentic("K..K..E");
    for frame in 0..6 {
        let changed = stream.clone().edit(frame, |frame| frame.layers[0].body = wire::frame::Body::Present(Bytes::from_static(b"another")));
        assert!(changed.believed().contains(&Bytes::from_static(b"another")), "the control: who checks nothing is shown it");
        let outcome = changed.watch_as(guard());
        assert_eq!(outcome.verdict(), Verdict::Tampered, "frame {frame}");
        assert!(!outcome.pictures.contains(&Bytes::from_static(b"another")), "frame {frame}");
    }
}

#[test]
fn a_record_that_was_changed_is_tampered() {
    let session = front_door().session(1, "K.");
    let mut stream = Stream::public(&[&session]);
    stream.watch().is_authentic("K.");
    let crate::stream::Item::Record(record) = &mut stream.0[0] else { unreachable!() };
    let mut bytes = record.record.to_vec();
    let owners = bytes.len() - 80;
    bytes[owners] ^= 1;
    record.record = bytes.into();
    let unverifiable = Reason::Unverifiable { session: 1, sequence: 1 };
    stream.watch().is("", &[Reason::RecordRefused(Refusal::BadSignature), unverifiable, Reason::NoFrameYet]);
}

#[test]
fn a_truncated_frame_is_tampered() {
    let stream = Stream::public(&[&front_door().session(1, "K..K")]);
    stream.watch().is_authentic("K..K");
    let outcome = stream.change(1, |bytes| bytes.truncate(bytes.len() - 1)).watch();
    let malformed = Malformed::new("signature", Problem::Truncated);
    outcome.is(
        "KGK",
        &[
            Reason::NotAFrame(Refusal::Malformed(malformed)),
            Reason::Unverifiable { session: 1, sequence: 2 },
            Reason::Missing { session: 1, first: 1, last: 2 },
        ],
    );
}

#[test]
fn a_length_beyond_the_bytes_is_refused_before_anything_is_allocated() {
    let session = front_door().session(1, "K");
    let whole = session.frames[0].bytes().to_vec();
    // The public layer's length stands behind flags, context, numbers, two regions and the layer's kind.
    let at = 2 + wire::context::Context::LENGTH + 24 + 1 + 2 * 11 + 1 + 3;
    assert_eq!(whole[at..at + 4], 10_u32.to_be_bytes(), "the control: here it is");
    for (length, problem) in [(u32::MAX, Problem::TooLong), (64 << 20, Problem::Truncated), (1 << 16, Problem::Truncated)] {
        let mut changed = whole.clone();
        changed[at..at + 4].copy_from_slice(&length.to_be_bytes());
        assert_eq!(Frame::decode(changed.into()), Err(Malformed::new("layer", problem)));
    }
    let beyond = Bytes::from(vec![0; wire::frame::MAX_FRAME + 1]);
    assert_eq!(Frame::decode(beyond), Err(Malformed::new("frame", Problem::TooLong)));
}
