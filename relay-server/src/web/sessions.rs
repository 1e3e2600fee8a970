//! Signing in and out.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use link::api::account::{self, COOKIE, PageSignedIn, Secret, SignIn, SignedIn as Answer};
use tokio::task::spawn_blocking;
use wire::id::Name;

use super::Web;
use super::who::{From, OwnPage, SignedIn};
use crate::accounts::lease::SessionId;
use crate::accounts::record::Record;
use crate::accounts::session::Session;
use crate::accounts::{Accounts, Error, hash, tickets};
use crate::answer::{Json, Refused};
use crate::audit::{Event, Kind};
use crate::moment;

/// Does something that blocks on the disk.
pub(super) async fn blocking<T: Send + 'static>(
    web: &Arc<Web>,
    work: impl FnOnce(&Accounts) -> Result<T, Error> + Send + 'static,
) -> Result<T, Refused> {
    let accounts = Arc::clone(&web.accounts);
    spawn_blocking(move || work(&accounts)).await.map_err(|error| Refused::internal(&error))?.map_err(|error| refused(&error))
}

pub(super) fn refused(error: &Error) -> Refused {
    let (status, code) = match error {
        Error::NameTaken(_) => (StatusCode::CONFLICT, "name-taken"),
        Error::Full(_) => (StatusCode::CONFLICT, "full"),
        Error::Changed => (StatusCode::CONFLICT, "changed"),
        Error::Invite => (StatusCode::FORBIDDEN, "invite"),
        Error::Unknown(_) => (StatusCode::NOT_FOUND, "not-found"),
        _ => return Refused::internal(error),
    };
    Refused::new(status, code, error)
}

pub(super) fn too_many(wait: Duration) -> Refused {
    let seconds = wait.as_secs().saturating_add(1);
    let sentence = format!("too many attempts: wait {seconds} seconds");
    Refused { retry_after: Some(seconds), ..Refused::new(StatusCode::TOO_MANY_REQUESTS, "too-many", sentence) }
}

pub(super) fn no_turn(error: hash::Error) -> Refused {
    match error {
        hash::Error::Busy => Refused { retry_after: Some(5), ..Refused::new(StatusCode::TOO_MANY_REQUESTS, "busy", error) },
        hash::Error::Failed => Refused::internal(&error),
    }
}

/// It is never said whether it was the name or the secret.
fn wrong() -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, "sign-in", "there is no account with this name and password at this relay")
}

/// Which secret somebody shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    Password,
    Code,
}

/// The account whose secret somebody shows. A name that nobody has takes as long.
pub(super) async fn prove(web: &Arc<Web>, from: From, name: &str, secret: &Secret, proof: Proof) -> Result<(Name, Record), Refused> {
    let name: Name = name.parse().map_err(|error| Refused::new(StatusCode::BAD_REQUEST, "name", error))?;
    web.accounts.attempt(&name, from.origin()).map_err(too_many)?;
    let asked = name.clone();
    let record = blocking(web, move |accounts| accounts.account(&asked)).await?;
    let kept = record.as_ref().map(|record| match proof {
        Proof::Password => &record.sign_in,
        Proof::Code => &record.recovery.sign_in,
    });
    let right = web.accounts.hasher.is(secret, kept).await.map_err(no_turn)?;
    match record.filter(|_| right) {
        Some(record) => {
            web.accounts.proven(&name, from.origin());
            Ok((name, record))
        }
        None => {
            web.failed(&name, from);
            Err(wrong())
        }
    }
}

/// Proves, begins, records: in this order, and nothing is answered before it is recorded.
async fn begin(web: &Arc<Web>, from: From, sign_in: &SignIn, page: bool) -> Result<(Secret, Session, String), Refused> {
    let (name, record) = prove(web, from, &sign_in.name, &sign_in.sign_in, Proof::Password).await?;
    web.record(Event::new(Kind::SignIn).of_account(&name, Some(record.fingerprint())).at(from.0)).await?;
    let address = from.0.to_string();
    let (token, session) = blocking(web, move |accounts| accounts.begin(&name, record.version, page, &address)).await?;
    Ok((token, session, record.fingerprint().to_string()))
}

fn text(id: SessionId) -> String {
    data_encoding::HEXLOWER.encode(&id.0)
}

/// `POST /sessions`
pub(super) async fn sign_in(
    State(web): State<Arc<Web>>,
    from: From,
    Json(sign_in): Json<SignIn>,
) -> Result<(StatusCode, Json<Answer>), Refused> {
    let (token, session, fingerprint) = begin(&web, from, &sign_in, false).await?;
    let (name, expires) = (session.name.to_string(), moment::text(session.expires));
    Ok((StatusCode::CREATED, Json(Answer { token, id: text(session.id), expires, name, fingerprint })))
}

/// `POST /sessions/cookie`
pub(super) async fn sign_in_page(
    State(web): State<Arc<Web>>,
    from: From,
    _: OwnPage,
    Json(sign_in): Json<SignIn>,
) -> Result<(StatusCode, HeaderMap, Json<PageSignedIn>), Refused> {
    let (token, session, fingerprint) = begin(&web, from, &sign_in, true).await?;
    let seconds = session.expires.0.saturating_sub(session.since.0) / 1_000_000;
    let headers = cookie(&token.reveal(), seconds)?;
    let (name, expires) = (session.name.to_string(), moment::text(session.expires));
    Ok((StatusCode::CREATED, headers, Json(PageSignedIn { id: text(session.id), expires, name, fingerprint })))
}

/// The header that gives a page its cookie, or with 0 seconds takes it away.
fn cookie(token: &str, seconds: u64) -> Result<HeaderMap, Refused> {
    let text = format!("{COOKIE}={token}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Strict");
    let mut value = HeaderValue::from_str(&text).map_err(|error| Refused::internal(&error))?;
    value.set_sensitive(true);
    Ok(HeaderMap::from_iter([(header::SET_COOKIE, value)]))
}

/// `GET /sessions`
pub(super) async fn list(State(web): State<Arc<Web>>, who: SignedIn) -> Result<Json<Vec<account::Session>>, Refused> {
    let name = who.name().clone();
    let sessions = blocking(&web, move |accounts| accounts.sessions(&name)).await?;
    let listed = |session: Session| account::Session {
        id: text(session.id),
        since: moment::text(session.since),
        expires: moment::text(session.expires),
        from: session.from,
        page: session.page,
        current: session.id == who.session.id,
    };
    Ok(Json(sessions.into_iter().map(listed).collect()))
}

/// `DELETE /sessions/current`
pub(super) async fn sign_out(State(web): State<Arc<Web>>, from: From, who: SignedIn) -> Result<(StatusCode, HeaderMap), Refused> {
    end(&web, from, &who, who.session.id).await?;
    Ok((StatusCode::NO_CONTENT, cookie("", 0)?))
}

/// `DELETE /sessions/{id}`
pub(super) async fn end_one(State(web): State<Arc<Web>>, from: From, who: SignedIn, Path(id): Path<String>) -> Result<StatusCode, Refused> {
    let id = data_encoding::HEXLOWER.decode(id.as_bytes()).ok().and_then(|id| id.try_into().ok());
    let ended = match id {
        Some(id) => end(&web, from, &who, SessionId(id)).await?,
        None => false,
    };
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Refused::new(StatusCode::NOT_FOUND, "not-found", "you have no such session")) }
}

/// Ended first, recorded then: what takes something away does not wait for the log.
async fn end(web: &Arc<Web>, from: From, who: &SignedIn, id: SessionId) -> Result<bool, Refused> {
    let name = who.name().clone();
    let ended = blocking(web, move |accounts| accounts.end(&name, id)).await?;
    if ended {
        web.log.write_soon(Event::new(Kind::SignOut).of_account(who.name(), None).at(from.0));
    }
    Ok(ended)
}

/// `POST /tickets`
pub(super) async fn ticket(State(web): State<Arc<Web>>, who: SignedIn) -> Result<(StatusCode, Json<account::Ticket>), Refused> {
    let (ticket, expires) = web.accounts.tickets.give(who.token, web.clock.now()).map_err(|error| match error {
        tickets::Error::Full => Refused { retry_after: Some(30), ..Refused::new(StatusCode::TOO_MANY_REQUESTS, "too-many", error) },
        tickets::Error::Randomness(_) => Refused::internal(&error),
    })?;
    Ok((StatusCode::CREATED, Json(account::Ticket { ticket, expires: moment::text(expires) })))
}
