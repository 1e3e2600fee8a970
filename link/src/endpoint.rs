//! QUIC endpoints: one UDP socket each, with the settings that were measured to carry video.

pub mod connect;
pub mod transport;

#[cfg(test)]
mod tests;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, ServerConfig, TokioRuntime};
use socket2::{Domain, Protocol, Socket, Type};

use crate::exit::{self, Code};

pub use connect::{ConnectError, connect, explain};
pub use transport::{Limits, Transport};

/// Everywhere on both families, on the default port: where a relay listens if nothing else is said.
pub const ANY: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), crate::address::DEFAULT_PORT);

/// Why no endpoint could be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another program (or another relay) has the port.
    #[error("UDP port {} is in use on {}: another program listens there already. Stop it, or set another port", .0.port(), .0.ip())]
    PortInUse(SocketAddr),
    /// A port below 1024, or a system that forbids it.
    #[error("this program may not listen on {0}: ports below 1024 need a privilege")]
    NotAllowed(SocketAddr),
    /// The address belongs to no interface of this machine.
    #[error("{} is not an address of this machine", .0.ip())]
    NotHere(SocketAddr),
    /// Anything else.
    #[error("no UDP socket on {address}: {source}")]
    Socket {
        /// Where the socket should have been.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    fn of(address: SocketAddr, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(address),
            io::ErrorKind::PermissionDenied => Self::NotAllowed(address),
            io::ErrorKind::AddrNotAvailable => Self::NotHere(address),
            _ => Self::Socket { address, source },
        }
    }
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        let code = match error {
            Error::NotAllowed(_) => Code::NotAllowed,
            Error::NotHere(_) => Code::Usage,
            Error::PortInUse(_) | Error::Socket { .. } => Code::Unavailable,
        };
        Self::of(code, &error)
    }
}

/// A UDP socket with buffers of this many bytes each way (the system may give less). `[::]` takes IPv4 as well; where there is no IPv6,
/// it falls back to `0.0.0.0`.
///
/// # Errors
/// The port is in use, the address is not this machine's, or this program may not have it.
pub fn bind(address: SocketAddr, buffer: usize) -> Result<UdpSocket, Error> {
    let everywhere = address.is_ipv6() && address.ip().is_unspecified();
    match open(address, everywhere, buffer) {
        // No IPv6 in this kernel, or none switched on in this network namespace.
        Err(error) if everywhere && no_ipv6(&error) => {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            open(address, false, buffer).map_err(|error| Error::of(address, error))
        }
        other => other.map_err(|error| Error::of(address, error)),
    }
}

fn no_ipv6(error: &io::Error) -> bool {
    // EAFNOSUPPORT has no kind of its own.
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(97) || error.kind() == io::ErrorKind::Unsupported
}

fn open(address: SocketAddr, everywhere: bool, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if everywhere {
        socket.set_only_v6(false)?;
    }
    socket.set_recv_buffer_size(buffer)?;
    socket.set_send_buffer_size(buffer)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// An endpoint that accepts, on a socket of [`bind`]. Call it inside the tokio runtime.
///
/// # Errors
/// The system refuses the socket to the runtime.
pub fn server(socket: UdpSocket, tls: Arc<QuicServerConfig>, transport: &Transport, limits: &Limits) -> io::Result<Endpoint> {
    let mut config = ServerConfig::with_crypto(tls);
    config.transport_config(transport.quinn()).max_incoming(limits.handshakes);
    config.incoming_buffer_size(limits.early_bytes).incoming_buffer_size_total(limits.early_bytes_total);
    Endpoint::new(EndpointConfig::default(), Some(config), socket, Arc::new(TokioRuntime))
}

/// An endpoint that only connects, from any port. Call it inside the tokio runtime.
///
/// # Errors
/// The system gives no socket.
pub fn client(transport: &Transport) -> Result<Endpoint, Error> {
    let address = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), 0);
    let socket = bind(address, transport.udp_buffer)?;
    Endpoint::new(EndpointConfig::default(), None, socket, Arc::new(TokioRuntime)).map_err(|source| Error::Socket { address, source })
}

/// The address of a peer for tables and logs: an IPv4 peer on a socket for both families shows as IPv4.
#[must_use]
pub fn peer(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
