//! A figure: what was measured, how much it is, and what it should be.

use serde::Serialize;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Aim {
    /// Whether a value reaches it.
    #[must_use]
    pub fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(aim) => value >= aim,
            Self::AtMost(aim) => value <= aim,
        }
    }
}

/// One measured figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// What it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    /// Whether it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<bool>,
    /// What else must be known to read it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl Figure {
    /// A figure that nothing is expected of.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, aim: None, reached: None, note: String::new() }
    }

    /// What it should be.
    #[must_use]
    pub fn aim(self, aim: Aim) -> Self {
        Self { aim: Some(aim), reached: Some(aim.is_reached(self.value)), ..self }
    }

    /// What else must be known to read it.
    #[must_use]
    pub fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// The value with its unit, as people read it.
    #[must_use]
    pub fn value_text(&self) -> String {
        text(self.value, self.unit)
    }

    /// The aim with its unit, as people read it; empty where there is none.
    #[must_use]
    pub fn aim_text(&self) -> String {
        match self.aim {
            Some(Aim::AtLeast(aim)) => format!("≥ {}", text(aim, self.unit)),
            Some(Aim::AtMost(aim)) => format!("≤ {}", text(aim, self.unit)),
            None => String::new(),
        }
    }
}

/// A value with its unit, as people read it: about three digits.
#[must_use]
pub fn text(value: f64, unit: &str) -> String {
    format!("{} {unit}", number(value)).trim_end().to_owned()
}

/// Thousands apart.
fn number(value: f64) -> String {
    let size = value.abs();
    let decimals = match size {
        _ if size >= 100.0 || value.fract() == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 0.1 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left.is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_about_three_digits() {
        let cases = [(0.0, "0"), (0.0042, "0.004"), (0.5, "0.50"), (6.0, "6"), (7.123, "7.12"), (97.46, "97.5"), (156.4, "156")];
        for (value, text) in cases.into_iter().chain([(15_234.2, "15,234"), (1_000_000.0, "1,000,000"), (-123_456.0, "-123,456")]) {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn an_aim_is_reached_or_not() {
        let fast = |value| Figure::new("speed", value, "frames/s").aim(Aim::AtLeast(15_000.0));
        assert_eq!((fast(15_000.0).reached, fast(14_999.9).reached), (Some(true), Some(false)));
        let small = Figure::new("memory", 131.0, "kB").aim(Aim::AtMost(130.0));
        assert_eq!((small.reached, small.value_text(), small.aim_text()), (Some(false), "131 kB".to_owned(), "≤ 130 kB".to_owned()));
        assert_eq!(Figure::new("any", 1.0, "ms").reached, None);
    }
}
