//! The list of a running agent: read anew when the file changes, kept when the file cannot be read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use link::file::Stamp;

use super::{Error, Viewers};

/// What [`Watch::poll`] saw.
#[derive(Debug)]
pub enum Change {
    /// The file is as it was.
    Same,
    /// The file was replaced, and its new list is good.
    New(Arc<Viewers>),
    /// The file changed and cannot be used: the last good list stays. Said once per change.
    Unusable(Error),
    /// The file is gone: the last good list stays. Said once.
    Gone,
}

/// The last good list of a file.
pub struct Watch {
    file: PathBuf,
    seen: Option<Stamp>,
    good: Arc<Viewers>,
}

impl Watch {
    /// Reads the file for the first time; one that is missing names nobody.
    ///
    /// # Errors
    /// As [`Viewers::load`]: there is no last good list yet.
    pub fn open(file: &Path) -> Result<Self, Error> {
        // The stamp first: a change in between is seen at the next look.
        let seen = Stamp::of(file);
        let good = Arc::new(Viewers::load(file)?);
        Ok(Self { file: file.to_owned(), seen, good })
    }

    /// The last good list.
    #[must_use]
    pub const fn current(&self) -> &Arc<Viewers> {
        &self.good
    }

    /// Looks whether the file changed. Costs one call of stat(2) while it did not.
    pub fn poll(&mut self) -> Change {
        let stamp = Stamp::of(&self.file);
        if stamp == self.seen {
            return Change::Same;
        }
        self.seen = stamp;
        if stamp.is_none() {
            return Change::Gone;
        }
        match Viewers::load(&self.file) {
            Ok(viewers) if viewers == *self.good => Change::Same,
            Ok(viewers) => {
                self.good = Arc::new(viewers);
                Change::New(Arc::clone(&self.good))
            }
            Err(error) => Change::Unusable(error),
        }
    }
}
