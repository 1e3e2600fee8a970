//! A host that the relay is reached under.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use link::address::{DEFAULT_PORT, Relay};
use rustls::pki_types::ServerName;

/// A DNS name (lower case, IDNA A-labels, no dot at the end) or an IP address, without a port.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A DNS name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
}

/// Text that is not a [`Host`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a host: a DNS name or an IP address is needed, without port, brackets or wildcard")]
pub struct NotAHost;

impl FromStr for Host {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<Self, NotAHost> {
        if text.starts_with('[') {
            return Err(NotAHost);
        }
        // One rule for all programs says how a host is written: the peers' own.
        let relay = Relay::new(text, DEFAULT_PORT).map_err(|_| NotAHost)?;
        match relay.server_name() {
            ServerName::IpAddress(address) => Ok(Self::Ip((*address).into())),
            ServerName::DnsName(_) => Ok(Self::Dns(relay.host().to_owned())),
            _ => Err(NotAHost),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_one_form() {
        for (text, form) in
            [("Relay.Example.", "relay.example"), ("bücher.example", "xn--bcher-kva.example"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]
        {
            assert_eq!(text.parse::<Host>().map(|host| host.to_string()), Ok(form.to_owned()));
        }
        for bad in ["", ".", "a b", "a:1", "[::1]", "*.example", "-a.example", "127.0.0.256", "a/b", &"a".repeat(64)] {
            assert_eq!(bad.parse::<Host>(), Err(NotAHost), "{bad}");
        }
    }
}
