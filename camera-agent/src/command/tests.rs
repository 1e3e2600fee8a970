#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use clap::{CommandFactory as _, Parser as _};
use seal::identity::Identity;
use seal::public::PublicIdentity;

use super::*;
use crate::viewers::{FILE, Viewers};

fn key() -> String {
    PublicIdentity::new(Identity::generate().unwrap().public()).unwrap().to_string()
}

/// Carries out a line in that folder, without setting up logging, of which a process has one.
async fn carried_out(dir: &tempfile::TempDir, line: &[&str]) -> Result<(), Error> {
    let config = dir.path().join("agent.toml");
    if !config.exists() {
        std::fs::write(&config, "[[mask]]\nlabel = \"till\"\nx = 0\ny = 0\nw = 16\nh = 16\n").unwrap();
    }
    let place = ["--config", config.to_str().unwrap()];
    let cli = Cli::try_parse_from(["camera-agent"].iter().chain(&place).chain(line)).unwrap();
    match cli.command {
        Command::Enroll(enroll) => enroll.carry_out(&cli.place).await,
        Command::Run(run) => run.carry_out(&cli.place).await,
        Command::Check(check) => check.carry_out(&cli.place).await,
        Command::Snapshot(snapshot) => snapshot.carry_out(&cli.place).await,
        Command::Evaluate(evaluate) => evaluate.carry_out(&cli.place).await,
        Command::Viewers { command } => command.carry_out(&cli.place).await,
    }
}

fn list(dir: &tempfile::TempDir) -> Vec<(String, Vec<String>, bool)> {
    let viewers = Viewers::load(&dir.path().join("agent").join(FILE)).unwrap();
    let one =
        |viewer: &crate::viewers::Viewer| (viewer.name.to_string(), viewer.labels.iter().map(ToString::to_string).collect(), viewer.owner);
    viewers.list().iter().map(one).collect()
}

#[test]
fn every_command_has_an_example() {
    fn look(command: &clap::Command, path: &str) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name());
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Example") && help.contains(&path), "{path}");
            look(sub, &path);
        }
    }
    Cli::command().debug_assert();
    look(&Cli::command(), "camera-agent");
}

#[test]
fn a_token_shows_in_no_debug_text() {
    let line = ["camera-agent", "enroll", "--relay", "h:1", "--ca", &"0".repeat(64), "--token", "very-secret"];
    let cli = Cli::try_parse_from(line).unwrap();
    assert!(!format!("{cli:?}").contains("very-secret"));
}

#[tokio::test]
async fn viewers_are_added_with_what_is_usual_and_whole_frame_only_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (ana, ben) = (key(), key());
    carried_out(&dir, &["viewers", "list"]).await.unwrap();
    carried_out(&dir, &["viewers", "add", "ana", "--key", &ana, "--owner"]).await.unwrap();
    carried_out(&dir, &["viewers", "add", "ben", "--key", &ben, "--labels", "till,whole-frame"]).await.unwrap();
    let strings = |labels: &[&str]| labels.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        list(&dir),
        [("ana".to_owned(), strings(&["face", "outside", "till"]), true), ("ben".to_owned(), strings(&["till", "whole-frame"]), false)]
    );
    for line in [&["viewers", "list"][..], &["viewers", "list", "--json"]] {
        carried_out(&dir, line).await.unwrap();
    }

    let code = |result: Result<(), Error>| result.unwrap_err().code;
    assert_eq!(code(carried_out(&dir, &["viewers", "add", "ana", "--key", &key()]).await), Code::NotAllowed);
    assert_eq!(code(carried_out(&dir, &["viewers", "add", "anna", "--key", &ana]).await), Code::NotAllowed);
    assert_eq!(code(carried_out(&dir, &["viewers", "add", "eve", "--key", "celosia1x"]).await), Code::Usage);
    let strange = carried_out(&dir, &["viewers", "add", "eve", "--key", &key(), "--labels", "tlil"]).await.unwrap_err();
    assert!(strange.to_string().contains("`tlil`") && strange.to_string().contains("till, outside, face"), "{strange}");
    let no_key = carried_out(&dir, &["viewers", "add", "eve"]).await.unwrap_err();
    assert!(no_key.code == Code::Usage && no_key.to_string().contains("enrolled"), "{no_key}");
    assert_eq!(code(carried_out(&dir, &["viewers", "remove", "eve"]).await), Code::Usage);
    assert_eq!(list(&dir).len(), 2);

    // Other labels make her no less of an owner.
    carried_out(&dir, &["viewers", "add", "ana", "--key", &ana, "--labels", "till"]).await.unwrap();
    assert!(list(&dir).iter().any(|(name, labels, owner)| name == "ana" && labels == &["till"] && *owner), "{:?}", list(&dir));
    carried_out(&dir, &["viewers", "remove", "ana"]).await.unwrap();
    assert_eq!(list(&dir).len(), 1);
}

#[tokio::test]
async fn what_cannot_be_done_is_said_with_the_right_code() {
    let dir = tempfile::tempdir().unwrap();
    let code = |result: Result<(), Error>| result.unwrap_err().code;
    assert_eq!(code(carried_out(&dir, &["run"]).await), Code::Usage, "not enrolled");
    assert_eq!(code(carried_out(&dir, &["snapshot", "out.png"]).await), Code::Usage, "no JPEG");
    let config = dir.path().join("agent.toml");
    std::fs::write(&config, "[source]\nkind = \"y4m\"\npath = \"none.y4m\"").unwrap();
    assert_eq!(code(carried_out(&dir, &["snapshot", "out.jpg"]).await), Code::NoInput);
    std::fs::write(&config, "[source]\nkind = \"sample\"\ncolour = 3\n[detect]\nwidth = 1").unwrap();
    for line in [&["run"][..], &["snapshot", "out.jpg"], &["viewers", "list"]] {
        let error = carried_out(&dir, line).await.unwrap_err();
        let text = error.to_string();
        assert!(error.code == Code::Usage && text.contains("source.colour") && text.contains("detect.width"), "{text}");
    }
}

#[tokio::test]
async fn a_snapshot_is_a_picture_in_a_file() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("agent.toml"), "[source]\nwidth = 320\nheight = 180\n[detect]\non = false").unwrap();
    let out = dir.path().join("now.jpg");
    carried_out(&dir, &["snapshot", out.to_str().unwrap(), "--json"]).await.unwrap();
    let jpeg = std::fs::read(&out).unwrap();
    let header = turbojpeg::read_header(&jpeg).unwrap();
    assert_eq!((header.width, header.height), (320, 180));
    let nowhere = dir.path().join("none/now.jpg");
    let error = carried_out(&dir, &["snapshot", nowhere.to_str().unwrap()]).await.unwrap_err();
    assert!(error.code == Code::CannotCreate && error.to_string().contains("none/now.jpg"), "{error}");
}
