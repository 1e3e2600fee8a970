//! Text: DejaVu Sans, antialiased, on whole pixels. Glyphs are drawn once for each size and kept.

use std::collections::HashMap;

use ab_glyph::{Font as _, FontRef, Glyph, GlyphId, InvalidFont, PxScale, ScaleFont as _, point};

use super::canvas::{Canvas, Color};

/// How large, and how heavy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Style {
    /// From ascender to descender, in pixels.
    pub height: u16,
    /// Whether it is bold.
    pub bold: bool,
}

/// How many glyphs are kept. All that the window writes at one size are fewer; more come only while somebody changes screens.
const KEPT: usize = 1024;

/// A glyph as it is drawn: where, and how much of each pixel it covers.
#[derive(Debug, Default)]
struct Drawn {
    left: i32,
    top: i32,
    width: usize,
    coverage: Vec<u8>,
}

/// Writes text.
pub struct Text {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
    kept: HashMap<(Style, GlyphId), Drawn>,
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text")
    }
}

impl Text {
    /// With the built-in fonts.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn new() -> Result<Self, InvalidFont> {
        let regular = FontRef::try_from_slice(dejavu::sans::regular())?;
        let bold = FontRef::try_from_slice(dejavu::sans::bold())?;
        Ok(Self { regular, bold, kept: HashMap::new() })
    }

    /// How wide a line is, in pixels.
    #[must_use]
    pub fn width(&self, style: Style, line: &str) -> i32 {
        whole(self.places(style, line).last().map_or(0.0, |(_, end)| end).ceil())
    }

    /// Writes a line with its upper left corner there, and gives where it ends.
    pub fn write(&mut self, canvas: &mut Canvas<'_>, (x, y): (i32, i32), style: Style, color: Color, line: &str) -> i32 {
        let font = self.font(style);
        let base = y + whole(font.as_scaled(scale(style)).ascent().round());
        let places: Vec<_> = self.places(style, line).collect();
        if self.kept.len() + places.len() > KEPT {
            self.kept.clear();
        }
        let mut end = 0.0;
        for ((glyph, start), next) in places.iter().map(|(glyph, next)| (*glyph, *next)).scan(0.0, |at, (glyph, next)| {
            let start = *at;
            *at = next;
            Some(((glyph, start), next))
        }) {
            end = next;
            let font = self.font(style).clone();
            let drawn = self.kept.entry((style, glyph)).or_insert_with(|| draw(&font, style, glyph));
            let (left, top) = (x + whole(start.round()) + drawn.left, base + drawn.top);
            for (row, coverage) in (top..).zip(drawn.coverage.chunks_exact(drawn.width.max(1))) {
                for (column, alpha) in (left..).zip(coverage) {
                    if *alpha > 0 {
                        canvas.dot(column, row, color, *alpha);
                    }
                }
            }
        }
        x + whole(end.ceil())
    }

    /// The beginning of a line that is no wider than this, with an ellipsis if something is left out.
    #[must_use]
    pub fn cut(&self, style: Style, line: &str, width: i32) -> String {
        if self.width(style, line) <= width {
            return line.to_owned();
        }
        let mut cut = line.to_owned();
        while cut.pop().is_some() {
            let shorter = format!("{}…", cut.trim_end());
            if self.width(style, &shorter) <= width {
                return shorter;
            }
        }
        String::new()
    }

    /// A text in lines no wider than this, broken between words.
    #[must_use]
    pub fn wrap(&self, style: Style, text: &str, width: i32) -> Vec<String> {
        let mut lines = vec![String::new()];
        for word in text.split_whitespace() {
            let Some(line) = lines.last_mut() else { break };
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if line.is_empty() || self.width(style, &longer) <= width {
                *line = longer;
            } else {
                lines.push(word.to_owned());
            }
        }
        lines.iter().map(|line| self.cut(style, line, width)).collect()
    }

    const fn font(&self, style: Style) -> &FontRef<'static> {
        if style.bold { &self.bold } else { &self.regular }
    }

    /// Each character's glyph, and where the next one begins. What would move the line or hide in it is shown as a replacement character.
    fn places(&self, style: Style, line: &str) -> impl Iterator<Item = (GlyphId, f32)> {
        let font = self.font(style).as_scaled(scale(style));
        let mut at = 0.0;
        let mut before = None;
        line.chars().map(move |c| {
            let glyph = font.glyph_id(if c.is_control() { '\u{fffd}' } else { c });
            at += before.map_or(0.0, |before| font.kern(before, glyph)) + font.h_advance(glyph);
            before = Some(glyph);
            (glyph, at)
        })
    }
}

fn scale(style: Style) -> PxScale {
    PxScale::from(f32::from(style.height))
}

fn draw(font: &FontRef<'_>, style: Style, glyph: GlyphId) -> Drawn {
    let glyph: Glyph = glyph.with_scale_and_position(scale(style), point(0.0, 0.0));
    // A space has no outline.
    let Some(outline) = font.outline_glyph(glyph) else { return Drawn::default() };
    let bounds = outline.px_bounds();
    let (width, height) = (side(bounds.width()), side(bounds.height()));
    let mut coverage = vec![0; width * height];
    outline.draw(|x, y, covered| {
        let at = y as usize * width + x as usize;
        if let Some(pixel) = coverage.get_mut(at) {
            *pixel = alpha(covered);
        }
    });
    Drawn { left: whole(bounds.min.x.floor()), top: whole(bounds.min.y.floor()), width, coverage }
}

#[allow(clippy::cast_possible_truncation, reason = "a float saturates, and pixels of a window are far from that")]
const fn whole(pixels: f32) -> i32 {
    pixels as i32
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the size of a glyph")]
fn side(pixels: f32) -> usize {
    pixels.ceil() as usize
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn alpha(covered: f32) -> u8 {
    (covered.clamp(0.0, 1.0) * 255.0).round() as u8
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const STYLE: Style = Style { height: 16, bold: false };

    /// The pixels of a line.
    fn written(line: &str) -> Vec<u32> {
        let mut pixels = vec![0; 200 * 24];
        Text::new().unwrap().write(&mut Canvas::new(&mut pixels, 200, 24), (2, 2), STYLE, 0xff_ffff, line);
        pixels
    }

    #[test]
    fn letters_of_many_languages_have_glyphs_of_their_own() {
        let text = Text::new().unwrap();
        for letter in "äöüßÄÖÜéñ¿¡áíóúçłßžőşα“”„—·…●×²µ€".chars() {
            assert_ne!(text.font(STYLE).glyph_id(letter), GlyphId(0), "{letter}");
            assert_ne!(text.font(Style { bold: true, ..STYLE }).glyph_id(letter), GlyphId(0), "{letter}");
        }
        assert_ne!(written("ä"), written("a"));
        assert_ne!(written("ñ"), written("n"));
        assert_eq!(written("a\nb\u{7}"), written("a\u{fffd}b\u{fffd}"), "nothing moves the line");
    }

    #[test]
    fn a_line_is_written_inside_its_box() {
        let pixels = written("Ägypten jqß");
        let width = usize::try_from(Text::new().unwrap().width(STYLE, "Ägypten jqß")).unwrap();
        let lit: Vec<_> = pixels.iter().enumerate().filter(|(_, pixel)| **pixel != 0).map(|(at, _)| (at % 200, at / 200)).collect();
        assert!(lit.len() > 100);
        assert!(lit.iter().all(|(x, y)| (1..=2 + width).contains(x) && (2..=19).contains(y)), "{width}: {lit:?}");
    }

    #[test]
    fn what_is_too_long_is_cut_or_wrapped() {
        let text = Text::new().unwrap();
        assert_eq!(text.cut(STYLE, "short", 100), "short");
        let cut = text.cut(STYLE, "a sentence that is much too long", 100);
        assert!(cut.ends_with('…') && cut.starts_with("a sent") && text.width(STYLE, &cut) <= 100, "{cut}");
        assert_eq!(text.cut(STYLE, "word", 3), "");
        let lines = text.wrap(STYLE, "a sentence that is much too long, withaverylongwordinside", 100);
        assert!(lines.len() >= 4 && lines.iter().all(|line| text.width(STYLE, line) <= 100), "{lines:?}");
        assert_eq!(text.wrap(STYLE, "", 100), [""]);
    }
}
