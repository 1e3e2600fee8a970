//! Epochs: a verified record together with every grant that it names, and the groups that wait for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;
use wire::grants::{Grant, GrantList};
use wire::id::{Digest, Fingerprint};
use wire::message;
use wire::verify::{Record, Verified};

use super::Fault;
use crate::limits::{EPOCH_BYTES, EPOCHS};

/// An epoch: its record, and the grants that the record names, all of them and no others.
#[derive(Debug)]
pub struct Epoch {
    record: Arc<Verified<Record>>,
    list: GrantList,
    grants: Vec<Grant>,
}

impl Epoch {
    /// Puts a record and its grants together.
    ///
    /// # Errors
    /// [`Fault::Grants`] when they do not belong together.
    pub fn new(record: Arc<Verified<Record>>, list: GrantList, grants: Vec<Grant>) -> Result<Self, Fault> {
        let named = list.digest() == record.record().grants;
        let complete = GrantList::of(&grants).is_ok_and(|all| all == list);
        if named && complete { Ok(Self { record, list, grants }) } else { Err(Fault::Grants) }
    }

    /// The record.
    #[must_use]
    pub const fn record(&self) -> &Arc<Verified<Record>> {
        &self.record
    }

    /// Every grant by name.
    #[must_use]
    pub const fn list(&self) -> &GrantList {
        &self.list
    }

    /// Every grant.
    #[must_use]
    pub fn grants(&self) -> &[Grant] {
        &self.grants
    }

    /// Whether anything is granted to this key.
    #[must_use]
    pub fn grants_to(&self, recipient: Fingerprint) -> bool {
        self.list.of_recipient(recipient).next().is_some()
    }

    /// What one viewer is sent: the whole list, and of the grants its own.
    #[must_use]
    pub fn message_for(&self, subscription: u32, recipient: Option<Fingerprint>) -> message::Grants {
        let own = self.grants.iter().filter(|grant| Some(grant.recipient) == recipient).cloned().collect();
        message::Grants { subscription, record: self.record.digest(), list: self.list.clone(), grants: own }
    }

    /// What remembering it takes, roughly.
    fn bytes(&self) -> usize {
        1024 + self.grants.iter().map(|grant| 256 + grant.wrapped.len()).sum::<usize>()
    }
}

/// What an announcement made of an epoch.
#[derive(Debug)]
pub enum Announced {
    /// It is complete, and was not known.
    New(Epoch),
    /// It was known already.
    Known(Arc<Epoch>),
    /// Its grants are to come.
    Incomplete,
}

/// The epochs of one camera, the last [`EPOCHS`] that came and at most [`EPOCH_BYTES`].
#[derive(Default)]
pub struct Epochs {
    table: Mutex<Table>,
    came: Notify,
}

#[derive(Default)]
struct Table {
    /// Records whose grants have not come.
    waiting: VecDeque<Arc<Verified<Record>>>,
    complete: VecDeque<Arc<Epoch>>,
}

impl Table {
    /// An epoch that is announced again is remembered as if it were new.
    fn again(&mut self, record: Digest) -> Option<Arc<Epoch>> {
        let at = self.complete.iter().rposition(|epoch| epoch.record.digest() == record)?;
        let epoch = self.complete.remove(at)?;
        self.complete.push_back(Arc::clone(&epoch));
        Some(epoch)
    }
}

impl Epochs {
    /// Takes in a record. Its epoch is complete if it was known, or nothing is granted in it.
    pub fn record(&self, record: Arc<Verified<Record>>) -> Announced {
        if let Some(known) = self.table().again(record.digest()) {
            return Announced::Known(known);
        }
        if record.record().grants == GrantList::default().digest() {
            return Epoch::new(record, GrantList::default(), Vec::new()).map_or(Announced::Incomplete, Announced::New);
        }
        let mut table = self.table();
        if table.waiting.iter().all(|waiting| waiting.digest() != record.digest()) {
            if table.waiting.len() >= EPOCHS {
                table.waiting.pop_front();
            }
            table.waiting.push_back(record);
        }
        Announced::Incomplete
    }

    /// Takes in the grants of a record that came before: its epoch is complete.
    ///
    /// # Errors
    /// When there is no such record, or they do not belong to it.
    pub fn grants(&self, grants: message::Grants) -> Result<Announced, Fault> {
        if let Some(known) = self.table().again(grants.record) {
            return Ok(Announced::Known(known));
        }
        let mut table = self.table();
        let at = table.waiting.iter().position(|waiting| waiting.digest() == grants.record);
        let record = at.and_then(|at| table.waiting.remove(at)).ok_or(Fault::OutOfTurn("grants"))?;
        drop(table);
        Epoch::new(record, grants.list, grants.grants).map(Announced::New)
    }

    /// Remembers an epoch, and lets go whoever waits for it.
    pub fn insert(&self, epoch: Arc<Epoch>) {
        let mut table = self.table();
        table.complete.push_back(epoch);
        let mut bytes: usize = table.complete.iter().map(|epoch| epoch.bytes()).sum();
        while table.complete.len() > 1 && (table.complete.len() > EPOCHS || bytes > EPOCH_BYTES) {
            bytes -= table.complete.pop_front().map_or(0, |epoch| epoch.bytes());
        }
        drop(table);
        self.came.notify_waiters();
    }

    /// The epoch with this record, if it came.
    #[must_use]
    pub fn get(&self, record: Digest) -> Option<Arc<Epoch>> {
        self.table().complete.iter().rev().find(|epoch| epoch.record.digest() == record).cloned()
    }

    /// The epoch with this record; waits for it.
    pub async fn wait(&self, record: Digest, within: Duration) -> Option<Arc<Epoch>> {
        let found = async {
            loop {
                let mut came = std::pin::pin!(self.came.notified());
                came.as_mut().enable();
                if let Some(epoch) = self.get(record) {
                    return epoch;
                }
                came.await;
            }
        };
        timeout(within, found).await.ok()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
