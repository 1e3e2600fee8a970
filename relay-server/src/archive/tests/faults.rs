//! A disk that fails, fills up, or forgets what was not synced.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::archive::disk::{Disk, File, System};

#[derive(Default)]
struct State {
    /// Operations so far.
    done: u64,
    /// From this one on everything fails, as after a kill; the failing append leaves half of its bytes.
    dies_at: Option<u64>,
    /// Bytes that still fit.
    room: Option<u64>,
    /// The next sync fails.
    sync_fails: bool,
    /// Whether it says that it synced, and did not.
    lies: bool,
    /// How often something was synced.
    syncs: u64,
    /// What would outlast a power cut.
    synced: HashMap<PathBuf, u64>,
    lengths: HashMap<PathBuf, u64>,
    entered: HashSet<PathBuf>,
}

#[derive(Clone, Default)]
pub struct Faulty(Arc<Mutex<State>>);

impl Faulty {
    pub fn dies_at(operation: u64) -> Self {
        Self(Arc::new(Mutex::new(State { dies_at: Some(operation), ..State::default() })))
    }

    pub fn operations(&self) -> u64 {
        self.0.lock().unwrap().done
    }

    pub fn set_room(&self, bytes: Option<u64>) {
        self.0.lock().unwrap().room = bytes;
    }

    pub fn fail_next_sync(&self) {
        self.0.lock().unwrap().sync_fails = true;
    }

    /// From now on it says that it synced files, and does not.
    pub fn lie(&self) {
        self.0.lock().unwrap().lies = true;
    }

    /// How often files, or all of them, were synced.
    pub fn syncs(&self) -> u64 {
        self.0.lock().unwrap().syncs
    }

    /// How much of a file would outlast a power cut.
    pub fn synced(&self, path: &Path) -> u64 {
        self.0.lock().unwrap().synced.get(path).copied().unwrap_or(0)
    }

    /// The power goes: what was not synced is gone, all of it or, per file, a part.
    pub fn cut_power(&self, part: impl Fn(&Path, u64, u64) -> u64) {
        let state = self.0.lock().unwrap();
        for (path, length) in &state.lengths {
            if !state.entered.contains(path) {
                // The folder was not synced: the file never was.
                let _ = std::fs::remove_file(path);
                continue;
            }
            let synced = state.synced.get(path).copied().unwrap_or(0);
            let keep = part(path, synced, *length);
            assert!(keep >= synced, "what was synced stays");
            if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) {
                file.set_len(keep).unwrap();
            }
        }
    }

    fn step(&self) -> io::Result<std::sync::MutexGuard<'_, State>> {
        let mut state = self.0.lock().unwrap();
        state.done += 1;
        if state.dies_at.is_some_and(|at| state.done >= at) { Err(io::Error::other("the disk is gone")) } else { Ok(state) }
    }
}

struct FaultyFile {
    disk: Faulty,
    path: PathBuf,
    file: Box<dyn File>,
}

impl Disk for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.step()?;
        let file = System.create(path)?;
        state.lengths.insert(path.to_owned(), 0);
        drop(state);
        Ok(Box::new(FaultyFile { disk: self.clone(), path: path.to_owned(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let mut state = self.step()?;
        let length = std::fs::metadata(path)?.len();
        state.lengths.entry(path.to_owned()).or_insert(length);
        drop(state);
        Ok(Box::new(FaultyFile { disk: self.clone(), path: path.to_owned(), file: System.open(path)? }))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        state.lengths.remove(path);
        System.remove(path)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        let mut state = self.step()?;
        let entered: Vec<_> = state.lengths.keys().filter(|path| path.parent() == Some(folder)).cloned().collect();
        state.entered.extend(entered);
        Ok(())
    }

    fn sync_all(&self, folder: &Path) -> io::Result<bool> {
        let mut state = self.step()?;
        if std::mem::take(&mut state.sync_fails) {
            return Err(io::Error::other("the disk lost some of it"));
        }
        let all: Vec<_> =
            state.lengths.iter().filter(|(path, _)| path.starts_with(folder)).map(|(path, length)| (path.clone(), *length)).collect();
        if !state.lies {
            state.synced.extend(all);
        }
        state.syncs += 1;
        Ok(true)
    }
}

impl File for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut taken = u64::try_from(bytes.len()).unwrap();
        let step = self.disk.step();
        let result = match step {
            Ok(mut state) => match &mut state.room {
                Some(room) if *room < taken => {
                    taken = std::mem::take(room);
                    Err(io::Error::from(io::ErrorKind::StorageFull))
                }
                Some(room) => {
                    *room -= taken;
                    Ok(())
                }
                None => Ok(()),
            },
            Err(error) => {
                let operation = self.disk.operations();
                let dying = self.disk.0.lock().unwrap().dies_at == Some(operation);
                taken = if dying { taken / 2 } else { 0 };
                Err(error)
            }
        };
        self.file.append(&bytes[..usize::try_from(taken).unwrap()])?;
        *self.disk.0.lock().unwrap().lengths.get_mut(&self.path).unwrap() += taken;
        result
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.disk.step()?;
        state.lengths.insert(self.path.clone(), length);
        if let Some(synced) = state.synced.get_mut(&self.path) {
            *synced = length.min(*synced);
        }
        self.file.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.disk.step()?;
        if std::mem::take(&mut state.sync_fails) {
            return Err(io::Error::other("the disk lost some of it"));
        }
        let length = state.lengths[&self.path];
        if !state.lies {
            state.synced.insert(self.path.clone(), length);
        }
        state.syncs += 1;
        Ok(())
    }
}
