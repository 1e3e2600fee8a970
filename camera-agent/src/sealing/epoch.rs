//! An epoch: fresh content keys for every label, the grants that hand them out, and the record that says so under the camera's signature.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use seal::grant::{self, Scope};
use seal::keys::{ContentKey, GroupSecret};
use wire::epoch::{EpochRecord, Link, SourceKind};
use wire::grants::{Grant, GrantList};
use wire::id::{CameraId, Digest, SessionId};
use wire::label::{Label, LabelName, Labels};
use wire::message;
use wire::sign::SignedRecord;

use super::Error;
use crate::viewers::Viewers;

/// What all epochs of a session have in common.
pub struct Terms {
    /// The camera's key.
    pub key: SigningKey,
    /// The session.
    pub session: SessionId,
    /// How the session before ended.
    pub link: Link,
    /// Where the pictures come from.
    pub source: SourceKind,
    /// The labels of its first epoch. When the masks change, later epochs may have others.
    pub labels: Labels,
    /// The detector's name and version; empty where there is none.
    pub detector: String,
}

impl Terms {
    /// The camera's id.
    #[must_use]
    pub fn camera(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }
}

/// What is said about an epoch before its first frame: the record, and the grants that it names. Holds no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The signed record.
    pub record: SignedRecord,
    /// What group contexts name.
    pub digest: Digest,
    /// Every grant by name.
    pub list: GrantList,
    /// The grants.
    pub grants: Vec<Grant>,
}

impl Announcement {
    /// The two messages, in the order in which they are sent.
    #[must_use]
    pub fn messages(&self, subscription: u32) -> [message::Message; 2] {
        [
            message::Message::Record { subscription, record: self.record.clone() },
            message::Message::Grants(message::Grants {
                subscription,
                record: self.digest,
                list: self.list.clone(),
                grants: self.grants.clone(),
            }),
        ]
    }
}

/// The content keys of one epoch.
pub struct Epoch {
    number: u64,
    labels: Arc<Labels>,
    keys: BTreeMap<Label, ContentKey>,
    announcement: Arc<Announcement>,
}

impl Epoch {
    /// Makes the epoch's keys, wraps them for everybody in the list, and signs the record.
    ///
    /// # Errors
    /// When the operating system gives no randomness, or a viewer's key cannot be used.
    pub fn begin(terms: &Terms, labels: Arc<Labels>, number: u64, viewers: &Viewers) -> Result<Self, Error> {
        let keys = labels.all().map(|(label, _)| Ok((label, ContentKey::random()?))).collect::<Result<BTreeMap<_, _>, Error>>()?;
        let mut record = EpochRecord {
            camera: terms.camera(),
            session: terms.session,
            link: terms.link,
            epoch: number,
            source: terms.source,
            labels: labels.as_ref().clone(),
            detector: terms.detector.clone(),
            owners: viewers.owners().map(|owner| *owner.key.keys()).collect(),
            viewers_version: viewers.version(),
            viewers_digest: viewers.digest(),
            grants: Digest::ZERO,
        };
        let mut grants = Vec::new();
        for viewer in viewers.list() {
            for label in viewer.labels.iter().filter_map(|name| labels.find(LabelName::as_str(name))) {
                let (Some(key), Some(scope)) = (keys.get(&label), Scope::of(&record, label)) else { continue };
                grants.push(grant::wrap(key, &scope, viewer.key.keys())?);
            }
        }
        let list = GrantList::of(&grants)?;
        record.grants = list.digest();
        let record = SignedRecord::sign(&record, &terms.key)?;
        let digest = record.digest();
        Ok(Self { number, labels, keys, announcement: Arc::new(Announcement { record, digest, list, grants }) })
    }

    /// Counts from 0 in each session.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Its labels: each has a key.
    #[must_use]
    pub const fn labels(&self) -> &Arc<Labels> {
        &self.labels
    }

    /// What is said about it.
    #[must_use]
    pub const fn announcement(&self) -> &Arc<Announcement> {
        &self.announcement
    }

    /// The secret of one label in one group, if the epoch has the label.
    pub(super) fn group(&self, label: Label, group: u64) -> Option<GroupSecret> {
        self.keys.get(&label).map(|key| key.group(group))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Epoch({}, {} grants)", self.number, self.announcement.grants.len())
    }
}
