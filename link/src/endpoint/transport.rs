//! The numbers of a connection, with their arithmetic.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, IdleTimeout, MtuDiscoveryConfig, TransportConfig, VarInt};

/// What one connection may use. All numbers hold per connection, except the socket's buffers.
///
/// Memory that a peer can make us hold for one connection is at most `receive_window` (what it sent and we did not read) +
/// `send_window` (what we wrote and it did not acknowledge); the latter is shared `Bytes` where a frame goes to many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transport {
    /// After this long without a word the peer is gone. Three keep-alives may be lost before.
    pub idle: Duration,
    /// A sign of life this often, which also holds NAT bindings open (30 s is the shortest that is met in practice).
    pub keep_alive: Duration,
    /// Bytes written and not acknowledged. 1 MB is 80 Mbit/s at 100 ms; a slow viewer's loss stays within it.
    pub send_window: u64,
    /// Bytes that the peer may send before we read, over all streams. 4 MB is 320 Mbit/s at 100 ms.
    pub receive_window: u32,
    /// The same on one stream: the largest frame must fit, or it stalls for a round trip.
    pub stream_window: u32,
    /// Unidirectional streams that the peer may have open at once. One frame is one stream: 1024 is 34 s at 30 fps on a path that
    /// delivers nothing, so this never binds before a deadline does.
    pub uni_streams: u32,
    /// Bidirectional streams that the peer may have open at once: one for control, some for WebTransport's sessions.
    pub bidi_streams: u32,
    /// Bytes of each of the socket's two buffers. At 500 viewers one frame instant is 500 × 40 kB = 20 MB in bursts of 64 kB; the kernel
    /// allows 4 MB unless `net.core.rmem_max` and `wmem_max` are raised.
    pub udp_buffer: usize,
    /// The largest UDP payload to probe for. 1452 fits Ethernet under IPv6; 8900 was 1.6 times as fast where the whole path has
    /// jumbo frames.
    pub mtu: u16,
}

impl Transport {
    /// A native viewer: takes frames, sends a little.
    pub const VIEWER: Self = Self {
        idle: Duration::from_secs(15),
        keep_alive: Duration::from_secs(5),
        send_window: 1 << 20,
        receive_window: 4 << 20,
        stream_window: 2 << 20,
        uni_streams: 1024,
        bidi_streams: 4,
        udp_buffer: 4 << 20,
        mtu: 1452,
    };

    /// An agent: sends frames, takes a little. A larger send window lets backfill fill a long path.
    pub const AGENT: Self = Self { send_window: 4 << 20, receive_window: 1 << 20, uni_streams: 16, ..Self::VIEWER };

    /// A relay towards anybody, before it knows them: 256 kB of unread input and 8 + 8 streams (WebTransport needs three
    /// unidirectional ones for HTTP/3 itself). 1000 strangers hold at most 250 MB of input.
    pub const RELAY: Self = Self { receive_window: 256 << 10, uni_streams: 8, bidi_streams: 8, ..Self::VIEWER };

    /// A relay towards an agent whose certificate it checked: what [`Self::admit`] raises the connection to.
    pub const ADMITTED: Self = Self { receive_window: 4 << 20, uni_streams: 1024, ..Self::RELAY };

    /// Lets the peer of a connection that was opened under smaller numbers use these (streams and receive window).
    pub fn admit(&self, connection: &Connection) {
        connection.set_receive_window(self.receive_window.into());
        connection.set_max_concurrent_uni_streams(self.uni_streams.into());
        connection.set_max_concurrent_bi_streams(self.bidi_streams.into());
    }

    /// As quinn takes them: streams one after the other in the order in which they were written to (sharing the path among several
    /// frames, all of them would arrive late; on a path with a fifth of the rate that was asked for, three times as many arrive so),
    /// segmentation offload on (off cost 2.5 times the processor time), cubic (faster here than BBR and NewReno), MTU discovery.
    /// Datagrams stay possible, in a small buffer, since WebTransport asks for them.
    #[must_use]
    pub fn quinn(&self) -> Arc<TransportConfig> {
        let mut mtu = MtuDiscoveryConfig::default();
        mtu.upper_bound(self.mtu);
        let idle = u32::try_from(self.idle.as_millis()).unwrap_or(u32::MAX);
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(idle))))
            .keep_alive_interval(Some(self.keep_alive))
            .send_window(self.send_window)
            .receive_window(self.receive_window.into())
            .stream_receive_window(self.stream_window.into())
            .max_concurrent_uni_streams(self.uni_streams.into())
            .max_concurrent_bidi_streams(self.bidi_streams.into())
            .mtu_discovery_config(Some(mtu))
            .datagram_receive_buffer_size(Some(64 << 10))
            .datagram_send_buffer_size(64 << 10)
            .congestion_controller_factory(Arc::new(quinn::congestion::CubicConfig::default()))
            .send_fairness(false)
            .enable_segmentation_offload(true);
        Arc::new(config)
    }
}

/// What an accepting endpoint holds for peers that have not finished their handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections that wait to be accepted at once; more are refused. TLS costs the accepting side 0.1 ms of processor time for a
    /// viewer and 0.3 ms for an agent (measured, without QUIC's packets), so the last of 512 waits about 0.2 s at worst.
    pub handshakes: usize,
    /// Bytes kept for one of them: a ClientHello with the hybrid key share is 1.4 kB.
    pub early_bytes: u64,
    /// Bytes kept for all of them.
    pub early_bytes_total: u64,
}

impl Limits {
    /// 512 × 16 kB = 8 MB.
    pub const RELAY: Self = Self { handshakes: 512, early_bytes: 16 << 10, early_bytes_total: 8 << 20 };
}
