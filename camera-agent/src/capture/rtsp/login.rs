//! The name and password that a network camera asks for: from a file or the environment, read anew whenever the camera is opened.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

use crate::capture::Error;

/// The environment variable that holds USER:PASSWORD where no file is named.
pub const VARIABLE: &str = "CELOSIA_CAMERA_LOGIN";

/// No file with a name and a password is longer.
const MAX_FILE: u64 = 4096;

/// A name and a password. Neither is ever shown.
pub struct Login {
    name: Zeroizing<String>,
    password: Zeroizing<String>,
}

impl Login {
    /// What is in the file, or else in the environment; `None` where there is nothing.
    ///
    /// # Errors
    /// When the file cannot be read, or what is there is not `USER:PASSWORD`.
    pub fn find(file: Option<&Path>) -> Result<Option<Self>, Error> {
        let Some(path) = file else {
            let Some(text) = std::env::var_os(VARIABLE).map(|text| text.into_string().map(Zeroizing::new)) else { return Ok(None) };
            return match text.ok().and_then(|text| Self::parse(&text)) {
                Some(login) => Ok(Some(login)),
                None => Err(Error::Login(format!("the environment variable {VARIABLE}"))),
            };
        };
        let text = read(path).map_err(|why| Error::Unreadable { path: path.to_owned(), why })?;
        if link::file::is_exposed(path).unwrap_or(false) {
            tracing::warn!("{} can be read by others than its owner: chmod 600 it", path.display());
        }
        Self::parse(&text).map(Some).ok_or_else(|| Error::Login(path.display().to_string()))
    }

    /// The first line, up to its first colon and after it.
    fn parse(text: &str) -> Option<Self> {
        let (name, password) = text.lines().next()?.split_once(':')?;
        let kept = |text: &str| Zeroizing::new(text.to_owned());
        (!name.is_empty()).then(|| Self { name: kept(name), password: kept(password) })
    }

    /// For the library, which keeps a copy of its own while the camera is open.
    pub(super) fn credentials(&self) -> retina::client::Credentials {
        retina::client::Credentials { username: self.name.to_string(), password: self.password.to_string() }
    }
}

fn read(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    File::open(path)?.take(MAX_FILE).read_to_string(&mut text)?;
    Ok(text)
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(..)")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_line_is_name_and_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("login");
        for (text, name, password) in
            [("admin:s3cret\n", "admin", "s3cret"), ("admin:a:b c \r\n# for the front door", "admin", "a:b c "), ("admin:", "admin", "")]
        {
            std::fs::write(&path, text).unwrap();
            let login = Login::find(Some(&path)).unwrap().unwrap();
            assert_eq!((login.name.as_str(), login.password.as_str()), (name, password));
            assert_eq!(format!("{login:?}"), "Login(..)");
        }
        for text in ["", "admin\n", ":s3cret\n", "\nadmin:s3cret"] {
            std::fs::write(&path, text).unwrap();
            let error = Login::find(Some(&path)).unwrap_err();
            assert!(matches!(error, Error::Login(_)) && !error.to_string().contains("s3cret"), "{error}");
        }
        let missing = Login::find(Some(&folder.path().join("none"))).unwrap_err();
        assert!(missing.to_string().contains("none"), "{missing}");
    }
}
