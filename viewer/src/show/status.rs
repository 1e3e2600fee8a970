//! How a stream stands: verdict, latency, rate, gaps, masks, and what is unlocked; one line for people, one object for scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::json;
use wire::frame::SignedFrame;
use wire::id::Micros;
use wire::label::Labels;
use wire::region::Region;
use wire::verdict::Report;
use wire::verify::Record;

use super::recent::Recent;

/// Counts what happens.
#[derive(Debug)]
pub struct Status {
    live: bool,
    recent: Recent,
    frames: u64,
    gaps: u64,
    skipped: u64,
    last: Option<Last>,
    trouble: Option<String>,
}

/// The latest frame.
#[derive(Debug)]
struct Last {
    session: u64,
    sequence: u64,
    captured_at: Micros,
    source: String,
    detector: String,
    fail_closed: bool,
    masks: BTreeMap<String, usize>,
    unlocked: BTreeSet<String>,
}

impl Status {
    /// Nothing has happened yet.
    #[must_use]
    pub const fn new(live: bool) -> Self {
        Self { live, recent: Recent::new(), frames: 0, gaps: 0, skipped: 0, last: None, trouble: None }
    }

    /// A frame was shown, with these regions lifted.
    pub fn frame(&mut self, frame: &SignedFrame, record: &Record, lifted: &[Region], now: Micros) {
        let header = frame.header();
        let labels = &record.record().labels;
        let mut masks = BTreeMap::new();
        for region in &header.regions {
            *masks.entry(name(labels, region)).or_default() += 1;
        }
        self.recent.push(Instant::now(), Duration::from_micros(now.0.saturating_sub(header.captured_at.0)));
        self.frames += 1;
        self.last = Some(Last {
            session: frame.context().session.number,
            sequence: header.sequence,
            captured_at: header.captured_at,
            source: record.record().source.to_string(),
            detector: header.flags.detector.to_string(),
            fail_closed: header.flags.fail_closed,
            masks,
            unlocked: lifted.iter().map(|region| name(labels, region)).collect(),
        });
    }

    /// Frames are missing.
    pub const fn gap(&mut self) {
        self.gaps += 1;
    }

    /// The relay skipped frames for us.
    pub const fn skipped(&mut self, frames: u64) {
        self.skipped = self.skipped.saturating_add(frames);
    }

    /// Something stays masked that was asked for, or could not be shown; the sentence says why.
    pub fn trouble(&mut self, sentence: String) {
        self.trouble = Some(sentence);
    }

    /// How many frames were shown.
    #[must_use]
    pub const fn frames(&self) -> u64 {
        self.frames
    }

    /// Whether anything was unlocked in the latest frame.
    #[must_use]
    pub fn unlocked(&self) -> bool {
        self.last.as_ref().is_some_and(|last| !last.unlocked.is_empty())
    }

    /// Why something stays masked that was asked for.
    #[must_use]
    pub fn why_masked(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// The median latency over the last two seconds, from capture to here, by the two clocks.
    fn latency(&self) -> Option<Duration> {
        self.recent.latency().filter(|_| self.live)
    }

    /// One line for people.
    #[must_use]
    pub fn line(&self, report: &Report) -> String {
        let mut parts = vec![report.verdict.to_string()];
        if let Some(latency) = self.latency() {
            parts.push(format!("{} ms", latency.as_millis()));
        }
        parts.push(format!("{:.1} fps", self.recent.rate()));
        parts.push(format!("{} gaps", self.gaps));
        if self.skipped > 0 {
            parts.push(format!("{} skipped", self.skipped));
        }
        if let Some(last) = &self.last {
            let masks: Vec<String> = last.masks.iter().map(|(label, count)| format!("{count} {label}")).collect();
            parts.push(if masks.is_empty() { "no masks".to_owned() } else { format!("masks: {}", masks.join(", ")) });
            if last.fail_closed {
                parts.push(format!("masked whole (detector {})", last.detector));
            }
            let unlocked: Vec<&str> = last.unlocked.iter().map(String::as_str).collect();
            parts.push(if unlocked.is_empty() { "nothing unlocked".to_owned() } else { format!("unlocked: {}", unlocked.join(", ")) });
        }
        let reason = report.findings.first().map(|finding| format!(" — {}", finding.reason)).unwrap_or_default();
        format!("{}{reason}", parts.join(" · "))
    }

    /// One object for scripts.
    #[must_use]
    pub fn json(&self, report: &Report) -> serde_json::Value {
        let reasons: Vec<_> = report
            .findings
            .iter()
            .map(|finding| json!({"verdict": finding.reason.verdict().name(), "text": finding.reason.to_string(), "count": finding.count}))
            .collect();
        json!({
            "verdict": report.verdict.name(),
            "reasons": reasons,
            "latency_ms": self.latency().map(|latency| u64::try_from(latency.as_millis()).unwrap_or(u64::MAX)),
            "fps": (self.recent.rate() * 10.0).round() / 10.0,
            "frames": self.frames,
            "gaps": self.gaps,
            "skipped": self.skipped,
            "frame": self.last.as_ref().map(|last| json!({
                "session": last.session,
                "sequence": last.sequence,
                "captured_at": last.captured_at.0,
                "source": last.source,
                "detector": last.detector,
                "fail_closed": last.fail_closed,
                "masks": last.masks,
                "unlocked": last.unlocked,
            })),
            "trouble": self.trouble,
        })
    }
}

fn name(labels: &Labels, region: &Region) -> String {
    labels.name(region.label).unwrap_or("?").to_owned()
}
