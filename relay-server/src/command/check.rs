//! `relay-server check`.

use axum::http::Method;
use clap::Args;
use link::exit::Error;
use serde_json::json;

use super::{File, say, say_json};
use crate::admin::Recording;
use crate::admin::reach::Reach;
use crate::check::{self, Report, Weight};
use crate::clock::Clock;

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    file: File,
    /// Tell the findings in JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) async fn carry_out(self) -> Result<(), Error> {
        let mut report = check::check(&self.file.config, Clock::system().now());
        // What only a relay that runs can say.
        if let Ok(config) = self.file.load()
            && let Ok(relay @ Reach::Running(_)) = Reach::find(config, Clock::system()).await
            && let Ok(Recording { problem: Some(problem) }) = relay.call(Method::GET, "/v1/archive", None::<&()>).await
        {
            report.records_nothing(&problem);
        }
        if self.json {
            say_json(&json!({ "ok": report.code().is_none(), "findings": report.findings }))?;
        } else {
            for finding in report.findings.iter().filter(|finding| finding.weight == Weight::Warning) {
                say(&format!("warning: {}", finding.text))?;
            }
        }
        match report.code() {
            Some(code) => Err(Error::new(code, errors(&report))),
            None if self.json => Ok(()),
            None => say("the relay can start"),
        }
    }
}

fn errors(report: &Report) -> String {
    let errors = report.findings.iter().filter(|finding| finding.weight == Weight::Error);
    errors.map(|finding| finding.text.as_str()).collect::<Vec<_>>().join("\n")
}
