//! Signing: each frame under the camera's key, chained to the one before, and remembered on disk before it is sent.

use std::sync::Arc;

use wire::frame::SignedFrame;
use wire::id::Micros;
use wire::sign::{NotSigned, SessionSigner};

use crate::sealing::{Announcement, Sealed, Terms};
use crate::session::{self, Session};

/// A signed frame, ready to be sent, with what must be sent before it.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The epoch that it is sealed under.
    pub announcement: Arc<Announcement>,
    /// The frame.
    pub frame: SignedFrame,
}

/// Why a frame is not published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It breaks a rule of the format.
    #[error("the frame was not signed: {0}")]
    NotSigned(#[from] NotSigned),
    /// It could not be remembered, and a later session would not know that this one was.
    #[error("the frame is not sent: {0}")]
    NotRemembered(#[from] session::Error),
}

/// Signs the frames of one session.
pub struct Signer {
    signer: SessionSigner,
    session: Session,
    /// Whether remembering failed the last time, so that it is said once.
    forgetful: bool,
}

impl Signer {
    /// For the session that just began.
    #[must_use]
    pub fn new(terms: &Terms, session: Session) -> Self {
        Self { signer: SessionSigner::new(terms.key.clone(), terms.session), session, forgetful: false }
    }

    /// The group that the next key frame opens.
    #[must_use]
    pub const fn next_group(&self) -> u64 {
        self.signer.next_group()
    }

    /// Signs a frame, and remembers it.
    ///
    /// # Errors
    /// When it breaks a rule of the format, or is the session's first and cannot be remembered: it must not be sent then.
    pub fn sign(&mut self, sealed: Sealed) -> Result<Signed, Error> {
        let (draft, announcement) = sealed.into_parts();
        let frame = self.signer.sign(draft)?;
        let Some(last) = self.signer.last() else { return Ok(Signed { announcement, frame }) };
        match self.session.about_to_send(&last) {
            Ok(()) => self.forgetful = false,
            Err(error) if !self.session.begun() => return Err(error.into()),
            Err(error) => {
                // The frames remembered so far stay a lower bound, and that is what the next session will say.
                if !self.forgetful {
                    tracing::warn!(%error, "the last frame is not remembered");
                }
                self.forgetful = true;
            }
        }
        Ok(Signed { announcement, frame })
    }

    /// Ends the session with this sequence; `None` where it had no frame, and so has no end.
    ///
    /// # Errors
    /// When the sequence is not above the last one.
    pub fn end(&mut self, sequence: u64, at: Micros, announcement: Arc<Announcement>) -> Result<Option<Signed>, Error> {
        if self.signer.last().is_none() {
            return Ok(None);
        }
        let frame = self.signer.end(sequence, at)?;
        if let Some(last) = self.signer.last()
            && let Err(error) = self.session.ended(&last)
        {
            // The next session will say `broken`, which is less than could be said, and true.
            tracing::warn!(%error, "the end of the session is not remembered");
        }
        Ok(Some(Signed { announcement, frame }))
    }
}
