//! Where the viewer keeps what it remembers: which relay and camera is which, and the highest frame seen live.

use std::fs;
use std::path::{Path, PathBuf};

use link::exit::{Code, Error, OrExit as _};
use link::file;
use link::pins::Pins;
use wire::id::CameraId;

/// The viewer's folder: `$CELOSIA_HOME`, or `celosia` in the user's configuration folder.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    /// This folder, or the user's own. It is made, for its owner alone, when something is first remembered.
    ///
    /// # Errors
    /// When no folder is named and the user has no home.
    pub fn find(named: Option<PathBuf>) -> Result<Self, Error> {
        let own = || directories::BaseDirs::new().map(|dirs| dirs.config_dir().join("celosia"));
        named.or_else(own).map(Self).ok_or_else(|| {
            Error::new(Code::Usage, "this user has no home folder to remember cameras in").with_help("name one with --home DIR")
        })
    }

    /// The folder itself.
    pub(crate) fn folder(&self) -> &Path {
        &self.0
    }

    /// The relays and cameras that were met before.
    #[must_use]
    pub fn pins(&self) -> Pins {
        Pins::at(self.0.join("known.toml"))
    }

    /// The highest frame of a camera that was seen live: session number and sequence. A file that cannot be read counts as none.
    #[must_use]
    pub fn highest(&self, camera: CameraId) -> Option<(u64, u64)> {
        let text = fs::read_to_string(self.seen(camera)).ok()?;
        let (session, sequence) = text.trim().split_once(' ')?;
        Some((session.parse().ok()?, sequence.parse().ok()?))
    }

    /// Remembers the highest frame of a camera that was seen live. It never goes down.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember(&self, camera: CameraId, (session, sequence): (u64, u64)) -> Result<(), Error> {
        if self.highest(camera).is_some_and(|highest| highest >= (session, sequence)) {
            return Ok(());
        }
        let path = self.seen(camera);
        file::private_folder(path.parent().unwrap_or(&self.0)).or_exit(Code::CannotCreate)?;
        file::replace(&path, format!("{session} {sequence}\n").as_bytes(), file::PRIVATE).or_exit(Code::CannotCreate)
    }

    fn seen(&self, camera: CameraId) -> PathBuf {
        self.0.join("seen").join(camera.to_string())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_highest_frame_never_goes_down() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(folder.path().join("new"))).unwrap();
        let camera = CameraId([7; 32]);
        assert_eq!(home.highest(camera), None);
        for place in [(2, 9), (1, 100), (2, 3)] {
            home.remember(camera, place).unwrap();
            assert_eq!(home.highest(camera), Some((2, 9)));
        }
        fs::write(home.seen(camera), "nonsense").unwrap();
        assert_eq!(home.highest(camera), None);
    }
}
