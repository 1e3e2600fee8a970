#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use crate::fake::Camera;

const SOON: Duration = Duration::from_secs(20);

fn record(camera: &mut Camera) -> Arc<Verified<Record>> {
    let signed = camera.begin_epoch();
    Arc::new(wire::verify::record(signed, camera.id()).unwrap())
}

/// The epoch, if it is complete and was not known.
fn new(announced: Announced) -> Option<Epoch> {
    if let Announced::New(epoch) = announced { Some(epoch) } else { None }
}

#[test]
fn an_epoch_is_its_record_and_exactly_the_grants_in_it() {
    let mut camera = Camera::new(1, 1).granting(5).granting(6);
    let record = record(&mut camera);
    let message::Grants { list, grants, .. } = camera.grants(0);
    let make = |list: &GrantList, grants: &[Grant]| Epoch::new(Arc::clone(&record), list.clone(), grants.to_vec());
    let epoch = make(&list, &grants).unwrap();
    assert!(epoch.grants_to(Fingerprint([5; 32])) && !epoch.grants_to(Fingerprint([7; 32])));

    let swapped = [Grant { wrapped: grants[1].wrapped.clone(), ..grants[0].clone() }, grants[1].clone()];
    let twice = [grants.clone(), vec![grants[0].clone()]].concat();
    for wrong in [&grants[..1], &[], &swapped, &twice] {
        assert_eq!(make(&list, wrong).err(), Some(Fault::Grants));
        if let Ok(their_own) = GrantList::of(wrong) {
            assert_eq!(make(&their_own, wrong).err(), Some(Fault::Grants), "a list that fits them is not the record's");
        }
    }
}

#[test]
fn a_viewer_is_sent_the_whole_list_and_its_own_grants() {
    let mut camera = Camera::new(1, 1).granting(5).granting(6);
    let record = record(&mut camera);
    let message::Grants { list, grants, .. } = camera.grants(0);
    let epoch = Epoch::new(record, list.clone(), grants.clone()).unwrap();
    let sent = epoch.message_for(3, Some(Fingerprint([6; 32])));
    assert_eq!((sent.subscription, sent.list, sent.grants), (3, list, vec![grants[1].clone()]));
    for nobody in [None, Some(Fingerprint([7; 32]))] {
        assert!(epoch.message_for(3, nobody).grants.is_empty());
    }
}

#[test]
fn grants_come_behind_their_record() {
    let (epochs, mut camera) = (Epochs::default(), Camera::new(1, 1).granting(5));
    let first = record(&mut camera);
    assert_eq!(epochs.grants(camera.grants(0)).err(), Some(Fault::OutOfTurn("grants")));
    assert!(matches!(epochs.record(Arc::clone(&first)), Announced::Incomplete), "not complete yet");
    assert!(matches!(epochs.record(Arc::clone(&first)), Announced::Incomplete), "and not twice");
    let epoch = Arc::new(new(epochs.grants(camera.grants(0)).unwrap()).unwrap());
    assert!(epochs.get(first.digest()).is_none(), "not before it is let through");
    epochs.insert(Arc::clone(&epoch));
    assert!(Arc::ptr_eq(&epochs.get(first.digest()).unwrap(), &epoch));
    // Whatever comes again is known.
    assert!(matches!(epochs.record(first), Announced::Known(_)));
    assert!(matches!(epochs.grants(camera.grants(0)).unwrap(), Announced::Known(_)));
    // Where nothing is granted, the record is enough.
    let mut open = Camera::new(2, 1);
    assert!(new(epochs.record(record(&mut open))).is_some());
}

#[test]
fn wrong_grants_do_not_spoil_the_record_for_ever() {
    let (epochs, mut camera) = (Epochs::default(), Camera::new(1, 1).granting(5));
    let record = record(&mut camera);
    epochs.record(Arc::clone(&record));
    let wrong = message::Grants { grants: Vec::new(), ..camera.grants(0) };
    assert_eq!(epochs.grants(wrong).err(), Some(Fault::Grants));
    // The camera is disconnected, and begins anew.
    epochs.record(record);
    assert!(new(epochs.grants(camera.grants(0)).unwrap()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_group_waits_for_its_epoch_a_while() {
    let (epochs, mut camera) = (Epochs::default(), Camera::new(1, 1));
    let epoch = new(epochs.record(record(&mut camera))).unwrap();
    let digest = epoch.record().digest();
    assert!(epochs.wait(digest, SOON).await.is_none());
    let late = async {
        tokio::time::sleep(SOON / 2).await;
        epochs.insert(Arc::new(epoch));
    };
    let (waited, ()) = tokio::join!(epochs.wait(digest, SOON), late);
    assert!(waited.is_some());
    assert!(epochs.wait(digest, Duration::ZERO).await.is_some());
}

#[test]
fn an_epoch_that_is_announced_again_is_as_good_as_new() {
    let (epochs, mut camera) = (Epochs::default(), Camera::new(1, 1));
    let first = record(&mut camera);
    epochs.insert(Arc::new(new(epochs.record(Arc::clone(&first))).unwrap()));
    for round in 0..2 * EPOCHS {
        if round % 8 == 0 {
            epochs.record(Arc::clone(&first));
        }
        let epoch = new(epochs.record(record(&mut camera))).unwrap();
        epochs.insert(Arc::new(epoch));
    }
    assert!(epochs.get(first.digest()).is_some(), "the live epoch outlasts the backfill of many");
}

#[test]
fn memory_is_bounded() {
    let (epochs, mut camera) = (Epochs::default(), Camera::new(1, 1));
    for _ in 0..2 * EPOCHS {
        let epoch = new(epochs.record(record(&mut camera))).unwrap();
        epochs.insert(Arc::new(epoch));
    }
    assert_eq!(epochs.table().complete.len(), EPOCHS);
    let mut camera = camera.granting(5);
    for _ in 0..2 * EPOCHS {
        epochs.record(record(&mut camera));
    }
    assert_eq!(epochs.table().waiting.len(), EPOCHS);
    // Few large ones push out the others, down to one.
    let mut large = Camera::new(2, 1);
    let wrapped = bytes::Bytes::from(vec![7; 2000]);
    large.grants = (0..4000u32)
        .map(|number| {
            let mut recipient = [0; 32];
            recipient[..4].copy_from_slice(&number.to_be_bytes());
            Grant { recipient: Fingerprint(recipient), label: wire::label::Label::FACE, wrapped: wrapped.clone() }
        })
        .collect();
    for _ in 0..6 {
        epochs.record(record(&mut large));
        epochs.insert(Arc::new(new(epochs.grants(large.grants(0)).unwrap()).unwrap()));
    }
    let kept = epochs.table().complete.iter().map(|epoch| epoch.bytes()).collect::<Vec<_>>();
    assert!(kept.iter().sum::<usize>() <= EPOCH_BYTES && kept.len() >= 2, "{kept:?}");
}
