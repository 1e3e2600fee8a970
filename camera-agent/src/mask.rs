//! What must not be seen, and how it is taken out of the picture.
//!
//! [`Planner`] decides, by injected times and without a thread or a pixel, which regions every picture gets: pictures wait until a detection
//! at or after them has spoken; what cannot be vouched for is masked whole. [`apply()`] then takes the originals of the regions out and fills
//! the holes. Its result, [`Masked`], is the only thing that the public encoder takes.

mod grid;

mod polygon;
mod shape;

mod coarse;
mod rules;

mod hidden;

pub mod track;

mod faces;

mod plan;

mod change;

mod apply;

use std::sync::Arc;
use std::time::Duration;

use wire::label::{Label, Labels};

use crate::picture::Size;

pub use apply::{Fill, Masked, Mismatch, apply};
pub use change::Change;
pub use plan::{Counters, Meta, Plan, Planner, Release};
pub use polygon::{MAX_POINTS, NotAPolygon, Polygon};
pub use shape::Shape;

/// How many areas a config may fix, and how many zones it may name. More could not be told apart in the regions of a frame.
pub const MAX_SHAPES: usize = 64;

/// An area that is always masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// Under which label its originals are sealed.
    pub label: Label,
    /// Where. Every block of the codec's grid that it touches is masked.
    pub shape: Shape,
}

/// How much is masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// What is fixed, and the faces that are found.
    #[default]
    Masks,
    /// Everything but the zones, and in these what is fixed and found. A block that does not lie in one zone whole is masked, under the
    /// label `outside`.
    Inverse,
    /// Everything: the public sees that there is a camera, and no more.
    All,
}

/// What is masked.
#[derive(Debug, Clone)]
pub struct Config {
    /// How much.
    pub mode: Mode,
    /// The fixed areas.
    pub fixed: Vec<Fixed>,
    /// What `inverse` shows.
    pub zones: Vec<Shape>,
    /// What the labels are called. A frame is sealed in an epoch that has exactly these.
    pub labels: Arc<Labels>,
    /// For pictures of which size the areas and zones were drawn; `None`: of the first picture's. In pictures of another size both are
    /// masked, the area as it stands and the one scaled along; and only what both zones show is shown.
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
        Self {
            mode: Mode::Masks,
            fixed: Vec::new(),
            zones: Vec::new(),
            labels: Arc::default(),
            drawn_for: None,
            faces: Some(Faces::default()),
            grid: 16,
            queue: 64,
        }
    }
}

/// How faces are masked.
#[derive(Debug, Clone)]
pub struct Faces {
    /// How long a picture waits for a detection at or after it. Without one it is masked whole.
    pub look_ahead: Duration,
    /// How long a picture waits, at most the look-ahead, when a detection at or after it has spoken: what later ones find is masked in it too.
    pub linger: Duration,
    /// How long a face that is lost stays masked, where it was and where it was heading.
    pub hold: Duration,
    /// How much larger than the detected box the mask is: 1.3 adds 15 % on each side.
    pub margin: f32,
    /// How long a mask stays larger than needed before it shrinks, so that it does not flicker.
    pub settle: Duration,
    /// From which score on something is a face; below it, it is one only where a face was expected.
    pub sure: f32,
    /// How faces are carried from one detection to the next.
    pub tracking: Tracking,
    /// Whether pictures wait at all. Only [`crate::evaluate`] says no, to show what the look-ahead is for: faces are then masked where they are
    /// expected, and one that appears is seen until it is detected.
    pub ahead: bool,
}

/// How faces are carried from one detection to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tracking {
    /// By a tracker: [`track::Straight`].
    #[default]
    Straight,
    /// Not at all: [`track::Alone`]. Only [`crate::evaluate`] asks for it, to show what the tracker is for.
    Alone,
}

impl Default for Faces {
    fn default() -> Self {
        Self {
            look_ahead: Duration::from_millis(250),
            linger: Duration::from_millis(250),
            hold: Duration::from_millis(1500),
            margin: 1.3,
            settle: Duration::from_millis(500),
            sure: 0.3,
            tracking: Tracking::Straight,
            ahead: true,
        }
    }
}
