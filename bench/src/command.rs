//! What people type.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::fanout::{self, bare};
use crate::figure::Figure;
use crate::machine::Machine;
use crate::report::{Part, Report};
use crate::{Place, Scale, agent, archive, live, relay, verification, video};

const EXAMPLES: &str = "\
Examples:
  bench                               everything, some minutes on two cores
  bench fan-out --json figures.json   one section, for programs too
  bench --markdown                    the table of the README";

/// Measures what the agent, the relay and the way between them cost on this machine, on loopback alone.
#[derive(Debug, Parser)]
#[command(name = "bench", version, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    internal: Option<Internal>,
    #[command(flatten)]
    wish: Wish,
}

#[derive(Debug, Args)]
struct Wish {
    /// What to measure; everything if nothing is said.
    #[arg(value_enum)]
    sections: Vec<Section>,
    /// Write the figures as JSON to this file as well, or with "-" to standard output in place of the table.
    #[arg(long, value_name = "FILE|-")]
    json: Option<PathBuf>,
    /// Print the table in Markdown.
    #[arg(long)]
    markdown: bool,
    /// Measure so little that it takes seconds: shows that everything works, and the figures mean nothing.
    #[arg(long)]
    tiny: bool,
    /// Where files go (a relay's folder, an archive), to be removed again: the disk that it is on is the one that is measured.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    dir: PathBuf,
    /// Fan-out: how many watch.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    viewers: Option<u16>,
    /// Fan-out: how many seconds of each round count.
    #[arg(long, value_name = "S", value_parser = clap::value_parser!(u16).range(1..=600))]
    seconds: Option<u16>,
    /// Fan-out: how often relay and bare loop take turns.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=100))]
    rounds: Option<u16>,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// The agent's stages, and where a frame's bytes go.
    Agent,
    /// Two layers of H.264 against one: bytes, time, quality.
    Video,
    /// Frames that the relay verifies.
    Verify,
    /// One camera to 200 viewers, against a bare loop over the same transport.
    FanOut,
    /// How old a frame is at a viewer, and how soon a viewer has its first picture.
    Live,
    /// How fast frames become durable.
    Archive,
}

/// The senders that this program starts itself as.
#[derive(Debug, Subcommand)]
enum Internal {
    #[command(hide = true)]
    InternalRelay { site: PathBuf },
    #[command(hide = true)]
    InternalBare { site: PathBuf },
}

impl Section {
    const ALL: [Self; 6] = [Self::Agent, Self::Video, Self::Verify, Self::FanOut, Self::Live, Self::Archive];

    const fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Video => "video",
            Self::Verify => "verify",
            Self::FanOut => "fan-out",
            Self::Live => "live",
            Self::Archive => "archive",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Agent => "Agent, one core",
            Self::Video => "Two layers of H.264 against one, 720p",
            Self::Verify => "Relay: verifying",
            Self::FanOut => "Relay: fan-out",
            Self::Live => "Live",
            Self::Archive => "Relay: archive",
        }
    }

    fn run(self, place: &Place, scale: Scale, fan_out: fanout::Wish) -> anyhow::Result<Vec<Figure>> {
        match self {
            Self::Agent => agent::run(place, scale),
            Self::Video => video::run(place, scale),
            Self::Verify => verification::run(place, scale),
            Self::FanOut => fanout::run(place, scale, fan_out),
            Self::Live => live::run(place, scale),
            Self::Archive => archive::run(place, scale),
        }
    }
}

impl Cli {
    /// Does what was typed.
    ///
    /// # Errors
    /// When something cannot be measured. An aim that is missed is no error.
    pub fn run(self) -> anyhow::Result<()> {
        match self.internal {
            Some(Internal::InternalRelay { site }) => relay::run(&site),
            Some(Internal::InternalBare { site }) => bare::run(&site),
            None => self.wish.measure(),
        }
    }
}

impl Wish {
    #[allow(clippy::print_stdout)]
    fn measure(&self) -> anyhow::Result<()> {
        let place = Place { program: std::env::current_exe()?, dir: self.dir.clone(), talk: true };
        let scale = if self.tiny { Scale::Tiny } else { Scale::Full };
        let mut parts = Vec::new();
        for section in Section::ALL.into_iter().filter(|section| self.sections.is_empty() || self.sections.contains(section)) {
            let begun = Instant::now();
            let figures =
                section.run(&place, scale, self.fan_out()).with_context(|| format!("{} could not be measured", section.name()))?;
            parts.push(Part { section: section.name(), title: section.title(), figures, seconds: begun.elapsed().as_secs_f64() });
        }
        let report = Report { machine: Machine::this(), command: self.command(), parts };
        let to_stdout = self.json.as_deref() == Some(Path::new("-"));
        match &self.json {
            Some(_) if to_stdout => println!("{}", report.json()?),
            Some(file) => std::fs::write(file, report.json()?).with_context(|| format!("{} cannot be written", file.display()))?,
            None => {}
        }
        if !to_stdout {
            print!("{}", if self.markdown { report.markdown() } else { report.text() });
        }
        Ok(())
    }

    fn fan_out(&self) -> fanout::Wish {
        fanout::Wish { viewers: self.viewers.map(usize::from), seconds: self.seconds.map(u64::from), rounds: self.rounds.map(usize::from) }
    }

    /// The command that repeats it, from the root of the checkout.
    fn command(&self) -> String {
        let mut words: Vec<String> = self.sections.iter().map(|section| section.name().to_owned()).collect();
        words.extend(self.markdown.then(|| "--markdown".to_owned()));
        words.extend(self.tiny.then(|| "--tiny".to_owned()));
        for (flag, value) in [("viewers", self.viewers), ("seconds", self.seconds), ("rounds", self.rounds)] {
            words.extend(value.map(|value| format!("--{flag} {value}")));
        }
        let command = "cargo run -p celosia-bench";
        if words.is_empty() { command.to_owned() } else { format!("{command} -- {}", words.join(" ")) }
    }
}
