//! A bounded queue in which the newest wins: whoever cannot keep up skips to a newer group, and is told what it missed.
//!
//! ```text
//! pushed      [K p p p] [K p p p] [K p …      K = key frame, which opens a group
//! room for 5  ·······································
//! popped      K p  Skipped{from 0, to 0, frames 2}  K p p p …
//! ```
//!
//! A frame is worth nothing without those before it in its group, so a group is only ever dropped from some frame to its end: the
//! oldest waiting groups go first, and the newest one keeps its beginning.

mod line;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use line::Line;

/// What may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Frames.
    pub items: usize,
    /// Bytes, by the sizes that the producer gives. A key frame that is larger than this is dropped, and its group with it.
    pub bytes: usize,
}

/// What the consumer misses: frames of these groups, between the one it got last and the one that it gets next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipped<G> {
    /// The group of the first frame that was dropped.
    pub from: G,
    /// The group of the last frame that was dropped.
    pub to: G,
    /// How many frames were dropped.
    pub frames: u64,
}

/// What the consumer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Popped<G, T> {
    /// The next frame.
    Item(T),
    /// Frames were dropped here. Two in a row are possible, when more had to go after the first was told.
    Skipped(Skipped<G>),
}

/// The consumer is gone, and nothing is worth pushing any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads this queue any more")]
pub struct Closed;

#[derive(Debug)]
struct Shared<G, T> {
    line: Mutex<Line<G, T>>,
    ready: Notify,
}

impl<G, T> Shared<G, T> {
    fn lock(&self) -> MutexGuard<'_, Line<G, T>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A queue with these bounds. `G` names a group, `T` is a frame.
#[must_use]
pub fn bounded<G: Copy + Eq, T>(bounds: Bounds) -> (Sender<G, T>, Receiver<G, T>) {
    let shared = Arc::new(Shared { line: Mutex::new(Line::new(bounds)), ready: Notify::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// The producer's end. Dropping it ends the queue once it is empty.
#[derive(Debug)]
pub struct Sender<G, T>(Arc<Shared<G, T>>);

impl<G: Copy + Eq, T> Sender<G, T> {
    /// Adds a frame of `size` bytes; `key` says that it opens its group. Never waits: returns how many frames had to go for it, itself
    /// included where it is the one.
    ///
    /// # Errors
    /// The receiver is gone.
    pub fn try_push(&self, group: G, key: bool, size: usize, value: T) -> Result<u64, Closed> {
        let dropped = {
            let mut line = self.0.lock();
            if line.closed {
                return Err(Closed);
            }
            line.push(group, key, size, value)
        };
        self.0.ready.notify_one();
        Ok(dropped)
    }

    /// How many frames were dropped since the beginning.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl<G, T> Drop for Sender<G, T> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.ready.notify_one();
    }
}

/// The consumer's end. Dropping it closes the queue.
#[derive(Debug)]
pub struct Receiver<G, T>(Arc<Shared<G, T>>);

impl<G: Copy + Eq, T> Receiver<G, T> {
    /// The next frame, or what was dropped before it; `None` when the producer is gone and everything was taken. May be dropped while it
    /// waits without losing anything.
    pub async fn pop(&mut self) -> Option<Popped<G, T>> {
        loop {
            {
                let mut line = self.0.lock();
                let next = line.pop();
                if next.is_some() || line.closed {
                    return next;
                }
            }
            self.0.ready.notified().await;
        }
    }

    /// [`Self::pop`] without waiting.
    pub fn try_pop(&mut self) -> Option<Popped<G, T>> {
        self.0.lock().pop()
    }

    /// How many frames were dropped since the beginning.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().dropped
    }
}

impl<G, T> Drop for Receiver<G, T> {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        line.closed = true;
        line.clear();
    }
}
