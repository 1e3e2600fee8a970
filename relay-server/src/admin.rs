//! What the operator says: commands, on a socket in the relay's folder that only the operator's own user may open.
//!
//! The same routes serve a command while the relay runs (through the socket, [`socket`]) and while it does not (in the command's own
//! process, [`reach`]): a command never needs to know which.
//!
//! | route | does |
//! |---|---|
//! | `POST /v1/camera/invite` | invites a camera and gives its one-time token |
//! | `GET /v1/camera/list` | all cameras |
//! | `GET /v1/archive` | whether frames are recorded at the moment |
//! | `POST /v1/account/invite` | invites a person and gives the one-time token |
//! | `GET /v1/account/list` | all accounts |
//! | `POST /v1/account/delete` | deletes an account |
//! | `POST /v1/audit/show` | a page of the log |
//! | `POST /v1/audit/verify` | checks the log, against heads that were kept elsewhere too |

pub mod account;
pub mod audit;
pub mod reach;
pub mod socket;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use ed25519_dalek::VerifyingKey;
use link::address::Relay;
use link::tls::RootFingerprint;
use serde::{Deserialize, Serialize};
use wire::id::Name;

use crate::accounts::Accounts;
use crate::answer::{Json, Refused};
use crate::audit::Log;
use crate::clock::Clock;
use crate::config::Config;
use crate::moment;
use crate::roster::{Error, Roster};
use crate::web::{Listed, Live, list};

/// The largest command that is read, in bytes.
const MAX_COMMAND: usize = 64 << 10;

/// What commands work on.
pub struct Admin {
    /// The configuration.
    pub config: Arc<Config>,
    /// Cameras and invitations.
    pub roster: Arc<Roster>,
    /// Where peers reach the relay.
    pub address: Relay,
    /// The operator's root, which peers pin.
    pub root: RootFingerprint,
    /// Who is live.
    pub live: Arc<dyn Live>,
    /// Who has an account.
    pub accounts: Arc<Accounts>,
    /// What happened.
    pub log: Log,
    /// Whose signature is under the log's heads.
    pub relay_key: VerifyingKey,
    /// The time.
    pub clock: Clock,
}

/// Invite a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// Its name.
    pub name: String,
    /// Whether the name may pass from the key that has it to a new one.
    pub replace: bool,
    /// For how many seconds the invitation is valid.
    pub valid_seconds: u64,
}

/// The invitation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invited {
    /// The camera's name.
    pub camera: String,
    /// The one-time token: it is shown here and nowhere again.
    pub token: String,
    /// Until when it is valid (RFC 3339, UTC).
    pub expires: String,
    /// Where the relay is reached: `HOST:PORT`.
    pub relay: String,
    /// The fingerprint of the relay's root, 64 hexadecimal digits.
    pub root: String,
    /// What to type on the camera's machine.
    pub command: String,
}

/// Whether frames are recorded at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// Why not, if they are not.
    pub problem: Option<String>,
}

/// All commands.
pub fn router(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/v1/camera/invite", post(invite))
        .route("/v1/camera/list", get(cameras))
        .route("/v1/archive", get(archive))
        .route("/v1/account/invite", post(account::invite))
        .route("/v1/account/list", get(account::list))
        .route("/v1/account/delete", post(account::delete))
        .route("/v1/audit/show", post(audit::show))
        .route("/v1/audit/verify", post(audit::verify))
        .fallback(async || Refused::not_found())
        .method_not_allowed_fallback(async || Refused::method())
        .layer(DefaultBodyLimit::max(MAX_COMMAND))
        .with_state(admin)
}

async fn invite(State(admin): State<Arc<Admin>>, Json(invite): Json<Invite>) -> Result<Json<Invited>, Refused> {
    let name: Name = invite.name.parse().map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "name", error))?;
    let valid = Duration::from_secs(invite.valid_seconds);
    let (roster, camera, now) = (Arc::clone(&admin.roster), name.clone(), admin.clock.now());
    let made = tokio::task::spawn_blocking(move || roster.invite(&camera, invite.replace, valid, now)).await;
    let (token, expires) = made.map_err(|error| Refused::internal(&error))?.map_err(|error| refused(&error))?;
    tracing::info!(camera = %name, replace = invite.replace, expires = %moment::text(expires), "a camera was invited");
    let (relay, root) = (admin.address.to_string(), admin.root.compact());
    Ok(Json(Invited {
        command: format!("camera-agent enroll --relay {relay} --ca {root} --token {token}"),
        camera: name.to_string(),
        token: token.to_string(),
        expires: moment::text(expires),
        relay,
        root,
    }))
}

async fn archive(State(admin): State<Arc<Admin>>) -> Json<Recording> {
    Json(Recording { problem: admin.live.not_storing() })
}

async fn cameras(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<Listed>>, Refused> {
    let listed = tokio::task::spawn_blocking(move || list(&admin.roster, &admin.config, admin.live.as_ref())).await;
    listed.map_err(|error| Refused::internal(&error))?.map(Json).map_err(|error| Refused::internal(&error))
}

fn refused(error: &Error) -> Refused {
    let (status, code) = match error {
        Error::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken"),
        Error::TooManyInvites => (StatusCode::CONFLICT, "too-many"),
        Error::Validity => (StatusCode::BAD_REQUEST, "validity"),
        _ => return Refused::internal(error),
    };
    Refused::new(status, code, error)
}

#[cfg(test)]
mod tests;
