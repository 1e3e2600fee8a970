#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::os::unix::fs::PermissionsExt as _;

use link::settings;
use link::stream;
use wire::message::{Hello, Message};

use super::*;
use crate::testing::{Fake, SOON, enrol};

fn config(dir: &Path, text: &str) -> Config {
    let mut config: Config = settings::parse(text, "f").unwrap();
    config.camera.dir = dir.to_owned();
    config
}

fn texts(report: &Report, weight: Weight) -> String {
    let all = report.findings.iter().filter(|finding| finding.weight == weight).map(|finding| finding.text.as_str());
    all.collect::<Vec<_>>().join("\n")
}

const SMALL: &str = "[source]\nwidth = 320\nheight = 180\n";

#[tokio::test]
async fn every_problem_is_told_at_once() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), "version = \"one\"\nfriends = 3").unwrap();
    let text = "[source]\nkind = \"y4m\"\npath = \"/none/clip.y4m\"\n[detect]\nmodel = \"/none/m.onnx\"";
    let report = check(Ok(config(dir.path(), text))).await;
    let errors = texts(&report, Weight::Error);
    for part in ["no camera that is enrolled", "version", "friends", "/none/clip.y4m", "/none/m.onnx"] {
        assert!(errors.contains(part), "{part} is not in\n{errors}");
    }
    assert_eq!(report.code(), Some(Code::Usage), "the first error's");

    let problems = settings::parse::<Config>("a = 1\nb = 2", "f").unwrap_err();
    let report = check(Err(problems)).await;
    assert_eq!((report.findings.len(), report.code()), (2, Some(Code::Usage)));
}

#[tokio::test]
async fn a_camera_that_would_run_has_no_errors() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    enrol(dir.path(), &fake.operator, &fake.relay);
    let relay = tokio::spawn(async move {
        let connection = fake.accept().await;
        let (mut answer, mut said) = connection.accept_bi().await.unwrap();
        let hello = stream::read_within(&mut said, 1 << 10, SOON).await.unwrap().unwrap();
        assert!(matches!(Message::decode(hello), Ok(Message::Hello(_))));
        stream::write(&mut answer, &[], Message::Hello(Hello::new(None)).encode()).await.unwrap();
        connection.closed().await;
    });
    let text = format!("[camera]\nowner = \"none\"\n{SMALL}");
    let report = check(Ok(config(dir.path(), &text))).await;
    assert_eq!((texts(&report, Weight::Error), report.code()), (String::new(), None));
    let fine = texts(&report, Weight::Fine);
    for part in ["enrolled as front-door", "captures sample 320×180", "CenterFace", "knows the camera"] {
        assert!(fine.contains(part), "{part} is not in\n{fine}");
    }
    assert!(texts(&report, Weight::Warning).contains("nobody can unlock"));
    relay.await.unwrap();
}

#[tokio::test]
async fn what_is_enrolled_is_looked_at() {
    let dir = tempfile::tempdir().unwrap();
    let fake = Fake::new();
    enrol(dir.path(), &fake.operator, &fake.relay);
    // Nobody answers there.
    drop(fake);
    let key = dir.path().join(crate::enroll::KEY);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    // Nobody owns it, and anybody could.
    let list = dir.path().join(FILE);
    std::fs::write(&list, "version = 1").unwrap();
    std::fs::set_permissions(&list, std::fs::Permissions::from_mode(0o666)).unwrap();
    let text = format!("[camera]\nname = \"back-door\"\n[detect]\non = false\n{SMALL}");
    let running = Session::begin(dir.path()).unwrap();
    let report = check(Ok(config(dir.path(), &text))).await;
    drop(running);
    let errors = texts(&report, Weight::Error);
    for part in ["chmod 600", "chmod go-w", "`back-door`", "no owner is named", "no relay answers"] {
        assert!(errors.contains(part), "{part} is not in\n{errors}");
    }
    let warnings = texts(&report, Weight::Warning);
    for part in ["another agent is running", "NOTHING IS MASKED"] {
        assert!(warnings.contains(part), "{part} is not in\n{warnings}");
    }
}
