#![allow(clippy::unwrap_used)]

use std::time::Duration;

use wire::frame::DetectorState;
use wire::id::Micros;
use wire::label::Label;
use wire::region::Region;

use super::*;
use crate::picture::Picture;
use crate::window::view::{InUse, Standing, State};
use crate::window::wish::Wish;

const SIZE: (u32, u32) = (640, 422);
/// Where a picture of 320 × 180 lies in it, twice as large.
const PICTURE: Rect = Rect { x: 0, y: 0, w: 640, h: 360 };
const FACE: Region = Region { label: Label::FACE, x: 64, y: 48, w: 80, h: 64, track: 1 };

/// A light grey picture, with what is masked in black, and a bright region where the mask is lifted.
fn frame(lifted: bool) -> Frame {
    let mut picture = Picture::new(320, 180);
    picture.samples[..320 * 180].fill(150);
    let mut patch = Picture::new(FACE.w, FACE.h);
    patch.samples[..usize::from(FACE.w) * usize::from(FACE.h)].fill(if lifted { 250 } else { 0 });
    picture.paste(&FACE, &patch);
    Frame {
        picture,
        lifted: if lifted { vec![(FACE, "face".to_owned())] } else { Vec::new() },
        in_use: vec![InUse { key: 0, name: "face".to_owned(), state: if lifted { State::Lifted } else { State::Lowered }, regions: 1 }],
        place: (1, 7),
        captured_at: Micros(1_772_373_600_000_000),
        fail_closed: None,
    }
}

fn standing(verdict: Verdict) -> Standing {
    Standing { verdict, reasons: vec!["this is why".to_owned()], source: Source::Live, trouble: None }
}

fn scene<'a>(frame: Option<&'a Frame>, standing: &'a Standing) -> Scene<'a> {
    let latency = Some(Duration::from_millis(42));
    Scene {
        camera: "front-door@relay.example:7443",
        frame: frame.map(|frame| (1, frame)),
        standing,
        signal: Signal::Coming,
        latency,
        rate: 29.97,
        has_key: true,
        help: false,
        note: None,
    }
}

/// A painted window.
struct Window {
    pixels: Vec<u32>,
    width: usize,
}

impl Window {
    fn of(scene: &Scene<'_>) -> Self {
        Self::sized(scene, SIZE, 1.0)
    }

    fn sized(scene: &Scene<'_>, size: (u32, u32), scale: f64) -> Self {
        let mut pixels = vec![0xdead_beef; (size.0 * size.1) as usize];
        Painter::new().unwrap().paint(scene, size, scale, &mut pixels).unwrap();
        assert!(pixels.iter().all(|pixel| *pixel <= 0xff_ffff), "every pixel is painted");
        Self { pixels, width: size.0 as usize }
    }

    fn at(&self, x: i32, y: i32) -> u32 {
        self.pixels[usize::try_from(y).unwrap() * self.width + usize::try_from(x).unwrap()]
    }

    /// How many pixels of a rectangle have that colour.
    fn count(&self, rect: Rect, color: u32) -> usize {
        let inside = |at: &usize| {
            let (x, y) = (i32::try_from(at % self.width).unwrap(), i32::try_from(at / self.width).unwrap());
            !Rect::new(x, y, 1, 1).within(&rect).is_empty()
        };
        (0..self.pixels.len()).filter(inside).filter(|at| self.pixels[*at] == color).count()
    }

    fn differs(&self, other: &Self, rect: Rect) -> bool {
        (rect.y..rect.bottom()).any(|y| (rect.x..rect.right()).any(|x| self.at(x, y) != other.at(x, y)))
    }
}

const BAR: Rect = Rect { x: 0, y: 360, w: 640, h: 62 };

#[test]
fn the_picture_is_whole_and_what_is_unlocked_has_a_frame() {
    let authentic = standing(Verdict::Authentic);
    let (open, masked) = (frame(true), frame(false));
    let window = Window::of(&scene(Some(&open), &authentic));
    let blue = look::label(0);
    // Twice as large: the region lies at 128, 96, 160 × 128.
    assert_eq!(window.count(Rect::new(128, 96, 160, 128), 0xfa_fafa), 160 * 128 - 2 * (160 + 128) + 4, "all of it but a pixel of blending");
    for (x, y) in [(126, 160), (289, 160), (200, 94), (200, 225), (126, 94), (289, 225)] {
        assert_eq!(window.at(x, y), blue, "the frame at {x}, {y}");
    }
    assert_eq!(window.at(124, 160), INK, "and a dark line around it");
    for (x, y) in [(3, 3), (320, 300), (120, 160), (636, 356)] {
        assert_eq!(window.at(x, y), 0x96_9696, "the picture at {x}, {y}");
    }
    // The control: nothing is unlocked, so nothing has a frame.
    let window = Window::of(&scene(Some(&masked), &authentic));
    assert_eq!(window.count(PICTURE, blue), 0);
    assert_eq!(window.count(Rect::new(130, 98, 156, 124), 0), 156 * 124);
}

#[test]
fn a_mask_that_is_lowered_is_gone_from_the_window_at_once() {
    let authentic = standing(Verdict::Authentic);
    let mut lowered = frame(true);
    lowered.lower(&Wish::none());
    let window = Window::of(&scene(Some(&lowered), &authentic));
    assert_eq!(window.count(PICTURE, 0xfa_fafa), 0);
    assert_eq!(window.count(PICTURE, look::label(0)), 0);
}

#[test]
fn a_frame_at_the_pictures_edge_is_seen() {
    let authentic = standing(Verdict::Authentic);
    let mut whole = frame(true);
    whole.lifted = vec![(Region { x: 0, y: 0, w: 320, h: 180, ..FACE }, "face".to_owned())];
    let window = Window::of(&scene(Some(&whole), &authentic));
    for (x, y) in [(2, 200), (637, 200), (320, 2), (320, 357)] {
        assert_eq!(window.at(x, y), look::label(0), "{x}, {y}");
    }
}

#[test]
fn every_verdict_has_its_colour_and_its_words() {
    let open = frame(true);
    let all = [
        Verdict::Tampered,
        Verdict::Revoked,
        Verdict::UnknownCamera,
        Verdict::NotLive,
        Verdict::Withheld,
        Verdict::WithGaps,
        Verdict::NotEnoughYet,
        Verdict::Authentic,
    ];
    let standings = all.map(standing);
    let windows = standings.each_ref().map(|standing| Window::of(&scene(Some(&open), standing)));
    for (verdict, window) in all.iter().zip(&windows) {
        assert!(window.count(BAR, look::verdict(*verdict).0) > 300, "{verdict}");
        // Nobody overlooks what must not be relied on.
        let strip = Rect::new(100, 6, 400, 4);
        assert_eq!(window.at(300, 3) != 0x96_9696, *verdict <= Verdict::NotLive, "{verdict}");
        assert_eq!(window.at(2, 200) == ALARM, *verdict <= Verdict::UnknownCamera, "{verdict}: {:06x}", window.at(strip.x, strip.y));
    }
    // Told apart by words, too: in the bar no two look alike even where their colours are the same.
    for (index, one) in windows.iter().enumerate() {
        assert!(windows[index + 1..].iter().all(|other| one.differs(other, BAR)));
    }
}

#[test]
fn a_frozen_picture_never_looks_live() {
    let open = frame(true);
    let authentic = standing(Verdict::Authentic);
    let live = Window::of(&scene(Some(&open), &authentic));
    let lost = |seconds| Window::of(&Scene { signal: Signal::Lost(Duration::from_secs(seconds)), ..scene(Some(&open), &authentic) });
    let (ten, eleven) = (lost(10), lost(11));
    assert_eq!(live.at(20, 20), 0x96_9696);
    assert_eq!(ten.at(20, 20), 0x32_3232, "the picture is faded");
    let card = Rect::new(120, 110, 400, 140);
    assert!(ten.count(card, ALARM) > 300, "and something is written over it");
    assert!(ten.differs(&eleven, card) && ten.differs(&eleven, BAR), "its age goes on");
    // A connection that is lost says so at once, whatever the clock says.
    let gone = Standing { source: Source::Lost("the relay is gone".to_owned()), ..standing(Verdict::Authentic) };
    assert_eq!(Window::of(&scene(Some(&open), &gone)).at(20, 20), 0x32_3232);
}

#[test]
fn a_picture_that_is_masked_whole_says_why() {
    let authentic = standing(Verdict::Authentic);
    let mut closed = frame(false);
    closed.fail_closed = Some(DetectorState::Late);
    let late = Window::of(&scene(Some(&closed), &authentic));
    closed.fail_closed = Some(DetectorState::Failed);
    let failed = Window::of(&scene(Some(&closed), &authentic));
    let strip = Rect::new(0, 0, 640, 30);
    assert!(late.differs(&failed, strip), "the detector's state is in words");
    closed.fail_closed = None;
    let open = Window::of(&scene(Some(&closed), &authentic));
    assert!(late.differs(&open, strip) && open.count(strip, 0x96_9696) == 640 * 30, "the control");
}

#[test]
fn help_and_notes_lie_over_the_picture() {
    let (open, authentic) = (frame(true), standing(Verdict::Authentic));
    let plain = Window::of(&scene(Some(&open), &authentic));
    let helped = Window::of(&Scene { help: true, ..scene(Some(&open), &authentic) });
    let noted = Window::of(&Scene { note: Some("saved ñandú.png"), ..scene(Some(&open), &authentic) });
    assert!(helped.differs(&plain, Rect::new(200, 100, 240, 160)) && !helped.differs(&plain, BAR));
    assert!(noted.differs(&plain, Rect::new(200, 300, 240, 60)) && !noted.differs(&plain, Rect::new(0, 0, 640, 300)));
    let waiting = Window::of(&Scene { signal: Signal::Waiting, ..scene(None, &authentic) });
    assert!(waiting.count(PICTURE, look::WRITING) > 100);
}

#[test]
fn any_size_and_any_resolution_can_be_painted() {
    let open = frame(true);
    let tampered = Standing { reasons: vec!["a reason ".repeat(60)], ..standing(Verdict::Tampered) };
    let mut closed = open.clone();
    closed.fail_closed = Some(DetectorState::Missing);
    for size in [(1, 1), (3, 200), (200, 3), (64, 64), (320, 240), (1999, 1111)] {
        for scale in [0.1, 1.0, 1.5, 2.0, 3.0, f64::NAN] {
            for (frame, help, signal) in [
                (Some(&open), false, Signal::Coming),
                (Some(&closed), true, Signal::Lost(Duration::from_secs(9000))),
                (None, false, Signal::Waiting),
            ] {
                let scene = Scene { help, signal, note: Some("a note"), ..scene(frame, &tampered) };
                let _ = Window::sized(&scene, size, scale);
            }
        }
    }
    // Twice the resolution: twice the bar, the same picture.
    let authentic = standing(Verdict::Authentic);
    let window = Window::sized(&scene(Some(&open), &authentic), (1280, 844), 2.0);
    assert_eq!(picture_in((320, 180), (1280, 844), 2.0), Rect::new(0, 0, 1280, 720));
    assert_eq!(window.at(252, 320), look::label(0));
    assert_eq!(bar_height(2.0), 124);
}
