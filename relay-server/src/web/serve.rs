//! HTTPS on a listener: the handshake, HTTP/1.1 or HTTP/2 as agreed by ALPN, and every bound and deadline around it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use link::shutdown::Shutdown;
use link::tls;
use rustls::ServerConfig;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt as _;

use super::who::Shown;
use crate::gate::{Gate, Rate};
use crate::web::socket::Seat;

/// Bytes of a request's head over HTTP/2.
const MAX_HEAD: u32 = 16 << 10;
/// Bytes of a request's head over HTTP/1.1, and of what is read ahead.
const MAX_BUFFER: usize = 16 << 10;
/// Requests at one time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 16;
/// Bytes that wait in the kernel for their turn on one connection: one packet's worth of a frame is enough to keep the line busy.
const UNSENT: u32 = 64 << 10;
/// How long accepting rests when the system has no more file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Who is let in, and how long they may take.
#[derive(Debug, Clone)]
pub struct Doors {
    /// How many at one time.
    pub gate: Gate,
    /// How many handshakes.
    pub handshakes: Arc<Rate<()>>,
    /// How long.
    pub patience: Patience,
}

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// A TLS handshake.
    pub handshake: Duration,
    /// A request's head, and lying idle before one.
    pub head: Duration,
    /// One connection altogether: slow readers end here at the latest.
    pub lifetime: Duration,
    /// What is being answered when the relay stops.
    pub drain: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(30),
            lifetime: Duration::from_secs(600),
            drain: Duration::from_secs(5),
        }
    }
}

/// Serves until it is time to finish and the last answer is given.
///
/// # Errors
/// When the listener itself fails for good.
pub async fn serve(listener: TcpListener, tls: Arc<ServerConfig>, app: Router, doors: Doors, stop: Shutdown) -> io::Result<()> {
    let acceptor = TlsAcceptor::from(tls);
    let mut connections = JoinSet::new();
    loop {
        let (stream, peer) = tokio::select! {
            biased;
            () = stop.draining() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "no connection could be accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            },
        };
        let peer = link::endpoint::peer(peer);
        let pass = match doors.gate.enter(peer.ip()) {
            Ok(pass) if doors.handshakes.attempt((), Instant::now()).is_ok() => pass,
            Ok(_) => {
                tracing::debug!(%peer, "refused: too many handshakes");
                continue;
            }
            Err(closed) => {
                tracing::debug!(%peer, "refused: {closed}");
                continue;
            }
        };
        let seat = Seat::new(pass);
        let one = Connection { peer, app: app.clone(), patience: doors.patience, stop: stop.clone(), seat };
        connections.spawn(one.run(stream, acceptor.clone()));
    }
    // New ones wait in vain from here on; what is being answered may end.
    drop(listener);
    if stop.finish(doors.patience.drain, async { while connections.join_next().await.is_some() {} }).await.is_err() {
        tracing::debug!(cut = connections.len(), "requests were cut off");
    }
    Ok(())
}

/// One peer's connection, from the handshake to its end.
struct Connection {
    peer: SocketAddr,
    app: Router,
    patience: Patience,
    stop: Shutdown,
    /// Its place at the gate, which a WebSocket keeps beyond the last request.
    seat: Seat,
}

impl Connection {
    async fn run(self, stream: TcpStream, acceptor: TlsAcceptor) {
        let peer = self.peer;
        let served = async {
            // Small answers should not wait for company; where that cannot be had, they do.
            let _ = stream.set_nodelay(true);
            // What waits in the kernel cannot be taken back when something newer is there.
            let _ = SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
            match timeout(self.patience.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => self.answer(stream).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "no handshake"),
                Err(_) => tracing::debug!(%peer, "the handshake took too long"),
            }
        };
        if timeout(self.patience.lifetime, served).await.is_err() {
            tracing::debug!(%peer, "the connection reached its age");
        }
    }

    async fn answer(&self, stream: TlsStream<TcpStream>) {
        /// Once the relay stops, what is being answered may end, and no more is taken.
        macro_rules! drive {
            ($connection:expr) => {{
                let mut connection = std::pin::pin!($connection);
                tokio::select! {
                    ended = connection.as_mut() => ended,
                    () = self.stop.draining() => {
                        connection.as_mut().graceful_shutdown();
                        connection.await
                    }
                }
            }};
        }
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        let shown = Shown(stream.get_ref().1.peer_certificates().map(|chain| Arc::new(chain.to_vec())));
        let io = TokioIo::new(stream);
        let service = service_fn(|mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(self.peer));
            request.extensions_mut().insert(shown.clone());
            request.extensions_mut().insert(self.seat.clone());
            self.app.clone().oneshot(request)
        });
        let ended = if agreed.as_deref() == Some(tls::H2) {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            builder.timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD);
            builder.keep_alive_interval(self.patience.head).keep_alive_timeout(self.patience.handshake);
            drive!(builder.serve_connection(io, service))
        } else {
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(self.patience.head).max_buf_size(MAX_BUFFER);
            drive!(builder.serve_connection(io, service).with_upgrades())
        };
        if let Err(error) = ended {
            tracing::debug!(peer = %self.peer, %error, "the connection broke");
        }
    }
}
