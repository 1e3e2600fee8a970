//! Certificates and keys as files: PEM, mode 0600, whole or not at all.

use std::io;
use std::path::{Path, PathBuf};

use link::file;
use pem::Pem;
use rcgen::{Certificate, KeyPair};

use super::issuing::Issuing;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {source}")]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

impl Error {
    fn of(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { path: path.to_owned(), source }
    }

    /// What the operating system says.
    #[must_use]
    pub const fn cause(&self) -> &io::Error {
        &self.source
    }
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// When it is there, or cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    file::create(path, text.as_bytes(), file::PRIVATE).map_err(Error::of(path))
}

/// Puts a file in the place of an older one, in one step.
///
/// # Errors
/// When it cannot be written; the older one stays.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    file::replace(path, text.as_bytes(), file::PRIVATE).map_err(Error::of(path))
}

/// A server's key and chain in one text.
#[must_use]
pub fn server(certificate: &Certificate, key: &KeyPair, issuing: &Issuing) -> String {
    [key.serialize_pem(), certificate.pem(), certificate_pem(issuing.certificate()), certificate_pem(issuing.root())].concat()
}

/// A certificate as text.
#[must_use]
pub fn certificate_pem(der: &[u8]) -> String {
    pem::encode_config(&Pem::new("CERTIFICATE", der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}
