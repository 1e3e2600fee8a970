//! The index as a redb database.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use redb::backends::FileBackend;
use redb::{ReadableDatabase as _, ReadableTable as _, StorageError, TableDefinition};
use wire::id::{CameraId, Micros, Name};

use super::{Closed, Error, Index, Row, Segment};
use crate::archive::place::Place;

/// Camera, number.
type Key<'a> = (&'a [u8; 32], u64);
/// Name, bytes, frames, first place, last place, from, to, closed at, continues.
type SegmentValue<'a> = (&'a str, u64, u64, (u64, u64), (u64, u64), u64, u64, u64, bool);
/// Offset, record's offset, first place, group, from, to, key.
type RowValue = (u64, u64, (u64, u64), u64, u64, u64, bool);

const SEGMENTS: TableDefinition<'_, Key<'_>, SegmentValue<'_>> = TableDefinition::new("segments v1");
const ROWS: TableDefinition<'_, Key<'_>, Vec<RowValue>> = TableDefinition::new("rows v1");
/// Name → the highest number that it ever had: numbers are not given out again when all segments of a camera are gone.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers v1");

/// A redb file.
pub struct Database {
    path: PathBuf,
    /// `None` after an error: redb wants to be opened anew then.
    open: Mutex<Option<Arc<redb::Database>>>,
}

impl Database {
    /// Opens the index, or makes an empty one with mode 0600. A file that is no sound index is moved aside; the second value is where to.
    ///
    /// # Errors
    /// [`Error::Busy`] when another process has it open; otherwise when it can neither be opened nor moved.
    pub fn open(path: &Path, now: Micros) -> Result<(Self, Option<PathBuf>), Error> {
        match open(path) {
            Ok(database) => Ok((Self::of(path, database), None)),
            Err(error) if is_broken(&error) => {
                let mut aside = path.as_os_str().to_owned();
                aside.push(format!(".broken-{}", now.0));
                let aside = PathBuf::from(aside);
                std::fs::rename(path, &aside).map_err(|error| storage(path, &error))?;
                let database = open(path).map_err(|error| storage(path, &error))?;
                Ok((Self::of(path, database), Some(aside)))
            }
            Err(redb::Error::DatabaseAlreadyOpen) => Err(Error::Busy(path.display().to_string())),
            Err(error) => Err(storage(path, &error)),
        }
    }

    fn of(path: &Path, database: redb::Database) -> Self {
        Self { path: path.to_owned(), open: Mutex::new(Some(Arc::new(database))) }
    }

    /// Runs `work`; after an error the file is opened anew the next time.
    fn with<T>(&self, work: impl FnOnce(&redb::Database) -> Result<T, redb::Error>) -> Result<T, Error> {
        let attempt = || {
            let database = {
                let mut slot = self.open.lock().unwrap_or_else(PoisonError::into_inner);
                match &*slot {
                    Some(database) => Arc::clone(database),
                    None => Arc::clone(slot.insert(Arc::new(open(&self.path)?))),
                }
            };
            work(&database)
        };
        attempt().map_err(|error: redb::Error| {
            *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
            storage(&self.path, &error)
        })
    }
}

fn open(path: &Path) -> Result<redb::Database, redb::Error> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let database = FileBackend::new(file).and_then(|file| redb::Database::builder().create_with_backend(file))?;
    // Opening the tables shows whether they are what they should be.
    let write = database.begin_write()?;
    write.open_table(SEGMENTS)?;
    write.open_table(ROWS)?;
    write.open_table(NUMBERS)?;
    write.commit()?;
    Ok(database)
}

/// Whether the file itself is at fault, so that another one would do.
fn is_broken(error: &redb::Error) -> bool {
    match error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::RepairAborted
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_) => true,
        redb::Error::Io(error) => matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof),
        _ => false,
    }
}

fn storage(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::Storage { path: path.display().to_string(), problem: problem.to_string() }
}

impl Index for Database {
    fn segments(&self) -> Result<Vec<(CameraId, u64, Segment)>, Error> {
        self.with(|database| {
            let table = database.begin_read()?.open_table(SEGMENTS)?;
            let mut all = Vec::new();
            for entry in table.iter()? {
                let (key, value) = entry?;
                let (camera, number) = key.value();
                all.push((CameraId(*camera), number, segment(value.value())?));
            }
            Ok(all)
        })
    }

    fn rows(&self, camera: CameraId, number: u64) -> Result<Vec<Row>, Error> {
        let rows = self.with(|database| {
            let table = database.begin_read()?.open_table(ROWS)?;
            let found = table.get((camera.as_bytes(), number))?;
            Ok(found.map(|rows| rows.value().into_iter().map(row).collect()))
        })?;
        rows.ok_or(Error::Rows(number))
    }

    fn last_number(&self, name: &Name) -> Result<u64, Error> {
        self.with(|database| Ok(database.begin_read()?.open_table(NUMBERS)?.get(name.as_str())?.map_or(0, |number| number.value())))
    }

    fn put(&self, closed: &[Closed]) -> Result<(), Error> {
        self.with(|database| {
            let write = database.begin_write()?;
            {
                let mut segments = write.open_table(SEGMENTS)?;
                let mut rows = write.open_table(ROWS)?;
                let mut numbers = write.open_table(NUMBERS)?;
                for Closed { camera, number, segment, rows: own } in closed {
                    let key = (camera.as_bytes(), *number);
                    segments.insert(key, segment_value(segment))?;
                    rows.insert(key, own.iter().map(row_value).collect::<Vec<_>>())?;
                    let name = segment.name.as_str();
                    let highest = numbers.get(name)?.map_or(0, |highest| highest.value());
                    numbers.insert(name, highest.max(*number))?;
                }
            }
            Ok(write.commit()?)
        })
    }

    fn remove(&self, gone: &[(CameraId, u64)]) -> Result<(), Error> {
        self.with(|database| {
            let write = database.begin_write()?;
            {
                let mut segments = write.open_table(SEGMENTS)?;
                let mut rows = write.open_table(ROWS)?;
                for (camera, number) in gone {
                    let key = (camera.as_bytes(), *number);
                    segments.remove(key)?;
                    rows.remove(key)?;
                }
            }
            Ok(write.commit()?)
        })
    }
}

const fn pair(place: Place) -> (u64, u64) {
    (place.session, place.sequence)
}

const fn place((session, sequence): (u64, u64)) -> Place {
    Place { session, sequence }
}

fn segment_value(segment: &Segment) -> SegmentValue<'_> {
    let Segment { name, bytes, frames, first, last, from, to, closed_at, continues } = segment;
    (name.as_str(), *bytes, *frames, pair(*first), pair(*last), from.0, to.0, closed_at.0, *continues)
}

fn segment((name, bytes, frames, first, last, from, to, closed_at, continues): SegmentValue<'_>) -> Result<Segment, redb::Error> {
    Ok(Segment {
        name: name.parse().map_err(|_| StorageError::Corrupted("a segment's camera has a name that is none".to_owned()))?,
        bytes,
        frames,
        first: place(first),
        last: place(last),
        from: Micros(from),
        to: Micros(to),
        closed_at: Micros(closed_at),
        continues,
    })
}

const fn row_value(row: &Row) -> RowValue {
    (row.offset, row.record, pair(row.first), row.group, row.from.0, row.to.0, row.key)
}

const fn row((offset, record, first, group, from, to, key): RowValue) -> Row {
    Row { offset, record, first: place(first), group, from: Micros(from), to: Micros(to), key }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOW: Micros = Micros(7);

    fn closed(camera: u8, number: u64) -> Closed {
        let at = |sequence| Place { session: 3, sequence };
        let row = |sequence, key| Row {
            offset: 16 + sequence,
            record: 400,
            first: at(sequence),
            group: sequence / 2,
            from: Micros(10 + sequence),
            to: Micros(11 + sequence),
            key,
        };
        let segment = Segment {
            name: "front-door".parse().unwrap(),
            bytes: 12_345,
            frames: 20,
            first: at(0),
            last: at(19),
            from: Micros(10),
            to: Micros(30),
            closed_at: Micros(31),
            continues: camera == 1,
        };
        Closed { camera: CameraId([camera; 32]), number, segment, rows: vec![row(0, false), row(10, true)] }
    }

    #[test]
    fn what_goes_in_comes_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.redb");
        let name = "front-door".parse().unwrap();
        {
            let (index, aside) = Database::open(&path, NOW).unwrap();
            assert_eq!((index.segments().unwrap(), aside), (Vec::new(), None));
            index.put(&[closed(1, 1), closed(2, 2), closed(1, 3)]).unwrap();
            index.remove(&[(CameraId([1; 32]), 3)]).unwrap();
        }
        let (index, aside) = Database::open(&path, NOW).unwrap();
        assert_eq!(aside, None);
        let expected: Vec<_> = [closed(1, 1), closed(2, 2)].map(|c| (c.camera, c.number, c.segment)).into();
        assert_eq!(index.segments().unwrap(), expected);
        assert_eq!(index.rows(CameraId([2; 32]), 2).unwrap(), closed(2, 2).rows);
        assert!(matches!(index.rows(CameraId([1; 32]), 3), Err(Error::Rows(3))));
        assert_eq!(index.last_number(&name).unwrap(), 3, "a number that is gone is not free again");
        assert!(matches!(Database::open(&path, NOW), Err(Error::Busy(_))));
    }

    #[test]
    fn a_file_that_is_no_index_is_moved_aside() {
        for rubbish in [&b"not a database"[..], &[0; 8192], &[0xa5; 100_000]] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.redb");
            std::fs::write(&path, rubbish).unwrap();
            let (index, aside) = Database::open(&path, NOW).unwrap();
            assert_eq!(index.segments().unwrap(), Vec::new());
            assert_eq!(std::fs::read(aside.unwrap()).unwrap(), rubbish);
        }
    }
}
