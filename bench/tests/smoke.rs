//! Every section at its smallest: figures come out, and they are numbers above zero. What they are is for the full run to say.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::process::Command;

use serde_json::Value;

fn measure(section: &str) -> Vec<(String, f64)> {
    let dir = tempfile::tempdir().unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_bench")).args([section, "--tiny", "--json", "-", "--dir"]).arg(dir.path()).output().unwrap();
    assert!(output.status.success(), "{section}: {}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{section} leaves nothing behind");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["machine"]["cores"].as_u64().is_some_and(|cores| cores > 0));
    let figures = report["parts"][0]["figures"].as_array().expect("figures");
    let figure = |figure: &Value| (figure["name"].as_str().unwrap().to_owned(), figure["value"].as_f64().unwrap());
    figures.iter().map(figure).collect()
}

/// Memory may shrink and small frames may need no padding; everything else is above zero.
fn may_be_zero(name: &str) -> bool {
    name.contains("memory") || name.contains("padding") || name.contains("luma lost")
}

fn check(section: &str, count: usize) {
    let figures = measure(section);
    assert_eq!(figures.len(), count, "{figures:?}");
    for (name, value) in &figures {
        assert!(value.is_finite() && (*value > 0.0 || may_be_zero(name)), "{section}: {name} is {value}");
    }
}

#[test]
fn the_agent_is_measured() {
    check("agent", 22);
}

#[test]
fn two_layers_are_measured() {
    check("video", 29);
}

#[test]
fn verification_is_measured() {
    check("verify", 6);
}

#[test]
fn fan_out_is_measured() {
    check("fan-out", 12);
}

#[test]
fn live_is_measured() {
    check("live", 6);
}

#[test]
fn the_archive_is_measured() {
    check("archive", 3);
}

#[test]
fn what_is_unknown_is_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).arg("everything").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("fan-out"), "it says what there is");
}
