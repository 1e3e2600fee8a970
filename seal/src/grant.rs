//! A grant: one content key, wrapped for one viewer, bound to where it is good for.
//!
//! ```text
//! ┌──────────────┬──────────┬─────────────────────────┬──────────┐
//! │ suite u8 = 1 │ enc (32) │ encrypted content key   │ tag (16) │   81 bytes
//! └──────────────┴──────────┴──────────── 32 ─────────┴──────────┘
//! info = "celosia grant v1" ‖ camera (32) ‖ session (24) ‖ epoch u64 ‖ label (u8 length ‖ name) ‖ recipient (32)
//! ```
//!
//! Suite 1 is HPKE (RFC 9180) in base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, associated data empty.
//! Base mode says nothing about who sent it: the epoch record's signature covers the list of grants.

use std::convert::Infallible;

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{CryptoRng, TryCryptoRng, TryRng};
use hpke::{Deserializable, HpkeError, Kem, OpModeR, OpModeS, Serializable};

use wire::epoch::EpochRecord;
use wire::grants::{Grant, MAX_GRANT};
use wire::id::{CameraId, Fingerprint, SessionId, ViewerKeys};
use wire::label::{Label, LabelName};

use crate::identity::Identity;
use crate::keys::{ContentKey, domain};
use crate::secret::{NoRandomness, Secret, fill_random};

/// The only suite of this version. A hybrid with ML-KEM-768 will get the next number.
const SUITE: u8 = 1;

const ENC: usize = 32;
const KEY: usize = 32;
const TAG: usize = 16;

/// How long a grant of suite 1 is, in bytes.
pub const LENGTH: usize = 1 + ENC + KEY + TAG;

const _: () = assert!(LENGTH <= MAX_GRANT);

/// Why a key was not wrapped, or a grant not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No randomness.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// A public key of low order, which would make the wrapped key readable by anyone.
    #[error("the viewer's public key is not a key (low order): somebody made it up, so nothing is granted to it")]
    WeakKey,
    /// Wrapped in a way that this version does not know.
    #[error("the grant is of suite {0}, which this version does not know: update this program")]
    UnknownSuite(u8),
    /// The wrong number of bytes.
    #[error("{0} bytes are no grant: it was cut off or changed on its way")]
    Length(usize),
    /// Made for somebody else.
    #[error("the grant is for {}, not for you: ask the camera's owner for one", .0.short())]
    NotForYou(Fingerprint),
    /// Made for another label.
    #[error("the grant is for another label than the one asked for")]
    OtherLabel,
    /// It does not open.
    #[error("the grant does not open: it was made for another camera, session, epoch or label, or was changed")]
    Refused,
}

/// What a content key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The camera that seals under it.
    pub camera: CameraId,
    /// In which session.
    pub session: SessionId,
    /// In which of its epochs.
    pub epoch: u64,
    /// Which label.
    pub label: Label,
    /// That label's name, which is what the grant is bound to.
    pub name: LabelName,
}

impl Scope {
    /// One label of an epoch, if the session has that label.
    #[must_use]
    pub fn of(record: &EpochRecord, label: Label) -> Option<Self> {
        let name = record.labels.name(label)?.parse().ok()?;
        Some(Self { camera: record.camera, session: record.session, epoch: record.epoch, label, name })
    }

    /// HPKE's info for this scope and one recipient.
    fn info(&self, recipient: Fingerprint) -> Vec<u8> {
        let name = self.name.as_str().as_bytes();
        // A label's name is at most 32 bytes long by its type.
        let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
        [domain::GRANT, self.camera.as_bytes(), &self.session.to_bytes(), &self.epoch.to_be_bytes(), &[length], name, recipient.as_bytes()]
            .concat()
    }
}

/// Wraps a content key for one viewer.
///
/// # Errors
/// When there is no randomness, or the viewer's exchange key is of low order.
pub fn wrap(key: &ContentKey, scope: &Scope, to: &ViewerKeys) -> Result<Grant, Error> {
    let mut system = System { failed: false };
    let grant = wrap_with(key, scope, to, &mut system)?;
    // What was wrapped without randomness is thrown away.
    if system.failed { Err(NoRandomness.into()) } else { Ok(grant) }
}

/// Opens a grant that was given to `identity` for `scope`.
///
/// # Errors
/// When it is not a grant, not for this viewer, not for this scope, or was changed.
pub fn open(identity: &Identity, grant: &Grant, scope: &Scope) -> Result<ContentKey, Error> {
    let recipient = identity.public().fingerprint();
    if grant.recipient != recipient {
        return Err(Error::NotForYou(grant.recipient));
    }
    if grant.label != scope.label {
        return Err(Error::OtherLabel);
    }
    unseal(identity, &grant.wrapped, &scope.info(recipient))
}

fn wrap_with(key: &ContentKey, scope: &Scope, to: &ViewerKeys, random: &mut impl CryptoRng) -> Result<Grant, Error> {
    let recipient = to.fingerprint();
    let wrapped = seal(key, &to.exchange, &scope.info(recipient), random)?;
    Ok(Grant { recipient, label: scope.label, wrapped: wrapped.into() })
}

fn seal(key: &ContentKey, to: &[u8; 32], info: &[u8], random: &mut impl CryptoRng) -> Result<Vec<u8>, Error> {
    type Public = <X25519HkdfSha256 as Kem>::PublicKey;
    let to = Public::from_bytes(to).map_err(|_| Error::WeakKey)?;
    let mut encrypted = *key.expose();
    let (enc, tag) = hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &to,
        info,
        InOutBuf::from(encrypted.as_mut_slice()),
        &[],
        random,
    )
    .map_err(|error| {
        zeroize::Zeroize::zeroize(&mut encrypted);
        if error == HpkeError::EncapError { Error::WeakKey } else { Error::Refused }
    })?;
    Ok([[SUITE].as_slice(), &enc.to_bytes(), &encrypted, &tag.to_bytes()].concat())
}

fn unseal(identity: &Identity, wrapped: &[u8], info: &[u8]) -> Result<ContentKey, Error> {
    let (suite, rest) = wrapped.split_first().ok_or(Error::Length(0))?;
    if *suite != SUITE {
        return Err(Error::UnknownSuite(*suite));
    }
    let length = Error::Length(wrapped.len());
    let (enc, rest) = rest.split_first_chunk::<ENC>().ok_or(length)?;
    let (encrypted, tag) = rest.split_first_chunk::<KEY>().ok_or(length)?;
    let tag: &[u8; TAG] = tag.try_into().map_err(|_| length)?;

    let private = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(identity.exchange().as_bytes()).map_err(|_| Error::Refused)?;
    let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(enc).map_err(|_| Error::Refused)?;
    let tag = AeadTag::<AesGcm256>::from_bytes(tag).map_err(|_| Error::Refused)?;
    let mut opened = Ok(());
    let key = Secret::filled(|key| {
        key.copy_from_slice(encrypted);
        opened = hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &private,
            &enc,
            info,
            InOutBuf::from(key.as_mut_slice()),
            &[],
            &tag,
        );
    });
    opened.map_err(|_| Error::Refused)?;
    Ok(ContentKey::from_secret(key))
}

/// The operating system's randomness in the shape that HPKE asks for, which has no room for an error: it is remembered instead.
struct System {
    failed: bool,
}

impl TryRng for System {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= fill_random(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for System {}

#[cfg(test)]
mod tests;
