//! Accepting: from a packet of a stranger to an agent or a viewer, at a bounded price.
//!
//! ```text
//! packet ─▶ room? ─▶ rate? ─▶ handshake (TLS, deadline) ─▶ certificate? ─▶ control stream, hello (deadline) ─▶ agent  ─▶ verify
//!            full      wait     closed                        unknown: refused                                 viewer ─▶ serve
//!                                 └─▶ of a browser (HTTP/3): session, control stream, hello (deadline) ──────────────────▶ serve
//! ```

mod door;
pub(crate) mod peer;

use std::sync::Arc;

use link::shutdown::Shutdown;
use quinn::{Connection, Endpoint, Incoming};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::control;
use crate::limits::{DRAIN, HANDSHAKE};
use crate::parts::Parts;
use crate::{serve, verify};
use door::{Admitted, Door};
use peer::{NotGreeted, Peer};
use wire::message::Reason;

/// Accepts peers on an endpoint until the shutdown drains, and then until everybody was told, at most [`DRAIN`].
pub async fn run(endpoint: Endpoint, parts: Arc<Parts>, shutdown: Shutdown) {
    let door = Door::new(&parts.config.limits, Arc::clone(&parts.handshakes), Arc::clone(&parts.counters));
    let mut peers = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.draining() => break,
            Some(ended) = peers.join_next(), if !peers.is_empty() => report(ended),
            incoming = endpoint.accept() => match incoming {
                Some(incoming) => {
                    if let Some((incoming, admitted)) = door.admit(incoming) {
                        peers.spawn(meet(incoming, admitted, Arc::clone(&parts), shutdown.clone()));
                    }
                }
                None => break,
            },
        }
    }
    let told = async {
        while let Some(ended) = peers.join_next().await {
            report(ended);
        }
    };
    if timeout(DRAIN, told).await.is_err() {
        tracing::warn!("some peers did not take their leave in time");
    }
    drop(peers);
    endpoint.close((Reason::Stopping as u32).into(), b"this relay is shutting down");
    // The closing must reach those who are there; who is not will notice by itself.
    let _ = timeout(DRAIN, endpoint.wait_idle()).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection ended by the relay's own fault");
    }
}

/// One peer, from its handshake to its end.
async fn meet(incoming: Incoming, admitted: Admitted, parts: Arc<Parts>, shutdown: Shutdown) {
    let counted = &parts.counters.connections_refused;
    let connecting = match incoming.accept() {
        Ok(connecting) => connecting,
        Err(_) => return counted.one("handshake"),
    };
    let connection: Connection = match timeout(HANDSHAKE, connecting).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(_)) | Err(_) => return counted.one("handshake"),
    };
    // The rest of its stay does not count as a handshake.
    let _inside = admitted.inside();
    parts.counters.connections.one();
    if peer::is_browser(&connection) {
        return serve::webtransport::run(connection, &parts, &shutdown).await;
    }
    match peer::greet(&connection, &parts).await {
        Ok((control, Peer::Agent(camera))) => {
            parts.counters.agents.one();
            let camera = parts.cameras.open(&camera);
            verify::agent::run(connection, control, camera, &parts, &shutdown).await;
        }
        Ok((control, Peer::Viewer(hello))) => {
            parts.counters.viewers.one();
            serve::run(connection, control, &hello, &parts, &shutdown).await;
        }
        Err(NotGreeted::Silent) => {
            counted.one("silent");
            control::close(&connection, Reason::OutOfTurn, "no greeting came in time");
        }
        Err(NotGreeted::Refused(control, refused)) => {
            parts.counters.peers_refused.one(refused.reason.name());
            control::farewell(&connection, control.send, refused).await;
        }
        Err(NotGreeted::Closed(reason, text)) => {
            parts.counters.peers_refused.one(reason.name());
            control::close(&connection, reason, &text);
        }
    }
}
