//! A sender in a process of its own, so that what it costs can be told from what its audience costs.
//!
//! The child is this program with another command. They talk in lines: the child says where it listens, then answers every `usage` with
//! its processor time and memory. It ends when its standard input does, so it never outlives its parent.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};

/// How long a child may take to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a process has used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Processor time since it began, in user space and in the kernel, in seconds.
    pub cpu: f64,
    /// Resident memory in bytes.
    pub memory: u64,
}

impl Usage {
    /// This process's.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn now() -> anyhow::Result<Self> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc/self/status")?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(Self { cpu: ProcessTime::try_now()?.as_duration().as_secs_f64(), memory: kibibytes * 1024 })
    }
}

#[derive(Serialize, Deserialize)]
struct Listening {
    port: u16,
}

/// What a child can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A relay.
    Relay,
    /// A bare loop that forwards.
    Bare,
}

impl Role {
    /// The command that makes this program one.
    #[must_use]
    pub const fn command(self) -> &'static str {
        match self {
            Self::Relay => "internal-relay",
            Self::Bare => "internal-bare",
        }
    }
}

/// A child that runs. Dropping it ends it.
pub struct Child {
    process: process::Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    port: u16,
}

impl Child {
    /// Starts this program again, in a site, and waits until it listens.
    ///
    /// # Errors
    /// When it cannot be started, or ends at once; then it has said why on standard error.
    pub fn spawn(program: &Path, role: Role, site: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.arg(role.command()).arg(site).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().with_context(|| format!("{} cannot be started", program.display()))?;
        let (input, output) = (process.stdin.take(), process.stdout.take().context("the child has no output")?);
        let mut child = Self { process, input, output: BufReader::new(output), port: 0 };
        child.port = child.answer::<Listening>()?.port;
        Ok(child)
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What it has used by now.
    ///
    /// # Errors
    /// When it is gone.
    pub fn usage(&mut self) -> anyhow::Result<Usage> {
        self.say("usage")?;
        self.answer()
    }

    /// Tells it something.
    ///
    /// # Errors
    /// When it is gone.
    pub fn say(&mut self, word: &str) -> anyhow::Result<()> {
        let input = self.input.as_mut().context("the child was told to end")?;
        writeln!(input, "{word}").context("the child is gone")
    }

    fn answer<T: for<'de> Deserialize<'de>>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            bail!("the child ended before its time");
        }
        serde_json::from_str(&line).with_context(|| format!("the child said {line:?}"))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.input.take());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            sleep(Duration::from_millis(10));
        }
        // It hangs: nothing that it holds is worth waiting for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The child's side: says where it listens, and answers until standard input ends. Words that are not its own go to `hear`.
///
/// # Errors
/// When the parent cannot be answered.
pub fn obey(port: u16, mut hear: impl FnMut(&str)) -> anyhow::Result<()> {
    let mut output = std::io::stdout();
    let mut say = |line: String| -> anyhow::Result<()> {
        writeln!(output, "{line}")?;
        Ok(output.flush()?)
    };
    say(serde_json::to_string(&Listening { port })?)?;
    for line in std::io::stdin().lines() {
        match line?.as_str() {
            "usage" => say(serde_json::to_string(&Usage::now()?)?)?,
            other => hear(other),
        }
    }
    Ok(())
}
