//! `viewer snapshot`: one picture.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use link::address::Camera;
use link::exit::{Code, Error, OrExit as _};
use serde_json::json;
use tokio::time::timeout;
use wire::message::Span;

use super::target::{Ask, Target, judge};
use super::{Accept, Unlocking};
use crate::home::Home;
use crate::show::Status;
use crate::show::output::mode;

/// Save one picture.
#[derive(Debug, Args)]
pub(super) struct Snapshot {
    /// The camera, NAME@HOST:PORT.
    #[arg(value_name = "CAMERA")]
    camera: Camera,
    /// The PNG to write; an older one is replaced.
    #[arg(value_name = "OUT.png")]
    out: PathBuf,
    #[command(flatten)]
    unlocking: Unlocking,
    /// Give up after so many seconds without a picture.
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    wait: u64,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    accept: Accept,
}

impl Snapshot {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let ask = Ask { camera: &self.camera, span: Span::Live, pace: 0, key_frames_only: false };
        let mut target = Target::open(home, &ask, &self.unlocking, &self.accept).await?;
        if !self.json {
            eprintln!("{}", target.introduction());
        }
        let mut status = Status::new(true);
        let no_picture = || Error::new(Code::Unavailable, format!("{} showed no picture within {} seconds", self.camera, self.wait));
        let shown = match timeout(Duration::from_secs(self.wait), target.next(&mut status)).await {
            Ok(shown) => shown?.ok_or_else(no_picture)?,
            Err(_) => return Err(no_picture().with_help("is the camera running? `viewer cameras` lists which are live")),
        };
        let report = target.report();
        judge(&report)?;
        let code = |error: &crate::picture::Error| match error {
            crate::picture::Error::Write(error) => Code::of_output(error),
            crate::picture::Error::Convert(_) => Code::Data,
        };
        let written = shown.picture.write_png(&self.out, mode(self.unlocking.unlock));
        written.map_err(|error| Error::new(code(&error), format!("{}: {error}", self.out.display())))?;
        if self.json {
            println!("{}", json!({"file": self.out, "camera": target.camera_id().to_string(), "status": status.json(&report)}));
        } else {
            println!("Wrote {}: {}", self.out.display(), status.line(&report));
        }
        target.close(home).await.or_exit(Code::Io)?;
        match status.why_masked() {
            Some(why) if self.unlocking.unlock && !status.unlocked() => Err(Error::new(Code::NotAllowed, why)),
            _ => Ok(()),
        }
    }
}
