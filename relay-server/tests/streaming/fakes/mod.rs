//! A relay in this process, on a port of its own, with a memory instead of an archive; and the peers that talk to it.

pub mod agent;
pub mod camera;
pub mod path;
pub mod viewer;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use ed25519_dalek::{Signer as _, SigningKey};
use link::endpoint::{self, Transport};
use link::shutdown::Shutdown;
use link::tls::{self, Identity, RootFingerprint, Trust};
use quinn::{Connection, Endpoint};
use rcgen::{CertificateParams, PKCS_ED25519, PublicKeyData, SignatureAlgorithm};
use relay_server::accounts::Accounts;
use relay_server::audit::Log;
use relay_server::clock::Clock;
use relay_server::config::{Config, SealedAccess};
use relay_server::folder::Folder;
use relay_server::gate::Rate;
use relay_server::init::{self, Wish};
use relay_server::parts::Parts;
use relay_server::pki::authority::Authority;
use relay_server::pki::request::Request;
use relay_server::roster::Roster;
use relay_server::run::{Base, Sockets};
use relay_server::serve::{Asked, History, Reader, Recorded, Unreadable};
use relay_server::verify::{Epoch, Full, Place, Store};
use relay_server::{accept, limits};
use tempfile::TempDir;
use wire::frame::SignedFrame;
use wire::id::{CameraId, Name};
use wire::message;
use wire::verify::Verified;

/// How long anything may take before a test fails. Only a failing test waits so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Remembers what it is given to keep.
#[derive(Default)]
pub struct Memory {
    pub kept: Mutex<Vec<(CameraId, Kept)>>,
    pub full: AtomicBool,
}

#[derive(Clone)]
pub enum Kept {
    Epoch(Arc<Epoch>),
    Frame(Arc<Verified<SignedFrame>>),
}

impl Memory {
    /// The frames of a camera in the order in which they came.
    pub fn frames(&self, camera: CameraId) -> Vec<Place> {
        let kept = self.kept.lock().unwrap();
        let frame = |(of, kept): &(CameraId, Kept)| match kept {
            Kept::Frame(frame) if *of == camera => Some(Place::of(frame)),
            _ => None,
        };
        kept.iter().filter_map(frame).collect()
    }

    fn of(&self, camera: CameraId) -> Vec<Kept> {
        let kept = self.kept.lock().unwrap();
        kept.iter().filter(|(of, _)| *of == camera).map(|(_, kept)| kept.clone()).collect()
    }
}

impl Store for Memory {
    fn camera(&self, _: CameraId, _: message::Camera) {}

    fn epoch(&self, epoch: &Epoch) {
        let camera = epoch.record().record().camera;
        let copy = Epoch::new(Arc::clone(epoch.record()), epoch.list().clone(), epoch.grants().to_vec()).unwrap();
        self.kept.lock().unwrap().push((camera, Kept::Epoch(Arc::new(copy))));
    }

    fn frame(&self, frame: &Arc<Verified<SignedFrame>>) -> Result<(), Full> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Full);
        }
        self.kept.lock().unwrap().push((frame.context().camera, Kept::Frame(Arc::clone(frame))));
        Ok(())
    }
}

impl History for Memory {
    fn newest_epoch(&self, camera: CameraId) -> Option<Arc<Epoch>> {
        self.of(camera).into_iter().rev().find_map(|kept| match kept {
            Kept::Epoch(epoch) => Some(epoch),
            Kept::Frame(_) => None,
        })
    }

    fn range(&self, camera: CameraId, asked: Asked) -> Result<Reader, Unreadable> {
        let mut kept = self.of(camera);
        // Groups come in any order; a recording has the camera's.
        kept.sort_by_key(|kept| match kept {
            Kept::Epoch(_) => None,
            Kept::Frame(frame) => Some(Place::of(frame)),
        });
        let recorded = kept.into_iter().filter_map(move |kept| match kept {
            Kept::Epoch(epoch) => Some(Ok(Recorded::Epoch(epoch))),
            Kept::Frame(frame) => {
                let header = frame.header();
                let wanted = header.flags.key || !asked.key_frames_only;
                let inside = wanted && (asked.from..=asked.to).contains(&header.captured_at);
                inside.then(|| Ok(Recorded::Frame(Box::new(Verified::clone(&frame)))))
            }
        });
        Ok(Box::new(recorded))
    }
}

pub struct Relay {
    dir: Arc<TempDir>,
    pub parts: Arc<Parts>,
    pub memory: Arc<Memory>,
    pub at: SocketAddr,
    pub root: RootFingerprint,
    pub shutdown: Shutdown,
    /// The way that peers take from now on, if not the direct one.
    pub way: Option<path::Proxy>,
    task: tokio::task::JoinHandle<()>,
}

fn made(dir: &TempDir) -> Config {
    let name: relay_server::pki::host::Host = "127.0.0.1".parse().unwrap();
    let wish = Wish { name: name.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
    let folder = init::init(&wish, Clock::system().now()).unwrap().folder;
    let mut config = Config::new(&name, folder.path());
    config.accounts.dev_insecure_cheap_scrypt = true;
    // Most tests here are about streams, and name a key; those about accounts say so.
    config.with_sealed_access(SealedAccess::Anyone)
}

impl Relay {
    pub fn start() -> Self {
        Self::with(|config| config)
    }

    pub fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let config = change(made(&dir));
        let (folder, clock) = (Folder::at(&config.dir), Clock::system());
        let roster = Arc::new(Roster::open(&folder.roster()).unwrap());
        let authority = Arc::new(Authority::load(&folder, clock.now()).unwrap());
        let root = authority.root().fingerprint;
        let socket = endpoint::bind("127.0.0.1:0".parse().unwrap(), 4 << 20).unwrap();
        let at = socket.local_addr().unwrap();
        let server = endpoint::server(socket, authority.tls().quic().unwrap(), &limits::stranger(), &limits::handshakes()).unwrap();
        let memory = Arc::new(Memory::default());
        let shutdown = Shutdown::new();
        let base = Base {
            accounts: Arc::new(Accounts::open(&folder.accounts(), config.accounts.clone(), clock.clone()).unwrap()),
            log: Log::open(&folder.log(), authority.relay_key().clone(), clock.clone()).unwrap(),
            handshakes: Arc::new(Rate::new(config.limits.handshakes_per_second, Duration::from_secs(1), 1)),
            config: Arc::new(config),
            roster,
            authority,
            clock,
            stop: shutdown.clone(),
        };
        let parts = Arc::new(Parts::new(&base, Arc::clone(&memory) as _, Arc::clone(&memory) as _));
        let task = tokio::spawn(accept::run(server, Arc::clone(&parts), shutdown.clone()));
        Self { dir, parts, memory, at, root, shutdown, way: None, task }
    }

    /// A whole relay, with its archive and everything else.
    pub async fn whole() -> Self {
        Self::whole_with(|config| config).await
    }

    pub async fn whole_with(change: impl FnOnce(Config) -> Config) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let config = change(made(&dir));
        Self::run(dir, config).await
    }

    /// Asks a whole relay's API, as our own programs do.
    pub fn api(&self, identity: Option<&Identity>) -> link::api::Client {
        let client = tls::Client::new(Trust::Pinned(self.root), identity, tls::API).unwrap();
        link::api::Client::new(link::address::Relay::new("127.0.0.1", self.at.port()).unwrap(), client)
    }

    async fn run(dir: Arc<TempDir>, config: Config) -> Self {
        let shutdown = Shutdown::new();
        let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let relay = relay_server::run::Relay::start(config, sockets, Clock::system(), shutdown.clone()).await.unwrap();
        let (parts, at, root) = (Arc::clone(&relay.parts), relay.address(), relay.base.authority.root().fingerprint);
        let task = tokio::spawn(async move { relay.ended().await.unwrap() });
        Self { dir, parts, memory: Arc::default(), at, root, shutdown, way: None, task }
    }

    /// Stops a whole relay and starts it again.
    pub async fn restart(self) -> Self {
        let (dir, config) = (Arc::clone(&self.dir), Config::clone(&self.parts.config));
        self.stop().await;
        Self::run(dir, config).await
    }

    /// Stops it, and waits until it has.
    pub async fn stop(self) {
        self.shutdown.drain();
        tokio::time::timeout(PATIENCE, self.task).await.unwrap().unwrap();
    }

    /// The names, kinds and labels of the log's entries.
    pub fn logged(&self) -> Vec<(String, String, Vec<String>)> {
        let entries = self.parts.log.read(0).unwrap().into_iter().map(link::api::account::Entry::from);
        entries.map(|entry| (entry.name.unwrap_or_default(), entry.kind, entry.labels)).collect()
    }

    /// Enrols a key under a name.
    pub fn enrol(&self, name: &str, key: &SigningKey) -> Identity {
        let name: Name = name.parse().unwrap();
        let now = self.parts.clock.now();
        let (token, _) = self.parts.roster.invite(&name, true, Duration::from_secs(3600), now).unwrap();
        let chain = self.certify(&name, key);
        let id = CameraId(key.verifying_key().to_bytes());
        let certify = |_: &Name| Ok(chain.clone());
        self.parts.roster.enrol(&token.hash(), id, None, 100, now, certify).unwrap();
        identity(chain, key)
    }

    /// A certificate under this relay's root, without a place in the roster.
    pub fn certify(&self, name: &Name, key: &SigningKey) -> Vec<tls::CertificateDer<'static>> {
        let request = CertificateParams::default().serialize_request(&Holder(key.clone(), key.verifying_key().to_bytes())).unwrap();
        let request = Request::verify(request.der()).unwrap();
        self.parts.authority.certify(&request, name, self.parts.clock.now()).unwrap()
    }

    /// Connects somebody; the endpoint must be kept as long as the connection.
    pub async fn connect(&self, identity: Option<&Identity>, transport: &Transport) -> (Endpoint, Connection) {
        self.connect_as(identity, transport, tls::PEER).await.unwrap()
    }

    pub async fn connect_as(
        &self,
        identity: Option<&Identity>,
        transport: &Transport,
        alpn: &[u8],
    ) -> Result<(Endpoint, Connection), endpoint::ConnectError> {
        let client = tls::Client::new(Trust::Pinned(self.root), identity, alpn).unwrap();
        let endpoint = endpoint::client(transport).unwrap();
        let at = self.way.as_ref().map_or(self.at, |proxy| proxy.at);
        let relay = link::address::Relay::new("127.0.0.1", at.port()).unwrap();
        let (connection, _) = endpoint::connect(&endpoint, &client, transport, &relay, PATIENCE).await?;
        Ok((endpoint, connection))
    }
}

pub fn identity(chain: Vec<tls::CertificateDer<'static>>, key: &SigningKey) -> Identity {
    let key = tls::PrivateKeyDer::try_from(key.to_pkcs8_der().unwrap().as_bytes().to_vec()).unwrap();
    Identity { chain, key }
}

/// Waits until something holds; what must never hold is not for this.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let held = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, held).await.is_ok(), "never happened: {what}");
}

/// A key that signs requests.
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
