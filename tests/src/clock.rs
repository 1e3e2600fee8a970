//! A program's clock on the wall, which a test can step. Its monotonic clock goes on as it is.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Program;

/// A clock.
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    /// The right time, until it is stepped; the file is this clock's own.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let clock = Self { file };
        clock.step("+0");
        clock
    }

    /// So far from the right time from now on: `+1h`, `-1d`, `+0`. A program notices within a second.
    pub fn step(&self, offset: &str) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{offset}\n")).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// Gives a program this clock.
    #[must_use]
    pub fn give(&self, program: Program) -> Program {
        program
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            .env("FAKETIME_CACHE_DURATION", "1")
            .env("FAKETIME_DISABLE_SHM", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
    }
}

/// libfaketime, as Debian's package has it; a missing one fails the test.
fn library() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().filter_map(|folder| Some(folder.ok()?.path()));
    let found = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1")).find(|path: &PathBuf| Path::is_file(path));
    found.expect("libfaketime is missing: scripts/packages.sh faketime installs it")
}
