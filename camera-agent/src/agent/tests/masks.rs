//! Masks that change while the agent runs, through the whole pipeline up to the signed frames.

use std::path::{Path, PathBuf};

use wire::label::Labels;

use super::*;

/// A mask over the plant, under that label.
fn plant(label: &str) -> String {
    let (x, y, w, h) = PLANT;
    format!("[[mask]]\nlabel = \"{label}\"\nx = {x}\ny = {y}\nw = {w}\nh = {h}\n")
}

/// The plant again, as two triangles.
fn triangles(label: &str) -> String {
    let (x, y, w, h) = PLANT;
    let (right, bottom) = (x + w, y + h);
    format!(
        "[[mask]]\nlabel = \"{label}\"\npoints = [[{x}, {y}], [{right}, {y}], [{x}, {bottom}]]\n\
         [[mask]]\nlabel = \"{label}\"\npoints = [[{right}, {y}], [{right}, {bottom}], [{x}, {bottom}]]\n"
    )
}

const CORNER: &str = "[[mask]]\nlabel = \"corner\"\nx = 0\ny = 0\nw = 32\nh = 32\n";

/// A running agent that follows a file.
struct Running {
    codec: &'static str,
    file: PathBuf,
    kept: Kept,
    agent: Agent,
    _dir: tempfile::TempDir,
}

/// Looks for no faces.
fn text(codec: &str, masks: &str) -> String {
    format!("[camera]\nowner = \"none\"\n[encode]\ncodec = \"{codec}\"\n[detect]\non = false\n{masks}")
}

impl Running {
    async fn start(codec: &'static str, masks: &str) -> Self {
        Self { codec, ..Self::with(&text(codec, masks), Behaviour::Panics).await }
    }

    async fn with(text: &str, behaviour: Behaviour) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("agent.toml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(Some(&file)).unwrap();
        let kept = Kept::default();
        let agent = Agent::start(&config, parts(&dir, live(), behaviour, kept.clone()), Shutdown::new()).await.unwrap();
        until("a frame", || kept.count() > 0).await;
        Self { codec: "jpeg", file, kept, agent, _dir: dir }
    }

    fn write(&self, masks: &str) {
        replace(&self.file, &text(self.codec, masks));
    }

    /// The labels that the last frame's record names, besides those that are built in.
    fn labels(&self) -> Vec<String> {
        let signed = self.kept.lock().last().unwrap().clone();
        let camera = CameraId(camera_key().verifying_key().to_bytes());
        let record = wire::verify::record(signed.announcement.record.clone(), camera).unwrap();
        own(&record.record().labels)
    }

    async fn stop(self) -> Vec<Signed> {
        self.agent.stop();
        self.agent.ended().await.unwrap();
        self.kept.lock().clone()
    }
}

fn replace(file: &Path, text: &str) {
    link::file::replace(file, text.as_bytes(), link::file::READABLE).unwrap();
}

fn own(labels: &Labels) -> Vec<String> {
    labels.all().filter(|(label, _)| label.number() < 8).map(|(_, name)| name.to_owned()).collect()
}

/// The name of the label that hides a pixel.
fn hidden_as(record: &Record, frame: &SignedFrame, x: u32, y: u32) -> Option<String> {
    let within = |region: &&wire::region::Region| {
        (u32::from(region.x)..region.right()).contains(&x) && (u32::from(region.y)..region.bottom()).contains(&y)
    };
    let region = frame.header().regions.iter().find(within)?;
    Some(record.record().labels.name(region.label).expect("every label is in its record").to_owned())
}

/// How much of the plant the public sees in each frame but the end.
fn sight(codec: &str, frames: &[Signed]) -> Vec<f64> {
    match codec {
        "h264" => closed::video(frames).into_iter().map(|(_, luma)| correlation(&luma, 320).abs()).collect(),
        _ => shown(frames).iter().map(|(_, frame)| seen(frame)).collect(),
    }
}

#[tokio::test]
async fn no_frame_between_shows_what_both_hide() {
    changes_leave_no_gap("jpeg").await;
}

/// In video frames build on each other: what one group hid must not come back in the next, whose labels have other numbers.
#[tokio::test]
async fn no_frame_of_a_video_between_shows_what_both_hide() {
    changes_leave_no_gap("h264").await;
}

async fn changes_leave_no_gap(codec: &'static str) {
    let running = Running::start(codec, &plant("plant")).await;
    // Another label goes first, so that every number means something else; the same pixels are drawn in another way.
    running.write(&format!("{CORNER}{}", triangles("green")));
    until("the new masks", || running.labels() == ["corner", "green"]).await;
    let before_mode = running.kept.count();
    running.write("[masking]\nmode = \"all\"\n");
    until("everything", || running.labels().is_empty()).await;
    running.write(&format!("[masking]\nmode = \"inverse\"\n[[zone]]\nname = \"rest\"\nx = 192\ny = 0\nw = 128\nh = 240\n{CORNER}"));
    until("zones", || running.labels() == ["corner"]).await;
    let enough = running.kept.count() + 5;
    until("more frames", || running.kept.count() >= enough).await;
    let frames = running.stop().await;

    let mut said: Vec<(u64, Vec<String>)> = Vec::new();
    let sight = sight(codec, &frames);
    for (number, ((record, frame), seen)) in shown(&frames).iter().zip(sight).enumerate() {
        let labels = own(&record.record().labels);
        if said.last().is_none_or(|(_, last)| *last != labels) {
            said.push((record.record().epoch, labels.clone()));
        }
        // All of these configurations hide the plant.
        assert!(seen < 0.1, "frame {number} shows the plant: {seen}");
        let (plant, corner, rest) =
            (hidden_as(record, frame, 120, 100), hidden_as(record, frame, 10, 10), hidden_as(record, frame, 300, 200));
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let expected: &[[Option<&str>; 3]] = match labels.as_slice() {
            // At first, and in frames that waited when the corner came.
            ["plant"] => &[[Some("plant"), None, None], [Some("plant"), Some("whole-frame"), None]],
            ["corner", "green"] if number < before_mode => &[[Some("green"), Some("corner"), None]],
            ["corner", "green"] => &[[Some("green"), Some("corner"), None], [Some("green"), Some("corner"), Some("whole-frame")]],
            [] => &[[Some("whole-frame"); 3]],
            ["corner"] => &[[Some("outside"), Some("corner"), None]],
            other => panic!("{other:?}"),
        };
        let found = [plant, corner, rest];
        assert!(
            expected.iter().any(|expected| found.iter().map(Option::as_deref).eq(expected.iter().copied())),
            "frame {number}: {found:?}"
        );
    }
    // Each list of labels has an epoch of its own, and none comes back.
    let labels: Vec<Vec<String>> = said.iter().map(|(_, labels)| labels.clone()).collect();
    assert_eq!(labels, [vec!["plant"], vec!["corner", "green"], vec![], vec!["corner"]]);
    assert!(said.is_sorted_by(|a, b| a.0 < b.0), "{said:?}");
}

#[tokio::test]
async fn a_viewer_reads_the_new_label_from_its_first_frame_on() {
    let running = Running::start("jpeg", &plant("plant")).await;
    let ana = Identity::generate().unwrap();
    // She was named before the label was there.
    let list = running.file.parent().unwrap().join(FILE);
    let key = PublicIdentity::new(ana.public()).unwrap();
    let labels = ["plant", "green"].map(|label| label.parse().unwrap()).into();
    let viewer = Viewer { name: "ana".parse().unwrap(), key, labels, owner: true };
    Editor::open(&list).unwrap().add(&viewer).unwrap();
    // The list is looked at once a second, and so is the file, which must stand still for as long.
    running.write(&plant("green"));
    until("the new label", || running.labels() == ["green"]).await;
    let frames = running.stop().await;
    let green = Label::from_number(0).unwrap();
    for (signed, (record, frame)) in frames.iter().zip(verified(&frames)).filter(|(_, (_, frame))| !frame.header().flags.end) {
        if own(&record.record().labels) == ["green"] {
            assert!(covered(&frame, green));
            assert!(open(&ana, signed, &record, green).is_some(), "frame {}", frame.header().sequence);
        }
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_used_keeps_the_masks() {
    let running = Running::start("jpeg", &plant("plant")).await;
    let file = running.file.clone();
    let wait = async || {
        let count = running.kept.count();
        tokio::time::sleep(WATCH * 3).await;
        until("frames", || running.kept.count() > count + 3).await;
    };
    for bad in ["", "[[mask]]\nlabel = \"plant\"\nx = 0\n", "[masking]\nmode = \"none\"\n"] {
        std::fs::write(&file, bad).unwrap();
        wait().await;
    }
    std::fs::remove_file(&file).unwrap();
    wait().await;
    assert_eq!(running.labels(), ["plant"]);
    // The control: a good one is taken, and then the plant is there.
    running.write("");
    until("no masks", || running.labels().is_empty()).await;
    let frames = running.stop().await;
    let open: Vec<f64> = shown(&frames)
        .iter()
        .map(|(record, frame)| {
            let masked = own(&record.record().labels) == ["plant"];
            assert!(!masked || seen(frame) < 0.1);
            seen(frame)
        })
        .collect();
    assert!(open.last().unwrap() > &0.9, "the search for the plant finds it where it is");
}

/// A detector that runs, and a change back and forth: faces stay masked, and the mode `all` does not wait for it.
#[tokio::test]
async fn faces_stay_masked_whatever_the_mode_becomes() {
    let text = |masks: &str| format!("{FREE}{masks}");
    let running = Running::with(&text("[masking]\nmode = \"all\"\n"), Behaviour::Finds).await;
    replace(&running.file, &text(CORNER));
    let vouched = || running.kept.lock().last().is_some_and(|signed| !signed.frame.header().flags.fail_closed);
    until("masks", || running.labels() == ["corner"] && vouched()).await;
    replace(&running.file, &text("[masking]\nmode = \"inverse\"\n[[zone]]\nname = \"all\"\nx = 0\ny = 0\nw = 320\nh = 240\n"));
    until("zones", || running.labels().is_empty() && vouched()).await;
    let frames = running.stop().await;
    for (_, frame) in shown(&frames) {
        assert!(seen(&frame) < 0.1, "frame {}", frame.header().sequence);
    }
    let last = shown(&frames).pop().unwrap().1;
    assert!(covered(&last, Label::FACE) && last.header().regions.iter().all(|region| region.label == Label::FACE));
}
