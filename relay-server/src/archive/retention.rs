//! Retention in its simplest form: by bytes, whole segments, the oldest first, never an open one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use wire::id::Micros;

use super::counters::add;
use super::desk::Tools;
use super::segment;
use super::shelf::{Shelf, lock};

/// How many bytes a camera has, and of its closed segments the oldest.
struct Have {
    shelf: Arc<Shelf>,
    bytes: u64,
    oldest: Option<(u64, Micros)>,
}

impl Have {
    fn of(shelf: &Arc<Shelf>) -> Self {
        let view = lock(&shelf.view);
        let open = view.open.values().map(|open| open.segment.bytes).sum::<u64>();
        let bytes = open + view.closed.values().map(|segment| segment.bytes).sum::<u64>();
        let oldest = view.closed.first_key_value().map(|(number, segment)| (*number, segment.closed_at));
        Self { shelf: Arc::clone(shelf), bytes, oldest }
    }
}

/// Deletes what is too much.
///
/// The file goes first and its index entry after: a crash between the two leaves an entry without a file, which is dropped when the
/// archive is opened. The other way round the crash would bring a deleted segment back.
///
/// Says whether more is there than allowed all the same, because it is still open or cannot be deleted.
pub(super) fn retain(tools: &Tools, shelves: &[Arc<Shelf>]) -> bool {
    let mut all: Vec<Have> = shelves.iter().map(Have::of).collect();
    let mut gone = Vec::new();
    loop {
        let total: u64 = all.iter().map(|have| have.bytes).sum();
        let over_own = |have: &Have| tools.config.max_bytes_per_camera.is_some_and(|most| have.bytes > most);
        let candidates = all.iter_mut().filter(|have| have.oldest.is_some() && (total > tools.config.max_bytes || over_own(have)));
        // A camera above its own bound goes first; else whoever has the oldest segment.
        let Some(next) = candidates.min_by_key(|have| (!over_own(have), have.oldest.map(|(_, closed_at)| closed_at))) else { break };
        let Some((number, _)) = next.oldest else { break };
        if let Err(error) = delete(tools, &next.shelf, number) {
            tracing::error!(camera = %next.shelf.camera, segment = number, %error, "retention cannot delete a segment: the archive will outgrow its bound");
            break;
        }
        gone.push((next.shelf.camera, number));
        *next = Have::of(&next.shelf);
    }
    if !gone.is_empty()
        && let Err(error) = tools.index.remove(&gone)
    {
        tracing::warn!(%error, "deleted segments are still in the index; they will be dropped when the archive is next opened");
    }
    let most_of_one = tools.config.max_bytes_per_camera.unwrap_or(u64::MAX);
    all.iter().map(|have| have.bytes).sum::<u64>() > tools.config.max_bytes || all.iter().any(|have| have.bytes > most_of_one)
}

fn delete(tools: &Tools, shelf: &Shelf, number: u64) -> io::Result<()> {
    let Some(segment) = lock(&shelf.view).closed.get(&number).cloned() else { return Ok(()) };
    let path = segment::path(&tools.archive, &segment.name, number);
    match tools.disk.remove(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    tools.disk.sync_folder(path.parent().unwrap_or(Path::new(".")))?;
    lock(&shelf.view).closed.remove(&number);
    add(&tools.counters.segments_deleted, 1);
    add(&tools.counters.bytes_deleted, segment.bytes);
    tracing::info!(camera = %segment.name, segment = number, frames = segment.frames, bytes = segment.bytes, "deleted a segment: retention");
    Ok(())
}
