//! Reaching a relay by QUIC: resolve, try every address, verify, and say clearly what went wrong.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use super::Transport;
use crate::address::Relay;
use crate::exit::{self, Code};
use crate::tls::{Client, Root, TrustError};

/// How many addresses of one name are tried.
const MAX_ADDRESSES: usize = 8;

/// How long the next address waits for the one before it (RFC 8305 recommends 250 ms).
const STAGGER: Duration = Duration::from_millis(250);

/// Why a relay could not be reached.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address.
    #[error("there is no host {host}: {cause}. Check the name and the network")]
    NoSuchHost {
        /// The host that was asked for.
        host: String,
        /// What the resolver says.
        cause: String,
    },
    /// Nobody answers.
    #[error("no relay answers at {relay} (UDP) within {within:?}: is it running, and does the way there let UDP through?")]
    NoAnswer {
        /// Where it was looked for.
        relay: String,
        /// How long.
        within: Duration,
    },
    /// Somebody answers, and is not to be trusted.
    #[error(transparent)]
    Untrusted(#[from] TrustError),
    /// Somebody answers, and refuses.
    #[error("{relay} refuses the connection: {cause}")]
    Refused {
        /// The relay.
        relay: String,
        /// Its reason, in words.
        cause: String,
    },
    /// This side cannot even try.
    #[error("no connection can be made from here: {0}")]
    Here(String),
}

impl From<ConnectError> for exit::Error {
    fn from(error: ConnectError) -> Self {
        let code = match error {
            ConnectError::Untrusted(_) => Code::NotAllowed,
            ConnectError::Here(_) => Code::Internal,
            _ => Code::Unavailable,
        };
        Self::of(code, &error)
    }
}

/// Connects to a relay; gives the connection and the root under which it was verified.
///
/// The addresses of the name are tried one after the other with a short head start each, and the first to answer is taken.
///
/// # Errors
/// The host is unknown, nobody answers within the time, the relay is not trusted, or it refuses.
pub async fn connect(
    endpoint: &Endpoint,
    tls: &Client,
    transport: &Transport,
    relay: &Relay,
    within: Duration,
) -> Result<(Connection, Root), ConnectError> {
    let no_answer = || ConnectError::NoAnswer { relay: relay.to_string(), within };
    let deadline = Instant::now() + within;
    let addresses = timeout_at(deadline, resolve(relay)).await.map_err(|_| no_answer())??;

    let mut attempts = JoinSet::new();
    for (position, address) in (0..).zip(addresses) {
        let attempt = attempt(endpoint.clone(), tls.fresh(), transport.quinn(), relay.clone(), address);
        attempts.spawn(async move {
            sleep(STAGGER * position).await;
            attempt.await
        });
    }
    let mut worst = None;
    loop {
        match timeout_at(deadline, attempts.join_next()).await {
            Ok(Some(Ok(Ok(connected)))) => return Ok(connected),
            // A refusal says more than silence at another address.
            Ok(Some(Ok(Err(error)))) => worst = worst.or(error),
            Ok(Some(Err(error))) => worst = worst.or(Some(ConnectError::Here(error.to_string()))),
            Ok(None) | Err(_) => return Err(worst.unwrap_or_else(no_answer)),
        }
    }
}

async fn resolve(relay: &Relay) -> Result<Vec<SocketAddr>, ConnectError> {
    let failed = |cause: String| ConnectError::NoSuchHost { host: relay.host().to_owned(), cause };
    let found = tokio::net::lookup_host((relay.host(), relay.port())).await.map_err(|error: io::Error| failed(error.to_string()))?;
    let found: Vec<_> = found.take(MAX_ADDRESSES).collect();
    if found.is_empty() { Err(failed("the name has no address".to_owned())) } else { Ok(found) }
}

/// One address. `Err(None)` is silence.
async fn attempt(
    endpoint: Endpoint,
    tls: Client,
    transport: Arc<quinn::TransportConfig>,
    relay: Relay,
    address: SocketAddr,
) -> Result<(Connection, Root), Option<ConnectError>> {
    let here = |text: String| Some(ConnectError::Here(text));
    let crypto = QuicClientConfig::try_from(tls.config()).map_err(|error| here(error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(transport);
    let connecting = match endpoint.connect_with(config, address, relay.host()) {
        Ok(connecting) => connecting,
        // Without IPv6 here, an IPv6 address is as silent as a host that is down.
        Err(quinn::ConnectError::InvalidRemoteAddress(_)) => return Err(None),
        Err(error) => return Err(here(error.to_string())),
    };
    match connecting.await {
        Ok(connection) => match tls.outcome().root() {
            Some(root) => Ok((connection, root)),
            None => Err(here("the handshake ended without a verified certificate".to_owned())),
        },
        Err(ConnectionError::TimedOut) => Err(None),
        Err(error) => Err(Some(match tls.outcome().refusal() {
            Some(refusal) => refusal.into(),
            None => ConnectError::Refused { relay: relay.to_string(), cause: explain(&error) },
        })),
    }
}

/// Why a connection ended, in words. With TLS 1.3 a relay that does not accept a client's certificate says so only after the client
/// believes itself connected, so this is also for connections that are lost later.
#[must_use]
pub fn explain(error: &ConnectionError) -> String {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::ApplicationClosed(close) if !close.reason.is_empty() => {
            return String::from_utf8_lossy(&close.reason).chars().filter(|c| !c.is_control()).take(200).collect();
        }
        ConnectionError::TimedOut => return "it stopped answering".to_owned(),
        _ => return error.to_string(),
    };
    // A TLS alert is 0x100 plus its number (RFC 9001, 4.8; RFC 8446, 6.2).
    let text = match code.checked_sub(0x100) {
        Some(44) => "this machine's certificate was revoked",
        Some(45) => "this machine's certificate has expired",
        Some(42 | 43 | 46 | 48) => "this machine's certificate is not one of the relay's own",
        Some(116) => "a certificate is required",
        Some(120) => "what answers there does not speak this protocol",
        Some(_) => "TLS failed",
        None => return error.to_string(),
    };
    text.to_owned()
}
