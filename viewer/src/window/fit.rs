//! Where things lie: rectangles of the window, the picture inside it, and a region of the picture in the window.

use wire::region::Region;

/// A rectangle in pixels of the window; it may lie outside of it in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: i32,
    /// Upper edge.
    pub y: i32,
    /// Width.
    pub w: i32,
    /// Height.
    pub h: i32,
}

impl Rect {
    /// From its edges.
    #[must_use]
    pub const fn new(x: i32, y: i32, w: i32, h: i32) -> Self {
        Self { x, y, w, h }
    }

    /// One past the right edge.
    #[must_use]
    pub const fn right(&self) -> i32 {
        self.x + self.w
    }

    /// One past the lower edge.
    #[must_use]
    pub const fn bottom(&self) -> i32 {
        self.y + self.h
    }

    /// What both have in common; empty (no width, or no height) where that is nothing.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (self.right().min(other.right()), self.bottom().min(other.bottom()));
        Self { x, y, w: (right - x).max(0), h: (bottom - y).max(0) }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.w <= 0 || self.h <= 0
    }

    /// The same with that much less on each side (more, where it is negative).
    #[must_use]
    pub const fn inset(&self, by: i32) -> Self {
        Self { x: self.x + by, y: self.y + by, w: self.w - 2 * by, h: self.h - 2 * by }
    }
}

/// The largest rectangle of a picture's shape inside `room`, in its middle.
#[must_use]
pub fn letterbox(picture: (u16, u16), room: Rect) -> Rect {
    let (width, height) = (i64::from(picture.0.max(1)), i64::from(picture.1.max(1)));
    let (room_w, room_h) = (i64::from(room.w.max(1)), i64::from(room.h.max(1)));
    let rounded = |value: i64, by: i64| i32::try_from((value + by / 2) / by).unwrap_or(i32::MAX).max(1);
    let (w, h) = if room_w * height <= room_h * width {
        (room.w.max(1), rounded(room_w * height, width))
    } else {
        (rounded(room_h * width, height), room.h.max(1))
    };
    Rect { x: room.x + (room.w - w) / 2, y: room.y + (room.h - h) / 2, w, h }
}

/// A region of a picture of that size, where the picture is shown at `shown`. Neighbours in the picture are neighbours in the window.
#[must_use]
pub fn place(region: &Region, picture: (u16, u16), shown: Rect) -> Rect {
    let across = |at: u32| shown.x + scaled(at, picture.0, shown.w);
    let down = |at: u32| shown.y + scaled(at, picture.1, shown.h);
    let (x, y) = (across(region.x.into()), down(region.y.into()));
    Rect { x, y, w: across(region.right()) - x, h: down(region.bottom()) - y }
}

fn scaled(at: u32, of: u16, to: i32) -> i32 {
    let of = i64::from(of.max(1));
    i32::try_from((i64::from(at) * i64::from(to) + of / 2) / of).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use wire::label::Label;

    use super::*;

    #[test]
    fn a_picture_keeps_its_shape_in_the_middle() {
        for (picture, room, shown) in [
            ((1280, 720), Rect::new(0, 0, 1280, 720), Rect::new(0, 0, 1280, 720)),
            ((1280, 720), Rect::new(0, 0, 1280, 800), Rect::new(0, 40, 1280, 720)),
            ((1280, 720), Rect::new(0, 0, 2000, 720), Rect::new(360, 0, 1280, 720)),
            ((640, 480), Rect::new(0, 0, 320, 1000), Rect::new(0, 380, 320, 240)),
            ((4, 3), Rect::new(10, 20, 8, 600), Rect::new(10, 317, 8, 6)),
            ((1280, 720), Rect::new(0, 0, 0, -5), Rect::new(0, -3, 1, 1)),
        ] {
            assert_eq!(letterbox(picture, room), shown, "{picture:?} in {room:?}");
        }
    }

    #[test]
    fn neighbours_stay_neighbours_at_any_size() {
        let region = |x, w| Region { label: Label::FACE, x, y: 16, w, h: 16, track: 0 };
        for width in [320, 333, 640, 1281] {
            let shown = Rect::new(7, 9, width, width * 3 / 4);
            let [left, right] = [region(32, 16), region(48, 272)].map(|region| place(&region, (320, 240), shown));
            assert_eq!(left.right(), right.x);
            assert_eq!(right.right(), shown.right());
            assert_eq!((left.y, left.h), (right.y, right.h));
        }
        let shown = Rect::new(0, 40, 640, 480);
        assert_eq!(place(&region(32, 16), (320, 240), shown), Rect::new(64, 72, 32, 32));
    }

    #[test]
    fn what_two_have_in_common() {
        let window = Rect::new(0, 0, 100, 50);
        assert_eq!(Rect::new(-5, 40, 20, 20).within(&window), Rect::new(0, 40, 15, 10));
        assert_eq!(Rect::new(100, 0, 5, 5).within(&window).w, 0);
        assert_eq!(Rect::new(10, 10, 4, 4).inset(-2), Rect::new(8, 8, 8, 8));
    }
}
