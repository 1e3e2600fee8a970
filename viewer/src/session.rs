//! Who is signed in at which relay: one session for each relay, its token in a file that only its owner can read.

use std::path::PathBuf;
use std::{fs, io};

use link::address::Relay;
use link::api::account::{Secret, SignedIn};
use link::exit::{Code, Error, OrExit as _};
use link::file;
use serde::{Deserialize, Serialize};
use wire::id::Name;

use crate::home::Home;

/// The largest such file that is read, in bytes.
const MAX_FILE: usize = 4096;

/// A session at a relay.
#[derive(Debug, Clone)]
pub struct Session {
    /// Whose.
    pub name: Name,
    /// What proves it.
    pub token: Secret,
    /// When it ends by itself (RFC 3339).
    pub expires: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    name: String,
    token: Secret,
    expires: String,
}

impl Session {
    /// The session that is kept for this relay.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(home: &Home, relay: &Relay) -> Result<Option<Self>, Error> {
        let path = path(home, relay);
        let bytes = match file::read(&path, MAX_FILE) {
            Ok(bytes) => zeroize::Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::new(Code::of_input(&error), format!("{}: {error}", path.display()))),
        };
        let kept = std::str::from_utf8(&bytes).ok().and_then(|text| toml::from_str::<Kept>(text).ok());
        let session = kept.and_then(|kept| Some(Self { name: kept.name.parse().ok()?, token: kept.token, expires: kept.expires }));
        let damaged = || Error::new(Code::Data, format!("{} is damaged", path.display())).with_help("remove it, and sign in again");
        session.map(Some).ok_or_else(damaged)
    }

    /// Keeps what a relay gave, in place of an older one.
    ///
    /// # Errors
    /// When it cannot be written, or the relay answered for somebody else.
    pub fn keep(home: &Home, relay: &Relay, name: &Name, given: &SignedIn) -> Result<(), Error> {
        if given.name != name.as_str() {
            return Err(Error::new(Code::Data, "the relay signed somebody else in than was asked for: tell its operator"));
        }
        // Only a time as times are written: it is shown on a terminal later.
        let expires = time::OffsetDateTime::parse(&given.expires, &time::format_description::well_known::Rfc3339);
        let expires = expires.ok().and_then(|at| at.format(&time::format_description::well_known::Rfc3339).ok());
        let expires = expires.ok_or_else(|| Error::new(Code::Data, "the relay does not say until when the session lasts"))?;
        let kept = Kept { name: given.name.clone(), token: given.token.clone(), expires };
        let text = zeroize::Zeroizing::new(toml::to_string(&kept).or_exit(Code::Internal)?);
        let path = path(home, relay);
        file::private_folder(path.parent().unwrap_or(&path)).or_exit(Code::CannotCreate)?;
        file::replace(&path, text.as_bytes(), file::PRIVATE).or_exit(Code::CannotCreate)
    }

    /// Forgets the session that is kept for this relay, if there is one.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(home: &Home, relay: &Relay) -> Result<(), Error> {
        match fs::remove_file(path(home, relay)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::new(Code::of_output(&error), error)),
            _ => Ok(()),
        }
    }
}

fn path(home: &Home, relay: &Relay) -> PathBuf {
    home.folder().join("sessions").join(format!("{relay}.toml"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn signed_in(name: &str, expires: &str) -> SignedIn {
        SignedIn {
            token: Secret::new(&[7; 32]),
            id: "1".repeat(32),
            expires: expires.to_owned(),
            name: name.to_owned(),
            fingerprint: "2".repeat(64),
        }
    }

    #[test]
    fn a_session_is_kept_for_its_relay_and_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(folder.path().join("new"))).unwrap();
        let (relay, other): (Relay, Relay) = ("relay.example".parse().unwrap(), "[::1]:9".parse().unwrap());
        let ana: Name = "ana".parse().unwrap();
        assert!(Session::load(&home, &relay).unwrap().is_none());
        Session::keep(&home, &relay, &ana, &signed_in("ana", "2026-11-25T00:00:00Z")).unwrap();
        let kept = Session::load(&home, &relay).unwrap().unwrap();
        assert_eq!((kept.name, kept.token.expose(), kept.expires.as_str()), (ana, &[7; 32], "2026-11-25T00:00:00Z"));
        assert_eq!(fs::metadata(path(&home, &relay)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Session::load(&home, &other).unwrap().is_none());
        Session::forget(&home, &relay).unwrap();
        Session::forget(&home, &relay).unwrap();
        assert!(Session::load(&home, &relay).unwrap().is_none());
    }

    #[test]
    fn what_a_relay_answers_is_not_kept_unread() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::find(Some(folder.path().to_owned())).unwrap();
        let (relay, ana): (Relay, Name) = ("relay.example".parse().unwrap(), "ana".parse().unwrap());
        assert!(Session::keep(&home, &relay, &ana, &signed_in("eve", "2026-11-25T00:00:00Z")).is_err());
        assert!(Session::keep(&home, &relay, &ana, &signed_in("ana", "\u{1b}[2J")).is_err());
        assert!(Session::load(&home, &relay).unwrap().is_none());
    }
}
