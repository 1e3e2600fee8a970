//! When to look, and how closely.

use std::time::{Duration, Instant};

/// How closely a detector looks at a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Look {
    /// At a smaller copy: cheap, and blind for small faces.
    Quick,
    /// At the largest copy.
    Thorough,
}

/// How often to look. The clock is the pictures' own: the same pictures are looked at on every machine that keeps up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rhythm {
    /// The shortest time from one picture that is looked at to the next; zero: every picture.
    pub every: Duration,
    /// The shortest time from one thorough look to the next; the others between are quick. Zero: every look is thorough.
    pub thorough: Duration,
}

impl Default for Rhythm {
    /// With CenterFace at 640 and 320 pixels: nine tenths of 10 ms for each of 30 pictures a second.
    fn default() -> Self {
        Self { every: Duration::from_millis(110), thorough: Duration::from_millis(330) }
    }
}

/// Says of each picture whether it is to be looked at.
#[derive(Debug)]
pub struct Schedule {
    rhythm: Rhythm,
    next: Option<Instant>,
    next_thorough: Option<Instant>,
}

impl Schedule {
    /// One that begins with a thorough look at the first picture.
    #[must_use]
    pub const fn new(rhythm: Rhythm) -> Self {
        Self { rhythm, next: None, next_thorough: None }
    }

    /// How to look at the picture of that instant, if at all. Instants rise.
    pub fn due(&mut self, at: Instant) -> Option<Look> {
        if self.next.is_some_and(|next| at < next) {
            return None;
        }
        self.next = Some(following(self.next, at, self.rhythm.every));
        if self.next_thorough.is_some_and(|next| at < next) {
            return Some(Look::Quick);
        }
        self.next_thorough = Some(following(self.next_thorough, at, self.rhythm.thorough));
        Some(Look::Thorough)
    }
}

/// Pictures come a little late: the beat does not shift with them, unless it was missed altogether.
fn following(planned: Option<Instant>, at: Instant, every: Duration) -> Instant {
    planned.map(|planned| planned + every).filter(|next| *next > at).unwrap_or(at + every)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn looks(rhythm: Rhythm, pictures: impl Iterator<Item = u64>) -> String {
        let (start, mut schedule) = (Instant::now(), Schedule::new(rhythm));
        let look = |millis| match schedule.due(start + Duration::from_millis(millis)) {
            Some(Look::Thorough) => 'T',
            Some(Look::Quick) => 'q',
            None => '.',
        };
        pictures.map(look).collect()
    }

    fn rhythm(every: u64, thorough: u64) -> Rhythm {
        Rhythm { every: Duration::from_millis(every), thorough: Duration::from_millis(thorough) }
    }

    #[test]
    fn thorough_looks_come_between_quick_ones() {
        let thirty = || (0..31).map(|number| number * 1000 / 30);
        assert_eq!(looks(Rhythm::default(), thirty()), "T...q..q..T...q..q..T...q..q..T");
        assert_eq!(looks(rhythm(0, 0), thirty()), "T".repeat(31));
        assert_eq!(looks(rhythm(100, 0), thirty()), "T..T..T..T..T..T..T..T..T..T..T");
        assert_eq!(looks(Rhythm::default(), (0..9).map(|number| number * 200)), "TqTqTTqTq", "at 5 pictures a second");
    }

    #[test]
    fn a_beat_that_was_missed_is_not_made_up_for() {
        assert_eq!(looks(rhythm(100, 300), [0, 50, 1000, 1050, 1100, 1150, 1200, 1300].into_iter()), "T.T.q.qT");
    }
}
