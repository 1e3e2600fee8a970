//! What became of a camera's frames: told by whoever stores them, heard by the connection that they came by.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Place;

/// How many runs wait to be told. An agent that is not told sends the frames again, and is told then.
const MAX_RUNS: usize = 256;

/// Frames of one session without a hole between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The session's number.
    pub session: u64,
    /// The first sequence.
    pub first: u64,
    /// The last sequence.
    pub last: u64,
}

impl Run {
    /// Only this frame.
    #[must_use]
    pub const fn at(place: Place) -> Self {
        Self { session: place.session, first: place.sequence, last: place.sequence }
    }

    /// Takes the other in if nothing is missing between the two. Says whether it did.
    pub fn join(&mut self, other: Self) -> bool {
        let touch = |a: u64, b: u64| a <= b.saturating_add(1);
        if self.session != other.session || !touch(other.first, self.last) || !touch(self.first, other.last) {
            return false;
        }
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        true
    }
}

/// One thing that an agent is to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// These frames are on disk.
    Durable(Run),
    /// Another frame with this place is held.
    Forked(Place),
    /// Nothing is stored at the moment, for this reason: what was not told durable is lost here.
    NotStoring(String),
}

#[derive(Default)]
struct State {
    runs: VecDeque<Run>,
    forked: Option<Place>,
    /// Why nothing is stored at the moment.
    problem: Option<String>,
    /// Whether the problem was told.
    told: bool,
}

/// What became of one camera's frames. Whoever tells never waits.
#[derive(Default)]
pub struct Tidings {
    state: Mutex<State>,
    bell: Notify,
}

impl Tidings {
    /// These frames are on disk.
    pub fn durable(&self, run: Run) {
        let mut state = self.state();
        if !state.runs.back_mut().is_some_and(|last| last.join(run)) {
            state.runs.push_back(run);
        }
        if state.runs.len() > MAX_RUNS {
            state.runs.pop_front();
        }
        drop(state);
        self.bell.notify_one();
    }

    /// Another frame with this place is held.
    pub fn forked(&self, place: Place) {
        self.state().forked.get_or_insert(place);
        self.bell.notify_one();
    }

    /// Nothing is stored from now on (with the reason), or everything is again.
    pub fn problem(&self, problem: Option<String>) {
        let mut state = self.state();
        state.told = false;
        state.problem = problem;
        drop(state);
        self.bell.notify_one();
    }

    /// A new connection listens: it is told what still holds, and not what another one did.
    pub fn begin(&self) {
        let mut state = self.state();
        (state.forked, state.told) = (None, false);
        drop(state);
        self.bell.notify_one();
    }

    /// Waits for the next news.
    pub async fn next(&self) -> News {
        loop {
            if let Some(news) = self.take() {
                return news;
            }
            self.bell.notified().await;
        }
    }

    /// The next news, if there are any.
    pub fn take(&self) -> Option<News> {
        let mut state = self.state();
        if let Some(place) = state.forked.take() {
            return Some(News::Forked(place));
        }
        if let Some(run) = state.runs.pop_front() {
            return Some(News::Durable(run));
        }
        let problem = state.problem.clone().filter(|_| !state.told)?;
        state.told = true;
        Some(News::NotStoring(problem))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn run(session: u64, first: u64, last: u64) -> Run {
        Run { session, first, last }
    }

    #[test]
    fn runs_join_only_without_a_hole() {
        let mut joined = run(1, 5, 9);
        assert!(joined.join(run(1, 10, 12)) && joined == run(1, 5, 12));
        assert!(joined.join(run(1, 3, 6)) && joined == run(1, 3, 12));
        assert!(!joined.join(run(1, 14, 14)), "13 is missing");
        assert!(!joined.join(run(2, 13, 13)), "another session");
        assert!(!joined.join(run(1, 0, 1)), "2 is missing");
    }

    #[test]
    fn frames_are_told_in_runs_and_a_problem_once_for_each_listener() {
        let tidings = Tidings::default();
        for run in [run(1, 0, 14), run(1, 15, 29), run(1, 40, 44)] {
            tidings.durable(run);
        }
        tidings.problem(Some("no space".to_owned()));
        let told = |tidings: &Tidings| std::iter::from_fn(|| tidings.take()).collect::<Vec<_>>();
        let stopped = News::NotStoring("no space".to_owned());
        assert_eq!(told(&tidings), [News::Durable(run(1, 0, 29)), News::Durable(run(1, 40, 44)), stopped.clone()]);
        assert_eq!(told(&tidings), []);
        tidings.begin();
        assert_eq!(told(&tidings), [stopped]);
        tidings.problem(None);
        tidings.forked(Place { session: 1, sequence: 3 });
        assert_eq!(told(&tidings), [News::Forked(Place { session: 1, sequence: 3 })]);
        tidings.forked(Place { session: 1, sequence: 3 });
        tidings.begin();
        assert_eq!(told(&tidings), [], "that was another connection's fault");
    }

    #[test]
    fn what_nobody_listens_to_stays_bounded() {
        let tidings = Tidings::default();
        (0..1000).for_each(|sequence| tidings.durable(run(1, 2 * sequence, 2 * sequence)));
        assert_eq!(std::iter::from_fn(|| tidings.take()).count(), MAX_RUNS);
    }
}
