//! The window itself: takes what comes, paints it when something changed, and does what the keys say. It runs on the main thread.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use link::exit::{Code, Error, OrExit as _};
use softbuffer::{Context, Surface};
use tokio::sync::watch;
use winit::application::ApplicationHandler;
use winit::dpi::{LogicalSize, PhysicalSize};
use winit::event::{ElementState, KeyEvent, StartCause, WindowEvent};
use winit::event_loop::{ActiveEventLoop, ControlFlow};
use winit::keyboard::ModifiersState;
use winit::window::{Fullscreen, Window, WindowId};
use wire::verdict::Verdict;

use super::display::{Wake, Waker, no_window};
use super::inbox::Inbox;
use super::keys::{Action, action};
use super::paint::{Painter, bar_height};
use super::scene::{Scene, Signal};
use super::view::{Frame, Source, Standing};
use super::wish::Wish;
use crate::show::Recent;
use crate::show::output::mode;
use crate::watch::wall_clock;

/// Nothing that comes more often than this is called lost earlier.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a note is shown.
const NOTE: Duration = Duration::from_secs(4);

/// What a window begins with.
pub struct Setup {
    /// The camera, as people write it.
    pub camera: String,
    /// How files that are saved begin.
    pub files: String,
    /// Where frames come from.
    pub inbox: Arc<Inbox>,
    /// Who is told which masks shall be lifted.
    pub wishes: watch::Sender<Wish>,
    /// Whether there is a key that may lift masks.
    pub has_key: bool,
    /// Live, or a recording.
    pub live: bool,
    /// Wakes this window.
    pub waker: Waker,
    /// Tells whoever started the program what was saved.
    pub say: fn(&str),
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Setup({})", self.camera)
    }
}

/// The window with its content.
#[derive(Debug)]
pub struct App {
    setup: Setup,
    painter: Painter,
    wish: Wish,
    frame: Option<Frame>,
    /// Which picture is shown: raised with each, also when one is composed anew.
    number: u64,
    /// When the last frame came that was not there before.
    arrived: Option<Instant>,
    /// It was not on the screen yet.
    unseen: bool,
    recent: Recent,
    standing: Standing,
    help: bool,
    note: Option<(String, Instant)>,
    modifiers: ModifiersState,
    open: Option<Open>,
    error: Option<Error>,
}

/// An open window.
struct Open {
    window: Arc<Window>,
    surface: Surface<Arc<Window>, Arc<Window>>,
    /// Its size was chosen by the first picture, or by a person.
    sized: bool,
    hidden: bool,
    title: String,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Open({})", self.title)
    }
}

impl App {
    /// A window that is not open yet.
    ///
    /// # Errors
    /// When the built-in fonts are damaged.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let source = if setup.live { Source::Live } else { Source::Recording };
        Ok(Self {
            setup,
            painter: Painter::new().or_exit(Code::Internal)?,
            wish: Wish::All,
            frame: None,
            number: 0,
            arrived: None,
            unseen: false,
            recent: Recent::new(),
            standing: Standing { verdict: Verdict::NotEnoughYet, reasons: Vec::new(), source, trouble: None },
            help: false,
            note: None,
            modifiers: ModifiersState::empty(),
            open: None,
            error: None,
        })
    }

    /// How it ended.
    ///
    /// # Errors
    /// When the window system failed.
    pub fn ended(self) -> Result<(), Error> {
        self.error.map_or(Ok(()), Err)
    }

    /// Takes what came.
    fn take(&mut self) {
        let news = self.setup.inbox.take();
        if let Some(standing) = news.standing {
            self.standing = standing;
        }
        if let Some(mut frame) = news.frame {
            // It may have been composed before the masks were lowered.
            frame.lower(&self.wish);
            if self.frame.as_ref().is_none_or(|shown| shown.place != frame.place) {
                self.arrived = Some(Instant::now());
                self.unseen = true;
            }
            if let Some(open) = &mut self.open {
                open.fit((frame.picture.width, frame.picture.height));
            }
            self.replace(frame);
        }
    }

    /// Another picture; the next painting overwrites what is kept of the one before.
    fn replace(&mut self, frame: Frame) {
        self.frame = Some(frame);
        self.number += 1;
    }

    fn wish(&mut self, wish: Wish) {
        if !self.setup.has_key {
            self.say("There is no key to lift masks with: start with --unlock --identity FILE".to_owned());
            return;
        }
        self.wish = wish;
        // Lowered here at once; the picture is composed anew from the public layer behind that.
        if let Some(mut frame) = self.frame.take() {
            frame.lower(&self.wish);
            self.replace(frame);
            self.painter.forget();
        }
        // The other side may have ended: then nothing is left to lift.
        let _ = self.setup.wishes.send(self.wish.clone());
    }

    fn label(&mut self, key: usize) {
        let in_use: Vec<String> = self.frame.iter().flat_map(|frame| &frame.in_use).map(|label| label.name.clone()).collect();
        let name = self.frame.iter().flat_map(|frame| &frame.in_use).find(|label| label.key == key).map(|label| label.name.clone());
        match name {
            Some(name) => self.wish(self.wish.with_toggled(&name, in_use.iter().map(String::as_str))),
            None => self.say(format!("No label has the key {}", key + 1)),
        }
    }

    /// Saves the picture in the current folder, named after the camera and the frame.
    fn save(&mut self) {
        let Some(frame) = &self.frame else {
            self.say("There is no picture yet".to_owned());
            return;
        };
        let unlocked = !frame.lifted.is_empty();
        let ((session, sequence), what) = (frame.place, if unlocked { "-unlocked" } else { "" });
        let path = PathBuf::from(format!("{}-{session:06}-{sequence:09}{what}.png", self.setup.files));
        let path = std::path::absolute(&path).unwrap_or(path);
        let (picture, waker, say) = (frame.picture.clone(), self.setup.waker.clone(), self.setup.say);
        // Compressing takes longer than a frame: the window goes on meanwhile.
        std::thread::spawn(move || {
            let said = match picture.write_png(&path, mode(unlocked)) {
                Ok(()) => format!("Saved {}", path.display()),
                Err(error) => format!("{} was not saved: {error}", path.display()),
            };
            say(&said);
            waker.wake(Wake::Note(said));
        });
    }

    fn say(&mut self, note: String) {
        self.note = Some((note, Instant::now()));
    }

    fn act(&mut self, action: Action, event_loop: &ActiveEventLoop) {
        match action {
            Action::Masks => self.wish(self.wish.toggled()),
            Action::Label(key) => self.label(key),
            Action::FullScreen => {
                if let Some(Open { window, .. }) = &self.open {
                    window.set_fullscreen(window.fullscreen().map_or(Some(Fullscreen::Borderless(None)), |_| None));
                }
            }
            Action::Help => self.help = !self.help,
            Action::Save => self.save(),
            Action::Quit => event_loop.exit(),
        }
        self.redraw();
    }

    fn key(&mut self, event: &KeyEvent, event_loop: &ActiveEventLoop) {
        let with_others = self.modifiers.intersects(ModifiersState::CONTROL | ModifiersState::ALT | ModifiersState::SUPER);
        if event.state == ElementState::Pressed
            && !event.repeat
            && !with_others
            && let Some(action) = action(&event.logical_key, event.physical_key)
        {
            self.act(action, event_loop);
        }
    }

    fn redraw(&self) {
        if let Some(open) = &self.open
            && !open.hidden
        {
            open.window.request_redraw();
        }
    }

    /// After how long without a picture the signal is called lost: longer where the camera is slow.
    fn patience(&self) -> Duration {
        let rate = self.recent.rate();
        if rate > 0.0 { PATIENCE.max(Duration::from_secs_f64((3.0 / rate).min(600.0))) } else { PATIENCE }
    }

    fn signal(&self) -> Signal {
        let Some(arrived) = self.arrived else { return Signal::Waiting };
        let age = arrived.elapsed();
        match self.standing.source {
            Source::Recording | Source::Ended => Signal::Coming,
            Source::Live if age < self.patience() => Signal::Coming,
            Source::Live | Source::Lost(_) => Signal::Lost(age),
        }
    }

    /// When the window changes by itself: a note goes, an age goes on.
    fn changes_at(&self) -> Option<Instant> {
        let note = self.note.as_ref().map(|(_, since)| *since + NOTE);
        let signal = self.arrived.and_then(|arrived| match self.signal() {
            Signal::Waiting => None,
            Signal::Coming => (self.standing.source == Source::Live).then(|| arrived + self.patience()),
            Signal::Lost(age) => Some(arrived + Duration::from_secs(age.as_secs() + 1)),
        });
        note.into_iter().chain(signal).min()
    }

    fn draw(&mut self) -> Result<(), Error> {
        if self.note.as_ref().is_some_and(|(_, since)| since.elapsed() >= NOTE) {
            self.note = None;
        }
        let scene = Scene {
            camera: &self.setup.camera,
            frame: self.frame.as_ref().map(|frame| (self.number, frame)),
            standing: &self.standing,
            signal: self.signal(),
            latency: self.recent.latency().filter(|_| self.setup.live),
            rate: self.recent.rate(),
            has_key: self.setup.has_key,
            help: self.help,
            note: self.note.as_ref().map(|(note, _)| note.as_str()),
        };
        let Some(open) = &mut self.open else { return Ok(()) };
        open.draw(&scene, &mut self.painter)?;
        if std::mem::take(&mut self.unseen)
            && let Some(frame) = &self.frame
        {
            self.recent.push(Instant::now(), Duration::from_micros(wall_clock().0.saturating_sub(frame.captured_at.0)));
        }
        Ok(())
    }
}

impl Open {
    fn new(event_loop: &ActiveEventLoop, camera: &str) -> Result<Self, Error> {
        let attributes = Window::default_attributes()
            .with_title(camera)
            .with_inner_size(LogicalSize::new(960, 602))
            .with_min_inner_size(LogicalSize::new(320, 240));
        let window = Arc::new(event_loop.create_window(attributes).map_err(|error| no_window(&error.to_string()))?);
        let failed = |error: softbuffer::SoftBufferError| no_window(&error.to_string());
        let context = Context::new(Arc::clone(&window)).map_err(failed)?;
        let surface = Surface::new(&context, Arc::clone(&window)).map_err(failed)?;
        Ok(Self { window, surface, sized: false, hidden: false, title: camera.to_owned() })
    }

    /// At the first picture: as large as it is, as far as there is room; a small one twice or more.
    fn fit(&mut self, (width, height): (u16, u16)) {
        if std::mem::replace(&mut self.sized, true) {
            return;
        }
        let scale = self.window.scale_factor();
        let bar = f64::from(bar_height(scale));
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let screen = self.window.current_monitor().map_or(PhysicalSize::new(1280, 800), |monitor| monitor.size());
        let most = (f64::from(screen.width) * 0.85 / width).min((f64::from(screen.height) * 0.85 - bar) / height);
        let least = (640.0 * scale / width).ceil();
        let times = least.max(scale).min(most).max(0.1);
        // The window system may know better.
        let _ = self.window.request_inner_size(PhysicalSize::new((width * times).round(), (height * times).round() + bar));
    }

    fn draw(&mut self, scene: &Scene<'_>, painter: &mut Painter) -> Result<(), Error> {
        let title = format!("{} · {}", scene.camera, scene.standing.verdict);
        if title != self.title {
            self.window.set_title(&title);
            self.title = title;
        }
        let size = self.window.inner_size();
        let (Some(width), Some(height)) = (NonZeroU32::new(size.width), NonZeroU32::new(size.height)) else { return Ok(()) };
        let failed = |error: softbuffer::SoftBufferError| Error::new(Code::Io, format!("the window cannot be drawn: {error}"));
        self.surface.resize(width, height).map_err(failed)?;
        let mut pixels = self.surface.buffer_mut().map_err(failed)?;
        painter.paint(scene, (size.width, size.height), self.window.scale_factor(), &mut pixels).or_exit(Code::Data)?;
        self.window.pre_present_notify();
        pixels.present().map_err(failed)
    }
}

impl ApplicationHandler<Wake> for App {
    fn resumed(&mut self, event_loop: &ActiveEventLoop) {
        if self.open.is_none() {
            match Open::new(event_loop, &self.setup.camera) {
                Ok(open) => self.open = Some(open),
                Err(error) => {
                    self.error = Some(error);
                    event_loop.exit();
                }
            }
        }
        self.redraw();
    }

    fn new_events(&mut self, _: &ActiveEventLoop, cause: StartCause) {
        if matches!(cause, StartCause::ResumeTimeReached { .. }) {
            self.redraw();
        }
    }

    fn user_event(&mut self, event_loop: &ActiveEventLoop, wake: Wake) {
        match wake {
            Wake::News => self.take(),
            Wake::Note(note) => self.say(note),
            Wake::Quit => event_loop.exit(),
        }
        self.redraw();
    }

    fn window_event(&mut self, event_loop: &ActiveEventLoop, _: WindowId, event: WindowEvent) {
        match event {
            WindowEvent::CloseRequested | WindowEvent::Destroyed => event_loop.exit(),
            WindowEvent::RedrawRequested => {
                if let Err(error) = self.draw() {
                    self.error = Some(error);
                    event_loop.exit();
                }
            }
            WindowEvent::Resized(_) | WindowEvent::ScaleFactorChanged { .. } => self.redraw(),
            WindowEvent::Occluded(hidden) => {
                if let Some(open) = &mut self.open {
                    open.hidden = hidden;
                }
                self.redraw();
            }
            WindowEvent::ModifiersChanged(modifiers) => self.modifiers = modifiers.state(),
            // What was held down while the window was elsewhere is not meant for it.
            WindowEvent::KeyboardInput { event, is_synthetic: false, .. } => self.key(&event, event_loop),
            _ => {}
        }
    }

    fn about_to_wait(&mut self, event_loop: &ActiveEventLoop) {
        event_loop.set_control_flow(self.changes_at().map_or(ControlFlow::Wait, ControlFlow::WaitUntil));
    }
}
