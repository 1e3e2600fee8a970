//! Where a relay is, and which camera at it: `HOST:PORT` and `NAME@HOST:PORT`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rustls::pki_types::ServerName;
use wire::id::Name;

/// The port of a relay when none is written, UDP and TCP alike.
pub const DEFAULT_PORT: u16 = 7443;

/// A relay's address. Two spellings of one host are equal: lower case, IDNA A-labels, no final dot, addresses in their usual form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Relay {
    name: ServerName<'static>,
    host: String,
    port: u16,
}

/// Text that is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The host is no DNS name and no IP address.
    #[error("`{0}` is not a host: a DNS name or an IP address is needed, an IPv6 address with a port in brackets")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` is not a port: a number from 1 to 65535 is needed")]
    Port(String),
    /// The camera's name is missing or not a name.
    #[error("`{0}` is not a camera: NAME@HOST or NAME@HOST:PORT is needed, with a name of 3 to 32 of a-z, 0-9, dot, underscore, hyphen")]
    Camera(String),
}

impl Relay {
    /// The relay at this host (a DNS name in any script, or an IP address with or without brackets) and port.
    ///
    /// # Errors
    /// A host that is neither, or port 0.
    pub fn new(host: &str, port: u16) -> Result<Self, Invalid> {
        let invalid = || Invalid::Host(host.to_owned());
        if port == 0 {
            return Err(Invalid::Port("0".to_owned()));
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let host = match bare.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => idna::domain_to_ascii_strict(host.strip_suffix('.').unwrap_or(host)).map_err(|_| invalid())?,
        };
        let name = ServerName::try_from(host.clone()).map_err(|_| invalid())?;
        Ok(Self { name, host, port })
    }

    /// The canonical host: what goes into salts and pins.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, UDP and TCP alike.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The name that the relay's certificate must carry.
    #[must_use]
    pub fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }
}

impl fmt::Display for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') { write!(f, "[{}]:{}", self.host, self.port) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

impl FromStr for Relay {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        // An IPv6 address without brackets has no port: its last colon belongs to it.
        if text.ends_with(']') || text.parse::<IpAddr>().is_ok() {
            return Self::new(text, DEFAULT_PORT);
        }
        match text.rsplit_once(':') {
            None => Self::new(text, DEFAULT_PORT),
            Some((host, _)) if host.contains(':') && !host.starts_with('[') => Err(Invalid::Host(text.to_owned())),
            Some((host, port)) => {
                let digits = port.bytes().all(|byte| byte.is_ascii_digit());
                let number = port.parse().ok().filter(|_| digits).ok_or_else(|| Invalid::Port(port.to_owned()))?;
                Self::new(host, number)
            }
        }
    }
}

/// A camera at a relay.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Camera {
    /// The camera's name at that relay.
    pub name: Name,
    /// The relay.
    pub relay: Relay,
}

impl fmt::Display for Camera {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.relay)
    }
}

impl FromStr for Camera {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = || Invalid::Camera(text.to_owned());
        let (name, relay) = text.split_once('@').ok_or_else(invalid)?;
        Ok(Self { name: name.parse().map_err(|_| invalid())?, relay: relay.parse()? })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Relay>().unwrap().to_string()
    }

    #[test]
    fn spellings_of_one_relay_are_one() {
        assert_eq!(shown("Relay.Example"), "relay.example:7443");
        assert_eq!(shown("relay.example.:9000"), "relay.example:9000");
        assert_eq!(shown("BÜCHER.example"), "xn--bcher-kva.example:7443");
        assert_eq!(shown("192.0.2.1:1"), "192.0.2.1:1");
        assert_eq!(shown("[2001:DB8::0:1]:443"), "[2001:db8::1]:443");
        assert_eq!(shown("::1"), "[::1]:7443");
        assert_eq!(shown("[::1]"), "[::1]:7443");
        assert_eq!("a.b:2".parse::<Relay>(), Relay::new("A.B.", 2));
        assert_eq!(shown(&shown("[::1]:8")), "[::1]:8");
    }

    #[test]
    fn what_is_no_relay_is_refused() {
        for text in
            ["", ":1", "a b", "a/b", "h:0", "h:65536", "h:+1", "h:", "h:x", "[::1", "::1:x:", "[h]:1", "user@h", "a..b", "https://h"]
        {
            assert!(text.parse::<Relay>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_camera_has_a_name_and_a_relay() {
        let camera: Camera = "front-door@Relay.example".parse().unwrap();
        assert_eq!((camera.name.as_str(), camera.relay.host(), camera.relay.port()), ("front-door", "relay.example", 7443));
        assert_eq!(camera.to_string().parse(), Ok(camera));
        for text in ["relay.example", "@h", "Door@h", "d@h", "door@", "door@h:0"] {
            assert!(text.parse::<Camera>().is_err(), "{text:?}");
        }
    }
}
