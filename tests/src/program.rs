//! The real programs, as they were built: where exit codes, signals, files and logs matter.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::patience::eventually_blocking;

/// A program of ours with its arguments.
pub struct Program {
    command: Command,
    logs: PathBuf,
    name: String,
    input: Option<Vec<u8>>,
}

/// What a program said and how it ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Ended {
    /// Fails unless it ended with this code, and its last words are one sentence about it: no panic, no backtrace, no rambling.
    pub fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{self}");
        for word in ["panicked", "RUST_BACKTRACE", "stack backtrace", "unwrap()"] {
            assert!(!self.stderr.contains(word) && !self.stdout.contains(word), "{self}");
        }
        if code != 0 {
            assert!(!self.errors().is_empty(), "it does not say why: {self}");
        }
        self
    }

    /// Fails unless its error says all of this.
    pub fn says(&self, parts: &[&str]) -> &Self {
        let errors = self.errors();
        for part in parts {
            assert!(errors.contains(part), "“{part}” is not in\n{errors}\n{self}");
        }
        self
    }

    /// What it says is wrong: the lines that begin with `error:` or `help:`.
    #[must_use]
    pub fn errors(&self) -> String {
        let is_error = |line: &&str| line.starts_with("error:") || line.starts_with("help:");
        self.stderr.lines().filter(is_error).collect::<Vec<_>>().join("\n")
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "exit {:?}\n--- stdout\n{}\n--- stderr\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The folder of the built programs: the tests' own lies in `deps` below it.
fn folder() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.parent().and_then(Path::parent).unwrap().to_owned()
}

/// Where a program lies; a missing one fails the test.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let path = folder().join(name);
    assert!(path.is_file(), "{} is missing: run cargo build --workspace first", path.display());
    path
}

impl Program {
    /// One of ours. What it says is kept below `logs`.
    #[must_use]
    pub fn new(name: &str, logs: &Path) -> Self {
        let mut command = Command::new(path(name));
        command.current_dir(logs).env_clear().stdin(Stdio::null());
        // What it finds in the folder that is its home must not be this machine's.
        command.env("HOME", logs).env("TMPDIR", logs).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        Self { command, logs: logs.to_owned(), name: name.to_owned(), input: None }
    }

    /// With an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// With arguments, separated by spaces.
    #[must_use]
    pub fn args(mut self, arguments: &str) -> Self {
        self.command.args(arguments.split_whitespace());
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn env(mut self, key: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// With this on standard input.
    #[must_use]
    pub fn input(mut self, input: &[u8]) -> Self {
        self.command.stdin(Stdio::piped());
        self.input = Some(input.to_vec());
        self
    }

    /// With a standard input that stays open and says nothing.
    #[must_use]
    pub fn silent_input(mut self) -> Self {
        self.command.stdin(Stdio::piped());
        self
    }

    /// Runs it to its end.
    #[must_use]
    pub fn run(self) -> Ended {
        self.start().ended()
    }

    /// Starts it.
    #[must_use]
    pub fn start(mut self) -> Running {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = |what: &str| self.logs.join(format!("{}-{number}.{what}", self.name));
        let (stdout, stderr) = (file("stdout"), file("stderr"));
        self.command.stdout(File::create(&stdout).unwrap()).stderr(File::create(&stderr).unwrap());
        let mut child = self.command.spawn().unwrap();
        if let Some(input) = self.input.take() {
            let mut pipe = child.stdin.take().unwrap();
            // It may have read enough, or be stopped in the middle of it.
            std::thread::spawn(move || drop(pipe.write_all(&input)));
        }
        Running { child: Some(child), name: self.name, stdout, stderr }
    }
}

/// A program that runs; dropping it kills it.
pub struct Running {
    child: Option<Child>,
    name: String,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Its process number.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// What it said so far: standard output, then standard error.
    #[must_use]
    pub fn said(&self) -> String {
        [&self.stdout, &self.stderr].map(|file| read(file)).concat()
    }

    /// Where it says what it is doing.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.stderr
    }

    /// How often it said this so far.
    #[must_use]
    pub fn said_so_often(&self, text: &str) -> usize {
        self.said().matches(text).count()
    }

    /// Waits until it has said this; fails when it never does, or ends before.
    pub fn wait_for(&mut self, text: &str) {
        let what = format!("“{text}” from {}", self.name);
        let mut gone = None;
        let begun = std::time::Instant::now();
        loop {
            // Looked at first: what it said before it ended counts.
            let status = self.status();
            if self.said().contains(text) {
                return;
            }
            gone = gone.or(status);
            assert!(gone.is_none(), "{what}: it ended ({gone:?}) and said\n{}", self.said());
            assert!(begun.elapsed() < crate::patience::PATIENCE, "{what}: never; it said\n{}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    /// Sends a signal: `TERM`, `INT`, `KILL`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status().unwrap();
        assert!(sent.success(), "kill -{signal} {}", self.name);
    }

    /// Waits until it is gone, however it goes.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.as_mut().unwrap().wait().unwrap()
    }

    /// How it ended, if it has.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.as_mut().and_then(|child| child.try_wait().unwrap())
    }

    /// Waits for its end.
    #[must_use]
    pub fn ended(mut self) -> Ended {
        let mut status = None;
        let (what, said) = (format!("the end of {}", self.name), self.stderr.clone());
        let begun = std::time::Instant::now();
        while status.is_none() {
            assert!(begun.elapsed() < crate::patience::PATIENCE, "{what}: never; it said\n{}", read(&said));
            status = self.status();
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        Ended { code: status.and_then(|status| status.code()), stdout: read(&self.stdout), stderr: read(&self.stderr) }
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

fn read(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

/// Waits until a file is there.
pub fn wait_for_file(file: &Path) {
    eventually_blocking(&format!("{}", file.display()), || file.exists());
}
