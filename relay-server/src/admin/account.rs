//! Commands about people's accounts.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use link::api::account::Deleted;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use wire::id::{Micros, Name};

use super::Admin;
use crate::accounts::Error;
use crate::answer::{Json, Refused};
use crate::audit::{Event, Kind};
use crate::{moment, web};

/// Invite somebody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invite {
    /// For how many seconds the invitation is valid.
    pub valid_seconds: u64,
}

/// The invitation.
#[derive(Clone, Serialize, Deserialize)]
pub struct Invited {
    /// The one-time token: it is shown here and nowhere again.
    pub token: String,
    /// Until when it is valid (RFC 3339, UTC).
    pub expires: String,
    /// What to type on the person's machine.
    pub command: String,
}

/// Delete an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// Whose.
    pub name: String,
}

/// An account in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// The fingerprint of its keys: 64 hexadecimal digits.
    pub fingerprint: String,
    /// Since when (RFC 3339, UTC).
    pub since: String,
    /// How many sessions it has.
    pub sessions: usize,
}

pub(super) async fn invite(State(admin): State<Arc<Admin>>, Json(invite): Json<Invite>) -> Result<Json<Invited>, Refused> {
    let (accounts, valid) = (Arc::clone(&admin.accounts), Duration::from_secs(invite.valid_seconds));
    let made = spawn_blocking(move || accounts.invite(valid)).await;
    let (token, expires) = made.map_err(|error| Refused::internal(&error))?.map_err(|error| refused(&error))?;
    let command = format!("viewer register NAME --relay {} --invite {token}", admin.address);
    Ok(Json(Invited { token: token.to_string(), expires: moment::text(expires), command }))
}

pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Vec<Listed>>, Refused> {
    let accounts = Arc::clone(&admin.accounts);
    let listed = spawn_blocking(move || accounts.list()).await.map_err(|error| Refused::internal(&error))?;
    let line = |listed: crate::accounts::Listed| Listed {
        fingerprint: listed.record.fingerprint().to_string(),
        since: moment::text(Micros(listed.record.since)),
        name: listed.name,
        sessions: listed.sessions,
    };
    Ok(Json(listed.map_err(|error| refused(&error))?.into_iter().map(line).collect()))
}

pub(super) async fn delete(State(admin): State<Arc<Admin>>, Json(delete): Json<Delete>) -> Result<Json<Deleted>, Refused> {
    let name: Name = delete.name.parse().map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "name", error))?;
    let (accounts, asked) = (Arc::clone(&admin.accounts), name.clone());
    let deleted = spawn_blocking(move || accounts.delete(&asked, None)).await.map_err(|error| Refused::internal(&error))?;
    let record = deleted.map_err(|error| refused(&error))?;
    let event = Event::new(Kind::Deletion).of_account(&name, Some(record.fingerprint())).at("the relay's operator");
    admin.log.write(event).await.map_err(|error| Refused::internal(&error))?;
    Ok(Json(web::deleted(&name, admin.config.log.personal_days)))
}

fn refused(error: &Error) -> Refused {
    let (status, code) = match error {
        Error::Unknown(_) => (StatusCode::NOT_FOUND, "not-found"),
        Error::TooManyInvites => (StatusCode::CONFLICT, "too-many"),
        Error::Validity => (StatusCode::BAD_REQUEST, "validity"),
        _ => return Refused::internal(error),
    };
    Refused::new(status, code, error)
}
