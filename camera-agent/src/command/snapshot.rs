//! `camera-agent snapshot`.

use std::path::PathBuf;

use clap::Args;
use link::exit::{Code, Error};
use link::file;

use super::{Place, say, say_json};
use crate::snapshot::{self, Shot};

/// Where to.
#[derive(Debug, Args)]
pub(super) struct Snapshot {
    /// A JPEG file; it is replaced if it is there.
    #[arg(value_name = "OUT.jpg")]
    out: PathBuf,
    /// Tell about the picture in JSON.
    #[arg(long)]
    json: bool,
}

impl Snapshot {
    /// Takes it. Opens the source, so a camera that another program holds cannot be asked.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let extension = self.out.extension().map(|extension| extension.to_ascii_lowercase());
        if !extension.is_some_and(|extension| extension == "jpg" || extension == "jpeg") {
            let message = format!("{} is not a name for a JPEG file", self.out.display());
            return Err(Error::new(Code::Usage, message).with_help("a snapshot is a JPEG: end the name with .jpg"));
        }
        let config = place.config()?;
        let shot = tokio::task::spawn_blocking(move || snapshot::take(&config, config.source.opener(), config.detector()));
        let shot = shot.await.map_err(|error| Error::new(Code::Internal, error))??;
        file::replace(&self.out, &shot.jpeg, file::READABLE).map_err(|error| {
            let cause = Error::of(Code::of_output(&error), &error);
            Error { message: format!("{}: {}", self.out.display(), cause.message), ..cause }
        })?;
        if self.json { say_json(&shot) } else { say(&self.told(&shot)) }
    }

    fn told(&self, shot: &Shot) -> String {
        let masked = match (shot.fail_closed, shot.regions) {
            (true, _) => format!("masked whole: the detector is {}", shot.detector),
            (false, 0) => "nothing in it is masked".to_owned(),
            (false, 1) => "1 region is masked".to_owned(),
            (false, count) => format!("{count} regions are masked"),
        };
        format!("{}: {}×{}, {masked}", self.out.display(), shot.width, shot.height)
    }
}
