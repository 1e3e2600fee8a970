//! One camera in the archive: what the async side, the archive's thread and readers share about it. Every lock here is held for a few
//! lines, never across the disk.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use wire::id::{CameraId, Digest, Micros, Name};
use wire::message::{self, Message};
use wire::verify::{Record, Verified};

use super::counters::NotStored;
use super::index::{Row, Segment};
use super::place::{GroupId, Place, Run};
use super::segment::HELD;
use crate::verify::Tidings;

/// How many of a camera's newest frames are remembered with their digests: more than a minute at 30 frames a second, 200 kB.
const MAX_RECENT: usize = 2048;

/// How many epochs of a camera are kept ready for its frames. Backfill needs two at a time.
const MAX_EPOCHS: usize = 16;

/// How many bytes these may have together, unless one alone has more.
const MAX_EPOCH_BYTES: usize = 32 << 20;

/// How many runs of durable frames are remembered.
const MAX_RUNS: usize = 4;

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A camera.
pub(super) struct Shelf {
    pub(super) camera: CameraId,
    pub(super) intake: Mutex<Intake>,
    pub(super) papers: Mutex<Papers>,
    pub(super) view: Mutex<View>,
    /// Whom to tell what is on disk.
    tidings: Mutex<Option<Arc<Tidings>>>,
}

impl Shelf {
    pub(super) fn new(camera: CameraId) -> Self {
        Self { camera, intake: Mutex::default(), papers: Mutex::default(), view: Mutex::default(), tidings: Mutex::default() }
    }

    pub(super) fn tell(&self, tidings: Arc<Tidings>) {
        *lock(&self.tidings) = Some(tidings);
    }

    pub(super) fn tidings(&self) -> Option<Arc<Tidings>> {
        lock(&self.tidings).clone()
    }
}

/// What of the camera is in the queue.
#[derive(Default)]
pub(super) struct Intake {
    pub(super) frames: usize,
    pub(super) bytes: usize,
    /// The group whose frame was not taken in, and why: the rest of it is not taken in either.
    pub(super) broken: Option<(GroupId, NotStored)>,
}

/// What stands in front of a camera's frames in every segment.
#[derive(Default)]
pub(super) struct Papers {
    /// Name and certificates, as an encoded message.
    camera: Option<(Name, Bytes)>,
    epochs: VecDeque<Arc<Epoch>>,
}

/// A record and its grants, as encoded messages.
pub(super) struct Epoch {
    pub(super) record: Arc<Verified<Record>>,
    pub(super) messages: [Bytes; 2],
}

impl Epoch {
    fn bytes(&self) -> usize {
        self.messages.iter().map(Bytes::len).sum()
    }
}

impl Papers {
    pub(super) fn set_camera(&mut self, mut camera: message::Camera) {
        camera.subscription = HELD;
        self.camera = Some((camera.name.clone(), Message::Camera(camera).encode()));
    }

    pub(super) const fn camera(&self) -> Option<&(Name, Bytes)> {
        self.camera.as_ref()
    }

    /// Keeps an epoch. The message's record is set to this one.
    pub(super) fn add(&mut self, record: Arc<Verified<Record>>, grants: message::Grants) -> Result<(), NotStored> {
        let listed = |grant: &wire::grants::Grant| grants.list.entries().binary_search(&grant.entry()).is_ok();
        if grants.list.digest() != record.record().grants || !grants.grants.iter().all(listed) {
            return Err(NotStored::Grants);
        }
        if let Some(at) = self.epochs.iter().position(|epoch| epoch.record.digest() == record.digest()) {
            // Announced again, so that it is remembered: it is the last to be forgotten.
            let known = self.epochs.remove(at);
            self.epochs.extend(known);
            return Ok(());
        }
        let grants = message::Grants { subscription: HELD, record: record.digest(), ..grants };
        let signed = Message::Record { subscription: HELD, record: record.signed().clone() };
        self.epochs.push_back(Arc::new(Epoch { record, messages: [signed.encode(), Message::Grants(grants).encode()] }));
        let bytes = |epochs: &VecDeque<Arc<Epoch>>| epochs.iter().map(|epoch| epoch.bytes()).sum::<usize>();
        while self.epochs.len() > MAX_EPOCHS || (self.epochs.len() > 1 && bytes(&self.epochs) > MAX_EPOCH_BYTES) {
            self.epochs.pop_front();
        }
        Ok(())
    }

    pub(super) fn epoch(&self, record: Digest) -> Option<Arc<Epoch>> {
        self.epochs.iter().find(|epoch| epoch.record.digest() == record).cloned()
    }
}

/// What can be read.
#[derive(Default)]
pub(super) struct View {
    pub(super) closed: BTreeMap<u64, Segment>,
    pub(super) open: BTreeMap<u64, Open>,
    pub(super) recent: Recent,
    /// Frames that are on disk, the newest last.
    pub(super) synced: VecDeque<Run>,
}

impl View {
    /// Notes frames as durable.
    pub(super) fn durable(&mut self, mut run: Run) {
        self.synced.retain(|known| !run.join(*known));
        self.synced.push_back(run);
        while self.synced.len() > MAX_RUNS {
            self.synced.pop_front();
        }
    }
}

/// An open segment, as far as it has been handed to the operating system.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) path: PathBuf,
    /// As if it were closed now; its bytes are how much can be read.
    pub(super) segment: Segment,
    pub(super) rows: Arc<Vec<Row>>,
}

/// A segment to read from.
#[derive(Clone)]
pub(super) struct Readable {
    pub(super) number: u64,
    pub(super) path: PathBuf,
    pub(super) segment: Segment,
    /// Of an open segment; a closed one's are in the index.
    pub(super) rows: Option<Arc<Vec<Row>>>,
}

impl View {
    /// Segments that pass the test, by number.
    pub(super) fn readable(&self, archive: &std::path::Path, test: impl Fn(&Segment) -> bool) -> Vec<Readable> {
        let closed = self.closed.iter().filter(|(_, segment)| test(segment)).map(|(number, segment)| Readable {
            number: *number,
            path: super::segment::path(archive, &segment.name, *number),
            segment: segment.clone(),
            rows: None,
        });
        let open = self.open.iter().filter(|(_, open)| test(&open.segment)).map(|(number, open)| Readable {
            number: *number,
            path: open.path.clone(),
            segment: open.segment.clone(),
            rows: Some(Arc::clone(&open.rows)),
        });
        closed.chain(open).collect()
    }

    /// The earliest and latest capture time.
    pub(super) fn times(&self) -> Option<(Micros, Micros)> {
        let all = || self.closed.values().chain(self.open.values().map(|open| &open.segment));
        Some((all().map(|segment| segment.from).min()?, all().map(|segment| segment.to).max()?))
    }
}

/// The newest frames with their digests.
#[derive(Default)]
pub(super) struct Recent {
    digests: HashMap<Place, Digest>,
    order: VecDeque<Place>,
}

impl Recent {
    pub(super) fn add(&mut self, place: Place, digest: Digest) {
        if self.digests.insert(place, digest).is_none() {
            self.order.push_back(place);
        }
        if self.order.len() > MAX_RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.digests.remove(&oldest);
        }
    }

    pub(super) fn get(&self, place: Place) -> Option<Digest> {
        self.digests.get(&place).copied()
    }

    /// Forgets frames that were lost before they were on disk.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_frames_are_remembered_and_no_more() {
        let mut recent = Recent::default();
        for sequence in 0..5000 {
            recent.add(Place { session: 1, sequence }, Digest::of(&[&sequence.to_be_bytes()]));
        }
        assert_eq!(recent.get(Place { session: 1, sequence: 4999 }), Some(Digest::of(&[&4999u64.to_be_bytes()])));
        assert_eq!(recent.get(Place { session: 1, sequence: 5000 - 2049 }), None);
        assert_eq!((recent.digests.len(), recent.order.len()), (MAX_RECENT, MAX_RECENT));
    }

    #[test]
    fn durable_frames_are_told_in_runs() {
        let run = |session, first, last| Run { session, first, last };
        let mut view = View::default();
        for next in [run(1, 0, 4), run(1, 5, 9), run(1, 20, 29), run(1, 30, 30), run(1, 10, 12), run(1, 13, 19)] {
            view.durable(next);
        }
        assert_eq!(view.synced, [run(1, 0, 30)]);
        view.durable(run(2, 3, 3));
        assert_eq!(view.synced, [run(1, 0, 30), run(2, 3, 3)]);
    }
}
