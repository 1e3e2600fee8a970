//! A disk that is full: a small file system in memory, mounted for one test.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system of so many kilobytes. It takes root to mount one, here as in CI: without it the test fails.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one on a new folder.
    #[must_use]
    pub fn mount(path: PathBuf, kilobytes: usize) -> Self {
        fs::create_dir_all(&path).unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k,mode=700"), "tmpfs"]).arg(&path).status();
        assert!(mounted.is_ok_and(|status| status.success()), "no tmpfs could be mounted: this test needs root");
        Self { path }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes until there is no more room.
    pub fn fill(&self) {
        let mut file = File::create(self.path.join("filling")).unwrap();
        // Smaller and smaller pieces, so that not a byte is left.
        for size in [4096, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    /// Lets nobody write any more, or everybody again. No file may be open to be written.
    pub fn read_only(&self, read_only: bool) {
        let how = if read_only { "remount,ro" } else { "remount,rw" };
        let mounted = Command::new("mount").args(["-o", how]).arg(&self.path).status();
        assert!(mounted.is_ok_and(|status| status.success()), "{} cannot be mounted with {how}", self.path.display());
    }

    /// Makes room again.
    pub fn empty(&self) {
        fs::remove_file(self.path.join("filling")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program may still be there.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
