//! What is counted.

use std::time::Duration;

use serde::Serialize;

use crate::picture::{Area, Size};

/// Which pixels of a picture are masked.
#[derive(Debug)]
pub(super) struct Masks {
    size: Size,
    masked: Vec<bool>,
}

impl Masks {
    pub(super) fn none(size: Size) -> Self {
        Self { size, masked: vec![false; size.area()] }
    }

    /// Masks whole pixels, as far as they are in the picture.
    pub(super) fn cover(&mut self, area: Area) {
        self.rows(area, |row| row.fill(true));
    }

    /// How many pixels of an area in the picture are not masked.
    pub(super) fn open(&mut self, area: Area) -> usize {
        let mut open = 0;
        self.rows(area, |row| open += row.iter().filter(|masked| !**masked).count());
        open
    }

    pub(super) fn area(&self) -> usize {
        self.masked.iter().filter(|masked| **masked).count()
    }

    fn rows(&mut self, Area { x, y, w, h }: Area, mut each: impl FnMut(&mut [bool])) {
        let (width, height) = (usize::from(self.size.width()), usize::from(self.size.height()));
        // A pixel that an area touches belongs to it. Casts from floats saturate at 0.
        let span = |from: f32, length: f32, limit: usize| (from.floor() as usize).min(limit)..((from + length).ceil() as usize).min(limit);
        let columns = span(x, w, width);
        for row in span(y, h, height) {
            each(self.masked.get_mut(row * width + columns.start..row * width + columns.end).unwrap_or_default());
        }
    }
}

/// Faces of one size class.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Class {
    /// A face in a picture is one.
    pub face_frames: u64,
    /// Of them: with a pixel that is not masked.
    pub leaked: u64,
    /// The pixels that are not masked, over all.
    pub open_pixels: u64,
}

/// By the longer side of the true box, in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Classes {
    /// 64 and more.
    pub large: Class,
    /// 32 to 63.
    pub medium: Class,
    /// Less.
    pub small: Class,
}

impl Classes {
    fn of(&mut self, face: Area) -> &mut Class {
        match face.w.max(face.h) {
            side if side >= 64.0 => &mut self.large,
            side if side >= 32.0 => &mut self.medium,
            _ => &mut self.small,
        }
    }
}

/// What one way of masking a clip came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Row {
    /// Which way.
    pub way: String,
    /// Pictures that were judged.
    pub frames: u64,
    /// Of them: masked whole, after the first that was not.
    pub whole: u64,
    /// Masked whole before that, while the detector had not spoken yet.
    pub warm_up: u64,
    /// Faces, by size.
    pub faces: Classes,
    /// Masked pixels, in pictures that are not masked whole.
    pub masked: u64,
    /// Σ (1.3 w + 16)(1.3 h + 16) over the true boxes of those pictures: what masks of 1.3 times the size on a grid of 16 would have.
    pub measure: f64,
    /// Pictures that were looked at.
    pub detections: u64,
    /// Processor time for copies and detections, for each picture of the clip, in milliseconds.
    pub detect_ms: f64,
    /// Processor time for tracking and planning, for each picture of the clip, in milliseconds.
    pub plan_ms: f64,
}

impl Row {
    /// Masked area against the measure.
    #[must_use]
    pub fn area(&self) -> f64 {
        if self.measure > 0.0 { self.masked as f64 / self.measure } else { 0.0 }
    }

    /// Judges one picture. Returns how many pixels of faces are open, and the faces with any.
    pub(super) fn judge(&mut self, masks: &mut Masks, truth: &[Area], whole: bool) -> (usize, Vec<Area>) {
        self.frames += 1;
        if whole {
            *(if self.masked == 0 && self.measure == 0.0 && self.warm_up + self.whole + 1 == self.frames {
                &mut self.warm_up
            } else {
                &mut self.whole
            }) += 1;
        } else {
            self.masked += masks.area() as u64;
            self.measure += truth.iter().map(|face| f64::from((1.3 * face.w + 16.0) * (1.3 * face.h + 16.0))).sum::<f64>();
        }
        let (mut open, mut leaked) = (0, Vec::new());
        for face in truth {
            let pixels = masks.open(*face);
            let class = self.faces.of(*face);
            class.face_frames += 1;
            if pixels > 0 {
                class.leaked += 1;
                class.open_pixels += pixels as u64;
                open += pixels;
                leaked.push(*face);
            }
        }
        (open, leaked)
    }

    /// The costs, of all pictures together.
    pub(super) fn cost(&mut self, detect: Duration, plan: Duration) {
        let each = |all: Duration| all.as_secs_f64() * 1e3 / self.frames.max(1) as f64;
        (self.detect_ms, self.plan_ms) = (each(detect), each(plan));
    }
}
