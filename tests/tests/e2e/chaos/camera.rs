//! A camera's agent, and what its log says became of its frames.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::SocketAddr;

use celosia_tests::camera::now;
use celosia_tests::clock::Clock;
use celosia_tests::disk::SmallDisk;
use celosia_tests::program::{Program, Running};
use celosia_tests::site::Site;
use wire::id::Micros;

/// Session number and sequence.
pub type Place = (u64, u64);

/// What its programs tell: every frame that is written, every acknowledgement.
const LOG: &str = "info,quinn=warn,quinn_proto=warn,quinn_udp=error,rustls=error,camera_agent::spool=trace,camera_agent::publish=debug";

pub struct Camera {
    pub name: &'static str,
    pub agent: Running,
    pub clock: Clock,
    pub spool: SmallDisk,
    /// Frames that were written to the spool.
    pub written: BTreeSet<Place>,
    /// Frames that the relay acknowledged.
    pub acknowledged: BTreeSet<Place>,
    /// Frames that a torn tail may have taken.
    pub torn: BTreeSet<Place>,
    /// How much of the agent's log was read.
    heard: u64,
    /// Between which times, by its own clock, frames of this round and the one before were captured.
    windows: [(u64, u64); 2],
}

impl Camera {
    pub fn new(site: &Site, name: &'static str, codec: &str, relay: SocketAddr) -> Self {
        let rest = format!(
            "[source]\nkind = \"sample\"\nwidth = 160\nheight = 96\nrate = 30.0\n[detect]\non = false\n[encode]\ncodec = \"{codec}\"\n\
             [[mask]]\nlabel = \"till\"\nx = 48\ny = 32\nw = 48\nh = 32\n[spool]\nbytes = 40_000_000\n"
        );
        site.enroll(name, &format!("owner = \"none\"\n{rest}"));
        let config = format!("[camera]\ndir = \"{name}\"\nowner = \"none\"\nrelay = \"{relay}\"\n{rest}");
        std::fs::write(site.path(&format!("{name}.toml")), config).unwrap();
        let clock = Clock::new(site.path(&format!("{name}.clock")));
        let spool = SmallDisk::mount(site.path(&format!("{name}/spool")), 64 << 10);
        let (agent, begun) = (start(site, name, &clock), now().0);
        let (written, acknowledged, torn) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { name, agent, clock, spool, written, acknowledged, torn, heard: 0, windows: [(begun, begun); 2] }
    }

    /// Starts its agent again, after it ended.
    pub fn start(&mut self, site: &Site) {
        self.hear();
        self.agent = start(site, self.name, &self.clock);
        self.heard = 0;
    }

    /// The same on a disk that takes nothing: it says so, and publishes.
    pub fn start_without_writing(&mut self, site: &Site) {
        self.hear();
        self.agent = program(site, self.name, &self.clock).start();
        self.heard = 0;
        self.agent.wait_for("cannot be written");
        self.agent.wait_for("publishing");
    }

    /// Kills its agent.
    pub fn kill(&mut self) {
        self.agent.signal("KILL");
        self.agent.wait();
        self.hear();
    }

    /// Steps its clock by so many hours from the right time.
    pub fn step(&mut self, hours: i64) {
        self.clock.step(&if hours == 0 { "+0".to_owned() } else { format!("{hours:+}h") });
        let there = now().0.saturating_add_signed(hours * 3_600_000_000);
        let (from, to) = &mut self.windows[1];
        (*from, *to) = ((*from).min(there), (*to).max(there + 60_000_000));
    }

    /// By its own clock: since before the last round, until now.
    pub fn window(&mut self) -> (Micros, Micros) {
        self.windows[1].1 = self.windows[1].1.max(now().0);
        let [before, this] = self.windows;
        let margin = 15_000_000;
        (Micros(before.0.min(this.0) - margin), Micros(before.1.max(this.1) + margin))
    }

    pub fn next_window(&mut self) {
        self.windows = [self.windows[1], (now().0, now().0)];
    }

    /// What its log says since it was last read.
    pub fn hear(&mut self) {
        let mut log = File::open(self.agent.log()).unwrap();
        log.seek(SeekFrom::Start(self.heard)).unwrap();
        let mut text = Vec::new();
        log.read_to_end(&mut text).unwrap();
        // A line that is half written is read the next time.
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.heard += end as u64;
        for line in String::from_utf8_lossy(&text[..end]).lines() {
            let field = |name: &str| {
                let (_, rest) = line.split_once(&format!(" {name}="))?;
                rest.split_whitespace().next()?.parse::<u64>().ok()
            };
            let session = field("session");
            if line.contains(": spooled ") {
                self.written.insert((session.unwrap(), field("sequence").unwrap()));
            } else if line.contains(": acknowledged ") {
                let (session, first, last) = (session.unwrap(), field("first").unwrap(), field("last").unwrap());
                self.acknowledged.extend((first..=last).map(|sequence| (session, sequence)));
            }
        }
    }

    /// Everything that was written by now.
    pub fn written(&mut self) -> BTreeSet<Place> {
        self.hear();
        // What was acknowledged long ago needs no second look.
        let from = self.written.iter().rev().nth(2000).copied().unwrap_or((0, 0));
        self.written.range(from..).copied().collect()
    }

    /// The first of these frames that is neither acknowledged nor torn off.
    pub fn lacks(&self, frames: &BTreeSet<Place>) -> Option<Place> {
        frames.iter().find(|place| !self.acknowledged.contains(place) && !self.torn.contains(place)).copied()
    }

    /// How many frames it has signed that nobody acknowledged.
    pub fn in_flight(&mut self) -> usize {
        let written = self.written();
        written.iter().filter(|place| !self.acknowledged.contains(place)).count()
    }
}

fn start(site: &Site, name: &str, clock: &Clock) -> Running {
    let mut agent = program(site, name, clock).start();
    agent.wait_for("spooled");
    agent
}

fn program(site: &Site, name: &str, clock: &Clock) -> Program {
    clock.give(site.agent(name, "run")).env("RUST_LOG", LOG)
}
