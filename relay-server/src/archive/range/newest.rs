//! A camera's newest epoch in the archive.

use std::path::Path;
use std::sync::Arc;

use wire::message::Message;

use super::plan::{rows, unreadable};
use super::{Epoch, Error};
use crate::archive::index::Index;
use crate::archive::segment::{Entries, Fault, Walk};
use crate::archive::shelf::{Shelf, lock};

/// The epoch of the greatest frame that was stored, as far as it can be read.
pub(in super::super) fn newest_epoch(shelf: &Shelf, index: &dyn Index, archive: &Path) -> Result<Option<Arc<Epoch>>, Error> {
    let newest = lock(&shelf.view).readable(archive, |_| true).into_iter().max_by_key(|segment| segment.segment.last);
    let Some(segment) = newest else { return Ok(None) };
    let rows = rows(shelf.camera, &segment, index)?;
    let Some(last) = rows.last() else { return Ok(None) };
    let unreadable = |fault| unreadable(&segment, fault);
    let mut entries = Entries::open(&segment.path, Some(segment.segment.bytes)).map_err(unreadable)?;
    let (mut walk, mut epoch) = (Walk::default(), None);
    // The record of the last stretch and its grants; then the stretch itself, which may bring later ones.
    for (from, count) in [(last.record, 2), (last.offset, usize::MAX)] {
        entries.seek(from);
        for _ in 0..count {
            let entry = match entries.next() {
                Ok(Some(entry)) => entry,
                Err(Fault::Io(error)) => return Err(unreadable(error.into())),
                Ok(None) | Err(_) => break,
            };
            match entry.message() {
                Ok(Message::Record { record, .. }) => {
                    let verified = walk.record(record).ok();
                    epoch = verified.map(|record| Arc::new(Epoch::without_grants(Arc::clone(record)))).or(epoch);
                }
                Ok(Message::Grants(grants)) => {
                    let own: Option<&Arc<Epoch>> = epoch.as_ref().filter(|epoch| epoch.record.digest() == grants.record);
                    epoch = own.map(|epoch| Arc::new(Epoch { record: Arc::clone(&epoch.record), grants })).or(epoch);
                }
                _ => {}
            }
        }
    }
    Ok(epoch)
}
