//! Who may watch what, and how far back. One function decides for live pictures, replay, and whatever else shows recordings.

use std::time::Duration;

use wire::frame::LayerKind;
use wire::id::{Fingerprint, Micros, Name};
use wire::label::Label;
use wire::message::{Layers, Span};

use crate::config::{Config, History, SealedAccess, Visible};
use crate::verify::Epoch;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewer {
    /// The key whose grants are wanted. It is named, not proven: the grants are of no use without it.
    pub fingerprint: Option<Fingerprint>,
    /// The key of the account that is signed in: proven, as far as its password is.
    pub account: Option<Fingerprint>,
}

impl Viewer {
    /// Whose grants this viewer is sent, if any.
    #[must_use]
    pub fn recipient(&self, config: &Config) -> Option<Fingerprint> {
        match config.sealed_access() {
            SealedAccess::Anyone => self.account.or(self.fingerprint),
            // Only an account proves who asks.
            SealedAccess::Granted => self.account,
        }
    }

    /// The same, signed out.
    #[must_use]
    pub const fn signed_out(self) -> Self {
        Self { account: None, ..self }
    }
}

/// Some of an epoch's labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LabelSet(u16);

impl LabelSet {
    /// None of them: the public layer alone.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);

    /// Of these.
    pub fn of(labels: impl Iterator<Item = Label>) -> Self {
        Self(labels.fold(0, |set, label| set | 1 << label.number()))
    }

    /// Whether this label is one.
    #[must_use]
    pub const fn has(self, label: Label) -> bool {
        self.0 & 1 << label.number() != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether whoever is handed these is sent this layer.
    #[must_use]
    pub const fn shows(self, layer: LayerKind) -> bool {
        match layer {
            LayerKind::Public => true,
            LayerKind::Sealed(label) => self.has(label),
        }
    }

    /// Those that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Their names in an epoch.
    #[must_use]
    pub fn names(self, epoch: &Epoch) -> Vec<String> {
        epoch.record().record().labels.all().filter(|(label, _)| self.has(*label)).map(|(_, name)| name.to_owned()).collect()
    }
}

/// Which sealed layers of an epoch's frames somebody is handed who may have sealed layers at all ([`decide`]).
#[must_use]
pub fn labels(config: &Config, viewer: Viewer, epoch: &Epoch) -> LabelSet {
    match (config.sealed_access(), viewer.account) {
        (SealedAccess::Anyone, _) => LabelSet::ALL,
        (SealedAccess::Granted, Some(account)) => LabelSet::of(epoch.list().of_recipient(account).map(|entry| entry.label)),
        (SealedAccess::Granted, None) => LabelSet::NONE,
    }
}

/// Why somebody may not watch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The camera is for accounts.
    #[error("{0} is for people with an account at this relay: sign in (viewer sign-in)")]
    NotPublic(Name),
    /// The camera is for people whom its owner named.
    #[error("{0} is for people whom its owner named, and this account is none of them at the moment")]
    NotNamed(Name),
    /// Sealed layers go to accounts only.
    #[error("this relay hands out sealed layers to signed-in accounts only: sign in (viewer sign-in)")]
    NeedsAccount,
    /// Nobody said whose grants are wanted.
    #[error("sealed layers are handed out to a key that was named: give an identity file (--unlock)")]
    NoKey,
    /// No history for everyone.
    #[error(
        "{0} shows everyone live pictures only (public_history is \"none\"); its past is for keys that hold a grant in its newest epoch: \
         name one (--unlock)"
    )]
    LiveOnly(Name),
    /// Not so far back.
    #[error(
        "{camera} shows everyone the last {} only (public_history); what is older is for keys that hold a grant in its newest epoch: \
         name one (--unlock)",
        humantime::format_duration(*.back)
    )]
    TooFarBack {
        /// Which camera.
        camera: Name,
        /// How far back everyone may watch.
        back: Duration,
    },
}

/// Whoever asks for the last hour says so by a clock of their own, and the question takes its time to get here.
const GRACE: Duration = Duration::from_secs(60);

/// Whether the answer rests on the account: then it holds as long as the session does.
#[must_use]
pub fn rests_on_account(
    config: &Config,
    camera: &Name,
    viewer: Viewer,
    layers: Layers,
    span: Span,
    newest: Option<&Epoch>,
    now: Micros,
) -> bool {
    viewer.account.is_some()
        && (layers == Layers::Sealed || decide(config, camera, viewer.signed_out(), layers, span, newest, now).is_err())
}

/// Decides whether `viewer` may watch these layers of `camera` at that time. `newest` is the camera's newest epoch, if there is one.
///
/// # Errors
/// Why not.
pub fn decide(
    config: &Config,
    camera: &Name,
    viewer: Viewer,
    layers: Layers,
    span: Span,
    newest: Option<&Epoch>,
    now: Micros,
) -> Result<(), NotAllowed> {
    let said = config.camera(camera);
    let granted_to = |key: Option<Fingerprint>| key.zip(newest).is_some_and(|(key, newest)| newest.grants_to(key));
    match said.visible {
        Visible::Public => {}
        Visible::Accounts | Visible::Named if viewer.account.is_none() => return Err(NotAllowed::NotPublic(camera.clone())),
        Visible::Named if !granted_to(viewer.account) => return Err(NotAllowed::NotNamed(camera.clone())),
        Visible::Accounts | Visible::Named => {}
    }
    let named = viewer.recipient(config);
    if layers == Layers::Sealed && named.is_none() {
        return Err(match config.sealed_access() {
            SealedAccess::Anyone => NotAllowed::NoKey,
            SealedAccess::Granted => NotAllowed::NeedsAccount,
        });
    }
    let Span::Range { from, .. } = span else { return Ok(()) };
    let granted = granted_to(named);
    match said.public_history {
        _ if granted => Ok(()),
        History::None => Err(NotAllowed::LiveOnly(camera.clone())),
        History::For(back) if from.0 >= now.0.saturating_sub(micros(back + GRACE)) => Ok(()),
        History::For(back) => Err(NotAllowed::TooFarBack { camera: camera.clone(), back }),
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
