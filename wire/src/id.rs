//! Names that are numbers: cameras, viewers, sessions, digests.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

/// Text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 64 hexadecimal digits are needed")]
pub struct NotAnId;

macro_rules! id32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first ten hexadecimal digits, for people who compare at a glance.
            #[must_use]
            pub fn short(&self) -> String {
                let mut text = self.to_string();
                text.truncate(10);
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let lower = text.trim().to_ascii_lowercase();
                let bytes = HEXLOWER.decode(lower.as_bytes()).map_err(|_| NotAnId)?;
                <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| NotAnId)
            }
        }
    };
}

id32! {
    /// A camera: its Ed25519 public key (RFC 8032).
    CameraId
}

id32! {
    /// A viewer's pair of public keys in short: `SHA-256("celosia viewer v1" ‖ X25519 public ‖ Ed25519 public)`.
    Fingerprint
}

id32! {
    /// A SHA-256 digest (FIPS 180-4).
    Digest
}

impl Digest {
    /// What stands where nothing precedes.
    pub const ZERO: Self = Self([0; 32]);

    /// SHA-256 of the parts, one after the other.
    #[must_use]
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// A viewer's public keys: what an owner needs to name somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewerKeys {
    /// X25519 (RFC 7748): receives grants.
    pub exchange: [u8; 32],
    /// Ed25519 (RFC 8032): signs what an owner does.
    pub signing: [u8; 32],
}

impl ViewerKeys {
    /// Their fingerprint, which is also the "recipient" of a grant.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(Digest::of(&[b"celosia viewer v1", &self.exchange, &self.signing]).0)
    }
}

/// One run of an agent's pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId {
    /// A counter on the agent's disk, raised before the session's first frame.
    pub number: u64,
    /// 16 random bytes: two sessions with one number are told apart.
    pub nonce: [u8; 16],
}

impl SessionId {
    /// How many bytes a session takes in a signed string: its number, then its nonce.
    pub const LENGTH: usize = 24;

    /// Number ‖ nonce, as it stands in every signed string and derivation.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut out = [0; Self::LENGTH];
        let (number, nonce) = out.split_at_mut(8);
        number.copy_from_slice(&self.number.to_be_bytes());
        nonce.copy_from_slice(&self.nonce);
        out
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number)
    }
}

/// The name of a camera or account: 3 to 32 of `a-z 0-9 . _ -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Text that is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a name: 3 to 32 of a-z, 0-9, dot, underscore and hyphen are needed, and a letter or digit in front")]
pub struct NotAName;

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if (3..=32).contains(&text.len()) && first && text.bytes().all(allowed) { Ok(Self(text.to_owned())) } else { Err(NotAName) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Micros(pub u64);

impl Micros {
    /// The distance to another time, whichever is later.
    #[must_use]
    pub const fn distance(self, other: Self) -> std::time::Duration {
        std::time::Duration::from_micros(self.0.abs_diff(other.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_their_text() {
        let id = CameraId(std::array::from_fn(|i| u8::try_from(i).unwrap_or(0)));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        assert_eq!("00".parse::<CameraId>(), Err(NotAnId));
        assert_eq!(id.short(), "0001020304");
    }

    #[test]
    fn names_are_checked() {
        for good in ["abc", "front-door", "0.a_b", &"a".repeat(32)] {
            assert!(good.parse::<Name>().is_ok(), "{good}");
        }
        for bad in ["", "ab", "Abc", "a b", "-abc", "äbc", "../..", &"a".repeat(33)] {
            assert!(bad.parse::<Name>().is_err(), "{bad}");
        }
    }
}
