//! The network's side of the window: takes verified frames, lifts the masks that are wished to be, hands the newest over, and subscribes
//! again when the connection is lost. What was found before that is not forgotten.

use std::mem::discriminant;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use link::exit::{Code, Error};
use link::retry::{self, Failure, Pace};
use link::shutdown::Shutdown;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;
use wire::epoch::Link;
use wire::id::Micros;
use wire::verdict::{Finding, Reason, Report, Verdict};

use super::inbox::Inbox;
use super::masks::{Arrived, Masks};
use super::view::{Frame, Source, Standing, State};
use super::wish::Wish;
use crate::show::Status;
use crate::watch::{Event, Watch, wall_clock};

/// How often the verdict is looked at when nothing comes.
const LOOK: Duration = Duration::from_millis(250);

/// Between attempts to subscribe again.
const PACE: Pace = Pace { longest: Duration::from_secs(5), ..Pace::CONNECTION };

/// A subscription that begins again; `None` when it is time to stop.
type Again = Pin<Box<dyn Future<Output = Option<Result<Watch, Error>>> + Send>>;

/// What comes in, and what is done with it.
pub struct Feed {
    watch: Watch,
    masks: Masks,
    status: Status,
    inbox: Arc<Inbox>,
    wishes: watch::Receiver<Wish>,
    stop: Shutdown,
    live: bool,
    from: Micros,
    /// Stop after so many frames.
    frames: Option<u64>,
    /// What was found on earlier connections.
    earlier: Vec<Finding>,
    newest: Option<(u64, u64)>,
    /// No frame has come on this connection yet.
    fresh: bool,
    source: Source,
    /// Why the newest frame is not shown.
    trouble: Option<String>,
    said: Option<Standing>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed({:?})", self.watch)
    }
}

/// What a feed begins with.
#[derive(Debug)]
pub struct Parts {
    /// The running subscription.
    pub watch: Watch,
    /// Lifts and lowers.
    pub masks: Masks,
    /// Where frames go.
    pub inbox: Arc<Inbox>,
    /// Which masks shall be lifted.
    pub wishes: watch::Receiver<Wish>,
    /// When to stop.
    pub stop: Shutdown,
    /// Live, or a recording.
    pub live: bool,
    /// Nothing captured before that is shown.
    pub from: Micros,
    /// Stop after so many frames.
    pub frames: Option<u64>,
}

/// How a feed ended.
#[derive(Debug)]
pub struct End {
    /// The last subscription.
    pub watch: Watch,
    /// What was found, on all connections.
    pub report: Report,
    /// What was shown.
    pub status: Status,
    /// Why it ended, if nobody asked for that.
    pub result: Result<(), Error>,
}

impl Feed {
    /// Nothing has come yet.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { watch, masks, inbox, wishes, stop, live, from, frames } = parts;
        let source = if live { Source::Live } else { Source::Recording };
        let status = Status::new(live);
        Self {
            watch,
            masks,
            status,
            inbox,
            wishes,
            stop,
            live,
            from,
            frames,
            earlier: Vec::new(),
            newest: None,
            fresh: true,
            source,
            trouble: None,
            said: None,
        }
    }

    /// Runs until it is stopped, so many frames were shown, or it cannot go on. `reopen` subscribes again, given the newest frame seen;
    /// `observe` is told of every frame.
    pub async fn run<R, F>(mut self, reopen: R, mut observe: impl FnMut(&Status, &Report) + Send) -> End
    where
        R: Fn(Option<(u64, u64)>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Watch, Error>> + Send,
    {
        let reopen = Arc::new(reopen);
        let stop = self.stop.clone();
        let mut again: Option<Again> = None;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let result = loop {
            let comes = matches!(self.source, Source::Live | Source::Recording);
            tokio::select! {
                biased;
                () = stop.draining() => break Ok(()),
                wish = self.wishes.changed() => match wish {
                    Ok(()) => self.wished(),
                    // The window is gone.
                    Err(_) => break Ok(()),
                },
                event = self.watch.next(), if comes => match event {
                    Ok(Some(event)) => {
                        if self.event(event) {
                            let report = self.report();
                            observe(&self.status, &report);
                        }
                    }
                    Ok(None) => self.source = Source::Ended,
                    Err(error) if self.live && error.code == Code::Unavailable => {
                        again = Some(subscribe_again(&reopen, &stop, self.newest));
                        self.source = Source::Lost(error.message);
                    }
                    Err(error) => break Err(error),
                },
                watch = subscribed(&mut again) => match watch {
                    None => break Ok(()),
                    Some(Err(error)) => break Err(error),
                    Some(Ok(watch)) => {
                        again = None;
                        self.go_on(watch).await;
                    }
                },
                _ = look.tick() => {}
            }
            self.say();
            if self.frames.is_some_and(|frames| self.status.frames() >= frames) {
                break Ok(());
            }
        };
        self.say();
        let report = self.report();
        End { watch: self.watch, report, status: self.status, result }
    }

    /// Whether a frame came of it.
    fn event(&mut self, event: Event) -> bool {
        let arrived = match event {
            Event::Frame { frame, record, grants } => Arrived { frame, record, grants },
            Event::Gap(_) => {
                self.status.gap();
                return false;
            }
            Event::Skipped { frames } => {
                self.status.skipped(frames);
                return false;
            }
            Event::SessionEnd => return false,
        };
        self.bridge(&arrived);
        let sequence = arrived.frame.header().sequence;
        let (header, record) = (arrived.frame.clone(), Arc::clone(&arrived.record));
        match self.masks.take(arrived) {
            // Video is sent from the beginning of a group on, which may be before what was asked for.
            Ok(frame) if frame.captured_at < self.from => false,
            Ok(frame) => {
                let lifted: Vec<_> = frame.lifted.iter().map(|(region, _)| *region).collect();
                self.status.frame(&header, &record, &lifted, wall_clock());
                self.show(frame);
                true
            }
            Err(error) => {
                self.complain(format!("frame {sequence} is not shown: {error}"));
                false
            }
        }
    }

    /// After a lost connection: what the new one cannot know, since it began in the middle.
    fn bridge(&mut self, arrived: &Arrived) {
        let (session, sequence) = (arrived.frame.context().session.number, arrived.frame.header().sequence);
        if std::mem::take(&mut self.fresh)
            && let Some((last_session, last)) = self.newest
        {
            let missing = if session == last_session {
                (sequence > last + 1).then(|| Reason::Missing { session, first: last + 1, last: sequence - 1 })
            } else if session > last_session + 1 {
                Some(Reason::SessionsMissing { after: last_session, before: session })
            } else {
                match arrived.record.record().link {
                    Link::Ended(end) if end.sequence > last + 1 => Some(Reason::TailMissing { session: last_session, until: end.sequence }),
                    Link::Ended(_) | Link::First => None,
                    Link::Broken(_) => Some(Reason::TailUnknown { session: last_session }),
                }
            };
            if let Some(reason) = missing {
                self.status.gap();
                self.remember(Finding { reason, count: 1 });
            }
        }
        self.newest = self.newest.max(Some((session, sequence)));
    }

    /// Masks are lifted or lowered.
    fn wished(&mut self) {
        let wish = self.wishes.borrow_and_update().clone();
        match self.masks.change(wish) {
            Ok(Some(frame)) if frame.captured_at >= self.from => self.show(frame),
            Ok(_) => {}
            Err(error) => self.complain(format!("the picture is not composed anew: {error}")),
        }
    }

    fn show(&mut self, frame: Frame) {
        for in_use in &frame.in_use {
            if let State::Closed(why) = &in_use.state {
                self.status.trouble(format!("“{}” stays masked: {why}", in_use.name));
            }
        }
        self.trouble = None;
        self.inbox.frame(frame);
    }

    fn complain(&mut self, sentence: String) {
        self.trouble = Some(sentence.clone());
        self.status.trouble(sentence);
    }

    /// On another connection.
    async fn go_on(&mut self, watch: Watch) {
        // A new connection must not wash away what an earlier one showed.
        let lasting = |finding: &Finding| matches!(finding.reason.verdict(), Verdict::Tampered | Verdict::WithGaps);
        self.watch.report().findings.into_iter().filter(lasting).for_each(|finding| self.remember(finding));
        std::mem::replace(&mut self.watch, watch).close().await;
        self.fresh = true;
        self.source = Source::Live;
    }

    /// One of a kind is kept: the latest, with how many there were.
    fn remember(&mut self, finding: Finding) {
        match self.earlier.iter_mut().find(|known| discriminant(&known.reason) == discriminant(&finding.reason)) {
            Some(known) => *known = Finding { count: known.count.saturating_add(finding.count), ..finding },
            None => self.earlier.push(finding),
        }
    }

    fn report(&self) -> Report {
        let now = self.watch.report();
        if self.earlier.is_empty() { now } else { Report::of(now.findings.into_iter().chain(self.earlier.iter().cloned()).collect()) }
    }

    /// Tells the window how the stream stands, if that changed.
    fn say(&mut self) {
        let standing = Standing::of(&self.report(), self.source.clone(), self.trouble.as_deref());
        if self.said.as_ref() != Some(&standing) {
            self.said = Some(standing.clone());
            self.inbox.standing(standing);
        }
    }
}

/// Waits for the new subscription, if one is being made.
async fn subscribed(again: &mut Option<Again>) -> Option<Result<Watch, Error>> {
    match again {
        Some(again) => again.await,
        None => std::future::pending().await,
    }
}

fn subscribe_again<R, F>(reopen: &Arc<R>, stop: &Shutdown, newest: Option<(u64, u64)>) -> Again
where
    R: Fn(Option<(u64, u64)>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Watch, Error>> + Send,
{
    let (reopen, stop) = (Arc::clone(reopen), stop.clone());
    Box::pin(async move {
        let once = || async {
            reopen(newest)
                .await
                .map_err(|error| if error.code == Code::Unavailable { Failure::Again(error) } else { Failure::Final(error) })
        };
        retry::run(&stop, &PACE, "the camera cannot be watched", once).await
    })
}
