//! The frame around what is unlocked: a polygon is covered by several regions, and has one frame all the same.

use super::fit::Rect;

/// The parts of a frame of that thickness around rectangles that do not overlap: outside of all of them, and only where no other one begins.
#[must_use]
pub fn outline(rects: &[Rect], thickness: i32) -> Vec<Rect> {
    let mut parts = Vec::new();
    for rect in rects {
        let beside = |touches: fn(&Rect, &Rect) -> bool, side: fn(&Rect) -> (i32, i32)| {
            free(side(rect), rects.iter().filter(|other| touches(other, rect)).map(side).collect())
        };
        let (across, down) = (|rect: &Rect| (rect.x, rect.right()), |rect: &Rect| (rect.y, rect.bottom()));
        let flat = |y| move |(from, to)| Rect { x: from, y, w: to - from, h: thickness };
        let upright = |x| move |(from, to)| Rect { x, y: from, w: thickness, h: to - from };
        parts.extend(beside(|other, rect| other.bottom() == rect.y, across).map(flat(rect.y - thickness)));
        parts.extend(beside(|other, rect| other.y == rect.bottom(), across).map(flat(rect.bottom())));
        parts.extend(beside(|other, rect| other.right() == rect.x, down).map(upright(rect.x - thickness)));
        parts.extend(beside(|other, rect| other.x == rect.right(), down).map(upright(rect.right())));
        let corners = [rect.x - thickness, rect.right()]
            .into_iter()
            .flat_map(|x| [rect.y - thickness, rect.bottom()].map(|y| Rect { x, y, w: thickness, h: thickness }));
        parts.extend(corners.filter(|corner| rects.iter().all(|other| corner.within(other).is_empty())));
    }
    parts
}

/// What is left of a side without the gaps.
fn free((start, end): (i32, i32), mut gaps: Vec<(i32, i32)>) -> impl Iterator<Item = (i32, i32)> {
    gaps.sort_unstable();
    let mut parts = Vec::new();
    let mut at = start;
    for (from, to) in gaps {
        parts.push((at, from.min(end)));
        at = at.max(to);
    }
    parts.push((at, end));
    parts.into_iter().filter(|(from, to)| from < to)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frame of these, drawn with `#` around `o` on a small field.
    fn drawn(rects: &[Rect]) -> Vec<String> {
        let mut field = vec![vec!['.'; 12]; 8];
        let mut fill = |rect: &Rect, mark| {
            for y in rect.y..rect.bottom() {
                for x in rect.x..rect.right() {
                    field[usize::try_from(y).unwrap_or(99)][usize::try_from(x).unwrap_or(99)] = mark;
                }
            }
        };
        outline(rects, 1).iter().for_each(|part| fill(part, '#'));
        let on_a_region = |part: &Rect| rects.iter().any(|rect| !part.within(rect).is_empty());
        assert!(!outline(rects, 1).iter().any(on_a_region), "nothing that is unlocked is drawn over");
        rects.iter().for_each(|rect| fill(rect, 'o'));
        field.into_iter().map(String::from_iter).collect()
    }

    #[test]
    fn one_region_has_a_frame_around_it() {
        assert_eq!(drawn(&[Rect::new(2, 2, 4, 3)])[1..6], [".######.....", ".#oooo#.....", ".#oooo#.....", ".#oooo#.....", ".######....."]);
    }

    #[test]
    fn regions_that_touch_have_one_frame() {
        let step = [Rect::new(2, 1, 4, 2), Rect::new(2, 3, 7, 2), Rect::new(2, 5, 2, 1)];
        assert_eq!(
            drawn(&step)[..7],
            [".######.....", ".#oooo#.....", ".#oooo####..", ".#ooooooo#..", ".#ooooooo#..", ".#oo######..", ".####......."]
        );
    }

    #[test]
    fn regions_apart_have_a_frame_each() {
        let parts = outline(&[Rect::new(2, 2, 2, 2), Rect::new(8, 2, 2, 2)], 1);
        assert_eq!(parts.len(), 16, "{parts:?}");
    }
}
