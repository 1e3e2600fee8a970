//! Which segments a range needs, and which groups in them.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use wire::frame::Frame;
use wire::id::CameraId;
use wire::message::Message;

use super::{Asked, Error};
use crate::archive::index::{self, Index, Row};
use crate::archive::place::{Place, follows};
use crate::archive::segment::{Entries, Fault, HELD};
use crate::archive::shelf::{Readable, Shelf, lock};

/// A group of one camera: session number, group.
pub(super) type GroupKey = (u64, u64);

/// A segment to read.
pub(super) struct Selected {
    pub(super) segment: Readable,
    /// Groups that are wanted whatever their time, because they go on in another segment.
    pub(super) forced: Vec<GroupKey>,
    /// Its first group has no beginning anywhere: nobody could decode it.
    pub(super) headless: bool,
    /// The group that it begins in the middle of, where that was looked into.
    head: Option<GroupKey>,
    /// Which segment has the part of that group before this one.
    begins_in: Option<(u64, GroupKey)>,
}

impl Selected {
    fn new(segment: &Readable) -> Self {
        Self { segment: segment.clone(), forced: Vec::new(), headless: false, head: None, begins_in: None }
    }
}

/// What is still to be opened.
pub(super) struct Plan {
    /// The last one comes first.
    selected: Vec<Selected>,
    /// Frames that the archive has and that were not asked for.
    left_out: Vec<(Place, Place)>,
}

impl Plan {
    pub(super) fn new(shelf: &Shelf, asked: Asked, index: &dyn Index, archive: &Path) -> Result<Self, Error> {
        let all = lock(&shelf.view).readable(archive, |_| true);
        let wanted = |segment: &Readable| segment.segment.from <= asked.to && segment.segment.to >= asked.from;
        let mut plan = Self { selected: Vec::new(), left_out: Vec::new() };
        for segment in all.iter().filter(|segment| wanted(segment)) {
            plan.selected.push(Selected::new(segment));
        }
        plan.add_beginnings(shelf.camera, &all, asked, index)?;
        plan.selected.sort_by_key(|selected| std::cmp::Reverse(selected.segment.segment.first));
        let hull = plan.selected.iter().map(|selected| (selected.segment.segment.first, selected.segment.segment.last));
        let hull = hull.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let selected: HashSet<u64> = plan.selected.iter().map(|selected| selected.segment.number).collect();
        if let Some((first, last)) = hull {
            let others = all.iter().filter(|segment| !selected.contains(&segment.number));
            let places = others.map(|segment| (segment.segment.first, segment.segment.last));
            plan.left_out.extend(places.filter(|(from, to)| *from <= last && *to >= first));
        }
        Ok(plan)
    }

    /// Segments that begin in the middle of a wanted group need the one that has its beginning.
    fn add_beginnings(&mut self, camera: CameraId, all: &[Readable], asked: Asked, index: &dyn Index) -> Result<(), Error> {
        // Indices rather than references: the list grows, and what was added may begin in the middle of that group too.
        let mut at = 0;
        while let Some(selected) = self.selected.get(at) {
            at += 1;
            let segment = selected.segment.clone();
            if !segment.segment.continues {
                continue;
            }
            let rows = rows(camera, &segment, index)?;
            let Some(first) = rows.first() else { continue };
            let group = (first.first.session, first.group);
            if !selected.forced.contains(&group) && !wants_first(&segment, &rows, asked)? {
                continue;
            }
            let before = beginning(camera, all, first, index)?;
            for own in self.selected.iter_mut().filter(|own| own.segment.number == segment.number) {
                (own.head, own.headless) = (Some(group), before.is_none());
                own.begins_in = before.as_ref().map(|before| (before.number, group));
            }
            let Some(before) = before else { continue };
            match self.selected.iter_mut().find(|selected| selected.segment.number == before.number) {
                Some(selected) if selected.forced.contains(&group) => {}
                Some(selected) => {
                    selected.forced.push(group);
                    // It may have been looked at already, when this group was not wanted of it.
                    at = 0;
                }
                None => self.selected.push(Selected { forced: vec![group], ..Selected::new(&before) }),
            }
        }
        self.behead();
        Ok(())
    }

    /// A group whose first part has no beginning has none in the segments after it either.
    fn behead(&mut self) {
        loop {
            let headless: HashSet<(u64, GroupKey)> = {
                let headless = self.selected.iter().filter(|own| own.headless);
                headless.filter_map(|own| own.head.map(|group| (own.segment.number, group))).collect()
            };
            let next = self.selected.iter_mut().find(|own| !own.headless && own.begins_in.is_some_and(|before| headless.contains(&before)));
            match next {
                Some(own) => own.headless = true,
                None => return,
            }
        }
    }

    /// The least place of what is to be opened next.
    pub(super) fn next_first(&self) -> Option<Place> {
        self.selected.last().map(|selected| selected.segment.segment.first)
    }

    pub(super) fn take_next(&mut self) -> Option<Selected> {
        self.selected.pop()
    }

    /// Notes frames that are there and were not asked for.
    pub(super) fn leave_out(&mut self, first: Place, last: Place) {
        match self.left_out.last_mut() {
            Some((_, to)) if follows(first, *to) => *to = last,
            _ => self.left_out.push((first, last)),
        }
    }

    /// Whether any of these frames was left out.
    pub(super) fn left_out(&mut self, first: Place, last: Place) -> bool {
        self.left_out.retain(|(_, to)| *to >= first);
        self.left_out.iter().any(|(from, _)| *from <= last)
    }
}

/// The rows of a segment. Retention removes the file first: without it, nobody misses the rows.
pub(super) fn rows(camera: CameraId, segment: &Readable, index: &dyn Index) -> Result<Arc<Vec<Row>>, Error> {
    match &segment.rows {
        Some(rows) => Ok(Arc::clone(rows)),
        None => match index.rows(camera, segment.number) {
            Err(index::Error::Rows(number)) if !segment.path.exists() => Err(Error::Deleted { number }),
            rows => Ok(Arc::new(rows?)),
        },
    }
}

/// Whether the group in whose middle the segment begins has a frame in it that was asked for.
fn wants_first(segment: &Readable, rows: &[Row], asked: Asked) -> Result<bool, Error> {
    let Some(first) = rows.first().filter(|row| row.overlaps(asked.from, asked.to)) else { return Ok(false) };
    let end = rows.get(1).map_or(segment.segment.bytes, |next| next.offset);
    let group = (first.first.session, first.group);
    Ok(scan(segment, first.offset, end, asked)?.iter().any(|(wanted, _)| *wanted == group))
}

/// The segment that has the frame before this row, if it is one of the same group.
fn beginning(camera: CameraId, all: &[Readable], row: &Row, index: &dyn Index) -> Result<Option<Readable>, Error> {
    let Some(sequence) = row.first.sequence.checked_sub(1) else { return Ok(None) };
    let before = Place { sequence, ..row.first };
    for segment in all.iter().filter(|segment| segment.segment.first <= before && before <= segment.segment.last) {
        let rows = rows(camera, segment, index)?;
        let stretch = rows.partition_point(|row| row.first <= before).checked_sub(1).and_then(|at| rows.get(at).map(|row| (at, row)));
        let Some((at, stretch)) = stretch.filter(|(_, stretch)| stretch.first.session == before.session) else { continue };
        let end = rows.get(at + 1).map_or(segment.segment.bytes, |next| next.offset);
        let everything = Asked { from: wire::id::Micros(0), to: wire::id::Micros(u64::MAX), key_frames_only: false };
        let held = scan(segment, stretch.offset, end, everything)?;
        if held.iter().any(|(group, last)| *group == (row.first.session, row.group) && *last == sequence) {
            return Ok(Some(segment.clone()));
        }
    }
    Ok(None)
}

/// Of every group in a stretch that has a frame captured then, the last such frame's sequence. Nothing is verified.
pub(super) fn scan(segment: &Readable, from: u64, to: u64, asked: Asked) -> Result<Vec<(GroupKey, u64)>, Error> {
    let mut entries = Entries::open(&segment.path, Some(to)).map_err(|fault| unreadable(segment, fault))?;
    entries.seek(from);
    let mut wanted: Vec<(GroupKey, u64)> = Vec::new();
    loop {
        let entry = match entries.next() {
            Ok(Some(entry)) => entry,
            Err(Fault::Io(error)) => return Err(unreadable(segment, error.into())),
            // Where it is damaged, reading ends as well.
            Ok(None) | Err(_) => return Ok(wanted),
        };
        let Ok(Message::Frame { subscription: HELD, session, frame }) = entry.message() else { continue };
        let Ok(header) = Frame::decode(frame).map(|frame| frame.header) else { continue };
        if !asked.contains(header.captured_at) {
            continue;
        }
        let group = (session, header.group);
        match wanted.last_mut() {
            Some((last, sequence)) if *last == group => *sequence = header.sequence,
            _ => wanted.push((group, header.sequence)),
        }
    }
}

/// Why a segment cannot be read; gone is a case of its own.
pub(super) fn unreadable(segment: &Readable, fault: Fault) -> Error {
    match fault {
        Fault::Io(error) if error.kind() == std::io::ErrorKind::NotFound => Error::Deleted { number: segment.number },
        fault => Error::Unreadable { number: segment.number, problem: fault.to_string() },
    }
}
