//! Whoever has a relay's folder: its operator, or somebody who broke in. Certifies what it likes with the real issuing CA, and shows the
//! real server certificate.

use std::net::SocketAddr;

use bytes::Bytes;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use link::endpoint;
use link::tls::{CertificateDer, Identity, PrivateKeyDer, RootFingerprint};
use quinn::Endpoint;
use rcgen::{CertificateParams, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};
use relay_server::clock::Clock;
use relay_server::folder::Folder;
use relay_server::init::{self, Wish};
use relay_server::limits;
use relay_server::pki::authority::Authority;
use relay_server::pki::request::Request;
use tempfile::TempDir;
use wire::id::Name;
use wire::message;

/// The host name of every relay here.
pub const HOST: &str = "127.0.0.1";

/// The keys of a relay, in use.
pub struct Operator {
    folder: Folder,
    authority: Authority,
    _dir: Option<TempDir>,
}

impl Default for Operator {
    fn default() -> Self {
        Self::new()
    }
}

impl Operator {
    /// With a relay's folder of its own.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = found(&dir.path().join("relay"));
        Self { _dir: Some(dir), ..Self::of(&folder) }
    }

    /// With the folder of a relay that exists.
    #[must_use]
    pub fn of(folder: &Folder) -> Self {
        let authority = Authority::load(folder, Clock::system().now()).unwrap();
        Self { folder: folder.clone(), authority, _dir: None }
    }

    /// Where the keys lie.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What viewers pin.
    #[must_use]
    pub fn root(&self) -> RootFingerprint {
        self.authority.root().fingerprint
    }

    /// A camera's certificate with its chain.
    #[must_use]
    pub fn certify(&self, name: &str, key: &SigningKey) -> Vec<CertificateDer<'static>> {
        let request = CertificateParams::default().serialize_request(&Holder(key.clone(), key.verifying_key().to_bytes())).unwrap();
        let request = Request::verify(request.der()).unwrap();
        self.authority.certify(&request, &name.parse().unwrap(), Clock::system().now()).unwrap()
    }

    /// A camera's certificate and key, for TLS.
    #[must_use]
    pub fn identity(&self, name: &str, key: &SigningKey) -> Identity {
        identity(self.certify(name, key), key)
    }

    /// How a relay introduces a camera of that name and key.
    #[must_use]
    pub fn introduction(&self, name: &str, key: &SigningKey) -> message::Camera {
        let bytes = |der: &[u8]| Bytes::copy_from_slice(der);
        let name: Name = name.parse().unwrap();
        message::Camera {
            subscription: 1,
            chain: self.certify(name.as_str(), key).iter().map(|certificate| bytes(certificate)).collect(),
            crls: self.authority.crls().iter().map(|list| bytes(list)).collect(),
            name,
        }
    }

    /// An endpoint that shows the real server certificate, on this address (port 0: any).
    #[must_use]
    pub fn endpoint(&self, at: SocketAddr) -> Endpoint {
        let socket = endpoint::bind(at, 1 << 20).unwrap();
        let tls = self.authority.tls().quic().unwrap();
        endpoint::server(socket, tls, &limits::agent(), &limits::handshakes()).unwrap()
    }
}

/// Makes a relay's folder.
#[must_use]
pub fn found(dir: &std::path::Path) -> Folder {
    let wish = Wish { name: HOST.parse().unwrap(), further: Vec::new(), dir: dir.to_owned(), root_dir: None };
    init::init(&wish, Clock::system().now()).unwrap().folder
}

/// A chain with its key.
#[must_use]
pub fn identity(chain: Vec<CertificateDer<'static>>, key: &SigningKey) -> Identity {
    let key = PrivateKeyDer::try_from(key.to_pkcs8_der().unwrap().as_bytes().to_vec()).unwrap();
    Identity { chain, key }
}

/// A key that signs a request.
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
