//! `GET /api/v1/cameras/{name}/log`: what an owner reads of the log.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use link::api::account::Entry;
use tokio::task::spawn_blocking;
use wire::id::{Name, ViewerKeys};

use super::Web;
use super::who::SignedIn;
use crate::answer::{Json, Refused};

/// Whose keys the camera's newest epoch record names as an owner's, by the camera's own signature. Anybody else is told the same as of a
/// camera that does not exist.
pub(super) async fn about(State(web): State<Arc<Web>>, who: SignedIn, Path(camera): Path<String>) -> Result<Json<Vec<Entry>>, Refused> {
    let work = move || {
        let internal = |error: &dyn std::error::Error| Refused::internal(error);
        let denied = || Refused::new(StatusCode::FORBIDDEN, "not-allowed", "only an owner of a camera reads the log about it");
        let name: Name = camera.parse().map_err(|_| denied())?;
        let record = web.accounts.account(who.name()).map_err(|error| internal(&error))?.ok_or_else(denied)?;
        let camera = web.roster.camera(&name).map_err(|error| internal(&error))?.ok_or_else(denied)?;
        let epoch = web.live.newest_epoch(&name, camera.id).ok_or_else(denied)?;
        if !epoch.record().record().owners.contains(&ViewerKeys::from(record.keys.public)) {
            return Err(denied());
        }
        web.log.about(name.as_str()).map_err(|error| internal(&error))
    };
    let entries = spawn_blocking(work).await.map_err(|error| Refused::internal(&error))??;
    Ok(Json(entries.into_iter().map(Entry::from).collect()))
}
