//! What a frame costs beside its picture: a bar, byte by byte.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "attacks/camera.rs"]
mod camera;

use bytes::Bytes;
use wire::frame::{LayerKind, SignedFrame};
use wire::label::Label;
use wire::region::{MAX_REGIONS, Region};
use wire::sign::{Draft, SessionSigner, Start};

/// Signs a key frame and one that depends on it, with so many labels and regions.
fn frames(labels: u8, regions: u16) -> [SignedFrame; 2] {
    let camera = camera::front_door();
    let plan = camera::Plan::new(1, "");
    let record = camera.epoch(&plan, 0).record.digest();
    let mut signer = SessionSigner::new(camera.key.clone(), plan.id());
    let label = |number: u8| Label::from_number(11 - number).unwrap();
    let region = |at: u16| Region { label: label(0), x: at % 40 * 16, y: at / 40 * 16, w: 16, h: 16, track: at };
    [0, 1].map(|sequence| {
        let draft = Draft {
            start: (sequence == 0).then_some(Start { codec: plan.codec, width: 640, height: 360, record }),
            sequence,
            captured_at: camera::START,
            fail_closed: false,
            detector: wire::frame::DetectorState::Ready,
            regions: (0..regions).map(region).collect(),
            public: Bytes::from(vec![0; 12_000]),
            sealed: (0..labels).rev().map(|number| (label(number), Bytes::from(vec![1; 512]))).collect(),
        };
        signer.sign(draft).unwrap()
    })
}

/// The bytes that are no layer's.
fn cost(frame: &SignedFrame, bytes: &Bytes, kept: impl Fn(LayerKind) -> bool) -> usize {
    let layers: usize = frame.layers().iter().filter(|layer| kept(layer.kind)).map(|layer| layer.present().unwrap().len()).sum();
    bytes.len() - layers
}

fn whole(frame: &SignedFrame) -> usize {
    cost(frame, frame.bytes(), |_| true)
}

#[test]
fn a_frame_with_one_label_costs_at_most_112_bytes() {
    let [_, frame] = frames(1, 0);
    assert_eq!(whole(&frame), 106);
}

#[test]
fn a_region_costs_at_most_12_more() {
    let [_, none] = frames(1, 0);
    for regions in [1, 5, u16::try_from(MAX_REGIONS).unwrap()] {
        let [_, some] = frames(1, regions);
        assert_eq!(whole(&some) - whole(&none), usize::from(regions) * 11);
    }
}

#[test]
fn a_further_layer_costs_at_most_8_more() {
    let [_, one] = frames(1, 0);
    for labels in [2, 3, 12] {
        let [_, more] = frames(labels, 0);
        assert_eq!(whole(&more) - whole(&one), usize::from(labels - 1) * 7);
    }
}

#[test]
fn a_withheld_layer_costs_at_most_32_more() {
    let [_, frame] = frames(3, 0);
    let bytes = frame.withhold(|kind| kind == LayerKind::Public);
    assert_eq!(cost(&frame, &bytes, |kind| kind == LayerKind::Public) - whole(&frame), 3 * 28);
    assert!(frame.bytes().len() > bytes.len(), "the control: what is withheld is not there");
}

#[test]
fn a_key_frames_context_costs_at_most_160_more() {
    let [key, frame] = frames(1, 3);
    assert_eq!(whole(&key) - whole(&frame), wire::context::Context::LENGTH);
    assert_eq!(wire::context::Context::LENGTH, 134);
}
