//! Adding and removing viewers without touching what else stands in the file.

use std::path::{Path, PathBuf};

use link::file;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};
use wire::epoch::MAX_OWNERS;
use wire::id::Name;
use wire::label::LabelName;

use super::{Error, MAX_VIEWERS, Viewer, Viewers, read};

/// What a new file begins with.
const HEAD: &str = "\
# Who can unlock this camera's masks. `camera-agent viewers add | remove` keeps this file; it may be edited by hand as well.
# A running agent reads it anew within a second, and a change is in force from the next epoch on (at most a minute later).
# What a viewer was granted before stays granted: a key once handed out cannot be taken back.

version = 0
";

/// What [`Editor::add`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// A new viewer.
    New,
    /// The name and its key were there already: labels and ownership are now as said.
    Changed,
    /// All was there already.
    Same,
}

/// The file, while it is changed.
pub struct Editor {
    file: PathBuf,
    document: DocumentMut,
    viewers: Viewers,
}

impl Editor {
    /// Opens the file, or begins one.
    ///
    /// # Errors
    /// As [`Viewers::load`]: a file with a mistake is mended by hand first.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let text = read(file)?.unwrap_or_else(|| HEAD.to_owned());
        let viewers = Viewers::parse(&text, &file.display().to_string())?;
        let document = text.parse().unwrap_or_default();
        Ok(Self { file: file.to_owned(), document, viewers })
    }

    /// Who is there at the moment.
    #[must_use]
    pub const fn viewers(&self) -> &Viewers {
        &self.viewers
    }

    /// Names a viewer, or changes what a named one may see. A name keeps its key.
    ///
    /// # Errors
    /// When the name has another key, the key another name, or there is no room; nothing is changed then.
    pub fn add(&mut self, viewer: &Viewer) -> Result<Added, Error> {
        let list = self.viewers.list();
        let place = list.iter().position(|there| there.name == viewer.name);
        if let Some(other) = list.iter().find(|there| there.key == viewer.key && there.name != viewer.name) {
            return Err(Error::OtherName(other.name.clone()));
        }
        let there = place.and_then(|place| list.get(place));
        if viewer.owner && there.is_none_or(|there| !there.owner) && self.viewers.owners().count() >= MAX_OWNERS {
            return Err(Error::OwnersFull);
        }
        match there {
            None if list.len() >= MAX_VIEWERS => return Err(Error::Full),
            Some(there) if there.key != viewer.key => return Err(Error::OtherKey(viewer.name.clone())),
            Some(there) if there == viewer => return Ok(Added::Same),
            _ => {}
        }
        let tables = self.tables()?;
        match place.and_then(|place| tables.get_mut(place)) {
            Some(table) => {
                write_rights(table, viewer);
                self.store()?;
                Ok(Added::Changed)
            }
            None => {
                let mut table = Table::new();
                table.insert("name", value(viewer.name.as_str()));
                table.insert("key", value(viewer.key.to_string()));
                write_rights(&mut table, viewer);
                tables.push(table);
                self.store()?;
                Ok(Added::New)
            }
        }
    }

    /// Strikes a viewer out.
    ///
    /// # Errors
    /// When nobody has that name.
    pub fn remove(&mut self, name: &Name) -> Result<Viewer, Error> {
        let place = self.viewers.list().iter().position(|there| there.name == *name);
        let place = place.ok_or_else(|| Error::Nobody(name.clone()))?;
        let removed = self.viewers.list().get(place).cloned().ok_or_else(|| Error::Nobody(name.clone()))?;
        self.tables()?.remove(place);
        self.store()?;
        Ok(removed)
    }

    /// The entries; written as `[[viewer]]`, which is all that this program writes.
    fn tables(&mut self) -> Result<&mut ArrayOfTables, Error> {
        let path = self.file.clone();
        let item = self.document.entry("viewer").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
        // `viewer = [{ … }]` says the same, and somebody may have written it by hand.
        if item.is_value() {
            *item = std::mem::take(item).into_array_of_tables().map_or_else(|other| other, Item::ArrayOfTables);
            if let Some(mut key) = self.document.key_mut("viewer") {
                key.leaf_decor_mut().clear();
            }
        }
        let item = self.document.entry("viewer").or_insert(Item::None);
        item.as_array_of_tables_mut().ok_or_else(|| Error::Unwritable { path, why: std::io::ErrorKind::InvalidData.into() })
    }

    /// Raises the version, reads it all once more as an agent would, and replaces the file.
    fn store(&mut self) -> Result<(), Error> {
        let version = self.viewers.version.saturating_add(1);
        *self.document.entry("version").or_insert(Item::None) = value(i64::try_from(version).unwrap_or(i64::MAX));
        let text = self.document.to_string();
        let viewers = Viewers::parse(&text, &self.file.display().to_string())?;
        file::replace(&self.file, text.as_bytes(), file::READABLE).map_err(|why| Error::Unwritable { path: self.file.clone(), why })?;
        self.viewers = viewers;
        Ok(())
    }
}

fn write_rights(table: &mut Table, viewer: &Viewer) {
    let labels: Array = viewer.labels.iter().map(LabelName::as_str).collect();
    table.insert("labels", value(labels));
    match viewer.owner {
        true => table.insert("owner", value(true)),
        false => table.remove("owner"),
    };
}
