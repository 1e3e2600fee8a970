//! HTTPS on the relay's TCP port: the page for browsers, what is not a stream (enrolment, the list of cameras, accounts, who this relay is),
//! and the streams of browsers that UDP does not reach.
//!
//! | route | gives |
//! |---|---|
//! | `GET /`, `/assets/…` | the page |
//! | `GET /live` | a WebSocket, on which everything is said that viewers are told elsewhere ([`socket`]) |
//! | `GET /api/v1/webtransport` | how browsers reach the UDP port |
//! | `POST /api/v1/enrol` | a camera's certificate, for a one-time token and a certificate request |
//! | `GET /api/v1/cameras` | the cameras that whoever asks may watch |
//! | `GET /api/v1/relay` | name, version, fingerprint of the root |
//!
//! The routes of accounts, sessions and tickets stand in [`link::api::account`].

pub mod serve;
pub mod socket;

mod account;
mod cameras;
mod enrol;
mod log;
mod openapi;
mod page;
mod relay;
mod sessions;
pub mod who;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use link::api::account as api;
use wire::id::{CameraId, Name};

use crate::accounts::Accounts;
use crate::answer::Refused;
use crate::audit::{Event, Kind, Log};
use crate::clock::Clock;
use crate::config::Config;
use crate::gate::{Origin, Rate};
use crate::pki::authority::Authority;
use crate::roster::Roster;
use crate::run::Base;
use crate::verify::Epoch;
use openapi::{many, one};

pub(crate) use account::deleted;
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

/// Look-ups of people from one address per minute.
const LOOKUPS_PER_MINUTE: u32 = 60;

/// Failed sign-ins that are written to the log per minute; of more, only the number is.
const FAILURES_PER_MINUTE: u32 = 30;

/// Addresses that are remembered for that: 4,096 × ~64 bytes ≈ 260 kB.
const REMEMBERED: usize = 4096;

/// Who knows which cameras send now: the hub.
pub trait Live: Send + Sync {
    /// Whether frames of this camera arrive.
    fn is_live(&self, camera: CameraId) -> bool;

    /// Why nothing is recorded at the moment; `None` if everything is.
    fn not_storing(&self) -> Option<String> {
        None
    }

    /// The newest epoch of a camera: live, or the last that was recorded. May block on the disk.
    fn newest_epoch(&self, _: &Name, _: CameraId) -> Option<Arc<Epoch>> {
        None
    }

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
    /// Who has an account.
    pub accounts: Arc<Accounts>,
    /// What happened.
    pub log: Log,
    /// The time.
    pub clock: Clock,
    enrolments: Rate<Origin>,
    lookups: Rate<Origin>,
    failures: Rate<()>,
    /// Failures since the last that was written.
    unwritten: AtomicU64,
}

impl Web {
    /// Puts the parts together.
    #[must_use]
    pub fn new(base: &Base, live: Arc<dyn Live>) -> Self {
        let Base { config, roster, authority, accounts, log, clock, .. } = base.clone();
        let minute = Duration::from_secs(60);
        Self {
            config,
            roster,
            authority,
            live,
            accounts,
            log,
            clock,
            enrolments: Rate::new(ENROLMENTS_PER_MINUTE, minute, REMEMBERED),
            lookups: Rate::new(LOOKUPS_PER_MINUTE, minute, REMEMBERED),
            failures: Rate::new(FAILURES_PER_MINUTE, minute, 1),
            unwritten: AtomicU64::new(0),
        }
    }

    /// Writes an entry of the log, before what it tells of is answered.
    async fn record(&self, event: Event) -> Result<(), Refused> {
        let written = self.log.write(event).await;
        written.map(|_| ()).map_err(|error| Refused::new(StatusCode::SERVICE_UNAVAILABLE, "log", error))
    }

    /// Somebody failed to prove who they are. A flood of these fills no disk.
    fn failed(&self, name: &Name, from: who::From) {
        if self.failures.attempt((), Instant::now()).is_err() {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let more = Some(self.unwritten.swap(0, Ordering::Relaxed)).filter(|more| *more > 0);
        self.log.write_soon(Event { more, ..Event::new(Kind::SignInFailed).of_account(name, None).at(from.0) });
    }
}

/// A route: a method, an address, and what answers.
pub(crate) struct Route {
    /// GET, POST, PUT or DELETE.
    pub(crate) method: &'static str,
    /// The address, with names in braces.
    pub(crate) path: &'static str,
    /// For the document.
    pub(crate) about: openapi::About,
    handler: MethodRouter<Arc<Web>>,
}

/// Every route. A test demands for each of them a row that says who may what.
pub(crate) fn routes() -> Vec<Route> {
    let route = |method, path, handler, what, signed_in, takes, (status, gives)| Route {
        method,
        path,
        handler,
        about: openapi::About { what, signed_in, takes, status, gives },
    };
    vec![
        route(
            "POST",
            "/api/v1/enrol",
            post(enrol::enrol),
            "Certifies a camera's key, for a one-time token",
            false,
            one::<Enrolment>(),
            (200, one::<Certified>()),
        ),
        route(
            "GET",
            "/api/v1/cameras",
            get(cameras::cameras),
            "The cameras that whoever asks may watch",
            false,
            None,
            (200, many::<Listed>()),
        ),
        route(
            "GET",
            "/api/v1/cameras/{name}/log",
            get(log::about),
            "What the log says of a camera, for its owners, newest first",
            true,
            None,
            (200, many::<api::Entry>()),
        ),
        route("GET", "/api/v1/relay", get(relay::relay), "Who this relay is", false, None, (200, one::<About>())),
        route("GET", "/api/v1/openapi.json", get(openapi::openapi), "This document", false, None, (200, None)),
        route(
            "POST",
            "/api/v1/accounts",
            post(account::register),
            "Makes an account, if registration allows it",
            false,
            one::<api::Register>(),
            (201, one::<api::Registered>()),
        ),
        route(
            "POST",
            "/api/v1/sessions",
            post(sessions::sign_in),
            "Signs a program in",
            false,
            one::<api::SignIn>(),
            (201, one::<api::SignedIn>()),
        ),
        route(
            "POST",
            "/api/v1/sessions/cookie",
            post(sessions::sign_in_page),
            "Signs a page in: the token is in a cookie; needs the header celosia-page: 1",
            false,
            one::<api::SignIn>(),
            (201, one::<api::PageSignedIn>()),
        ),
        route("GET", "/api/v1/sessions", get(sessions::list), "One's own sessions", true, None, (200, many::<api::Session>())),
        route("DELETE", "/api/v1/sessions/current", delete(sessions::sign_out), "Signs out", true, None, (204, None)),
        route("DELETE", "/api/v1/sessions/{id}", delete(sessions::end_one), "Ends another session of one's own", true, None, (204, None)),
        route(
            "GET",
            "/api/v1/account",
            get(account::show),
            "One's own account, with its wrapped keys",
            true,
            None,
            (200, one::<api::Account>()),
        ),
        route(
            "PUT",
            "/api/v1/account/password",
            put(account::password),
            "Changes the password; every other session ends",
            true,
            one::<api::ChangePassword>(),
            (204, None),
        ),
        route(
            "PUT",
            "/api/v1/account/keys",
            put(account::keys),
            "Replaces the keys; every other session ends",
            true,
            one::<api::NewKeys>(),
            (200, one::<api::Registered>()),
        ),
        route(
            "DELETE",
            "/api/v1/account",
            delete(account::delete),
            "Deletes the account, and says what stays",
            true,
            one::<api::DeleteAccount>(),
            (200, one::<api::Deleted>()),
        ),
        route(
            "POST",
            "/api/v1/recoveries",
            post(account::recover),
            "The keys, wrapped under the recovery code",
            false,
            one::<api::Recover>(),
            (200, one::<api::Recoverable>()),
        ),
        route(
            "POST",
            "/api/v1/recoveries/complete",
            post(account::complete_recovery),
            "Sets a new password and a new code; every session ends",
            false,
            one::<api::CompleteRecovery>(),
            (204, None),
        ),
        route(
            "GET",
            "/api/v1/people/{name}",
            get(account::person),
            "Somebody's public keys, for accounts and for agents by their certificate",
            true,
            None,
            (200, one::<api::Person>()),
        ),
        route(
            "POST",
            "/api/v1/tickets",
            post(sessions::ticket),
            "A one-use pass for a live connection, for 30 seconds",
            true,
            None,
            (201, one::<api::Ticket>()),
        ),
    ]
}

/// All routes. Who asks is in the request's `ConnectInfo<SocketAddr>`, which [`serve::serve`] puts there.
pub fn router(web: Arc<Web>) -> Router {
    let router = routes().into_iter().fold(Router::new(), |router, Route { path, handler, .. }| router.route(path, handler));
    router
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
