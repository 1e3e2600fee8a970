//! `GET /api/v1/cameras`: what everyone may watch.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::{Live, Web};
use crate::answer::{Json, Refused};
use crate::config::{Config, Visible};
use crate::moment;
use crate::roster::{Error, Roster};

/// A camera in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// Its camera id: 64 hexadecimal digits.
    pub id: String,
    /// Whether frames arrive now.
    pub live: bool,
    /// When this key was enrolled (RFC 3339, UTC).
    pub since: String,
    /// Who may watch.
    pub visible: Visible,
}

pub(super) async fn cameras(State(web): State<Arc<Web>>) -> Result<Json<Vec<Listed>>, Refused> {
    let listed = tokio::task::spawn_blocking(move || list(&web.roster, &web.config, web.live.as_ref())).await;
    let all = listed.map_err(|error| Refused::internal(&error))?.map_err(|error| Refused::internal(&error))?;
    Ok(Json(all.into_iter().filter(|camera| camera.visible == Visible::Public).collect()))
}

/// All cameras, whoever may watch them.
pub(crate) fn list(roster: &Roster, config: &Config, live: &dyn Live) -> Result<Vec<Listed>, Error> {
    let listed = |camera: crate::roster::Camera| Listed {
        live: live.is_live(camera.id),
        since: moment::text(camera.since),
        visible: config.camera(&camera.name).visible,
        id: camera.id.to_string(),
        name: camera.name.to_string(),
    };
    Ok(roster.cameras()?.into_iter().map(listed).collect())
}
