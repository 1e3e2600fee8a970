//! Bytes in JSON: base64url (RFC 4648, section 5) without padding, of one exact length, so that nothing has to be measured afterwards.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::{Zeroize, Zeroizing};

/// A text that is not so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes in base64url without padding are needed")]
pub struct NotBytes(usize);

/// `N` bytes that anybody may see.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Base64<const N: usize>(pub [u8; N]);

/// 32 bytes that nobody else may see: erased when dropped, never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl<const N: usize> fmt::Display for Base64<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl<const N: usize> fmt::Debug for Base64<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<const N: usize> FromStr for Base64<N> {
    type Err = NotBytes;

    fn from_str(text: &str) -> Result<Self, NotBytes> {
        let mut bytes = [0; N];
        read(text, &mut bytes).then_some(Self(bytes)).ok_or(NotBytes(N))
    }
}

impl Secret {
    /// Takes over the bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Zeroizing::new(*bytes))
    }

    /// The bytes, for whoever has to work with them.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// The text that carries them.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.expose()))
    }
}

impl FromStr for Secret {
    type Err = NotBytes;

    fn from_str(text: &str) -> Result<Self, NotBytes> {
        let mut bytes = Zeroizing::new([0; 32]);
        read(text, bytes.as_mut_slice()).then_some(Self(bytes)).ok_or(NotBytes(32))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(..)")
    }
}

/// Reads exactly as many bytes as `into` takes.
fn read(text: &str, into: &mut [u8]) -> bool {
    if BASE64URL_NOPAD.decode_len(text.len()) != Ok(into.len()) {
        return false;
    }
    let good = BASE64URL_NOPAD.decode_mut(text.as_bytes(), into).is_ok();
    if !good {
        into.zeroize();
    }
    good
}

impl<const N: usize> Serialize for Base64<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.reveal())
    }
}

struct Text<T>(std::marker::PhantomData<T>, usize);

impl<T: FromStr<Err = NotBytes>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes in base64url without padding", self.1)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        // The text itself is not repeated: it may be a secret with a typing error.
        text.parse().map_err(E::custom)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Base64<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(std::marker::PhantomData, N))
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text(std::marker::PhantomData, 32))
    }
}

/// For the document: a text of the length that so many bytes have.
#[cfg(feature = "openapi")]
mod schema {
    use std::borrow::Cow;

    use utoipa::openapi::RefOr;
    use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
    use utoipa::{PartialSchema, ToSchema};

    use super::{BASE64URL_NOPAD, Base64, Secret};

    fn text(bytes: usize) -> RefOr<Schema> {
        let length = BASE64URL_NOPAD.encode_len(bytes);
        let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(length)).max_length(Some(length));
        text.pattern(Some("^[A-Za-z0-9_-]*$")).description(Some(format!("{bytes} bytes in base64url without padding"))).build().into()
    }

    impl<const N: usize> PartialSchema for Base64<N> {
        fn schema() -> RefOr<Schema> {
            text(N)
        }
    }

    impl<const N: usize> ToSchema for Base64<N> {
        fn name() -> Cow<'static, str> {
            format!("Bytes{N}").into()
        }
    }

    impl PartialSchema for Secret {
        fn schema() -> RefOr<Schema> {
            text(32)
        }
    }

    impl ToSchema for Secret {}
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn bytes_have_one_length_and_one_form() {
        let bytes = Base64([0xfb; 32]);
        let json = serde_json::to_string(&bytes).unwrap();
        assert_eq!(serde_json::from_str::<Base64<32>>(&json).unwrap(), bytes);
        for wrong in ["", "AA", "A=", "+w", &"A".repeat(42), &"A".repeat(44), &"B".repeat(43)] {
            assert_eq!(wrong.parse::<Base64<32>>(), Err(NotBytes(32)), "{wrong}");
        }
        assert!("A".repeat(43).parse::<Base64<32>>().is_ok(), "control");
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = Secret::new(&[7; 32]);
        assert_eq!(format!("{secret:?}"), "(..)");
        let text = secret.reveal();
        assert_eq!(text.parse::<Secret>().unwrap().expose(), secret.expose());
        let wrong = serde_json::from_str::<Secret>(&format!("\"{}=\"", text.as_str())).unwrap_err().to_string();
        assert!(!wrong.contains(text.as_str()), "{wrong}");
    }
}
