//! The viewer: nobody there, nothing there, and what people type.

use celosia_tests::site::Site;

#[test]
fn a_relay_that_is_not_there() {
    let site = Site::new();
    let camera = site.camera("front-door");
    site.viewer("cameras").arg(site.address().to_string()).run().expect(69).says(&[&site.address().to_string()]);
    let ended = site.viewer("watch").arg(&camera).run();
    ended.expect(69).says(&["no relay answers", "is it running"]);
    let ended = site
        .program("camera-agent")
        .args(&format!("enroll --relay {} --token T --dir x --ca", site.address()))
        .arg(site.root().compact())
        .run();
    ended.expect(69);
    let ended = site.viewer("watch front-door@no-such-host.invalid").run();
    ended.expect(69).says(&["no-such-host.invalid"]);
}

#[test]
fn a_camera_that_is_not_there() {
    let site = Site::new();
    let relay = site.start_relay();
    site.viewer("watch").arg(site.camera("back-door")).run().expect(66).says(&["no camera named back-door"]);
    site.enroll("front-door", "owner = \"none\"\n");
    site.viewer("watch").arg(site.camera("front-door")).run().expect(69).says(&["not connected at the moment"]);
    site.viewer("watch").arg(site.camera("front-door")).args("--from -10m --to now --frames 1").run().expect(0);
    drop(relay);
}

#[test]
fn what_people_type() {
    let site = Site::new();
    for (arguments, says) in [
        ("watch front-door", "is not a camera"),
        ("watch Front@relay.example", "is not a camera"),
        ("watch front-door@relay.example:0", "is not a port"),
        ("watch front-door@relay.example --from yesterday", "not a time"),
        ("watch front-door@relay.example --identity x --password-file y", "--unlock"),
        ("watch front-door@relay.example --labels Face --unlock --identity x", "not a label"),
    ] {
        let ended = site.program("viewer").args(arguments).run();
        assert_eq!(ended.code, Some(64), "{arguments}: {ended}");
        assert!(ended.stderr.contains(says), "{arguments}: {ended}");
    }
    // Without an identity file it is the account that unlocks, and nobody is signed in.
    let unlock = site.program("viewer").args("watch front-door@relay.example --unlock").run();
    unlock.expect(77).says(&["nobody is signed in", "viewer sign-in", "--identity"]);
    let short = site.write("short.password", b"12345\n");
    let ended = site.program("viewer").args("keygen ana.identity --password-file").arg(&short).run();
    ended.expect(64).says(&["password"]);
    assert!(!site.logs().join("ana.identity").exists());
}

#[test]
fn another_operators_relay_under_a_known_address() {
    let site = Site::new();
    let relay = site.start_relay();
    site.viewer("cameras").arg(site.address().to_string()).run().expect(0);
    drop(relay);
    // Somebody makes a relay of his own for the same address.
    std::fs::remove_dir_all(site.path("relay/pki")).unwrap();
    for gone in ["relay/roster.redb", "relay/root/root.key"] {
        std::fs::remove_file(site.path(gone)).unwrap();
    }
    let config = site.path("relay/relay.toml");
    let kept = site.path("kept.toml");
    std::fs::rename(&config, &kept).unwrap();
    site.program("relay-server").args("init --name 127.0.0.1 --dir").arg(site.path("relay")).run().expect(0);
    std::fs::rename(&kept, &config).unwrap();
    let relay = site.start_relay();
    let ended = site.program("viewer").arg("cameras").arg(site.address().to_string()).run();
    ended.expect(77).says(&["root certificate changed", "ask the operator"]);
    drop(relay);
}
