//! What the detector finds in each picture of a clip, and what that costs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use cpu_time::ThreadTime;

use super::{Error, Timing};
use crate::config::masks::Detect;
use crate::detect::centerface::CenterFace;
use crate::detect::{Detector, Found, Model, Small};
use crate::mask::Faces;
use crate::picture::{Planes, Size};

/// The detector, with everything that it found so far: several ways to mask a clip need its answers only once.
pub struct Looks {
    config: Detect,
    pub(super) timing: Timing,
    pub(super) model: Arc<dyn Model>,
    detector: Box<dyn Detector>,
    small: Option<Small>,
    known: HashMap<(usize, Size), (Vec<Found>, Duration)>,
}

impl Looks {
    /// Loads the detector of that configuration.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub fn new(config: &Detect, timing: Timing) -> Result<Self, Error> {
        let model: Arc<dyn Model> = Arc::new(config.model());
        let detector = model.load()?;
        Ok(Self { config: config.clone(), timing, model, detector, small: None, known: HashMap::new() })
    }

    /// How faces are masked.
    pub(super) fn faces(&self) -> Faces {
        self.config.faces()
    }

    /// How often to look.
    pub(super) const fn config(&self) -> &Detect {
        &self.config
    }

    /// The size of a copy that is at most that wide.
    pub(super) fn copy(&self, picture: Size, width: u16) -> Size {
        CenterFace { width, ..self.config.model() }.small(picture)
    }

    /// What it finds in a copy of that size, in pixels of the copy, and the processor time for copy and detection.
    pub(super) fn at(&mut self, number: usize, planes: &Planes, size: Size) -> Result<(Vec<Found>, Duration), Error> {
        if let Some(known) = self.known.get(&(number, size)) {
            return Ok(known.clone());
        }
        let mut small = self.small.take().unwrap_or_else(|| Small::blank(planes.size(), size));
        if self.known.keys().all(|(_, known)| *known != size) {
            // The first of a size prepares the network.
            self.detector.detect(&Small::blank(planes.size(), size))?;
        }
        let begun = ThreadTime::now();
        small.show(planes, size)?;
        let found = self.detector.detect(&small)?;
        let took = begun.elapsed();
        self.small = Some(small);
        self.known.insert((number, size), (found.clone(), took));
        Ok((found, took))
    }
}
