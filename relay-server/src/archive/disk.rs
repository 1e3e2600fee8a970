//! What the archive does to files, behind a small trait: tests put a disk there that fills up, fails, or forgets what was not synced.
//! Reading goes straight to the file system.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// A disk. What it did is certain to outlast a power cut only once it was synced.
pub trait Disk: Send + Sync {
    /// Makes an empty file, readable for its owner only, and the folder that it lies in.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when it is there; otherwise as the operating system says; so for every method here.
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Opens a file that is there, to append to it or to cut it.
    ///
    /// # Errors
    /// As the operating system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Removes a file. Whoever has it open can still read it.
    ///
    /// # Errors
    /// As the operating system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes it durable which files a folder has.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;

    /// Makes durable everything that was appended to any file on the folder's file system: one wait, however many files there are.
    /// `false` where that cannot be relied on.
    ///
    /// # Errors
    /// As for [`File::sync`].
    fn sync_all(&self, folder: &Path) -> io::Result<bool>;
}

/// An open file.
pub trait File: Send {
    /// Appends the bytes. After an error any part of them may be there.
    ///
    /// # Errors
    /// As the operating system says.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts it to this length, in bytes.
    ///
    /// # Errors
    /// As the operating system says.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Makes what was appended durable. After an error nothing since the last success may be relied on, even if it can be read.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync(&mut self) -> io::Result<()>;
}

/// The operating system's file systems.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Disk for System {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = fs::OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(fs::OpenOptions::new().append(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        fs::File::open(folder)?.sync_all()
    }

    fn sync_all(&self, folder: &Path) -> io::Result<bool> {
        if !tells_of_lost_writes() || is_divided(folder)? {
            return Ok(false);
        }
        rustix::fs::syncfs(fs::File::open(folder)?)?;
        Ok(true)
    }
}

/// Before Linux 5.8 `syncfs` kept silent about writes that failed.
fn tells_of_lost_writes() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(5), Some(8))
}

/// Whether a folder in it lies on another file system.
fn is_divided(folder: &Path) -> io::Result<bool> {
    let device = fs::metadata(folder)?.dev();
    for entry in fs::read_dir(folder)? {
        if fs::metadata(entry?.path())?.dev() != device {
            return Ok(true);
        }
    }
    Ok(false)
}

impl File for fs::File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
