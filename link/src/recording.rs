//! A recording: what an agent would send to a relay, in a file.
//!
//! ```text
//! ┌─────────────────────┬──────────────────────────────────────────────────────┐
//! │ "celosia recording" │ messages as on a stream ([`crate::stream`]):         │
//! │ " 1\n"              │ camera · then, again and again: record · grants ·    │
//! │                     │ frames under them                                    │
//! └─────────────────────┴──────────────────────────────────────────────────────┘
//! ```
//!
//! All messages have the subscription [`SUBSCRIPTION`]. The camera's certificates come without revocation lists, and the grants are those
//! of every viewer. A recording that breaks off inside a message ends with the message before it.

/// How the file begins.
pub const HEAD: &[u8] = b"celosia recording 1\n";

/// The subscription of every message in it.
pub const SUBSCRIPTION: u32 = 1;
