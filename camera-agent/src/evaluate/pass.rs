//! One pass of a clip through the pipeline's detection and masking, in the clip's time.

use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use wire::frame::DetectorState;
use wire::id::Micros;

use super::draw::Worst;
use super::tally::Masks;
use super::{Clip, Error, Looks, Row};
use crate::detect::{Detection, Look, Schedule, Small};
use crate::mask::{self, Fill, Masked, Meta, Planner, Release, Tracking, apply};
use crate::picture::{Area, Picture, Planes, Pool, Size};

/// How often the pipeline collects detections while pictures wait.
const TICK: Duration = Duration::from_millis(5);

/// How many buffers for originals are kept.
const POOL: usize = 8;

/// A detection that is still under way.
struct UnderWay {
    done: Instant,
    detection: Detection,
}

/// The detector's thread as it would run beside a camera: one picture at a time, then the newest one that was due meanwhile.
struct Thread<'a> {
    looks: &'a mut Looks,
    schedule: Schedule,
    pending: Option<(usize, Instant, Look, Planes)>,
    under_way: Option<UnderWay>,
    spent: Duration,
    count: u64,
}

impl Thread<'_> {
    /// What [`crate::detect::Worker::offer`] does.
    fn offer(&mut self, number: usize, at: Instant, planes: &Planes) -> Result<(), Error> {
        if let Some(due) = self.schedule.due(at) {
            let look = self.pending.as_ref().map_or(due, |(_, _, before, _)| if *before == Look::Thorough { *before } else { due });
            self.pending = Some((number, at, look, planes.clone()));
        }
        self.begin(at)
    }

    /// What is heard by now.
    fn hear(&mut self, now: Instant) -> Result<Vec<Detection>, Error> {
        let mut heard = Vec::new();
        while self.under_way.as_ref().is_some_and(|under_way| under_way.done <= now) {
            let Some(UnderWay { done, detection }) = self.under_way.take() else { break };
            heard.push(detection);
            self.begin(done)?;
        }
        Ok(heard)
    }

    fn begin(&mut self, now: Instant) -> Result<(), Error> {
        if self.under_way.is_some() {
            return Ok(());
        }
        let Some((number, at, look, planes)) = self.pending.take() else { return Ok(()) };
        let (of, size) = (planes.size(), self.looks.model.copy(planes.size(), look));
        let (found, spent) = self.looks.at(number, &planes, size)?;
        let timing = self.looks.timing;
        let took = if look == Look::Thorough { timing.thorough } else { timing.quick };
        let detection = Detection::new(self.looks.model.as_ref(), (number as u64, at), &Small::blank(of, size), look, &found, took);
        self.under_way = Some(UnderWay { done: now + took, detection });
        self.spent += spent;
        self.count += 1;
        Ok(())
    }
}

/// Runs the clip through.
pub(super) fn run(clip: &Clip, looks: &mut Looks, tracking: Tracking, ahead: bool, worst: &mut Worst) -> Result<Row, Error> {
    let (mut pictures, interval) = clip.play()?;
    let faces = mask::Faces { tracking, ahead, ..looks.faces() };
    let mut planner = Planner::new(mask::Config { faces: Some(faces), queue: usize::MAX, ..mask::Config::default() });
    let schedule = Schedule::new(looks.config().rhythm());
    let mut thread = Thread { looks, schedule, pending: None, under_way: None, spent: Duration::ZERO, count: 0 };
    let (mut row, pool, start) = (Row::default(), Pool::new(POOL), Instant::now());
    let (mut now, mut planning, mut next) = (start, Duration::ZERO, start);
    loop {
        if now >= next
            && let Some((number, planes)) = pictures.next()?
        {
            thread.offer(number, now, &planes)?;
            let meta = Meta { number: number as u64, at: now, size: planes.size() };
            planner.push(meta, Picture { number: meta.number, captured_at: Micros(0), at: now, planes });
            next = start + interval * (number as u32 + 1);
        } else if now >= next {
            // The clip is over; what waits is still planned.
            next = now + Duration::from_secs(3600);
        }
        let heard = thread.hear(now)?;
        let begun = ThreadTime::now();
        for detection in &heard {
            planner.detector_is(DetectorState::Ready);
            planner.detection(detection);
        }
        let releases = planner.due(now);
        planning += begun.elapsed();
        for release in releases {
            judge(clip, release, &pool, &mut row, worst)?;
        }
        if planner.waiting() == 0 && next > now + interval * 2 {
            break;
        }
        now = (now + TICK).min(next.max(now));
    }
    row.detections = thread.count;
    row.cost(thread.spent, planning);
    Ok(row)
}

fn judge(clip: &Clip, release: Release<Picture>, pool: &Pool, row: &mut Row, worst: &mut Worst) -> Result<(), Error> {
    let Release { number, picture, plan } = release;
    let masked: Masked = apply(picture, plan, Fill::Solid, pool)?;
    let mut masks = Masks::none(masked.plan().size());
    for region in masked.plan().regions() {
        masks.cover(Area { x: region.x.into(), y: region.y.into(), w: region.w.into(), h: region.h.into() });
    }
    let truth = clip.truth().get(number as usize).map(Vec::as_slice).unwrap_or_default();
    let whole = masks.area() == Size::area(masked.plan().size());
    let (open, leaked) = row.judge(&mut masks, truth, whole);
    worst.consider(number, open, masked.planes(), truth, &leaked);
    Ok(())
}
