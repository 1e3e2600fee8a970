//! The relay's folder: what lies where.
//!
//! ```text
//! relay.toml         the configuration
//! roster.redb        cameras and invitations
//! accounts.redb      people: accounts and sessions
//! log.redb           who was handed what, and what was changed
//! admin.sock         where commands reach the running relay
//! archive/           recordings
//! pki/root.crt       the operator's root, for everybody
//! pki/root.crl       the root's list of revoked issuing CAs
//! pki/issuing.crt    the issuing CA, and pki/issuing.key
//! pki/server.pem     server key and chain, in one file so that renewal replaces both or neither
//! pki/relay.crt      the relay key's certificate, and pki/relay.key
//! root/root.key      the root key, until somebody moves it offline
//! ```

use std::path::{Path, PathBuf};

/// The folder of one relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder(PathBuf);

impl Folder {
    /// The relay's folder at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The configuration, as `init` writes it.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("relay.toml")
    }

    /// The database of cameras and invitations.
    #[must_use]
    pub fn roster(&self) -> PathBuf {
        self.0.join("roster.redb")
    }

    /// The database of accounts and sessions.
    #[must_use]
    pub fn accounts(&self) -> PathBuf {
        self.0.join("accounts.redb")
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("log.redb")
    }

    /// The socket for commands.
    #[must_use]
    pub fn admin_socket(&self) -> PathBuf {
        self.0.join("admin.sock")
    }

    /// The recordings.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        self.0.join("archive")
    }

    /// Where the root key lies if `init` was not told otherwise.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    /// A file among certificates and keys.
    #[must_use]
    pub fn pki(&self, file: Pki) -> PathBuf {
        self.0.join(PKI).join(file.name())
    }

    /// The folder of certificates and keys.
    #[must_use]
    pub fn pki_folder(&self) -> PathBuf {
        self.0.join(PKI)
    }
}

const PKI: &str = "pki";

/// The file of the root key, in the folder that `init` was given for it.
pub const ROOT_KEY: &str = "root.key";

/// A file among certificates and keys, all in PEM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pki {
    /// The root's certificate.
    RootCertificate,
    /// The root's revocation list.
    RootCrl,
    /// The issuing CA's certificate.
    IssuingCertificate,
    /// The issuing CA's key.
    IssuingKey,
    /// The server's key, then its chain.
    Server,
    /// The relay key's certificate.
    RelayCertificate,
    /// The relay key.
    RelayKey,
}

impl Pki {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::RootCertificate,
        Self::RootCrl,
        Self::IssuingCertificate,
        Self::IssuingKey,
        Self::Server,
        Self::RelayCertificate,
        Self::RelayKey,
    ];

    /// Its name in the folder.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RootCertificate => "root.crt",
            Self::RootCrl => "root.crl",
            Self::IssuingCertificate => "issuing.crt",
            Self::IssuingKey => "issuing.key",
            Self::Server => "server.pem",
            Self::RelayCertificate => "relay.crt",
            Self::RelayKey => "relay.key",
        }
    }

    /// Whether it holds a private key, which nobody else may read.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::IssuingKey | Self::Server | Self::RelayKey)
    }
}
