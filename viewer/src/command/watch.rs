//! `viewer watch`: live, or a stretch of the past.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use link::address::Camera;
use link::exit::{Code, Error, OrExit as _};
use wire::message::Span;

use super::span::{Moment, span};
use super::target::{Ask, Target};
use super::{Accept, Unlocking};
use crate::home::Home;
use crate::show::{Output, Status};

/// How often the status is printed where it is no single line.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Watch a camera.
#[derive(Debug, Args)]
pub(super) struct Command {
    /// The camera, NAME@HOST:PORT.
    #[arg(value_name = "CAMERA")]
    pub(super) camera: Camera,
    #[command(flatten)]
    pub(super) unlocking: Unlocking,
    /// Replay from this time on: 2026-03-01T14:00:00Z, -10m (ago), now.
    #[arg(long, value_name = "T", allow_hyphen_values = true)]
    pub(super) from: Option<Moment>,
    /// Replay until this time.
    #[arg(long, value_name = "T", requires = "from", allow_hyphen_values = true)]
    pub(super) to: Option<Moment>,
    /// Replay so many times as fast as it was; 0 for as fast as it goes [default: 1 in a window, else 0].
    #[arg(long, value_name = "X", requires = "from")]
    speed: Option<f64>,
    /// Show the picture in a window; there, H tells the keys.
    #[arg(long, conflicts_with_all = ["out", "y4m"])]
    window: bool,
    /// Write every frame as PNG into this folder.
    #[arg(long, value_name = "DIR", conflicts_with = "y4m")]
    out: Option<PathBuf>,
    /// Write the frames as Y4M into this file, or to standard output for -.
    #[arg(long, value_name = "FILE")]
    y4m: Option<PathBuf>,
    /// Stop after so many frames.
    #[arg(long, value_name = "N")]
    pub(super) frames: Option<u64>,
    /// Print the status as JSON, an object a line, on standard output.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    pub(super) accept: Accept,
}

impl Command {
    /// Whether it is to be shown in a window, which takes the main thread.
    pub(super) const fn in_window(&self) -> bool {
        self.window
    }

    /// The speed as the relay takes it.
    pub(super) fn pace(&self) -> Result<u16, Error> {
        percent(self.speed.unwrap_or(if self.window { 1.0 } else { 0.0 }))
    }

    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        if self.json && self.y4m.as_deref() == Some("-".as_ref()) {
            return Err(Error::new(Code::Usage, "standard output cannot carry both JSON and Y4M"));
        }
        let span = span(self.from, self.to)?;
        let mut output = match (&self.out, &self.y4m) {
            (Some(folder), _) => Output::folder(folder, self.unlocking.unlock).map_err(|error| cannot(folder, &error))?,
            (None, Some(file)) => Output::y4m(file, self.unlocking.unlock).map_err(|error| cannot(file, &error))?,
            (None, None) => Output::Nothing,
        };
        let pace = self.pace()?;
        let ask = Ask { camera: &self.camera, span, pace, key_frames_only: false };
        let mut target = Target::open(home, &ask, &self.unlocking, &self.accept).await?;
        let mut status = Status::new(span == Span::Live);
        let mut line = Line::new(self.json);
        line.introduce(target.introduction());
        let mut stop = std::pin::pin!(tokio::signal::ctrl_c());
        let result = loop {
            let shown = tokio::select! {
                biased;
                _ = &mut stop => break Ok(()),
                shown = target.next(&mut status) => shown,
            };
            match shown {
                Ok(Some(shown)) => output.put(shown.place, shown.captured_at, shown.picture).or_exit(Code::Io)?,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
            line.show(&status, &target.report());
            if self.frames.is_some_and(|frames| status.frames() >= frames) {
                break Ok(());
            }
        };
        output.finish().or_exit(Code::Io)?;
        let report = target.report();
        line.finish(&status, &report);
        if span != Span::Live && status.frames() == 0 && result.is_ok() && !self.json {
            eprintln!("{} has no recording of that time", self.camera);
        }
        target.close(home).await?;
        result?;
        super::target::judge(&report)
    }
}

pub(super) fn cannot(path: &std::path::Path, error: &std::io::Error) -> Error {
    Error::new(Code::of_output(error), format!("{} cannot be written: {error}", path.display()))
}

/// A speed as the relay takes it: percent of real time, 0 for as fast as it goes.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be within 0 to 65535")]
fn percent(speed: f64) -> Result<u16, Error> {
    let percent = (speed * 100.0).round();
    if (0.0..=65535.0).contains(&percent) { Ok(percent as u16) } else { Err(Error::new(Code::Usage, "--speed must be from 0 to 655")) }
}

/// The status: one line that changes on a terminal, a line a second elsewhere, JSON for scripts.
pub(super) struct Line {
    json: bool,
    bar: Option<ProgressBar>,
    printed: Option<Instant>,
}

impl Line {
    pub(super) fn new(json: bool) -> Self {
        let terminal = !json && std::io::stderr().is_terminal();
        let bar = terminal.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self { json, bar, printed: None }
    }

    pub(super) fn introduce(&self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    pub(super) fn show(&mut self, status: &Status, report: &wire::verdict::Report) {
        if let Some(bar) = &self.bar {
            bar.set_message(status.line(report));
            return;
        }
        if self.printed.is_none_or(|printed| printed.elapsed() >= REPORT_EVERY) {
            self.printed = Some(Instant::now());
            self.print(status, report);
        }
    }

    fn print(&self, status: &Status, report: &wire::verdict::Report) {
        // Whoever reads may have gone; that ends the next write of a frame, not this.
        if self.json {
            let _ = writeln!(std::io::stdout(), "{}", status.json(report));
        } else {
            eprintln!("{}", status.line(report));
        }
    }

    pub(super) fn finish(&self, status: &Status, report: &wire::verdict::Report) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        self.print(status, report);
        if let Some(why) = status.why_masked()
            && !self.json
        {
            eprintln!("{why}");
        }
    }
}
