//! Who can unlock: the file `authorized_viewers`, kept beside the camera's key as SSH keeps its own.
//!
//! A viewer is a name, two public keys (one line of text), the labels whose originals they may see, and whether they own the camera.
//! People may edit the file by hand; `viewers add` and `viewers remove` keep what stands around their entries. Its digest and version
//! stand in every epoch record.

mod edit;
mod watch;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use link::file;
use link::settings::{self, Check, Problems, Validate};
use seal::public::PublicIdentity;
use serde::Deserialize;
use wire::epoch::MAX_OWNERS;
use wire::id::{Digest, Name};
use wire::label::{LabelName, Labels};

pub use edit::{Added, Editor};
pub use watch::{Change, Watch};

/// The file's name.
pub const FILE: &str = "authorized_viewers";

/// How many viewers a camera may have: with every label, their grants still fit into one epoch
/// ([`wire::grants::MAX_GRANTS`]).
pub const MAX_VIEWERS: usize = 256;

/// How many labels one viewer may be named with: all that an agent can have.
const MAX_LABELS: usize = 12;

const _: () = assert!(MAX_VIEWERS * MAX_LABELS <= wire::grants::MAX_GRANTS, "every grant must fit into an epoch");

/// The largest file that is read, in bytes: 256 viewers take about 80 kB.
const MAX_FILE: usize = 1 << 20;

/// Why the list cannot be used, or was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is there and cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// The file cannot be replaced.
    #[error("{} cannot be written: {why}; nothing was changed", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// It does not say what it should.
    #[error(transparent)]
    Wrong(#[from] Problems),
    /// The name has another key.
    #[error(
        "`{0}` is authorized with another key, and a name keeps its key. If it is the same person with a new key, \
         `camera-agent viewers remove {0}` first, then add the name again"
    )]
    OtherKey(Name),
    /// The key has another name.
    #[error("this key is authorized already, as `{0}`: one key has one name")]
    OtherName(Name),
    /// There is no such viewer.
    #[error("there is no viewer `{0}`: `camera-agent viewers list` shows who is there")]
    Nobody(Name),
    /// As many as there may be.
    #[error("there are {MAX_VIEWERS} viewers already, and an epoch has room for no more grants: remove some first")]
    Full,
    /// As many owners as there may be.
    #[error("there are {MAX_OWNERS} owners already, and an epoch record names no more: remove some first")]
    OwnersFull,
}

/// Somebody who may unlock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// What the owner calls them.
    pub name: Name,
    /// Whom the grants are for.
    pub key: PublicIdentity,
    /// What they may see, by name. A label that the camera does not have grants nothing.
    pub labels: BTreeSet<LabelName>,
    /// Whether they may hand out ranges and delete.
    pub owner: bool,
}

/// The list, as it was read at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewers {
    version: u64,
    digest: Digest,
    list: Vec<Viewer>,
}

/// The file as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Written {
    version: u64,
    viewer: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    key: String,
    labels: Vec<String>,
    #[serde(default)]
    owner: bool,
}

impl Viewers {
    /// Nobody: what a missing file means.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { version: 0, digest: Digest::ZERO, list: Vec::new() }
    }

    /// Reads the file; one that is missing names nobody.
    ///
    /// # Errors
    /// When it is there and cannot be read, or says something that it may not.
    pub fn load(file: &Path) -> Result<Self, Error> {
        match read(file)? {
            Some(text) => Ok(Self::parse(&text, &file.display().to_string())?),
            None => Ok(Self::nobody()),
        }
    }

    /// Reads a text; `file` is how problems call it.
    ///
    /// # Errors
    /// Every problem, each with its line.
    pub fn parse(text: &str, file: &str) -> Result<Self, Problems> {
        let written: Written = settings::parse(text, file)?;
        // Checked in `validate`, so nothing is left out here.
        let list = written.viewer.iter().filter_map(Entry::viewer).collect();
        Ok(Self { version: written.version, digest: Digest::of(&[text.as_bytes()]), list })
    }

    /// Counts the changes; 0 where there is no file.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// SHA-256 of the file's bytes; zeros where there is no file.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Everybody, in the file's order.
    #[must_use]
    pub fn list(&self) -> &[Viewer] {
        &self.list
    }

    /// The owners among them.
    pub fn owners(&self) -> impl Iterator<Item = &Viewer> {
        self.list.iter().filter(|viewer| viewer.owner)
    }

    /// Label names in the list that the camera does not have: most likely typing errors.
    #[must_use]
    pub fn strange_labels(&self, labels: &Labels) -> BTreeSet<&LabelName> {
        self.list.iter().flat_map(|viewer| &viewer.labels).filter(|name| labels.find(name.as_str()).is_none()).collect()
    }
}

/// What a viewer is granted when nothing is said: everything that the config names, `outside` and `face`. Not `whole-frame`, which shows
/// the whole picture whenever detection fails, so it is granted only by name.
#[must_use]
pub fn usual_labels(configured: &Labels) -> BTreeSet<LabelName> {
    let usual = configured.all().filter(|(label, _)| !matches!(*label, wire::label::Label::WHOLE_FRAME | wire::label::Label::METADATA));
    usual.filter_map(|(_, name)| name.parse().ok()).collect()
}

impl Entry {
    fn viewer(&self) -> Option<Viewer> {
        let labels = self.labels.iter().map(|label| label.parse().ok()).collect::<Option<_>>()?;
        Some(Viewer { name: self.name.parse().ok()?, key: self.key.parse().ok()?, labels, owner: self.owner })
    }
}

impl Validate for Written {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure(self.viewer.len() <= MAX_VIEWERS, "viewer", "there are more than 256 viewers");
        check.ensure(self.viewer.iter().filter(|entry| entry.owner).count() <= MAX_OWNERS, "viewer", "there are more than 16 owners");
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for (index, entry) in self.viewer.iter().enumerate() {
            check.entry("viewer", index, |check| {
                match entry.name.parse::<Name>() {
                    Ok(name) => check.ensure(names.insert(name), "name", "another viewer has this name already"),
                    Err(error) => check.wrong("name", error.to_string()),
                }
                match entry.key.parse::<PublicIdentity>() {
                    Ok(key) => {
                        let first = keys.insert(key.keys().fingerprint());
                        check.ensure(first, "key", "another viewer has this key already");
                    }
                    Err(error) => check.wrong("key", error.to_string()),
                }
                check.ensure(entry.labels.len() <= MAX_LABELS, "labels", "a camera has at most 12 labels");
                if let Some(error) = entry.labels.iter().find_map(|label| label.parse::<LabelName>().err()) {
                    check.wrong("labels", error.to_string());
                }
            });
        }
    }
}

/// Whether others than the file's owner may write it, and so grant themselves everything.
#[must_use]
pub fn is_exposed(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|data| data.permissions().mode() & 0o022 != 0)
}

/// The file's text, or `None` where there is none.
fn read(path: &Path) -> Result<Option<String>, Error> {
    let unreadable = |why| Error::Unreadable { path: path.to_owned(), why };
    match file::read(path, MAX_FILE) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| unreadable(std::io::ErrorKind::InvalidData.into())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(error)),
    }
}

#[cfg(test)]
mod tests;
