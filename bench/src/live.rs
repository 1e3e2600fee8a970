//! Live: how old a frame is when a viewer has verified it, and how soon a viewer that comes late has its first picture.
//!
//! Agent and viewer are this process, the relay is one of its own; all on one machine, so that one clock tells both ends.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use link::address::Relay as Address;
use tokio::time::{sleep, timeout};
use viewer::relay::Relay;
use viewer::watch::{Event, Options, Watch};
use wire::message::{Hello, Span};

use crate::camera::Shape;
use crate::child::{Child, Role};
use crate::figure::{Aim, Figure};
use crate::publisher::Publisher;
use crate::samples::Samples;
use crate::site::{self, Site};
use crate::{Place, Scale, clock};

/// How long anything may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// From one frame to the next.
const INTERVAL: Duration = Duration::from_micros(33_333);

/// Groups of a second: whoever joins in the middle of one is sent its beginning first.
const SHAPE: Shape = Shape { bytes: 40_000, sealed: 2_500, group: 30 };

/// Measures latency with one viewer, then joins.
///
/// # Errors
/// When agent or viewer give up.
pub fn run(place: &Place, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (frames, joins) = match scale {
        Scale::Full => (600, 30),
        Scale::Tiny => (20, 2),
    };
    tokio::runtime::Runtime::new()?.block_on(measure(place, frames, joins))
}

async fn measure(place: &Place, frames: usize, joins: u32) -> anyhow::Result<Vec<Figure>> {
    let site = Site::make(&place.dir)?;
    let child = Child::spawn(&place.program, Role::Relay, site.path())?;
    let mut publisher = Publisher::start(&site, Role::Relay, child.port(), SHAPE, INTERVAL).await?;
    // The first group must be there, and the second begun.
    sleep(INTERVAL * 10).await;

    place.say("live: latency");
    let (mut watch, _) = join(&site, child.port()).await?;
    let mut latencies = Samples::default();
    // What came with joining is as old as its group.
    let begun = clock::now();
    while latencies.count() < frames {
        let captured_at = picture(&mut watch).await?;
        if captured_at > begun {
            latencies.push(clock::since_ms(captured_at));
        }
    }
    watch.close().await;

    place.say("live: joining");
    let (mut subscribed, mut connected) = (Samples::default(), Samples::default());
    for number in 0..joins {
        // At another moment of the group each time.
        sleep(Duration::from_millis(u64::from(number * 37 % 100))).await;
        let (watch, first) = join(&site, child.port()).await?;
        subscribed.push(milliseconds(first.subscribed));
        connected.push(milliseconds(first.connected));
        watch.close().await;
    }
    publisher.check()?;

    let what = format!("30 frames/s × {} kB, groups of 1 s; {} frames", SHAPE.bytes / 1000, latencies.count());
    let aim = Aim::AtMost(100.0);
    Ok(vec![
        Figure::new("from signing at the agent to verified at a viewer, median", latencies.median(), "ms").note(what),
        Figure::new("from signing at the agent to verified at a viewer, 99 of 100", latencies.quantile(0.99), "ms"),
        Figure::new("first picture after subscribing, median", subscribed.median(), "ms").aim(aim).note(format!("{joins} joins")),
        Figure::new("first picture after subscribing, 99 of 100", subscribed.quantile(0.99), "ms").aim(aim),
        Figure::new("first picture with connecting, median", connected.median(), "ms"),
        Figure::new("first picture with connecting, 99 of 100", connected.quantile(0.99), "ms"),
    ])
}

/// How long the first picture took.
struct First {
    /// Since the subscription was sent.
    subscribed: Duration,
    /// Since the first packet to the relay.
    connected: Duration,
}

/// A viewer that comes, up to its first verified frame.
async fn join(site: &Site, port: u16) -> anyhow::Result<(Watch, First)> {
    let address = Address::new(site::HOST, port)?;
    let options = Options { camera: site::CAMERA.parse()?, span: Span::Live, recipient: None, pace: 0, key_frames_only: false };
    let connecting = Instant::now();
    let relay = Relay::connect(&address, site.trust(), Hello::new(None)).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    let subscribing = Instant::now();
    let mut watch = Watch::open(relay, &options, |_| Ok(None)).await.map_err(|error| anyhow::anyhow!("{error}"))?;
    picture(&mut watch).await?;
    Ok((watch, First { subscribed: subscribing.elapsed(), connected: connecting.elapsed() }))
}

/// The capture time of the next verified frame.
async fn picture(watch: &mut Watch) -> anyhow::Result<wire::id::Micros> {
    loop {
        let event = timeout(PATIENCE, watch.next()).await.context("no frame comes")?;
        match event.map_err(|error| anyhow::anyhow!("{error}"))? {
            Some(Event::Frame { frame, .. }) => return Ok(frame.header().captured_at),
            Some(Event::Gap(_) | Event::Skipped { .. } | Event::SessionEnd) => {}
            None => bail!("the stream ended"),
        }
    }
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
