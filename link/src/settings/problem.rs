//! What is wrong with a file, one line each.

use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::DeValue;

use super::tree::{Step, Steps};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub file: String,
    /// The line, from 1, if the problem has one.
    pub line: Option<usize>,
    /// The key, with the tables around it (`mask[2].label`), empty for the file as a whole.
    pub key: String,
    /// What is wrong.
    pub text: String,
    /// What was probably meant.
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn of_file(file: &str, text: String) -> Self {
        Self { file: file.to_owned(), line: None, key: String::new(), text, hint: None }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.text)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong with a file, in the order of its lines; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, problem) in self.0.iter().enumerate() {
            let newline = if position > 0 { "\n" } else { "" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

impl From<Problems> for crate::exit::Error {
    fn from(problems: Problems) -> Self {
        Self::new(crate::exit::Code::Usage, problems)
    }
}

/// The file that problems are about.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Place<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().iter().take(span.start);
        1 + before.filter(|byte| **byte == b'\n').count()
    }

    pub(super) fn syntax(&self, error: &toml::de::Error) -> Problem {
        Problem {
            file: self.file.to_owned(),
            line: error.span().map(|span| self.line(&span)),
            key: String::new(),
            // The message alone: the error's own display quotes the line, and with it perhaps a secret.
            text: error.message().lines().collect::<Vec<_>>().join(", "),
            hint: None,
        }
    }

    pub(super) fn problem(&self, root: &Spanned<DeValue<'_>>, steps: &Steps, text: String, hint: Option<String>) -> Problem {
        let line = span(root, steps).map(|span| self.line(&span));
        Problem { file: self.file.to_owned(), line, key: steps.to_string(), text, hint }
    }
}

/// Where a key stands; for one that is missing, the table in which it is missing.
fn span(root: &Spanned<DeValue<'_>>, steps: &Steps) -> Option<Range<usize>> {
    let mut value = root;
    let mut span = None;
    for step in &steps.0 {
        let next = match (value.get_ref(), step) {
            (DeValue::Table(table), Step::Key(key)) => {
                table.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span(), value))
            }
            (DeValue::Array(list), Step::Index(index)) => list.get(*index).map(|value| (value.span(), value)),
            _ => None,
        };
        let Some((at, below)) = next else { break };
        span = Some(at);
        value = below;
    }
    span
}
