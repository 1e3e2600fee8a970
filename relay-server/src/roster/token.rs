//! One-time tokens: 128 random bits that a person carries from the relay to the camera's machine.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest as _, Sha256};

/// A one-time token. Shown once, never stored: the roster keeps its [`TokenHash`].
///
/// Written in groups of four, `abcd-efgh-…`; read with or without hyphens and spaces, in either case.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 16]);

/// SHA-256 of a token. The database is searched by this, so that the time of a search tells nothing about any token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// Text that is not a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a token: 26 letters and digits (a-z, 2-7) are needed, as `relay-server camera invite` prints them")]
pub struct NotAToken;

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// When the operating system gives no random numbers.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// What the roster knows it by.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest([b"celosia invite v1".as_slice(), &self.0].concat()).into())
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = BASE32_NOPAD.encode(&self.0).to_ascii_lowercase();
        for (position, letter) in text.chars().enumerate() {
            if position > 0 && position % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl FromStr for Token {
    type Err = NotAToken;

    fn from_str(text: &str) -> Result<Self, NotAToken> {
        // Twice the written length is more than any honest spacing needs.
        if text.len() > 64 {
            return Err(NotAToken);
        }
        let letters: String = text.chars().filter(|letter| !letter.is_whitespace() && *letter != '-').collect();
        let bytes = BASE32_NOPAD.decode(letters.to_ascii_uppercase().as_bytes()).map_err(|_| NotAToken)?;
        bytes.try_into().map(Self).map_err(|_| NotAToken)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = Token::random().unwrap();
        let shown = token.to_string();
        assert_eq!(shown.len(), 32, "{shown}");
        for text in [shown.clone(), shown.to_uppercase(), shown.replace('-', " "), shown.replace('-', "")] {
            assert_eq!(text.parse(), Ok(token.clone()), "{text}");
        }
        for bad in ["", "abcd", &shown[1..], &format!("{shown}a"), &"a".repeat(1000), "é"] {
            assert_eq!(bad.parse::<Token>(), Err(NotAToken), "{bad}");
        }
    }

    #[test]
    fn a_token_does_not_show_itself() {
        let token = Token::random().unwrap();
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert_ne!(Token::random().unwrap(), token);
    }
}
