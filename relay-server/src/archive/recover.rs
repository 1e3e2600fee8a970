//! Opening the archive: whatever a crash, a full disk or a lost index left behind is put in order, and said.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use wire::id::{CameraId, Name};

use super::index::{Closed, Index, Segment};
use super::mend::{Mender, Outcome};
use super::segment::{self, Fault};

/// How many found segments go into the index at once.
const BATCH: usize = 64;

/// What was found when the archive was opened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Opened {
    /// Closed segments.
    pub segments: u64,
    /// Of these, how many the index did not know.
    pub found: u64,
    /// Segments that a crash had left open: cut where need be, and closed.
    pub mended: u64,
    /// Bytes of torn tails that were cut from them.
    pub torn_bytes: u64,
    /// Segments without a frame that were removed.
    pub removed: u64,
    /// Entries of the index whose file is gone.
    pub dropped: u64,
    /// Damaged entries in closed segments.
    pub damaged: u64,
    /// Files that are no segment of a known version, or damaged beyond use: left alone.
    pub unknown: u64,
    /// Where a broken index was moved to; it was rebuilt.
    pub index_moved_to: Option<PathBuf>,
}

/// Why the archive was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error(
        "the archive's {path} cannot be used: {source}. Check its owner and permissions, and that the disk is neither full nor failing"
    )]
    Io {
        /// Which.
        path: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The index did not answer.
    #[error(transparent)]
    Index(#[from] super::index::Error),
    /// The archive's thread could not be started.
    #[error("the archive's thread could not be started: {0}")]
    Thread(io::Error),
}

/// All closed segments, and per name the highest number ever given out.
pub(super) struct Found {
    pub(super) segments: Vec<(CameraId, u64, Segment)>,
    pub(super) numbers: HashMap<Name, u64>,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error + '_ {
    |source| Error::Io { path: path.display().to_string(), source }
}

/// Brings files and index into agreement.
pub(super) fn recover(archive: &Path, index: &dyn Index, mender: &Mender<'_>, opened: &mut Opened) -> Result<Found, Error> {
    let mut known: HashMap<Name, BTreeMap<u64, (CameraId, Segment)>> = HashMap::new();
    for (camera, number, segment) in index.segments()? {
        known.entry(segment.name.clone()).or_default().insert(number, (camera, segment));
    }
    let mut segments = Vec::new();
    let mut numbers = HashMap::new();
    let (mut batch, mut gone) = (Vec::new(), Vec::new());
    for name in names(archive)? {
        let mut expected = known.remove(&name).unwrap_or_default();
        let mut highest = index.last_number(&name)?;
        for (number, path, length) in files(&archive.join(name.as_str()))? {
            highest = highest.max(number);
            match expected.remove(&number) {
                Some((camera, segment)) if segment.bytes == length => segments.push((camera, number, segment)),
                stale => {
                    let closed = read(&path, &name, number, mender, opened)?;
                    gone.extend(
                        stale
                            .filter(|(camera, _)| closed.as_ref().is_none_or(|closed| closed.camera != *camera))
                            .map(|(camera, _)| (camera, number)),
                    );
                    let Some(closed) = closed else { continue };
                    segments.push((closed.camera, number, closed.segment.clone()));
                    batch.push(closed);
                    if batch.len() >= BATCH {
                        index.put(&std::mem::take(&mut batch))?;
                    }
                }
            }
        }
        numbers.insert(name.clone(), highest);
        known.insert(name, expected);
    }
    if !batch.is_empty() {
        index.put(&batch)?;
    }
    gone.extend(known.values().flatten().map(|(number, (camera, _))| (*camera, *number)));
    if !gone.is_empty() {
        tracing::warn!(segments = gone.len(), "segments that the archive's index knew are gone; their index entries were dropped");
        index.remove(&gone)?;
    }
    opened.dropped = u64::try_from(gone.len()).unwrap_or(u64::MAX);
    opened.segments = u64::try_from(segments.len()).unwrap_or(u64::MAX);
    Ok(Found { segments, numbers })
}

/// Reads a segment that the index does not know as it is now.
fn read(path: &Path, name: &Name, number: u64, mender: &Mender<'_>, opened: &mut Opened) -> Result<Option<Closed>, Error> {
    let shown = path.display();
    match mender.mend(path, name, number) {
        Ok(Outcome::Sound(closed, damaged)) => {
            opened.found += 1;
            opened.damaged += damaged;
            if damaged > 0 {
                tracing::error!(segment = %shown, entries = damaged, "a closed segment is damaged: the disk, or somebody, changed it");
            }
            Ok(Some(closed))
        }
        Ok(Outcome::Mended(closed, cut)) => {
            opened.mended += 1;
            opened.torn_bytes += cut;
            let frames = closed.segment.frames;
            tracing::warn!(segment = %shown, cut_bytes = cut, frames, "a segment was left open by a crash: its torn tail was cut, and it was closed");
            Ok(Some(closed))
        }
        Ok(Outcome::Removed(bytes)) => {
            opened.removed += 1;
            opened.torn_bytes += bytes;
            tracing::warn!(segment = %shown, cut_bytes = bytes, "a segment without a whole frame was left by a crash and removed");
            Ok(None)
        }
        Err(Fault::Io(source)) => Err(failed(path)(source)),
        Err(fault) => {
            opened.unknown += 1;
            tracing::error!(segment = %shown, "a file that should be a segment is left alone: {fault}");
            Ok(None)
        }
    }
}

/// The cameras that have a folder.
fn names(archive: &Path) -> Result<Vec<Name>, Error> {
    let mut names = Vec::new();
    for entry in fs::read_dir(archive).map_err(failed(archive))? {
        let entry = entry.map_err(failed(archive))?;
        let name = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(name) = name
            && entry.path().is_dir()
        {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// The segments in a folder by number, with their lengths.
fn files(folder: &Path) -> Result<Vec<(u64, PathBuf, u64)>, Error> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed(folder))? {
        let entry = entry.map_err(failed(folder))?;
        let Some(number) = entry.file_name().to_str().and_then(segment::number) else { continue };
        let path = entry.path();
        let length = entry.metadata().map_err(failed(&path))?.len();
        files.push((number, path, length));
    }
    files.sort_by_key(|(number, _, _)| *number);
    Ok(files)
}
