//! How a command reaches the relay: through its socket, or, when it does not run, by doing its work here.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::rt::TokioIo;
use link::address::{Invalid, Relay};
use link::tls::RootFingerprint;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tower::ServiceExt as _;

use super::Admin;
use crate::accounts::{self, Accounts};
use crate::answer::Written;
use crate::audit::Log;
use crate::clock::Clock;
use crate::config::Config;
use crate::folder::{Folder, Pki};
use crate::pki::authority;
use crate::roster::{self, Roster};
use crate::web::Nobody;

/// How long a command waits for its answer.
const WITHIN: Duration = Duration::from_secs(30);

/// The largest answer, in bytes: 100,000 cameras at 160 bytes.
const MAX_ANSWER: usize = 16 << 20;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else's relay.
    #[error("{0} may not be opened: run this as the relay's own user (or as root)")]
    NotAllowed(String),
    /// The socket does not answer.
    #[error("the running relay does not answer on {path}: {cause}")]
    Silent {
        /// The socket.
        path: String,
        /// What happened.
        cause: String,
    },
    /// The roster, opened here.
    #[error(transparent)]
    Roster(#[from] roster::Error),
    /// The accounts or the log, opened here.
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
    /// The certificates, read here.
    #[error(transparent)]
    Authority(#[from] authority::Error),
    /// The relay's name and port make no address.
    #[error("the relay's name and port make no address: {0}")]
    Address(#[from] Invalid),
    /// The relay refused.
    #[error("{}", .0.message)]
    Refused(Written),
    /// The answer makes no sense, as between two versions.
    #[error("the running relay answers in a way that this program does not understand: they are of different versions, restart the relay")]
    Answer,
}

/// Where commands are carried out.
pub enum Reach {
    /// In the running relay.
    Running(UnixStream),
    /// Here: no relay runs.
    Here(Router),
}

impl Reach {
    /// Finds the running relay of this folder, or opens its roster.
    ///
    /// # Errors
    /// When neither can be had.
    pub async fn find(config: Config, clock: Clock) -> Result<Self, Error> {
        let folder = Folder::at(&config.dir);
        let socket = folder.admin_socket();
        match UnixStream::connect(&socket).await {
            Ok(stream) => return Ok(Self::Running(stream)),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput => {}
                io::ErrorKind::PermissionDenied => return Err(Error::NotAllowed(socket.display().to_string())),
                _ => return Err(Error::Silent { path: socket.display().to_string(), cause: error.to_string() }),
            },
        }
        let root = RootFingerprint::of(&authority::certificate(&folder.pki(Pki::RootCertificate))?);
        let address = Relay::new(config.name(), config.listen.port())?;
        let roster = Arc::new(open(&folder.roster())?);
        let accounts = Arc::new(Accounts::open(&folder.accounts(), config.accounts.clone(), clock.clone())?);
        let key = authority::relay_key(&folder)?;
        let relay_key = key.verifying_key();
        let log = Log::open(&folder.log(), key, clock.clone())?;
        let (config, live) = (Arc::new(config), Arc::new(Nobody));
        let admin = Admin { config, roster, address, root, live, accounts, log, relay_key, clock };
        Ok(Self::Here(super::router(Arc::new(admin))))
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// When it is refused, or no answer comes.
    pub async fn call<C: Serialize, A: DeserializeOwned>(self, method: Method, path: &str, command: Option<&C>) -> Result<A, Error> {
        let silent = |cause: String| Error::Silent { path: path.to_owned(), cause };
        let body = match command {
            Some(command) => Body::from(serde_json::to_vec(command).map_err(|_| Error::Answer)?),
            None => Body::empty(),
        };
        let request = Request::builder().method(method).uri(path).header(header::HOST, "relay");
        let request = request.header(header::CONTENT_TYPE, "application/json").body(body).map_err(|_| Error::Answer)?;
        let answered = async {
            let (status, body) = match self {
                Self::Here(router) => {
                    let Ok(response) = router.oneshot(request).await;
                    (response.status(), response.into_body())
                }
                Self::Running(stream) => {
                    let broken = |error: hyper::Error| silent(error.to_string());
                    let (mut client, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
                    tokio::spawn(connection);
                    let response = client.send_request(request).await.map_err(broken)?;
                    (response.status(), Body::new(response.into_body()))
                }
            };
            let bytes = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| silent(error.to_string()))?.to_bytes();
            Ok::<_, Error>((status, bytes))
        };
        let (status, bytes) =
            tokio::time::timeout(WITHIN, answered).await.map_err(|_| silent(format!("no answer within {WITHIN:?}")))??;
        if status == StatusCode::OK {
            return serde_json::from_slice(&bytes).map_err(|_| Error::Answer);
        }
        Err(serde_json::from_slice(&bytes).map_or(Error::Answer, Error::Refused))
    }
}

fn open(path: &Path) -> Result<Roster, Error> {
    match Roster::open(path) {
        Err(roster::Error::File { path, source }) if source.kind() == io::ErrorKind::PermissionDenied => Err(Error::NotAllowed(path)),
        other => Ok(other?),
    }
}
