//! The viewer's window on a screen without glass: what is seen of it, and what its keys do.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use celosia_tests::camera::Camera;
use celosia_tests::display::{Display, Window, color, grey};
use celosia_tests::evil_relay::EvilRelay;
use celosia_tests::operator::Operator;
use celosia_tests::person::Person;
use celosia_tests::picture::{Luma, Rect, correlation, psnr};
use celosia_tests::program::{Program, Running};
use celosia_tests::site::{Site, unlocking};
use celosia_tests::source::Stage;
use celosia_tests::tape::{Tape, frame};
use image::RgbImage;
use viewer::window::paint::{bar_height, picture_in};

const NAME: &str = "front-door";

/// The camera's picture, and the window's size in which it is exactly twice as large.
const PICTURE: (u16, u16) = (320, 192);

/// What stays where it is in the picture.
const TEXTURE: Rect = Rect { x: 80, y: 40, w: 160, h: 96 };

/// Two masks on it, under two labels, in the order of the configuration.
const TILL: Rect = Rect { x: 96, y: 48, w: 64, h: 64 };
const DOOR: Rect = Rect { x: 176, y: 48, w: 48, h: 64 };

fn texture() -> Luma {
    Luma::texture(TEXTURE.w, TEXTURE.h, 4)
}

/// A relay, a camera in front of the texture, and a screen.
struct Scene {
    display: Display,
    site: Site,
    relay: Running,
    agent: Running,
}

/// Whoever is named may lift both masks.
fn scene(named: Option<&Person>) -> Scene {
    let site = Site::new();
    let stage = Stage::planted(PICTURE.0.into(), PICTURE.1.into(), Duration::from_millis(100), &texture(), (TEXTURE.x, TEXTURE.y));
    let clip = site.write("scene/scene.y4m", &stage.to_y4m(20));
    let relay = site.start_relay();
    let mask = |label: &str, Rect { x, y, w, h }| format!("[[mask]]\nlabel = \"{label}\"\nx = {x}\ny = {y}\nw = {w}\nh = {h}\n");
    let source =
        format!("owner = \"none\"\n[source]\nkind = \"y4m\"\npath = \"{}\"\nrepeat = true\n[detect]\non = false\n", clip.display());
    site.enroll(NAME, &format!("{source}{}{}", mask("till", TILL), mask("door", DOOR)));
    if let Some(person) = named {
        site.authorize(NAME, "ana", person, "--labels till,door");
    }
    Scene { display: Display::new(1024, 768), agent: site.start_agent(NAME), relay, site }
}

impl Scene {
    /// Somebody's viewer in a window of twice the picture's size.
    fn watch(&self, more: &str) -> (Running, Window) {
        let viewer = self.site.viewer("watch --window").arg(self.site.camera(NAME)).args(more);
        let mut running = viewer.env("DISPLAY", self.display.name()).start();
        let window = self.display.window(NAME, &mut running);
        // First it takes its own size, which must not come in between.
        self.until(&window, "a picture", |seen| looks_like(seen, OPEN));
        self.display.resize(&window, 640, 384 + bar_height(1.0));
        (running, window)
    }

    fn until(&self, window: &Window, what: &str, is: impl FnMut(&RgbImage) -> bool) -> RgbImage {
        self.display.until(window, what, is)
    }
}

/// A part of the texture that is under no mask, and not so near to one that its frame lies there.
const OPEN: Rect = Rect { x: 80, y: 120, w: 160, h: 16 };

/// What is seen of a part of the picture, and what the camera saw there.
fn both(seen: &RgbImage, part: Rect) -> (Luma, Luma) {
    let at = picture_in(PICTURE, seen.dimensions(), 1.0);
    let pixels = |value: usize, of: u16, to: i32| (value * to as usize + usize::from(of) / 2) / usize::from(of);
    let (x, y) = (at.x as usize + pixels(part.x, PICTURE.0, at.w), at.y as usize + pixels(part.y, PICTURE.1, at.h));
    let rect = Rect { x, y, w: pixels(part.w, PICTURE.0, at.w), h: pixels(part.h, PICTURE.1, at.h) };
    let window = grey(seen, rect);
    // As large as in the camera's picture: the nearest pixel of each.
    let nearest = |index: usize| {
        let (x, y) = (index % part.w, index / part.w);
        window.samples[((2 * y + 1) * rect.h / (2 * part.h)) * rect.w + (2 * x + 1) * rect.w / (2 * part.w)]
    };
    let shown = Luma { width: part.w, height: part.h, samples: (0..part.w * part.h).map(nearest).collect() };
    (shown, texture().part(Rect { x: part.x - TEXTURE.x, y: part.y - TEXTURE.y, ..part }))
}

fn looks_like(seen: &RgbImage, part: Rect) -> bool {
    let (shown, source) = both(seen, part);
    correlation(&shown, &source) > 0.9
}

/// Nothing of the original is there: one flat colour, as for everybody.
fn is_masked(seen: &RgbImage, part: Rect) -> bool {
    let inner = Rect { x: part.x + 4, y: part.y + 4, w: part.w - 8, h: part.h - 8 };
    let (shown, source) = both(seen, inner);
    correlation(&shown, &source).abs() < 0.1 && shown.samples.iter().all(|sample| sample.abs_diff(shown.samples[0]) < 6)
}

/// Whether there is a coloured frame around a part, in a window of twice the picture's size. The scene itself is grey.
fn has_frame(seen: &RgbImage, part: Rect) -> bool {
    let coloured = |x: usize, y: usize| {
        let [_, r, g, b] = color(seen, x, y).to_be_bytes();
        r.max(g).max(b) - r.min(g).min(b) > 60
    };
    let (left, top, right, bottom) = (2 * part.x - 2, 2 * part.y - 2, 2 * (part.x + part.w) + 1, 2 * (part.y + part.h) + 1);
    let (x, y) = (part.x * 2 + part.w, part.y * 2 + part.h);
    [(left, y), (right, y), (x, top), (x, bottom), (left, top), (right, bottom)].into_iter().all(|(x, y)| coloured(x, y))
}

#[test]
fn keys_lift_and_lower_the_masks() {
    let ana = Person::new();
    let scene = scene(Some(&ana));
    let (mut viewer, window) = scene.watch(&unlocking(&scene.site.keep("ana", &ana)));
    let key = |name: &str| scene.display.key(&window, name);

    let seen = scene.until(&window, "the originals", |seen| looks_like(seen, TILL) && looks_like(seen, DOOR));
    let (shown, source) = both(&seen, TILL);
    assert!(psnr(&shown, &source) > 20.0, "{}", psnr(&shown, &source));
    assert!(has_frame(&seen, TILL) && has_frame(&seen, DOOR));
    assert!(scene.display.title(&window).ends_with("authentic"), "{}", scene.display.title(&window));

    key("space");
    let seen = scene.until(&window, "masks", |seen| is_masked(seen, TILL) && is_masked(seen, DOOR));
    assert!(!has_frame(&seen, TILL) && !has_frame(&seen, DOOR) && looks_like(&seen, OPEN));
    key("1");
    let seen = scene.until(&window, "one label alone", |seen| looks_like(seen, TILL));
    assert!(has_frame(&seen, TILL) && is_masked(&seen, DOOR) && !has_frame(&seen, DOOR));
    key("2");
    scene.until(&window, "the other one too", |seen| looks_like(seen, TILL) && looks_like(seen, DOOR));
    key("1");
    scene.until(&window, "the first one lowered", |seen| is_masked(seen, TILL) && looks_like(seen, DOOR));
    key("u");
    scene.until(&window, "all lowered", |seen| is_masked(seen, TILL) && is_masked(seen, DOOR));

    // What is saved is what is shown.
    key("s");
    viewer.wait_for("Saved ");
    let saved = |unlocked: bool| {
        let files = std::fs::read_dir(scene.site.logs()).unwrap().map(|file| file.unwrap().path());
        let mut pngs = files.filter(|file| file.extension().is_some_and(|end| end == "png"));
        pngs.find(|file| file.to_string_lossy().ends_with("-unlocked.png") == unlocked)
    };
    let masked = saved(false).unwrap();
    // Video smooths a few pixels across a mask's edge, with what is visible outside.
    assert!(correlation(&Luma::open(&masked).part(TILL), &texture().part(Rect { x: 16, y: 8, ..TILL })).abs() < 0.1);
    key("space");
    scene.until(&window, "all lifted", |seen| looks_like(seen, TILL) && looks_like(seen, DOOR));
    key("s");
    viewer.wait_for("-unlocked.png");
    let open = saved(true).unwrap();
    assert!(correlation(&Luma::open(&open).part(TILL), &texture().part(Rect { x: 16, y: 8, ..TILL })) > 0.9);
    let mode = std::fs::metadata(&open).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "what is unlocked is for whoever unlocked it");
    assert!(viewer.said().contains(&open.display().to_string()), "{}", viewer.said());

    key("h");
    // The left edge of the help is dark; the scene is behind it.
    let dark = |seen: &RgbImage| (14..26).all(|x| color(seen, x, 192) == 0x0b_0d10);
    scene.until(&window, "the help", |seen| dark(seen));
    key("question");
    scene.until(&window, "no help", |seen| !dark(seen) && looks_like(seen, TILL));
    key("f");
    scene.until(&window, "a full screen", |seen| seen.dimensions() == (1024, 768) && looks_like(seen, TILL) && looks_like(seen, DOOR));
    key("f");
    scene.until(&window, "a window again", |seen| seen.dimensions() == (640, 446));
    key("q");
    viewer.ended().expect(0);
    drop((scene.agent, scene.relay));
}

#[test]
fn everybody_sees_the_masks_and_notices_when_nothing_comes() {
    let scene = scene(None);
    let (viewer, window) = scene.watch("");
    let masked = |seen: &RgbImage| is_masked(seen, TILL) && is_masked(seen, DOOR) && looks_like(seen, OPEN);
    scene.until(&window, "masks", masked);
    // Without a key of theirs no key of the keyboard lifts anything.
    for key in ["space", "1", "u"] {
        scene.display.key(&window, key);
    }
    let seen = scene.until(&window, "masks all the same", masked);
    assert!(!has_frame(&seen, TILL));

    // The camera stops: what is left is faded, and says so.
    let light = |seen: &RgbImage| {
        let (shown, _) = both(seen, OPEN);
        shown.samples.iter().map(|sample| u64::from(*sample)).sum::<u64>() / shown.samples.len() as u64
    };
    let before = light(&seen);
    scene.agent.signal("STOP");
    let seen = scene.until(&window, "a picture that does not look live", |seen| light(seen) < before / 2);
    let red = |seen: &RgbImage| seen.pixels().filter(|pixel| pixel.0 == [0xf0, 0x47, 0x47]).count();
    assert!(red(&seen) > 500, "and an alarm over it");
    scene.agent.signal("CONT");
    scene.until(&window, "live pictures again", |seen| light(seen) > before / 2 && red(seen) == 0);

    // The window manager's way to close it.
    scene.display.key(&window, "alt+F4");
    viewer.ended().expect(0);
    // And the terminal's.
    let (viewer, window) = scene.watch("");
    viewer.signal("INT");
    viewer.ended().expect(0);
    assert!(!scene.display.has(&window));
}

#[test]
fn a_relay_that_comes_back_is_watched_again() {
    let mut scene = scene(None);
    let (viewer, window) = scene.watch("");
    let red = |seen: &RgbImage| seen.pixels().filter(|pixel| pixel.0 == [0xf0, 0x47, 0x47]).count();
    scene.relay.kill();
    scene.until(&window, "a lost signal", |seen| red(seen) > 500);
    scene.relay = scene.site.start_relay();
    scene.until(&window, "pictures again", |seen| red(seen) == 0 && looks_like(seen, OPEN));
    scene.display.key(&window, "Escape");
    viewer.ended().expect(0);
}

/// At the end of a recording nothing comes any more: the picture is composed anew from what came.
#[test]
fn the_masks_of_a_recording_are_lifted_and_lowered_too() {
    let ana = Person::new();
    let mut scene = scene(Some(&ana));
    let unlock = unlocking(&scene.site.keep("ana", &ana));
    let (viewer, window) = scene.watch(&unlock);
    scene.until(&window, "the originals", |seen| looks_like(seen, TILL) && looks_like(seen, DOOR));
    scene.display.key(&window, "q");
    viewer.ended().expect(0);
    scene.agent.signal("TERM");
    assert!(scene.agent.wait().success());

    let viewer = scene.site.viewer("watch --window --speed 0 --from -1h").arg(scene.site.camera(NAME)).args(&unlock);
    let mut viewer = viewer.env("DISPLAY", scene.display.name()).start();
    let window = scene.display.window(NAME, &mut viewer);
    // The banner of the end lies over the upper edge: it is blue.
    let ended = |seen: &RgbImage| {
        let [_, r, _, b] = color(seen, 8, 8).to_be_bytes();
        b > r.saturating_add(40)
    };
    scene.until(&window, "the end, unlocked", |seen| ended(seen) && looks_like(seen, TILL) && looks_like(seen, DOOR));
    scene.display.key(&window, "space");
    let seen = scene.until(&window, "masks", |seen| is_masked(seen, TILL) && is_masked(seen, DOOR));
    assert!(ended(&seen) && looks_like(&seen, OPEN));
    scene.display.key(&window, "space");
    scene.until(&window, "the originals again", |seen| looks_like(seen, TILL) && looks_like(seen, DOOR));
    scene.display.key(&window, "Escape");
    viewer.ended().expect(0);
}

/// A relay that changes a frame: it is never drawn, and the window says so in red.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tampered_frame_is_never_drawn() {
    let (operator, dir) = (Operator::new(), tempfile::tempdir().unwrap());
    let mut camera = Camera::new(1, 1);
    camera.masked = false;
    let honest = Tape::of(&operator, NAME, &mut camera, "KKKK", None);
    // One more of the camera's own, as bright as a picture can be: signed, or changed on the way.
    camera.sequence = 199;
    let bright = camera.frames("K").iter().map(frame).collect::<Vec<_>>();
    let number = honest.frames();
    let signed = Tape([honest.0, bright].concat());
    let changed = signed.clone().reframe(number, |frame| frame.header.captured_at.0 += 1);
    let display = Display::new(800, 600);
    let name = display.name().to_owned();

    for (tape, is_drawn) in [(signed, true), (changed, false)] {
        let relay = EvilRelay::playing(&operator, tape);
        let arguments = format!("watch --window {NAME}@{} --ca {}", relay.address(), operator.root().compact());
        let viewer = Program::new("viewer", dir.path()).args(&arguments).env("CELOSIA_HOME", dir.path().join("home")).env("DISPLAY", &name);
        let display = &display;
        tokio::task::block_in_place(|| {
            let mut viewer = viewer.start();
            let window = display.window(NAME, &mut viewer);
            // Below what is written over it. Once nothing comes any more, it has a third of its light.
            let light = |seen: &RgbImage| color(seen, seen.width() as usize / 2, seen.height() as usize * 4 / 5) & 0xff;
            let red = |seen: &RgbImage| seen.pixels().filter(|pixel| pixel.0 == [0xf0, 0x47, 0x47]).count();
            if is_drawn {
                // The control: signed, the same frame is drawn.
                display.until(&window, "the bright frame", |seen| light(seen) > 60);
                display.key(&window, "q");
                assert!(viewer.ended().code.is_some());
            } else {
                let seen = display.until(&window, "an alarm", |seen| red(seen) > 2000);
                assert!(light(&seen) < 30, "the frame before it is still there: {}", light(&seen));
                assert!(display.title(&window).ends_with("tampered"), "{}", display.title(&window));
                display.key(&window, "q");
                viewer.ended().expect(65).says(&["tampered"]);
            }
        });
        std::fs::remove_dir_all(dir.path().join("home")).unwrap();
    }
}

#[test]
fn without_a_screen_it_says_so_at_once() {
    let site = Site::new();
    // Nobody answers there either: the screen is asked for first.
    let watch = || site.viewer("watch --window").arg(site.camera(NAME));
    watch().run().expect(69).says(&["DISPLAY", "WAYLAND_DISPLAY", "--out"]);
    watch().env("DISPLAY", ":4077").run().expect(69).says(&["no window", "DISPLAY", "--out"]);
    watch().env("WAYLAND_DISPLAY", "nowhere").run().expect(69).says(&["no window", "WAYLAND_DISPLAY", "--out"]);
    let ended = site.program("viewer").args("watch --window --out x front-door@relay.example").run();
    assert_eq!(ended.code, Some(64), "{ended}");
}
