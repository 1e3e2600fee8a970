//! The order of things: capture → detect → mask → encode → seal → sign → publish. Only this module knows it.
//!
//! ```text
//! source ─▶ slot (newest wins) ─▶ ┌ front ─────────────────────────┐   ┌ back ────────────────────────┐
//!                                 │ offer to the detector · plan · │ ─▶│ encode · seal · sign · hand  │ ─▶ outlet
//!                                 │ wait (look-ahead) · mask       │   │ over                         │
//!                                 └────────────────────────────────┘   └──────────────────────────────┘
//! ```
//!
//! Both halves run on one thread, so that whoever is slow slows the whole, and the slot in front drops pictures: before a sequence is
//! drawn, and never one less masked. From the front on there is only the masked picture. A picture whose masks cannot be vouched for is
//! masked whole; one that cannot be masked, encoded, sealed or signed is not published.

mod back;
mod front;
mod progress;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use link::shutdown::Shutdown;

use crate::capture::{self, Clock};
pub use back::Back;
pub use front::{Front, Next};
pub use progress::{Bytes, Drops, Progress, Snapshot};

/// How long the pipeline waits for a picture before it looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Runs until it is time to stop or the source ends, and ends the session.
///
/// # Errors
/// Why the source gave up, if it did not just come to its end.
pub fn run(mut front: Front, mut back: Back, clock: &Clock, stop: &Shutdown) -> Result<(), Arc<capture::Error>> {
    let end = loop {
        if stop.is_draining() {
            break Ok(());
        }
        match front.next(LOOK) {
            Next::Masked(masked) => back.publish(masked),
            Next::Nothing => {}
            Next::Ended(None) => break Ok(()),
            Next::Ended(Some(why)) => break Err(why),
        }
    };
    // What waits for its detection is dropped: it was not published, and needs no end.
    drop(front);
    back.end(clock);
    end
}
