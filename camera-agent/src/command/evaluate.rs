//! `camera-agent evaluate`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use link::exit::{Code, Error};

use super::{Place, say, say_json};
use crate::evaluate::{self, Clip, Looks, Report, Timing, Way};
use crate::mask::Tracking;

/// What to judge, and how.
#[derive(Debug, Args)]
pub(super) struct Evaluate {
    /// A clip: Y4M, as a camera would deliver it.
    #[arg(value_name = "CLIP.y4m")]
    clip: PathBuf,
    /// Where its faces are: a list for each picture of [x, y, w, h] in pixels, in JSON.
    #[arg(value_name = "TRUTH.json")]
    truth: PathBuf,
    /// Draw the pictures in which most is seen of a face.
    #[arg(long, value_name = "DIR")]
    worst: Option<PathBuf>,
    /// Evaluate without the tracker, to see what it is for. No camera can run so.
    #[arg(long)]
    without_tracker: bool,
    /// Evaluate without the look-ahead, to see what it is for. No camera can run so.
    #[arg(long)]
    without_look_ahead: bool,
    /// Evaluate the yardstick instead: every picture looked at for itself at that width, masks 1.3 times as large as what scores 0.2.
    #[arg(long, value_name = "WIDTH", conflicts_with_all = ["without_tracker", "without_look_ahead"], value_parser = clap::value_parser!(u16).range(64..=3840))]
    baseline: Option<u16>,
    /// Evaluate all of these, one row each.
    #[arg(long, conflicts_with_all = ["without_tracker", "without_look_ahead", "baseline"])]
    compare: bool,
    /// How long a detection at the full width takes, in the clip's time.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "80ms")]
    thorough_takes: Duration,
    /// How long a detection at the quick width takes, in the clip's time.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "22ms")]
    quick_takes: Duration,
    /// Tell the figures in JSON.
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Runs the clip through, and tells.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let config = place.config()?;
        let ways = self.ways();
        let json = self.json;
        let evaluated = tokio::task::spawn_blocking(move || {
            let clip = Clip::open(&self.clip, &self.truth)?;
            let mut looks = Looks::new(&config.detect, Timing { thorough: self.thorough_takes, quick: self.quick_takes })?;
            evaluate::evaluate(&clip, &mut looks, &ways, self.worst.as_deref())
        });
        let report = evaluated.await.map_err(|error| Error::new(Code::Internal, error))?.map_err(fault)?;
        if json { say_json(&report) } else { say(&told(&report)) }
    }

    fn ways(&self) -> Vec<Way> {
        if self.compare {
            return Way::all();
        }
        let tracking = if self.without_tracker { Tracking::Alone } else { Tracking::Straight };
        vec![self.baseline.map_or(Way::Pipeline { tracking, ahead: !self.without_look_ahead }, |width| Way::EachPicture { width })]
    }
}

fn fault(error: evaluate::Error) -> Error {
    let code = match &error {
        evaluate::Error::Unreadable { .. } => Code::NoInput,
        evaluate::Error::Clip(_) | evaluate::Error::NotTruth { .. } | evaluate::Error::Lengths { .. } | evaluate::Error::Size(_) => {
            Code::Data
        }
        evaluate::Error::Draw { .. } => Code::Io,
        evaluate::Error::Detect(_) | evaluate::Error::Mask(_) => Code::Internal,
    };
    Error::of(code, &error)
}

fn told(report: &Report) -> String {
    let mut lines = vec![format!("{}: {} pictures", report.clip, report.pictures)];
    for row in &report.rows {
        lines.push(format!("{}:", row.way));
        for (name, class) in [("64 pixels and more", row.faces.large), ("32 to 63", row.faces.medium), ("smaller", row.faces.small)] {
            let share = if class.face_frames > 0 { 100.0 * class.leaked as f64 / class.face_frames as f64 } else { 0.0 };
            lines.push(format!(
                "  faces, {name}: something is seen in {} of {} face-frames ({share:.1} %), {} pixels",
                class.leaked, class.face_frames, class.open_pixels
            ));
        }
        lines.push(format!("  masked: {:.2} times the sum of (1.3 w + 16)(1.3 h + 16)", row.area()));
        lines.push(format!("  masked whole: {} of {} pictures, and {} before the first detection", row.whole, row.frames, row.warm_up));
        lines.push(format!("  detections: {}, {:.2} ms a picture; planning {:.3} ms", row.detections, row.detect_ms, row.plan_ms));
    }
    lines.join("\n")
}
