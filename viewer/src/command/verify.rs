//! `viewer verify`: what a camera recorded in a file.

use std::path::PathBuf;

use clap::Args;
use link::exit::{Code, Error, OrExit as _};
use seal::public::spoken;
use serde_json::json;
use wire::id::CameraId;

use super::Unlocking;
use super::target::{closed, judge, name};
use super::watch::cannot;
use crate::compose::compose;
use crate::decode::Decoder;
use crate::recording::Recording;
use crate::show::{Output, Status};
use crate::unlock::Unlock;
use crate::watch::{Event, wall_clock};

/// Verify a recording.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The recording.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Only this camera's recording will do.
    #[arg(long, value_name = "ID")]
    camera: Option<CameraId>,
    /// Write every frame as PNG into this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    unlocking: Unlocking,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(&self) -> Result<(), Error> {
        if self.unlocking.unlock && self.unlocking.identity.is_none() {
            let message = "a file is unlocked with an identity file, which needs no relay";
            return Err(Error::new(Code::Usage, message).with_help("name it with --identity FILE"));
        }
        let mut unlock = self.unlocking.identity_file()?;
        let mut recording = Recording::open(&self.file, unlock.as_ref().map(Unlock::fingerprint)).await?;
        let (id, camera) = (recording.camera().id, recording.camera().name.clone());
        if let Some(wanted) = self.camera.filter(|wanted| *wanted != id) {
            let message = format!("unknown camera: {} is of the camera {id}, and {wanted} was asked for", self.file.display());
            return Err(Error::new(Code::Data, message));
        }
        if !self.json {
            eprintln!("“{camera}”, camera id\n  {id}");
            if let Some(unlock) = &unlock {
                eprintln!("unlocking with key {}", spoken(unlock.fingerprint()));
            }
        }
        let mut output = match &self.out {
            Some(folder) => Output::folder(folder, self.unlocking.unlock).map_err(|error| cannot(folder, &error))?,
            None => Output::Nothing,
        };
        let mut decoder = Decoder::new().or_exit(Code::Internal)?;
        let mut status = Status::new(false);
        while let Some(event) = recording.next().await? {
            let (frame, record, grants) = match event {
                Event::Frame { frame, record, grants } => (frame, record, grants),
                Event::Gap(_) => {
                    status.gap();
                    continue;
                }
                Event::Skipped { .. } | Event::SessionEnd => continue,
            };
            let opened = unlock.as_mut().map(|unlock| unlock.open(&frame, &record, &grants)).unwrap_or_default();
            if let Some((label, error)) = opened.closed.first() {
                status.trouble(closed(&record, *label, error));
            }
            let composed = match compose(&mut decoder, &frame, &opened) {
                Ok(composed) => composed,
                Err(error) => {
                    status.trouble(format!("frame {} is not shown: {error}", frame.header().sequence));
                    continue;
                }
            };
            if let Some((label, error)) = composed.broken.first() {
                status.trouble(format!("“{}” opened and stays masked: {error}", name(&record, *label)));
            }
            status.frame(&frame, &record, &composed.lifted, wall_clock());
            let place = (frame.context().session.number, frame.header().sequence);
            output.put(place, frame.header().captured_at, composed.picture).or_exit(Code::Io)?;
        }
        output.finish().or_exit(Code::Io)?;
        let report = recording.report();
        if self.json {
            println!("{}", json!({"camera": id.to_string(), "torn": recording.torn(), "status": status.json(&report)}));
        } else {
            println!("{} frames: {}", status.frames(), status.line(&report));
            if recording.torn() {
                eprintln!("the file breaks off in the middle of a frame: whoever recorded it was stopped");
            }
            if let Some(why) = status.why_masked() {
                eprintln!("{why}");
            }
        }
        judge(&report)
    }
}
