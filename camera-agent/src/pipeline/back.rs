//! The back half: from the masked picture to the signed frame.

use std::sync::Arc;

use wire::id::Micros;

use crate::capture::Clock;
use crate::encode::{self, Encoder};
use crate::mask::Masked;
use crate::picture::Size;
use crate::publish::Outlet;
use crate::sealing::{self, Sealer};
use crate::sign::{self, Signed, Signer};
use crate::timing::Stage;

use super::Progress;

/// Encodes, seals, signs and hands over.
pub struct Back {
    encoder: Box<dyn Encoder>,
    sealer: Sealer,
    signer: Signer,
    outlet: Box<dyn Outlet>,
    progress: Arc<Progress>,
    /// The next frame opens a group, whatever else is wished.
    key: bool,
    /// When the last signed frame was captured.
    last: Micros,
    /// The size that the running group has.
    size: Option<Size>,
}

/// Why a frame is not published.
#[derive(Debug, thiserror::Error)]
enum Unpublished {
    #[error(transparent)]
    Encode(#[from] encode::Error),
    #[error(transparent)]
    Seal(#[from] sealing::Error),
    #[error(transparent)]
    Sign(#[from] sign::Error),
}

impl Back {
    /// For one session.
    #[must_use]
    pub const fn new(encoder: Box<dyn Encoder>, sealer: Sealer, signer: Signer, outlet: Box<dyn Outlet>, progress: Arc<Progress>) -> Self {
        Self { encoder, sealer, signer, outlet, progress, key: true, last: Micros(0), size: None }
    }

    /// Publishes a masked picture, or drops it where anything fails.
    pub fn publish(&mut self, masked: Masked) {
        match self.signed(&masked) {
            // Nothing was encoded, so the group goes on behind it.
            Ok(None) => self.progress.over_rate(),
            Ok(Some(signed)) => {
                self.key = false;
                self.last = signed.frame.header().captured_at;
                self.progress.signed(&signed.frame);
                self.outlet.send(signed);
            }
            Err(error) => {
                // Frames behind a lost one of their group could not be verified.
                self.key = true;
                self.progress.failed(&error);
            }
        }
    }

    /// `None` where the rate does not allow the picture.
    fn signed(&mut self, masked: &Masked) -> Result<Option<Signed>, Unpublished> {
        let now = masked.at();
        // A group has one size; with another one begins a new group.
        self.key |= self.size.replace(masked.plan().size()) != Some(masked.plan().size());
        self.key |= self.outlet.wants_key_frame();
        self.sealer.follow(masked.plan().labels())?;
        self.key |= self.sealer.wants_key_frame(now)?;
        if self.key {
            self.encoder.force_key();
        }
        if !self.encoder.has_room(masked) {
            return Ok(None);
        }
        let stages = self.progress.stages();
        let encoded = stages.time(Stage::Encode, || self.encoder.encode(masked))?;
        let group = self.signer.next_group();
        let sealed = stages.time(Stage::Seal, || self.sealer.seal(encoded, group))?;
        let signed = stages.time(Stage::Sign, || self.signer.sign(sealed))?;
        self.progress.epoch(self.sealer.epoch());
        Ok(Some(signed))
    }

    /// Signs and sends the session's end.
    pub fn end(mut self, clock: &Clock) {
        match self.end_frame(clock) {
            Ok(Some(signed)) => self.outlet.send(signed),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the session ends without its end frame"),
        }
    }

    fn end_frame(&mut self, clock: &Clock) -> Result<Option<Signed>, Unpublished> {
        let sequence = self.sealer.draw()?;
        // A clock that was set back meanwhile does not keep the session from ending.
        let at = clock.now().map_or(self.last, |stamp| stamp.captured_at.max(self.last));
        Ok(self.signer.end(sequence, at, Arc::clone(self.sealer.announcement()))?)
    }
}
