//! Fan-out: one camera to many viewers, through the relay and, in turn with it, through a bare loop over the same transport.
//!
//! Agent and viewers are this process, and the same for both. The sender is a process of its own, and what counts is how much it sends for
//! each second of its processor time. Whatever else runs on the machine, the two meet it alike, since they take turns.

pub mod bare;

pub mod audience;

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::time::sleep;

use crate::camera::Shape;
use crate::child::{Child, Role, Usage};
use crate::figure::{Aim, Figure};
use crate::publisher::Publisher;
use crate::samples::Samples;
use crate::site::Site;
use crate::{Place, Scale};
use audience::Audience;

/// What a bare loop reaches at least on a machine that was left alone: below it, the ratio says nothing.
const YARDSTICK: f64 = 6.0;

/// What is sent to whom.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// How many watch.
    pub viewers: usize,
    /// Frames a second.
    pub rate: u32,
    /// Bytes of a frame's layers.
    pub bytes: usize,
}

impl Load {
    /// Every picture is a key frame, as with JPEG.
    const fn shape(&self) -> Shape {
        Shape { bytes: self.bytes, sealed: 0, group: 1 }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1) / self.rate.max(1)
    }
}

/// How long and how often.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// Before viewers come, until the sender's own buffers are full.
    settle: Duration,
    /// From the last viewer's coming to the first byte that counts.
    warm: Duration,
    /// What counts.
    measure: Duration,
    rounds: usize,
}

/// What may be asked for instead of the usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// How many watch.
    pub viewers: Option<usize>,
    /// How many seconds of each round count.
    pub seconds: Option<u64>,
    /// How often each of the two takes its turn.
    pub rounds: Option<usize>,
}

impl Course {
    fn of(scale: Scale, wish: Wish) -> (Self, Load) {
        let seconds = Duration::from_secs;
        let moment = Duration::from_millis(300);
        let (course, load) = match scale {
            Scale::Full => (
                Self { settle: seconds(5), warm: seconds(3), measure: seconds(10), rounds: 5 },
                Load { viewers: 200, rate: 30, bytes: 40_000 },
            ),
            Scale::Tiny => (Self { settle: moment, warm: moment, measure: moment, rounds: 1 }, Load { viewers: 3, rate: 30, bytes: 4_000 }),
        };
        let measure = wish.seconds.map_or(course.measure, seconds);
        let rounds = wish.rounds.unwrap_or(course.rounds);
        (Self { measure, rounds, ..course }, Load { viewers: wish.viewers.unwrap_or(load.viewers), ..load })
    }
}

/// What one round measured.
#[derive(Debug, Clone)]
struct Round {
    gbit_per_cpu_second: f64,
    /// Of the frames that there were, how many came: percent.
    delivered: f64,
    cores: f64,
    /// Without viewers.
    intake: f64,
    kilobytes_per_viewer: f64,
    latencies: Samples,
}

/// Measures both, in turn.
///
/// # Errors
/// When a sender or a viewer gives up.
pub fn run(place: &Place, scale: Scale, wish: Wish) -> anyhow::Result<Vec<Figure>> {
    let (course, load) = Course::of(scale, wish);
    let runtime = tokio::runtime::Runtime::new()?;
    let (mut relays, mut bares) = (Vec::new(), Vec::new());
    for round in 0..course.rounds {
        for (role, rounds) in [(Role::Relay, &mut relays), (Role::Bare, &mut bares)] {
            place.say(&format!("fan-out, round {} of {}: {}", round + 1, course.rounds, role.command()));
            rounds.push(runtime.block_on(measure(place, role, load, course))?);
        }
    }
    Ok(figures(load, course, &relays, &bares))
}

async fn measure(place: &Place, role: Role, load: Load, course: Course) -> anyhow::Result<Round> {
    let site = Site::make(&place.dir)?;
    let mut child = Child::spawn(&place.program, role, site.path())?;
    let mut publisher = Publisher::start(&site, role, child.port(), load.shape(), load.interval()).await?;
    sleep(course.settle / 2).await;
    let (settling, since) = (child.usage()?, Instant::now());
    sleep(course.settle / 2).await;
    let alone = child.usage()?;
    let intake = (alone.cpu - settling.cpu) / since.elapsed().as_secs_f64();
    let audience = Audience::gather(load.viewers, role, child.port(), site.trust()).await?;
    sleep(course.warm).await;

    // In this order at both ends: bytes and processor time cover the same stretch, but for the microseconds between the two calls.
    let begun = Instant::now();
    drop(audience.heard());
    let before = child.usage()?;
    sleep(course.measure).await;
    let heard = audience.heard();
    let after = child.usage()?;
    let seconds = begun.elapsed().as_secs_f64();

    publisher.check()?;
    ensure!(heard.frames > 0, "no frame came");
    let cpu = after.cpu - before.cpu;
    let expected = seconds * f64::from(load.rate) * load.viewers as f64;
    Ok(Round {
        gbit_per_cpu_second: heard.bytes as f64 * 8.0 / 1e9 / cpu,
        delivered: 100.0 * heard.frames as f64 / expected,
        cores: cpu / seconds,
        intake,
        kilobytes_per_viewer: per_viewer(alone, after, load.viewers),
        latencies: heard.latencies,
    })
}

fn per_viewer(alone: Usage, with: Usage, viewers: usize) -> f64 {
    (with.memory as f64 - alone.memory as f64) / 1000.0 / viewers as f64
}

fn figures(load: Load, course: Course, relays: &[Round], bares: &[Round]) -> Vec<Figure> {
    let median = |rounds: &[Round], of: fn(&Round) -> f64| rounds.iter().map(of).collect::<Samples>().median();
    let each = |rounds: &[Round]| {
        let texts: Vec<String> = rounds.iter().map(|round| format!("{:.2}", round.gbit_per_cpu_second)).collect();
        format!("rounds {}; {:.1} % of the frames came", texts.join(", "), median(rounds, |round| round.delivered))
    };
    let speed = |rounds: &[Round]| median(rounds, |round| round.gbit_per_cpu_second);
    let latency = |rounds: &[Round], part: f64| {
        let mut all = Samples::default();
        rounds.iter().for_each(|round| all.extend(round.latencies.iter()));
        all.quantile(part)
    };
    let (relay, bare) = (speed(relays), speed(bares));
    let ratio = Figure::new("relay against the yardstick", 100.0 * relay / bare, "%").aim(Aim::AtLeast(95.0));
    let counts = bare >= YARDSTICK;
    let what = format!(
        "{} viewers × {} frames/s × {:.0} kB, {} rounds of {} s in turn",
        load.viewers,
        load.rate,
        load.bytes as f64 / 1000.0,
        course.rounds,
        course.measure.as_secs()
    );
    vec![
        Figure::new("bare loop (the yardstick), per CPU second", bare, "Gbit").aim(Aim::AtLeast(YARDSTICK)).note(each(bares)),
        Figure::new("relay, per CPU second", relay, "Gbit").note(each(relays)),
        ratio.note(if counts { what } else { format!("{what}; does not count, since the yardstick was not reached") }),
        Figure::new("relay's processor", median(relays, |round| round.cores), "cores"),
        Figure::new("bare loop's processor without viewers (receives)", median(bares, |round| round.intake), "cores"),
        Figure::new("relay's processor without viewers (receives, verifies, keeps)", median(relays, |round| round.intake), "cores"),
        Figure::new("relay's memory per viewer", median(relays, |round| round.kilobytes_per_viewer), "kB").aim(Aim::AtMost(130.0)),
        Figure::new("bare loop's memory per viewer", median(bares, |round| round.kilobytes_per_viewer), "kB"),
        Figure::new("from the agent to all viewers, median", latency(relays, 0.5), "ms"),
        Figure::new("from the agent to all viewers, 99 of 100", latency(relays, 0.99), "ms"),
        Figure::new("the same through the bare loop, median", latency(bares, 0.5), "ms"),
        Figure::new("the same through the bare loop, 99 of 100", latency(bares, 0.99), "ms"),
    ]
}
