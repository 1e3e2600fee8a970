//! Sealing: what the encoder gave for one frame becomes layers that only named people open.
//!
//! Content keys live for one epoch. A new epoch is made ready on a thread of its own when the running one is due, and taken at the next
//! group, so that wrapping keys for many viewers costs no frame. Only when the masks get other labels it is waited for: no frame is sealed
//! in an epoch whose record names others than its regions have. A sequence is drawn right before the frame's layers are sealed, and is
//! gone whether that works or not.

pub mod epoch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use seal::keys::GroupSecret;
use seal::layer::{self, GroupSealer};
use seal::nonce::{Nonces, Spent};
use seal::secret::NoRandomness;
use wire::label::{Label, Labels};
use wire::sign::{Draft, Start};

use crate::encode::{Clear, Encoded};
use crate::viewers::Viewers;
pub use epoch::{Announcement, Epoch, Terms};

/// How long an epoch lasts, unless the config says otherwise.
pub const EPOCH: Duration = Duration::from_secs(60);

/// Why nothing was sealed; the frame is not published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A viewer's key cannot be used.
    #[error(transparent)]
    Grant(#[from] seal::grant::Error),
    /// More grants than an epoch may have.
    #[error("the grants do not fit into one epoch: {0}; remove viewers or labels from authorized_viewers")]
    Crowd(#[from] wire::bytes::Malformed),
    /// The record breaks a rule of the format.
    #[error("the epoch record was not signed: {0}")]
    NotSigned(#[from] wire::sign::NotSigned),
    /// The session is used up.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// The layer is too long.
    #[error(transparent)]
    Layer(#[from] layer::Error),
    /// A label that the epoch does not have, or not this group.
    #[error("the encoder gave a layer under a label that the group does not have; the frame is dropped")]
    Label,
    /// The frame's labels are not those of the running epoch's record.
    #[error("the frame's labels are those of another epoch; it is dropped")]
    Labels,
    /// The first frame opens no group.
    #[error("the encoder gave no key frame where a group must begin; the frame is dropped")]
    NoKeyFrame,
    /// The thread that makes epochs ready is gone.
    #[error("the next epoch could not be made ready: {0}")]
    Epoch(String),
}

/// A frame whose originals are sealed; nothing of it is secret any more, and nothing of it is signed yet. Only [`Sealer::seal`] makes one.
#[derive(Debug)]
pub struct Sealed {
    draft: Draft,
    announcement: Arc<Announcement>,
}

impl Sealed {
    /// What is to be signed, and the epoch that it is sealed under.
    pub(crate) fn into_parts(self) -> (Draft, Arc<Announcement>) {
        (self.draft, self.announcement)
    }
}

/// The list of authorized viewers that the next epoch is made for; clones share it.
#[derive(Debug, Clone)]
pub struct Authorized(Arc<Mutex<Arc<Viewers>>>);

impl Authorized {
    /// Begins with this list.
    #[must_use]
    pub fn new(viewers: Arc<Viewers>) -> Self {
        Self(Arc::new(Mutex::new(viewers)))
    }

    /// From the next epoch on, this list.
    pub fn replace(&self, viewers: Arc<Viewers>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = viewers;
    }

    /// The list of the next epoch.
    #[must_use]
    pub fn current(&self) -> Arc<Viewers> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Seals the frames of one session.
pub struct Sealer {
    terms: Arc<Terms>,
    authorized: Authorized,
    length: Duration,
    /// Those of the frames at present.
    labels: Arc<Labels>,
    epoch: Epoch,
    /// When the running epoch began.
    began: Instant,
    next: Option<JoinHandle<Result<Epoch, Error>>>,
    ready: Option<Epoch>,
    nonces: Nonces,
    sequence: Option<u64>,
    group: BTreeMap<Label, GroupSealer>,
}

impl Sealer {
    /// Makes the session's first epoch, beginning now, each epoch lasting `length`.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(terms: Arc<Terms>, authorized: Authorized, length: Duration, now: Instant) -> Result<Self, Error> {
        let labels = Arc::new(terms.labels.clone());
        let epoch = Epoch::begin(&terms, Arc::clone(&labels), 0, &authorized.current())?;
        Ok(Self {
            terms,
            authorized,
            length,
            labels,
            epoch,
            began: now,
            next: None,
            ready: None,
            nonces: Nonces::new(),
            sequence: Some(0),
            group: BTreeMap::new(),
        })
    }

    /// The running epoch's number.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch.number()
    }

    /// What is said of the running epoch.
    #[must_use]
    pub const fn announcement(&self) -> &Arc<Announcement> {
        self.epoch.announcement()
    }

    /// The next frame has regions with these labels. Where the running epoch's record names others, the next epoch is made at once, and
    /// begins with that frame. Say it before asking whether it must be a key frame.
    ///
    /// # Errors
    /// When that epoch cannot be made. The frame is not published then, nor is any later one with these labels before it can.
    pub fn follow(&mut self, labels: &Arc<Labels>) -> Result<(), Error> {
        if *labels == self.labels {
            return Ok(());
        }
        // What was made ready has the labels of before, and was not announced.
        (self.next, self.ready) = (None, None);
        if labels != self.epoch.labels() {
            let viewers = self.authorized.current();
            self.ready = Some(Epoch::begin(&self.terms, Arc::clone(labels), self.epoch.number() + 1, &viewers)?);
        }
        self.labels = Arc::clone(labels);
        Ok(())
    }

    /// Whether the next frame must be a key frame, because the next epoch waits for a group to begin with. Ask before encoding each frame.
    /// Waits for the next epoch only when the running one has lasted twice its time.
    ///
    /// # Errors
    /// When the next epoch cannot be made: no frame is published under keys that are past their time.
    pub fn wants_key_frame(&mut self, now: Instant) -> Result<bool, Error> {
        let age = now.saturating_duration_since(self.began);
        if self.ready.is_none() && self.next.is_none() && age >= self.length {
            let (terms, labels, number) = (Arc::clone(&self.terms), Arc::clone(&self.labels), self.epoch.number() + 1);
            let viewers = self.authorized.current();
            let make = move || Epoch::begin(&terms, labels, number, &viewers);
            let thread = thread::Builder::new().name("epoch".into()).spawn(make);
            self.next = Some(thread.map_err(|error| Error::Epoch(error.to_string()))?);
        }
        if let Some(next) = self.next.take_if(|next| next.is_finished() || age >= self.length * 2) {
            let epoch = next.join().map_err(|_| Error::Epoch("its thread ended unexpectedly".to_owned()))??;
            self.ready = Some(epoch);
        }
        Ok(self.ready.is_some())
    }

    /// The sequence of the next frame, and with it the right to use it: it will not be given out again.
    ///
    /// # Errors
    /// After the last one.
    pub fn draw(&mut self) -> Result<u64, Error> {
        let sequence = self.sequence.ok_or(Spent::All)?;
        self.sequence = sequence.checked_add(1);
        Ok(sequence)
    }

    /// Seals a frame; `group` is the number of the group that it opens, if it is a key frame.
    ///
    /// # Errors
    /// When anything is not as it must be. The frame is not published then, its sequence is gone, and the next frame must open a group.
    pub fn seal(&mut self, encoded: Encoded, group: u64) -> Result<Sealed, Error> {
        let epoch = self.ready.as_ref().filter(|_| encoded.key).unwrap_or(&self.epoch);
        if encoded.plan.labels() != epoch.labels() {
            return Err(Error::Labels);
        }
        let start = encoded.key.then(|| self.open(&encoded, group)).transpose()?;
        if start.is_none() && self.group.is_empty() && !encoded.sealed.is_empty() {
            return Err(Error::NoKeyFrame);
        }
        if !encoded.sealed.iter().map(|layer| &layer.label).eq(self.group.keys()) {
            return Err(Error::Label);
        }
        let sequence = self.draw()?;
        let mut nonces = self.nonces.frame(sequence)?;
        let mut sealed = Vec::with_capacity(encoded.sealed.len());
        // The public layer has index 0.
        for (index, Clear { label, plaintext }) in (1..).zip(&encoded.sealed) {
            let sealer = self.group.get_mut(label).ok_or(Error::Label)?;
            sealed.push((*label, sealer.seal(nonces.layer(index)?, layer::Draft::from(plaintext.as_slice()))?));
        }
        let draft = Draft {
            start,
            sequence,
            captured_at: encoded.captured_at,
            fail_closed: encoded.plan.fail_closed(),
            detector: encoded.plan.detector(),
            regions: encoded.plan.regions().to_vec(),
            public: encoded.public,
            sealed,
        };
        Ok(Sealed { draft, announcement: Arc::clone(self.epoch.announcement()) })
    }

    /// Begins a group, and with it the next epoch if that is ready.
    fn open(&mut self, encoded: &Encoded, group: u64) -> Result<Start, Error> {
        if let Some(epoch) = self.ready.take() {
            tracing::debug!(epoch = epoch.number(), grants = epoch.announcement().grants.len(), "a new epoch begins");
            self.epoch = epoch;
            self.began = encoded.at;
        }
        let sealer = |layer: &Clear| {
            let secret: GroupSecret = self.epoch.group(layer.label, group).ok_or(Error::Label)?;
            Ok((layer.label, GroupSealer::new(&secret)))
        };
        self.group = encoded.sealed.iter().map(sealer).collect::<Result<_, Error>>()?;
        let size = encoded.plan.size();
        Ok(Start { codec: encoded.codec, width: size.width(), height: size.height(), record: self.epoch.announcement().digest })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer(epoch {})", self.epoch.number())
    }
}

#[cfg(test)]
mod tests;
