//! The operator's root certificate and its fingerprint.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXUPPER};
use rustls::pki_types::CertificateDer;
use sha2::{Digest as _, Sha256};

/// SHA-256 of the DER of an operator's root certificate: what people compare and programs pin.
///
/// Written as sixteen groups of four hexadecimal digits; read with or without spaces, colons and hyphens, in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootFingerprint(pub [u8; 32]);

/// Text that is not a [`RootFingerprint`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a fingerprint: 64 hexadecimal digits are needed, as `relay-server camera invite` prints them")]
pub struct NotAFingerprint;

impl RootFingerprint {
    /// The fingerprint of a certificate.
    #[must_use]
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        Self(Sha256::digest(certificate.as_ref()).into())
    }

    /// Sixty-four digits without a space, for files and command lines.
    #[must_use]
    pub fn compact(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Display for RootFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, pair) in self.0.chunks(2).enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(&HEXUPPER.encode(pair))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RootFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RootFingerprint({self})")
    }
}

impl FromStr for RootFingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, NotAFingerprint> {
        let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != ':' && *c != '-').collect();
        let bytes = HEXLOWER.decode(digits.to_ascii_lowercase().as_bytes()).map_err(|_| NotAFingerprint)?;
        bytes.try_into().map(Self).map_err(|_| NotAFingerprint)
    }
}

/// An operator's root certificate, as a relay showed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its fingerprint.
    pub fingerprint: RootFingerprint,
    /// The certificate itself, against which camera certificates are verified.
    pub certificate: CertificateDer<'static>,
}

impl Root {
    /// The root that a certificate is.
    #[must_use]
    pub fn new(certificate: CertificateDer<'static>) -> Self {
        Self { fingerprint: RootFingerprint::of(&certificate), certificate }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_fingerprint_is_read_however_people_write_it() {
        let print = RootFingerprint(std::array::from_fn(|i| u8::try_from(i * 7).unwrap()));
        let shown = print.to_string();
        assert_eq!(shown.split(' ').count(), 16);
        assert_eq!(shown.parse(), Ok(print));
        assert_eq!(shown.to_lowercase().replace(' ', ":").parse(), Ok(print));
        assert_eq!(print.compact().parse(), Ok(print));
        assert_eq!(format!(" {}\n", shown.replace(' ', "-")).parse(), Ok(print));
        for bad in ["", "00", &shown[1..], &format!("{shown}00"), &shown.replace('0', "g"), "é"] {
            assert_eq!(bad.parse::<RootFingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }
}
