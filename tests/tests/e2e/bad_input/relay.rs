//! The relay: its configuration, its port, its folder.

use std::net::{TcpListener, UdpSocket};

use celosia_tests::site::Site;

#[test]
fn a_configuration_with_mistakes_tells_all_of_them() {
    let site = Site::new();
    let config = site.path("relay/relay.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let wrong = text.replace("sealed_access = \"anyone\"", "sealed_acces = \"anyone\"").replace("viewers = 1000", "viewers = 0");
    let _ = site.write("relay/wrong.toml", format!("port = 7443\n{wrong}").as_bytes());
    for command in ["run", "check"] {
        let ended = site.program("relay-server").arg(command).arg("--config").arg(site.path("relay/wrong.toml")).run();
        ended.expect(64).says(&["port: there is no such key", "sealed_acces", "limits.viewers"]);
    }
    let ended = site.program("relay-server").args("run --config nowhere.toml").run();
    ended.expect(64).says(&["nowhere.toml", "relay-server init"]);
}

#[test]
fn a_port_or_a_folder_that_is_in_use() {
    let site = Site::new();
    let relay = site.start_relay();
    // Another relay in the same folder; the port is looked at first.
    site.relay("run").run().expect(69).says(&["in use"]);
    let other = std::fs::read_to_string(site.path("relay/relay.toml")).unwrap();
    let port = format!(":{}\"", site.address().port());
    let _ = site.write("relay/other.toml", other.replacen(&port, ":0\"", 1).as_bytes());
    let ended = site.program("relay-server").args("run --config").arg(site.path("relay/other.toml")).run();
    ended.expect(69);
    drop(relay);

    // Somebody else's programs.
    let tcp = TcpListener::bind(("127.0.0.1", site.address().port())).unwrap();
    site.relay("run").run().expect(69).says(&["TCP port", "set another port"]);
    drop(tcp);
    let udp = UdpSocket::bind(("127.0.0.1", site.address().port())).unwrap();
    site.relay("run").run().expect(69).says(&["UDP port", "in use"]);
    drop(udp);
    let relay = site.start_relay();
    relay.signal("TERM");
    relay.ended().expect(0);
}

#[test]
fn keys_that_are_missing_or_broken() {
    let site = Site::new();
    let file = site.path("relay/pki/issuing.key");
    let aside = site.path("issuing.key");
    std::fs::rename(&file, &aside).unwrap();
    std::fs::write(&file, "nonsense").unwrap();
    site.relay("run").run().expect(65).says(&["issuing.key", "restore it from a backup"]);
    std::fs::remove_file(&file).unwrap();
    site.relay("run").run().expect(65).says(&["issuing.key", "restore it from a backup"]);
    std::fs::rename(&aside, &file).unwrap();
    site.relay("check").run().expect(0);
}

#[test]
fn a_second_init_changes_nothing() {
    let site = Site::new();
    let before = std::fs::read(site.path("relay/pki/root.crt")).unwrap();
    let ended = site.program("relay-server").args("init --name localhost --dir").arg(site.path("relay")).run();
    ended.expect(73).says(&["is there already", "never overwrites"]);
    assert_eq!(std::fs::read(site.path("relay/pki/root.crt")).unwrap(), before);
}
