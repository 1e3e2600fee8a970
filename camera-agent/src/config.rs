//! The agent's configuration: one TOML file, described key by key in `config/agent.toml`.

mod duration;
pub mod masks;
pub mod source;
pub mod spool;
pub mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use link::address::Relay;
use link::settings::{self, Check, Problems, Validate};
use serde::{Deserialize, Serialize};
use wire::id::Name;
use wire::label::Labels;

use crate::detect::Model;
use crate::{encode, publish};

pub use masks::{Detect, Mask, Mode, Zone};
pub use source::{Kind, Source};
pub use spool::Spool;

/// The annotated file with every key and its default.
pub const ANNOTATED: &str = include_str!("../../config/agent.toml");

/// The file that is read if no other is named.
pub const FILE: &str = "agent.toml";

/// A group may have so many kilobits.
const GROUP_KILOBITS: u64 = 24_000;

/// An agent's configuration. One that came out of [`Config::load`] is valid.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The camera.
    pub camera: Camera,
    /// Where the pictures come from.
    pub source: Source,
    /// How faces are found.
    pub detect: Detect,
    /// What is masked besides.
    pub masking: masks::Masking,
    /// Areas that are always masked.
    pub mask: Vec<Mask>,
    /// What the mode `inverse` shows.
    pub zone: Vec<Zone>,
    /// Where it was read from. Its masks are followed while the agent runs.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// How frames are encoded.
    pub encode: Encode,
    /// How frames get to the relay.
    pub publish: Publish,
    /// Where they are kept until it has them.
    pub spool: Spool,
}

/// The camera and its keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Camera {
    /// Its name; `None`: the one that it was enrolled under. One that is written is checked against that.
    name: Option<String>,
    /// The relay, `HOST:PORT`; `None`: the one that it was enrolled at.
    relay: Option<String>,
    /// Key, certificate and state; relative to the file's own folder.
    pub dir: PathBuf,
    /// Whether somebody must be an owner.
    pub owner: Owner,
    /// How long an epoch lasts.
    #[serde(with = "duration")]
    pub epoch: Duration,
}

/// Whether somebody must be an owner before anything is captured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Owner {
    /// At least one of the authorized viewers.
    Viewers,
    /// Nobody need be: what is sealed may then be lost for ever.
    None,
}

/// How frames are encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Encode {
    /// By which codec.
    pub codec: Codec,
    /// Of H.264: kilobits per second of all layers together.
    pub bitrate: u32,
    /// Of H.264: the time from one key frame to the next.
    #[serde(with = "duration")]
    pub group: Duration,
    /// Of JPEG, from 1 to 100.
    pub quality: u8,
}

/// How frames get to the relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Publish {
    /// How far behind the pictures may be when they are sent; further behind, the newest group is next.
    #[serde(with = "duration")]
    pub patience: Duration,
}

/// The codecs of this version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// Two layers of video.
    H264,
    /// Pictures one by one.
    Jpeg,
}

impl Default for Camera {
    fn default() -> Self {
        Self { name: None, relay: None, dir: PathBuf::from("agent"), owner: Owner::Viewers, epoch: crate::sealing::EPOCH }
    }
}

impl Default for Encode {
    fn default() -> Self {
        Self { codec: Codec::H264, bitrate: encode::BITRATE / 1000, group: encode::GROUP, quality: 80 }
    }
}

impl Default for Publish {
    fn default() -> Self {
        Self { patience: publish::PATIENCE }
    }
}

impl Encode {
    /// The encoder.
    #[must_use]
    pub const fn encoder(self) -> encode::Config {
        match self.codec {
            Codec::H264 => encode::Config::H264 { rate: encode::Rate::Bitrate(self.bitrate.saturating_mul(1000)), group: self.group },
            Codec::Jpeg => encode::Config::Jpeg { quality: self.quality },
        }
    }
}

impl Config {
    /// Reads the file that a person named, or else [`FILE`] where there is one, or else takes the defaults.
    ///
    /// # Errors
    /// Every problem of the file, each with its line and key.
    pub fn load(named: Option<&Path>) -> Result<Self, Problems> {
        let usual = Path::new(FILE);
        let mut config: Self = settings::load_or_default(named, usual)?;
        let folder = named.unwrap_or(usual).parent().unwrap_or(Path::new(""));
        config.file = named.or(Some(usual).filter(|usual| usual.exists())).map(Path::to_owned);
        config.camera.dir = folder.join(&config.camera.dir);
        config.source.path = config.source.path.map(|path| if source::is_stdin(&path) { path } else { folder.join(path) });
        config.source.credentials = config.source.credentials.map(|path| folder.join(path));
        config.detect.model = config.detect.model.map(|path| folder.join(path));
        Ok(config)
    }

    /// The camera's name, if the file says one.
    #[must_use]
    pub fn name(&self) -> Option<Name> {
        self.camera.name.as_ref().and_then(|name| name.parse().ok())
    }

    /// The relay, if the file says one.
    #[must_use]
    pub fn relay(&self) -> Option<Relay> {
        self.camera.relay.as_ref().and_then(|relay| relay.parse().ok())
    }

    /// The detector, where faces are looked for.
    #[must_use]
    pub fn detector(&self) -> Option<Arc<dyn Model>> {
        self.detect.on.then(|| Arc::new(self.detect.model()) as Arc<dyn Model>)
    }

    /// The same with the masks of another: mode, fill, areas and zones.
    #[must_use]
    pub fn masked_as(&self, other: &Self) -> Self {
        Self { masking: other.masking, mask: other.mask.clone(), zone: other.zone.clone(), ..self.clone() }
    }

    /// The labels of the fixed masks in their order, and the built-in ones.
    #[must_use]
    pub fn labels(&self) -> Labels {
        // Checked in `validate`.
        Labels::new(masks::names(&self.mask)).unwrap_or_default()
    }
}

impl Validate for Config {
    fn validate(&self, check: &mut Check<'_>) {
        check.within("camera", |check| self.camera.validate(check));
        check.within("source", |check| self.source.validate(check));
        check.within("detect", |check| self.detect.validate(check));
        check.ensure(!masks::too_many(self.mask.len()), "mask", "there are more than 64 areas");
        check.ensure(!masks::too_many(self.zone.len()), "zone", "there are more than 64 zones");
        match self.masking.mode {
            Mode::Inverse => {
                let text = "this key is missing: the mode \"inverse\" hides all but the zones; \"all\" hides everything";
                check.ensure(!self.zone.is_empty(), "zone", text);
            }
            Mode::Masks | Mode::All => check.ensure(self.zone.is_empty(), "zone", "zones are for masking.mode = \"inverse\" alone"),
        }
        for (index, mask) in self.mask.iter().enumerate() {
            check.entry("mask", index, |check| mask.validate(check));
        }
        for (index, zone) in self.zone.iter().enumerate() {
            check.entry("zone", index, |check| zone.validate(check));
        }
        if let Err(wire::label::NotLabels::TooMany) = Labels::new(masks::names(&self.mask)) {
            check.wrong("mask", "there are more than 8 labels: name areas that are hidden for the same reason alike");
        }
        check.within("encode", |check| self.encode.validate(check));
        check.within("publish", |check| {
            let within = (Duration::from_millis(100)..=Duration::from_secs(60)).contains(&self.publish.patience);
            check.ensure(within, "patience", "a patience is from 100ms to 60s: live pictures may be late by it");
        });
        check.within("spool", |check| self.spool.validate(check));
    }
}

impl Validate for Encode {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure((1..=100).contains(&self.quality), "quality", "a quality is from 1 to 100");
        let (rate, length) = ((100..=50_000).contains(&self.bitrate), Duration::from_millis(200)..=Duration::from_secs(10));
        check.ensure(rate, "bitrate", "a bitrate is from 100 to 50000 kbit/s");
        check.ensure(length.contains(&self.group), "group", "a group lasts from 200ms to 10s");
        // A relay keeps the newest 8 MB of a camera, for viewers who come in the middle of a group; each frame counts twice there.
        let kilobits = u64::from(self.bitrate).saturating_mul(u64::try_from(self.group.as_millis()).unwrap_or(u64::MAX)) / 1000;
        check.ensure(
            !rate || kilobits <= GROUP_KILOBITS,
            "group",
            "so much video does not fit into one group at a relay: bitrate (in kbit/s) times group (in seconds) must be 24000 at most",
        );
    }
}

impl Validate for Camera {
    fn validate(&self, check: &mut Check<'_>) {
        if let Some(Err(error)) = self.name.as_ref().map(|name| name.parse::<Name>()) {
            check.wrong("name", error.to_string());
        }
        if let Some(Err(error)) = self.relay.as_ref().map(|relay| relay.parse::<Relay>()) {
            check.wrong("relay", error.to_string());
        }
        let within = (Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&self.epoch);
        check.ensure(within, "epoch", "an epoch lasts from 1s to 1h");
    }
}

#[cfg(test)]
mod tests;
