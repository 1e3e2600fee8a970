//! What anybody may cost the relay: every bound that is not in the configuration, and how the bounds add up.
//!
//! Configurable bounds ([`crate::config::Limits`]) say how many; the ones here say how much each may take and how long it may wait.
//!
//! ```text
//! strangers   4,096 connections × 32 kB of unread input                               ≤ 128 MB
//!             of which in a handshake: 64 × (16 kB buffered, some 30 kB of TLS state) ≤   3 MB
//!             one handshake takes ~1.2 ms of processor time: 100 a second are 12 % of a core; beyond that nobody is answered
//! viewers     1,000 × ~110 kB of connection state (measured; frames are shared)       ≈ 110 MB
//!             what they have not acknowledged is shared too: no viewer holds a frame for longer than 10 s
//!             over WebSocket each holds the frame that is being written, twice (whole, and in its envelope): at 40 kB 80 kB more
//! cameras       100 × (ring 8 MiB + chain 2,048 × ~200 B)                             ≤ 880 MB, at 40 kB a frame in groups of 1 s 60 MB
//!             a camera that means harm (enrolled, so named and revocable): 32 streams × 4 MiB being read, 32 MiB of epochs
//! replays        32 × 4 frames of at most 4 MiB                                        ≤ 512 MB, at 40 kB a frame 5 MB
//! ```

use std::time::Duration;

use link::endpoint::{Limits, Transport};

/// A handshake must be over by then. Two lost packets and a round trip of one second fit.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Handshakes at one time. At 1.2 ms each on one core, the last of 64 waits 77 ms.
pub const HANDSHAKES: usize = 64;

/// From the handshake to a whole `hello`, and from an agent's `hello` to its `publish`.
pub const HELLO: Duration = Duration::from_secs(5);

/// A viewer that watches nothing for this long is in the way.
pub const IDLE: Duration = Duration::from_secs(60);

/// What any peer may take to accept one message on its control stream.
pub const CONTROL_WRITE: Duration = Duration::from_secs(10);

/// Messages that wait for one peer's control stream. Whoever has more to say waits, up to [`CONTROL_WRITE`].
pub const CONTROL_QUEUE: usize = 16;

/// How long a refusal may take to arrive before the connection is closed over it.
pub const FAREWELL: Duration = Duration::from_secs(1);

/// How long all connections together may take to end when the relay stops.
pub const DRAIN: Duration = Duration::from_secs(3);

/// Unread bytes of a peer that is not known as an agent. What viewers say is below 100 bytes a message.
pub const STRANGER_WINDOW: u32 = 32 << 10;

/// Group streams that one agent may have open. At 30 groups a second (JPEG) that is a path of one second.
pub const GROUP_STREAMS: u32 = 32;

/// From one frame of a group to the next, or to the stream's end. The slowest camera with groups of more than one frame takes one in 10 s.
pub const FRAME_WAIT: Duration = Duration::from_secs(30);

/// How long a group's first frame waits for its epoch record and grants, which travel on another stream.
pub const EPOCH_WAIT: Duration = Duration::from_secs(2);

/// Epochs of one camera that are remembered: at 60 s each, an hour of backfill in any order.
pub const EPOCHS: usize = 64;

/// Bytes of their grants. A full list of 4,096 with its grants takes up to 9 MB, a usual one 2 kB.
pub const EPOCH_BYTES: usize = 32 << 20;

/// Frames of one camera whose digests are remembered, to see forks and contradictions: 68 s at 30 frames a second.
pub const CHAIN_FRAMES: usize = 2048;

/// Sessions of one camera that are remembered.
pub const SESSIONS: usize = 256;

/// Live frames of one camera that are kept for viewers: two groups of 10 s at 30 frames a second.
pub const RING_FRAMES: usize = 600;

/// Bytes of them, both variants counted; the newest frame is kept however large it is.
pub const RING_BYTES: usize = 8 << 20;

/// How far before the newest live frame one may have been captured and still be live: groups travel on streams of their own, and loss
/// delays one against the other. What is older is backfill.
pub const REORDER: Duration = Duration::from_secs(1);

/// Subscriptions at one time on one connection: a wall of 16 cameras.
pub const SUBSCRIPTIONS: usize = 16;

/// Ranges that are being sent at one time, to everybody together.
pub const REPLAYS: usize = 32;

/// Of these, on one connection.
pub const REPLAYS_PER_CONNECTION: usize = 2;

/// Reads of the archive at one time: each takes a thread and a place in the disk's queue. A viewer that takes its time holds none.
pub const READERS: usize = 4;

/// Frames in one read.
pub const RANGE_CHUNK: usize = 4;

/// A viewer of a range must take one message within this time.
pub const RANGE_WRITE: Duration = Duration::from_secs(30);

/// With a pace, no frame of a range waits longer than this for the one before it: nobody wants to watch a night without recordings.
pub const RANGE_PAUSE: Duration = Duration::from_secs(5);

/// A frame that a viewer has not acknowledged for this long, two round trips aside, says that the viewer is too slow. Acknowledgements
/// are held back for at most 25 ms, and a lost packet is sent again after one round trip.
pub const LAG: Duration = Duration::from_millis(300);

/// A frame that a slow viewer gets the time to finish, so that even the slowest one sees some; then that one goes too. 40 kB in 10 s
/// are 32 kbit/s.
pub const HOPELESS: Duration = Duration::from_secs(10);

/// A viewer that has not taken one whole frame for this long, though there were some, is in the way.
pub const STALLED: Duration = Duration::from_secs(60);

/// Towards anybody, before it is known who it is.
#[must_use]
pub fn stranger() -> Transport {
    Transport { receive_window: STRANGER_WINDOW, ..Transport::RELAY }
}

/// Towards an agent whose certificate was checked.
#[must_use]
pub fn agent() -> Transport {
    Transport { uni_streams: GROUP_STREAMS, bidi_streams: 1, ..Transport::ADMITTED }
}

/// What the endpoint holds for peers that nobody has looked at yet.
#[must_use]
pub fn handshakes() -> Limits {
    Limits::RELAY
}

#[cfg(test)]
mod tests {
    use wire::message::MAX_HELLO;

    use super::*;

    #[test]
    fn strangers_fit_what_the_documentation_says() {
        let connections = u64::from(crate::config::Limits::default().connections);
        assert!(connections * u64::from(stranger().receive_window) <= 128 << 20);
        // What a viewer says in a minute fits, so the small window never holds an honest one up.
        assert!(stranger().receive_window as usize >= 100 * MAX_HELLO);
    }

    #[test]
    fn deadlines_are_in_order() {
        assert!(HELLO < IDLE && LAG < HOPELESS && 3 * HOPELESS < STALLED && EPOCH_WAIT < FRAME_WAIT);
        assert!(FAREWELL < DRAIN, "every peer hears why before the relay is gone");
    }
}
