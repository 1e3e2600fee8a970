//! What one subscription is handed: decided anew for every epoch, and recorded before the first byte of it is sent.

use std::sync::Arc;

use wire::id::{Digest, Fingerprint, Micros, Name};
use wire::message::{Layers, Reason, Span};

use super::live::End;
use crate::access::{self, LabelSet, Viewer};
use crate::accounts::lease::Account;
use crate::audit::HandOut;
use crate::control::refused;
use crate::parts::Parts;
use crate::verify::Epoch;

/// What a viewer asked for, and who it is.
pub(super) struct Wanted {
    pub(super) subscription: u32,
    pub(super) camera: Name,
    pub(super) layers: Layers,
    pub(super) viewer: Viewer,
    /// Whose account it is, for the log.
    pub(super) account: Option<Arc<Account>>,
    pub(super) address: String,
    pub(super) key_frames_only: bool,
}

/// What is being handed out.
#[derive(Default)]
pub(super) struct Handing {
    epoch: Option<Digest>,
    labels: LabelSet,
    /// The labels that the log knows of.
    names: Vec<String>,
    /// Its end is recorded when this is dropped.
    entry: Option<HandOut>,
}

impl Wanted {
    /// Whose grants are sent.
    pub(super) fn recipient(&self, parts: &Parts) -> Option<Fingerprint> {
        self.viewer.recipient(&parts.config)
    }
}

impl Handing {
    /// Which labels of live frames of this epoch are handed out. When this returns, the log has it.
    pub(super) async fn live(&mut self, wanted: &Wanted, epoch: &Epoch, parts: &Parts) -> Result<LabelSet, End> {
        if !self.turn(wanted, epoch, parts) {
            return Ok(self.labels);
        }
        // A camera for named people is for those whom its newest epoch names.
        let decided =
            access::decide(&parts.config, &wanted.camera, wanted.viewer, wanted.layers, Span::Live, Some(epoch), parts.clock.now());
        decided.map_err(|denied| End::Refused(refused(wanted.subscription, Reason::NotAllowed, denied)))?;
        if let (Some(account), Some(names)) = (&wanted.account, self.news(epoch)) {
            // What ends is recorded first.
            self.entry = None;
            if !names.is_empty() {
                let begun = HandOut::live(&parts.log, account, &wanted.address, &wanted.camera, names.clone()).await;
                self.entry = Some(begun.map_err(|error| End::Refused(refused(wanted.subscription, Reason::Storage, error)))?);
            }
            self.names = names;
        }
        self.epoch = Some(epoch.record().digest());
        Ok(self.labels)
    }

    /// The same of frames from the past.
    pub(super) async fn replay(&mut self, wanted: &Wanted, epoch: &Epoch, range: (Micros, Micros), parts: &Parts) -> Result<(), End> {
        if !self.turn(wanted, epoch, parts) {
            return Ok(());
        }
        if let (Some(account), Some(names)) = (&wanted.account, self.news(epoch)) {
            if !names.is_empty() {
                let written = HandOut::replay(&parts.log, account, &wanted.address, &wanted.camera, names.clone(), range).await;
                written.map_err(|error| End::Refused(refused(wanted.subscription, Reason::Storage, error)))?;
            }
            self.names = names;
        }
        self.epoch = Some(epoch.record().digest());
        Ok(())
    }

    /// The labels that are handed out of this epoch: none, unless it is the one that was decided on and recorded last.
    pub(super) fn labels(&self, epoch: Digest) -> LabelSet {
        if self.epoch == Some(epoch) { self.labels } else { LabelSet::NONE }
    }

    /// Takes up an epoch; says whether it is another one.
    fn turn(&mut self, wanted: &Wanted, epoch: &Epoch, parts: &Parts) -> bool {
        if self.epoch == Some(epoch.record().digest()) {
            return false;
        }
        self.labels = match wanted.layers {
            Layers::Public => LabelSet::NONE,
            Layers::Sealed => access::labels(&parts.config, wanted.viewer, epoch),
        };
        true
    }

    /// What the log does not know of yet.
    fn news(&self, epoch: &Epoch) -> Option<Vec<String>> {
        let names = self.labels.names(epoch);
        (names != self.names).then_some(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_of_one_epoch_holds_for_no_other() {
        let (this, other) = (Digest::of(&[b"this"]), Digest::of(&[b"other"]));
        let handing = Handing { epoch: Some(this), labels: LabelSet::ALL, ..Handing::default() };
        assert!(!handing.labels(this).is_empty());
        assert!(handing.labels(other).is_empty());
        assert!(Handing { labels: LabelSet::ALL, ..Handing::default() }.labels(this).is_empty(), "nothing was decided yet");
    }
}
