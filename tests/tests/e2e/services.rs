//! The service files: systemd understands every line of them, they harden what they start, and the programs understand what is asked of
//! them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use celosia_tests::program;

/// A service file as it is delivered, its name as systemd sees it, and its program.
const SERVICES: [(&str, &str, &str); 2] = [
    ("camera-agent@.service", "camera-agent@front-door.service", "camera-agent"),
    ("relay-server.service", "relay-server.service", "relay-server"),
];

/// How exposed a service may be by systemd's own measure, in tenths of a point; 100 is not hardened at all.
const EXPOSED: &str = "20";

fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The text with the programs where they were built.
fn built(text: &str) -> String {
    let folder = program::path("camera-agent").parent().unwrap().display().to_string();
    assert!(text.contains("/usr/local/bin/"));
    text.replace("/usr/local/bin", &folder)
}

/// Puts a service into a folder of its own.
fn installed(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn systemd_analyze(arguments: &[&str], unit: &Path) -> Output {
    let output = Command::new("systemd-analyze").args(arguments).arg(unit).output();
    output.unwrap_or_else(|why| panic!("systemd-analyze is needed (Debian's package systemd): {why}"))
}

/// What systemd has to say about a service: nothing, where all is well.
fn complaints(unit: &Path) -> String {
    let output = systemd_analyze(&["verify", "--man=no"], unit);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Other services of this machine are not ours to judge.
    let name = unit.file_name().unwrap().to_string_lossy().into_owned();
    let own: Vec<&str> = said.lines().filter(|line| line.contains(&name)).collect();
    assert!(output.status.success() || !own.is_empty(), "{said}");
    own.join("\n")
}

fn hardened(unit: &Path) -> bool {
    let output = systemd_analyze(&["security", "--offline=true", "--no-pager", "--threshold", EXPOSED], unit);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(table.contains("Overall exposure level"), "{table}\n{}", String::from_utf8_lossy(&output.stderr));
    output.status.success()
}

#[test]
fn systemd_understands_every_line_and_finds_them_hardened() {
    let dir = tempfile::tempdir().unwrap();
    for (file, name, _) in SERVICES {
        let unit = installed(dir.path(), name, &built(&text(file)));
        assert_eq!(complaints(&unit), "", "{file}");
        assert!(hardened(&unit), "{file}");
    }
}

#[test]
fn control_a_mistake_and_a_soft_service_are_noticed() {
    let dir = tempfile::tempdir().unwrap();
    for (file, name, _) in SERVICES {
        let wrong = built(&text(file)).replace("NoNewPrivileges=", "NoNewPriviledges=");
        assert!(complaints(&installed(dir.path(), name, &wrong)).contains("NoNewPriviledges"), "{file}");
        let soft: Vec<String> = built(&text(file)).lines().filter(|line| !line.starts_with("Protect")).map(str::to_owned).collect();
        assert!(!hardened(&installed(dir.path(), name, &soft.join("\n"))), "{file}");
    }
}

#[test]
fn neither_pictures_nor_keys_go_to_the_disk_and_no_privilege_is_won() {
    for (file, _, program) in SERVICES {
        let text = text(file);
        let has = |line: &str| text.lines().any(|other| other == line);
        for line in [
            "LimitCORE=0",
            "MemorySwapMax=0",
            "NoNewPrivileges=yes",
            "PrivateTmp=yes",
            "ProtectSystem=strict",
            "ProtectHome=yes",
            "StateDirectoryMode=0700",
            "UMask=0077",
            "MemoryDenyWriteExecute=yes",
            "SystemCallFilter=@system-service",
        ] {
            assert!(has(line), "{file}: {line}");
        }
        assert!(text.lines().any(|line| line.starts_with("User=celosia")), "{file} runs as a user of its own");
        // The agent sees cameras and no other device; the relay none at all.
        let devices =
            if program == "camera-agent" { ["DevicePolicy=closed", "DeviceAllow=char-video4linux rw"] } else { ["PrivateDevices=yes"; 2] };
        assert!(devices.iter().all(|line| has(line)), "{file}");
    }
}

#[test]
fn the_programs_understand_what_the_services_ask_of_them() {
    let dir = tempfile::tempdir().unwrap();
    for (file, _, name) in SERVICES {
        let text = text(file);
        let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/")).unwrap();
        let line = line.replace("%i", "front-door").replace("/etc/", &format!("{}/etc/", dir.path().display()));
        let line = line.replace("/var/lib/", &format!("{}/var/", dir.path().display()));
        let (program, arguments) = line.split_once(' ').unwrap();
        assert_eq!(program, name);
        // Nothing is there yet: that is what it says, and not that it does not know what is meant.
        let output = Command::new(program::path(program)).args(arguments.split(' ')).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("there is no such file") && !said.contains("unexpected argument"), "{line}: {said}");
    }
    // Two cameras share nothing.
    let agent = text("camera-agent@.service");
    for line in ["StateDirectory=celosia/%i", "ConditionPathExists=/etc/celosia/%i/agent.toml"] {
        assert!(agent.contains(line), "{line}");
    }
}
