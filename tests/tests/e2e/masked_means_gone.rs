//! A face is planted, masked, and searched for in everything that the programs receive, write and say. With masking off the same search
//! finds it in each place where pictures are.

use std::path::PathBuf;
use std::time::Duration;

use celosia_tests::audience::{Ask, Audience};
use celosia_tests::patience::eventually_blocking;
use celosia_tests::person::Person;
use celosia_tests::picture::Luma;
use celosia_tests::search::{Planted, Trace, files};
use celosia_tests::site::{Site, unlocking};
use celosia_tests::source::Stage;

const NAME: &str = "front-door";
const FACE: (usize, usize) = (104, 56);
const SIDE: usize = 80;

/// Everything that a run leaves behind.
struct Run {
    site: Site,
    planted: Planted,
    /// What the relay received and passes on: every frame with its sealed layers.
    received: Vec<u8>,
    agent_limits: String,
}

/// Runs the real relay, agent and viewers on a planted face, under a mask or not.
fn run(masked: bool, codec: &str) -> Run {
    let (site, ana, eve) = (Site::new(), Person::new(), Person::new());
    let texture = Luma::texture(SIDE, SIDE, 77);
    let stage = Stage::planted(320, 192, Duration::from_millis(100), &texture, FACE);
    // Not among what is searched: it is the camera.
    std::fs::create_dir(site.path("scene")).unwrap();
    let scene = site.write("scene/scene.y4m", &stage.to_y4m(40));

    let relay = site.start_relay();
    let mask = format!("[[mask]]\nlabel = \"planted\"\nx = {}\ny = {}\nw = {SIDE}\nh = {SIDE}\n", FACE.0, FACE.1);
    let config = format!(
        "[source]\nkind = \"y4m\"\npath = \"{}\"\nrepeat = true\n[detect]\non = false\n[encode]\ncodec = \"{codec}\"\n{}",
        scene.display(),
        if masked { mask.as_str() } else { "" }
    );
    site.enroll(NAME, &config);
    site.authorize(NAME, "ana", &ana, "--owner");
    let agent = site.start_agent(NAME);
    let agent_limits = std::fs::read_to_string(format!("/proc/{}/limits", agent.id())).unwrap();

    let camera = site.camera(NAME);
    let viewer = |arguments: &str, more: &str| site.viewer(arguments).arg(&camera).args(more).run();
    std::fs::create_dir(site.path("public")).unwrap();
    std::fs::create_dir(site.path("private")).unwrap();
    let public = |name: &str| site.path("public").join(name).display().to_string();
    let private = |name: &str| site.path("private").join(name).display().to_string();
    viewer("snapshot", &public("snapshot.png")).expect(0);
    viewer("watch", &format!("--frames 5 --out {}", public("frames"))).expect(0);
    viewer("watch", &format!("--frames 5 --y4m {}", public("frames.y4m"))).expect(0);
    viewer("watch", &format!("--from -1h --to now --frames 5 --out {}", public("replay"))).expect(0);
    site.agent(NAME, "snapshot").arg(public("agent.jpg")).run().expect(0);
    let unlock = unlocking(&site.keep("ana", &ana));
    let unlocked = viewer("snapshot", &format!("{} {unlock}", private("snapshot.png")));
    viewer("watch", &format!("--frames 5 --y4m {} {unlock}", private("frames.y4m")));
    if masked {
        unlocked.expect(0);
    }

    let runtime = tokio::runtime::Runtime::new().unwrap();
    let received = runtime.block_on(async {
        let mut audience = Audience::open(&site.address(), site.root(), Ask::live(NAME).by(&eve)).await.unwrap();
        audience.frames(20).await;
        audience.shown.iter().flat_map(|shown| shown.frame.bytes().to_vec()).collect()
    });

    // The relay first, so that frames stay in the agent's spool; in order, so that everything is on the disk.
    relay.signal("TERM");
    relay.ended().expect(0);
    let spooled =
        || files(&site.path(NAME).join("spool")).iter().map(|file| file.metadata().map_or(0, |metadata| metadata.len())).sum::<u64>();
    let before = spooled();
    eventually_blocking("frames are kept in the spool", || spooled() > before + 100_000);
    agent.signal("TERM");
    agent.ended().expect(0);
    Run { site, planted: Planted::new(&texture), received, agent_limits }
}

impl Run {
    fn traces(&self, folders: &[&str]) -> Vec<(PathBuf, Vec<Trace>)> {
        let folders: Vec<PathBuf> = folders.iter().map(|folder| self.site.path(folder)).collect();
        self.planted.leaks(&folders.iter().map(PathBuf::as_path).collect::<Vec<_>>())
    }
}

#[test]
fn nothing_of_a_masked_face_is_anywhere() {
    is_nowhere("h264");
}

#[test]
fn nothing_of_a_masked_face_is_anywhere_in_single_pictures() {
    is_nowhere("jpeg");
}

fn is_nowhere(codec: &str) {
    let run = run(true, codec);
    assert_eq!(run.planted.traces(&run.received), [], "in what the relay received");
    let everywhere = ["relay", NAME, "tmp", "logs", "home", "public"];
    assert_eq!(run.traces(&everywhere), [], "in the files of the relay, the agent and the viewer, or in what they said");
    // No core dump can hold it either.
    let core = run.agent_limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    // The control: whoever was granted it has it, in a picture and in raw samples, and the same search finds it there.
    let unlocked = run.traces(&["private"]);
    let found = |name: &str| unlocked.iter().any(|(file, _)| file.ends_with(name));
    assert!(found("snapshot.png"), "{unlocked:?}");
    assert!(!run.traces(&["scene"]).is_empty());
}

#[test]
fn control_without_a_mask_it_is_everywhere_where_pictures_are() {
    is_everywhere("h264");
}

#[test]
fn control_without_a_mask_it_is_everywhere_in_single_pictures() {
    is_everywhere("jpeg");
}

fn is_everywhere(codec: &str) {
    let run = run(false, codec);
    let scores =
        || celosia_tests::search::pictures(&run.received).iter().map(|(_, picture)| run.planted.score(picture)).collect::<Vec<_>>();
    assert!(!run.planted.traces(&run.received).is_empty(), "in what the relay received: {:?}", scores());
    let found = run.traces(&["relay", "public", "front-door/spool"]);
    let in_folder = |part: &str| found.iter().any(|(file, _)| file.to_string_lossy().contains(part));
    for place in [
        "relay/archive",
        "front-door/spool",
        "public/snapshot.png",
        "public/agent.jpg",
        "public/frames/",
        "public/frames.y4m",
        "public/replay/",
    ] {
        assert!(in_folder(place), "{place} is not among {found:?}");
    }
    // Where no pictures belong there are none, masked or not.
    let elsewhere = run.traces(&[NAME, "tmp", "logs", "home"]);
    assert!(elsewhere.iter().all(|(file, _)| file.starts_with(run.site.path("front-door/spool"))), "{elsewhere:?}");
}
