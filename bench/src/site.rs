//! A relay's folder on this machine, with one camera enrolled: made anew for each measurement, gone afterwards.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use link::tls::{Identity, PrivateKeyDer, RootFingerprint, Trust};
use rcgen::{CertificateParams, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};
use relay_server::config::Config;
use relay_server::folder::Folder;
use relay_server::init::{self, Wish};
use relay_server::pki::authority::Authority;
use relay_server::pki::host::Host;
use relay_server::pki::request::Request;
use relay_server::roster::Roster;
use tempfile::TempDir;
use wire::id::{CameraId, Name};

use crate::clock;

/// Where the relay is: loopback, and nothing else.
pub const HOST: &str = "127.0.0.1";

/// What the camera is called.
pub const CAMERA: &str = "bench";

/// A relay's folder and its camera.
pub struct Site {
    dir: TempDir,
    root: RootFingerprint,
    key: SigningKey,
    identity: Identity,
}

impl Site {
    /// Makes the folder below that one, and enrols the camera.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn make(below: &Path) -> anyhow::Result<Self> {
        let dir = TempDir::with_prefix_in("celosia-bench-", below).context("no folder for the relay")?;
        let (now, name) = (clock::now(), CAMERA.parse::<Name>()?);
        let wish = Wish { name: HOST.parse()?, further: Vec::new(), dir: folder(dir.path()), root_dir: None };
        let made = init::init(&wish, now)?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).context("no random numbers")?;
        let key = SigningKey::from_bytes(&seed);

        let request = CertificateParams::default().serialize_request(&Holder(key.clone(), key.verifying_key().to_bytes()))?;
        let chain = Authority::load(&made.folder, now)?.certify(&Request::verify(request.der())?, &name, now)?;
        let roster = Roster::open(&made.folder.roster())?;
        let (token, _) = roster.invite(&name, false, Duration::from_secs(3600), now)?;
        let id = CameraId(key.verifying_key().to_bytes());
        roster.enrol(&token.hash(), id, None, 1, now, |_| Ok(chain.clone()))?;

        let der = key.to_pkcs8_der()?;
        let private = PrivateKeyDer::try_from(der.as_bytes().to_vec()).map_err(|error| anyhow::anyhow!("the camera's key: {error}"))?;
        Ok(Self { dir, root: made.fingerprint, key, identity: Identity { chain, key: private } })
    }

    /// Where everything of it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// What viewers and agents pin.
    #[must_use]
    pub const fn trust(&self) -> Trust {
        Trust::Pinned(self.root)
    }

    /// The camera's key.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The camera's certificate.
    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }
}

/// The relay's folder in a site.
#[must_use]
pub fn folder(site: &Path) -> PathBuf {
    site.join("relay")
}

/// The configuration of a relay in a site: the defaults, but many viewers may come from one address, and quickly.
///
/// # Errors
/// Never: loopback is a host.
pub fn config(site: &Path) -> anyhow::Result<Config> {
    let host: Host = HOST.parse()?;
    let mut config = Config::new(&host, Folder::at(folder(site)).path());
    config.listen = (std::net::Ipv4Addr::LOCALHOST, 0).into();
    config.limits.connections_per_address = config.limits.connections;
    config.limits.handshakes_per_second = 1000;
    Ok(config)
}

/// A key that signs certificate requests.
struct Holder(SigningKey, [u8; 32]);

impl PublicKeyData for Holder {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl rcgen::SigningKey for Holder {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}
