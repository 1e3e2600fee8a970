//! Which masks the person at the window wants lifted.

use std::collections::BTreeSet;

/// Every mask that opens, or only those of some labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// All of them, also those of labels that come later.
    All,
    /// Those of these labels, and no others.
    Only(BTreeSet<String>),
}

impl Wish {
    /// No mask is lifted.
    #[must_use]
    pub const fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// Whether no mask is lifted.
    #[must_use]
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Only(labels) if labels.is_empty())
    }

    /// Whether this label's masks are lifted.
    #[must_use]
    pub fn lifts(&self, label: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(labels) => labels.contains(label),
        }
    }

    /// All are lowered; if none was lifted, all are lifted.
    #[must_use]
    pub fn toggled(&self) -> Self {
        if self.is_none() { Self::All } else { Self::none() }
    }

    /// One label of those in use is lowered or lifted.
    #[must_use]
    pub fn with_toggled<'a>(&self, label: &str, in_use: impl IntoIterator<Item = &'a str>) -> Self {
        let mut lifted: BTreeSet<String> = match self {
            Self::All => in_use.into_iter().map(str::to_owned).collect(),
            Self::Only(labels) => labels.clone(),
        };
        if !lifted.remove(label) {
            lifted.insert(label.to_owned());
        }
        Self::Only(lifted)
    }

    /// The labels to open, of those that were asked for when the program started (`None` for all there are).
    #[must_use]
    pub fn within(&self, asked: Option<&BTreeSet<String>>) -> Option<BTreeSet<String>> {
        match (self, asked) {
            (Self::All, asked) => asked.cloned(),
            (Self::Only(labels), None) => Some(labels.clone()),
            (Self::Only(labels), Some(asked)) => Some(labels.intersection(asked).cloned().collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(labels: &str) -> Wish {
        Wish::Only(labels.split_whitespace().map(str::to_owned).collect())
    }

    #[test]
    fn one_key_lowers_all_and_lifts_all() {
        assert_eq!(Wish::All.toggled(), Wish::none());
        assert_eq!(Wish::none().toggled(), Wish::All);
        assert_eq!(only("face").toggled(), Wish::none());
    }

    #[test]
    fn a_label_has_a_key_of_its_own() {
        let in_use = ["till", "face"];
        assert_eq!(Wish::All.with_toggled("face", in_use), only("till"), "what comes later stays masked");
        assert_eq!(only("till").with_toggled("till", in_use), Wish::none());
        assert_eq!(Wish::none().with_toggled("face", in_use), only("face"));
        assert!(only("face").lifts("face") && !only("face").lifts("till") && Wish::All.lifts("till"));
    }

    #[test]
    fn nothing_opens_that_was_not_asked_for_at_the_start() {
        let asked = BTreeSet::from(["face".to_owned()]);
        assert_eq!(Wish::All.within(None), None);
        assert_eq!(Wish::All.within(Some(&asked)), Some(asked.clone()));
        assert_eq!(only("till face").within(Some(&asked)), Some(asked.clone()));
        assert_eq!(only("till").within(Some(&asked)), Some(BTreeSet::new()));
        assert_eq!(only("till").within(None), Some(BTreeSet::from(["till".to_owned()])));
    }
}
