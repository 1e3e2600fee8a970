//! A camera without a network: what it records in a file is verified, opened, and as hard to change as on the way over a relay.

use std::path::Path;

use celosia_tests::patience::eventually_blocking;
use celosia_tests::person::Person;
use celosia_tests::site::{Site, unlocking};

const NAME: &str = "front-door";

const CONFIG: &str = "[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 10.0\n[detect]\non = false\n\
                      [[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 96\nh = 64\n";

/// Records until there is so much.
fn record(site: &Site, file: &Path, bytes: u64) {
    let agent = site.agent(NAME, "run").arg("--out").arg(file).start();
    eventually_blocking("a recording", || file.metadata().is_ok_and(|file| file.len() > bytes));
    agent.signal("TERM");
    agent.ended().expect(0);
}

#[test]
fn a_recording_is_verified_and_opened_later() {
    let (site, ana) = (Site::new(), Person::new());
    let relay = site.start_relay();
    site.enroll(NAME, CONFIG);
    site.authorize(NAME, "ana", &ana, "--owner --labels till");
    drop(relay);
    let file = site.path("monday.celosia");
    record(&site, &file, 150_000);

    let verify = |file: &Path, more: &str| site.program("viewer").args("verify --json").arg(file).args(more).run();
    let whole = verify(&file, "");
    whole.expect(0);
    let told: serde_json::Value = serde_json::from_str(&whole.stdout).unwrap();
    assert_eq!((told["status"]["verdict"].as_str(), told["torn"].as_bool()), (Some("authentic"), Some(false)), "{whole}");
    let camera = told["camera"].as_str().unwrap().to_owned();
    verify(&file, &format!("--camera {camera}")).expect(0);
    verify(&file, &format!("--camera {}", "7".repeat(64))).expect(65).says(&["unknown camera", camera.as_str()]);
    let unlock = unlocking(&site.keep("ana", &ana));
    let opened = verify(&file, &format!("--out {} {unlock}", site.path("pictures").display()));
    opened.expect(0);
    assert!(opened.stdout.contains("\"unlocked\":[\"till\"]"), "{opened}");
    assert!(std::fs::read_dir(site.path("pictures")).unwrap().count() > 3);

    // A second session in the same file would be one that nobody asked for.
    site.agent(NAME, "run").arg("--out").arg(&file).run().expect(73).says(&["monday.celosia", "a recording is a new file"]);

    let bytes = std::fs::read(&file).unwrap();
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        site.write(name, &bytes)
    };
    // Cut off in the middle of a frame, as by a power failure: what is there is authentic.
    let torn = verify(&changed("torn", &|bytes| bytes.truncate(bytes.len() * 2 / 3)), "");
    torn.expect(0);
    assert!(torn.stdout.contains("\"verdict\":\"authentic\"") && torn.stdout.contains("\"torn\":true"), "{torn}");
    // One bit of a picture.
    let middle = bytes.len() / 2;
    verify(&changed("bit", &|bytes| bytes[middle] ^= 1), "").expect(65);
    verify(&changed("head", &|bytes| bytes[0] ^= 1), "").expect(65).says(&["is no recording"]);
    verify(&site.path("none"), "").expect(66).says(&["none cannot be read"]);
}

#[test]
fn an_agent_that_cannot_start_leaves_no_recording_behind() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, "owner = \"none\"\n[source]\nkind = \"y4m\"\npath = \"missing.y4m\"\n");
    drop(relay);
    let file = site.path("nothing.celosia");
    site.agent(NAME, "run").arg("--out").arg(&file).run().expect(66).says(&["missing.y4m"]);
    assert!(!file.exists());
}
