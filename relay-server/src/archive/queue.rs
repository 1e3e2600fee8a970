//! The way into the archive's thread: bounded in frames and bytes, and in what one camera may take of both. Nobody ever waits here.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use wire::frame::SignedFrame;
use wire::verify::Verified;

use super::counters::NotStored;
use super::place::GroupId;
use super::shelf::{Shelf, lock};

/// Room for what is not a frame.
const SPARE: usize = 16;

/// What goes to the archive's thread.
pub(super) enum Job {
    /// A frame to store.
    Frame(Arc<Shelf>, Arc<Verified<SignedFrame>>),
    /// Let readers see everything, then answer.
    Flush(SyncSender<()>),
    /// Close everything and end.
    Stop,
}

pub(super) struct Queue {
    sender: SyncSender<Job>,
    load: Arc<Load>,
}

/// How full it is.
pub(super) struct Load {
    frames: AtomicUsize,
    bytes: AtomicUsize,
    max_frames: usize,
    max_bytes: usize,
}

impl Queue {
    pub(super) fn new(max_frames: usize, max_bytes: usize) -> (Self, Receiver<Job>, Arc<Load>) {
        let (sender, receiver) = sync_channel(max_frames.saturating_add(SPARE));
        let load = Arc::new(Load { frames: AtomicUsize::new(0), bytes: AtomicUsize::new(0), max_frames, max_bytes });
        (Self { sender, load: Arc::clone(&load) }, receiver, load)
    }

    /// Takes a frame in, or drops it and the rest of its group.
    pub(super) fn offer(
        &self,
        shelf: &Arc<Shelf>,
        frame: Arc<Verified<SignedFrame>>,
        open: Result<(), NotStored>,
    ) -> Result<(), NotStored> {
        let mut intake = lock(&shelf.intake);
        let group = GroupId::of(&frame);
        if let Some((broken, reason)) = intake.broken {
            if broken == group && !frame.header().flags.key {
                return Err(reason);
            }
            intake.broken = None;
        }
        let bytes = frame.bytes().len();
        let own_share = intake.frames < self.load.max_frames.div_ceil(2) && intake.bytes + bytes <= self.load.max_bytes.div_ceil(2);
        let taken = open.and_then(|()| if own_share { self.load.add(bytes) } else { Err(NotStored::Full) }).and_then(|()| {
            self.sender.try_send(Job::Frame(Arc::clone(shelf), frame)).map_err(|error| {
                self.load.remove(bytes);
                match error {
                    TrySendError::Full(_) => NotStored::Full,
                    TrySendError::Disconnected(_) => NotStored::Stopped,
                }
            })
        });
        match taken {
            Ok(()) => {
                intake.frames += 1;
                intake.bytes += bytes;
            }
            Err(reason) => intake.broken = Some((group, reason)),
        }
        taken
    }

    /// Sends something that is not a frame, if there is room.
    pub(super) fn ask(&self, job: Job) -> bool {
        self.sender.try_send(job).is_ok()
    }

    /// Sends something that is not a frame, and waits for room.
    pub(super) fn insist(&self, job: Job) -> bool {
        self.sender.send(job).is_ok()
    }
}

impl Load {
    fn add(&self, bytes: usize) -> Result<(), NotStored> {
        let frames = self.frames.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if frames < self.max_frames && before.saturating_add(bytes) <= self.max_bytes {
            return Ok(());
        }
        self.remove(bytes);
        Err(NotStored::Full)
    }

    fn remove(&self, bytes: usize) {
        self.frames.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A frame came out.
    pub(super) fn taken(&self, shelf: &Shelf, frame: &SignedFrame) {
        let bytes = frame.bytes().len();
        self.remove(bytes);
        let mut intake = lock(&shelf.intake);
        intake.frames = intake.frames.saturating_sub(1);
        intake.bytes = intake.bytes.saturating_sub(bytes);
    }
}
