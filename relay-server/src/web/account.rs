//! Accounts: made, looked at, changed, recovered, deleted.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use link::api::account::{
    Account, ChangePassword, CompleteRecovery, DeleteAccount, Deleted, NewKeys, Person, PublicKeys, Recover, Recoverable, Recovery,
    Register, Registered,
};
use wire::id::{Micros, Name};

use super::Web;
use super::sessions::{Proof, blocking, no_turn, prove, too_many};
use super::who::{From, Known, SignedIn};
use crate::accounts::record::{KeptRecovery, Record, are_keys};
use crate::accounts::{Change, New};
use crate::answer::{Json, Refused};
use crate::audit::{Event, Kind};
use crate::config::Registration;
use crate::moment;
use crate::roster::token::Token;

fn name(text: &str) -> Result<Name, Refused> {
    text.parse().map_err(|error: wire::id::NotAName| Refused::new(StatusCode::BAD_REQUEST, "name", error))
}

fn sound(keys: &PublicKeys) -> Result<(), Refused> {
    let sentence = "these are no public keys (low order, or not in their one form): the program that made them has a mistake";
    if are_keys(keys) { Ok(()) } else { Err(Refused::new(StatusCode::BAD_REQUEST, "keys", sentence)) }
}

async fn keep(web: &Arc<Web>, recovery: &Recovery) -> Result<KeptRecovery, Refused> {
    let sign_in = web.accounts.hasher.keep(&recovery.sign_in).await.map_err(no_turn)?;
    Ok(KeptRecovery { sign_in, wrapped: recovery.wrapped })
}

fn registered(name: &Name, record: &Record) -> Registered {
    Registered { name: name.to_string(), fingerprint: record.fingerprint().to_string() }
}

/// `POST /accounts`: what costs nothing is looked at first.
pub(super) async fn register(
    State(web): State<Arc<Web>>,
    from: From,
    Json(register): Json<Register>,
) -> Result<(StatusCode, Json<Registered>), Refused> {
    let invite = match web.config.accounts.registration {
        Registration::Closed => {
            return Err(Refused::new(StatusCode::FORBIDDEN, "closed", "this relay takes no new accounts"));
        }
        Registration::Open => None,
        Registration::Invite => {
            let missing = "this relay takes new accounts by invitation only: ask its operator for one (relay-server account invite)";
            let text = register.invite.as_deref().ok_or_else(|| Refused::new(StatusCode::FORBIDDEN, "invite", missing))?;
            Some(text.parse::<Token>().map_err(|error| Refused::new(StatusCode::FORBIDDEN, "invite", error))?)
        }
    };
    let name = name(&register.name)?;
    sound(&register.keys.public)?;
    web.accounts.by_address.attempt(&from.origin(), std::time::Instant::now()).map_err(too_many)?;
    if let Some(invite) = invite.clone() {
        blocking(&web, move |accounts| accounts.admits(&invite)).await?;
    }
    let sign_in = web.accounts.hasher.keep(&register.sign_in).await.map_err(no_turn)?;
    let new = New { name: name.clone(), keys: register.keys, sign_in, recovery: keep(&web, &register.recovery).await? };
    let record = blocking(&web, move |accounts| accounts.register(new, invite.as_ref())).await?;
    web.record(Event::new(Kind::Registration).of_account(&name, Some(record.fingerprint())).at(from.0)).await?;
    Ok((StatusCode::CREATED, Json(registered(&name, &record))))
}

/// `GET /account`
pub(super) async fn show(State(web): State<Arc<Web>>, who: SignedIn) -> Result<Json<Account>, Refused> {
    let (name, record) = own(&web, &who).await?;
    let since = moment::text(Micros(record.since));
    Ok(Json(Account { name: name.to_string(), fingerprint: record.fingerprint().to_string(), since, keys: record.keys }))
}

async fn own(web: &Arc<Web>, who: &SignedIn) -> Result<(Name, Record), Refused> {
    let name = who.name().clone();
    let asked = name.clone();
    let record = blocking(web, move |accounts| accounts.account(&asked)).await?;
    // It was deleted a moment ago.
    record.map(|record| (name, record)).ok_or_else(|| Refused::new(StatusCode::UNAUTHORIZED, "signed-out", "this account is gone"))
}

/// `PUT /account/password`
pub(super) async fn password(
    State(web): State<Arc<Web>>,
    from: From,
    who: SignedIn,
    Json(change): Json<ChangePassword>,
) -> Result<StatusCode, Refused> {
    let (name, record) = prove(&web, from, who.name().as_str(), &change.sign_in, Proof::Password).await?;
    let sign_in = web.accounts.hasher.keep(&change.new_sign_in).await.map_err(no_turn)?;
    let (asked, keep) = (name.clone(), who.session.id);
    let change = Change::Password { sign_in, wrapped: change.wrapped };
    blocking(&web, move |accounts| accounts.change(&asked, record.version, change, Some(keep))).await?;
    web.record(Event::new(Kind::Password).of_account(&name, None).at(from.0)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `PUT /account/keys`
pub(super) async fn keys(
    State(web): State<Arc<Web>>,
    from: From,
    who: SignedIn,
    Json(new): Json<NewKeys>,
) -> Result<Json<Registered>, Refused> {
    sound(&new.keys.public)?;
    let (name, record) = prove(&web, from, who.name().as_str(), &new.sign_in, Proof::Password).await?;
    let recovery = keep(&web, &new.recovery).await?;
    let (asked, keep) = (name.clone(), who.session.id);
    let change = Change::Keys { keys: new.keys, recovery };
    let record = blocking(&web, move |accounts| accounts.change(&asked, record.version, change, Some(keep))).await?;
    web.record(Event::new(Kind::Keys).of_account(&name, Some(record.fingerprint())).at(from.0)).await?;
    Ok(Json(registered(&name, &record)))
}

/// `DELETE /account`
pub(super) async fn delete(
    State(web): State<Arc<Web>>,
    from: From,
    who: SignedIn,
    Json(delete): Json<DeleteAccount>,
) -> Result<Json<Deleted>, Refused> {
    let (name, record) = prove(&web, from, who.name().as_str(), &delete.sign_in, Proof::Password).await?;
    let asked = name.clone();
    blocking(&web, move |accounts| accounts.delete(&asked, Some(record.version))).await?;
    web.record(Event::new(Kind::Deletion).of_account(&name, Some(record.fingerprint())).at(from.0)).await?;
    Ok(Json(deleted(&name, web.config.log.personal_days)))
}

/// What stays of an account, in sentences.
pub(crate) fn deleted(name: &Name, days: u32) -> Deleted {
    let stays = vec![
        format!("The relay's log keeps what was done with this account; the name, keys and addresses in it are removed after {days} days."),
        "Recordings keep what was granted to this account's keys until they are deleted or their time is over: whoever still has the private keys and a copy can open those."
            .to_owned(),
        format!("The relay remembers a hash of the name {name}, so that nobody else ever gets it."),
        "Cameras that name this account keep granting to its keys until somebody removes it there (camera-agent viewers remove).".to_owned(),
    ];
    Deleted { name: name.to_string(), stays }
}

/// `POST /recoveries`
pub(super) async fn recover(State(web): State<Arc<Web>>, from: From, Json(recover): Json<Recover>) -> Result<Json<Recoverable>, Refused> {
    let (_, record) = prove(&web, from, &recover.name, &recover.recovery_sign_in, Proof::Code).await?;
    let fingerprint = record.fingerprint().to_string();
    Ok(Json(Recoverable { fingerprint, public: record.keys.public, wrapped: record.recovery.wrapped }))
}

/// `POST /recoveries/complete`
pub(super) async fn complete_recovery(
    State(web): State<Arc<Web>>,
    from: From,
    Json(complete): Json<CompleteRecovery>,
) -> Result<StatusCode, Refused> {
    let (name, record) = prove(&web, from, &complete.name, &complete.recovery_sign_in, Proof::Code).await?;
    let sign_in = web.accounts.hasher.keep(&complete.new_sign_in).await.map_err(no_turn)?;
    let recovery = keep(&web, &complete.recovery).await?;
    let change = Change::Recovery { sign_in, wrapped: complete.wrapped, recovery };
    let asked = name.clone();
    let record = blocking(&web, move |accounts| accounts.change(&asked, record.version, change, None)).await?;
    web.record(Event::new(Kind::Recovery).of_account(&name, Some(record.fingerprint())).at(from.0)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /people/{name}`
pub(super) async fn person(State(web): State<Arc<Web>>, from: From, _: Known, Path(asked): Path<String>) -> Result<Json<Person>, Refused> {
    web.lookups.attempt(from.origin(), std::time::Instant::now()).map_err(too_many)?;
    let name = name(&asked)?;
    let wanted = name.clone();
    let record = blocking(&web, move |accounts| accounts.account(&wanted)).await?;
    let unknown = || Refused::new(StatusCode::NOT_FOUND, "not-found", format!("this relay has no account named {name}"));
    let record = record.ok_or_else(unknown)?;
    Ok(Json(Person { name: name.to_string(), fingerprint: record.fingerprint().to_string(), public: record.keys.public }))
}
