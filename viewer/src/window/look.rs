//! How things look: colours, and sizes that grow with the screen's resolution.

use wire::verdict::Verdict;

use super::canvas::Color;
use super::text::Style;

pub(super) const BACKGROUND: Color = 0x0b0d10;
pub(super) const BAR: Color = 0x161a20;
pub(super) const EDGE: Color = 0x2c333d;
pub(super) const QUIET: Color = 0x282e37;
pub(super) const WRITING: Color = 0xe8ecf1;
pub(super) const PALE: Color = 0xa3adba;
pub(super) const INK: Color = 0x0b0d10;
pub(super) const ALARM: Color = 0xf04747;
pub(super) const WARNING: Color = 0xf2b632;
pub(super) const NOTICE: Color = 0x3a6ea8;

/// Each label's colour, for its frame and its name; apart from each other for people who see fewer colours, too, and numbered for all.
const LABELS: [Color; 8] = [0x35c8ff, 0xffc233, 0xff7ad9, 0x9d8bff, 0x5be37d, 0xff9152, 0x4df0d0, 0xd6e04a];

/// The colour of the label with that key.
pub(super) fn label(key: usize) -> Color {
    LABELS.get(key % LABELS.len()).copied().unwrap_or(WRITING)
}

/// A verdict's colour, and that of writing on it.
pub(super) const fn verdict(verdict: Verdict) -> (Color, Color) {
    match verdict {
        Verdict::Tampered | Verdict::Revoked | Verdict::UnknownCamera => (ALARM, 0xffffff),
        Verdict::NotLive => (0xf2712f, INK),
        Verdict::Withheld => (0xf28c32, INK),
        Verdict::WithGaps => (WARNING, INK),
        Verdict::NotEnoughYet => (0x9aa5b1, INK),
        Verdict::Authentic => (0x3ecf7a, INK),
    }
}

/// Sizes, in pixels of a screen of ordinary resolution, as they are on this one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    scale: f64,
}

impl Look {
    /// For a screen on which everything is so many times as large.
    pub(super) fn new(scale: f64) -> Self {
        Self { scale: if scale.is_finite() { scale.clamp(0.5, 8.0) } else { 1.0 } }
    }

    /// A length.
    #[allow(clippy::cast_possible_truncation, reason = "small numbers, scaled by 8 at most")]
    pub(super) fn px(self, pixels: i32) -> i32 {
        (f64::from(pixels) * self.scale).round() as i32
    }

    /// Writing.
    pub(super) fn style(self, height: i32, bold: bool) -> Style {
        Style { height: u16::try_from(self.px(height)).unwrap_or(u16::MAX), bold }
    }

    /// How high the status bar is.
    pub(super) fn bar(self) -> i32 {
        self.px(62)
    }
}
