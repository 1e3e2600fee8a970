//! `relay-server audit …`.

use std::path::PathBuf;

use axum::http::Method;
use clap::{Args, Subcommand};
use link::exit::{Code, Error, OrExit as _};

use super::camera::{fail, reach};
use super::{File, say, say_json};
use crate::admin::audit::{Exported, Show, Verify};
use crate::audit::verify::Report;

#[derive(Debug, Subcommand)]
pub(super) enum Audit {
    /// Show the log's entries.
    #[command(after_help = "Example:\n  relay-server audit show --from 1200")]
    Show(Showing),
    /// Check that no entry was changed, removed or cut off.
    #[command(after_help = "Examples:\n  relay-server audit verify\n  relay-server audit verify --heads kept-heads.txt")]
    Verify(Verifying),
    /// Write every entry as one line of JSON, with what its hash is made of.
    #[command(after_help = "Example:\n  relay-server audit export --config relay/relay.toml")]
    Export(Exporting),
}

#[derive(Debug, Args)]
pub(super) struct Showing {
    /// From which entry on.
    #[arg(long, default_value_t = 0, value_name = "NUMBER")]
    from: u64,
    #[command(flatten)]
    file: File,
    /// Tell the entries in JSON, one a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Verifying {
    /// A file with heads that were kept elsewhere, one a line: this command prints the newest.
    #[arg(long, value_name = "FILE")]
    heads: Option<PathBuf>,
    #[command(flatten)]
    file: File,
    /// Tell the findings in JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct Exporting {
    #[command(flatten)]
    file: File,
}

impl Audit {
    pub(super) async fn carry_out(self) -> Result<(), Error> {
        match self {
            Self::Show(showing) if showing.json => each(&showing.file, showing.from, json).await,
            Self::Show(showing) => each(&showing.file, showing.from, |entry| Ok(line(entry))).await,
            Self::Verify(verifying) => verifying.carry_out().await,
            Self::Export(exporting) => each(&exporting.file, 0, json).await,
        }
    }
}

/// Says every entry from a number on, a page at a time.
async fn each(file: &File, mut from: u64, text: impl Fn(&Exported) -> Result<String, Error>) -> Result<(), Error> {
    loop {
        let entries: Vec<Exported> = reach(file).await?.call(Method::POST, "/v1/audit/show", Some(&Show { from })).await.map_err(fail)?;
        let Some(last) = entries.last() else { return Ok(()) };
        from = last.entry.number.saturating_add(1);
        for entry in &entries {
            say(&text(entry)?)?;
        }
    }
}

fn json(entry: &Exported) -> Result<String, Error> {
    serde_json::to_string(entry).or_exit(Code::Internal)
}

fn line(exported: &Exported) -> String {
    let entry = &exported.entry;
    let mut text = format!("{}  {}  {}", entry.number, entry.at, entry.kind);
    let parts = [
        ("name", entry.name.clone()),
        ("camera", entry.camera.clone()),
        ("labels", Some(entry.labels.join(",")).filter(|labels| !labels.is_empty())),
        ("way", entry.way.clone()),
        ("from", entry.from.clone()),
        ("to", entry.to.clone()),
        ("of", entry.of.map(|of| of.to_string())),
        ("address", entry.address.clone()),
        ("key", entry.fingerprint.as_deref().and_then(|key| key.get(..10)).map(str::to_owned)),
    ];
    for (key, value) in parts.into_iter().filter_map(|(key, value)| Some((key, value?))) {
        text.push_str(&format!("  {key}={value}"));
    }
    text
}

impl Verifying {
    async fn carry_out(self) -> Result<(), Error> {
        let kept = self.heads.as_ref().map(std::fs::read_to_string).transpose().or_exit(Code::NoInput)?.unwrap_or_default();
        let heads = kept.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        let report: Report =
            reach(&self.file).await?.call(Method::POST, "/v1/audit/verify", Some(&Verify { heads })).await.map_err(fail)?;
        if self.json {
            say_json(&report)?
        } else {
            say(&told(&report))?
        }
        if report.wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::new(Code::Data, "the log was changed")
                .with_help("keep a copy of log.redb as it is, and find out who had the relay's disk"))
        }
    }
}

fn told(report: &Report) -> String {
    let mut text = format!("{} entries, checked against {} heads", report.entries, report.heads);
    if report.wrong.is_empty() {
        text.push_str(": nothing was changed");
    }
    for wrong in &report.wrong {
        text.push_str(&format!("\n- {wrong}"));
    }
    if let Some(head) = &report.head {
        text.push_str(&format!("\nThe newest head, to be kept elsewhere:\n{head}"));
    }
    text
}
