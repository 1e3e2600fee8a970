//! One moment becomes pixels: a frame, its standing and a size go in, the window's content comes out. No window is needed for that.

use super::canvas::Canvas;
use super::fit::{Rect, letterbox, place};
use super::look::{self, ALARM, BACKGROUND, INK, Look};
use super::outline::outline;
use super::scaled::{self, Scaled};
use super::scene::{Scene, Signal};
use super::text::Text;
use super::view::{Frame, Source};
use super::{bar, cards};

use wire::verdict::Verdict;

/// Paints scenes; keeps what is the same from one to the next.
#[derive(Debug)]
pub struct Painter {
    text: Text,
    scaled: Scaled,
}

/// Why there is no painter.
#[derive(Debug, thiserror::Error)]
#[error("the built-in fonts cannot be read: {0}")]
pub struct NoFonts(#[from] ab_glyph::InvalidFont);

/// Where the picture of that size lies in a window of `width` × `height` pixels on a screen of that scale.
#[must_use]
pub fn picture_in(picture: (u16, u16), (width, height): (u32, u32), scale: f64) -> Rect {
    letterbox(picture, parts(size(width, height), Look::new(scale)).0)
}

/// How much higher than its picture a window is, in pixels.
#[must_use]
pub fn bar_height(scale: f64) -> u32 {
    u32::try_from(Look::new(scale).bar()).unwrap_or(0)
}

impl Painter {
    /// With nothing painted yet.
    ///
    /// # Errors
    /// When the built-in fonts are damaged.
    pub fn new() -> Result<Self, NoFonts> {
        Ok(Self { text: Text::new()?, scaled: Scaled::default() })
    }

    /// Paints a window of that size; every pixel of it.
    ///
    /// # Errors
    /// When the picture is none.
    pub fn paint(&mut self, scene: &Scene<'_>, (width, height): (u32, u32), scale: f64, pixels: &mut [u32]) -> Result<(), scaled::Error> {
        let look = Look::new(scale);
        let mut canvas = Canvas::new(pixels, width, height);
        let (room, bar) = parts(canvas.size(), look);
        let lost = matches!(scene.signal, Signal::Lost(_)) || matches!(scene.standing.source, Source::Lost(_));
        if let Some((number, frame)) = scene.frame {
            let shown = letterbox((frame.picture.width, frame.picture.height), room);
            around(shown, room).into_iter().for_each(|part| canvas.fill(part, BACKGROUND));
            self.scaled.prepare(number, &frame.picture, shown)?;
            self.scaled.draw(&mut canvas, shown, lost);
            frames(&mut canvas, &mut self.text, look, shown, frame);
        } else {
            canvas.fill(room, BACKGROUND);
        }
        if scene.standing.verdict <= Verdict::UnknownCamera {
            outline(&[room.inset(look.px(4))], look.px(4)).into_iter().for_each(|part| canvas.fill(part, ALARM));
        }
        cards::banners(&mut canvas, &mut self.text, look, room, scene);
        if scene.help {
            cards::help(&mut canvas, &mut self.text, look, room, scene);
        } else {
            cards::signal(&mut canvas, &mut self.text, look, room, scene);
        }
        if let Some(note) = scene.note {
            cards::note(&mut canvas, &mut self.text, look, room, note);
        }
        bar::draw(&mut canvas, &mut self.text, look, bar, scene);
        Ok(())
    }

    /// Forgets the picture that was painted last.
    pub fn forget(&mut self) {
        self.scaled.forget();
    }
}

fn size(width: u32, height: u32) -> Rect {
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    Rect { x: 0, y: 0, w: side(width), h: side(height) }
}

/// The room for the picture, and below it the status bar.
fn parts(window: Rect, look: Look) -> (Rect, Rect) {
    let bar = look.bar().min(window.h);
    (Rect { h: window.h - bar, ..window }, Rect { y: window.bottom() - bar, h: bar, ..window })
}

/// What the picture leaves free of its room.
const fn around(shown: Rect, room: Rect) -> [Rect; 4] {
    [
        Rect { h: shown.y - room.y, ..room },
        Rect { y: shown.bottom(), h: room.bottom() - shown.bottom(), ..room },
        Rect { y: shown.y, w: shown.x - room.x, h: shown.h, ..room },
        Rect { x: shown.right(), y: shown.y, w: room.right() - shown.right(), h: shown.h },
    ]
}

/// A frame around what is unlocked, in its label's colour, with the label's key.
fn frames(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, shown: Rect, frame: &Frame) {
    let (thickness, dark) = (look.px(3), look.px(1));
    let size = (frame.picture.width, frame.picture.height);
    for label in &frame.in_use {
        let regions: Vec<_> = frame.lifted.iter().filter(|(_, name)| *name == label.name).map(|(region, _)| *region).collect();
        // At the picture's edge the frame lies inside, or nobody would see it.
        let seen = shown.inset(thickness + dark);
        let rects: Vec<Rect> = regions.iter().map(|region| place(region, size, shown).within(&seen)).collect();
        let color = look::label(label.key);
        outline(&rects, thickness + dark).into_iter().for_each(|part| canvas.fill(part, INK));
        outline(&rects, thickness).into_iter().for_each(|part| canvas.fill(part, color));
        let mut tagged = Vec::new();
        for (region, rect) in regions.iter().zip(&rects) {
            if label.key < 8 && !tagged.contains(&region.track) {
                tagged.push(region.track);
                tag(canvas, text, look, shown, *rect, label.key, thickness);
            }
        }
    }
}

/// The label's key at the upper left corner of a frame: above it, or inside where there is no room.
fn tag(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, shown: Rect, rect: Rect, key: usize, thickness: i32) {
    let style = look.style(14, true);
    let word = (key + 1).to_string();
    let (w, h) = (text.width(style, &word) + look.px(10), look.px(18));
    let above = rect.y - thickness - h;
    let card = Rect { x: rect.x - thickness, y: if above >= shown.y { above } else { rect.y }, w, h };
    canvas.fill(card, look::label(key));
    text.write(canvas, (card.x + look.px(5), card.y + look.px(2)), style, INK, &word);
}

#[cfg(test)]
mod tests;
