//! The agent: its source, its files, its clock.

use std::time::{Duration, Instant};

use camera_agent::agent::{Agent, Error};
use camera_agent::capture::{self, Clock, Stamp};
use celosia_tests::picture::Luma;
use celosia_tests::program::Ended;
use celosia_tests::site::Site;
use celosia_tests::source::Stage;
use celosia_tests::world::World;
use link::exit::{self, Code};
use link::shutdown::Shutdown;
use wire::id::Micros;

const NAME: &str = "front-door";

/// What the agent makes of a Y4M stream.
fn feed(site: &Site, stream: &[u8]) -> Ended {
    site.agent(NAME, "run").input(stream).run()
}

#[test]
fn a_source_that_delivers_nonsense() {
    let site = Site::new();
    let mut relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"y4m\"\npath = \"-\"\n[masking]\nmode = \"all\"\n[detect]\non = false\n");

    feed(&site, b"GIF89a and so on\n").expect(65).says(&["stdin is not a Y4M stream", "ffmpeg"]);
    feed(&site, b"").expect(65).says(&["stdin is not a Y4M stream"]);
    feed(&site, b"YUV4MPEG2 W9000 H9000 F10:1 C420jpeg\nFRAME\n").expect(64).says(&["9000 × 9000", "at most 7680 × 4320"]);
    feed(&site, b"YUV4MPEG2 W0 H48 F10:1 C420jpeg\nFRAME\n").expect(65).says(&["is not a Y4M stream"]);
    feed(&site, b"YUV4MPEG2 W99999999999999999999 H48 F10:1\n").expect(65).says(&["is not a Y4M stream"]);
    feed(&site, b"YUV4MPEG2 W64 H48 F10:1 C420p10\nFRAME\n").expect(65).says(&["420p10", "cannot be used"]);

    let good = Stage::planted(320, 192, Duration::from_millis(100), &Luma::texture(64, 64, 1), (64, 64)).to_y4m(5);
    let cut = &good[..good.len() - 1000];
    feed(&site, cut).expect(65).says(&["breaks off inside picture 4"]);
    let torn = [&good[..], b"what is this?\n"].concat();
    feed(&site, &torn).expect(65).says(&["picture 5 has a bad header"]);
    // The control: a stream that just ends is no mistake.
    feed(&site, &good).expect(0);

    // Whatever was published on the way was masked: mode = "all" shows nothing at all.
    relay.wait_for("the camera is disconnected");
    relay.signal("TERM");
    relay.ended().expect(0);
    let planted = celosia_tests::search::Planted::new(&Luma::texture(64, 64, 1));
    assert_eq!(planted.leaks(&[&site.path("relay"), &site.path(NAME), &site.logs()]), []);
}

#[test]
fn a_source_that_delivers_nothing() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"y4m\"\npath = \"-\"\n");
    // A pipe that stays open and silent.
    let silent = site.agent(NAME, "run").silent_input().run();
    silent.expect(69).says(&["delivered nothing"]);
    assert!(!relay.said().contains("the camera is connected"), "{}", relay.said());
}

#[test]
fn files_that_are_not_there_or_broken() {
    let site = Site::new();
    site.configure(NAME, "owner = \"none\"\n");
    site.agent(NAME, "run").run().expect(64).says(&["enrol"]);
    let relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"y4m\"\npath = \"missing.y4m\"\n");
    site.agent(NAME, "run").run().expect(66).says(&["missing.y4m", "check the path"]);

    let key = site.path("front-door/camera.key");
    let before = std::fs::read(&key).unwrap();
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\nnonsense\n-----END PRIVATE KEY-----\n").unwrap();
    site.agent(NAME, "run").run().expect(65).says(&["camera.key"]);
    std::fs::write(&key, before).unwrap();

    site.configure(NAME, "[source]\nkind = \"sample\"\n");
    site.agent(NAME, "run").run().expect(64).says(&["no owner is named", "viewers add NAME"]);
    let _ = site.write("front-door/authorized_viewers", b"version = \"one\"\n[[viewer]]\nname = \"X\"\n");
    site.agent(NAME, "run").run().expect(64).says(&["authorized_viewers"]);
    drop(relay);
}

#[test]
fn a_configuration_with_mistakes_tells_all_of_them() {
    let site = Site::new();
    site.configure(NAME, "naem = \"front-door\"\nepoch = \"0s\"\n[source]\nkind = \"webcan\"\nrate = 1e9\n[detect]\nholt = \"1s\"\n");
    let ended = site.agent(NAME, "run").run();
    ended.expect(64).says(&["camera.naem", "camera.epoch", "source.kind", "source.rate", "detect.holt"]);
    // The nearest right word is told with the wrong one.
    ended.says(&["name", "hold"]);
    site.program("camera-agent").args("run --config nowhere.toml").run().expect(64).says(&["nowhere.toml"]);
    assert_eq!(site.program("camera-agent").args("run --frobnicate").run().code, Some(64));
}

#[test]
fn two_agents_on_one_folder() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 5.0\n[detect]\non = false\n");
    let first = site.start_agent(NAME);
    site.agent(NAME, "run").run().expect(69).says(&["another agent is running", "one camera has one agent"]);
    drop((first, relay));
}

#[test]
fn an_agent_without_its_relay_waits_for_it() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 5.0\n[detect]\non = false\n");
    drop(relay);
    let mut agent = site.agent(NAME, "run").start();
    agent.wait_for("no relay answers");
    assert_eq!(agent.status(), None, "it goes on trying");
    let relay = site.start_relay();
    agent.wait_for("publishing");
    agent.signal("TERM");
    agent.ended().expect(0);
    drop(relay);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_was_never_set() {
    let world = World::new().await;
    let stage = Stage::sample(320, 192, Duration::from_millis(100));
    let setup = world.agent(NAME, &stage, None).await;
    let at = Instant::now();
    let clock = Clock::new(move || Stamp { captured_at: Micros(86_400_000_000), at });
    let parts = camera_agent::agent::Parts { clock, ..setup.parts };
    let error = Agent::start(&setup.config, parts, Shutdown::new()).await.unwrap_err();
    assert!(matches!(error, Error::Capture(capture::Error::Clock)), "{error}");
    let error = exit::Error::from(error);
    assert_eq!(error.code, Code::Usage);
    assert!(error.message.contains("before 2020; set it"), "{error}");
    assert_eq!(world.counters().agents, 0, "nothing was captured or sent");
}
