//! `camera-agent check`.

use clap::Args;
use link::exit::Error;

use super::{Place, say, say_json};
use crate::check::{Weight, check};
use crate::config::Config;

/// How to tell.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Tell the findings in JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Looks, and tells.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let config = Config::load(place.config.as_deref()).map(|config| place.with_dir(config));
        let report = check(config).await;
        if self.json {
            say_json(&report)?;
        } else {
            for finding in &report.findings {
                let head = match finding.weight {
                    Weight::Fine => "ok",
                    Weight::Warning => "warning",
                    Weight::Error => "error",
                };
                say(&format!("{head}: {}", finding.text))?;
            }
        }
        let errors = report.findings.iter().filter(|finding| finding.weight == Weight::Error).count();
        match report.code() {
            None => Ok(()),
            Some(code) if errors == 1 => Err(Error::new(code, "this camera would not run")),
            Some(code) => Err(Error::new(code, format!("this camera would not run, for {errors} reasons"))),
        }
    }
}
