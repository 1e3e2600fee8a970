//! The greeting.

use ::bytes::Bytes;

use crate::bytes::{Malformed, Problem, Reader, put_short};
use crate::context::VERSION;
use crate::id::Fingerprint;

const MAX_TICKET: usize = 64;

/// Who speaks, as far as it needs to be said. Its layout is the same in every version, so that peers of different ones can part politely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// [`VERSION`] of the speaker.
    pub version: u8,
    /// A one-use ticket from the API; an empty one counts as none.
    pub ticket: Option<Bytes>,
    /// The key whose grants are wanted, of a viewer without an account.
    pub fingerprint: Option<Fingerprint>,
}

impl Hello {
    /// A greeting in this version.
    #[must_use]
    pub const fn new(fingerprint: Option<Fingerprint>) -> Self {
        Self { version: VERSION, ticket: None, fingerprint }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        out.push(self.version);
        put_short(out, self.ticket.as_deref().unwrap_or_default());
        put_short(out, self.fingerprint.as_ref().map_or(&[][..], |fingerprint| fingerprint.as_bytes()));
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let version = reader.u8("version")?;
        let ticket = reader.short("ticket", MAX_TICKET)?;
        let fingerprint = reader.short("fingerprint", 32)?;
        let fingerprint = if fingerprint.is_empty() {
            None
        } else {
            let bytes = <[u8; 32]>::try_from(&*fingerprint).map_err(|_| Malformed::new("fingerprint", Problem::Contradiction))?;
            Some(Fingerprint(bytes))
        };
        Ok(Self { version, ticket: (!ticket.is_empty()).then_some(ticket), fingerprint })
    }
}
