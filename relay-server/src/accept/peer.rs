//! Who a peer is: by its certificate an agent, without one a viewer.

use std::any::Any;
use std::sync::Arc;

use link::camera_certificate::{self, Revocation};
use link::tls::{CertificateDer, H3, PEER};
use quinn::Connection;
use quinn::crypto::rustls::HandshakeData;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use wire::id::Micros;
use wire::message::{Hello, MAX_HELLO, Message, Reason, Refused};

use crate::control::{self, Control, refused};
use crate::limits::{self, CONTROL_WRITE, HELLO};
use crate::parts::Parts;
use crate::pki::authority::Authority;
use crate::roster::{self, Roster};
use crate::serve;

/// Who it is.
pub(super) enum Peer {
    /// The agent of this camera.
    Agent(roster::Camera),
    /// A viewer, with what it said about itself.
    Viewer(Hello),
}

/// Why it is nobody.
pub(super) enum NotGreeted {
    /// It said nothing in time, or left.
    Silent,
    /// It is told why.
    Refused(Control, Refused),
    /// It has no control stream to be told on.
    Closed(Reason, String),
}

/// Finds out who a peer is, and exchanges greetings.
pub(super) async fn greet(connection: &Connection, parts: &Arc<Parts>) -> Result<(Control, Peer), NotGreeted> {
    match protocol(connection).as_deref() {
        Some(protocol) if protocol == PEER => {}
        _ => return Err(NotGreeted::Closed(Reason::Version, "no common protocol".to_owned())),
    }
    let camera = match certificates(connection) {
        Some(chain) => Some(recognise(chain, parts).await),
        None => None,
    };
    if let Some(Ok(_)) = camera {
        limits::agent().admit(connection);
    }

    let greeted = timeout(HELLO, async {
        let (send, receive) = connection.accept_bi().await.ok()?;
        let (receive, message) = control::next(receive, MAX_HELLO).await;
        Some((Control { send, receive }, message))
    });
    let Ok(Some((mut control, message))) = greeted.await else { return Err(NotGreeted::Silent) };
    // The control stream goes before frames.
    let _ = control.send.set_priority(1);

    let hello = match message {
        Ok(Message::Hello(hello)) => hello,
        Ok(other) => {
            let text = format!("a conversation begins with “hello”, not with “{}”", other.name());
            return Err(NotGreeted::Refused(control, refused(0, Reason::OutOfTurn, text)));
        }
        Err(silence) => {
            return Err(silence.refused().map_or(NotGreeted::Silent, |refused| NotGreeted::Refused(control, refused)));
        }
    };
    if let Some(why) = serve::unwelcome(&hello) {
        return Err(NotGreeted::Refused(control, why));
    }
    let peer = match camera {
        Some(Ok(camera)) => Peer::Agent(camera),
        Some(Err(why)) => return Err(NotGreeted::Refused(control, refused(0, Reason::NotAllowed, why))),
        None => Peer::Viewer(hello),
    };
    let answer = Message::Hello(Hello::new(None)).encode();
    match link::stream::write_within(&mut control.send, &[], answer, CONTROL_WRITE).await {
        Ok(()) => Ok((control, peer)),
        Err(_) => Err(NotGreeted::Silent),
    }
}

/// Whether a browser is at the other end, which speaks HTTP/3 first.
pub(super) fn is_browser(connection: &Connection) -> bool {
    protocol(connection).as_deref() == Some(H3)
}

fn protocol(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

/// The certificates that a peer showed and proved in its handshake.
fn certificates(connection: &Connection) -> Option<Vec<CertificateDer<'static>>> {
    let identity: Box<dyn Any> = connection.peer_identity()?;
    identity.downcast::<Vec<CertificateDer<'static>>>().ok().map(|chain| *chain).filter(|chain| !chain.is_empty())
}

/// Why a certificate makes no agent of this relay.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stranger {
    #[error(transparent)]
    Certificate(#[from] camera_certificate::Error),
    #[error("this camera's certificate was revoked: ask the relay's operator")]
    Revoked,
    #[error("this relay does not know this camera (any more): it must be enrolled anew")]
    NotEnrolled,
    #[error("the relay could not look the camera up, by its own fault: its log tells why")]
    OwnFault,
}

/// The camera that a chain introduces, if the roster knows it under that name and key, and it was not taken back. Blocks on the disk.
pub(crate) fn known(
    chain: &[CertificateDer<'static>],
    authority: &Authority,
    roster: &Roster,
    now: Micros,
) -> Result<roster::Camera, Stranger> {
    let shown = camera_certificate::verify(chain, &authority.root().certificate, &authority.crls(), now)?;
    if let Revocation::Revoked { .. } = shown.revocation {
        return Err(Stranger::Revoked);
    }
    let enrolled = roster.holder(shown.id).map_err(|error| own_fault(&error))?;
    enrolled.filter(|enrolled| enrolled.name == shown.name).ok_or(Stranger::NotEnrolled)
}

fn own_fault(error: &dyn std::error::Error) -> Stranger {
    tracing::error!(%error, "a camera could not be looked up");
    Stranger::OwnFault
}

async fn recognise(chain: Vec<CertificateDer<'static>>, parts: &Arc<Parts>) -> Result<roster::Camera, Stranger> {
    let parts = Arc::clone(parts);
    let looked_up = spawn_blocking(move || known(&chain, &parts.authority, &parts.roster, parts.clock.now()));
    looked_up.await.unwrap_or_else(|error| Err(own_fault(&error)))
}
