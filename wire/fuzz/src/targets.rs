//! What the fuzz targets do with arbitrary bytes; the stable test `tests/corpora.rs` does the same with the committed inputs.

#![allow(dead_code)]

#[path = "../../tests/attacks/camera.rs"]
pub mod camera;

#[path = "assess.rs"]
mod assess;

use bytes::Bytes;
use wire::epoch::EpochRecord;
use wire::frame::{Body, Frame};
use wire::grants::GrantList;
use wire::message::Message;
use wire::receipt::SignedReceipt;
use wire::sign::SignedRecord;
use wire::verify;

#[allow(unused_imports)]
pub use assess::{assessor, items};

/// A frame that can be read is written as it came, and shares its memory.
pub fn frame(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(frame) = Frame::decode(bytes.clone()) else { return };
    assert_eq!(frame.encode(), bytes);
    assert_eq!(frame.bytes(), &bytes);
    let layers = frame.layers.iter().map(|layer| match &layer.body {
        Body::Present(body) => {
            assert!(bytes.as_ptr_range().contains(&body.as_ptr()) || body.is_empty(), "shared, not copied");
            body.len()
        }
        Body::Withheld(_) => 0,
    });
    assert!(layers.sum::<usize>() < bytes.len());
    assert!(!wire::region::overlap(&frame.header.regions));
    assert_eq!(frame.header.flags.key, frame.context.is_some());
}

/// A record that can be read is written as it came; it is signed by nobody here.
pub fn record(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    if let Ok(signed) = SignedRecord::decode(bytes.clone()) {
        assert_eq!(signed.encode(), bytes);
        let camera = camera::front_door().id();
        if let Ok(verified) = verify::record(signed.clone(), camera) {
            assert_eq!(verified.record().camera, camera);
            assert_eq!(verified.digest(), signed.digest());
        }
    }
    if let Ok(record) = EpochRecord::from_bytes(bytes.clone()) {
        assert_eq!(record.to_bytes(), bytes);
        assert!(record.link.last().is_none_or(|last| last.session.number < record.session.number));
    }
}

/// A message that can be read is written as it came.
pub fn message(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(message) = Message::decode(bytes.clone()) else { return };
    assert_eq!(message.encode(), bytes);
    if let Message::Frame { subscription, session, frame: inner } = &message {
        assert_eq!([&Message::frame_head(*subscription, *session)[..], inner].concat(), bytes);
        frame(inner);
    }
}

/// A list that can be read is written as it came, and sorted.
pub fn grant_list(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(list) = GrantList::decode(bytes.clone()) else { return };
    assert_eq!(list.encode(), bytes);
    assert!(list.entries().is_sorted());
}

/// A receipt that can be read is written as it came; no relay signed it.
pub fn receipt(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let Ok(receipt) = SignedReceipt::decode(bytes.clone()) else { return };
    assert_eq!(receipt.encode(), bytes);
    assert!(receipt.verify(camera::front_door().id().as_bytes()).is_err());
}
