//! HTTPS on the relay's TCP port: the page for browsers, what is not a stream (enrolment, the list of cameras, who this relay is), and the
//! streams of browsers that UDP does not reach.
//!
//! | route | gives |
//! |---|---|
//! | `GET /`, `/assets/…` | the page |
//! | `GET /live` | a WebSocket, on which everything is said that viewers are told elsewhere ([`socket`]) |
//! | `GET /api/v1/webtransport` | how browsers reach the UDP port |
//! | `POST /api/v1/enrol` | a camera's certificate, for a one-time token and a certificate request |
//! | `GET /api/v1/cameras` | the cameras that everyone may watch |
//! | `GET /api/v1/relay` | name, version, fingerprint of the root |

pub mod serve;
pub mod socket;

mod cameras;
mod enrol;
mod page;
mod relay;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use wire::id::CameraId;

use crate::answer::Refused;
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::{Origin, Rate};
use crate::pki::authority::Authority;
use crate::roster::Roster;

pub use cameras::Listed;
pub(crate) use cameras::list;
pub use enrol::{Certified, Enrolment};
pub use relay::About;

/// The largest body that is read, in bytes. An enrolment takes about 400.
pub const MAX_BODY: usize = 16 << 10;

/// How long one request may take, its body included.
pub const WITHIN: Duration = Duration::from_secs(15);

/// Enrolments that may be tried from one address per minute: enough for a person who mistypes, nothing for a guesser.
const ENROLMENTS_PER_MINUTE: u32 = 10;

/// Addresses that are remembered for that: 4,096 × ~64 bytes ≈ 260 kB.
const REMEMBERED: usize = 4096;

/// Who knows which cameras send now: the hub.
pub trait Live: Send + Sync {
    /// Whether frames of this camera arrive.
    fn is_live(&self, camera: CameraId) -> bool;

    /// This key no longer belongs to the relay: whoever uses it is disconnected.
    fn remove(&self, _: CameraId) {}
}

/// Knows of none: before there is a hub, and in a command that runs without the relay.
#[derive(Debug, Clone, Copy, Default)]
pub struct Nobody;

impl Live for Nobody {
    fn is_live(&self, _: CameraId) -> bool {
        false
    }
}

/// What the routes work on.
pub struct Web {
    /// The configuration.
    pub config: Arc<Config>,
    /// Cameras and invitations.
    pub roster: Arc<Roster>,
    /// What certifies.
    pub authority: Arc<Authority>,
    /// Who is live.
    pub live: Arc<dyn Live>,
    /// The time.
    pub clock: Clock,
    enrolments: Rate<Origin>,
}

impl Web {
    /// Puts the parts together.
    #[must_use]
    pub fn new(config: Arc<Config>, roster: Arc<Roster>, authority: Arc<Authority>, live: Arc<dyn Live>, clock: Clock) -> Self {
        Self { config, roster, authority, live, clock, enrolments: Rate::new(ENROLMENTS_PER_MINUTE, Duration::from_secs(60), REMEMBERED) }
    }
}

/// All routes. Who asks is in the request's `ConnectInfo<SocketAddr>`, which [`serve::serve`] puts there.
pub fn router(web: Arc<Web>) -> Router {
    Router::new()
        .route("/api/v1/enrol", post(enrol::enrol))
        .route("/api/v1/cameras", get(cameras::cameras))
        .route("/api/v1/relay", get(relay::relay))
        .merge(page::routes())
        .fallback(async || Refused::not_found())
        .method_not_allowed_fallback(async || Refused::method())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(from_fn(in_time))
        .layer(map_response(guarded))
        .with_state(web)
}

/// What no answer goes without: it is what it says it is, and no page that shows it may do anything.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    response
}

async fn in_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Refused::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "the request did not arrive, or was not answered, in time")
            .into_response(),
    }
}

#[cfg(test)]
mod tests;
