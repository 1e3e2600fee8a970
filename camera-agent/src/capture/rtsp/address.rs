//! Where a network camera is.

use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

/// The port of RTSP.
const PORT: u16 = 554;

/// The names under which a URL may carry a password behind its host.
const PASSWORDS: [&str; 4] = ["password=", "passwd=", "pass=", "pwd="];

/// The URL of a stream as the config has it. Neither its path nor what may have been written into it by mistake is ever shown: only the host
/// and the port are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Address(String);

/// What is wrong with a stream's URL. Says nothing of the URL itself, which may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// No URL at all.
    #[error("this is no URL: write rtsp://HOST/PATH, as the camera's manual has it")]
    NoUrl,
    /// Not RTSP.
    #[error("only rtsp:// is possible: encrypted RTSP (rtsps://) and other protocols are not, unless ffmpeg reads them for the source y4m")]
    Scheme,
    /// A password.
    #[error(
        "a password does not belong into a URL, which ends up in logs: write USER:PASSWORD into a file of its own (chmod 600) and name it in \
         `credentials`, or into the environment variable CELOSIA_CAMERA_LOGIN"
    )]
    Password,
}

impl Address {
    /// Takes a text for a URL; [`Self::url`] says whether it is one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The URL, if it can be used.
    ///
    /// # Errors
    /// When it is no URL, for another protocol, or carries a password.
    pub fn url(&self) -> Result<Url, BadAddress> {
        let url = Url::parse(&self.0).map_err(|_| BadAddress::NoUrl)?;
        if url.scheme() != "rtsp" {
            return Err(BadAddress::Scheme);
        }
        let rest = self.0.to_ascii_lowercase();
        let named = |name: &&str| rest.split(name).skip(1).any(|value| value.starts_with(|c: char| !matches!(c, '&' | '_' | '/' | '#')));
        if !url.username().is_empty() || url.password().is_some() || PASSWORDS.iter().any(named) {
            return Err(BadAddress::Password);
        }
        if url.host_str().is_none_or(str::is_empty) { Err(BadAddress::NoUrl) } else { Ok(url) }
    }
}

/// Host and port of a URL: how people are told which camera it is.
pub(super) fn shown(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or("?"), url.port().unwrap_or(PORT))
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.url() {
            Ok(url) => write!(f, "Address({}, ..)", shown(&url)),
            Err(_) => f.write_str("Address(..)"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_password_in_a_url_is_refused_and_never_repeated() {
        for text in [
            "rtsp://admin:s3cret@camera.local/stream",
            "rtsp://admin@camera.local/stream",
            "rtsp://:s3cret@camera.local/stream",
            "rtsp://camera.local/stream?user=admin&password=s3cret",
            "rtsp://camera.local/user=admin_password=s3cret_channel=1.sdp",
            "rtsp://camera.local/stream?PWD=s3cret",
        ] {
            let address = Address::new(text);
            let error = address.url().unwrap_err();
            assert_eq!(error, BadAddress::Password, "{text}");
            assert!(error.to_string().contains("`credentials`") && error.to_string().contains("CELOSIA_CAMERA_LOGIN"));
            assert!(!format!("{address:?} {error} {error:?}").contains("s3cret"), "{text}");
        }
        // The control: what is no password is taken.
        for text in ["rtsp://camera.local/stream?user=admin&password=&channel=1", "rtsp://camera.local/compass", "rtsp://[::1]:8554/a?b=c"]
        {
            assert!(Address::new(text).url().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_no_rtsp_url_is_refused() {
        for (text, error) in [
            ("", BadAddress::NoUrl),
            ("camera.local/stream", BadAddress::NoUrl),
            ("rtsp://", BadAddress::NoUrl),
            ("rtsp:stream", BadAddress::NoUrl),
            ("http://camera.local/stream", BadAddress::Scheme),
            ("rtsps://camera.local/stream", BadAddress::Scheme),
        ] {
            assert_eq!(Address::new(text).url().unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn people_are_told_host_and_port_and_nothing_else() {
        let address = Address::new("rtsp://camera.local/secret/path?token=1");
        assert_eq!(format!("{address:?}"), "Address(camera.local:554, ..)");
        assert_eq!(shown(&Address::new("rtsp://[::1]:8554/x").url().unwrap()), "[::1]:8554");
    }
}
