//! A detector that knows where the faces are, until the test changes its mood.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use camera_agent::detect::{Detector, Error, Found, Model, Small};
use camera_agent::picture::{Area, Size};

use crate::picture::Rect;

/// What it does when it is asked.
#[derive(Debug, Clone)]
pub enum Mood {
    /// Finds these, in pixels of the picture.
    Finds(Vec<Rect>),
    /// Panics.
    Panics,
    /// Says that it cannot say.
    Errs,
    /// Never answers, until its mood changes.
    Hangs,
    /// Answers right, and so late.
    Lags(Duration, Vec<Rect>),
}

/// A detector; clones share the mood.
#[derive(Clone)]
pub struct FakeDetector(Arc<Mutex<Mood>>);

impl FakeDetector {
    /// One that finds these, in pixels of the picture.
    #[must_use]
    pub fn finding(faces: &[Rect]) -> Self {
        Self(Arc::new(Mutex::new(Mood::Finds(faces.to_vec()))))
    }

    /// Does this from now on.
    pub fn set(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }

    /// As an agent takes it.
    #[must_use]
    pub fn model(&self) -> Arc<dyn Model> {
        Arc::new(self.clone())
    }

    fn mood(&self) -> Mood {
        self.0.lock().unwrap().clone()
    }
}

impl Model for FakeDetector {
    fn name(&self) -> String {
        "fake 1".to_owned()
    }

    fn small(&self, picture: Size) -> Size {
        Size::new(usize::from(picture.width()).div_ceil(2), usize::from(picture.height()).div_ceil(2)).unwrap()
    }

    fn load(&self) -> Result<Box<dyn Detector>, Error> {
        Ok(Box::new(self.clone()))
    }
}

impl Detector for FakeDetector {
    fn detect(&mut self, small: &Small) -> Result<Vec<Found>, Error> {
        let mut mood = self.mood();
        while matches!(mood, Mood::Hangs) {
            std::thread::sleep(Duration::from_millis(10));
            mood = self.mood();
        }
        let scale = f32::from(small.size().width()) / f32::from(small.of().width());
        let found = |faces: Vec<Rect>| {
            let area = |face: Rect| {
                let [x, y, w, h] = [face.x, face.y, face.w, face.h].map(|pixels| pixels as f32 * scale);
                Found { area: Area { x, y, w, h }, score: 0.9 }
            };
            Ok(faces.into_iter().map(area).collect())
        };
        match mood {
            Mood::Finds(faces) => found(faces),
            Mood::Panics => panic!("the detector was told to panic"),
            Mood::Errs => Err(Error::Failed("it was told to".to_owned())),
            Mood::Lags(by, faces) => {
                std::thread::sleep(by);
                found(faces)
            }
            Mood::Hangs => Err(Error::Failed("it hung".to_owned())),
        }
    }
}
