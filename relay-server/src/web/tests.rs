#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod matrix;
mod routes;
mod serving;

use std::net::SocketAddr;
use std::sync::Mutex;

use data_encoding::BASE64;
use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
use wire::id::{Micros, Name};

use super::*;
use crate::init::{self, Wish};
use crate::roster::token::Token;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A relay's web on a folder of its own, with a clock that stands until it is moved.
pub(crate) struct Bench {
    _dir: tempfile::TempDir,
    pub(crate) web: Arc<Web>,
    time: Arc<AtomicU64>,
    /// The newest epoch of every camera.
    pub(crate) epoch: Arc<Mutex<Option<Arc<Epoch>>>>,
}

/// Everyone is live.
struct Everyone {
    epoch: Arc<Mutex<Option<Arc<Epoch>>>>,
}

impl Live for Everyone {
    fn is_live(&self, _: CameraId) -> bool {
        true
    }

    fn newest_epoch(&self, _: &Name, _: CameraId) -> Option<Arc<Epoch>> {
        self.epoch.lock().unwrap().clone()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|config| config)
    }

    pub(crate) fn with(change: impl FnOnce(Config) -> Config) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name: crate::pki::host::Host = "127.0.0.1".parse().unwrap();
        // TLS looks at the real time, so the certificates must be of now.
        let time = Arc::new(AtomicU64::new(Clock::system().now().0));
        let clock = {
            let time = Arc::clone(&time);
            Clock::of(move || Micros(time.load(Ordering::Relaxed)))
        };
        let wish = Wish { name: name.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
        let folder = init::init(&wish, clock.now()).unwrap().folder;
        let mut config = Config::new(&name, folder.path());
        config.accounts.dev_insecure_cheap_scrypt = true;
        let config = Arc::new(change(config));
        let authority = Arc::new(Authority::load(&folder, clock.now()).unwrap());
        let base = Base {
            roster: Arc::new(Roster::open(&folder.roster()).unwrap()),
            accounts: Arc::new(Accounts::open(&folder.accounts(), config.accounts.clone(), clock.clone()).unwrap()),
            log: Log::open(&folder.log(), authority.relay_key().clone(), clock.clone()).unwrap(),
            handshakes: Arc::new(Rate::new(100, Duration::from_secs(1), 1)),
            stop: link::shutdown::Shutdown::new(),
            config,
            authority,
            clock,
        };
        let epoch = Arc::new(Mutex::new(None));
        let live = Arc::new(Everyone { epoch: Arc::clone(&epoch) });
        Self { _dir: dir, web: Arc::new(Web::new(&base, live)), time, epoch }
    }

    pub(crate) fn wait(&self, span: Duration) {
        self.time.fetch_add(u64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }

    pub(crate) fn invite(&self, name: &str, replace: bool) -> Token {
        let name: Name = name.parse().unwrap();
        self.web.roster.invite(&name, replace, HOUR, self.web.clock.now()).unwrap().0
    }
}

pub(crate) fn camera_key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

pub(crate) fn enrolment(token: &Token, key: &KeyPair) -> Enrolment {
    let csr = CertificateParams::default().serialize_request(key).unwrap();
    Enrolment { name: None, token: token.to_string(), csr: BASE64.encode(csr.der()) }
}

pub(crate) fn peer(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 40_000))
}
