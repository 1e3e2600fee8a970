//! The whole relay: what runs, in which order it starts, and in which order it stops.
//!
//! ```text
//! starts:  roster (locks the folder) → authority → accounts, log → archive → hub → accept (UDP) → web (TCP) → admin → metrics
//! stops:   accept, web and admin take nothing new → what is under way ends → hub → archive closes its segments → log → roster
//! ```
//!
//! All of them stand on what [`Base`] holds; connections work with [`Parts`].

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use link::address::{Invalid, Relay as Address};
use link::endpoint::{self, Transport};
use link::shutdown::Shutdown;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::accept;
use crate::accounts::{self, Accounts};
use crate::admin::{self, Admin, socket as commands};
use crate::archive::{self, Archive};
use crate::audit::Log;
use crate::clock::Clock;
use crate::config::Config;
use crate::folder::Folder;
use crate::gate::{Gate, Rate};
use crate::limits;
use crate::metrics::{self, Watched};
use crate::parts::Parts;
use crate::pki;
use crate::pki::authority::{self, Authority};
use crate::pki::host::Host;
use crate::pki::short_lived::ShortLived;
use crate::roster::{self, Roster};
use crate::web::serve::{Doors, Patience};
use crate::web::socket::{self, Sockets as WebSockets};
use crate::web::{self, Live, Web};

/// How often what expires is looked at.
const RENEW_EVERY: Duration = Duration::from_secs(600);

/// Connections that the system holds until they are accepted.
const BACKLOG: i32 = 1024;

/// Why the relay does not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The UDP port.
    #[error(transparent)]
    Udp(#[from] endpoint::Error),
    /// The TCP port.
    #[error("TCP port {} cannot be listened on at {}: {source}. Stop what listens there, or set another port (listen)", .address.port(), .address.ip())]
    Tcp {
        /// Where.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The roster.
    #[error(transparent)]
    Roster(#[from] roster::Error),
    /// The accounts, or the log.
    #[error(transparent)]
    Accounts(#[from] accounts::Error),
    /// The certificates.
    #[error(transparent)]
    Authority(#[from] authority::Error),
    /// The certificate is for other hosts.
    #[error(
        "the relay's certificate is not for {name}, the name in its configuration, but for {hosts}: correct the name, or make a relay for it (init)"
    )]
    Name {
        /// The configured name.
        name: String,
        /// The certificate's.
        hosts: String,
    },
    /// Name and port make no address.
    #[error("the relay's name and port make no address: {0}")]
    Address(#[from] Invalid),
    /// The socket for commands.
    #[error(transparent)]
    Admin(#[from] commands::Error),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// The certificate for browsers.
    #[error("no certificate could be made for browsers: {0}")]
    Browsers(#[from] pki::Error),
    /// TLS.
    #[error(transparent)]
    Tls(#[from] link::tls::server::Error),
    /// A part ended although nobody asked it to.
    #[error("a part of the relay ended by itself: {0}")]
    Ended(String),
}

/// The relay's two sockets, on one port number.
#[derive(Debug)]
pub struct Sockets {
    /// For QUIC.
    pub udp: UdpSocket,
    /// For HTTPS.
    pub tcp: TcpListener,
}

impl Sockets {
    /// Binds both. Port 0 gives any port that is free for both.
    ///
    /// # Errors
    /// When the port is in use, or not this machine's or this program's to have.
    pub fn bind(listen: SocketAddr) -> Result<Self, Error> {
        let mut tries = if listen.port() == 0 { 16 } else { 1 };
        loop {
            tries -= 1;
            let udp = endpoint::bind(listen, Transport::RELAY.udp_buffer)?;
            let address = udp.local_addr().map_err(|source| Error::Tcp { address: listen, source })?;
            match listen_tcp(address) {
                Ok(tcp) => return Ok(Self { udp, tcp }),
                Err(_) if tries > 0 => {}
                Err(source) => return Err(Error::Tcp { address, source }),
            }
        }
    }
}

fn listen_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A relay that restarts does not wait for its old connections to be forgotten.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Whether the certificate is for the configured name.
///
/// # Errors
/// When it is not.
pub(crate) fn is_named(config: &Config, hosts: &[Host]) -> Result<(), Error> {
    if hosts.iter().any(|host| host.to_string() == config.name()) {
        return Ok(());
    }
    let hosts = hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    Err(Error::Name { name: config.name().to_owned(), hosts })
}

/// What every part of a relay stands on.
#[derive(Clone)]
pub struct Base {
    /// The configuration.
    pub config: Arc<Config>,
    /// Cameras and invitations.
    pub roster: Arc<Roster>,
    /// Certificates and keys.
    pub authority: Arc<Authority>,
    /// Who has an account.
    pub accounts: Arc<Accounts>,
    /// What happened.
    pub log: Log,
    /// Handshakes of QUIC and TCP together.
    pub handshakes: Arc<Rate<()>>,
    /// The time.
    pub clock: Clock,
    /// When to stop.
    pub stop: Shutdown,
}

/// A running relay.
pub struct Relay {
    /// What its parts stand on.
    pub base: Base,
    /// What its connections work with.
    pub parts: Arc<Parts>,
    archive: Archive,
    at: SocketAddr,
    metrics_at: Option<SocketAddr>,
    tasks: JoinSet<Result<(), Error>>,
}

impl Relay {
    /// Starts everything. The configuration is a valid one ([`Config::load`]), sockets and clock are the caller's, and `stop` ends it.
    ///
    /// # Errors
    /// When a part cannot start; those that did are stopped again.
    pub async fn start(config: Config, sockets: Sockets, clock: Clock, stop: Shutdown) -> Result<Self, Error> {
        let folder = Folder::at(&config.dir);
        // First of all the roster: its lock says that no other relay works in this folder.
        let roster = Arc::new(Roster::open(&folder.roster())?);
        let authority = Arc::new(Authority::load(&folder, clock.now())?);
        is_named(&config, authority.hosts())?;
        let at = sockets.tcp.local_addr().map_err(|source| Error::Tcp { address: config.listen, source })?;
        let tcp = tokio::net::TcpListener::from_std(sockets.tcp).map_err(|source| Error::Tcp { address: at, source })?;
        let limits = config.limits;
        let accounts = Arc::new(Accounts::open(&folder.accounts(), config.accounts.clone(), clock.clone())?);
        let log = Log::open(&folder.log(), authority.relay_key().clone(), clock.clone())?;
        let base = Base {
            config: Arc::new(config),
            roster,
            authority,
            accounts,
            log,
            handshakes: Arc::new(Rate::new(limits.handshakes_per_second, Duration::from_secs(1), 1)),
            clock,
            stop,
        };

        let archive = open_archive(&base).await?;
        let parts = Arc::new(Parts::new(&base, Arc::new(archive.clone()), Arc::new(archive.clone())));
        let live: Arc<dyn Live> = Arc::clone(&parts) as _;

        let mut tasks = JoinSet::new();
        let Base { config, roster, authority, accounts, log, handshakes, clock, stop } = base.clone();
        let life = config.browsers.certificate_life();
        let certificates = Arc::new(ShortLived::begin(authority.hosts(), life, authority.tls(), clock.now())?);
        let quic = authority.tls().quic()?;
        let endpoint = endpoint::server(sockets.udp, quic, &limits::stranger(), &limits::handshakes())
            .map_err(|source| endpoint::Error::Socket { address: at, source })?;
        let doors =
            Doors { gate: Gate::new(limits.connections, limits.connections_per_address), handshakes, patience: Patience::default() };
        let tls = authority.tls().tcp()?;
        let admin = Admin {
            config: Arc::clone(&config),
            roster: Arc::clone(&roster),
            address: Address::new(config.name(), at.port())?,
            root: authority.root().fingerprint,
            live: Arc::clone(&live),
            accounts,
            log,
            relay_key: authority.relay_key().verifying_key(),
            clock,
        };
        let listener = commands::listen(&folder.admin_socket())?;
        let sockets =
            WebSockets { parts: Arc::clone(&parts), certificates: Arc::clone(&certificates), stop: stop.clone(), open: TaskTracker::new() };
        let app = web::router(Arc::new(Web::new(&base, live))).merge(socket::routes(sockets.clone()));
        let accepting = accept::run(endpoint, Arc::clone(&parts), stop.clone());
        tasks.spawn(async move {
            accepting.await;
            Ok(())
        });
        let ended = |what: &'static str| move |error: io::Error| Error::Ended(format!("{what}: {error}"));
        let web = web::serve::serve(tcp, tls, app, doors, stop.clone());
        tasks.spawn(async move {
            let served = web.await.map_err(ended("HTTPS"));
            sockets.open.close();
            // Every viewer hears why before the relay is gone; who does not listen is cut off.
            let _ = timeout(limits::DRAIN, sockets.open.wait()).await;
            served
        });
        let admin = commands::serve(listener, folder.admin_socket(), admin::router(Arc::new(admin)), stop);
        tasks.spawn(async move { admin.await.map_err(ended("commands")) });
        tasks.spawn(renew(base.clone()));
        tasks.spawn(rotate(base.clone(), certificates));
        tasks.spawn(expire(base.clone()));
        let metrics = metrics::listen(base.config.metrics, Arc::new(Watched::new(&base, Arc::clone(&parts), archive.clone()))).await;
        let metrics_at = metrics.as_ref().and_then(metrics::Metrics::address);
        let stop = base.stop.clone();
        tasks.spawn(async move {
            match metrics {
                Some(metrics) => metrics.serve(stop).await.map_err(ended("metrics")),
                None => {
                    stop.draining().await;
                    Ok(())
                }
            }
        });
        Ok(Self { base, parts, archive, at, metrics_at, tasks })
    }

    /// What is kept of every camera.
    #[must_use]
    pub const fn archive(&self) -> &Archive {
        &self.archive
    }

    /// Where that lies.
    #[must_use]
    pub fn archive_folder(&self) -> PathBuf {
        archive_config(&self.base.config).archive()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.at
    }

    /// Where its numbers are read, if they are.
    #[must_use]
    pub const fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_at
    }

    /// Waits until it has stopped. When one part ends by itself, the others are stopped.
    ///
    /// # Errors
    /// Why that part ended.
    pub async fn ended(mut self) -> Result<(), Error> {
        let mut result = Ok(());
        while let Some(ended) = self.tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(Error::Ended(error.to_string())));
            if !self.base.stop.is_draining() && ended.is_ok() {
                result = Err(Error::Ended("it had nothing more to do".to_owned()));
            }
            result = result.and(ended);
            self.base.stop.drain();
        }
        // Nobody hands anything to the archive any more: what is in its queue is stored, and its segments are closed.
        let archive = self.archive.clone();
        let log = self.base.log.clone();
        let closed = tokio::task::spawn_blocking(move || {
            archive.stop();
            log.close();
        });
        tokio::select! {
            _ = closed => {}
            () = self.base.stop.aborted() => {}
        }
        result
    }
}

fn archive_config(config: &Config) -> archive::Config {
    archive::Config::new(&config.dir, config.archive.max_bytes, config.archive.max_bytes_per_camera)
}

/// Opens the archive, which may take a while after a crash.
async fn open_archive(base: &Base) -> Result<Archive, Error> {
    let (config, key, clock) = (archive_config(&base.config), base.authority.relay_key().clone(), base.clock.clone());
    let opened = tokio::task::spawn_blocking(move || Archive::open(config, key, clock, archive::Monotonic::system()));
    Ok(opened.await.map_err(|error| Error::Ended(error.to_string()))??)
}

/// Keeps lists and certificates fresh. What fails is tried again; `check` and the log say so.
async fn renew(base: Base) -> Result<(), Error> {
    loop {
        tokio::select! {
            () = base.stop.draining() => return Ok(()),
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
        let (authority, now) = (Arc::clone(&base.authority), base.clock.now());
        match tokio::task::spawn_blocking(move || authority.renew(now)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "certificates could not be renewed"),
            Err(error) => tracing::error!(%error, "certificates could not be renewed"),
        }
    }
}

/// Removes sessions that are over, and from the log what tells of persons and is old.
async fn expire(base: Base) -> Result<(), Error> {
    let days = Duration::from_secs(u64::from(base.config.log.personal_days) * 24 * 3600);
    loop {
        let (accounts, log) = (Arc::clone(&base.accounts), base.log.clone());
        let done = tokio::task::spawn_blocking(move || accounts.sweep().and_then(|()| log.forget(days)));
        match done.await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!(%error, "what is over could not be removed"),
            Err(error) => tracing::error!(%error, "what is over could not be removed"),
        }
        tokio::select! {
            () = base.stop.draining() => return Ok(()),
            () = tokio::time::sleep(RENEW_EVERY) => {}
        }
    }
}

/// Changes what browsers are shown over WebTransport, at half of its life.
async fn rotate(base: Base, certificates: Arc<ShortLived>) -> Result<(), Error> {
    loop {
        tokio::select! {
            () = base.stop.draining() => return Ok(()),
            () = tokio::time::sleep(certificates.shown_for()) => {}
        }
        if let Err(error) = certificates.rotate(base.clock.now()) {
            tracing::error!(%error, "the certificate for browsers could not be renewed");
        }
    }
}

#[cfg(test)]
mod tests;
