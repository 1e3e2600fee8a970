//! What must not be seen, and how it is taken out of the picture.
//!
//! [`Planner`] decides, by injected times and without a thread or a pixel, which regions every picture gets: pictures wait until a detection
//! at or after them has spoken; what cannot be vouched for is masked whole. [`apply()`] then takes the originals of the regions out and fills
//! the holes. Its result, [`Masked`], is the only thing that the public encoder takes.

mod grid;

pub mod track;

mod plan;

mod apply;

use std::time::Duration;

use wire::label::Label;

use crate::picture::{Area, Size};

pub use apply::{Fill, Masked, Mismatch, apply};
pub use plan::{Counters, Meta, Plan, Planner, Release};

/// How many rectangles a config should fix at most. With many more, the regions of a frame do not suffice and nothing is published.
pub const MAX_FIXED: usize = 64;

/// A rectangle that is always masked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fixed {
    /// Under which label its originals are sealed.
    pub label: Label,
    /// Where, in pixels.
    pub area: Area,
}

impl Fixed {
    /// Whether no pixel of a picture of that size is in it: then something is wrong with the config.
    #[must_use]
    pub fn misses(&self, size: Size) -> bool {
        let Area { x, y, w, h } = self.area;
        x >= f32::from(size.width()) || y >= f32::from(size.height()) || x + w <= 0.0 || y + h <= 0.0
    }
}

/// How much is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What is fixed, and the faces that are found.
    #[default]
    Masks,
    /// Everything: the public sees that there is a camera, and no more.
    All,
}

/// What is masked.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much.
    pub mode: Mode,
    /// The fixed rectangles, the most important label first.
    pub fixed: Vec<Fixed>,
    /// For pictures of which size the rectangles were drawn; `None`: of the first picture's. In pictures of another size both are masked,
    /// the rectangle as it stands and the one scaled along.
    pub drawn_for: Option<Size>,
    /// How faces are masked; `None` where the detector is off.
    pub faces: Option<Faces>,
    /// The side of the codec's blocks, in pixels ([`wire::context::Codec::grid`]).
    pub grid: u16,
    /// How many pictures may wait at most. More means overload, and the oldest is dropped.
    pub queue: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { mode: Mode::Masks, fixed: Vec::new(), drawn_for: None, faces: Some(Faces::default()), grid: 16, queue: 64 }
    }
}

/// How faces are masked.
#[derive(Debug, Clone)]
pub struct Faces {
    /// How long a picture waits for a detection at or after it. Without one it is masked whole.
    pub look_ahead: Duration,
    /// How long a face that is lost stays masked, where it was and where it was heading.
    pub hold: Duration,
    /// How much larger than the detected box the mask is: 1.3 adds 15 % on each side.
    pub margin: f32,
    /// How long a mask stays larger than needed before it shrinks, so that it does not flicker.
    pub settle: Duration,
}

impl Default for Faces {
    fn default() -> Self {
        Self { look_ahead: Duration::from_millis(250), hold: Duration::from_millis(1500), margin: 1.3, settle: Duration::from_millis(500) }
    }
}
