//! The authority of a running relay: what it shows, what it certifies with, and what it renews by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use link::tls;
use rcgen::KeyPair;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use time::{Duration, OffsetDateTime};
use wire::id::{Micros, Name};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use super::host::Host;
use super::issuing::{CRL_HOURS, Issuing, Revoked};
use super::request::Request;
use super::{files, instant};
use crate::folder::{Folder, Pki};

/// A server certificate is renewed when this much of its life is left: a third.
const RENEW_SERVER: Duration = Duration::days(30);
/// The revocation list is renewed at half of its life.
const RENEW_CRL: Duration = Duration::hours(CRL_HOURS / 2);

/// What is wrong with the relay's certificates.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file is missing or cannot be read.
    #[error("{path} cannot be read: {source}. Every relay needs its own, made by `relay-server init`; restore it from a backup")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{path} does not hold {what}: restore it from a backup")]
    Content {
        /// Which file.
        path: PathBuf,
        /// What should be in it.
        what: &'static str,
    },
    /// Nothing can be certified.
    #[error(transparent)]
    Pki(#[from] super::Error),
    /// TLS does not take the certificates.
    #[error(transparent)]
    Tls(#[from] tls::server::Error),
    /// A renewed certificate could not be kept.
    #[error("a renewed certificate could not be written: {0}")]
    Write(#[from] files::Error),
}

/// The relay's certificates and keys, in use.
pub struct Authority {
    folder: Folder,
    issuing: Issuing,
    root: tls::Root,
    root_crl: CertificateRevocationListDer<'static>,
    hosts: Vec<Host>,
    relay_key: SigningKey,
    relay_certificate: CertificateDer<'static>,
    tls: tls::Server,
    crls: RwLock<Vec<CertificateRevocationListDer<'static>>>,
    due: Mutex<Due>,
}

/// When what is to be renewed.
struct Due {
    crl: OffsetDateTime,
    server: OffsetDateTime,
}

impl Authority {
    /// Loads what `init` wrote, renews what is due, and makes a fresh revocation list.
    ///
    /// # Errors
    /// When a file is missing, damaged or does not belong to the others.
    pub fn load(folder: &Folder, now: Micros) -> Result<Self, Error> {
        let authority = Self::inspect(folder, now)?;
        authority.renew(now)?;
        Ok(authority)
    }

    /// The same, but nothing is renewed or written: to see whether all is well.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn inspect(folder: &Folder, now: Micros) -> Result<Self, Error> {
        let path = |file| folder.pki(file);
        let root = tls::Root::new(certificate(&path(Pki::RootCertificate))?);
        let root_crl = crl(&path(Pki::RootCrl))?;
        let issuing = Issuing::new(certificate(&path(Pki::IssuingCertificate))?, key(&path(Pki::IssuingKey))?, root.certificate.clone())?;
        let relay_key = relay_key(folder)?;
        let relay_certificate = certificate(&path(Pki::RelayCertificate))?;
        if public_key(&relay_certificate).as_deref() != Some(relay_key.verifying_key().as_bytes()) {
            return Err(super::Error::Mismatch("relay's receipts").into());
        }

        for (file, certificate) in [(Pki::IssuingCertificate, issuing.certificate()), (Pki::RelayCertificate, &relay_certificate)] {
            if !is_signed_by(certificate, &root.certificate) {
                return Err(Error::Content { path: path(file), what: "a certificate that this relay's root signed" });
            }
        }

        let server = text(&path(Pki::Server))?;
        let identity = tls::Identity::from_pem(server.as_bytes(), server.as_bytes()).map_err(tls::server::Error::Identity)?;
        let (hosts, ends) = identity
            .chain
            .first()
            .and_then(|leaf| about(leaf))
            .ok_or_else(|| Error::Content { path: path(Pki::Server), what: "a certificate for the relay's hosts" })?;
        let crls = vec![issuing.crl(&[], now)?.into(), root_crl.clone()];
        let tls = tls::Server::new(&identity, root.certificate.clone(), crls.clone())?;
        let due = Mutex::new(Due { crl: instant(now)? + RENEW_CRL, server: ends - RENEW_SERVER });
        let folder = folder.clone();
        Ok(Self { folder, issuing, root, root_crl, hosts, relay_key, relay_certificate, tls, crls: RwLock::new(crls), due })
    }

    /// Renews what is due; call it every now and then. What was there before stays when it fails.
    ///
    /// # Errors
    /// When nothing can be certified or written.
    pub fn renew(&self, now: Micros) -> Result<(), Error> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let at = instant(now)?;
        if due.crl <= at {
            self.publish(&[], now)?;
            due.crl = at + RENEW_CRL;
        }
        if due.server <= at {
            let (certificate, key) = self.issuing.server(&self.hosts, now)?;
            let (_, ends) = about(certificate.der()).ok_or(super::Error::Clock)?;
            let pem = files::server(&certificate, &key, &self.issuing);
            let identity = tls::Identity::from_pem(pem.as_bytes(), pem.as_bytes()).map_err(tls::server::Error::Identity)?;
            files::replace(&self.folder.pki(Pki::Server), &pem)?;
            self.tls.replace_operator(&identity)?;
            // Near the end of the issuing CA, a new certificate is not good for longer than the old one.
            due.server = (ends - RENEW_SERVER).max(at + Duration::days(1));
            tracing::info!(until = %ends.date(), "the server certificate was renewed");
        }
        Ok(())
    }

    /// Makes a fresh revocation list and refuses whoever is on it from the next handshake on.
    fn publish(&self, revoked: &[Revoked], now: Micros) -> Result<(), Error> {
        let lists = vec![self.issuing.crl(revoked, now)?.into(), self.root_crl.clone()];
        self.tls.replace_crls(lists.clone())?;
        *self.crls.write().unwrap_or_else(PoisonError::into_inner) = lists;
        Ok(())
    }

    /// Certifies a camera's key under a name.
    ///
    /// # Errors
    /// When nothing can be certified.
    pub fn certify(&self, request: &Request, name: &Name, now: Micros) -> Result<Vec<CertificateDer<'static>>, super::Error> {
        self.issuing.camera(request, name, now)
    }

    /// The relay's side of TLS, which shows the operator's chain. Browsers can be shown another one through it.
    #[must_use]
    pub const fn tls(&self) -> &tls::Server {
        &self.tls
    }

    /// The operator's root, which peers pin.
    #[must_use]
    pub const fn root(&self) -> &tls::Root {
        &self.root
    }

    /// The revocation lists in force: the issuing CA's, fresh, and the root's.
    #[must_use]
    pub fn crls(&self) -> Vec<CertificateRevocationListDer<'static>> {
        self.crls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that signs receipts and log heads.
    #[must_use]
    pub const fn relay_key(&self) -> &SigningKey {
        &self.relay_key
    }

    /// The root's word for the relay key.
    #[must_use]
    pub const fn relay_certificate(&self) -> &CertificateDer<'static> {
        &self.relay_certificate
    }

    /// The hosts that the server certificate is for; the first is the canonical one.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}

/// The hosts of a server certificate, and its end.
pub(crate) fn about(certificate: &CertificateDer<'_>) -> Option<(Vec<Host>, OffsetDateTime)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let names = &parsed.subject_alternative_name().ok()??.value.general_names;
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => name.parse().ok(),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|octets| Host::Ip(octets.into())),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|octets| Host::Ip(octets.into())),
        },
        _ => None,
    };
    let hosts = names.iter().map(host).collect::<Option<Vec<_>>>().filter(|hosts| !hosts.is_empty())?;
    Some((hosts, parsed.validity().not_after.to_datetime()))
}

fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| parsed.public_key().subject_public_key.data.to_vec())
}

fn is_signed_by(certificate: &CertificateDer<'_>, root: &CertificateDer<'_>) -> bool {
    let parse = X509Certificate::from_der;
    matches!((parse(certificate), parse(root)), (Ok((_, subject)), Ok((_, root))) if subject.verify_signature(Some(root.public_key())).is_ok())
}

/// The relay key of this folder.
///
/// # Errors
/// When its file cannot be read, or holds something else.
pub fn relay_key(folder: &Folder) -> Result<SigningKey, Error> {
    let path = folder.pki(Pki::RelayKey);
    SigningKey::from_pkcs8_pem(&text(&path)?).map_err(|_| Error::Content { path, what: "an Ed25519 key" })
}

fn text(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(|source| Error::Read { path: path.to_owned(), source })
}

/// The first certificate in a file.
pub(crate) fn certificate(path: &Path) -> Result<CertificateDer<'static>, Error> {
    let content = |_| Error::Content { path: path.to_owned(), what: "a certificate" };
    CertificateDer::from_pem_slice(text(path)?.as_bytes()).map_err(content)
}

fn crl(path: &Path) -> Result<CertificateRevocationListDer<'static>, Error> {
    let content = |_| Error::Content { path: path.to_owned(), what: "a revocation list" };
    CertificateRevocationListDer::from_pem_slice(text(path)?.as_bytes()).map_err(content)
}

fn key(path: &Path) -> Result<KeyPair, Error> {
    KeyPair::from_pem(&text(path)?).map_err(|_| Error::Content { path: path.to_owned(), what: "a private key (PKCS #8)" })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use super::*;
    use crate::init::{self, Wish};

    const NOON: Micros = Micros(1_800_000_000_000_000);
    const HOUR: u64 = 3_600_000_000;
    const DAY: u64 = 24 * HOUR;

    fn made() -> (tempfile::TempDir, Folder) {
        let dir = tempfile::tempdir().unwrap();
        let further = vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
        let wish = Wish { name: "relay.example".parse().unwrap(), further, dir: dir.path().join("relay"), root_dir: None };
        let folder = init::init(&wish, NOON).unwrap().folder;
        (dir, folder)
    }

    fn after(span: u64) -> Micros {
        Micros(NOON.0 + span)
    }

    #[test]
    fn what_init_made_is_loaded() {
        let (_dir, folder) = made();
        let authority = Authority::load(&folder, NOON).unwrap();
        let shown: Vec<_> = authority.hosts().iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["relay.example", "127.0.0.1", "::1"]);
        assert_eq!(authority.crls().len(), 2);
        assert_eq!(public_key(authority.relay_certificate()).unwrap(), authority.relay_key().verifying_key().as_bytes());
    }

    #[test]
    fn lists_stay_fresh_and_the_server_certificate_is_renewed_in_time() {
        let (_dir, folder) = made();
        let authority = Authority::load(&folder, NOON).unwrap();
        let file = || fs::read_to_string(folder.pki(Pki::Server)).unwrap();
        let (first, lists) = (file(), authority.crls());

        authority.renew(after(11 * HOUR)).unwrap();
        assert_eq!(authority.crls(), lists);
        authority.renew(after(13 * HOUR)).unwrap();
        assert_ne!(authority.crls(), lists);
        assert_eq!(authority.crls()[1], lists[1], "the root's list stays");

        authority.renew(after(59 * DAY)).unwrap();
        assert_eq!(file(), first);
        authority.renew(after(61 * DAY)).unwrap();
        let second = file();
        assert_ne!(second, first);
        authority.renew(after(62 * DAY)).unwrap();
        assert_eq!(file(), second);
        // What was written is what the next start loads, even long after the first certificate's end.
        drop(authority);
        assert_eq!(Authority::load(&folder, after(200 * DAY)).unwrap().hosts().len(), 3);
    }

    #[test]
    fn files_of_another_relay_are_noticed() {
        let ((_dir, folder), (_other_dir, other)) = (made(), made());
        for file in [Pki::IssuingKey, Pki::RelayKey] {
            let ours = fs::read(folder.pki(file)).unwrap();
            fs::copy(other.pki(file), folder.pki(file)).unwrap();
            assert!(matches!(Authority::load(&folder, NOON), Err(Error::Pki(crate::pki::Error::Mismatch(_)))), "{file:?}");
            fs::write(folder.pki(file), ours).unwrap();
        }
        // A pair that fits, under another root.
        let pair = [Pki::IssuingKey, Pki::IssuingCertificate];
        let ours = pair.map(|file| fs::read(folder.pki(file)).unwrap());
        for file in pair {
            fs::copy(other.pki(file), folder.pki(file)).unwrap();
        }
        assert!(matches!(Authority::load(&folder, NOON), Err(Error::Content { .. })));
        for (file, ours) in pair.into_iter().zip(ours) {
            fs::write(folder.pki(file), ours).unwrap();
        }
        for file in Pki::ALL {
            let ours = fs::read(folder.pki(file)).unwrap();
            fs::write(folder.pki(file), "nothing").unwrap();
            assert!(Authority::load(&folder, NOON).is_err(), "{file:?}");
            fs::remove_file(folder.pki(file)).unwrap();
            let error = Authority::load(&folder, NOON).err().unwrap().to_string();
            assert!(error.contains(file.name()), "{error}");
            fs::write(folder.pki(file), ours).unwrap();
        }
        // The control.
        Authority::load(&folder, NOON).unwrap();
    }
}
