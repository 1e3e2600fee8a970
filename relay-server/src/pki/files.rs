//! Certificates and keys as files: PEM, mode 0600, whole or not at all.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use pem::Pem;
use rcgen::{Certificate, KeyPair};
use tempfile::NamedTempFile;

use super::issuing::Issuing;

/// A file that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be written: {source}")]
pub struct Error {
    path: PathBuf,
    source: io::Error,
}

/// Writes a file that must not be there yet.
///
/// # Errors
/// When it is there, or cannot be written.
pub fn create(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, |file| file.persist_noclobber(path).map_err(|error| error.error))
}

/// Puts a file in the place of an older one, in one step.
///
/// # Errors
/// When it cannot be written; the older one stays.
pub fn replace(path: &Path, text: &str) -> Result<(), Error> {
    write(path, text, |file| file.persist(path).map_err(|error| error.error))
}

fn write(path: &Path, text: &str, persist: impl FnOnce(NamedTempFile) -> io::Result<File>) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || {
        let mut file = NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        persist(file)?;
        // The name itself is durable only with its folder.
        File::open(folder)?.sync_all()
    };
    written().map_err(|source| Error { path: path.to_owned(), source })
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
