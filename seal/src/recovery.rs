//! A recovery code: what opens an account when its password is forgotten. It is random, so nothing has to be stretched.
//!
//! ```text
//! base32 (RFC 4648, no padding) in 8 groups of 4, of
//! ┌───────────┬───────────────────────────────────────────────────────────────┐
//! │ code (16) │ first 4 of SHA-256("celosia recovery checksum v1" ‖ code)     │   20 bytes, 32 characters
//! └───────────┴───────────────────────────────────────────────────────────────┘
//! ```

use std::fmt;

use data_encoding::BASE32_NOPAD_VISUAL;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::keys::{SignInSecret, UnlockKey, derive, domain};
use crate::secret::{NoRandomness, fill_random};

const CODE: usize = 16;
const CHECKSUM: usize = 4;
const CHARACTERS: usize = 32;

/// A text that is no recovery code. Says nothing about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a recovery code: 8 groups of 4 letters and digits are needed; look for a typing error")]
pub struct NotACode;

/// 128 random bits. Erased when dropped, printed only by [`RecoveryCode::reveal`].
pub struct RecoveryCode(Zeroizing<[u8; CODE]>);

impl RecoveryCode {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, NoRandomness> {
        let mut code = Zeroizing::new([0; CODE]);
        fill_random(code.as_mut_slice())?;
        Ok(Self(code))
    }

    /// What was typed: upper or lower case, grouped in any way. 0, 1 and 8 are read as O, I and B, which they are mistaken for.
    ///
    /// # Errors
    /// When it is not a code, or has a typing error.
    pub fn parse(typed: &str) -> Result<Self, NotACode> {
        let mut characters = Zeroizing::new(Vec::with_capacity(CHARACTERS));
        for byte in typed.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'-') {
            if characters.len() == CHARACTERS {
                return Err(NotACode);
            }
            characters.push(byte.to_ascii_uppercase());
        }
        let bytes = Zeroizing::new(BASE32_NOPAD_VISUAL.decode(&characters).map_err(|_| NotACode)?);
        let (code, sum) = bytes.split_first_chunk::<CODE>().ok_or(NotACode)?;
        let code = Self(Zeroizing::new(*code));
        if bool::from(code.checksum().ct_eq(sum)) { Ok(code) } else { Err(NotACode) }
    }

    /// The code as text, to be shown once.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([self.0.as_slice(), &self.checksum()].concat());
        let plain = Zeroizing::new(BASE32_NOPAD_VISUAL.encode(&bytes));
        let mut text = Zeroizing::new(String::with_capacity(CHARACTERS + CHARACTERS / 4));
        for (place, character) in plain.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    /// For the relay.
    #[must_use]
    pub fn sign_in_secret(&self) -> SignInSecret {
        SignInSecret::from_secret(derive(self.0.as_slice(), domain::RECOVERY_SIGN_IN, &[]))
    }

    /// For the viewer's private keys, in a wrap of their own.
    #[must_use]
    pub fn unlock_key(&self) -> UnlockKey {
        UnlockKey::from_secret(derive(self.0.as_slice(), domain::RECOVERY_UNLOCK, &[]))
    }

    fn checksum(&self) -> [u8; CHECKSUM] {
        let [a, b, c, d, ..] = Sha256::new().chain_update(domain::RECOVERY_CHECKSUM).chain_update(self.0.as_slice()).finalize().0;
        [a, b, c, d]
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_vectors_hold() {
        crate::vectors::each(include_str!("../vectors/recovery.json"), |vector| {
            let code = RecoveryCode(Zeroizing::new(vector.array("code")));
            assert_eq!(code.reveal().as_str(), vector.text("text"));
            assert_eq!(*code.sign_in_secret().expose(), vector.array("sign_in_secret"));
            assert_eq!(*code.unlock_key().expose(), vector.array("unlock_key"));
            assert_eq!(*RecoveryCode::parse(vector.text("text")).unwrap().0, vector.array("code"));
        });
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code = RecoveryCode(Zeroizing::new([0xe7; CODE]));
        let text = code.reveal();
        for typed in [text.to_lowercase(), text.replace('-', ""), text.replace('-', " "), format!("  {}\n", text.as_str())] {
            assert_eq!(*RecoveryCode::parse(&typed).unwrap().0, *code.0, "{typed}");
        }
        assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
    }

    #[test]
    fn typing_errors_are_noticed() {
        let text = RecoveryCode::random().unwrap().reveal();
        for place in (0..text.len()).filter(|place| &text[*place..=*place] != "-") {
            let wrong = if &text[place..=place] == "A" { "C" } else { "A" };
            assert!(RecoveryCode::parse(&format!("{}{wrong}{}", &text[..place], &text[place + 1..])).is_err());
            assert!(RecoveryCode::parse(&format!("{}{}", &text[..place], &text[place + 1..])).is_err());
        }
        assert!(RecoveryCode::parse(&format!("{}A", text.as_str())).is_err());
        assert!(RecoveryCode::parse(&"A".repeat(1 << 20)).is_err());
        assert!(RecoveryCode::parse(&text).is_ok(), "control");
    }
}
