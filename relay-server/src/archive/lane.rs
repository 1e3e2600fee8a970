//! An open segment. Its frames rise by session and sequence, so a camera that sends old frames behind live ones has two: one for each.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use wire::frame::SignedFrame;
use wire::id::{CameraId, Digest, Micros, Name, SessionId};
use wire::merkle::Tree;
use wire::message::Message;
use wire::receipt::Receipt;

use super::contents::Contents;
use super::disk::{Disk, File};
use super::index::Closed;
use super::place::{GroupId, Place, Run, follows};
use super::segment::{self, HEADER, HELD, REPEATED, put_entry};
use super::shelf::{Epoch, Open};

/// The record in force.
#[derive(Clone, Copy)]
struct InForce {
    digest: Digest,
    session: SessionId,
    epoch: u64,
    offset: u64,
}

/// A frame in the segment.
#[derive(Clone, Copy)]
struct Leaf {
    place: Place,
    digest: Digest,
}

pub(super) struct Lane {
    pub(super) number: u64,
    pub(super) name: Name,
    path: PathBuf,
    file: Box<dyn File>,
    opened: Duration,
    buffer: Vec<u8>,
    /// How much of the file was handed to the operating system; the buffer comes behind it.
    flushed: u64,
    synced: u64,
    record: Option<InForce>,
    group: Option<(GroupId, Place)>,
    /// Where the repeated frames in front of the next frame begin.
    repeated_from: Option<u64>,
    contents: Contents,
    leaves: Vec<Leaf>,
    /// Frames since the last sync.
    unsynced: Vec<Run>,
    syncs: u64,
}

/// What an epoch in a frame's record means for a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EpochStep {
    /// It is in force.
    Same,
    /// It comes next.
    Next,
    /// It was in force earlier, or claims to be an earlier one.
    Back,
}

impl Lane {
    /// Makes the file and puts its first entry there.
    pub(super) fn open(disk: &dyn Disk, path: PathBuf, name: Name, number: u64, camera: &[u8], now: Duration) -> io::Result<Self> {
        let file = disk.create(&path)?;
        let mut buffer = Vec::with_capacity(64 << 10);
        buffer.extend_from_slice(&HEADER);
        put_entry(&mut buffer, &[camera]);
        Ok(Self {
            number,
            name,
            path,
            file,
            opened: now,
            buffer,
            flushed: 0,
            synced: 0,
            record: None,
            group: None,
            repeated_from: None,
            contents: Contents::default(),
            leaves: Vec::new(),
            unsynced: Vec::new(),
            syncs: 0,
        })
    }

    pub(super) fn last(&self) -> Option<Place> {
        self.contents.last()
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn frames(&self) -> u64 {
        self.contents.frames()
    }

    pub(super) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.opened)
    }

    /// How long the file will be once everything is written.
    pub(super) fn bytes(&self) -> u64 {
        self.flushed + u64::try_from(self.buffer.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// How often the file was synced since this was last asked.
    pub(super) const fn take_syncs(&mut self) -> u64 {
        std::mem::replace(&mut self.syncs, 0)
    }

    /// Whether everything is on disk.
    pub(super) fn is_synced(&self) -> bool {
        self.synced == self.bytes()
    }

    /// How much is on disk for certain.
    pub(super) const fn durable_bytes(&self) -> u64 {
        self.synced
    }

    /// How many frames are not on disk yet.
    pub(super) fn unsynced_frames(&self) -> u64 {
        self.unsynced.iter().map(|run| run.last - run.first + 1).sum()
    }

    /// The digest of the frame at this place, if it is here.
    pub(super) fn digest(&self, place: Place) -> Option<Digest> {
        let at = self.leaves.binary_search_by_key(&place, |leaf| leaf.place).ok()?;
        self.leaves.get(at).map(|leaf| leaf.digest)
    }

    /// Whether the frame follows the last one here in the same group.
    pub(super) fn goes_on_with(&self, frame: &SignedFrame) -> bool {
        self.group.is_some_and(|(id, last)| id == GroupId::of(frame) && follows(Place::of(frame), last))
    }

    pub(super) fn step(&self, epoch: &Epoch) -> EpochStep {
        let record = epoch.record.record();
        match self.record {
            Some(current) if current.digest == epoch.record.digest() => EpochStep::Same,
            Some(current) if current.session == record.session && current.epoch >= record.epoch => EpochStep::Back,
            _ => EpochStep::Next,
        }
    }

    /// Puts a record and its grants there, and waits until they are on disk: no frame under them is written before. Gives the frames that
    /// newly are on disk too.
    pub(super) fn begin_epoch(&mut self, disk: &dyn Disk, epoch: &Epoch) -> io::Result<Vec<Run>> {
        let offset = self.bytes();
        for message in &epoch.messages {
            put_entry(&mut self.buffer, &[message]);
        }
        let fresh = self.synced == 0;
        let durable = self.sync()?;
        if fresh && let Some(folder) = self.path.parent() {
            disk.sync_folder(folder)?;
            if let Some(archive) = folder.parent() {
                disk.sync_folder(archive)?;
            }
        }
        let record = epoch.record.record();
        self.record = Some(InForce { digest: epoch.record.digest(), session: record.session, epoch: record.epoch, offset });
        Ok(durable)
    }

    /// Repeats a frame of another segment, without its layers.
    pub(super) fn repeat(&mut self, session: u64, frame: &[u8]) {
        let from = self.bytes();
        self.repeated_from.get_or_insert(from);
        put_entry(&mut self.buffer, &[&Message::frame_head(REPEATED, session), frame]);
    }

    /// Appends a frame; the caller has seen to it that it may come here.
    pub(super) fn frame(&mut self, frame: &SignedFrame) {
        let place = Place::of(frame);
        let begin = self.bytes();
        put_entry(&mut self.buffer, &[&Message::frame_head(HELD, place.session), frame.bytes()]);
        let offset = self.repeated_from.take().unwrap_or(begin);
        let record = self.record.map_or(0, |record| record.offset);
        self.contents.frame(offset, record, place.session, frame.header());
        self.leaves.push(Leaf { place, digest: frame.digest() });
        self.group = Some((GroupId::of(frame), place));
        let run = Run::at(place);
        if !self.unsynced.last_mut().is_some_and(|last| last.join(run)) {
            self.unsynced.push(run);
        }
    }

    /// Hands the buffer to the operating system.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if !self.buffer.is_empty() {
            self.file.append(&self.buffer)?;
            self.flushed = self.bytes();
            self.buffer.clear();
            self.buffer.shrink_to(1 << 20);
        }
        Ok(())
    }

    /// Waits until everything is on disk. Gives the frames that newly are.
    pub(super) fn sync(&mut self) -> io::Result<Vec<Run>> {
        self.flush()?;
        if self.synced < self.flushed {
            self.file.sync()?;
            self.syncs += 1;
            self.synced = self.flushed;
        }
        Ok(std::mem::take(&mut self.unsynced))
    }

    /// Everything that was flushed is on disk. Gives the frames that newly are.
    pub(super) fn synced(&mut self) -> Vec<Run> {
        self.synced = self.flushed;
        // What is still in memory is not: nothing is, right after a flush.
        if self.buffer.is_empty() { std::mem::take(&mut self.unsynced) } else { Vec::new() }
    }

    /// How it looks to readers; only right after a flush. `None` while it has no frame.
    pub(super) fn view(&self, now: Micros) -> Option<Open> {
        let segment = self.contents.segment(&self.name, self.flushed, now)?;
        Some(Open { path: self.path.clone(), segment, rows: Arc::new(self.contents.rows().to_vec()) })
    }

    /// Appends the receipt and waits until all is on disk. The lane is not to be used afterwards.
    pub(super) fn close(&mut self, camera: CameraId, key: &SigningKey, now: Micros) -> io::Result<(Option<Closed>, Vec<Run>)> {
        let mut tree = Tree::default();
        for leaf in &self.leaves {
            tree.push(leaf.digest);
        }
        put_receipt(
            &mut self.buffer,
            Receipt { camera, segment: self.number, leaves: tree.leaves(), head: tree.head(), received_at: now },
            key,
        );
        let durable = self.sync()?;
        let closed = std::mem::take(&mut self.contents).close(camera, self.number, &self.name, self.flushed, now);
        Ok((closed, durable))
    }
}

/// Appends a receipt, the last entry of every closed segment.
pub(super) fn put_receipt(out: &mut Vec<u8>, receipt: Receipt, key: &SigningKey) {
    let message = Message::Receipt { subscription: HELD, receipt: receipt.sign(key) };
    put_entry(out, &[&message.encode()]);
}

/// Where a segment of this number lies.
pub(super) fn path(archive: &Path, name: &Name, number: u64) -> PathBuf {
    segment::path(archive, name, number)
}
