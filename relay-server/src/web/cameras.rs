//! `GET /api/v1/cameras`: what whoever asks may watch.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use wire::id::{CameraId, Name};
use wire::message::{Layers, Span};

use super::who::Anybody;
use super::{Live, Web};
use crate::access::{self, Viewer};
use crate::answer::{Json, Refused};
use crate::config::{Config, Visible};
use crate::moment;
use crate::roster::{Error, Roster};

/// A camera in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
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

pub(super) async fn cameras(State(web): State<Arc<Web>>, Anybody(who): Anybody) -> Result<Json<Vec<Listed>>, Refused> {
    let listed = tokio::task::spawn_blocking(move || {
        let account = match &who {
            Some(who) => web.accounts.account(who.name()).map_err(|error| Refused::internal(&error))?.map(|record| record.fingerprint()),
            None => None,
        };
        let viewer = Viewer { fingerprint: None, account };
        let mut all = list(&web.roster, &web.config, web.live.as_ref()).map_err(|error| Refused::internal(&error))?;
        all.retain(|camera| watches(&web, viewer, camera));
        Ok(all)
    });
    listed.await.map_err(|error| Refused::internal(&error))?.map(Json)
}

/// Asked of the one function that decides.
fn watches(web: &Web, viewer: Viewer, camera: &Listed) -> bool {
    let (Ok(name), Ok(id)) = (camera.name.parse::<Name>(), camera.id.parse::<CameraId>()) else { return false };
    let newest = if camera.visible == Visible::Named { web.live.newest_epoch(&name, id) } else { None };
    access::decide(&web.config, &name, viewer, Layers::Public, Span::Live, newest.as_deref(), web.clock.now()).is_ok()
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
