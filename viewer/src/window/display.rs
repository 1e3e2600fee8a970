//! The display on which the window opens: X11 or Wayland.

use std::sync::Arc;

use link::exit::{Code, Error};
use winit::event_loop::{EventLoop, EventLoopProxy};

use super::app::{App, Setup};

/// What wakes the window.
#[derive(Debug, Clone)]
pub enum Wake {
    /// Something is in the inbox.
    News,
    /// Something to be read once.
    Note(String),
    /// It is time to close.
    Quit,
}

/// A connection to the display, before its window opens. It belongs to the main thread, as window systems demand.
#[derive(Debug)]
pub struct Display(EventLoop<Wake>);

/// Wakes the window from any thread.
#[derive(Debug, Clone)]
pub struct Waker(Arc<EventLoopProxy<Wake>>);

impl Waker {
    /// Wakes it; one that is closed already sleeps on.
    pub fn wake(&self, wake: Wake) {
        let _ = self.0.send_event(wake);
    }
}

impl Display {
    /// Connects to the display that the environment names.
    ///
    /// # Errors
    /// When it names none, or none that answers.
    pub fn open() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let (wayland, x11) = (set("WAYLAND_DISPLAY") || set("WAYLAND_SOCKET"), set("DISPLAY"));
        if !wayland && !x11 {
            return Err(no_window("neither DISPLAY nor WAYLAND_DISPLAY names a screen"));
        }
        // The window system's own library would end the program where these are missing.
        if xkbcommon_dl::xkbcommon_option().is_none() {
            return Err(missing("libxkbcommon.so.0", "libxkbcommon0"));
        }
        if !wayland && xkbcommon_dl::x11::xkbcommon_x11_option().is_none() {
            return Err(missing("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"));
        }
        let event_loop = EventLoop::with_user_event().build().map_err(|error| {
            let which = if wayland { "WAYLAND_DISPLAY" } else { "DISPLAY" };
            no_window(&format!("the screen that {which} names does not answer ({error})"))
        })?;
        Ok(Self(event_loop))
    }

    /// What wakes its window.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::new(self.0.create_proxy()))
    }

    /// Opens the window, and shows what comes until somebody closes it.
    ///
    /// # Errors
    /// When the window system fails.
    pub fn run(self, setup: Setup) -> Result<(), Error> {
        let mut app = App::new(setup)?;
        self.0.run_app(&mut app).map_err(|error| no_window(&error.to_string()))?;
        app.ended()
    }
}

pub(super) fn no_window(why: &str) -> Error {
    Error::new(Code::Unavailable, format!("no window can be opened: {why}"))
        .with_help("start it in a graphical session (DISPLAY or WAYLAND_DISPLAY tells which), or write the pictures with --out DIR")
}

fn missing(library: &str, package: &str) -> Error {
    Error::new(Code::Unavailable, format!("no window can be opened: the library {library} is missing"))
        .with_help(format!("install it (Debian calls it {package}), or write the pictures with --out DIR"))
}
