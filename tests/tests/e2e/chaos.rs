//! Nothing acknowledged is lost: the real programs, two cameras at 30 pictures a second (one of video in groups of two seconds, one of single
//! pictures), and one fault after the other.
//!
//! `CELOSIA_CHAOS_ROUNDS` says how many (30 unless it says otherwise), `CELOSIA_CHAOS_SEED` repeats what happened, `CELOSIA_CHAOS_FAULT`
//! names the only fault that is to happen (`RelayFull`). It prints the first two, and what it saw: `cargo test -p celosia-tests --test e2e chaos -- --nocapture`.

mod camera;
mod faults;
mod recorded;

use std::time::{Duration, Instant};

use celosia_tests::disk::SmallDisk;
use celosia_tests::path::Path;
use celosia_tests::program::Running;
use celosia_tests::site::Site;

use camera::Camera;
use faults::Fault;
use recorded::Recorded;

/// Longer than anything takes that happens at all. The spool waits ten seconds and more before it sends again what was sent in vain.
const PATIENCE: Duration = Duration::from_secs(120);

/// Numbers by chance, the same ones for the same seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    /// Every kind of fault once, in any order.
    fn shuffled(&mut self) -> Vec<Fault> {
        let mut faults = Fault::ALL.to_vec();
        for at in (1..faults.len()).rev() {
            faults.swap(at, usize::try_from(self.below(at as u64 + 1)).unwrap());
        }
        faults
    }
}

/// Where it happens.
struct Scene {
    site: Site,
    archive: SmallDisk,
    path: Path,
    relay: Running,
    cameras: [Camera; 2],
}

impl Scene {
    fn new() -> Self {
        let site = Site::new();
        let config = std::fs::read_to_string(site.path("relay/relay.toml")).unwrap();
        let config = config.replace("public_history = \"1h\"", "public_history = \"400d\"");
        let config = config + "\n[camera.back-door]\npublic_history = \"400d\"\n";
        std::fs::write(site.path("relay/relay.toml"), config).unwrap();
        let archive = SmallDisk::mount(site.path("relay/archive"), 400 << 10);
        let relay = start_relay(&site);
        let path = Path::to((std::net::Ipv4Addr::LOCALHOST, site.address().port()).into());
        let cameras = [("front-door", "h264"), ("back-door", "jpeg")].map(|(name, codec)| Camera::new(&site, name, codec, path.at()));
        Self { site, archive, path, relay, cameras }
    }

    /// Waits until it holds; fails with what the programs said.
    fn wait(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            if begun.elapsed() > PATIENCE {
                self.keep_logs();
                // What matters is what is not said with every frame.
                let last = |text: String| {
                    let rare = |line: &&str| !line.contains(": spooled ") && !line.contains(": acknowledged ");
                    text.lines().rev().filter(rare).take(15).map(str::to_owned).collect::<Vec<_>>().join("\n")
                };
                let agents: Vec<_> = self.cameras.iter().map(|camera| format!("{}: {}", camera.name, last(camera.agent.said()))).collect();
                panic!("{what}: never\n{}\nrelay: {}", agents.join("\n"), last(self.relay.said()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Says where the logs of all programs are to be found when the test is over.
    fn keep_logs(&mut self) {
        let kept = std::env::temp_dir().join(format!("celosia-chaos-{}", std::process::id()));
        std::fs::create_dir_all(&kept).unwrap();
        for log in celosia_tests::search::files(&self.site.logs()) {
            std::fs::copy(&log, kept.join(log.file_name().unwrap())).unwrap();
        }
        println!("the programs' logs are in {}", kept.display());
    }

    /// Waits until the relay has everything that was captured up to now, and live frames besides.
    fn settle(&mut self) {
        let until = self.cameras.each_mut().map(Camera::written);
        let begun = Instant::now();
        let mut said = false;
        self.wait("everything is acknowledged", |scene| {
            scene.cameras.iter_mut().zip(&until).all(|(camera, until)| {
                camera.hear();
                let lacks = camera.lacks(until);
                if let Some(place) = lacks.filter(|_| !said && begun.elapsed() > PATIENCE / 2) {
                    println!("{}: {place:?} is not acknowledged after {:?}", camera.name, PATIENCE / 2);
                    said = true;
                }
                lacks.is_none() && camera.acknowledged.last() > until.last()
            })
        });
    }
}

/// The relay, which tells of every frame that it does not store.
fn start_relay(site: &Site) -> Running {
    let mut relay = site.relay("run").env("RUST_LOG", "info,quinn=warn,quinn_proto=warn,relay_server::archive=debug").start();
    relay.wait_for("the relay runs");
    relay
}

#[test]
fn nothing_acknowledged_is_lost_whatever_happens() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let rounds = number("CELOSIA_CHAOS_ROUNDS").unwrap_or(30);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let seed = number("CELOSIA_CHAOS_SEED").unwrap_or(u64::from(now.subsec_nanos()) + now.as_secs());
    let only = std::env::var("CELOSIA_CHAOS_FAULT").ok();
    println!("{rounds} rounds, CELOSIA_CHAOS_SEED={seed}");
    let (mut chance, begun) = (Chance(seed), Instant::now());
    let mut scene = Scene::new();
    scene.wait("two cameras", |scene| {
        scene.cameras.each_mut().map(|camera| {
            camera.hear();
            camera.acknowledged.len() > 15
        }) == [true, true]
    });
    let (mut flying, mut plan) = (0, Vec::new());
    for round in 1..=rounds {
        if plan.is_empty() {
            plan = chance.shuffled();
            plan.retain(|fault| only.as_ref().is_none_or(|only| format!("{fault:?}") == *only));
        }
        let fault = plan.pop().expect("there is no such fault");
        let before = scene.cameras.each_ref().map(|camera| camera.acknowledged.clone());
        std::thread::sleep(chance.millis(0, 900));
        let round_began = Instant::now();
        let in_flight = fault.strike(&mut scene, &mut chance);
        scene.settle();
        flying += u64::from(in_flight > 0);
        let mut told = 0;
        for (camera, before) in scene.cameras.iter_mut().zip(before) {
            let new: Vec<_> = camera.acknowledged.difference(&before).copied().collect();
            told += new.len();
            let recorded = Recorded::read(&scene.site, camera.name, camera.window());
            recorded.holds(&new);
            // And each is found by its own time alone.
            for _ in 0..2 {
                let place = new[usize::try_from(chance.below(new.len() as u64)).unwrap()];
                let at = recorded.captured_at(place);
                Recorded::read(&scene.site, camera.name, (at, at)).holds(&[place]);
            }
            camera.next_window();
        }
        println!(
            "round {round:3}: {fault:?}, {in_flight} frames in flight, {told} acknowledged, {:.1} s",
            round_began.elapsed().as_secs_f64()
        );
    }
    println!("in {flying} of {rounds} rounds unacknowledged frames were in flight at the moment of the fault");
    assert!(2 * flying >= rounds, "{flying} of {rounds}: too few to show anything");

    // In order to its end: then everything of every session is there, and what is not is told with its bounds.
    for camera in &mut scene.cameras {
        camera.agent.signal("TERM");
        camera.agent.wait();
        camera.hear();
    }
    for camera in &scene.cameras {
        let recorded = Recorded::read(&scene.site, camera.name, recorded::EVER);
        recorded.holds(&camera.acknowledged.iter().copied().collect::<Vec<_>>());
        let missing = recorded.tells_what_is_missing(&camera.written, &camera.torn);
        let Camera { name, written, acknowledged, .. } = camera;
        println!(
            "{name}: {} frames written to its spool, {} acknowledged, {} recorded; {missing} torn off and told as missing",
            written.len(),
            acknowledged.len(),
            recorded.frames.len()
        );
    }
    let said = scene.relay.said();
    assert!(!said.contains("panicked") && !said.contains("is damaged"), "{said}");
    println!("{:.0} s in all", begun.elapsed().as_secs_f64());
}
