//! `POST /api/v1/enrol`: a one-time token and a certificate request in, a camera's certificate out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::Web;
use crate::answer::{Json, Refused};
use crate::audit::{Event, Kind};
use crate::gate::Origin;
use crate::pki::request::{self, Request};
use crate::roster::token::Token;
use crate::roster::{Enrolled, Error};

/// What a camera's agent sends.
#[derive(Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Enrolment {
    /// The name that the agent expects, if it has an opinion: the token decides.
    #[serde(default)]
    pub name: Option<String>,
    /// The one-time token.
    pub token: String,
    /// The certificate request (PKCS #10, DER) in Base64.
    pub csr: String,
}

/// What it gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Certified {
    /// The camera's name.
    pub camera: String,
    /// Its certificate, the issuing CA's, the root's: DER in Base64.
    pub chain: Vec<String>,
}

pub(super) async fn enrol(
    State(web): State<Arc<Web>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(enrolment): Json<Enrolment>,
) -> Result<Json<Certified>, Refused> {
    web.enrolments.attempt(Origin::from(peer.ip()), Instant::now()).map_err(too_many)?;
    // The roster waits for the disk.
    let (live, log) = (Arc::clone(&web.live), web.log.clone());
    let done = tokio::task::spawn_blocking(move || certify(&web, &enrolment)).await.map_err(|error| Refused::internal(&error))?;
    let enrolled = done?;
    let camera = enrolled.camera;
    log.write_soon(Event::new(Kind::Enrolment).with_camera(&camera.name).at(peer.ip()));
    match enrolled.replaced {
        Some(old) => {
            live.remove(old);
            log.write_soon(Event::new(Kind::Revocation).with_camera(&camera.name).at(peer.ip()));
            tracing::warn!(camera = %camera.name, id = %camera.id, replaced = %old, peer = %peer, "a new key took a camera's name");
        }
        None => tracing::info!(camera = %camera.name, id = %camera.id, peer = %peer, "a camera was enrolled"),
    }
    let chain = camera.chain.iter().map(|certificate| BASE64.encode(certificate)).collect();
    Ok(Json(Certified { camera: camera.name.to_string(), chain }))
}

/// The token first: nothing else that a stranger sends is looked at.
fn certify(web: &Web, enrolment: &Enrolment) -> Result<Enrolled, Refused> {
    let bad = |code, error: &dyn std::error::Error| Refused::new(StatusCode::BAD_REQUEST, code, error);
    let token = enrolment.token.parse::<Token>().map_err(|error| bad("token", &error))?.hash();
    let now = web.clock.now();
    web.roster.admits(&token, now).map_err(|error| refused(&error))?;

    let name = enrolment.name.as_deref().map(str::parse).transpose().map_err(|error: wire::id::NotAName| bad("name", &error))?;
    let der = BASE64.decode(enrolment.csr.as_bytes()).map_err(|_| bad("request", &request::Refused::Malformed))?;
    let request = Request::verify(&der).map_err(|error| bad("request", &error))?;
    let limit = web.config.limits.cameras.into();
    let certify = |name: &wire::id::Name| web.authority.certify(&request, name, now);
    web.roster.enrol(&token, request.camera(), name.as_ref(), limit, now, certify).map_err(|error| refused(&error))
}

fn refused(error: &Error) -> Refused {
    let (status, code) = match error {
        Error::TokenUnknown => (StatusCode::FORBIDDEN, "token-unknown"),
        Error::TokenExpired => (StatusCode::FORBIDDEN, "token-expired"),
        Error::TokenUsed => (StatusCode::FORBIDDEN, "token-used"),
        Error::NameTaken { .. } => (StatusCode::CONFLICT, "name-taken"),
        Error::KeyTaken { .. } => (StatusCode::CONFLICT, "key-taken"),
        Error::OtherName { .. } => (StatusCode::CONFLICT, "other-name"),
        Error::Full(_) => (StatusCode::CONFLICT, "full"),
        _ => return Refused::internal(error),
    };
    Refused::new(status, code, error)
}

fn too_many(wait: Duration) -> Refused {
    let seconds = wait.as_secs().saturating_add(1);
    let sentence = format!("too many attempts from this address: wait {seconds} seconds");
    Refused { retry_after: Some(seconds), ..Refused::new(StatusCode::TOO_MANY_REQUESTS, "too-many", sentence) }
}
