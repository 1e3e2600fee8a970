//! A webcam in a machine of its own: a Debian kernel in QEMU with a virtual camera (vivid), in front of which the agent runs as it was
//! built. What it signs comes out through a serial port, is verified here, and shows the camera's colour bars.
//!
//! Emulated, everything takes long, so the camera is slow and pictures wait long for the detector. Nothing is said about time.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use celosia_tests::person::Person;
use celosia_tests::program;
use celosia_tests::site::{Site, unlocking};
use viewer::compose::compose;
use viewer::decode::Decoder;
use viewer::picture::Picture;
use viewer::recording::Recording;
use viewer::unlock::Unlock;
use viewer::watch::Event;
use wire::epoch::SourceKind;
use wire::frame::DetectorState;
use wire::region::Region;
use wire::verdict::Verdict;

/// However slow the machine that emulates it: longer than this nothing takes.
const PATIENCE: Duration = Duration::from_secs(20 * 60);

/// How many frames about which the detector has spoken are waited for.
const ENOUGH: usize = 3;

/// Below the text that the virtual camera writes on its picture.
const ROW: usize = 300;

/// Which bars the fixed mask hides: the fourth and the fifth of eight.
const MASK: &str = "[[mask]]\nlabel = \"till\"\nx = 240\ny = 272\nw = 160\nh = 64\n";

const CAMERA: &str = "[source]\nkind = \"webcam\"\ndevice = \"/dev/video0\"\nwidth = 640\nheight = 360\nrate = 1.0\n\
                      [detect]\nwidth = 320\nlook_ahead = \"30s\"\n";

/// One frame of the recording.
struct Shown {
    detector: DetectorState,
    fail_closed: bool,
    masks: Vec<Region>,
    public: Picture,
    opened: Picture,
}

/// What a recording holds so far.
struct Read {
    shown: Vec<Shown>,
    ended: bool,
    verdict: Verdict,
}

/// Reads a recording as far as it goes, by the viewer's library.
fn read(file: &Path, person: &Person) -> Option<Read> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut unlock = Unlock::new(person.identity(), None);
        let mut recording = Recording::open(file, Some(unlock.fingerprint())).await.ok()?;
        assert_eq!(recording.camera().name.as_str(), "front-door");
        let (mut shown, mut ended) = (Vec::new(), false);
        let (mut everybody, mut ana) = (Decoder::new().unwrap(), Decoder::new().unwrap());
        while let Some(event) = recording.next().await.unwrap() {
            match event {
                Event::Frame { frame, record, grants } => {
                    assert_eq!(record.record().source, SourceKind::Webcam);
                    let public = compose(&mut everybody, &frame, &viewer::unlock::Opened::default()).unwrap().picture;
                    let opened = unlock.open(&frame, &record, &grants);
                    let opened = compose(&mut ana, &frame, &opened).unwrap();
                    assert!(opened.broken.is_empty());
                    let header = frame.header();
                    let (detector, fail_closed) = (header.flags.detector, header.flags.fail_closed);
                    shown.push(Shown { detector, fail_closed, masks: header.regions.clone(), public, opened: opened.picture });
                }
                Event::SessionEnd => ended = true,
                Event::Gap(_) | Event::Skipped { .. } => panic!("nothing was lost on the way"),
            }
        }
        Some(Read { shown, ended, verdict: recording.report().verdict })
    })
}

/// The machine; it ends with the test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Y, U and V in the middle of one of the eight bars.
fn bar(picture: &Picture, number: usize) -> [u8; 3] {
    let (width, height) = (usize::from(picture.width), usize::from(picture.height));
    assert_eq!((width, height), (640, 360));
    let (x, half) = (width * (2 * number + 1) / 16, width / 2);
    let chroma = width * height + ROW / 2 * half + x / 2;
    [picture.samples[ROW * width + x], picture.samples[chroma], picture.samples[chroma + half * height / 2]]
}

/// The six coloured bars between white and black, at three quarters, as JFIF has them: yellow, cyan, green, magenta, red, blue.
fn colours() -> [[u8; 3]; 6] {
    [[1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]].map(|rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(|on| f64::from(on) * 191.0);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        [y, 128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402].map(|value| value.round() as u8)
    })
}

fn alike(found: [u8; 3], expected: [u8; 3]) -> bool {
    found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 20)
}

/// Fails unless the picture shows the bars, all but those with these numbers.
fn shows_bars(picture: &Picture, hidden: &[usize]) {
    let all: Vec<_> = (0..8).map(|number| bar(picture, number)).collect();
    assert!(all[0][0] > 170 && all[7][0] < 40, "white and black: {all:?}");
    for (number, expected) in (1..).zip(colours()) {
        assert_eq!(alike(all[number], expected), !hidden.contains(&number), "bar {number}: {:?}, {expected:?}", all[number]);
    }
}

/// Somewhere to keep the kernel's package, so that it is downloaded once.
fn cache() -> PathBuf {
    program::path("camera-agent").with_file_name("webcam-kernel")
}

fn run(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; scripts/test.sh installs what is missing"));
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {}\n{said}", String::from_utf8_lossy(&done.stdout));
}

#[test]
fn a_webcam_is_masked_signed_and_opened() {
    let began = Instant::now();
    // The camera is enrolled here, and taken to the machine with its folder; no relay ever sees it.
    let (site, ana) = (Site::new(), Person::new());
    let relay = site.start_relay();
    site.enroll("front-door", &format!("{CAMERA}{MASK}"));
    site.authorize("front-door", "ana", &ana, "--owner --labels till,face,whole-frame");
    drop(relay);
    let folder = site.path("camera");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(site.path("front-door.toml"), folder.join("agent.toml")).unwrap();
    run(Command::new("cp").arg("-r").arg(site.path("front-door")).arg(&folder));

    let (machine, recording, console) = (site.path("machine"), site.path("recording"), site.path("console"));
    std::fs::create_dir(&machine).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/webcam/image.sh");
    run(Command::new(script).arg(&machine).arg(program::path("camera-agent")).arg(&folder).arg(cache()));

    let mut command = Command::new("qemu-system-x86_64");
    command.args("-accel tcg -cpu max -smp 2 -m 1024 -nographic -nodefaults -no-user-config -no-reboot".split_whitespace());
    command.arg("-kernel").arg(machine.join("vmlinuz")).arg("-initrd").arg(machine.join("initramfs"));
    command.args(["-append", "console=ttyS0 panic=-1 quiet"]);
    command.arg("-serial").arg("stdio").arg("-serial").arg(format!("file:{}", recording.display()));
    let told = File::create(&console).unwrap();
    command.stdin(Stdio::piped()).stdout(told.try_clone().unwrap()).stderr(told);
    let mut machine = Machine(command.spawn().expect("qemu-system-x86_64, which scripts/test.sh installs"));
    let mut keyboard = machine.0.stdin.take().unwrap();
    let said = || String::from_utf8_lossy(&std::fs::read(&console).unwrap_or_default()).into_owned();

    let (mut stopped, mut seen) = (false, 0);
    let ended = loop {
        if let Some(ended) = machine.0.try_wait().unwrap() {
            break ended;
        }
        assert!(began.elapsed() < PATIENCE, "{seen} frames with a detection came; the machine says\n{}", said());
        std::thread::sleep(Duration::from_secs(1));
        let spoken = |read: Read| read.shown.iter().filter(|shown| !shown.fail_closed).count();
        seen = read(&recording, &ana).map_or(0, spoken);
        if seen >= ENOUGH && !stopped {
            stopped = true;
            keyboard.write_all(b"stop\n").unwrap();
        }
    };
    println!("{:.1} min for the machine with the webcam", began.elapsed().as_secs_f64() / 60.0);
    let whole = read(&recording, &ana).unwrap_or_else(|| panic!("nothing was recorded; the machine ended ({ended}) and says\n{}", said()));
    assert!(whole.ended && whole.verdict == Verdict::Authentic, "{}: {}\n{}", whole.verdict, whole.ended, said());
    let ready: Vec<_> = whole.shown.iter().filter(|shown| shown.detector == DetectorState::Ready && !shown.fail_closed).collect();
    assert!(ready.len() >= ENOUGH, "{} of {} frames\n{}", ready.len(), whole.shown.len(), said());
    for shown in &ready {
        assert!(!shown.masks.is_empty());
        shows_bars(&shown.public, &[3, 4]);
        shows_bars(&shown.opened, &[]);
    }
    // While the detector was not ready everything was masked, and everything is there for whom the owner named.
    for shown in whole.shown.iter().filter(|shown| shown.fail_closed) {
        let bars: Vec<_> = (0..8).map(|number| bar(&shown.public, number)).collect();
        assert!(bars.iter().all(|bar| alike(*bar, [96, 128, 128])), "{bars:?}");
        shows_bars(&shown.opened, &[]);
    }

    // The same by the program, for everybody and for ana.
    let verify = |more: &str| site.program("viewer").args("verify").arg(&recording).args(&format!("--json {more}")).run();
    let told = verify("");
    told.expect(0);
    assert!(told.stdout.contains("\"verdict\":\"authentic\"") && told.stdout.contains("\"torn\":false"), "{told}");
    let pictures = site.path("pictures");
    verify(&format!("--out {} {}", pictures.display(), unlocking(&site.keep("ana", &ana)))).expect(0);
    assert_eq!(std::fs::read_dir(&pictures).unwrap().count(), whole.shown.len());
    verify(&format!("--camera {}", "0".repeat(64))).expect(65).says(&["unknown camera"]);
}
