//! The relay's configuration: one TOML file, described key by key in `config/relay.toml`.

pub mod accounts;
pub mod browsers;
pub mod limits;
pub mod metrics;
pub mod sharing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use link::settings::{self, Check, Problems, Validate};
use serde::{Deserialize, Serialize};
use wire::id::Name;

use crate::pki::host::Host;

pub use accounts::{Accounts, Log, Registration};
pub use browsers::Browsers;
pub use limits::{Archive, Limits};
pub use metrics::Metrics;
pub use sharing::{Camera, History, SealedAccess, Visible};

/// The annotated file with every key and its default, as `init` writes it.
pub const ANNOTATED: &str = include_str!("../../config/relay.toml");

/// The line of [`ANNOTATED`] that carries the name.
const NAME_LINE: &str = "name = \"localhost\"";

/// A relay's configuration. One that came out of [`Config::load`] is valid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where to listen: UDP for QUIC, TCP for HTTPS, the same port number.
    pub listen: SocketAddr,
    /// The canonical name: what people type, without a port. The first `--name` of `init`.
    name: String,
    /// Where the relay keeps its state; relative to the file's own folder.
    pub dir: PathBuf,
    /// Who is given sealed layers and grants.
    sealed_access: SealedAccess,
    /// Who may have an account.
    pub accounts: Accounts,
    /// The log of hand-outs.
    pub log: Log,
    /// Where the numbers are read.
    pub metrics: Metrics,
    /// The archive's bounds.
    pub archive: Archive,
    /// What strangers and friends may ask of the relay at most.
    pub limits: Limits,
    /// What is said of browsers.
    pub browsers: Browsers,
    /// What is said of single cameras, by name. One that is not here has the defaults.
    camera: BTreeMap<String, Camera>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: link::endpoint::ANY,
            name: String::new(),
            dir: PathBuf::from("."),
            sealed_access: SealedAccess::Granted,
            accounts: Accounts::default(),
            log: Log::default(),
            metrics: Metrics::default(),
            archive: Archive::default(),
            limits: Limits::default(),
            browsers: Browsers::default(),
            camera: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads the file, which must be there.
    ///
    /// # Errors
    /// Every problem of the file, each with its line and key.
    pub fn load(file: &Path) -> Result<Self, Problems> {
        let mut config: Self = settings::load(file)?;
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Collected again, so that no `.` stays in between.
        config.dir = folder.join(&config.dir).components().collect();
        Ok(config)
    }

    /// The defaults, for a relay of this name that keeps its state here.
    #[must_use]
    pub fn new(name: &Host, dir: &Path) -> Self {
        Self { name: name.to_string(), dir: dir.to_owned(), ..Self::default() }
    }

    /// The canonical name, in its one written form (lower case, A-labels).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who is given sealed layers and grants.
    #[must_use]
    pub const fn sealed_access(&self) -> SealedAccess {
        self.sealed_access
    }

    /// Says who is given sealed layers and grants.
    #[must_use]
    pub const fn with_sealed_access(mut self, access: SealedAccess) -> Self {
        self.sealed_access = access;
        self
    }

    /// What is said of a camera.
    #[must_use]
    pub fn camera(&self, name: &Name) -> Camera {
        self.camera.get(name.as_str()).copied().unwrap_or_default()
    }

    /// Says something of a camera.
    #[must_use]
    pub fn with_camera(mut self, name: &Name, camera: Camera) -> Self {
        self.camera.insert(name.to_string(), camera);
        self
    }
}

impl Validate for Config {
    fn validate(&self, check: &mut Check<'_>) {
        match self.name.parse::<Host>() {
            _ if self.name.is_empty() => check.wrong("name", "this key is missing: the host name under which people reach the relay"),
            Err(error) => check.wrong("name", error.to_string()),
            Ok(host) if host.to_string() != self.name => check.wrong("name", format!("write it as {host}: lower case, A-labels")),
            Ok(_) => {}
        }
        check.within("accounts", |check| self.accounts.validate(check));
        check.within("log", |check| self.log.validate(check));
        check.within("archive", |check| self.archive.validate(check));
        check.within("limits", |check| self.limits.validate(check));
        check.within("browsers", |check| self.browsers.validate(check));
        check.within("camera", |check| {
            for (name, camera) in &self.camera {
                if let Err(error) = name.parse::<Name>() {
                    check.wrong(name, error.to_string());
                }
                check.within(name, |check| camera.validate(check));
            }
        });
    }
}

/// The annotated file for a relay of this name.
#[must_use]
pub fn annotated(name: &Host) -> String {
    ANNOTATED.replace(NAME_LINE, &format!("name = \"{name}\""))
}

#[cfg(test)]
mod tests;
