//! The archive: how fast verified frames become durable, and what each costs.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use cpu_time::ProcessTime;
use ed25519_dalek::SigningKey;
use relay_server::archive::{Archive, Config, Monotonic, Place as At};
use relay_server::clock::Clock;
use wire::frame::{Frame, SignedFrame};
use wire::grants::GrantList;
use wire::message;
use wire::verify::{self, Group, Record, Verified};

use crate::camera::{Camera, Shape};
use crate::figure::Figure;
use crate::{Place, Scale, clock, site};

/// How long the archive may take for everything.
const PATIENCE: Duration = Duration::from_secs(120);

/// Frames that may wait for the disk: half of what the archive lets one camera have in its queue.
const AT_ONCE: u64 = 800;

/// As many frames as a second has, in groups of a second.
const SHAPE: Shape = Shape { bytes: 40_000, sealed: 2_500, group: 30 };

/// Measures the way into the archive, as fast as the disk takes it.
///
/// # Errors
/// When the archive refuses a frame for another reason than haste.
pub fn run(place: &Place, scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let count = match scale {
        Scale::Full => 12_000,
        Scale::Tiny => 60,
    };
    place.say("archive");
    let dir = tempfile::TempDir::with_prefix_in("celosia-bench-", &place.dir).context("no folder for the archive")?;
    let mut camera = Camera::new(SigningKey::from_bytes(&[5; 32]), SHAPE)?;
    let record = Arc::new(verify::record(camera.record().clone(), camera.id())?);
    let archive =
        Archive::open(Config::new(dir.path(), 50_000_000_000, 0), SigningKey::from_bytes(&[6; 32]), Clock::system(), Monotonic::system())?;
    let name = site::CAMERA.parse()?;
    archive.store_camera(camera.id(), message::Camera { subscription: 0, name, chain: Vec::new(), crls: Vec::new() });
    let grants = message::Grants { subscription: 0, record: record.digest(), list: GrantList::default(), grants: Vec::new() };
    archive.store_record(Arc::clone(&record), grants)?;

    // Verified before the clock runs.
    let frames = verified(&mut camera, &record, count)?;
    let bytes: usize = frames.iter().map(|frame| frame.bytes().len()).sum();
    let last = frames.last().map(|frame| At::of(frame)).context("no frames")?;
    let (begun, before) = (Instant::now(), ProcessTime::now());
    for (offered, frame) in (0_u64..).zip(frames) {
        // What does not fit is dropped with the rest of its group: it is not offered faster than it is taken.
        while offered.saturating_sub(archive.counters().frames.load(Ordering::Relaxed)) >= AT_ONCE {
            ensure!(archive.problem().is_none() && begun.elapsed() < PATIENCE, "the archive does not take frames");
            sleep(Duration::from_millis(1));
        }
        archive.store_frame(frame)?;
    }
    let taken = begun.elapsed();
    while !archive.synced(camera.id()).iter().any(|run| run.session == last.session && run.last >= last.sequence) {
        ensure!(archive.problem().is_none() && begun.elapsed() < PATIENCE, "the archive does not become durable");
        sleep(Duration::from_millis(1));
    }
    let (durable, cpu) = (begun.elapsed(), before.elapsed());
    archive.stop();
    let seconds = taken.as_secs_f64();
    let what = format!("{count} frames of {} kB, taken in after {seconds:.1} s; files are synced once a second", SHAPE.bytes / 1000);
    Ok(vec![
        Figure::new("durable bytes per second", bytes as f64 / 1e6 / durable.as_secs_f64(), "MB/s").note(what),
        Figure::new("durable frames per second", count as f64 / durable.as_secs_f64(), "frames/s"),
        Figure::new("processor time per frame", cpu.as_secs_f64() * 1e6 / count as f64, "µs"),
    ])
}

fn verified(camera: &mut Camera, record: &Arc<Verified<Record>>, count: usize) -> anyhow::Result<Vec<Arc<Verified<SignedFrame>>>> {
    let mut group: Option<Group> = None;
    let mut verify = |frame: Frame| {
        if frame.header.flags.key {
            let (opened, verified) = Group::open(record, frame)?;
            group = Some(opened);
            return Ok(verified);
        }
        Ok(group.as_mut().context("a session begins with a key frame")?.next(frame)?)
    };
    (0..count).map(|_| verify(Frame::decode(camera.frame(clock::now())?.bytes().clone())?).map(Arc::new)).collect()
}
