//! The way between agents and a relay, which a test can cut: a UDP proxy on loopback.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A way to a relay. Dropping it ends it.
pub struct Path {
    at: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    cut: AtomicBool,
    ended: AtomicBool,
}

impl Path {
    /// A way to this address.
    #[must_use]
    pub fn to(relay: SocketAddr) -> Self {
        let near = socket();
        let (at, state) = (near.local_addr().unwrap(), Arc::<State>::default());
        let shared = Arc::clone(&state);
        std::thread::spawn(move || forth(&Arc::new(near), relay, &shared));
        Self { at, state }
    }

    /// Where agents find it.
    #[must_use]
    pub const fn at(&self) -> SocketAddr {
        self.at
    }

    /// Lets nothing through any more, either way, or everything again.
    pub fn cut(&self, cut: bool) {
        self.state.cut.store(cut, Ordering::Relaxed);
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    // So that its thread sees when it is over.
    socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    socket
}

fn forth(near: &Arc<UdpSocket>, relay: SocketAddr, state: &Arc<State>) {
    let mut agents: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut packet = vec![0; 65536];
    while !state.ended.load(Ordering::Relaxed) {
        // A refusal of the other side's is none of ours.
        let Ok((length, agent)) = near.recv_from(&mut packet) else { continue };
        let far = agents.entry(agent).or_insert_with(|| {
            let far = Arc::new(socket());
            let (near, back_far, state) = (Arc::clone(near), Arc::clone(&far), Arc::clone(state));
            std::thread::spawn(move || back(&back_far, &near, agent, &state));
            far
        });
        if !state.cut.load(Ordering::Relaxed) {
            let _ = far.send_to(&packet[..length], relay);
        }
    }
}

fn back(far: &UdpSocket, near: &UdpSocket, agent: SocketAddr, state: &State) {
    let mut packet = vec![0; 65536];
    while !state.ended.load(Ordering::Relaxed) {
        let Ok((length, _)) = far.recv_from(&mut packet) else { continue };
        if !state.cut.load(Ordering::Relaxed) {
            let _ = near.send_to(&packet[..length], agent);
        }
    }
}
