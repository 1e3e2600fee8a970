//! People with keys. A password costs half a second of processor time, so only who needs one has one.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use link::file;
use seal::file::IdentityFile;
use seal::identity::Identity;
use seal::keys::UnlockKey;
use seal::password::{Password, Salt};
use seal::secret::Secret;
use wire::id::ViewerKeys;

/// A password that is long and odd enough.
pub const PASSWORD: &str = "plough candle orbit 71 heron";

/// Somebody with a pair of keys.
#[derive(Debug)]
pub struct Person {
    exchange: Secret,
    signing: Secret,
}

impl Default for Person {
    fn default() -> Self {
        Self::new()
    }
}

impl Person {
    /// With new keys.
    #[must_use]
    pub fn new() -> Self {
        Self { exchange: Secret::random().unwrap(), signing: Secret::random().unwrap() }
    }

    /// The keys, as a viewer holds them while it runs.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity::from_secrets(&self.exchange, &self.signing)
    }

    /// What a camera's owner is given.
    #[must_use]
    pub fn public(&self) -> ViewerKeys {
        self.identity().public()
    }

    /// The private keys themselves, to be searched for where they must not be.
    #[must_use]
    pub fn secrets(&self) -> [[u8; 32]; 2] {
        [*self.exchange.expose(), *self.signing.expose()]
    }

    /// Writes an identity file that opens with [`PASSWORD`], and the password into a file beside it. All files of one run share a salt, so
    /// that the password is stretched once.
    #[must_use]
    pub fn keep(&self, file: &Path) -> PathBuf {
        static STRETCHED: OnceLock<(Salt, UnlockKey)> = OnceLock::new();
        let (salt, unlock) = STRETCHED.get_or_init(|| {
            let salt = Salt::random().unwrap();
            let unlock = Password::new(PASSWORD.to_owned()).unwrap().stretch(&salt).unlock_key();
            (salt, unlock)
        });
        let locked = IdentityFile::lock_under(&self.identity(), *salt, unlock).unwrap();
        file::create(file, locked.to_toml().as_bytes(), file::PRIVATE).unwrap();
        let password = file.with_extension("password");
        file::create(&password, format!("{PASSWORD}\n").as_bytes(), file::PRIVATE).unwrap();
        password
    }
}
