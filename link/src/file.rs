//! Files that are never seen half-written.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// For the owner alone: keys, tokens, pins.
pub const PRIVATE: u32 = 0o600;

/// For everybody to read: certificates, configuration without secrets.
pub const READABLE: u32 = 0o644;

/// Puts a file there whole or not at all, with these permissions (unaffected by the umask): a new file beside it, written and synced,
/// takes its name, and the folder is synced. A symbolic link of that name is replaced, not followed. Blocks.
///
/// # Errors
/// The folder is missing or not writable, the disk is full; the old file is untouched then.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    beside(path, content, mode)?.persist(path).map_err(|error| error.error)?;
    File::open(folder_of(path))?.sync_all()
}

/// [`replace`], only where nothing is yet.
///
/// # Errors
/// As [`replace`], and [`io::ErrorKind::AlreadyExists`].
pub fn create(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    beside(path, content, mode)?.persist_noclobber(path).map_err(|error| error.error)?;
    File::open(folder_of(path))?.sync_all()
}

/// The new file, whole and on disk, before it has its name; gone again if it never gets it.
fn beside(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let mut file = Builder::new().prefix(".new-").permissions(Permissions::from_mode(mode)).tempfile_in(folder_of(path))?;
    file.write_all(content)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a folder for the owner alone (0700), with those above it; one that exists is left as it is.
///
/// # Errors
/// It cannot be made, or something else has its name.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// What tells two states of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    /// Of a file that can be looked at; anything else counts as missing. One call of stat(2).
    #[must_use]
    pub fn of(file: &Path) -> Option<Self> {
        let of = |data: fs::Metadata| Self { inode: data.ino(), length: data.len(), modified: (data.mtime(), data.mtime_nsec()) };
        fs::metadata(file).ok().map(of)
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }
}

/// Reads a file of at most `cap` bytes.
///
/// # Errors
/// It is missing, unreadable, or larger ([`io::ErrorKind::FileTooLarge`]).
pub fn read(path: &Path, cap: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    let mut content = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut content)?;
    if content.len() > cap { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(content) }
}

/// Whether others than the owner may read or write a file that should be [`PRIVATE`].
///
/// # Errors
/// It is missing or cannot be looked at.
pub fn is_exposed(path: &Path) -> io::Result<bool> {
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        replace(&path, b"one", READABLE).unwrap();
        assert_eq!((mode(&path), is_exposed(&path).unwrap()), (0o644, true));
        replace(&path, b"all", 0o666).unwrap();
        assert_eq!(mode(&path), 0o666, "the umask does not count");
        replace(&path, b"two", PRIVATE).unwrap();
        assert_eq!((fs::read(&path).unwrap(), mode(&path), is_exposed(&path).unwrap()), (b"two".to_vec(), 0o600, false));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_fails_leaves_the_old_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        create(&path, b"one", PRIVATE).unwrap();
        assert_eq!(create(&path, b"two", PRIVATE).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert!(replace(&dir.path().join("none/key"), b"two", PRIVATE).is_err());
        assert_eq!((fs::read(&path).unwrap(), fs::read_dir(dir.path()).unwrap().count()), (b"one".to_vec(), 1));
    }

    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (target, path) = (dir.path().join("target"), dir.path().join("key"));
        fs::write(&target, "target").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        replace(&path, b"two", PRIVATE).unwrap();
        assert_eq!((fs::read(&target).unwrap(), fs::read(&path).unwrap()), (b"target".to_vec(), b"two".to_vec()));
    }

    #[test]
    fn folders_are_private_and_reading_is_capped() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        private_folder(&folder).unwrap();
        private_folder(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        let path = folder.join("file");
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).unwrap(), b"four");
        assert_eq!(read(&path, 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read(&folder.join("none"), 3).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
