//! Who is shown what.

use std::fmt;
use std::time::Duration;

use link::settings::{Check, Validate};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// Who is given sealed layers and grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SealedAccess {
    /// Whoever asks: only the keys protect them.
    Anyone,
    /// Signed-in accounts that hold a grant.
    #[default]
    Granted,
}

/// Who may watch a camera's public layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Visible {
    /// Everyone.
    #[default]
    Public,
    /// Whoever has an account.
    Accounts,
    /// Accounts that hold a grant of the camera's newest epoch.
    Named,
}

impl fmt::Display for Visible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Accounts => "accounts",
            Self::Named => "named",
        })
    }
}

/// How far back everyone may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum History {
    /// Live only.
    #[default]
    None,
    /// The last so much.
    For(Duration),
}

/// What is said of one camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Camera {
    /// Who may watch.
    pub visible: Visible,
    /// How far back.
    pub public_history: History,
}

impl Validate for Camera {
    fn validate(&self, check: &mut Check<'_>) {
        check.ensure(self.public_history != History::For(Duration::ZERO), "public_history", "no time at all is written \"none\"");
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::For(duration) => serializer.collect_str(&humantime::format_duration(*duration)),
        }
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = History;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"none\" or a duration such as \"24h\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<History, E> {
                if text == "none" {
                    return Ok(History::None);
                }
                humantime::parse_duration(text)
                    .map(History::For)
                    .map_err(|error| E::custom(format!("\"none\" or a duration such as \"24h\" is expected here ({error})")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
