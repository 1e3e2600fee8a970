//! The status bar: the verdict with its reason, latency and rate; what is unlocked and what is masked.

use wire::verdict::Utc;

use super::canvas::{Canvas, Color};
use super::fit::Rect;
use super::look::{self, BAR, EDGE, INK, Look, PALE, QUIET, WRITING};
use super::scene::{Scene, Signal, spoken};
use super::text::{Style, Text};
use super::view::{InUse, Source, State};

/// Draws the bar.
pub(super) fn draw(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, bar: Rect, scene: &Scene<'_>) {
    canvas.fill(bar, BAR);
    canvas.fill(Rect { h: look.px(1), ..bar }, EDGE);
    let (left, right) = (bar.x + look.px(10), bar.right() - look.px(10));
    let first = bar.y + look.px(8);
    let second = bar.y + look.px(34);
    let plain = look.style(15, false);

    let end = on_the_right(canvas, text, look, (right, first), bar.w / 2, &numbers(scene), WRITING);
    let (background, ink) = look::verdict(scene.standing.verdict);
    let verdict = scene.standing.verdict.to_string().to_uppercase();
    let at = chip(canvas, text, look, (left, first), &verdict, (background, ink), true);
    let reason = text.cut(plain, scene.standing.reason(), end - look.px(16) - at);
    text.write(canvas, (at, first + look.px(2)), plain, WRITING, &reason);

    let end = on_the_right(canvas, text, look, (right, second), bar.w * 2 / 5, &format!("{} · H help", scene.camera), PALE);
    labels(canvas, text, look, (left, second), end - look.px(16), scene);
}

/// What is measured, or why it is not.
fn numbers(scene: &Scene<'_>) -> String {
    let when = |scene: &Scene<'_>| scene.frame.map(|(_, frame)| Utc(frame.captured_at).to_string()).unwrap_or_default();
    let rate = format!("{:.1} fps", scene.rate);
    match (&scene.standing.source, scene.signal) {
        (Source::Ended, _) => when(scene),
        (Source::Recording, _) => format!("recorded {} · {rate}", when(scene)),
        (_, Signal::Lost(age)) => format!("signal lost · {}", spoken(age)),
        (_, Signal::Waiting) => "no picture yet".to_owned(),
        (_, Signal::Coming) => match scene.latency {
            Some(latency) => format!("{} ms · {rate}", latency.as_millis()),
            None => rate,
        },
    }
}

/// What is unlocked, what is masked, and what will not open.
fn labels(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, (mut x, y): (i32, i32), end: i32, scene: &Scene<'_>) {
    let in_use = scene.frame.map(|(_, frame)| frame.in_use.as_slice()).unwrap_or_default();
    let plain = look.style(15, false);
    let groups = [
        ("unlocked", in_use.iter().filter(|label| label.state == State::Lifted).collect::<Vec<_>>()),
        ("masked", in_use.iter().filter(|label| label.state != State::Lifted).collect()),
    ];
    for (word, labels) in groups {
        if labels.is_empty() {
            continue;
        }
        let width = text.width(plain, word);
        if x + width > end {
            return;
        }
        x = text.write(canvas, (x, y + look.px(2)), plain, PALE, word) + look.px(8);
        for label in labels {
            let (name, colors) = worded(label, scene.has_key);
            let style = chip_style(look, false);
            if x + text.width(style, &name) + look.px(16) > end {
                text.write(canvas, (x, y + look.px(2)), plain, PALE, "…");
                return;
            }
            x = chip(canvas, text, look, (x, y), &name, colors, false);
        }
        x += look.px(8);
    }
    let hint = match scene.frame {
        None => "",
        Some(_) if in_use.is_empty() => "nothing is masked",
        Some(_) if !scene.has_key => "start with --unlock to lift masks that your key opens",
        Some(_) if in_use.iter().all(|label| label.state == State::Lowered) => "space lifts the masks",
        Some(_) => "",
    };
    if x < end {
        let hint = text.cut(plain, hint, end - x);
        text.write(canvas, (x, y + look.px(2)), plain, PALE, &hint);
    }
}

/// A label's name with its key, and the colours of its chip.
fn worded(label: &InUse, has_key: bool) -> (String, (Color, Color)) {
    let name = if label.key < 8 && has_key { format!("{} {}", label.key + 1, label.name) } else { label.name.clone() };
    match &label.state {
        State::Lifted => (name, (look::label(label.key), INK)),
        State::Lowered => (name, (QUIET, WRITING)),
        State::Closed(_) => (format!("{name} (does not open)"), (QUIET, PALE)),
    }
}

fn chip_style(look: Look, bold: bool) -> Style {
    look.style(14, bold)
}

/// A word on a coloured card; gives where the next thing may stand.
fn chip(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, (x, y): (i32, i32), word: &str, colors: (Color, Color), bold: bool) -> i32 {
    let style = chip_style(look, bold);
    let width = text.width(style, word) + look.px(14);
    canvas.card(Rect { x, y, w: width, h: look.px(21) }, look.px(5), colors.0, 255);
    text.write(canvas, (x + look.px(7), y + look.px(3)), style, colors.1, word);
    x + width + look.px(7)
}

/// Writes so that it ends there, and gives where it begins.
fn on_the_right(canvas: &mut Canvas<'_>, text: &mut Text, look: Look, (x, y): (i32, i32), width: i32, line: &str, color: Color) -> i32 {
    let style = look.style(15, false);
    let line = text.cut(style, line, width);
    let start = x - text.width(style, &line);
    text.write(canvas, (start, y + look.px(2)), style, color, &line);
    start
}
