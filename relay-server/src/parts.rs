//! What every connection works with.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;
use wire::id::{CameraId, Name};

use crate::accounts::Accounts;
use crate::audit::Log;
use crate::clock::Clock;
use crate::config::Config;
use crate::counters::Counters;
use crate::gate::Rate;
use crate::hub::Hub;
use crate::limits::{READERS, REPLAYS};
use crate::pki::authority::Authority;
use crate::roster::Roster;
use crate::run::Base;
use crate::serve::History;
use crate::verify::{Cameras, Epoch, Store};
use crate::web::Live;

/// The parts of a relay that connections share.
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// Who belongs here.
    pub roster: Arc<Roster>,
    /// Certificates, and who was taken back.
    pub authority: Arc<Authority>,
    /// The cameras, from their agents' side.
    pub cameras: Cameras,
    /// The cameras, from their viewers' side.
    pub hub: Arc<Hub>,
    /// Recordings.
    pub history: Arc<dyn History>,
    /// Who has an account.
    pub accounts: Arc<Accounts>,
    /// What happened.
    pub log: Log,
    /// What is counted.
    pub counters: Arc<Counters>,
    /// The time.
    pub clock: Clock,
    /// Handshakes per second, those of HTTPS included.
    pub handshakes: Arc<Rate<()>>,
    /// One permit for every viewer that fits.
    pub(crate) viewers: Arc<Semaphore>,
    /// One permit for every range that is being sent.
    pub(crate) replays: Arc<Semaphore>,
    /// One permit for every read of the archive.
    pub(crate) readers: Arc<Semaphore>,
}

impl Parts {
    /// A relay's parts: `store` keeps what is verified, `history` reads it again.
    #[must_use]
    pub fn new(base: &Base, store: Arc<dyn Store>, history: Arc<dyn History>) -> Self {
        let (hub, counters) = (Arc::new(Hub::new()), Arc::new(Counters::default()));
        let viewers = usize::try_from(base.config.limits.viewers).unwrap_or(Semaphore::MAX_PERMITS);
        Self {
            config: Arc::clone(&base.config),
            roster: Arc::clone(&base.roster),
            authority: Arc::clone(&base.authority),
            cameras: Cameras::new(Arc::clone(&hub), store, Arc::clone(&counters)),
            hub,
            history,
            accounts: Arc::clone(&base.accounts),
            log: base.log.clone(),
            counters,
            clock: base.clock.clone(),
            handshakes: Arc::clone(&base.handshakes),
            viewers: Arc::new(Semaphore::new(viewers)),
            replays: Arc::new(Semaphore::new(REPLAYS)),
            readers: Arc::new(Semaphore::new(READERS)),
        }
    }

    /// For how many more viewers there is room.
    #[must_use]
    pub fn viewers_free(&self) -> usize {
        self.viewers.available_permits()
    }

    /// The revocation lists in force (DER).
    #[must_use]
    pub fn crls(&self) -> Vec<Bytes> {
        self.authority.crls().into_iter().map(|list| Bytes::copy_from_slice(&list)).collect()
    }
}

impl Live for Parts {
    fn is_live(&self, camera: CameraId) -> bool {
        self.hub.is_online(camera)
    }

    fn not_storing(&self) -> Option<String> {
        self.history.problem()
    }

    fn newest_epoch(&self, name: &Name, camera: CameraId) -> Option<Arc<Epoch>> {
        let channel = self.hub.get(name).filter(|channel| channel.camera() == camera);
        channel.and_then(|channel| channel.newest_epoch()).or_else(|| self.history.newest_epoch(camera))
    }

    fn remove(&self, camera: CameraId) {
        self.cameras.revoke(camera);
    }
}
