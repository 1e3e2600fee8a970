//! What may be asked of the relay at most, with the arithmetic. Everything that a stranger can make grow has its bound here.

use link::settings::{Check, Validate};
use serde::{Deserialize, Serialize};

/// Bounds on peers. With the defaults a relay that strangers fill to the brim stays below 1 GB:
///
/// ```text
/// connections   4,096 × ~60 kB (TLS state, 16 kB of buffers)                          ≈ 250 MB
/// viewers       1,000 × ~130 kB (measured, frames shared)                             ≈ 130 MB
/// cameras         100 × (1 frame being read ≤ 4 MiB, enrolled cameras only)           ≤ 420 MB, at 40 kB a frame 4 MB
/// handshakes    100/s × ~0.5 ms (P-256 signature, ML-KEM, X25519, a client chain)     ≈ 5 % of a core
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Connections at one time, over QUIC, and as many again over TCP.
    pub connections: u32,
    /// Of these, from one address (of IPv6, one /64 network): a school behind one address still fits.
    pub connections_per_address: u32,
    /// New handshakes per second, from everybody together.
    pub handshakes_per_second: u32,
    /// Viewers at one time.
    pub viewers: u32,
    /// Cameras that may be enrolled.
    pub cameras: u32,
    /// Bytes of one frame with all its layers. A 4K picture as two JPEG layers takes about 3 MB.
    pub frame_bytes: u32,
    /// Subscriptions per connection and minute: every one may cost the key frame that it begins with.
    pub subscribes_per_minute: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 64,
            handshakes_per_second: 100,
            viewers: 1000,
            cameras: 100,
            frame_bytes: 4 << 20,
            subscribes_per_minute: 120,
        }
    }
}

impl Validate for Limits {
    fn validate(&self, check: &mut Check<'_>) {
        for (key, value, most) in [
            ("connections", self.connections, 1_000_000),
            ("connections_per_address", self.connections_per_address, 1_000_000),
            ("handshakes_per_second", self.handshakes_per_second, 100_000),
            ("viewers", self.viewers, 1_000_000),
            ("cameras", self.cameras, 100_000),
            ("subscribes_per_minute", self.subscribes_per_minute, 100_000),
        ] {
            if !(1..=most).contains(&value) {
                check.wrong(key, format!("{value} is not between 1 and {most}"));
            }
        }
        let most = u32::try_from(wire::frame::MAX_FRAME).unwrap_or(u32::MAX);
        if !((64 << 10)..=most).contains(&self.frame_bytes) {
            check.wrong("frame_bytes", format!("{} is not between 65536 and {most}, the most that a frame can have", self.frame_bytes));
        }
        check.ensure(
            self.connections_per_address <= self.connections,
            "connections_per_address",
            "one address cannot have more than all together (limits.connections)",
        );
    }
}

/// Bounds on the archive. Whole segments go, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Archive {
    /// Bytes of all cameras together. One camera in JPEG at 1280×720 and 30 frames a second writes about 17 GB an hour.
    pub max_bytes: u64,
    /// Bytes of one camera; 0 means no bound of its own.
    pub max_bytes_per_camera: u64,
}

impl Default for Archive {
    fn default() -> Self {
        Self { max_bytes: 50_000_000_000, max_bytes_per_camera: 0 }
    }
}

/// The smallest archive that retention can work with: a few segments of one camera.
const LEAST: u64 = 100_000_000;

impl Validate for Archive {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure(self.max_bytes >= LEAST, "max_bytes", "at least 100 MB (100_000_000) are needed");
        let own = self.max_bytes_per_camera;
        check.ensure(
            own == 0 || own >= LEAST,
            "max_bytes_per_camera",
            "at least 100 MB (100_000_000) are needed; 0 means no bound of its own",
        );
        check.ensure(own <= self.max_bytes, "max_bytes_per_camera", "one camera cannot have more than all together (archive.max_bytes)");
    }
}
