//! Who asks: an account by its token or cookie, an agent by its certificate, and from which address.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use link::api::account::{COOKIE, PAGE, Secret};
use link::tls::CertificateDer;
use tokio::task::spawn_blocking;
use wire::id::Name;

use super::Web;
use crate::accounts::session::{Session, TokenHash};
use crate::answer::Refused;
use crate::gate::Origin;
use crate::{accept, roster};

/// The certificates that a client showed and proved in its handshake, own first; in the request's extensions.
#[derive(Debug, Clone, Default)]
pub struct Shown(pub Option<Arc<Vec<CertificateDer<'static>>>>);

/// The address that somebody asks from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct From(pub IpAddr);

impl From {
    /// For whom attempts are counted.
    #[must_use]
    pub fn origin(self) -> Origin {
        self.0.into()
    }

    /// The peer, or, if that is a proxy of ours, the last address in `X-Forwarded-For` that is none.
    pub(super) fn of(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let ours = |address: IpAddr| proxies.iter().any(|proxy| proxy.to_canonical() == address.to_canonical());
        if !ours(peer) {
            return Self(peer.to_canonical());
        }
        let named: Vec<&str> =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).collect();
        let mut last = peer;
        for text in named.into_iter().rev() {
            let Ok(address) = text.trim().parse::<IpAddr>() else { break };
            last = address;
            if !ours(address) {
                break;
            }
        }
        Self(last.to_canonical())
    }
}

/// Somebody with an account, and the session that says so.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// The hash of its token.
    pub token: TokenHash,
}

impl SignedIn {
    /// The account's name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.session.name
    }
}

/// Somebody with an account, or nobody in particular.
#[derive(Debug, Clone)]
pub struct Anybody(pub Option<SignedIn>);

/// An agent of this relay, or somebody with an account.
#[derive(Debug, Clone)]
pub enum Known {
    /// With an account.
    Person(SignedIn),
    /// The agent of this camera.
    Agent(Name),
}

/// A request that a page of this relay made, not one of another site.
#[derive(Debug, Clone, Copy)]
pub struct OwnPage;

fn signed_out() -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, "signed-out", "nobody is signed in, or the session has ended: sign in")
}

fn csrf() -> Refused {
    let sentence =
        "this does not come from a page of this relay: its pages send the header celosia-page, and an Origin that is the relay's own";
    Refused::new(StatusCode::FORBIDDEN, "csrf", sentence)
}

/// Whether a request comes from a page of this relay: no other site can set the header without asking first, which it is not granted.
fn own_page(parts: &Parts) -> bool {
    let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = parts.uri.authority().map(ToString::to_string).or_else(|| text("host").map(str::to_owned));
    let origin = text("origin").is_none_or(|origin| host.is_some_and(|host| origin.eq_ignore_ascii_case(&format!("https://{host}"))));
    let site = text("sec-fetch-site").is_none_or(|site| site == "same-origin");
    text(PAGE) == Some("1") && origin && site
}

fn bearer(headers: &HeaderMap) -> Option<Result<Secret, Refused>> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().unwrap_or_default();
    let token = value.strip_prefix("Bearer ").and_then(|token| token.parse().ok());
    Some(token.ok_or_else(signed_out))
}

fn cookie(headers: &HeaderMap) -> Option<Secret> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut ours = all.filter_map(|pair| pair.trim().split_once('=')).filter(|(name, _)| *name == COOKIE);
    // Two of one name are somebody's attempt to have another one taken.
    match (ours.next(), ours.next()) {
        (Some((_, value)), None) => value.parse().ok(),
        _ => None,
    }
}

/// The session that a request names. A cookie counts for changes only when a page of this relay sends it.
async fn session(parts: &Parts, web: &Arc<Web>) -> Result<Option<SignedIn>, Refused> {
    let token = match (bearer(&parts.headers), cookie(&parts.headers)) {
        (Some(token), _) => token?,
        (None, Some(token)) => {
            if parts.method != Method::GET && parts.method != Method::HEAD && !own_page(parts) {
                return Err(csrf());
            }
            token
        }
        (None, None) => return Ok(None),
    };
    let (accounts, token) = (Arc::clone(&web.accounts), TokenHash::of(&token));
    let found = spawn_blocking(move || accounts.session(&token)).await;
    let session = found.map_err(|error| Refused::internal(&error))?.map_err(|error| Refused::internal(&error))?;
    Ok(session.map(|session| SignedIn { session, token }))
}

impl FromRequestParts<Arc<Web>> for From {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        let ConnectInfo(peer) =
            ConnectInfo::<SocketAddr>::from_request_parts(parts, web).await.map_err(|error| Refused::internal(&error))?;
        Ok(Self::of(peer.ip(), &parts.headers, &web.config.accounts.proxies))
    }
}

impl FromRequestParts<Arc<Web>> for SignedIn {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        session(parts, web).await?.ok_or_else(signed_out)
    }
}

impl FromRequestParts<Arc<Web>> for Anybody {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        session(parts, web).await.map(Self)
    }
}

impl FromRequestParts<Arc<Web>> for OwnPage {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Web>) -> Result<Self, Refused> {
        own_page(parts).then_some(Self).ok_or_else(csrf)
    }
}

impl FromRequestParts<Arc<Web>> for Known {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, web: &Arc<Web>) -> Result<Self, Refused> {
        if let Some(signed_in) = session(parts, web).await? {
            return Ok(Self::Person(signed_in));
        }
        let Some(chain) = parts.extensions.get::<Shown>().and_then(|shown| shown.0.clone()) else { return Err(signed_out()) };
        let (authority, roster, now) = (Arc::clone(&web.authority), Arc::clone(&web.roster), web.clock.now());
        let known = spawn_blocking(move || accept::peer::known(&chain, &authority, &roster, now)).await;
        let camera: roster::Camera = known
            .map_err(|error| Refused::internal(&error))?
            .map_err(|stranger| Refused::new(StatusCode::FORBIDDEN, "not-allowed", stranger))?;
        Ok(Self::Agent(camera.name))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_our_own_proxies_speak_for_others() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let proxies = [address("127.0.0.1"), address("10.0.0.1")];
        let asks = |peer: &str, said: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in said {
                headers.append("x-forwarded-for", value.parse().unwrap());
            }
            From::of(address(peer), &headers, &proxies).0
        };
        assert_eq!(asks("192.0.2.1", &["198.51.100.7"]), address("192.0.2.1"), "a stranger's word counts nothing");
        assert_eq!(asks("127.0.0.1", &["198.51.100.7"]), address("198.51.100.7"));
        assert_eq!(asks("::ffff:127.0.0.1", &["203.0.113.9, 198.51.100.7, 10.0.0.1"]), address("198.51.100.7"));
        assert_eq!(asks("127.0.0.1", &["203.0.113.9", "198.51.100.7"]), address("198.51.100.7"));
        assert_eq!(asks("127.0.0.1", &[]), address("127.0.0.1"));
        assert_eq!(asks("127.0.0.1", &["198.51.100.7, nonsense"]), address("127.0.0.1"));
    }
}
