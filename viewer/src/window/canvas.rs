//! Pixels to draw on: 0RGB in a `u32` each, as the window system takes them. Whatever lies outside is not drawn.

use super::fit::Rect;

/// A colour, 0RGB.
pub type Color = u32;

/// A window's pixels.
#[derive(Debug)]
pub struct Canvas<'a> {
    pixels: &'a mut [u32],
    size: Rect,
}

impl<'a> Canvas<'a> {
    /// On these pixels, row by row; of fewer than `width` × `height` only whole rows are drawn on.
    #[must_use]
    pub fn new(pixels: &'a mut [u32], width: u32, height: u32) -> Self {
        let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
        Self { pixels, size: Rect { x: 0, y: 0, w: side(width), h: side(height) } }
    }

    /// All of it.
    #[must_use]
    pub const fn size(&self) -> Rect {
        self.size
    }

    /// The pixels of one row from `x` on, at most so many.
    pub fn row(&mut self, x: i32, y: i32, w: i32) -> &mut [u32] {
        let part = Rect { x, y, w, h: 1 }.within(&self.size);
        if part.h == 0 {
            return &mut [];
        }
        let at = |value: i32| usize::try_from(value).unwrap_or(0);
        let start = at(part.y) * at(self.size.w) + at(part.x);
        self.pixels.get_mut(start..start + at(part.w)).unwrap_or_default()
    }

    /// One colour over a rectangle.
    pub fn fill(&mut self, rect: Rect, color: Color) {
        let part = rect.within(&self.size);
        for y in part.y..part.bottom() {
            self.row(part.x, y, part.w).fill(color);
        }
    }

    /// A colour over a rectangle, through which what is below shines: 0 leaves that as it is, 255 hides it.
    pub fn shade(&mut self, rect: Rect, color: Color, alpha: u8) {
        let part = rect.within(&self.size);
        for y in part.y..part.bottom() {
            for pixel in self.row(part.x, y, part.w) {
                *pixel = mix(*pixel, color, alpha);
            }
        }
    }

    /// One pixel, likewise.
    pub fn dot(&mut self, x: i32, y: i32, color: Color, alpha: u8) {
        if let [pixel] = self.row(x, y, 1) {
            *pixel = mix(*pixel, color, alpha);
        }
    }

    /// [`Self::shade`] with round corners.
    pub fn card(&mut self, rect: Rect, radius: i32, color: Color, alpha: u8) {
        let radius = radius.min(rect.w / 2).min(rect.h / 2).max(0);
        for line in 0..rect.h {
            let from_edge = line.min(rect.h - 1 - line);
            let cut = if from_edge < radius { corner(radius, radius - 1 - from_edge) } else { 0 };
            self.shade(Rect { x: rect.x + cut, y: rect.y + line, w: rect.w - 2 * cut, h: 1 }, color, alpha);
        }
    }
}

/// How many pixels a round corner cuts off a row that lies `above` rows over the corner's centre.
#[allow(clippy::cast_possible_truncation, reason = "a corner of a few pixels")]
fn corner(radius: i32, above: i32) -> i32 {
    let (radius, above) = (f64::from(radius), f64::from(above) + 0.5);
    (radius - (radius * radius - above * above).max(0.0).sqrt()).round() as i32
}

/// Between two colours: `alpha` 255ths of the upper one.
#[must_use]
pub const fn mix(below: Color, above: Color, alpha: u8) -> Color {
    let alpha = alpha as u32;
    let mut mixed = 0;
    let mut shift = 0;
    while shift <= 16 {
        let (a, b) = ((below >> shift) & 0xff, (above >> shift) & 0xff);
        mixed |= ((a * (255 - alpha) + b * alpha + 127) / 255) << shift;
        shift += 8;
    }
    mixed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_not_drawn() {
        let mut pixels = vec![1; 6 * 4];
        let mut canvas = Canvas::new(&mut pixels, 6, 4);
        canvas.fill(Rect::new(4, -3, 100, 5), 7);
        canvas.fill(Rect::new(-9, 0, 9, 4), 8);
        canvas.fill(Rect::new(0, 4, 6, 1), 8);
        canvas.dot(6, 0, 8, 255);
        canvas.dot(0, -1, 8, 255);
        for (at, pixel) in pixels.iter().enumerate() {
            assert_eq!(*pixel, if at % 6 >= 4 && at / 6 < 2 { 7 } else { 1 }, "pixel {at}");
        }
        // Fewer pixels than it says: no harm.
        Canvas::new(&mut [0; 5], 6, 4).fill(Rect::new(0, 0, 6, 4), 7);
    }

    #[test]
    fn a_shade_lets_through_what_is_below() {
        assert_eq!(mix(0x00_ff_00_80, 0x00_00_ff_80, 0), 0x00_ff_00_80);
        assert_eq!(mix(0x00_ff_00_80, 0x00_00_ff_80, 255), 0x00_00_ff_80);
        assert_eq!(mix(0, 0x00_ff_ff_ff, 51), 0x00_33_33_33);
    }

    #[test]
    fn a_card_has_round_corners() {
        let mut pixels = vec![0; 20 * 10];
        Canvas::new(&mut pixels, 20, 10).card(Rect::new(0, 0, 20, 10), 4, 5, 255);
        let row = |y: usize| pixels[y * 20..][..20].iter().filter(|pixel| **pixel == 5).count();
        assert!(row(0) < row(1) && row(1) < row(3) && row(3) <= row(4) && row(4) == 20 && row(9) == row(0));
    }
}
