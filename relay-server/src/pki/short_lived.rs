//! The certificates that browsers are shown over WebTransport. A private one they take only by its hash, when it is P-256 and valid for at
//! most 14 days; so the relay makes its own, another one at half of each one's life, and tells the hashes over HTTPS. Key and certificate
//! are in memory only: after a restart there is a new one.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use link::tls::{Identity, PrivateKeyDer, Server};
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};
use sha2::{Digest as _, Sha256};
use wire::id::Micros;

use super::host::Host;
use super::{Error, p256, params};

/// What makes and changes them.
pub struct ShortLived {
    hosts: Vec<Host>,
    life: Duration,
    tls: Server,
    /// The newest one's SHA-256, then the one's before: a browser may have asked just before the change.
    hashes: Mutex<Vec<[u8; 32]>>,
}

impl ShortLived {
    /// Makes the first one and shows it from the next handshake on.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off.
    pub fn begin(hosts: &[Host], life: Duration, tls: &Server, now: Micros) -> Result<Self, Error> {
        let short_lived = Self { hosts: hosts.to_vec(), life, tls: tls.clone(), hashes: Mutex::default() };
        short_lived.rotate(now)?;
        Ok(short_lived)
    }

    /// Makes another one and shows it from the next handshake on.
    ///
    /// # Errors
    /// Without random numbers, or when the clock is off; the one before stays.
    pub fn rotate(&self, now: Micros) -> Result<(), Error> {
        let identity = self.make(now)?;
        let hash = identity.chain.first().map(|certificate| Sha256::digest(certificate).into());
        self.tls.replace_web_transport(&identity).map_err(|_| Error::Mismatch("certificate for browsers"))?;
        let mut hashes = self.hashes.lock().unwrap_or_else(PoisonError::into_inner);
        hashes.splice(0..0, hash);
        hashes.truncate(2);
        Ok(())
    }

    /// How long one is shown.
    #[must_use]
    pub fn shown_for(&self) -> Duration {
        self.life / 2
    }

    /// The SHA-256 of the one that is shown, and of the one before, if there was one.
    #[must_use]
    pub fn hashes(&self) -> Vec<[u8; 32]> {
        self.hashes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn make(&self, now: Micros) -> Result<Identity, Error> {
        let name = self.hosts.first().map(ToString::to_string).unwrap_or_default();
        let mut params = params(&name, now, 0, None)?;
        params.use_authority_key_identifier_extension = false;
        params.not_after = super::instant(now)?.checked_add(self.life.try_into().map_err(|_| Error::Clock)?).ok_or(Error::Clock)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        for host in &self.hosts {
            params.subject_alt_names.push(match host {
                Host::Dns(name) => SanType::DnsName(name.as_str().try_into()?),
                Host::Ip(address) => SanType::IpAddress(*address),
            });
        }
        let key = p256()?;
        let certificate = params.self_signed(&key)?;
        Ok(Identity { chain: vec![certificate.into()], key: PrivateKeyDer::Pkcs8(key.serialize_der().into()) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    const NOW: Micros = Micros(1_780_000_000_000_000);

    fn short_lived(life: Duration) -> ShortLived {
        let dir = tempfile::tempdir().unwrap();
        let host: Host = "relay.example".parse().unwrap();
        let wish = crate::init::Wish { name: host.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
        let folder = crate::init::init(&wish, NOW).unwrap().folder;
        let authority = crate::pki::authority::Authority::load(&folder, NOW).unwrap();
        ShortLived::begin(&[host], life, authority.tls(), NOW).unwrap()
    }

    #[test]
    fn browsers_take_it_by_its_hash() {
        let longest = Duration::from_secs(13 * 24 * 3600);
        let der = short_lived(longest).make(NOW).unwrap().chain.remove(0);
        let (_, certificate) = X509Certificate::from_der(&der).unwrap();
        let valid = certificate.validity();
        assert!(valid.not_after.timestamp() - valid.not_before.timestamp() <= 14 * 24 * 3600);
        assert_eq!(certificate.public_key().subject_public_key.data.len(), 65, "a point of P-256");
        assert!(certificate.subject_alternative_name().unwrap().is_some());
    }

    #[test]
    fn the_one_before_is_told_beside_the_new_one() {
        let short_lived = short_lived(Duration::from_secs(60));
        assert_eq!(short_lived.shown_for(), Duration::from_secs(30));
        let first = short_lived.hashes();
        assert_eq!(first.len(), 1);
        short_lived.rotate(NOW).unwrap();
        let second = short_lived.hashes();
        assert_eq!((second.len(), second[1]), (2, first[0]));
        short_lived.rotate(NOW).unwrap();
        assert_eq!(short_lived.hashes()[1..], second[..1], "no more than two");
    }
}
