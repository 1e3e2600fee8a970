//! Commands about the log.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use link::api::account;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::Admin;
use crate::answer::{Json, Refused};
use crate::audit::verify::Report;
use crate::audit::{Content, Entry, Head};

/// Which entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// From which number on; a page of them is given.
    pub from: u64,
}

/// Heads that somebody kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// As text.
    pub heads: Vec<String>,
}

/// An entry, with what its hash is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// For people.
    #[serde(flatten)]
    pub entry: account::Entry,
    /// Its hash: 64 hexadecimal digits.
    pub hash: String,
    /// What is hashed.
    pub content: Content,
}

impl From<Entry> for Exported {
    fn from(entry: Entry) -> Self {
        Self { hash: entry.hash.to_string(), content: entry.content.clone(), entry: entry.into() }
    }
}

pub(super) async fn show(State(admin): State<Arc<Admin>>, Json(show): Json<Show>) -> Result<Json<Vec<Exported>>, Refused> {
    let log = admin.log.clone();
    let entries = spawn_blocking(move || log.read(show.from)).await.map_err(|error| Refused::internal(&error))?;
    Ok(Json(entries.map_err(|error| Refused::internal(&error))?.into_iter().map(Exported::from).collect()))
}

pub(super) async fn verify(State(admin): State<Arc<Admin>>, Json(verify): Json<Verify>) -> Result<Json<Report>, Refused> {
    let heads: Result<Vec<Head>, _> = verify.heads.iter().map(|head| head.parse()).collect();
    let heads = heads.map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "head", error))?;
    let (log, key) = (admin.log.clone(), admin.relay_key);
    let report = spawn_blocking(move || log.verify(&key, &heads)).await.map_err(|error| Refused::internal(&error))?;
    report.map(Json).map_err(|error| Refused::internal(&error))
}
