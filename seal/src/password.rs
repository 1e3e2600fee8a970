//! From a password to the two secrets that it stands for. What it costs to guess one is fixed by the version of the format: no file and
//! no relay can lower it.

use std::fmt;
use std::net::Ipv6Addr;

use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, Zeroizing};
use zxcvbn::{Score, zxcvbn};

use wire::id::{Digest, Name};

use crate::keys::{Master, domain};
use crate::secret::{NoRandomness, Secret, fill_random};

/// How many characters a new password needs.
pub const MIN_CHARACTERS: usize = 12;

/// How long a password may be, in bytes of UTF-8.
pub const MAX_BYTES: usize = 1024;

/// What one guess costs. Private: the numbers belong to the version of the format.
struct Cost {
    /// PBKDF2-HMAC-SHA256 (RFC 8018).
    rounds: u32,
    /// scrypt (RFC 7914).
    scrypt: scrypt::Params,
}

/// Version 1: 600,000 rounds, then N = 2^17, r = 8, p = 1 (128 MiB).
const COST: Cost = Cost { rounds: 600_000, scrypt: scrypt::Params::RECOMMENDED };

// The library may recommend more one day; the format does not follow it.
const _: () = {
    use scrypt::Params;
    assert!(Params::RECOMMENDED_LOG_N == 17 && Params::RECOMMENDED_R == 8 && Params::RECOMMENDED_P == 1);
};

/// Why a text cannot be a password at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a password of more than {MAX_BYTES} bytes: this is probably the wrong file")]
pub struct TooLong;

/// Why a new password is refused. Says what to do, never a part of the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Too few characters.
    #[error(
        "the password has {0} characters, {MIN_CHARACTERS} are needed: four or five words that do not belong together are easy to keep"
    )]
    Short(usize),
    /// Too easy to guess.
    #[error("the password is too easy to guess: {0}")]
    Guessable(String),
}

/// A host that no salt can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a relay's host name: lower case, without port and scheme, international names in their xn-- form")]
pub struct NotAHost;

/// What keeps two people with one password apart. Public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Salt(pub [u8; 32]);

impl Salt {
    /// Random, for an identity file.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut salt = [0; 32];
        fill_random(&mut salt)?;
        Ok(Self(salt))
    }

    /// An account's: SHA-256("celosia salt v1" ‖ 0x00 ‖ host ‖ 0x00 ‖ account name). Nobody has to be asked for it, so nobody can
    /// hand out a weak one.
    ///
    /// # Errors
    /// When `host` is not in its one form: lower case, IDNA A-labels, no port.
    pub fn account(host: &str, account: &Name) -> Result<Self, NotAHost> {
        if !is_canonical(host) {
            return Err(NotAHost);
        }
        Ok(Self(Digest::of(&[domain::SALT, &[0], host.as_bytes(), &[0], account.as_str().as_bytes()]).0))
    }
}

/// A password as it was typed, in NFC. Erased when dropped, never printed.
pub struct Password(Zeroizing<String>);

impl PartialEq for Password {
    /// Whether the same was typed twice.
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl Password {
    /// Takes what was typed and erases the original.
    ///
    /// # Errors
    /// When it is longer than [`MAX_BYTES`].
    pub fn new(mut typed: String) -> Result<Self, TooLong> {
        let result = Self::normalised(&typed);
        typed.zeroize();
        result
    }

    fn normalised(typed: &str) -> Result<Self, TooLong> {
        if typed.len() > MAX_BYTES {
            return Err(TooLong);
        }
        // NFC makes UTF-8 at most three times as long (UAX #15): the text never moves, so it leaves no copy behind.
        let mut text = Zeroizing::new(String::with_capacity(3 * typed.len()));
        text.extend(typed.nfc());
        Ok(Self(text))
    }

    /// Whether it may be chosen as a new password. `known` is what a guesser tries first: the account's name, the relay's.
    ///
    /// # Errors
    /// When it is too short or too easy to guess.
    pub fn check(&self, known: &[&str]) -> Result<(), Weak> {
        let characters = self.0.chars().count();
        if characters < MIN_CHARACTERS {
            return Err(Weak::Short(characters));
        }
        let entropy = zxcvbn(&self.0, known);
        if entropy.score() >= Score::Four {
            return Ok(());
        }
        let advice = entropy.feedback().map(|feedback| {
            let warning = feedback.warning().map(|warning| warning.to_string());
            warning.into_iter().chain(feedback.suggestions().iter().map(ToString::to_string)).collect::<Vec<_>>().join(" ")
        });
        let advice = advice.filter(|advice| !advice.is_empty());
        Err(Weak::Guessable(advice.unwrap_or_else(|| "Add another word or two that have nothing to do with the others.".to_owned())))
    }

    /// Stretches it: about half a second and 128 MiB, on purpose. Not for a thread that others wait for.
    #[must_use]
    pub fn stretch(&self, salt: &Salt) -> Master {
        self.stretch_at(&COST, salt)
    }

    /// The same at next to no cost: for tests that are about something else. What it gives opens nothing that [`Self::stretch`] closed.
    #[cfg(any(test, feature = "dev_insecure_cheap"))]
    #[must_use]
    pub fn dev_insecure_stretch(&self, salt: &Salt) -> Master {
        self.stretch_at(&Cost { rounds: 1, scrypt: scrypt::Params::new(1, 1, 1).unwrap_or(COST.scrypt) }, salt)
    }

    #[allow(clippy::expect_used, reason = "scrypt refuses empty outputs and those above 2^37 bytes only, and this one is 32")]
    fn stretch_at(&self, cost: &Cost, salt: &Salt) -> Master {
        let stretched = Secret::filled(|out| pbkdf2::pbkdf2_hmac::<Sha256>(self.0.as_bytes(), &salt.0, cost.rounds, out.as_mut_slice()));
        Master::from_secret(Secret::filled(|out| {
            scrypt::scrypt(stretched.expose(), &salt.0, &cost.scrypt, out.as_mut_slice()).expect("32 bytes are a valid length");
        }))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Whether a host is in the form that a salt is made of, so that the address bar and the command line give the same.
fn is_canonical(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == inside);
    }
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
    host.len() <= 253 && host.split('.').all(|part| !part.is_empty() && part.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn password(text: &str) -> Password {
        Password::new(text.to_owned()).unwrap()
    }

    #[test]
    fn the_real_cost_has_the_real_numbers() {
        assert_eq!(COST.rounds, 600_000);
        assert_eq!(COST.scrypt, scrypt::Params::new(17, 8, 1).unwrap());
        let cheap = password("a").dev_insecure_stretch(&Salt([0; 32]));
        assert_ne!(cheap, password("a").stretch(&Salt([0; 32])), "a cheap key is never a real one");
    }

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/passwords.json"), |vector| {
            let salt = Salt::account(vector.text("host"), &vector.text("account").parse().unwrap()).unwrap();
            assert_eq!(salt.0, vector.array("salt"));
            let master = password(vector.text("password")).stretch(&salt);
            assert_eq!(*master.expose(), vector.array("master"));
            assert_eq!(*master.sign_in_secret().expose(), vector.array("sign_in_secret"));
            assert_eq!(*master.unlock_key().expose(), vector.array("unlock_key"));
        });
    }

    #[test]
    fn passwords_are_the_same_however_the_accents_were_typed() {
        let salt = Salt([1; 32]);
        let master = |text| password(text).dev_insecure_stretch(&salt);
        assert_eq!(master("celos\u{ed}a"), master("celosi\u{301}a"));
        assert_ne!(master("celosía"), master("celosia"));
        assert_ne!(master("celosia"), password("celosia").dev_insecure_stretch(&Salt([2; 32])), "the salt counts");
    }

    #[test]
    fn normalising_never_moves_the_text() {
        // The characters that grow most under NFC, from two and three bytes.
        for growing in ["\u{0390}", "\u{1d160}", "\u{fb2c}", "\u{0958}", "\u{1f82}"] {
            let typed = growing.repeat(MAX_BYTES / growing.len());
            assert!(typed.nfc().map(char::len_utf8).sum::<usize>() <= 3 * typed.len(), "{growing:?}");
        }
    }

    #[test]
    fn weak_passwords_are_refused_with_a_sentence() {
        assert_eq!(password("Tr0ub4dor&3").check(&[]), Err(Weak::Short(11)));
        assert!(matches!(password("celosía celo").check(&[]), Err(Weak::Guessable(_)) | Ok(())), "12 characters, not bytes");
        for (weak, known) in
            [("password12345678", &[][..]), ("aaaaaaaaaaaaaaaa", &[]), ("qwertyuiop1234", &[]), ("front-door-front-door", &["front-door"])]
        {
            let sentence = password(weak).check(known).unwrap_err().to_string();
            assert!(sentence.len() > 40 && !sentence.contains(weak), "{sentence}");
        }
        assert_eq!(password("plough candle orbit thistle").check(&["front-door"]), Ok(()));
    }

    #[test]
    fn a_password_is_capped_and_never_printed() {
        assert_eq!(Password::new("x".repeat(MAX_BYTES + 1)).unwrap_err(), TooLong);
        assert_eq!(format!("{:?}", password("plough candle")), "Password(..)");
    }

    #[test]
    fn a_salt_is_made_of_one_form_of_the_host_only() {
        let account: Name = "guard".parse().unwrap();
        for host in ["relay.example.org", "localhost", "127.0.0.1", "[::1]", "xn--celosa-5va.example", "my_host"] {
            assert!(Salt::account(host, &account).is_ok(), "{host}");
        }
        for host in [
            "",
            "Relay.example.org",
            "relay.example.org:4433",
            "https://relay",
            "relay.",
            ".relay",
            "a..b",
            "celosía.es",
            "[::1]:1",
            "[0::1]",
            "a b",
        ] {
            assert_eq!(Salt::account(host, &account), Err(NotAHost), "{host}");
        }
        assert_ne!(Salt::account("a.example", &account), Salt::account("b.example", &account));
    }
}
