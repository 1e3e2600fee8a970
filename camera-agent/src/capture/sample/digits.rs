//! The running clock in the sample's corner.

use std::time::Duration;

use crate::picture::Planes;

/// The digits 0 to 9, colon, point and blank: seven rows of five columns, the leftmost in bit 4.
const GLYPHS: [[u8; 7]; 13] = [
    [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
    [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
    [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
    [0b01110, 0b10001, 0b00001, 0b00110, 0b00001, 0b10001, 0b01110],
    [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
    [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
    [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
    [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
    [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
    [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
    [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
    [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
    [0; 7],
];

/// Luma of the plate and of the digits.
const PLATE: u8 = 24;
const INK: u8 = 232;

/// Draws hours, minutes, seconds and thousandths since picture 0, then the number of the picture.
pub(super) fn draw(number: u64, interval: Duration, planes: &mut Planes) {
    let size = planes.size();
    let (width, height) = (usize::from(size.width()), usize::from(size.height()));
    // A dot of a glyph, in pixels; an even number, so that the plate's chroma has straight edges.
    let dot = (height / 240).max(1);
    let text = text(number, interval);
    let (left, top) = ((4 * dot) & !1, (4 * dot) & !1);
    let (right, bottom) =
        ((left + (text.len() * 6 + 3) * dot).next_multiple_of(2).min(width), (top + 11 * dot).next_multiple_of(2).min(height));
    if left >= right || top >= bottom {
        return;
    }
    let chroma_width = size.chroma().0;
    let [luma, u, v] = planes.planes_mut();
    for row in luma.chunks_exact_mut(width).take(bottom).skip(top) {
        if let Some(plate) = row.get_mut(left..right) {
            plate.fill(PLATE);
        }
    }
    for plane in [u, v] {
        for row in plane.chunks_exact_mut(chroma_width).take(bottom / 2).skip(top / 2) {
            if let Some(plate) = row.get_mut(left / 2..right / 2) {
                plate.fill(128);
            }
        }
    }
    for (index, glyph) in text.iter().filter_map(|glyph| GLYPHS.get(*glyph)).enumerate() {
        for (row, bits) in glyph.iter().enumerate() {
            for column in (0..5).filter(|column| bits >> (4 - column) & 1 == 1) {
                let (x, y) = (left + (2 + index * 6 + column) * dot, top + (2 + row) * dot);
                for line in luma.chunks_exact_mut(width).skip(y).take(dot) {
                    if let Some(dots) = line.get_mut(x..x + dot) {
                        dots.fill(INK);
                    }
                }
            }
        }
    }
}

/// As indices of [`GLYPHS`].
fn text(number: u64, interval: Duration) -> Vec<usize> {
    let millis = (u128::from(number) * interval.as_nanos() + 500_000) / 1_000_000;
    let (hours, minutes, seconds) = (millis / 3_600_000 % 100, millis / 60_000 % 60, millis / 1000 % 60);
    let text = format!("{hours:02}:{minutes:02}:{seconds:02}.{:03} {number:06}", millis % 1000);
    let glyph = |byte| match byte {
        b'0'..=b'9' => usize::from(byte - b'0'),
        b':' => 10,
        b'.' => 11,
        _ => 12,
    };
    text.bytes().map(glyph).collect()
}
