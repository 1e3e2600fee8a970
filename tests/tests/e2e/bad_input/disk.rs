//! A disk that is full.

use celosia_tests::disk::SmallDisk;
use celosia_tests::program::Program;
use celosia_tests::site::Site;

const NAME: &str = "front-door";

const CONFIG: &str = "owner = \"none\"\n[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 10.0\n[detect]\non = false\n\
                      [[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 96\nh = 64\n";

#[test]
fn programs_that_cannot_write_say_so() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, CONFIG);
    let agent = site.start_agent(NAME);
    let disk = SmallDisk::mount(site.path("full"), 64);
    disk.fill();
    let on_disk = |name: &str| disk.path().join(name);

    let ended = site.viewer("snapshot").arg(site.camera(NAME)).arg(on_disk("x.png")).run();
    ended.expect(74).says(&["cannot be written", "No space left"]);
    assert!(!on_disk("x.png").exists(), "nothing half-written stays");
    let ended = site.viewer("watch").arg(site.camera(NAME)).args("--frames 3 --y4m").arg(on_disk("x.y4m")).run();
    ended.expect(74).says(&["No space left"]);
    let password = site.write("new.password", celosia_tests::person::PASSWORD.as_bytes());
    let ended = site.program("viewer").arg("keygen").arg(on_disk("ana.identity")).arg("--password-file").arg(password).run();
    ended.expect(74).says(&["ana.identity cannot be written", "No space left"]);
    let ended = site.program("relay-server").args("init --name localhost --dir").arg(on_disk("relay")).run();
    ended.says(&["cannot be written", "No space left"]);
    assert!(!on_disk("relay/relay.toml").exists());
    drop((agent, relay));
}

#[test]
fn an_agent_that_cannot_remember_its_session_sends_nothing() {
    let site = Site::new();
    let mut relay = site.start_relay();
    let disk = SmallDisk::mount(site.path(NAME), 64);
    site.enroll(NAME, CONFIG);
    disk.fill();
    let ended = site.agent(NAME, "run").run();
    ended.expect(74).says(&["No space left"]);
    assert!(!relay.said().contains("the camera is connected"), "{}", relay.said());
    // The control: with room it runs.
    disk.empty();
    let agent = site.start_agent(NAME);
    relay.wait_for("the camera is connected");
    drop(agent);
}

#[test]
fn a_relay_that_cannot_store_relays_on_and_says_so() {
    let site = Site::new();
    let disk = SmallDisk::mount(site.path("relay/archive"), 4096);
    let mut relay = site.start_relay();
    site.enroll(NAME, CONFIG);
    let mut agent = site.start_agent(NAME);
    disk.fill();
    relay.wait_for("No space left");
    agent.wait_for("the relay stores nothing at the moment");
    site.relay("check").run().expect(74).says(&["records nothing at the moment", "No space left"]);
    // Live goes on, as masked as before.
    let watch = |frames: u32| {
        let program: Program = site.viewer("watch").arg(site.camera(NAME)).args(&format!("--json --frames {frames}"));
        let ended = program.run();
        ended.expect(0);
        let last: serde_json::Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        assert_eq!((last["verdict"].as_str(), last["frame"]["masks"]["till"].as_u64()), (Some("authentic"), Some(1)), "{ended}");
    };
    watch(10);
    assert_eq!(relay.status(), None);
    disk.empty();
    relay.wait_for("storing goes on");
    agent.wait_for("the relay stores again");
    site.relay("check").run().expect(0);
    watch(3);
    for program in [agent, relay] {
        program.signal("TERM");
        program.ended().expect(0);
    }
}
