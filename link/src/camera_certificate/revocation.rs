//! Whether a certificate was taken back, from signed lists (RFC 5280, section 5).

use std::time::Duration;

use webpki::{BorrowedCertRevocationList, CertRevocationList};
use wire::id::Micros;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};
use x509_parser::time::ASN1Time;

use super::Error;

/// After this long an issuing CA's list no longer tells that a camera is still trusted.
pub const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// The largest list that is looked at, in bytes: some 20,000 entries.
pub const MAX_LIST: usize = 1 << 20;

/// How many lists are looked at.
pub const MAX_LISTS: usize = 8;

/// How far a list may lie in the future, for clocks that differ.
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Whether a camera was taken back, as far as the lists tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// Fresh lists of both authorities do not name it.
    NotRevoked,
    /// A list names it, or its issuing CA. What was received before this instant (by a receipt, never by a frame's own time) stands.
    Revoked {
        /// The entry's invalidity date, or else its revocation date.
        distrust_since: Micros,
    },
    /// No list names it, but since this instant no fresh list says that it is still trusted.
    UnknownSince(Micros),
}

impl Revocation {
    /// The worse of two: what taking back either end of a link means for the whole chain.
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Revoked { distrust_since: a }, Self::Revoked { distrust_since: b }) => Self::Revoked { distrust_since: a.min(b) },
            (revoked @ Self::Revoked { .. }, _) | (_, revoked @ Self::Revoked { .. }) => revoked,
            (Self::UnknownSince(a), Self::UnknownSince(b)) => Self::UnknownSince(a.min(b)),
            (unknown @ Self::UnknownSince(_), _) | (_, unknown @ Self::UnknownSince(_)) => unknown,
            (Self::NotRevoked, Self::NotRevoked) => Self::NotRevoked,
        }
    }
}

pub(super) fn check<L: AsRef<[u8]>>(
    leaf: &X509Certificate<'_>,
    issuing: &X509Certificate<'_>,
    root: &X509Certificate<'_>,
    crls: &[L],
    now: Micros,
) -> Result<Revocation, Error> {
    if crls.len() > MAX_LISTS || crls.iter().any(|list| list.as_ref().len() > MAX_LIST) {
        return Err(Error::List("there are more, or larger ones, than any relay here makes".to_owned()));
    }
    // The root's list lies offline with the root, so it may be as old as it says itself.
    let camera = link(leaf, issuing, crls, Some(MAX_AGE), now)?;
    Ok(camera.worse(link(issuing, root, crls, None, now)?))
}

/// What the lists of one issuer say about one of its certificates.
fn link<L: AsRef<[u8]>>(
    subject: &X509Certificate<'_>,
    issuer: &X509Certificate<'_>,
    crls: &[L],
    max_age: Option<Duration>,
    now: Micros,
) -> Result<Revocation, Error> {
    let mut revoked: Option<Micros> = None;
    // Before any list, all that is known is that the certificate was good when it was made.
    let mut known_until = micros(subject.validity().not_before);
    for der in crls.iter().map(AsRef::as_ref) {
        let malformed = || Error::List("its encoding cannot be read".to_owned());
        let ([], list) = CertificateRevocationList::from_der(der).map_err(|_| malformed())? else { return Err(malformed()) };
        if list.issuer().as_raw() != issuer.subject().as_raw() {
            continue;
        }
        authentic(&list, issuer)?;
        // webpki refuses what would change the meaning of an entry: delta and indirect lists, unknown critical extensions.
        let strict = BorrowedCertRevocationList::from_der(der).map_err(|error| Error::List(error.to_string()))?;
        let entry = CertRevocationList::from(strict);
        if let Some(entry) = entry.find_serial(subject.raw_serial()).map_err(|error| Error::List(error.to_string()))? {
            let since = entry.invalidity_date.unwrap_or(entry.revocation_date);
            let since = Micros(since.as_secs().saturating_mul(1_000_000));
            revoked = Some(revoked.map_or(since, |earlier| earlier.min(since)));
        }
        known_until = known_until.max(fresh_until(&list, max_age, now));
    }
    Ok(match revoked {
        Some(distrust_since) => Revocation::Revoked { distrust_since },
        None if now <= known_until => Revocation::NotRevoked,
        None => Revocation::UnknownSince(known_until),
    })
}

fn authentic(list: &CertificateRevocationList<'_>, issuer: &X509Certificate<'_>) -> Result<(), Error> {
    let signs = issuer.key_usage().ok().flatten().is_some_and(|usage| usage.value.crl_sign());
    if !signs || list.verify_signature(issuer.public_key()).is_err() {
        return Err(Error::List("it is not signed by the authority that it names".to_owned()));
    }
    Ok(())
}

/// Until when a list tells that what it does not name is trusted. One from the future tells nothing: its maker would extend it at will.
fn fresh_until(list: &CertificateRevocationList<'_>, max_age: Option<Duration>, now: Micros) -> Micros {
    let made = micros(list.last_update());
    if made > plus(now, SKEW) {
        return Micros(0);
    }
    let next = list.next_update().map_or(made, micros);
    max_age.map_or(next, |age| next.min(plus(made, age)))
}

fn plus(time: Micros, span: Duration) -> Micros {
    Micros(time.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
}

/// Seconds of a certificate, as the rest of the project counts time. Before 1970 is 1970.
pub(super) fn micros(time: ASN1Time) -> Micros {
    Micros(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1_000_000))
}
