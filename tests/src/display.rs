//! A screen without glass: an X server of its own on a free number, a window manager, somebody's hands and eyes.
//!
//! Its programs come from the system (`scripts/test-packages.sh`); a missing one fails the test.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use image::RgbImage;

use crate::patience::{PATIENCE, eventually_blocking};
use crate::picture::{Luma, Rect};
use crate::program::Running;

/// A screen; dropping it ends it.
pub struct Display {
    name: String,
    server: Child,
    manager: Option<Child>,
}

/// A window on it, by its number.
#[derive(Debug, Clone)]
pub struct Window(String);

impl Display {
    /// A screen of that size, with a window manager.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        let screen = format!("{width}x{height}x24");
        // The server chooses a free number, and says which when it is ready.
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen, "-nolisten", "tcp", "-noreset"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb is missing: run scripts/test-packages.sh");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut number).unwrap();
        let mut display = Self { name: format!(":{}", number.trim()), server, manager: None };
        assert!(display.name.len() > 1, "the X server does not start");
        display.manager = Some(display.command("openbox").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("openbox is missing"));
        eventually_blocking("the window manager", || display.tool("xprop", &["-root", "_NET_SUPPORTING_WM_CHECK"]).contains("window id"));
        display
    }

    /// What `DISPLAY` is for its programs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for the program's window, whose title has this in it; fails if the program ends before.
    #[must_use]
    pub fn window(&self, title: &str, program: &mut Running) -> Window {
        let mut found = String::new();
        eventually_blocking(&format!("the window “{title}”"), || {
            let status = program.status();
            assert!(status.is_none(), "no window, and the program ended ({status:?}): {}", program.said());
            found = self.tool("xdotool", &["search", "--onlyvisible", "--name", title]);
            !found.trim().is_empty()
        });
        Window(found.lines().next().unwrap().trim().to_owned())
    }

    /// The window's title.
    #[must_use]
    pub fn title(&self, window: &Window) -> String {
        self.tool("xdotool", &["getwindowname", &window.0]).trim().to_owned()
    }

    /// Whether it is still there.
    #[must_use]
    pub fn has(&self, window: &Window) -> bool {
        !self.title(window).is_empty()
    }

    /// Gives it that size, and waits until it has it.
    pub fn resize(&self, window: &Window, width: u32, height: u32) {
        self.tool("xdotool", &["windowsize", &window.0, &width.to_string(), &height.to_string()]);
        eventually_blocking(&format!("a window of {width} × {height}"), || {
            self.look(window).is_some_and(|seen| seen.dimensions() == (width, height))
        });
    }

    /// Types a key into it.
    pub fn key(&self, window: &Window, key: &str) {
        self.tool("xdotool", &["windowactivate", "--sync", &window.0]);
        self.tool("xdotool", &["key", key]);
    }

    /// What can be seen of it now; nothing if it is gone.
    #[must_use]
    pub fn look(&self, window: &Window) -> Option<RgbImage> {
        let seen = self.command("import").args(["-silent", "-window", &window.0, "png:-"]).stderr(Stdio::null()).output();
        let seen = seen.expect("import is missing: run scripts/test-packages.sh");
        image::load_from_memory_with_format(&seen.stdout, image::ImageFormat::Png).ok().map(image::DynamicImage::into_rgb8)
    }

    /// Looks at it until what is seen is as it should be, and gives that; `what` is said if it never is, with where the last look was kept.
    pub fn until(&self, window: &Window, what: &str, mut is: impl FnMut(&RgbImage) -> bool) -> RgbImage {
        let begun = Instant::now();
        loop {
            let seen = self.look(window);
            if let Some(seen) = seen.as_ref().filter(|seen| is(seen)) {
                return seen.clone();
            }
            if begun.elapsed() > PATIENCE {
                let kept = std::env::temp_dir().join(format!("celosia-seen-{}{}.png", std::process::id(), self.name));
                let kept = seen.map(|seen| seen.save(&kept).map(|()| kept));
                panic!("{what}: not within {PATIENCE:?}; what was seen instead: {kept:?}");
            }
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("DISPLAY", &self.name).env_remove("WAYLAND_DISPLAY").stdin(Stdio::null());
        command
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> String {
        // Some of them wait for an answer that a window which is closing no longer gives.
        let ended = self.command("timeout").args(["20", program]).args(arguments).stderr(Stdio::null()).output().unwrap();
        assert!(ended.status.code() != Some(127), "{program} is missing: run scripts/test-packages.sh");
        String::from_utf8_lossy(&ended.stdout).into_owned()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        for child in self.manager.iter_mut().chain([&mut self.server]) {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The part of what was seen, in grey.
#[must_use]
pub fn grey(seen: &RgbImage, rect: Rect) -> Luma {
    let grey = |x: usize, y: usize| {
        let [r, g, b] = seen.get_pixel(x as u32, y as u32).0.map(f32::from);
        (r * 0.299 + g * 0.587 + b * 0.114).round() as u8
    };
    let samples = (rect.y..rect.y + rect.h).flat_map(|y| (rect.x..rect.x + rect.w).map(move |x| grey(x, y))).collect();
    Luma { width: rect.w, height: rect.h, samples }
}

/// The colour of a pixel, 0RGB.
#[must_use]
pub fn color(seen: &RgbImage, x: usize, y: usize) -> u32 {
    let [r, g, b] = seen.get_pixel(x as u32, y as u32).0;
    u32::from_be_bytes([0, r, g, b])
}
