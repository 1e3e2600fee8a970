//! Reading one segment: its wanted stretches, front to back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use wire::frame::{Frame, SignedFrame};
use wire::id::CameraId;
use wire::message::{self, Message};
use wire::verify::{Refusal, Verified};

use super::plan::{GroupKey, Plan, Selected, rows, scan, unreadable};
use super::{Asked, Epoch, Error};
use crate::archive::counters::{Counters, add};
use crate::archive::index::{Index, Row};
use crate::archive::place::Place;
use crate::archive::segment::{Entries, Entry, Fault, HEADER, REPEATED, Walk};
use crate::archive::shelf::Readable;

/// A frame that the segment has.
pub(super) struct Step {
    pub(super) place: Place,
    pub(super) what: What,
}

pub(super) enum What {
    /// It is wanted: here it is.
    Frame(Box<Verified<SignedFrame>>),
    /// It is no key frame, and only those are wanted.
    Between,
    /// It, or all that follows of its group, is from another time.
    OtherTime,
}

/// A stretch to read.
struct Piece {
    start: u64,
    end: u64,
    record: u64,
    /// The wanted groups, each up to a sequence; `None` for all.
    wanted: Option<BTreeMap<GroupKey, u64>>,
}

pub(super) struct Cursor {
    segment: Readable,
    entries: Entries,
    key_frames_only: bool,
    headless: Option<GroupKey>,
    pieces: VecDeque<Piece>,
    piece: Option<Piece>,
    walk: Walk,
    camera: Option<Arc<message::Camera>>,
    epoch: Option<Arc<Epoch>>,
}

impl Cursor {
    /// Opens a segment. What is left out of it is noted in the plan.
    pub(super) fn open(camera: CameraId, selected: Selected, asked: Asked, index: &dyn Index, plan: &mut Plan) -> Result<Self, Error> {
        let Selected { segment, forced, headless, .. } = selected;
        let rows = rows(camera, &segment, index)?;
        let entries = Entries::open(&segment.path, Some(segment.segment.bytes)).map_err(|fault| unreadable(&segment, fault))?;
        let headless = rows.first().filter(|_| headless).map(|row| (row.first.session, row.group));
        let mut pieces: VecDeque<Piece> = VecDeque::new();
        for (at, row) in rows.iter().enumerate() {
            let next = rows.get(at + 1);
            let (start, end) = (row.offset, next.map_or(segment.segment.bytes, |next| next.offset));
            let wanted = if row.lies_within(asked.from, asked.to) { None } else { Some(groups(&segment, row, next, &forced, end, asked)?) };
            if wanted.as_ref().is_some_and(BTreeMap::is_empty) {
                plan.leave_out(row.first, next.map_or(segment.segment.last, |next| before(next.first)));
                continue;
            }
            match pieces.back_mut() {
                // What lies side by side is read in one go.
                Some(last) if last.end == start && last.wanted.is_none() && wanted.is_none() => last.end = end,
                _ => pieces.push_back(Piece { start, end, record: row.record, wanted }),
            }
        }
        let mut cursor = Self {
            segment,
            entries,
            key_frames_only: asked.key_frames_only,
            headless,
            pieces,
            piece: None,
            walk: Walk::default(),
            camera: None,
            epoch: None,
        };
        cursor.read_at(u64::try_from(HEADER.len()).unwrap_or(0), 1)?;
        Ok(cursor)
    }

    /// Who the camera is, by this segment.
    pub(super) const fn camera(&self) -> Option<&Arc<message::Camera>> {
        self.camera.as_ref()
    }

    /// The epoch of the last frame given.
    pub(super) const fn epoch(&self) -> Option<&Arc<Epoch>> {
        self.epoch.as_ref()
    }

    /// The next frame that the segment has in its wanted stretches; `None` at the end.
    pub(super) fn next(&mut self, counters: &Counters) -> Result<Option<Step>, Error> {
        loop {
            let Some(piece) = &self.piece else {
                let Some(piece) = self.pieces.pop_front() else { return Ok(None) };
                self.enter(piece)?;
                continue;
            };
            if self.entries.position() >= piece.end {
                self.piece = None;
                continue;
            }
            match self.entries.next() {
                Ok(Some(entry)) => {
                    if let Some(step) = self.take(&entry, counters) {
                        return Ok(Some(step));
                    }
                }
                Ok(None) => self.piece = None,
                Err(Fault::Io(error)) => return Err(unreadable(&self.segment, error.into())),
                Err(fault) => self.skip_damage(&fault, counters),
            }
        }
    }

    /// Goes to a stretch: first its record, then itself.
    fn enter(&mut self, piece: Piece) -> Result<(), Error> {
        if self.entries.position() != piece.start {
            self.walk.skip();
            self.read_at(piece.record, 2)?;
            self.entries.seek(piece.start);
        }
        self.piece = Some(piece);
        Ok(())
    }

    /// Takes in so many entries from there, as far as they can be read.
    fn read_at(&mut self, offset: u64, count: usize) -> Result<(), Error> {
        self.entries.seek(offset);
        for _ in 0..count {
            match self.entries.next() {
                Ok(Some(entry)) => self.note(&entry),
                Err(Fault::Io(error)) => return Err(unreadable(&self.segment, error.into())),
                Ok(None) | Err(_) => break,
            }
        }
        Ok(())
    }

    /// Damage: the frames up to the next stretch that is known are missing, unless the length of the entry can be believed.
    fn skip_damage(&mut self, fault: &Fault, counters: &Counters) {
        tracing::error!(segment = %self.segment.path.display(), "{fault}");
        add(&counters.damaged, 1);
        self.walk.skip();
        let Some(piece) = &self.piece else { return };
        match fault {
            Fault::Damaged { next: Some(next), .. } if *next < piece.end => self.entries.seek(*next),
            _ => self.piece = None,
        }
    }

    /// Takes in an entry that is no frame.
    fn note(&mut self, entry: &Entry) {
        match entry.message() {
            Ok(Message::Camera(camera)) => self.camera = Some(Arc::new(camera)),
            Ok(Message::Record { record, .. }) => {
                // Its grants follow; should they be damaged, the masked picture is there all the same.
                let record = self.walk.record(record).ok().cloned();
                self.epoch = record.map(|record| Arc::new(Epoch::without_grants(record)));
            }
            Ok(Message::Grants(grants)) => {
                let epoch = self.epoch.as_ref().filter(|epoch| epoch.record.digest() == grants.record);
                self.epoch = epoch.map(|epoch| Arc::new(Epoch { record: Arc::clone(&epoch.record), grants }));
            }
            _ => {}
        }
    }

    /// Takes in an entry. Gives the frame that it is.
    fn take(&mut self, entry: &Entry, counters: &Counters) -> Option<Step> {
        let Ok(Message::Frame { subscription, session, frame }) = entry.message() else {
            self.note(entry);
            return None;
        };
        let Ok(frame) = Frame::decode(frame) else {
            return self.refuse(entry, counters);
        };
        let (key, sequence, group) = (frame.header.flags.key, frame.header.sequence, (session, frame.header.group));
        if Some(group) == self.headless {
            return None;
        }
        let place = Place { session, sequence };
        let up_to = self.piece.as_ref().and_then(|piece| piece.wanted.as_ref()).map(|wanted| wanted.get(&group).copied());
        let wanted = up_to.is_none_or(|up_to| up_to.is_some_and(|up_to| sequence <= up_to));
        let repeated = subscription == REPEATED;
        if !wanted || (self.key_frames_only && !key) {
            self.walk.skip();
            let what = if wanted { What::Between } else { What::OtherTime };
            return (!repeated).then_some(Step { place, what });
        }
        match self.walk.frame(session, frame) {
            Ok(_) if repeated => None,
            Ok(frame) => Some(Step { place, what: What::Frame(Box::new(frame)) }),
            // The rest of a group of which something was left out.
            Err(Refusal::NoKeyFrame) => None,
            Err(_) => self.refuse(entry, counters),
        }
    }

    fn refuse(&mut self, entry: &Entry, counters: &Counters) -> Option<Step> {
        tracing::error!(segment = %self.segment.path.display(), at = entry.offset, "a frame of the archive does not verify: it is left out");
        add(&counters.damaged, 1);
        self.walk.skip();
        None
    }
}

/// The wanted groups of a stretch that was not captured within the time from end to end.
fn groups(
    segment: &Readable,
    row: &Row,
    next: Option<&Row>,
    forced: &[GroupKey],
    end: u64,
    asked: Asked,
) -> Result<BTreeMap<GroupKey, u64>, Error> {
    let mut wanted = BTreeMap::new();
    if row.overlaps(asked.from, asked.to) {
        wanted.extend(scan(segment, row.offset, end, asked)?);
    }
    // Groups rise with the places: a forced one is here if it lies between this row's first and the next row's.
    let here =
        |group: &GroupKey| *group >= (row.first.session, row.group) && next.is_none_or(|next| *group < (next.first.session, next.group));
    wanted.extend(forced.iter().filter(|group| here(group)).map(|group| (*group, u64::MAX)));
    Ok(wanted)
}

/// The place before; of a session's first frame, the last of the session before.
const fn before(place: Place) -> Place {
    match place.sequence.checked_sub(1) {
        Some(sequence) => Place { session: place.session, sequence },
        None => Place { session: place.session.saturating_sub(1), sequence: u64::MAX },
    }
}
