//! What can go wrong between a request and its answer, and whose fault it is.

use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;

use crate::exit::{self, Code};
use crate::tls::TrustError;

/// The longest text of a relay that is shown, in characters.
const MAX_TEXT: usize = 500;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Nobody is there.
    #[error("no relay answers at {relay} (TCP): {cause}. Is it running, and are host and port right?")]
    Unreachable {
        /// The relay.
        relay: String,
        /// What the system says.
        cause: String,
    },
    /// Somebody is there, and is not to be trusted.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// The answer did not come in time.
    #[error("the relay {relay} gave no answer within {within:?}")]
    Late {
        /// The relay.
        relay: String,
        /// The time that it had.
        within: Duration,
    },
    /// The connection broke, or what is there does not speak this protocol.
    #[error("the connection to {relay} broke: {cause}")]
    Broken {
        /// The relay.
        relay: String,
        /// How.
        cause: String,
    },
    /// The relay understood, and refuses.
    #[error("the relay refuses: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The relay's name for the reason, for programs.
        code: String,
        /// The relay's sentence, for people.
        message: String,
    },
    /// The answer is longer than allowed.
    #[error("the relay's answer is longer than {0} bytes, which no honest one is")]
    TooLong(usize),
    /// The answer is not the JSON that belongs here.
    #[error("the relay's answer cannot be read ({0}): is it of another version?")]
    Unreadable(String),
    /// The request itself cannot be sent; the caller's mistake.
    #[error("the request cannot be sent: {0}")]
    Request(String),
}

#[derive(Deserialize)]
struct Refusal {
    code: String,
    message: String,
}

/// A stranger's text, safe to show on a terminal.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}

impl Error {
    pub(super) fn refused(status: StatusCode, body: &[u8]) -> Self {
        let (code, message) = match serde_json::from_slice::<Refusal>(body) {
            Ok(refusal) => (shown(&refusal.code), shown(&refusal.message)),
            Err(_) => (format!("http-{}", status.as_u16()), status.canonical_reason().unwrap_or("without a reason").to_owned()),
        };
        Self::Refused { status: status.as_u16(), code, message }
    }

    /// The code for a program that ends because of this.
    #[must_use]
    pub const fn exit_code(&self) -> Code {
        match self {
            Self::Unreachable { .. } | Self::Late { .. } | Self::Broken { .. } => Code::Unavailable,
            Self::Untrusted(_) => Code::NotAllowed,
            Self::Refused { status, .. } if *status >= 500 || *status == 429 => Code::Unavailable,
            Self::Refused { status: 401 | 403, .. } => Code::NotAllowed,
            Self::Refused { .. } | Self::TooLong(_) | Self::Unreadable(_) => Code::Data,
            Self::Request(_) => Code::Internal,
        }
    }
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        Self::of(error.exit_code(), &error)
    }
}
