//! What the archive counts, for the metrics.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! reasons {
    ($($name:ident $text:literal, $doc:literal;)*) => {
        /// Why a frame was not stored. Live goes on all the same, and the camera's next stored frame shows the gap by itself.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
        pub enum NotStored {
            $(#[doc = $doc] #[error($doc)] $name,)*
        }

        impl NotStored {
            /// Every reason, in the order of the counters.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// A short name for counters.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

reasons! {
    Full "archive-full", "the archive is behind: its queue is full";
    Disk "archive-disk", "the archive's disk does not take more";
    Stopped "archive-stopped", "the archive was stopped";
    NoCamera "no-camera", "the archive was not told who the camera is";
    NoRecord "no-record", "the archive does not have the frame's epoch record";
    Grants "grants", "the grants are not those that the epoch record names";
    NoPredecessor "no-predecessor", "the frame's predecessor in its group is not stored";
    Forked "forked", "another frame with that session and sequence is held";
    OutOfOrder "out-of-order", "the camera sends its sessions, epochs or groups in too wild an order";
}

macro_rules! counters {
    ($($name:ident $doc:literal;)*) => {
        /// Numbers that only rise, since the program started.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $doc] pub $name: AtomicU64,)*
            not_stored: [AtomicU64; NotStored::ALL.len()],
        }

        impl Counters {
            /// Every counter with its name, those by reason last.
            #[must_use]
            pub fn read(&self) -> Vec<(&'static str, u64)> {
                let counted = [$((stringify!($name), &self.$name)),*].into_iter();
                let refused = NotStored::ALL.iter().map(|reason| reason.name()).zip(&self.not_stored);
                counted.chain(refused).map(|(name, count)| (name, count.load(Ordering::Relaxed))).collect()
            }

            /// Every counter but those by reason: its name, what it counts, how many.
            #[must_use]
            pub fn numbers(&self) -> Vec<(&'static str, &'static str, u64)> {
                vec![$((stringify!($name), $doc, self.$name.load(Ordering::Relaxed))),*]
            }
        }
    };
}

counters! {
    frames "Frames stored.";
    bytes "Their bytes.";
    repeated "Frames that were held already, with the same digest.";
    lost "Frames that were taken in and then lost to a disk that failed.";
    segments_opened "Segments begun.";
    segments_closed "Segments closed with a receipt.";
    segments_deleted "Segments deleted by retention.";
    bytes_deleted "Their bytes.";
    syncs "Files synced.";
    disk_errors "Times that storing stopped because the disk failed.";
    torn "Segments whose torn tail was cut.";
    torn_bytes "Bytes cut from them.";
    damaged "Entries that could not be read or verified.";
    frames_read "Frames read back for replay.";
}

impl Counters {
    /// How many frames were not stored for this reason.
    #[must_use]
    pub fn not_stored(&self, reason: NotStored) -> u64 {
        self.of(reason).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    pub(super) fn count(&self, reason: NotStored) {
        if let Some(count) = self.of(reason) {
            add(count, 1);
        }
    }

    fn of(&self, reason: NotStored) -> Option<&AtomicU64> {
        NotStored::ALL.iter().zip(&self.not_stored).find(|(known, _)| **known == reason).map(|(_, count)| count)
    }
}

pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
