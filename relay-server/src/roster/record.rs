//! What stands in the database: JSON, so that a later version reads an earlier one's. New fields need a default.

use data_encoding::BASE64;
use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use wire::id::{CameraId, Micros, Name};

use super::Error;

/// A camera that belongs to the relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// Its name.
    pub name: Name,
    /// Its key.
    pub id: CameraId,
    /// Its certificate, the issuing CA's, the root's.
    pub chain: Vec<CertificateDer<'static>>,
    /// When this key was enrolled.
    pub since: Micros,
}

/// The record of a camera; its key in the table is the name.
#[derive(Serialize, Deserialize)]
pub(super) struct Entry {
    id: String,
    chain: Vec<String>,
    since: u64,
}

/// The record of an invitation; its key in the table is the hash of the token.
#[derive(Serialize, Deserialize)]
pub(super) struct Invite {
    pub(super) name: String,
    pub(super) expires: u64,
    pub(super) replace: bool,
    pub(super) used_by: Option<String>,
}

impl Invite {
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|_| Error::Damaged("an invitation".into()))
    }

    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| Error::Damaged("an invitation".into()))
    }
}

impl From<&Camera> for Entry {
    fn from(camera: &Camera) -> Self {
        let chain = camera.chain.iter().map(|certificate| BASE64.encode(certificate)).collect();
        Self { id: camera.id.to_string(), chain, since: camera.since.0 }
    }
}

impl Entry {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|_| Error::Damaged("a camera".into()))
    }
}

/// The camera that a name and its record are.
pub(super) fn camera(name: &str, entry: &[u8]) -> Result<Camera, Error> {
    let damaged = || Error::Damaged(format!("the camera {name}"));
    let entry: Entry = serde_json::from_slice(entry).map_err(|_| damaged())?;
    let certificate = |text: &String| BASE64.decode(text.as_bytes()).map(CertificateDer::from).map_err(|_| damaged());
    Ok(Camera {
        name: name.parse().map_err(|_| damaged())?,
        id: entry.id.parse().map_err(|_| damaged())?,
        chain: entry.chain.iter().map(certificate).collect::<Result<_, _>>()?,
        since: Micros(entry.since),
    })
}
