//! `GET /api/v1/relay`: who this relay is.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};

use super::Web;
use crate::answer::Json;

/// Who a relay is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct About {
    /// Its canonical name.
    pub name: String,
    /// The version of its program.
    pub version: String,
    /// The fingerprint of its root, 64 hexadecimal digits. Whoever reads it here has not yet learnt it from somebody they trust.
    pub root: String,
}

pub(super) async fn relay(State(web): State<Arc<Web>>) -> Json<About> {
    Json(About {
        name: web.config.name().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        root: web.authority.root().fingerprint.compact(),
    })
}
