//! What lies over the picture: banners that must not be overlooked, “signal lost”, the help, a note.

use wire::verdict::{Utc, Verdict};

use super::canvas::{Canvas, Color};
use super::fit::Rect;
use super::look::{self, ALARM, EDGE, INK, Look, NOTICE, PALE, WARNING, WRITING};
use super::scene::{Scene, Signal, spoken};
use super::text::{Style, Text};
use super::view::{Source, State};

/// The keys, as the help lists them.
const KEYS: [(&str, &str); 6] = [
    ("Space or U", "lower all masks; lift them again"),
    ("1 … 8", "lower or lift the masks of one label"),
    ("S", "save the picture as it is shown (PNG)"),
    ("F", "full screen"),
    ("H or ?", "this help"),
    ("Q or Esc", "quit"),
];

/// Strips across the upper edge, for what must not be overlooked.
pub(super) fn banners(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, scene: &Scene<'_>) {
    let mut y = room.y;
    let standing = scene.standing;
    if standing.verdict <= Verdict::NotLive {
        let (background, ink) = look::verdict(standing.verdict);
        let words = format!("{}: {}", standing.verdict.to_string().to_uppercase(), standing.reason());
        y = banner(canvas, text, look, Rect { y, ..room }, &words, (background, ink));
    }
    if let Some((_, frame)) = scene.frame
        && let Some(detector) = frame.fail_closed
    {
        let for_whom = if frame.lifted.is_empty() { "The whole picture is masked" } else { "For the public the whole picture is masked" };
        y = banner(canvas, text, look, Rect { y, ..room }, &format!("{for_whom}: detector {detector}"), (WARNING, INK));
    }
    if standing.source == Source::Ended {
        banner(canvas, text, look, Rect { y, ..room }, "End of the recording", (NOTICE, WRITING));
    }
}

fn banner(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, words: &str, (background, ink): (Color, Color)) -> i32 {
    let style = look.style(17, true);
    let lines = text.wrap(style, words, room.w - look.px(24));
    let lines = lines.get(..lines.len().min(3)).unwrap_or_default();
    let step = look.px(22);
    let strip = Rect { h: step * i32::try_from(lines.len()).unwrap_or(0) + look.px(12), ..room };
    canvas.shade(strip, background, 235);
    for (line, y) in lines.iter().zip((strip.y + look.px(8)..).step_by(usize::try_from(step).unwrap_or(1))) {
        let x = room.x + (room.w - text.width(style, line)) / 2;
        text.write(canvas, (x, y), style, ink, line);
    }
    strip.bottom()
}

/// In the middle: that no picture comes, and since when.
pub(super) fn signal(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, scene: &Scene<'_>) {
    let (title, color, mut lines) = match scene.signal {
        Signal::Coming => return,
        Signal::Waiting => ("Waiting for the first picture", NOTICE, Vec::new()),
        Signal::Lost(age) => {
            let at = scene.frame.map(|(_, frame)| format!(", captured at {}", Utc(frame.captured_at))).unwrap_or_default();
            ("SIGNAL LOST", ALARM, vec![format!("the last frame came {} ago{at}", spoken(age))])
        }
    };
    if let Source::Lost(why) = &scene.standing.source {
        lines.push(format!("{why}; trying again"));
    }
    let (large, small) = (look.style(32, true), look.style(16, false));
    let width = (room.w - look.px(80)).min(look.px(640)).max(look.px(120));
    let lines: Vec<(Style, Color, String)> = std::iter::once((large, WRITING, text.cut(large, title, width)))
        .chain(lines.iter().flat_map(|line| text.wrap(small, line, width)).map(|line| (small, WRITING, line)))
        .collect();
    card(canvas, text, look, room, &lines, (color, true));
}

/// The help, with everything that was found.
pub(super) fn help(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, scene: &Scene<'_>) {
    let (title, plain) = (look.style(19, true), look.style(15, false));
    let width = (room.w - look.px(60)).min(look.px(680)).max(look.px(120));
    let column = look.px(120);
    let mut lines = vec![(title, WRITING, format!("Celosia viewer · {}", scene.camera))];
    // The keys' names are written beside these afterwards.
    lines.extend(KEYS.iter().map(|(_, meaning)| (plain, WRITING, text.cut(plain, meaning, width - column))));
    let keys = 1..=KEYS.len();
    lines.push((plain, PALE, String::new()));
    lines.push((title, WRITING, format!("Verdict: {}", scene.standing.verdict)));
    let mut found: Vec<String> = scene.standing.reasons.clone();
    if found.is_empty() {
        found.push(scene.standing.reason().to_owned());
    }
    let labels = scene.frame.map(|(_, frame)| frame.in_use.as_slice()).unwrap_or_default();
    found.extend(labels.iter().filter_map(|label| match &label.state {
        State::Closed(why) => Some(format!("“{}” stays masked: {why}", label.name)),
        State::Lifted | State::Lowered => None,
    }));
    found.extend(scene.standing.trouble.iter().filter(|trouble| !found.contains(trouble)).cloned().collect::<Vec<_>>());
    // As much as there is room for.
    let step = line_step(look, plain);
    let most = usize::try_from((room.h - look.px(90)) / step.max(1)).unwrap_or(0).max(lines.len());
    lines.extend(found.iter().flat_map(|line| text.wrap(plain, line, width)).map(|line| (plain, PALE, line)));
    lines.truncate(most);
    let shown = Shown { column: Some((column, keys)), width };
    let corner = framed(canvas, text, look, room, &lines, (EDGE, false), &shown);
    let mut y = corner.1 + line_step(look, title);
    for (key, _) in KEYS {
        text.write(canvas, (corner.0, y), look.style(15, true), WRITING, key);
        y += step;
    }
}

/// At the lower edge, for a few seconds.
pub(super) fn note(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, words: &str) {
    let style = look.style(15, false);
    let words = text.cut(style, words, room.w - look.px(60));
    let (w, h) = (text.width(style, &words) + look.px(28), look.px(32));
    let card = Rect { x: room.x + (room.w - w) / 2, y: room.bottom() - h - look.px(16), w, h };
    canvas.card(card, look.px(8), INK, 225);
    text.write(canvas, (card.x + look.px(14), card.y + look.px(8)), style, WRITING, &words);
}

/// How the lines of a card lie.
struct Shown {
    /// These lines begin so far to the right, for what is written beside them.
    column: Option<(i32, std::ops::RangeInclusive<usize>)>,
    width: i32,
}

fn line_step(look: Look, style: Style) -> i32 {
    i32::from(style.height) + look.px(7)
}

/// Lines in the middle of the room, centred.
fn card(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, room: Rect, lines: &[(Style, Color, String)], edge: (Color, bool)) {
    let width = lines.iter().map(|(style, _, line)| text.width(*style, line)).max().unwrap_or(0);
    framed(canvas, text, look, room, lines, edge, &Shown { column: None, width });
}

/// Lines on a card in the middle of the room; gives where the first one begins.
fn framed(
    canvas: &mut Canvas<'_>,
    text: &mut Text,
    look: Look,
    room: Rect,
    lines: &[(Style, Color, String)],
    (edge, centred): (Color, bool),
    shown: &Shown,
) -> (i32, i32) {
    let height: i32 = lines.iter().map(|(style, ..)| line_step(look, *style)).sum();
    let pad = look.px(20);
    let (w, h) = (shown.width + 2 * pad, height + 2 * pad - look.px(7));
    let card = Rect { x: room.x + (room.w - w) / 2, y: room.y + (room.h - h) / 2, w, h };
    canvas.card(card.inset(-look.px(2)), look.px(12), edge, 255);
    canvas.card(card, look.px(10), INK, 255);
    let mut y = card.y + pad;
    for (index, (style, color, line)) in lines.iter().enumerate() {
        let beside = shown.column.as_ref().filter(|(_, lines)| lines.contains(&index)).map_or(0, |(column, _)| *column);
        let x = if centred { card.x + (card.w - text.width(*style, line)) / 2 } else { card.x + pad + beside };
        text.write(canvas, (x, y), *style, *color, line);
        y += line_step(look, *style);
    }
    (card.x + pad, card.y + pad)
}
