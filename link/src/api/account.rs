//! What the API says of people: accounts, sessions, keys, tickets. The relay and its clients share these types.
//!
//! Everything lies under `/api/v1`. Bodies and answers are JSON; bytes are base64url without padding; times are RFC 3339 in UTC. What is
//! refused comes as `{"code", "message"}` with the status; 401 says that nobody (any more) is signed in, 403 that whoever is may not,
//! 429 that it is too often (with `Retry-After`).
//!
//! | route | who | takes | gives |
//! |---|---|---|---|
//! | `POST /accounts` | anybody, as `registration` says | [`Register`] | 201 [`Registered`] |
//! | `POST /sessions` | anybody | [`SignIn`] | 201 [`SignedIn`], with the token for `Authorization: Bearer` |
//! | `POST /sessions/cookie` | the page | [`SignIn`] | 201 [`PageSignedIn`], and the token as a cookie ([`COOKIE`]) |
//! | `GET /sessions` | signed in | | `[`[`Session`]`]` |
//! | `DELETE /sessions/current` | signed in | | 204: signs out (and takes the cookie away) |
//! | `DELETE /sessions/{id}` | signed in | | 204 |
//! | `GET /account` | signed in | | [`Account`] |
//! | `PUT /account/password` | signed in | [`ChangePassword`] | 204; every other session ends |
//! | `PUT /account/keys` | signed in | [`NewKeys`] | [`Registered`]; every other session ends |
//! | `DELETE /account` | signed in | [`DeleteAccount`] | [`Deleted`] |
//! | `POST /recoveries` | anybody | [`Recover`] | [`Recoverable`] |
//! | `POST /recoveries/complete` | anybody | [`CompleteRecovery`] | 204; every session ends, and the old code is worth nothing |
//! | `GET /people/{name}` | signed in, or an agent by its client certificate | | [`Person`] |
//! | `POST /tickets` | signed in | | 201 [`Ticket`], for one `hello` |
//! | `GET /cameras` | anybody | | the cameras that whoever asks may watch |
//! | `GET /cameras/{name}/log` | an owner of the camera | | `[`[`Entry`]`]`, the newest first |
//! | `GET /openapi.json` | anybody | | this, for programs |
//!
//! A page proves by the header [`PAGE`] (`celosia-page: 1`) that it is a page of this relay: every request with a cookie and another method than GET, and
//! `POST /sessions/cookie`, needs it, and an `Origin`, where one is sent, must be the relay's own. Bearer tokens need neither.
//!
//! Codes of refusals: `signed-out` (401: no session, or it has ended), `sign-in` (401: name or secret is wrong; it is never said which),
//! `csrf` (403), `closed`, `invite` (403: registration), `name` (400: not a name), `name-taken` (409), `keys` (400: weak or not canonical
//! keys), `too-many` (429), `busy` (429: too many sign-ins at one time), `full` (409), `changed` (409: at the same moment), `log` (503: it cannot be written), `not-allowed` (403), `not-found` (404), `body` (4xx).

use serde::{Deserialize, Serialize};
use wire::id::{Fingerprint, ViewerKeys};

pub use super::encoded::{Base64, NotBytes, Secret};

/// The header by which a page says that it is no other site's.
pub const PAGE: &str = "celosia-page";

/// The cookie that carries a page's session: `HttpOnly; Secure; SameSite=Strict; Path=/`.
pub const COOKIE: &str = "__Host-celosia-session";

/// A person's public keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct PublicKeys {
    /// X25519 (RFC 7748): receives grants.
    pub x25519: Base64<32>,
    /// Ed25519 (RFC 8032): signs what an owner does.
    pub ed25519: Base64<32>,
}

impl PublicKeys {
    /// Their fingerprint.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        ViewerKeys::from(*self).fingerprint()
    }
}

impl From<PublicKeys> for ViewerKeys {
    fn from(keys: PublicKeys) -> Self {
        Self { exchange: keys.x25519.0, signing: keys.ed25519.0 }
    }
}

impl From<ViewerKeys> for PublicKeys {
    fn from(keys: ViewerKeys) -> Self {
        Self { x25519: Base64(keys.exchange), ed25519: Base64(keys.signing) }
    }
}

/// A person's private keys, each wrapped under one unlock key: the password's, or the recovery code's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct WrappedKeys {
    /// X25519: nonce (12) ‖ ciphertext (48) ‖ tag (16).
    pub x25519: Base64<76>,
    /// Ed25519: the same.
    pub ed25519: Base64<76>,
}

/// A person's keys, as the relay keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// The public ones.
    pub public: PublicKeys,
    /// The private ones, under the password's unlock key.
    pub wrapped: WrappedKeys,
}

/// What a recovery code opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The code's sign-in secret.
    pub sign_in: Secret,
    /// The private keys, under the code's unlock key.
    pub wrapped: WrappedKeys,
}

/// A new account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// 3 to 32 of a-z, 0-9, dot, underscore, hyphen. A name is never given out twice.
    pub name: String,
    /// The sign-in secret, derived from the password.
    pub sign_in: Secret,
    /// The keys.
    pub keys: Keys,
    /// The recovery code's side.
    pub recovery: Recovery,
    /// The invitation, where the relay asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<String>,
}

/// Whose account it is now, and with which keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Registered {
    /// The name.
    pub name: String,
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
}

/// Somebody signs in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// Who.
    pub name: String,
    /// The sign-in secret.
    pub sign_in: Secret,
}

/// A session for a program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// For `Authorization: Bearer`. It is shown here and nowhere again.
    pub token: Secret,
    /// What the session is called in the list: 32 hexadecimal digits.
    pub id: String,
    /// When it ends by itself.
    pub expires: String,
    /// Who.
    pub name: String,
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
}

/// A session for a page, whose token is in its cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PageSignedIn {
    /// What the session is called in the list: 32 hexadecimal digits.
    pub id: String,
    /// When it ends by itself.
    pub expires: String,
    /// Who.
    pub name: String,
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
}

/// A session in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// When it began.
    pub since: String,
    /// When it ends by itself.
    pub expires: String,
    /// The address that it began from.
    pub from: String,
    /// Whether it is a page's, by cookie.
    pub page: bool,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// One's own account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Account {
    /// The name.
    pub name: String,
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
    /// Since when.
    pub since: String,
    /// The keys.
    pub keys: Keys,
}

/// Another password. The keys stay, and so does the recovery code.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The sign-in secret so far.
    pub sign_in: Secret,
    /// The sign-in secret from now on.
    pub new_sign_in: Secret,
    /// The same private keys, under the new unlock key.
    pub wrapped: WrappedKeys,
}

/// Other keys, because the old ones leaked. The password stays; the recovery code is replaced, as it wraps the keys too.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewKeys {
    /// The sign-in secret.
    pub sign_in: Secret,
    /// The new keys.
    pub keys: Keys,
    /// The new recovery code's side.
    pub recovery: Recovery,
}

/// An account is given up.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    /// The sign-in secret.
    pub sign_in: Secret,
}

/// What is gone, and what stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Deleted {
    /// Whose account it was.
    pub name: String,
    /// Sentences for people: what stays, and what that means.
    pub stays: Vec<String>,
}

/// The password is forgotten: first the keys are fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// Who.
    pub name: String,
    /// The recovery code's sign-in secret.
    pub recovery_sign_in: Secret,
}

/// The keys, for the recovery code to open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Recoverable {
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
    /// The public keys.
    pub public: PublicKeys,
    /// The private ones, under the recovery code's unlock key.
    pub wrapped: WrappedKeys,
}

/// Then a new password and a new code are set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct CompleteRecovery {
    /// Who.
    pub name: String,
    /// The used recovery code's sign-in secret.
    pub recovery_sign_in: Secret,
    /// The sign-in secret from now on.
    pub new_sign_in: Secret,
    /// The same private keys, under the new password's unlock key.
    pub wrapped: WrappedKeys,
    /// The new recovery code's side.
    pub recovery: Recovery,
}

/// Somebody's public keys, to be compared by their fingerprint before they are trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Person {
    /// The name.
    pub name: String,
    /// The fingerprint of the public keys: 64 hexadecimal digits.
    pub fingerprint: String,
    /// The keys.
    pub public: PublicKeys,
}

/// A one-use pass for a live connection: its 32 bytes stand in `hello`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ticket {
    /// The bytes.
    pub ticket: Secret,
    /// Until when: 30 seconds from now.
    pub expires: String,
}

/// An entry of the relay's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Entry {
    /// Its number, from 0 without a gap.
    pub number: u64,
    /// When.
    pub at: String,
    /// What happened: `hand-out`, `hand-out-ended`, `sign-in`, `sign-in-failed`, `sign-out`, `registration`, `password`, `recovery`, `keys`, `deletion`, `enrolment`, `revocation`.
    pub kind: String,
    /// The account's name; absent when it was nobody's, or has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The fingerprint of its keys: 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// From where; absent when it has expired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// Which labels were handed out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Whether live or from the past: `live` or `replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<String>,
    /// From which second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To which second; absent in the entry that a live hand-out begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The number of the entry that began what this one (`hand-out-ended`) ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
}
