//! Reading a whole segment: to learn what a closed one holds, and to close one that a crash left open.

use std::path::Path;

use ed25519_dalek::SigningKey;
use wire::epoch::EpochRecord;
use wire::frame::Frame;
use wire::id::{CameraId, Micros, Name};
use wire::merkle::Tree;
use wire::message::Message;
use wire::receipt::{Receipt, SignedReceipt};

use super::contents::Contents;
use super::disk::Disk;
use super::index::Closed;
use super::lane::put_receipt;
use super::place::Place;
use super::segment::{Entries, Entry, Fault, HEADER, HELD, REPEATED, Walk};

/// Size of the entry of a receipt.
const RECEIPT_ENTRY: u64 = 8 + 1 + 4 + 88 + 64;

/// A file of which nothing reached the disk is not longer: the first thing after its beginning is a sync.
const MAX_BEGUN: u64 = 1 << 20;

/// What became of a segment.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is closed; so many of its entries could not be read.
    Sound(Closed, u64),
    /// It was open; so many bytes were cut from its end, and it was closed.
    Mended(Closed, u64),
    /// It held no frame and is gone.
    Removed(u64),
}

/// One segment on a disk, with what is needed to close it.
pub(super) struct Mender<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) key: &'a SigningKey,
    pub(super) now: Micros,
}

impl Mender<'_> {
    /// Reads the segment; if it is not closed, cuts its torn tail and closes it. A closed one is never changed, however damaged.
    ///
    /// # Errors
    /// [`Fault::Io`] when the disk fails. Otherwise it is no segment of this name and number, or damaged beyond use: it is left alone.
    pub(super) fn mend(&self, path: &Path, name: &Name, number: u64) -> Result<Outcome, Fault> {
        let length = std::fs::metadata(path)?.len();
        if length <= MAX_BEGUN && is_begun(path)? {
            self.disk.remove(path)?;
            return Ok(Outcome::Removed(length));
        }
        if let Some((closed, damaged)) = read_closed(path, name, number)? {
            return Ok(Outcome::Sound(closed, damaged));
        }
        let tail = Tail::find(path)?;
        let cut = length.saturating_sub(tail.good);
        let Some(camera) = tail.camera.filter(|_| tail.tree.leaves() > 0) else {
            self.disk.remove(path)?;
            return Ok(Outcome::Removed(length));
        };
        let mut file = self.disk.open(path)?;
        if cut > 0 {
            file.cut(tail.good)?;
        }
        let (mut bytes, mut closed_at) = (tail.good, self.now);
        match tail.receipt {
            Some(receipt) => closed_at = receipt.receipt.received_at,
            None => {
                let (leaves, head) = (tail.tree.leaves(), tail.tree.head());
                let mut entry = Vec::new();
                put_receipt(&mut entry, Receipt { camera, segment: number, leaves, head, received_at: self.now }, self.key);
                file.append(&entry)?;
                bytes += u64::try_from(entry.len()).unwrap_or(0);
            }
        }
        file.sync()?;
        let closed = tail.contents.close(camera, number, name, bytes, closed_at).ok_or(Fault::Torn { at: tail.good })?;
        Ok(Outcome::Mended(closed, cut))
    }
}

/// Whether nothing of the file ever reached the disk: it ends inside the header, or a power cut left zeros.
fn is_begun(path: &Path) -> Result<bool, Fault> {
    let bytes = std::fs::read(path)?;
    Ok(HEADER.starts_with(&bytes) || bytes.iter().all(|byte| *byte == 0))
}

/// What a closed segment holds, and how many of its entries are damaged; `None` if it is not closed. Signatures are not verified here:
/// that is done when a frame leaves.
fn read_closed(path: &Path, name: &Name, number: u64) -> Result<Option<(Closed, u64)>, Fault> {
    let mut entries = Entries::open(path, None)?;
    let (mut gathered, mut damaged, mut stopped) = (Gathered::default(), 0, false);
    loop {
        match entries.next() {
            Ok(Some(entry)) => damaged += u64::from(gathered.take(&entry).is_none()),
            Ok(None) => break,
            Err(Fault::Damaged { next: Some(next), .. }) if is_readable(&mut entries, next)? => damaged += 1,
            Err(fault @ (Fault::Io(_) | Fault::Header)) => return Err(fault),
            Err(Fault::Torn { .. } | Fault::Damaged { .. }) => {
                (damaged, stopped) = (damaged + 1, true);
                break;
            }
        }
    }
    // Behind damage that cannot be passed over, a receipt at the very end still says that the segment was closed.
    let receipt = if stopped { last_receipt(&mut entries)? } else { gathered.receipt };
    let Some(Receipt { camera, segment, received_at, .. }) = receipt.map(|receipt| receipt.receipt) else { return Ok(None) };
    let ours = segment == number && gathered.camera.is_none_or(|own| own == camera);
    let closed = ours.then(|| gathered.contents.close(camera, number, name, entries.end(), received_at)).flatten();
    closed.map(|closed| Some((closed, damaged))).ok_or(Fault::Damaged { at: entries.position(), next: None })
}

/// Whether an entry, or the end, stands there; the entries go on there then.
fn is_readable(entries: &mut Entries, at: u64) -> Result<bool, Fault> {
    let position = entries.position();
    entries.seek(at);
    match entries.next() {
        Ok(_) => {
            entries.seek(at);
            Ok(true)
        }
        Err(Fault::Io(error)) => Err(Fault::Io(error)),
        Err(_) => {
            entries.seek(position);
            Ok(false)
        }
    }
}

fn last_receipt(entries: &mut Entries) -> Result<Option<SignedReceipt>, Fault> {
    let Some(at) = entries.end().checked_sub(RECEIPT_ENTRY) else { return Ok(None) };
    entries.seek(at);
    match entries.next() {
        Ok(Some(entry)) if entry.end == entries.end() => match entry.message() {
            Ok(Message::Receipt { receipt, .. }) => Ok(Some(receipt)),
            _ => Ok(None),
        },
        Err(Fault::Io(error)) => Err(Fault::Io(error)),
        _ => Ok(None),
    }
}

/// What was gathered without verifying.
#[derive(Default)]
struct Gathered {
    camera: Option<CameraId>,
    contents: Contents,
    record_at: u64,
    repeated_from: Option<u64>,
    /// The last entry, if it is a receipt.
    receipt: Option<SignedReceipt>,
}

impl Gathered {
    /// `None` when the entry makes no sense here.
    fn take(&mut self, entry: &Entry) -> Option<()> {
        self.receipt = None;
        match entry.message().ok()? {
            Message::Record { record, .. } => {
                let camera = EpochRecord::from_bytes(record.record).ok()?.camera;
                (*self.camera.get_or_insert(camera) == camera).then_some(())?;
                self.record_at = entry.offset;
            }
            Message::Frame { subscription: REPEATED, .. } => {
                self.repeated_from.get_or_insert(entry.offset);
            }
            Message::Frame { session, frame, .. } => {
                let header = Frame::decode(frame).ok()?.header;
                let place = Place { session, sequence: header.sequence };
                self.contents.last().is_none_or(|last| last < place).then_some(())?;
                let offset = self.repeated_from.take().unwrap_or(entry.offset);
                self.contents.frame(offset, self.record_at, session, &header);
            }
            Message::Receipt { receipt, .. } => self.receipt = Some(receipt),
            Message::Camera(_) | Message::Grants(_) => {}
            _ => return None,
        }
        Some(())
    }
}

/// How far an open segment is good, every frame verified.
struct Tail {
    camera: Option<CameraId>,
    contents: Contents,
    tree: Tree,
    /// One past the last good entry.
    good: u64,
    /// The last good entry, if it is a receipt over just these frames.
    receipt: Option<SignedReceipt>,
}

impl Tail {
    fn find(path: &Path) -> Result<Self, Fault> {
        let mut entries = Entries::open(path, None)?;
        let mut walk = Walk::default();
        let mut tail = Self { camera: None, contents: Contents::default(), tree: Tree::default(), good: entries.position(), receipt: None };
        let (mut record_at, mut repeated_from) = (0, None);
        loop {
            let entry = match entries.next() {
                Ok(Some(entry)) => entry,
                Err(Fault::Io(error)) => return Err(Fault::Io(error)),
                Ok(None) | Err(_) => return Ok(tail),
            };
            let good = match entry.message() {
                Ok(Message::Record { record, .. }) => {
                    record_at = entry.offset;
                    walk.record(record).is_ok()
                }
                Ok(Message::Frame { subscription, session, frame }) => {
                    let verified = Frame::decode(frame).ok().and_then(|frame| walk.frame(session, frame).ok());
                    match verified {
                        Some(_) if subscription == REPEATED => {
                            repeated_from.get_or_insert(entry.offset);
                            true
                        }
                        Some(frame) if subscription == HELD && tail.contents.last().is_none_or(|last| last < Place::of(&frame)) => {
                            tail.contents.frame(repeated_from.take().unwrap_or(entry.offset), record_at, session, frame.header());
                            tail.tree.push(frame.digest());
                            true
                        }
                        _ => false,
                    }
                }
                Ok(Message::Camera(_) | Message::Grants(_) | Message::Receipt { .. }) => true,
                _ => false,
            };
            if !good {
                return Ok(tail);
            }
            tail.receipt = match entry.message() {
                Ok(Message::Receipt { receipt, .. })
                    if receipt.receipt.leaves == tail.tree.leaves() && receipt.receipt.head == tail.tree.head() =>
                {
                    Some(receipt)
                }
                _ => None,
            };
            (tail.camera, tail.good) = (walk.camera(), entry.end);
        }
    }
}
