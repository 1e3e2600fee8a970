//! What may depend on what opens sealed layers: never the relay.

use std::process::Command;

/// Above the key stream stand only these: whoever seals and opens, what measures and tests them, and the AEADs of which it is a part.
const ALLOWED: [&str; 8] = ["ctr", "seal", "camera-agent", "viewer", "celosia-bench", "celosia-tests", "aes-gcm", "hpke"];

/// The packages in the text of `cargo tree -i`, without the marks of the tree.
fn packages(tree: &str) -> Vec<&str> {
    let lines = tree.lines().filter_map(|line| line.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).split_whitespace().next());
    lines.collect()
}

/// Those that may not be there.
fn intruders(tree: &str) -> Vec<&str> {
    packages(tree).into_iter().filter(|package| !ALLOWED.contains(package)).collect()
}

#[test]
fn the_relay_is_built_without_what_opens_a_layer() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let arguments = ["tree", "--workspace", "-e", "normal", "-i", "ctr", "--offline", "--locked", "--manifest-path", manifest];
    let cargo = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let tree = String::from_utf8(cargo.stdout).unwrap();
    let found = packages(&tree);
    for expected in ["ctr", "seal", "camera-agent", "viewer"] {
        assert!(found.contains(&expected), "{expected} is not in\n{tree}");
    }
    assert_eq!(intruders(&tree), Vec::<&str>::new(), "{tree}");
}

#[test]
fn control_a_relay_in_the_tree_is_noticed() {
    let honest = "ctr v0.10.0\n├── aes-gcm v0.11.0\n│   └── hpke v0.15.0\n│       └── seal v0.1.0 (/w/seal)\n│           ├── camera-agent v0.1.0 (/w)\n";
    assert!(intruders(honest).is_empty(), "{:?}", intruders(honest));
    let tree = format!("{honest}│           └── relay-server v0.1.0 (/w/relay-server)\n");
    assert_eq!(intruders(&tree), ["relay-server"]);
}
