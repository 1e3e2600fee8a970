#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use super::*;

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn problems(text: &str) -> Vec<String> {
    settings::parse::<Config>(text, "f").unwrap_err().0.iter().map(ToString::to_string).collect()
}

/// All keys of a document, as dotted paths.
fn keys(value: &toml::Value, path: &str, into: &mut BTreeSet<String>) {
    if let toml::Value::Table(table) = value {
        for (key, value) in table {
            let path = format!("{path}.{key}");
            keys(value, &path, into);
            into.insert(path);
        }
    }
}

/// The annotated file with its examples in force: lines that begin with "#" and no space.
fn with_examples() -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.is_empty() && !example.starts_with(' ') => example.to_owned(),
        _ => line.to_owned(),
    };
    ANNOTATED.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_annotated_file_is_the_defaults() {
    let config: Config = settings::parse(ANNOTATED, "relay.toml").unwrap();
    assert_eq!(config, Config::new(&host("localhost"), Path::new(".")));
    let examples: Config = settings::parse(&with_examples(), "relay.toml").unwrap();
    assert_eq!(examples, config.with_camera(&"front-door".parse().unwrap(), Camera::default()));
}

#[test]
fn the_annotated_file_names_every_key() {
    let everything = Config::new(&host("localhost"), Path::new(".")).with_camera(&"front-door".parse().unwrap(), Camera::default());
    let (mut known, mut named) = (BTreeSet::new(), BTreeSet::new());
    keys(&toml::Value::try_from(&everything).unwrap(), "", &mut known);
    keys(&toml::from_str::<toml::Value>(&with_examples()).unwrap(), "", &mut named);
    assert_eq!(known, named);
    assert!(known.len() > 15, "{known:?}");
}

#[test]
fn init_writes_it_with_the_name() {
    assert!(ANNOTATED.contains(NAME_LINE));
    let config: Config = settings::parse(&annotated(&host("relay.example")), "relay.toml").unwrap();
    assert_eq!(config.name(), "relay.example");
}

#[test]
fn all_problems_come_at_once() {
    let found = problems(
        "listen = \"nowhere\"\nname = \"Relay.Example\"\nsealed_access = \"nobody\"\nport = 7443\n\
         [limits]\nviewers = 0\ncameras = \"many\"\nframe_bytes = 1\n\
         [camera.front-door]\nvisible = \"neighbours\"\npublic_history = \"soon\"\n\
         [camera.X]\nvisible = \"secret\"\n",
    );
    let all = found.join("\n");
    for part in [
        "f:1: listen",
        "f:2: name",
        "f:3: sealed_access",
        "f:4: port: there is no such key",
        "f:6: limits.viewers",
        "f:7: limits.cameras",
        "f:8: limits.frame_bytes",
        "f:10: camera.front-door.visible",
        "f:11: camera.front-door.public_history",
        "f:13: camera.X.visible",
    ] {
        assert!(all.contains(part), "{part} is not in\n{all}");
    }
}

#[test]
fn what_has_no_default_is_asked_for() {
    let found = problems("");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains("name: this key is missing"), "{found:?}");
}

#[test]
fn names_of_cameras_and_relays_have_one_form() {
    let base = "sealed_access = \"anyone\"\n";
    for bad in ["Relay.example", "relay.example:7443", "*.example", "relay example", "[::1]"] {
        assert!(problems(&format!("{base}name = \"{bad}\""))[0].contains("name"), "{bad}");
    }
    for good in ["relay.example", "localhost", "127.0.0.1", "::1", "xn--bcher-kva.example"] {
        settings::parse::<Config>(&format!("{base}name = \"{good}\""), "f").unwrap();
    }
    assert!(problems(&format!("{base}name = \"localhost\"\n[camera.Front]\n"))[0].contains("not a name"));
}

#[test]
fn history_is_none_or_a_duration() {
    let of = |text: &str| {
        let text = format!("name = \"localhost\"\nsealed_access = \"anyone\"\n[camera.abc]\npublic_history = \"{text}\"");
        settings::parse::<Config>(&text, "f").map(|config| config.camera(&"abc".parse().unwrap()).public_history)
    };
    assert_eq!(of("none").unwrap(), History::None);
    assert_eq!(of("24h").unwrap(), History::For(std::time::Duration::from_secs(86_400)));
    assert_eq!(of("7days").unwrap(), History::For(std::time::Duration::from_secs(7 * 86_400)));
    assert!(of("0s").is_err() && of("24").is_err() && of("").is_err());
}

#[test]
fn the_folder_is_the_files_own() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("relay.toml");
    std::fs::write(&file, "name = \"localhost\"\nsealed_access = \"anyone\"\ndir = \"state\"").unwrap();
    assert_eq!(Config::load(&file).unwrap().dir, dir.path().join("state"));
}
