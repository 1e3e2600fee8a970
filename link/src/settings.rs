//! A configuration file into a type: every problem in one run, each with its line, its key and a hint.
//!
//! What a program writes:
//!
//! ```
//! use link::settings::{self, Check, Validate};
//!
//! /// Every struct: `default` (so that a missing key has its documented default) and `deny_unknown_fields`.
//! #[derive(Debug, serde::Deserialize)]
//! #[serde(default, deny_unknown_fields)]
//! struct Config {
//!     listen: String,
//!     viewers: u32,
//! }
//!
//! impl Default for Config {
//!     fn default() -> Self {
//!         Self { listen: "[::]:7443".to_owned(), viewers: 1000 }
//!     }
//! }
//!
//! impl Validate for Config {
//!     fn validate(&self, check: &mut Check<'_>) {
//!         check.ensure(self.viewers > 0, "viewers", "at least one viewer must fit");
//!     }
//! }
//!
//! let problems = settings::parse::<Config>("listne = \"x\"\nviewers = \"many\"", "relay.toml").unwrap_err();
//! assert_eq!(problems.0.len(), 2);
//! ```
//!
//! Unknown keys of structs are refused even where `deny_unknown_fields` was forgotten; for internally tagged enums and flattened
//! structs serde hides the keys, so those must carry it (or better: be externally tagged, `[source.webcam]`). A required key (no
//! default) is reported when it is missing. Texts of the file are never quoted, since they may be secrets; numbers are.

mod check;
mod problem;
mod tree;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use check::{Check, Validate};
pub use problem::{Problem, Problems};

use problem::Place;
use tree::{Node, Steps, What};

/// The largest file that is read, in bytes.
pub const MAX_FILE: u64 = 1 << 20;

/// After how many problems reading stops.
pub const MAX_PROBLEMS: usize = 100;

/// Reads a file that must be there.
///
/// # Errors
/// Every problem: the file is missing or unreadable, is not TOML, has unknown keys, values of the wrong type or values that fail
/// [`Validate`].
pub fn load<T: DeserializeOwned + Validate>(file: &Path) -> Result<T, Problems> {
    let name = file.display().to_string();
    let text = read(file).map_err(|error| {
        let text = match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
            ErrorKind::FileTooLarge => format!("it is larger than {MAX_FILE} bytes, which no configuration is"),
            _ => format!("it cannot be read: {error}"),
        };
        Problems(vec![Problem::of_file(&name, text)])
    })?;
    parse(&text, &name)
}

/// Reads the file that a person named, or else the usual one, or else takes the defaults.
///
/// # Errors
/// As [`load`]; only the usual file may be missing.
pub fn load_or_default<T: DeserializeOwned + Validate + Default>(named: Option<&Path>, usual: &Path) -> Result<T, Problems> {
    match named {
        Some(file) => load(file),
        None if usual.exists() => load(usual),
        None => parse("", &usual.display().to_string()),
    }
}

fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let length = File::open(file)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if u64::try_from(length).unwrap_or(u64::MAX) > MAX_FILE {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(text)
}

/// Reads a text; `file` is how problems call it.
///
/// # Errors
/// As [`load`], apart from the file itself.
pub fn parse<T: DeserializeOwned + Validate>(text: &str, file: &str) -> Result<T, Problems> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let place = Place { file, text };
    if !errors.is_empty() {
        let found = errors.iter().take(MAX_PROBLEMS).map(|error| place.syntax(error)).collect();
        return Err(Problems(found));
    }
    let span = root.span();
    let root = Spanned::new(span, DeValue::Table(root.into_inner()));

    let mut problems = Vec::new();
    let mut hidden = BTreeSet::new();
    let value = deserialize::<T>(&root, &place, &mut hidden, &mut problems);
    if let Some(value) = &value {
        let mut check = Check::new(&mut problems, &hidden, &root, &place);
        value.validate(&mut check);
    }
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => {
            problems.sort_by_key(|problem| problem.line);
            Err(Problems(problems))
        }
    }
}

/// Deserializes again and again: what is wrong is reported once, then hidden, until the rest can be read or nothing is left to hide.
fn deserialize<T: DeserializeOwned>(
    root: &Spanned<DeValue<'_>>,
    place: &Place<'_>,
    hidden: &mut BTreeSet<Steps>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    while problems.len() < MAX_PROBLEMS {
        let fault = match T::deserialize(Node::root(root, hidden)) {
            Ok(value) => return Some(value),
            Err(fault) => fault,
        };
        let mut steps = fault.steps();
        match &fault.what {
            What::Unknown { key, .. } => {
                steps = steps.key(key);
                problems.push(place.problem(root, &steps, fault.what.to_string(), fault.what.hint()));
            }
            What::Missing { key } => {
                // A required key that was hidden has been reported already.
                let wanted = steps.key(key);
                if !hidden.contains(&wanted) {
                    problems.push(place.problem(root, &wanted, fault.what.to_string(), None));
                }
            }
            What::Wrong(_) => problems.push(place.problem(root, &steps, fault.what.to_string(), fault.what.hint())),
        }
        if steps.is_root() || !hidden.insert(steps) {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests;
