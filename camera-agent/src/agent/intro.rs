//! What an agent says when it starts, and what `check` would say: a few lines that tell the owner what happens from now on.

use std::fmt;

use serde::Serialize;
use wire::label::{Label, LabelName, Labels};

use super::Destination;
use crate::capture::About;
use crate::config::{Config, Mode, Spool};
use crate::sealing::Terms;
use crate::spool::FOLDER;
use crate::viewers::Viewers;

/// What is captured, masked, unlocked and streamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Intro {
    /// The camera id, by which viewers know this camera.
    pub camera: String,
    /// What is captured.
    pub captures: String,
    /// What is masked.
    pub masks: String,
    /// Who can unlock what.
    pub unlock: Vec<Unlocks>,
    /// Where it streams.
    pub streams: String,
    /// What it keeps until the relay has it.
    pub keeps: String,
    /// What somebody should know.
    pub warnings: Vec<String>,
}

/// What one viewer can unlock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unlocks {
    /// Who.
    pub name: String,
    /// Whether they own the camera.
    pub owner: bool,
    /// Which labels.
    pub labels: Vec<String>,
}

impl Intro {
    pub(super) fn new(config: &Config, terms: &Terms, about: &About, viewers: &Viewers, destination: &Destination) -> Self {
        let labels = &terms.labels;
        Self {
            camera: terms.camera().to_string(),
            captures: about.text.clone(),
            masks: masks(config, &terms.detector),
            unlock: unlock(viewers, labels),
            streams: match destination {
                Destination::Relay(config) => format!("to {}", config.relay),
                Destination::Outlet(_, text) => text.clone(),
            },
            keeps: keeps(config),
            warnings: Self::warnings(config, about, viewers),
        }
    }

    /// What somebody should know before the first picture leaves.
    #[must_use]
    pub fn warnings(config: &Config, about: &About, viewers: &Viewers) -> Vec<String> {
        warnings(config, about, viewers, &config.labels())
    }
}

/// What is masked, in a few words.
pub(super) fn masks(config: &Config, detector: &str) -> String {
    let mut all = Vec::new();
    match config.masking.mode {
        Mode::Masks => {}
        Mode::Inverse => {
            let zones: Vec<&str> = config.zone.iter().map(|zone| zone.name.as_str()).collect();
            all.push(format!("everything outside {}", zones.join(", ")));
        }
        Mode::All => return "the whole picture, always".to_owned(),
    }
    if config.detect.on {
        all.push(format!("faces ({detector})"));
    }
    let labels = config.labels();
    let mut areas: Vec<String> = Vec::new();
    for (label, name) in labels.all() {
        let count = config.mask.iter().filter(|mask| labels.find(&mask.label) == Some(label)).count();
        match count {
            0 => {}
            1 => areas.push(name.to_owned()),
            count => areas.push(format!("{name} ({count} areas)")),
        }
    }
    all.extend(areas);
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

/// What is kept on disk, in a few words.
fn keeps(config: &Config) -> String {
    let Spool { on, bytes, age, .. } = config.spool;
    if !on {
        return "nothing: what is captured while the relay is away is lost to it".to_owned();
    }
    let age = humantime::format_duration(age);
    format!("frames until the relay has them on disk: up to {} MB and {age}, as they are sent, in {FOLDER}", bytes / 1_000_000)
}

fn unlock(viewers: &Viewers, labels: &Labels) -> Vec<Unlocks> {
    let known = |name: &&LabelName| labels.find(name.as_str()).is_some();
    let one = |viewer: &crate::viewers::Viewer| Unlocks {
        name: viewer.name.to_string(),
        owner: viewer.owner,
        labels: viewer.labels.iter().filter(known).map(ToString::to_string).collect(),
    };
    viewers.list().iter().map(one).collect()
}

fn warnings(config: &Config, about: &About, viewers: &Viewers, labels: &Labels) -> Vec<String> {
    let mut warnings = Vec::new();
    let unmasked = config.masking.mode == Mode::Masks && !config.detect.on && config.mask.is_empty();
    if unmasked {
        warnings.push("NOTHING IS MASKED: everybody will see everything that this camera sees".to_owned());
    } else if config.masking.mode != Mode::All && !config.detect.on {
        warnings.push("faces are not masked: [detect] is off".to_owned());
    }
    for mask in config.mask.iter().filter(|mask| mask.shape().is_some_and(|shape| shape.crosses_itself())) {
        let name = &mask.label;
        warnings.push(format!("the outline of an area of `{name}` crosses itself, so all of its hull is hidden: give its corners in turn"));
    }
    if let Some(size) = about.size {
        for lost in config.mask.iter().filter(|mask| mask.shape().is_some_and(|shape| shape.misses(size))) {
            warnings.push(format!("an area of `{}` lies outside the picture ({size}) and hides nothing", lost.label));
        }
        for lost in config.zone.iter().filter(|zone| zone.shape().is_some_and(|shape| shape.shows_nothing(size))) {
            let name = &lost.name;
            warnings.push(format!("the zone `{name}` shows nothing: no whole block of 16 × 16 pixels of the picture ({size}) lies in it"));
        }
    }
    warnings.extend(about.shortfall.clone());
    for strange in viewers.strange_labels(labels) {
        warnings.push(format!("authorized_viewers names the label `{strange}`, which this camera does not have"));
    }
    if viewers.list().is_empty() {
        warnings.push("nobody can unlock what is sealed from now on, ever".to_owned());
    } else {
        let granted = |label: Label| {
            let name = labels.name(label);
            viewers.list().iter().any(|viewer| viewer.labels.iter().any(|granted| Some(granted.as_str()) == name))
        };
        let unseen: Vec<&str> = labels.all().filter(|(label, _)| label.number() < 8 && !granted(*label)).map(|(_, name)| name).collect();
        if !unseen.is_empty() {
            warnings.push(format!("nobody can unlock {}", unseen.join(", ")));
        }
    }
    warnings
}

impl fmt::Display for Intro {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "camera id  {}", self.camera)?;
        writeln!(f, "captures   {}", self.captures)?;
        writeln!(f, "masks      {}", self.masks)?;
        if self.unlock.is_empty() {
            writeln!(f, "unlock     nobody")?;
        }
        for (position, Unlocks { name, owner, labels }) in self.unlock.iter().enumerate() {
            let head = if position == 0 { "unlock     " } else { "           " };
            let owner = if *owner { " (owner)" } else { "" };
            let labels = if labels.is_empty() { "nothing".to_owned() } else { labels.join(", ") };
            writeln!(f, "{head}{name}{owner}: {labels}")?;
        }
        writeln!(f, "streams    {}", self.streams)?;
        write!(f, "keeps      {}", self.keeps)?;
        for warning in &self.warnings {
            write!(f, "\nwarning: {warning}")?;
        }
        Ok(())
    }
}
