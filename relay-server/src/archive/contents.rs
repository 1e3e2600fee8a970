//! What a segment contains, gathered frame by frame: while it is written, and again, to the same end, when it is read.

use wire::frame::Header;
use wire::id::{CameraId, Micros, Name};

use super::index::{Closed, Row, Segment};
use super::place::Place;

/// A row ends at the first key frame that is this far from its first frame, forwards or backwards, in µs of the camera's clock.
const ROW_SPAN: u64 = 1_000_000;

/// A row ends at the first key frame that is this far behind its first, in bytes.
const ROW_BYTES: u64 = 1 << 20;

/// More rows than this a segment does not have: the last one gets longer. A camera whose clock jumps with every frame cannot bloat the index.
const MAX_ROWS: usize = 1024;

/// What is known so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Contents {
    rows: Vec<Row>,
    /// When the last row's first frame was captured.
    row_began: Micros,
    frames: u64,
    last: Option<Place>,
}

impl Contents {
    /// Takes in the next frame. It begins at `offset` (or what is repeated for it does), its record at `record`.
    pub(super) fn frame(&mut self, offset: u64, record: u64, session: u64, header: &Header) {
        let Header { group, sequence, captured_at, flags, .. } = header;
        let place = Place { session, sequence: *sequence };
        let full = self.rows.len() >= MAX_ROWS;
        let last = self.rows.last_mut().filter(|row| {
            let far = captured_at.0.abs_diff(self.row_began.0) >= ROW_SPAN || offset.saturating_sub(row.offset) >= ROW_BYTES;
            full || !flags.key || (row.first.session == session && !far)
        });
        if let Some(row) = last {
            row.from = row.from.min(*captured_at);
            row.to = row.to.max(*captured_at);
        } else {
            self.row_began = *captured_at;
            let (from, to) = (*captured_at, *captured_at);
            self.rows.push(Row { offset, record, first: place, group: *group, from, to, key: flags.key });
        }
        self.frames += 1;
        self.last = Some(place);
    }

    /// How many frames.
    pub(super) const fn frames(&self) -> u64 {
        self.frames
    }

    /// The greatest place.
    pub(super) const fn last(&self) -> Option<Place> {
        self.last
    }

    /// Its stretches so far.
    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// As a segment of `bytes` bytes; `None` while it has no frame.
    pub(super) fn segment(&self, name: &Name, bytes: u64, closed_at: Micros) -> Option<Segment> {
        let first = self.rows.first()?;
        Some(Segment {
            name: name.clone(),
            bytes,
            frames: self.frames,
            first: first.first,
            last: self.last?,
            from: self.rows.iter().map(|row| row.from).min()?,
            to: self.rows.iter().map(|row| row.to).max()?,
            closed_at,
            continues: !first.key,
        })
    }

    /// As it goes into the index.
    pub(super) fn close(self, camera: CameraId, number: u64, name: &Name, bytes: u64, closed_at: Micros) -> Option<Closed> {
        let segment = self.segment(name, bytes, closed_at)?;
        Some(Closed { camera, number, segment, rows: self.rows })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use wire::frame::{DetectorState, Flags};

    use super::*;

    fn header(sequence: u64, millis: u64, key: bool) -> Header {
        let flags = Flags { key, end: false, fail_closed: false, detector: DetectorState::Off };
        Header { group: sequence, sequence, captured_at: Micros(millis * 1000), flags, regions: Vec::new() }
    }

    /// Frames as (milliseconds, key); rows come back as (first sequence, from, to).
    fn rows(frames: &[(u64, bool)]) -> Vec<(u64, u64, u64)> {
        let mut contents = Contents::default();
        for (sequence, (millis, key)) in (0u64..).zip(frames) {
            contents.frame(100 * sequence, 16, 1, &header(sequence, *millis, *key));
        }
        contents.rows().iter().map(|row| (row.first.sequence, row.from.0 / 1000, row.to.0 / 1000)).collect()
    }

    #[test]
    fn a_row_is_about_a_second_and_begins_with_a_key_frame() {
        let steady: Vec<_> = (0..90).map(|i| (i * 100 / 3, true)).collect();
        assert_eq!(rows(&steady), [(0, 0, 966), (30, 1000, 1966), (60, 2000, 2966)]);
        let grouped: Vec<_> = (0..90).map(|i| (i * 100 / 3, i % 50 == 0)).collect();
        assert_eq!(rows(&grouped), [(0, 0, 1633), (50, 1666, 2966)]);
    }

    #[test]
    fn a_clock_that_steps_ends_a_row_at_the_next_key_frame_and_widens_it_until_then() {
        let frames = [(5000, true), (5100, false), (200, false), (300, true), (400, true), (9000, true)];
        assert_eq!(rows(&frames), [(0, 200, 5100), (3, 300, 400), (5, 9000, 9000)]);
    }

    #[test]
    fn a_clock_that_jumps_with_every_frame_bloats_nothing() {
        let frames: Vec<_> = (0..5000).map(|i| (i % 2 * 10_000, true)).collect();
        let rows = rows(&frames);
        assert_eq!(rows.len(), MAX_ROWS);
        assert_eq!(rows.last(), Some(&(1023, 0, 10_000)));
    }
}
