//! Labels: why an area is masked, and under which key its originals are sealed.

use std::fmt;
use std::str::FromStr;

use crate::bytes::{Malformed, Problem, Reader, put_short};

/// How many labels a config may name.
pub const MAX_CONFIGURED: usize = 8;

/// How long a label's name may be, in bytes.
pub const MAX_NAME: usize = 32;

/// A label's number. The order is the priority: a hidden pixel belongs to the lowest number that covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(u8);

impl Label {
    /// `inverse` mode seals under this.
    pub const OUTSIDE: Self = Self(8);
    /// Detected faces.
    pub const FACE: Self = Self(9);
    /// The rest of a frame that is masked as a whole (fail closed, or mode `all`).
    pub const WHOLE_FRAME: Self = Self(10);
    /// Metadata of a still's original.
    pub const METADATA: Self = Self(11);

    /// The built-in ones with their names.
    pub const BUILT_IN: [(Self, &'static str); 4] =
        [(Self::OUTSIDE, "outside"), (Self::FACE, "face"), (Self::WHOLE_FRAME, "whole-frame"), (Self::METADATA, "metadata")];

    /// From its number: 0 to 7 stand in the config's order, 8 to 11 are built in.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        if number <= Self::METADATA.0 { Some(Self(number)) } else { None }
    }

    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    pub(crate) fn read(reader: &mut Reader, field: &'static str) -> Result<Self, Malformed> {
        Self::from_number(reader.u8(field)?).ok_or(Malformed::new(field, Problem::Unknown))
    }
}

/// A label's name: 1 to 32 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelName(String);

/// Text that is not a label's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a label: 1 to 32 of a-z, 0-9 and hyphen are needed")]
pub struct NotALabel;

impl LabelName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LabelName {
    type Err = NotALabel;

    fn from_str(text: &str) -> Result<Self, NotALabel> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(NotALabel) }
    }
}

impl fmt::Display for LabelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why names make no table of labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLabels {
    /// More than [`MAX_CONFIGURED`].
    #[error("more than {MAX_CONFIGURED} labels")]
    TooMany,
    /// A name stands twice, or is a built-in one.
    #[error("the label “{0}” exists already")]
    Taken(LabelName),
}

/// The labels of an epoch: what the config names, in its order, and the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<LabelName>);

impl Labels {
    /// The config's labels, in its order.
    ///
    /// # Errors
    /// When there are too many, or a name is taken.
    pub fn new(names: Vec<LabelName>) -> Result<Self, NotLabels> {
        if names.len() > MAX_CONFIGURED {
            return Err(NotLabels::TooMany);
        }
        let mut seen: Vec<&str> = Label::BUILT_IN.iter().map(|(_, name)| *name).collect();
        for name in &names {
            if seen.contains(&name.as_str()) {
                return Err(NotLabels::Taken(name.clone()));
            }
            seen.push(name.as_str());
        }
        Ok(Self(names))
    }

    /// Every label of the epoch, lowest number first.
    pub fn all(&self) -> impl Iterator<Item = (Label, &str)> {
        let configured = (0u8..).zip(&self.0).map(|(number, name)| (Label(number), name.as_str()));
        configured.chain(Label::BUILT_IN)
    }

    /// The name of a label, if this epoch has it.
    #[must_use]
    pub fn name(&self, label: Label) -> Option<&str> {
        self.all().find(|(candidate, _)| *candidate == label).map(|(_, name)| name)
    }

    /// The label of that name, if this epoch has it.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Label> {
        self.all().find(|(_, candidate)| *candidate == name).map(|(label, _)| label)
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::try_from(self.0.len()).unwrap_or(u8::MAX));
        for name in &self.0 {
            put_short(out, name.as_str().as_bytes());
        }
    }

    pub(crate) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        const FIELD: &str = "label names";
        let count = reader.count(FIELD, MAX_CONFIGURED)?;
        let mut names = Vec::with_capacity(count);
        for _ in 0..count {
            let bytes = reader.short(FIELD, MAX_NAME)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| Malformed::new(FIELD, Problem::Text))?;
            names.push(text.parse().map_err(|_| Malformed::new(FIELD, Problem::Text))?);
        }
        Self::new(names).map_err(|_| Malformed::new(FIELD, Problem::Contradiction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<LabelName> {
        text.split_whitespace().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn configured_labels_come_first_and_keep_their_order() {
        let labels = Labels::new(names("till neighbour-window")).unwrap();
        let all: Vec<_> = labels.all().map(|(label, name)| (label.number(), name)).collect();
        assert_eq!(all, [(0, "till"), (1, "neighbour-window"), (8, "outside"), (9, "face"), (10, "whole-frame"), (11, "metadata")]);
        assert_eq!(labels.find("face"), Some(Label::FACE));
        assert_eq!(labels.name(Label(2)), None);
    }

    #[test]
    fn taken_names_and_crowds_are_refused() {
        assert!(matches!(Labels::new(names("till till")), Err(NotLabels::Taken(_))));
        assert!(matches!(Labels::new(names("face")), Err(NotLabels::Taken(_))));
        assert_eq!(Labels::new(names("a b c d e f g h i")), Err(NotLabels::TooMany));
        assert!("Till".parse::<LabelName>().is_err());
    }
}
