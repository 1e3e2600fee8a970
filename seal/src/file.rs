//! An identity file: a viewer's keys without an account, wrapped under a password. Text in, text out; programs do the writing.
//!
//! The file names no costs: those of the password belong to the format's version, and a file that names any is refused.

use data_encoding::BASE64;
use serde::Deserialize;

use wire::id::ViewerKeys;

use crate::identity::{Identity, Wraps};
use crate::keys::UnlockKey;
use crate::password::{Password, Salt};
use crate::public::{self, PublicIdentity};
use crate::secret::NoRandomness;
use crate::wrap::{self, Wrapped};

/// No identity file is longer than this, in bytes. Read one byte more to notice a longer one, and no further.
pub const MAX_FILE: usize = 4096;

const VERSION: i64 = 1;

/// Why an identity file was not read or unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error("not an identity file: {0}. The file is written by `viewer keygen` and has no settings: restore it from a copy")]
    NotAnIdentity(String),
    /// A later version's.
    #[error("an identity file of version {0}, which this version does not know: update this program")]
    Version(i64),
    /// The public keys in it are no keys.
    #[error("the identity file was changed: {0}")]
    Public(#[from] public::Error),
    /// The password, or what it protects.
    #[error(transparent)]
    Wrap(#[from] wrap::Error),
}

impl From<NoRandomness> for Error {
    fn from(error: NoRandomness) -> Self {
        Self::Wrap(error.into())
    }
}

/// What an identity file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityFile {
    salt: Salt,
    public: PublicIdentity,
    wraps: Wraps,
}

impl IdentityFile {
    /// Wraps an identity under a password, with a new salt. As slow as [`Password::stretch`].
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn lock(identity: &Identity, password: &Password) -> Result<Self, Error> {
        let salt = Salt::random()?;
        Self::lock_under(identity, salt, &password.stretch(&salt).unlock_key())
    }

    /// The identity, for whoever knows the password. As slow as [`Password::stretch`].
    ///
    /// # Errors
    /// When the password is wrong or anything in the file was changed.
    pub fn unlock(&self, password: &Password) -> Result<Identity, Error> {
        self.unlock_under(&password.stretch(&self.salt).unlock_key())
    }

    /// As [`Self::lock`], the password already stretched with `salt`.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn lock_under(identity: &Identity, salt: Salt, unlock: &UnlockKey) -> Result<Self, Error> {
        Ok(Self { salt, public: PublicIdentity::new(identity.public())?, wraps: identity.wrap(unlock)? })
    }

    /// As [`Self::unlock`], the password already stretched with [`Self::salt`].
    ///
    /// # Errors
    /// When the unlock key is another one or anything in the file was changed.
    pub fn unlock_under(&self, unlock: &UnlockKey) -> Result<Identity, Error> {
        Ok(self.wraps.open(unlock, self.public.keys())?)
    }

    /// What the password is stretched with.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// Whose it is; readable without the password, and not to be believed before it has been unlocked.
    #[must_use]
    pub const fn public(&self) -> &PublicIdentity {
        &self.public
    }

    /// The file's text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let keys = self.public.keys();
        format!(
            "# A viewer's identity. The private keys in it open with its password only, and nobody can restore them: keep a copy.\n\
             # Give this line to a camera's owner to be granted something:\n\
             # {public}\n\
             \n\
             version = {VERSION}\n\
             salt = \"{salt}\"\n\
             \n\
             [exchange]\n\
             public = \"{exchange}\"\n\
             wrapped = \"{exchange_wrapped}\"\n\
             \n\
             [signing]\n\
             public = \"{signing}\"\n\
             wrapped = \"{signing_wrapped}\"\n",
            public = self.public,
            salt = BASE64.encode(&self.salt.0),
            exchange = BASE64.encode(&keys.exchange),
            exchange_wrapped = BASE64.encode(&self.wraps.exchange.to_bytes()),
            signing = BASE64.encode(&keys.signing),
            signing_wrapped = BASE64.encode(&self.wraps.signing.to_bytes()),
        )
    }

    /// Reads a file's bytes.
    ///
    /// # Errors
    /// When they are too many, are not an identity file of this version, or the file says more than one may (costs, above all).
    pub fn from_toml(bytes: &[u8]) -> Result<Self, Error> {
        let not = |why: &str| Error::NotAnIdentity(why.to_owned());
        if bytes.len() > MAX_FILE {
            return Err(not("it is too long"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| not("it is not text"))?;
        // The version first: a later one may have other fields.
        let version = toml::from_str::<Versioned>(text).map_err(|error| not(error.message()))?.version;
        if version != VERSION {
            return Err(Error::Version(version));
        }
        let fields: Fields = toml::from_str(text).map_err(|error| not(error.message()))?;
        let wrapped = |text: &str| Wrapped::from_bytes(&BASE64.decode(text.as_bytes()).ok()?);
        let both = |pair: &Pair| Some((array(&pair.public)?, wrapped(&pair.wrapped)?));
        let salt = array(&fields.salt).ok_or_else(|| not("the salt is damaged"))?;
        let (exchange, exchange_wrapped) = both(&fields.exchange).ok_or_else(|| not("the exchange key is damaged"))?;
        let (signing, signing_wrapped) = both(&fields.signing).ok_or_else(|| not("the signing key is damaged"))?;
        Ok(Self {
            salt: Salt(salt),
            public: PublicIdentity::new(ViewerKeys { exchange, signing })?,
            wraps: Wraps { exchange: exchange_wrapped, signing: signing_wrapped },
        })
    }
}

#[derive(Deserialize)]
struct Versioned {
    version: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    #[serde(rename = "version")]
    _version: i64,
    salt: String,
    exchange: Pair,
    signing: Pair,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    public: String,
    wrapped: String,
}

fn array(text: &str) -> Option<[u8; 32]> {
    BASE64.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    /// A file that opens under `plough` at the cheap cost.
    fn cheap() -> (Identity, IdentityFile) {
        let identity = Identity::generate().unwrap();
        let salt = Salt::random().unwrap();
        let unlock = password("plough").dev_insecure_stretch(&salt).unlock_key();
        let file = IdentityFile::lock_under(&identity, salt, &unlock).unwrap();
        (identity, file)
    }

    fn unlock_cheaply(file: &IdentityFile, text: &str) -> Result<Identity, Error> {
        file.unlock_under(&password(text).dev_insecure_stretch(&file.salt()).unlock_key())
    }

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/identity-files.json"), |vector| {
            let file = IdentityFile::from_toml(vector.text("file").as_bytes());
            if let Some(why) = vector.optional("refused") {
                assert!(file.is_err(), "{why}");
                return;
            }
            let file = file.unwrap();
            assert_eq!(file.public().to_string(), vector.text("keys"));
            let unlock = password(vector.text("password")).stretch(&file.salt()).unlock_key();
            assert_eq!(*unlock.expose(), vector.array("unlock_key"));
            let identity = file.unlock_under(&unlock).unwrap();
            assert_eq!(*identity.exchange().as_bytes(), vector.array("exchange_private"));
            assert_eq!(*identity.signing().as_bytes(), vector.array("signing_private"));
        });
    }

    #[test]
    fn a_file_opens_with_its_password_at_the_real_cost() {
        let identity = Identity::generate().unwrap();
        let locked = IdentityFile::lock(&identity, &password("plough candle orbit")).unwrap();
        let read = IdentityFile::from_toml(locked.to_toml().as_bytes()).unwrap();
        assert_eq!(read, locked);
        let unlocked = read.unlock(&password("plough candle orbit")).unwrap();
        assert_eq!(unlocked.public(), identity.public());
        assert_eq!(unlocked.exchange().as_bytes(), identity.exchange().as_bytes());
        assert_eq!(unlocked.signing().as_bytes(), identity.signing().as_bytes());
        assert_eq!(format!("{unlocked:?}"), format!("Identity({})", identity.public().fingerprint().short()));
    }

    #[test]
    fn attack_guess() {
        let (identity, file) = cheap();
        assert_eq!(unlock_cheaply(&file, "candle").unwrap_err(), Error::Wrap(wrap::Error::Refused));
        assert_eq!(unlock_cheaply(&file, "plough").unwrap().public(), identity.public(), "control");
    }

    #[test]
    fn attack_name_cheaper_costs_in_the_file() {
        let text = cheap().1.to_toml();
        assert!(IdentityFile::from_toml(text.as_bytes()).is_ok(), "control");
        for line in
            ["rounds = 1", "iterations = 1", "kdf = \"none\"", "n = 2", "scrypt = { n = 2, r = 1, p = 1 }", "[cost]\nn = 2", "[password]"]
        {
            let at_the_top = format!("{line}\n{text}");
            let at_the_end = format!("{text}\n{line}\n");
            for changed in [at_the_top, at_the_end] {
                let error = IdentityFile::from_toml(changed.as_bytes()).unwrap_err();
                assert!(matches!(error, Error::NotAnIdentity(_)), "{line}: {error}");
            }
        }
    }

    #[test]
    fn attack_flip_any_bit_of_the_file() {
        let (identity, file) = cheap();
        let text = file.to_toml();
        let comments = text.find("version").unwrap();
        assert_eq!(unlock_cheaply(&file, "plough").unwrap().public(), identity.public(), "control");
        for bit in 0..text.len() * 8 {
            let mut changed = text.clone().into_bytes();
            changed[bit / 8] ^= 1 << (bit % 8);
            let Ok(parsed) = IdentityFile::from_toml(&changed) else { continue };
            if parsed == file {
                // Comments, and the layout between the values: nothing was changed.
                let place = text.as_bytes()[bit / 8];
                assert!(bit / 8 < comments || place.is_ascii_whitespace(), "bit {bit} of {:?} does not count", char::from(place));
                continue;
            }
            assert_eq!(unlock_cheaply(&parsed, "plough").unwrap_err(), Error::Wrap(wrap::Error::Refused), "bit {bit}");
        }
    }

    #[test]
    fn attack_exchange_parts_of_two_files() {
        // One password and one salt, so nothing but the binding of each wrap can notice.
        let (one, file) = cheap();
        let unlock = password("plough").dev_insecure_stretch(&file.salt()).unlock_key();
        let other = IdentityFile::lock_under(&Identity::generate().unwrap(), file.salt(), &unlock).unwrap();
        let refused = Error::Wrap(wrap::Error::Refused);
        let exchange = IdentityFile { wraps: Wraps { exchange: other.wraps.exchange.clone(), ..file.wraps.clone() }, ..file.clone() };
        let crossed = Wraps { exchange: file.wraps.signing.clone(), signing: file.wraps.exchange.clone() };
        let crossed = IdentityFile { wraps: crossed, ..file.clone() };
        let public = IdentityFile { public: other.public, ..file.clone() };
        for (attack, forged) in [("the other's exchange key", exchange), ("its two keys", crossed), ("the other's public keys", public)] {
            assert_eq!(forged.unlock_under(&unlock).unwrap_err(), refused, "{attack}");
        }
        assert_eq!(file.unlock_under(&unlock).unwrap().public(), one.public(), "control");
    }

    #[test]
    fn attack_wrap_other_keys_than_the_file_names() {
        // Whoever knows the password can wrap anything under any name: the keys themselves are checked too.
        let (identity, file) = cheap();
        let unlock = password("plough").dev_insecure_stretch(&file.salt()).unlock_key();
        let fingerprint = identity.public().fingerprint();
        let wraps = Wraps { exchange: Wrapped::new(&unlock, wrap::Kind::Exchange, fingerprint, &[5; 32]).unwrap(), ..file.wraps.clone() };
        let forged = IdentityFile { wraps, ..file };
        assert_eq!(forged.unlock_under(&unlock).unwrap_err(), Error::Wrap(wrap::Error::OtherKeys));
    }

    #[test]
    fn other_files_are_refused_by_name() {
        let text = cheap().1.to_toml();
        let parse = |text: &str| IdentityFile::from_toml(text.as_bytes()).unwrap_err();
        assert_eq!(parse(&text.replace("version = 1", "version = 2\nnew = true")), Error::Version(2));
        assert!(parse("").to_string().contains("version"));
        assert!(parse(&format!("{text}{}", "#".repeat(MAX_FILE))).to_string().contains("too long"));
        assert!(IdentityFile::from_toml(&[0xff; 8]).unwrap_err().to_string().contains("not text"));
        let weak = text
            .lines()
            .map(|line| if line.starts_with("public") { "public = \"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"" } else { line });
        assert_eq!(parse(&weak.collect::<Vec<_>>().join("\n")), Error::Public(public::Error::Weak));
        let text = text.lines().map(|line| if line.starts_with("salt") { "salt = \"AAAA\"" } else { line });
        assert!(parse(&text.collect::<Vec<_>>().join("\n")).to_string().contains("salt"));
    }
}
