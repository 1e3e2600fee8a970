//! What the window shows: a composed frame, and how the stream stands.

use wire::frame::DetectorState;
use wire::id::Micros;
use wire::region::Region;
use wire::verdict::{Report, Verdict};

use super::wish::Wish;
use crate::picture::Picture;

/// Why a label's masks are as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Opened.
    Lifted,
    /// Nobody tried to open them.
    Lowered,
    /// They do not open, and why.
    Closed(String),
}

/// A label that is in use in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InUse {
    /// Which of the number keys it has, from 0; beyond the eighth there is none.
    pub key: usize,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub state: State,
    /// How many regions it has in this frame.
    pub regions: usize,
}

/// A composed frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The picture, with the masks of `lifted` lifted and all others in place.
    pub picture: Picture,
    /// The regions whose originals it shows, with their labels' names.
    pub lifted: Vec<(Region, String)>,
    /// The labels in use.
    pub in_use: Vec<InUse>,
    /// Session number and sequence.
    pub place: (u64, u64),
    /// When it was captured, by the camera's clock.
    pub captured_at: Micros,
    /// What the detector said, where the whole picture is masked because of that.
    pub fail_closed: Option<DetectorState>,
}

impl Frame {
    /// Lowers masks at once, where they are not wished to be lifted: the originals in the picture are overwritten with grey. What is under
    /// the mask for everybody shows again when the frame is composed anew. Gives whether anything was lowered.
    pub fn lower(&mut self, wish: &Wish) -> bool {
        let (stay, lowered): (Vec<_>, Vec<_>) = self.lifted.drain(..).partition(|(_, label)| wish.lifts(label));
        self.lifted = stay;
        for (region, label) in &lowered {
            self.picture.paste(region, &Picture::new(region.w, region.h));
            for in_use in self.in_use.iter_mut().filter(|in_use| in_use.name == *label) {
                in_use.state = State::Lowered;
            }
        }
        !lowered.is_empty()
    }
}

/// What comes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Source {
    /// Live pictures.
    #[default]
    Live,
    /// A recording.
    Recording,
    /// A recording that has come to its end.
    Ended,
    /// Nothing: the connection was lost, and why.
    Lost(String),
}

/// How the stream stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The verdict.
    pub verdict: Verdict,
    /// All that was found, what led to the verdict first.
    pub reasons: Vec<String>,
    /// What comes.
    pub source: Source,
    /// Why the newest frame is not shown.
    pub trouble: Option<String>,
}

impl Standing {
    /// By a report.
    #[must_use]
    pub fn of(report: &Report, source: Source, trouble: Option<&str>) -> Self {
        let reasons = report.findings.iter().map(|finding| match finding.count {
            0 | 1 => finding.reason.to_string(),
            times => format!("{} ({times} times)", finding.reason),
        });
        Self { verdict: report.verdict, reasons: reasons.collect(), source, trouble: trouble.map(str::to_owned) }
    }

    /// Why the verdict is what it is, in one sentence.
    #[must_use]
    pub fn reason(&self) -> &str {
        match self.reasons.first() {
            Some(reason) => reason,
            None if self.verdict == Verdict::Authentic => "everything that came is what the camera signed",
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use wire::label::Label;

    use super::*;

    #[test]
    fn masks_are_lowered_in_the_picture_at_once() {
        let region = |x, w| Region { label: Label::FACE, x, y: 16, w, h: 16, track: 0 };
        let mut picture = Picture::new(64, 48);
        picture.samples.fill(200);
        let in_use = |key, name: &str| InUse { key, name: name.to_owned(), state: State::Lifted, regions: 1 };
        let mut frame = Frame {
            picture,
            lifted: vec![(region(0, 16), "face".to_owned()), (region(32, 32), "till".to_owned())],
            in_use: vec![in_use(0, "face"), in_use(1, "till")],
            place: (1, 0),
            captured_at: Micros(0),
            fail_closed: None,
        };
        assert!(!frame.lower(&Wish::All));
        assert!(frame.lower(&Wish::Only(["till".to_owned()].into())));
        assert_eq!(frame.lifted, [(region(32, 32), "till".to_owned())]);
        assert_eq!((&frame.in_use[0].state, &frame.in_use[1].state), (&State::Lowered, &State::Lifted));
        for (at, sample) in frame.picture.planes()[0].0.iter().enumerate() {
            let (x, y) = (at % 64, at / 64);
            assert_eq!(*sample, if x < 16 && (16..32).contains(&y) { 128 } else { 200 }, "{x}, {y}");
        }
        assert!(frame.lower(&Wish::none()) && frame.lifted.is_empty());
        assert_eq!(frame.picture.planes()[0].0[16 * 64 + 40], 128);
    }
}
