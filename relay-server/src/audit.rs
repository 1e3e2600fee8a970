//! The log: who signed in, who was handed sealed layers, and what was changed.
//!
//! One redb database, `log.redb`, to which entries are only added. Each entry's hash covers the one before it:
//!
//! ```text
//! hash(n)   = SHA-256("celosia log entry v1" ‖ n ‖ hash(n − 1) ‖ content)          hash(−1) = 32 zero bytes
//! content   = JSON; names, keys and addresses stand in it only as SHA-256("celosia log field v1" ‖ salt (16) ‖ value)
//! head      = "celosia log v1" ‖ number of entries ‖ hash of the last ‖ time, signed by the relay key
//! ```
//!
//! Salts and values lie apart and are removed after a while: the chain holds without them. A head that somebody else keeps (agents do)
//! shows whether anything before it was changed, removed or cut off. An entry is on disk before [`Log::write`] returns.

mod entry;
mod hand_out;
mod head;
pub mod verify;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use tokio::sync::{oneshot, watch};
use wire::id::Digest;

pub use entry::{Content, Event, Kind, Personal, Way};
pub use hand_out::HandOut;
pub use head::{Head, NotAHead};

use crate::accounts::{Error, json, open, transact};
use crate::clock::Clock;

/// Number → hash ‖ content.
const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries v1");
/// Number → salts and values of its personal fields.
const PERSONAL: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("personal v1");
/// Number of entries → the head over them.
const HEADS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("heads v1");

/// Entries that are made durable together.
const BATCH: usize = 256;

/// How often a head is signed, if anything was written.
const HEAD_EVERY: Duration = Duration::from_secs(60);

/// Entries in one answer.
pub const PAGE: usize = 1000;

/// The log cannot be written: what must be recorded is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the relay's log cannot be written, so nothing that belongs into it is done: ask the relay's operator")]
pub struct Unwritten;

/// The log of a relay. Clones share it; the last one closes it.
#[derive(Clone)]
pub struct Log(Arc<Shared>);

struct Shared {
    database: Arc<Database>,
    /// In effect bounded: whoever waits for an entry has one under way, and ends are as many as hand-outs.
    queue: Mutex<Option<Sender<Order>>>,
    head: watch::Receiver<Option<Head>>,
    clock: Clock,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Order {
    event: Event,
    done: Option<oneshot::Sender<u64>>,
}

/// An entry as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: Digest,
    /// What is hashed.
    pub content: Content,
    /// Its names, keys and addresses, as long as they are kept.
    pub personal: Personal,
}

impl Log {
    /// Opens the log, or makes an empty one with mode 0600, and starts writing.
    ///
    /// # Errors
    /// When it cannot be made, read, or is damaged at its end.
    pub fn open(path: &Path, key: SigningKey, clock: Clock) -> Result<Self, Error> {
        let database = Arc::new(open(path)?);
        transact(&database, |write| {
            write.open_table(ENTRIES)?;
            write.open_table(PERSONAL)?;
            write.open_table(HEADS)?;
            Ok(())
        })?;
        let last = last(&database)?;
        let (queue, orders) = channel();
        let (tell, head) = watch::channel(None);
        let writer = Writer { database: Arc::clone(&database), key, clock: clock.clone(), last, tell, signed: 0, at: 0 };
        let thread = std::thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&orders)).map_err(Error::Thread)?;
        let (queue, writer) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self(Arc::new(Shared { database, queue, head, clock, writer })))
    }

    /// Writes an entry; when this returns, it is on disk. Gives its number.
    ///
    /// # Errors
    /// When it is not.
    pub async fn write(&self, event: Event) -> Result<u64, Unwritten> {
        let (done, written) = oneshot::channel();
        self.order(Order { event, done: Some(done) })?;
        written.await.map_err(|_| Unwritten)
    }

    /// Writes an entry soon: for what has happened already.
    pub fn write_soon(&self, event: Event) {
        if self.order(Order { event, done: None }).is_err() {
            tracing::error!("an entry of the log was lost: the log is closed");
        }
    }

    fn order(&self, order: Order) -> Result<(), Unwritten> {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.as_ref().ok_or(Unwritten)?.send(order).map_err(|_| Unwritten)
    }

    /// The newest head that was signed, and every one after it.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<Option<Head>> {
        self.0.head.clone()
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Writes what is under way, signs a last head, and takes no more. Blocks.
    pub fn close(&self) {
        self.0.close();
    }

    /// Up to [`PAGE`] entries from this number on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn read(&self, from: u64) -> Result<Vec<Entry>, Error> {
        self.entries(from..u64::MAX, PAGE, |_| true)
    }

    /// The newest entries about a camera, newest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn about(&self, camera: &str) -> Result<Vec<Entry>, Error> {
        let read = self.0.database.begin_read()?;
        let (entries, personal) = (read.open_table(ENTRIES)?, read.open_table(PERSONAL)?);
        let mut found = Vec::new();
        for item in entries.iter()?.rev().take(100 * PAGE) {
            let (number, bytes) = item?;
            let entry = entry_of(number.value(), bytes.value(), personal.get(number.value())?.map(|bytes| bytes.value().to_vec()))?;
            if entry.content.camera.as_deref() == Some(camera) {
                found.push(entry);
            }
            if found.len() >= PAGE {
                break;
            }
        }
        Ok(found)
    }

    fn entries(&self, range: std::ops::Range<u64>, most: usize, wanted: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, Error> {
        let read = self.0.database.begin_read()?;
        let (entries, personal) = (read.open_table(ENTRIES)?, read.open_table(PERSONAL)?);
        let mut found = Vec::new();
        for item in entries.range(range)? {
            if found.len() >= most {
                break;
            }
            let (number, bytes) = item?;
            let entry = entry_of(number.value(), bytes.value(), personal.get(number.value())?.map(|bytes| bytes.value().to_vec()))?;
            if wanted(&entry) {
                found.push(entry);
            }
        }
        Ok(found)
    }

    /// Removes names, keys and addresses from entries that are older.
    ///
    /// # Errors
    /// When they cannot be.
    pub fn forget(&self, older_than: Duration) -> Result<u64, Error> {
        let until = self.0.clock.now().0.saturating_sub(u64::try_from(older_than.as_micros()).unwrap_or(u64::MAX));
        transact(&self.0.database, |write| {
            let (entries, mut personal) = (write.open_table(ENTRIES)?, write.open_table(PERSONAL)?);
            let mut old = Vec::new();
            for item in personal.iter()? {
                let (number, _) = item?;
                let number = number.value();
                let at = entries.get(number)?.map(|bytes| entry_of(number, bytes.value(), None)).transpose()?.map(|entry| entry.content.at);
                if at.is_some_and(|at| at >= until) {
                    // Entries are in the order of time, but for a clock that was set.
                    break;
                }
                old.push(number);
            }
            for number in &old {
                personal.remove(number)?;
            }
            Ok(old.len() as u64)
        })
    }
}

impl Shared {
    fn close(&self) {
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the log's writer failed");
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

fn entry_of(number: u64, bytes: &[u8], personal: Option<Vec<u8>>) -> Result<Entry, Error> {
    let damaged = || Error::Damaged(format!("entry {number} of the log"));
    let (hash, content) = bytes.split_first_chunk::<32>().ok_or_else(damaged)?;
    let content = serde_json::from_slice(content).map_err(|_| damaged())?;
    let personal = personal.map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(|_| damaged())?.unwrap_or_default();
    Ok(Entry { number, hash: Digest(*hash), content, personal })
}

/// How many entries there are, and the hash of the last.
fn last(database: &Database) -> Result<(u64, Digest), Error> {
    let read = database.begin_read()?;
    let entries = read.open_table(ENTRIES)?;
    let Some((number, bytes)) = entries.last()? else { return Ok((0, Digest::ZERO)) };
    let hash = bytes.value().first_chunk::<32>().copied();
    let number = number.value();
    let hash = hash.ok_or_else(|| Error::Damaged(format!("entry {number} of the log")))?;
    Ok((number.saturating_add(1), Digest(hash)))
}

/// The hash of an entry.
fn hash(number: u64, previous: Digest, content: &[u8]) -> Digest {
    Digest::of(&[b"celosia log entry v1", &number.to_be_bytes(), previous.as_bytes(), content])
}

/// Writes the log, in a thread of its own.
struct Writer {
    database: Arc<Database>,
    key: SigningKey,
    clock: Clock,
    /// How many entries there are, and the hash of the last.
    last: (u64, Digest),
    tell: watch::Sender<Option<Head>>,
    /// How many entries the last head covers, and when it was signed.
    signed: u64,
    at: u64,
}

impl Writer {
    fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let mut batch = Vec::new();
            match orders.recv_timeout(HEAD_EVERY) {
                Ok(order) => batch.push(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            batch.extend(orders.try_iter().take(BATCH));
            self.write(batch, false);
        }
        self.write(Vec::new(), true);
    }

    /// Writes entries and, when it is time, a head. On an error nothing of it is written, and nobody is told that it was.
    fn write(&mut self, batch: Vec<Order>, closing: bool) {
        let now = self.clock.now();
        let due = closing || now.0.saturating_sub(self.at) >= u64::try_from(HEAD_EVERY.as_micros()).unwrap_or(u64::MAX);
        let sign = due && self.last.0 + batch.len() as u64 > self.signed;
        if batch.is_empty() && !sign {
            return;
        }
        let mut last = self.last;
        let written = transact(&self.database, |write| {
            let (mut entries, mut personal) = (write.open_table(ENTRIES)?, write.open_table(PERSONAL)?);
            for Order { event, .. } in &batch {
                let (content, private) = entry::seal(event, now)?;
                let content = json(&content)?;
                let hash = hash(last.0, last.1, &content);
                entries.insert(last.0, [hash.as_bytes().as_slice(), &content].concat().as_slice())?;
                if !private.0.is_empty() {
                    personal.insert(last.0, json(&private)?.as_slice())?;
                }
                last = (last.0.saturating_add(1), hash);
            }
            let head = sign.then(|| Head::sign(&self.key, last.0, last.1, now));
            if let Some(head) = &head {
                write.open_table(HEADS)?.insert(last.0, head.to_bytes().as_slice())?;
            }
            Ok(head)
        });
        match written {
            Ok(head) => {
                let first = self.last.0;
                self.last = last;
                if let Some(head) = head {
                    (self.signed, self.at) = (last.0, now.0);
                    self.tell.send_replace(Some(head));
                }
                for (number, order) in (first..).zip(batch) {
                    // Whoever waited may be gone.
                    let _ = order.done.map(|done| done.send(number));
                }
            }
            Err(error) => tracing::error!(%error, lost = batch.len(), "the log cannot be written"),
        }
    }
}

/// Salts and values by field.
type Fields = BTreeMap<String, (link::api::account::Base64<16>, String)>;

#[cfg(test)]
mod tests;
