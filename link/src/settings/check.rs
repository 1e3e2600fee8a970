//! What a type cannot say about a value: ranges, and what does not go together.

use std::collections::BTreeSet;

use toml::Spanned;
use toml::de::DeValue;

use super::problem::{Place, Problem};
use super::tree::{Step, Steps};

/// Says what is wrong with values that have the right type.
pub trait Validate {
    /// Reports every problem, not only the first.
    fn validate(&self, check: &mut Check<'_>);
}

/// Collects problems, each under its key.
#[derive(Debug)]
pub struct Check<'a> {
    problems: &'a mut Vec<Problem>,
    hidden: &'a BTreeSet<Steps>,
    root: &'a Spanned<DeValue<'a>>,
    place: &'a Place<'a>,
    steps: Steps,
}

impl<'a> Check<'a> {
    pub(super) fn new(
        problems: &'a mut Vec<Problem>,
        hidden: &'a BTreeSet<Steps>,
        root: &'a Spanned<DeValue<'a>>,
        place: &'a Place<'a>,
    ) -> Self {
        Self { problems, hidden, root, place, steps: Steps::default() }
    }

    /// The value of this key (of the table that is being looked at) is wrong. An empty key means the table itself.
    pub fn wrong(&mut self, key: &str, text: impl Into<String>) {
        let steps = if key.is_empty() { self.steps.clone() } else { self.steps.key(key) };
        // What was already reported has fallen back to its default here, so a complaint about it would only confuse.
        if !self.hidden.iter().any(|hidden| hidden.related(&steps)) {
            self.problems.push(self.place.problem(self.root, &steps, text.into(), None));
        }
    }

    /// The value of this key must be so.
    pub fn ensure(&mut self, holds: bool, key: &str, text: &str) {
        if !holds {
            self.wrong(key, text);
        }
    }

    /// Looks at the table under this key.
    pub fn within(&mut self, key: &str, look: impl FnOnce(&mut Check<'_>)) {
        self.below(self.steps.key(key), look);
    }

    /// Looks at one entry of the list under this key, from 0.
    pub fn entry(&mut self, key: &str, index: usize, look: impl FnOnce(&mut Check<'_>)) {
        self.below(self.steps.key(key).with(Step::Index(index)), look);
    }

    fn below(&mut self, steps: Steps, look: impl FnOnce(&mut Check<'_>)) {
        look(&mut Check { problems: self.problems, hidden: self.hidden, root: self.root, place: self.place, steps });
    }
}
