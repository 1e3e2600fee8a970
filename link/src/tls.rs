//! Who is at the other end: the operator's chain, pinned by its root's fingerprint.
//!
//! A relay shows server ‖ issuing CA ‖ root. Our own programs do not ask a list of public authorities: they look in that chain for the
//! one root that they pinned, and verify the rest against exactly that root ([`client`]). A relay asks for a client certificate and goes
//! on without one ([`server`]), so that agents, viewers and browsers share one port; which chain it shows is chosen by ALPN.
//!
//! TLS 1.3 only, on QUIC and TCP alike: every browser that can show a stream speaks it. No session is ever resumed, because a resumed
//! session skips the certificates, and with them a revocation.

pub mod chain;
pub mod client;
pub mod identity;
pub mod provider;
pub mod root;
pub mod server;

#[cfg(test)]
pub(crate) mod test_pki;
#[cfg(test)]
mod tests;

pub use chain::Fault;
pub use client::{Client, Outcome, Trust, TrustError};
pub use identity::{BadIdentity, Identity};
pub use root::{Root, RootFingerprint};
pub use server::Server;

pub use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// ALPN of agents and native viewers on QUIC: our own messages.
pub const PEER: &[u8] = b"celosia/1";

/// ALPN of our own programs on TCP: HTTP/1.1 for the API.
pub const API: &[u8] = b"celosia-api/1";

/// ALPN of browsers on QUIC: HTTP/3 (RFC 9114), under which WebTransport runs.
pub const H3: &[u8] = b"h3";

/// ALPN of browsers on TCP: HTTP/2 (RFC 9113).
pub const H2: &[u8] = b"h2";

/// ALPN of browsers on TCP: HTTP/1.1 (RFC 9112).
pub const HTTP_1_1: &[u8] = b"http/1.1";
