//! Who may watch what, and how far back. One function decides for live pictures, replay, and whatever else shows recordings.

use std::time::Duration;

use wire::id::{Fingerprint, Micros, Name};
use wire::message::{Layers, Span};

use crate::config::{Config, History, SealedAccess, Visible};
use crate::verify::Epoch;

/// Who asks. Without accounts, all that is known is the key that a viewer named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewer {
    /// The key whose grants are wanted. It is named, not proven: the grants are of no use without it.
    pub fingerprint: Option<Fingerprint>,
}

/// Why somebody may not watch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAllowed {
    /// The camera is not for everyone, and there are no accounts yet.
    #[error("{0} is not public, and this relay has no accounts yet")]
    NotPublic(Name),
    /// Sealed layers go to accounts only.
    #[error("this relay hands out sealed layers to signed-in accounts only, and has no accounts yet")]
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
    if said.visible != Visible::Public {
        return Err(NotAllowed::NotPublic(camera.clone()));
    }
    let named = match config.sealed_access() {
        SealedAccess::Anyone => viewer.fingerprint,
        // Only an account proves who asks.
        SealedAccess::Granted if layers == Layers::Sealed => return Err(NotAllowed::NeedsAccount),
        SealedAccess::Granted => None,
    };
    if layers == Layers::Sealed && named.is_none() {
        return Err(NotAllowed::NoKey);
    }
    let Span::Range { from, .. } = span else { return Ok(()) };
    let granted = named.zip(newest).is_some_and(|(key, newest)| newest.grants_to(key));
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
