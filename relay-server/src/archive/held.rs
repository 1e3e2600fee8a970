//! Whether a frame is held already: cheaply for the newest, exactly for all.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use wire::frame::{Frame, SignedFrame};
use wire::id::{CameraId, Digest};
use wire::message::Message;
use wire::verify::Verified;

use super::groups::without_layers;
use super::index::{self, Index, Row};
use super::place::{GroupId, Place};
use super::segment::{Entries, Fault, HELD, Walk};
use super::shelf::{Readable, Shelf, View, lock};

/// How many stretches' digests the archive's thread keeps per camera: resent frames come in order, so each is read once.
const MAX_STRETCHES: usize = 4;

/// What the archive holds at a frame's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Nothing.
    No,
    /// This very frame.
    Same,
    /// Another frame.
    Forked,
    /// A segment spans the place: only reading it tells.
    Perhaps,
}

impl Held {
    pub(super) fn of(held: Option<Digest>, asked: Digest) -> Self {
        match held {
            None => Self::No,
            Some(digest) if digest == asked => Self::Same,
            Some(_) => Self::Forked,
        }
    }
}

/// Why an older frame could not be looked up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The index did not answer.
    #[error(transparent)]
    Index(#[from] index::Error),
    /// A segment could not be read.
    #[error("segment {number} of the archive cannot be read: {problem}")]
    Unreadable {
        /// Which.
        number: u64,
        /// What is wrong.
        problem: String,
    },
}

/// From memory alone.
pub(super) fn recall(view: &View, place: Place, digest: Digest) -> Held {
    let spans = |first: Place, last: Place| first <= place && place <= last;
    match view.recent.get(place) {
        Some(held) => Held::of(Some(held), digest),
        None if view.closed.values().any(|segment| spans(segment.first, segment.last)) => Held::Perhaps,
        None if view.open.values().any(|open| spans(open.segment.first, open.segment.last)) => Held::Perhaps,
        None => Held::No,
    }
}

/// The frames of a stretch, in order.
type Stretch = Arc<Vec<(Place, Digest)>>;

/// Stretches that were read lately.
#[derive(Default)]
pub(super) struct Stretches(VecDeque<(u64, u64, Stretch)>);

impl Stretches {
    /// The digest of the frame that is held at this place, from memory or the segments' files; open segments only if `open` says so.
    pub(super) fn look_up(
        &mut self,
        shelf: &Shelf,
        index: &dyn Index,
        archive: &Path,
        place: Place,
        open: bool,
    ) -> Result<Option<Digest>, Error> {
        let segments = {
            let view = lock(&shelf.view);
            if let Some(digest) = view.recent.get(place) {
                return Ok(Some(digest));
            }
            view.readable(archive, |segment| segment.first <= place && place <= segment.last)
        };
        for segment in segments.into_iter().filter(|segment| open || segment.rows.is_none()) {
            let stretch = self.stretch(shelf.camera, index, &segment, place)?;
            if let Ok(at) = stretch.binary_search_by_key(&place, |(place, _)| *place) {
                return Ok(stretch.get(at).map(|(_, digest)| *digest));
            }
        }
        Ok(None)
    }

    fn stretch(&mut self, camera: CameraId, index: &dyn Index, segment: &Readable, place: Place) -> Result<Stretch, Error> {
        // An open segment's last stretch grows: it is not remembered.
        let remembers = segment.rows.is_none();
        let spans = |stretch: &Stretch| match (stretch.first(), stretch.last()) {
            (Some((first, _)), Some((last, _))) => *first <= place && place <= *last,
            _ => false,
        };
        if let Some((_, _, stretch)) = self.0.iter().find(|(number, _, stretch)| *number == segment.number && spans(stretch)) {
            return Ok(Arc::clone(stretch));
        }
        let rows = rows(camera, index, segment)?;
        let at = rows.partition_point(|row| row.first <= place);
        let Some(row) = at.checked_sub(1).and_then(|before| rows.get(before)) else { return Ok(Stretch::default()) };
        if let Some((_, _, stretch)) = self.0.iter().find(|(number, offset, _)| (*number, *offset) == (segment.number, row.offset)) {
            return Ok(Arc::clone(stretch));
        }
        let end = rows.get(at).map_or(segment.segment.bytes, |next| next.offset);
        let unreadable = |problem: Fault| Error::Unreadable { number: segment.number, problem: problem.to_string() };
        let stretch = Arc::new(read(&segment.path, row, end).map_err(unreadable)?);
        if remembers {
            self.0.push_back((segment.number, row.offset, Arc::clone(&stretch)));
            if self.0.len() > MAX_STRETCHES {
                self.0.pop_front();
            }
        }
        Ok(stretch)
    }
}

/// The digests of a stretch's frames, as far as they can be read and verified.
fn read(path: &Path, row: &Row, end: u64) -> Result<Vec<(Place, Digest)>, Fault> {
    let mut frames = Vec::new();
    walk(path, row, end, |subscription, frame| {
        if subscription == HELD {
            frames.push((Place::of(&frame), frame.digest()));
        }
    })?;
    Ok(frames)
}

/// The frames before this one in its group, if they are held and the last of them is its predecessor.
pub(super) fn group_before(shelf: &Shelf, index: &dyn Index, archive: &Path, frame: &SignedFrame) -> Result<Option<Before>, Error> {
    let (id, place) = (GroupId::of(frame), Place::of(frame));
    let Some(sequence) = place.sequence.checked_sub(1) else { return Ok(None) };
    let last = Place { sequence, ..place };
    let segments = lock(&shelf.view).readable(archive, |segment| segment.first <= last && last <= segment.last);
    for segment in segments {
        let rows = rows(shelf.camera, index, &segment)?;
        let at = rows.partition_point(|row| row.first <= last);
        let Some(row) = at.checked_sub(1).and_then(|before| rows.get(before)) else { continue };
        let end = rows.get(at).map_or(segment.segment.bytes, |next| next.offset);
        let (mut earlier, mut newest) = (Vec::new(), None);
        let unreadable = |problem: Fault| Error::Unreadable { number: segment.number, problem: problem.to_string() };
        walk(&segment.path, row, end, |_, frame| {
            if GroupId::of(&frame) == id && Place::of(&frame) <= last {
                earlier.extend(newest.replace(frame).map(|frame: Verified<SignedFrame>| without_layers(&frame)));
            }
        })
        .map_err(unreadable)?;
        if let Some(newest) = newest.filter(|newest| Place::of(newest) == last) {
            return Ok(Some(Before { newest: Arc::new(newest), earlier }));
        }
    }
    Ok(None)
}

/// The part of a group that is held.
pub(super) struct Before {
    pub(super) newest: Arc<Verified<SignedFrame>>,
    /// The frames before it, without their layers.
    pub(super) earlier: Vec<Bytes>,
}

fn rows(camera: CameraId, index: &dyn Index, segment: &Readable) -> Result<Arc<Vec<Row>>, Error> {
    match &segment.rows {
        Some(rows) => Ok(Arc::clone(rows)),
        None => match index.rows(camera, segment.number) {
            // One segment's fault, not the index's.
            Err(error @ index::Error::Rows(number)) => Err(Error::Unreadable { number, problem: error.to_string() }),
            rows => Ok(Arc::new(rows?)),
        },
    }
}

/// Hands on every frame of a stretch that can be read and verified, repeated ones too.
fn walk(path: &Path, row: &Row, end: u64, mut take: impl FnMut(u32, Verified<SignedFrame>)) -> Result<(), Fault> {
    let mut entries = Entries::open(path, Some(end))?;
    let mut walk = Walk::default();
    for (from, count) in [(row.record, 1), (row.offset, usize::MAX)] {
        entries.seek(from);
        for _ in 0..count {
            let entry = match entries.next() {
                Ok(Some(entry)) => entry,
                Err(Fault::Io(error)) => return Err(Fault::Io(error)),
                Ok(None) | Err(_) => break,
            };
            match entry.message() {
                // After one that does not verify, its frames do not either.
                Ok(Message::Record { record, .. }) => drop(walk.record(record).map(drop)),
                Ok(Message::Frame { subscription, session, frame }) => {
                    match Frame::decode(frame).ok().and_then(|frame| walk.frame(session, frame).ok()) {
                        Some(frame) => take(subscription, frame),
                        None => walk.skip(),
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}
