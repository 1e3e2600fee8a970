//! The masks of a running agent follow its file.

use crate::capture::About;
use crate::config::Config;
use crate::config::watch::{Change, Watch};
use crate::mask;
use crate::viewers::Viewers;

use super::intro;

/// Watches the file, and hands other masks to the pipeline.
pub(super) struct Follower {
    watch: Watch,
    about: About,
    detector: String,
    change: mask::Change,
}

impl Follower {
    /// `None` where the configuration was not read from a file.
    pub(super) fn new(running: &Config, about: &About, detector: &str, change: mask::Change) -> Option<Self> {
        let watch = Watch::new(running)?;
        Some(Self { watch, about: about.clone(), detector: detector.to_owned(), change })
    }

    /// Looks, and tells the log what became of it.
    pub(super) fn look(&mut self, viewers: &Viewers) {
        match self.watch.poll() {
            Change::Same => {}
            Change::New { masks, rest } => {
                if let Some(config) = masks {
                    self.change.announce(super::masks(&config, self.about.size), config.masking.fill());
                    tracing::info!("the masks changed; from now on are masked: {}", intro::masks(&config, &self.detector));
                    for warning in intro::Intro::warnings(&config, &self.about, viewers) {
                        tracing::warn!("{warning}");
                    }
                }
                if rest {
                    tracing::warn!(
                        "the configuration has changes that need a restart: only masks, zones, mode and fill change while it runs"
                    );
                }
            }
            Change::Unusable(problems) => {
                tracing::error!("the configuration cannot be used, so the masks before stay in force: {problems}");
            }
            Change::Empty => tracing::error!("the configuration is empty, so the masks before stay in force"),
            Change::Gone => tracing::error!("the configuration is gone; the masks before stay in force until there is another"),
        }
    }
}
