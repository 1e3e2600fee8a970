//! What may happen.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::recorded::Recorded;
use super::{Chance, Scene, start_relay};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    RelayKilled,
    RelayTorn,
    RelayReadOnly,
    RelayFull,
    AgentKilled,
    AgentTorn,
    AgentReadOnly,
    AgentFull,
    AllKilled,
    CutShort,
    CutLong,
    HourAhead,
    HourBehind,
    DayAhead,
    DayBehind,
}

impl Fault {
    pub const ALL: &[Self] = &[
        Self::RelayKilled,
        Self::RelayTorn,
        Self::RelayReadOnly,
        Self::RelayFull,
        Self::AgentKilled,
        Self::AgentTorn,
        Self::AgentReadOnly,
        Self::AgentFull,
        Self::AllKilled,
        Self::CutShort,
        Self::CutLong,
        Self::HourAhead,
        Self::HourBehind,
        Self::DayAhead,
        Self::DayBehind,
    ];

    /// Lets it happen and pass. Gives how many unacknowledged frames were in flight at that moment.
    pub fn strike(self, scene: &mut Scene, chance: &mut Chance) -> usize {
        let which = usize::try_from(chance.below(2)).unwrap();
        let all = |scene: &mut Scene| scene.cameras.iter_mut().map(|camera| camera.in_flight()).sum::<usize>();
        match self {
            Self::RelayKilled | Self::RelayTorn | Self::RelayReadOnly => {
                let flying = all(scene);
                scene.relay.kill();
                if self == Self::RelayTorn {
                    tear_archive(&scene.site.path("relay/archive"), chance);
                }
                if self == Self::RelayReadOnly {
                    scene.archive.read_only(true);
                    let ended = scene.site.relay("run").run();
                    assert!(ended.code.is_some_and(|code| code != 0), "{ended}");
                    ended.says(&["Read-only file system"]);
                    scene.archive.read_only(false);
                }
                std::thread::sleep(chance.millis(0, 1000));
                scene.relay = start_relay(&scene.site);
                flying
            }
            Self::RelayFull => {
                let said = |scene: &Scene| scene.cameras.each_ref().map(|camera| camera.agent.said_so_often("the relay stores nothing"));
                let (flying, before) = (all(scene), said(scene));
                scene.archive.fill();
                scene.wait("the relay and both agents say that nothing is stored", |scene| {
                    scene.relay.said().contains("No space left") && said(scene).iter().zip(before).all(|(now, before)| *now > before)
                });
                // Live goes on.
                Recorded::live(&scene.site, scene.cameras[which].name, 10);
                std::thread::sleep(chance.millis(0, 1500));
                scene.archive.empty();
                flying
            }
            Self::AgentKilled | Self::AgentTorn | Self::AgentReadOnly => {
                let camera = &mut scene.cameras[which];
                let flying = camera.in_flight();
                camera.kill();
                std::thread::sleep(chance.millis(0, 700));
                if self == Self::AgentTorn {
                    // Less than a frame: of what was written, at most the last one goes.
                    if tear(&newest(camera.spool.path()), 1 + chance.below(60)) {
                        camera.torn.extend(camera.written.last().filter(|place| !camera.acknowledged.contains(place)));
                    }
                }
                if self != Self::AgentReadOnly {
                    camera.start(&scene.site);
                    return flying;
                }
                camera.spool.read_only(true);
                camera.start_without_writing(&scene.site);
                std::thread::sleep(chance.millis(300, 1000));
                camera.spool.read_only(false);
                camera.agent.wait_for("the spool can be written again");
                flying
            }
            Self::AgentFull => {
                let camera = &mut scene.cameras[which];
                let again = "the spool can be written again";
                let (flying, before) = (camera.in_flight(), camera.agent.said_so_often("cannot be written"));
                // What the relay has is removed, so there may be room again before the disk is emptied.
                let before_again = camera.agent.said_so_often(again);
                camera.spool.fill();
                scene.wait("the agent says that its spool is full", |scene| {
                    scene.cameras[which].agent.said_so_often("cannot be written") > before
                });
                std::thread::sleep(chance.millis(0, 1000));
                scene.cameras[which].spool.empty();
                scene.wait("it goes on", |scene| scene.cameras[which].agent.said_so_often(again) > before_again);
                flying
            }
            Self::AllKilled => {
                let flying = all(scene);
                scene.relay.kill();
                scene.cameras.iter_mut().for_each(super::Camera::kill);
                scene.relay = start_relay(&scene.site);
                let Scene { site, cameras, .. } = scene;
                cameras.iter_mut().for_each(|camera| camera.start(site));
                flying
            }
            Self::CutShort | Self::CutLong => {
                let flying = all(scene);
                scene.path.cut(true);
                // Within the transport's patience, or beyond it.
                let long = Duration::from_secs(if self == Self::CutLong { 6 } else { 0 });
                std::thread::sleep(long + chance.millis(300, 1500));
                scene.path.cut(false);
                flying
            }
            Self::HourAhead => step(scene, 1),
            Self::HourBehind => step(scene, -1),
            Self::DayAhead => step(scene, 24),
            Self::DayBehind => step(scene, -24),
        }
    }
}

/// The agents' clocks step, and later back.
fn step(scene: &mut Scene, hours: i64) -> usize {
    let flying = scene.cameras.iter_mut().map(|camera| camera.in_flight()).sum();
    scene.cameras.iter_mut().for_each(|camera| camera.step(hours));
    // Programs look at the file once a second.
    std::thread::sleep(Duration::from_millis(1800));
    scene.cameras.iter_mut().for_each(|camera| camera.step(0));
    flying
}

/// The newest file in a folder.
fn newest(folder: &Path) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.pop().unwrap_or_else(|| folder.join("none"))
}

/// Cuts bytes from a file's end. Says whether there were so many behind its beginning.
fn tear(file: &Path, bytes: u64) -> bool {
    let Ok(metadata) = fs::metadata(file) else { return false };
    if metadata.len() < 1000 {
        return false;
    }
    OpenOptions::new().write(true).open(file).unwrap().set_len(metadata.len() - bytes).unwrap();
    true
}

/// What a power cut leaves behind what was synced: a part of an entry, something else, or zeros.
fn tear_archive(archive: &Path, chance: &mut Chance) {
    for camera in ["front-door", "back-door"] {
        let file = newest(&archive.join(camera));
        let length = fs::metadata(&file).unwrap().len();
        let torn = match chance.below(3) {
            0 => {
                let mut bytes = vec![0; 300];
                let read = fs::File::open(&file).unwrap().read_at(&mut bytes, length.min(64)).unwrap();
                bytes.truncate(read);
                bytes
            }
            1 => (0..500).map(|_| u8::try_from(chance.below(256)).unwrap()).collect(),
            _ => vec![0; 4096],
        };
        OpenOptions::new().append(true).open(&file).unwrap().write_all(&torn).unwrap();
    }
}
