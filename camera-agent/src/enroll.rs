//! Enrolment: how this machine's camera becomes one of a relay's, once.
//!
//! The camera's key is made here and never leaves; the relay gets a certificate request and a one-time token, and gives a certificate.
//! The relay is believed by the fingerprint of its root alone, which a person brought along with the token.
//!
//! ```text
//! camera.key        the camera's key (Ed25519, PKCS #8); it is there only when the rest is: with it, the camera is enrolled
//! camera.crt        its certificate, the issuing CA's, the root's
//! enrolment.toml    the relay's address, the root's fingerprint, the camera's name
//! camera.key.new    a key that waits for its certificate: the answer may be lost, and the token is good for this key alone then
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::BASE64;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, KeypairBytes};
use link::address::Relay;
use link::camera_certificate::{self, Camera};
use link::exit::{self, Code};
use link::tls::{self, CertificateDer, Identity, PrivateKeyDer, Root, RootFingerprint, Trust, TrustError};
use link::{api, file};
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ED25519};
use serde::{Deserialize, Serialize};
use wire::id::{CameraId, Micros, Name};
use zeroize::{Zeroize as _, Zeroizing};

/// The file with the camera's key.
pub const KEY: &str = "camera.key";
const NEW_KEY: &str = "camera.key.new";
const CERTIFICATE: &str = "camera.crt";
const ABOUT: &str = "enrolment.toml";

/// The largest of these files that is read, in bytes.
const MAX_FILE: usize = 64 << 10;

/// What a person brings along.
#[derive(Clone)]
pub struct Wish {
    /// The relay.
    pub relay: Relay,
    /// The fingerprint of its root.
    pub root: RootFingerprint,
    /// The one-time token.
    pub token: String,
    /// Where key and certificate go.
    pub dir: PathBuf,
}

/// A camera that is enrolled.
pub struct Enrolment {
    /// Where it streams.
    pub relay: Relay,
    /// Its operator's root.
    pub root: Root,
    /// Its name there.
    pub name: Name,
    /// Its key.
    pub key: SigningKey,
    /// Its certificate, the issuing CA's, the root's.
    pub chain: Vec<CertificateDer<'static>>,
}

/// Why the camera is not enrolled.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is already.
    #[error("{} holds a camera that is enrolled already: choose another --dir, or move it away (a camera that enrols again is a new camera)", .0.display())]
    Already(PathBuf),
    /// It is not yet.
    #[error("{} holds no camera that is enrolled: enrol it with the command that `relay-server camera invite` prints", .0.display())]
    NotEnrolled(PathBuf),
    /// A file.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} is damaged: restore it from a backup, or move the folder away and enrol again", .0.display())]
    Damaged(PathBuf),
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(String),
    /// The request could not be made; this program's fault.
    #[error("no certificate request could be made: {0}")]
    Request(String),
    /// Another root than the one that was named.
    #[error(
        "what answers there shows another root certificate than --ca names. Named: {named}. Shown: {shown}. Either the fingerprint was mistyped, \
         or somebody stands between here and the relay: compare it with the one that `relay-server camera invite` printed"
    )]
    OtherRoot {
        /// From the command line.
        named: RootFingerprint,
        /// From the connection.
        shown: RootFingerprint,
    },
    /// The relay was not reached, not believed, or refused.
    #[error(transparent)]
    Relay(api::Error),
    /// The token or the name is not good.
    #[error("the relay refuses: {message}")]
    Refused {
        /// The relay's name for the reason.
        code: String,
        /// The relay's sentence.
        message: String,
    },
    /// The relay gave a certificate that is not this camera's.
    #[error("the relay gave a certificate that cannot be used: {0}. This is the relay's fault: tell its operator")]
    Certificate(String),
}

impl From<Error> for exit::Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::Already(_) => Code::CannotCreate,
            Error::NotEnrolled(_) => Code::Usage,
            Error::File { source, .. } => Code::of_output(source),
            Error::Damaged(_) | Error::Certificate(_) => Code::Data,
            Error::Randomness(_) | Error::Request(_) => Code::Internal,
            Error::OtherRoot { .. } => Code::NotAllowed,
            Error::Relay(error) => error.exit_code(),
            Error::Refused { code, .. } if code == "token" => Code::Usage,
            Error::Refused { .. } => Code::NotAllowed,
        };
        let lost = matches!(&error, Error::Relay(api::Error::Late { .. } | api::Error::Broken { .. } | api::Error::Unreachable { .. }));
        let error = Self::of(code, &error);
        if lost { error.with_help("nothing is lost: type the same command again") } else { error }
    }
}

#[derive(Serialize)]
struct Ask<'a> {
    token: &'a str,
    csr: String,
}

#[derive(Deserialize)]
struct Certified {
    camera: String,
    chain: Vec<String>,
}

/// What is remembered of the relay, and under which name it knows the camera.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    camera: String,
    relay: String,
    root: String,
}

/// Enrols the camera of this machine at a relay. After a failure nothing of an enrolment is there, and the same call may be tried again.
///
/// # Errors
/// When the folder holds an enrolled camera already, or the relay is not reached, not the one that was named, or refuses.
pub async fn enroll(wish: &Wish, now: Micros) -> Result<Enrolment, Error> {
    let place = Place(&wish.dir);
    if place.path(KEY).symlink_metadata().is_ok() {
        return Err(Error::Already(wish.dir.clone()));
    }
    let (key, fresh) = place.waiting_key()?;
    let ask = Ask { token: wish.token.trim(), csr: BASE64.encode(&request(&key)?) };
    let tls = tls::Client::new(Trust::Pinned(wish.root), None, tls::API).map_err(|error| Error::Request(error.to_string()))?;
    let relay = api::Client::new(wish.relay.clone(), tls);
    let answer = match relay.post_json::<_, Certified>("/api/v1/enrol", &ask).await {
        Ok(answer) => answer,
        Err(error) => {
            if is_useless(&error, fresh) {
                let _ = fs::remove_file(place.path(NEW_KEY));
            }
            return Err(explained(error));
        }
    };
    let root = relay.root().ok_or_else(|| Error::Certificate("it came without the relay's root".to_owned()))?;
    let (camera, chain) = believe(&answer, &key, &root, now)?;
    let enrolment = Enrolment { relay: wish.relay.clone(), root, name: camera.name, key, chain };
    place.keep(&enrolment)?;
    Ok(enrolment)
}

impl Enrolment {
    /// Loads an enrolled camera from its folder.
    ///
    /// # Errors
    /// When there is none, or its files do not belong together.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        let place = Place(dir);
        let damaged = |name: &str| Error::Damaged(place.path(name));
        let key = match file::read(&place.path(KEY), MAX_FILE) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NotEnrolled(dir.to_owned())),
            read => Zeroizing::new(read.map_err(|source| Error::File { path: place.path(KEY), source })?),
        };
        let key = std::str::from_utf8(&key).ok().and_then(|text| SigningKey::from_pkcs8_pem(text).ok()).ok_or_else(|| damaged(KEY))?;

        let about = place.read(ABOUT)?;
        let about: About = std::str::from_utf8(&about).ok().and_then(|text| toml::from_str(text).ok()).ok_or_else(|| damaged(ABOUT))?;
        let relay: Relay = about.relay.parse().map_err(|_| damaged(ABOUT))?;
        let pinned: RootFingerprint = about.root.parse().map_err(|_| damaged(ABOUT))?;

        // One reader of PEM for all programs; that the key fits the certificate is checked on the way.
        let pem = place.read(CERTIFICATE)?;
        let own = Zeroizing::new(pem_of(&key)?);
        let chain = Identity::from_pem(&pem, own.as_bytes()).map_err(|_| damaged(CERTIFICATE))?.chain.clone();
        let root = chain.last().cloned().map(Root::new).filter(|root| root.fingerprint == pinned).ok_or_else(|| damaged(CERTIFICATE))?;
        let name = about.camera.parse().map_err(|_| damaged(ABOUT))?;
        Ok(Self { relay, root, name, key, chain })
    }

    /// The camera id: its public key.
    #[must_use]
    pub fn id(&self) -> CameraId {
        CameraId(self.key.verifying_key().to_bytes())
    }

    /// What the camera shows the relay on every connection.
    ///
    /// # Errors
    /// When the key cannot be encoded; nothing in our hands leads there.
    pub fn identity(&self) -> Result<Identity, Error> {
        let der = self.key.to_pkcs8_der().map_err(|_| Error::Request("the key cannot be encoded".to_owned()))?;
        let key = PrivateKeyDer::try_from(der.as_bytes().to_vec()).map_err(|error| Error::Request(error.to_owned()))?;
        Ok(Identity { chain: self.chain.clone(), key })
    }
}

/// A request (PKCS #10) for the key and nothing else: the token says under which name.
fn request(key: &SigningKey) -> Result<Vec<u8>, Error> {
    let failed = |error: rcgen::Error| Error::Request(error.to_string());
    let der = key.to_pkcs8_der().map_err(|_| Error::Request("the key cannot be encoded".to_owned()))?;
    let pair = KeyPair::from_pkcs8_der_and_sign_algo(&der.as_bytes().into(), &PKCS_ED25519).map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    Ok(params.serialize_request(&pair).map_err(failed)?.der().to_vec())
}

/// Whether the answer is a chain for this very key and the name that the relay says, under the root that was named.
fn believe(answer: &Certified, key: &SigningKey, root: &Root, now: Micros) -> Result<(Camera, Vec<CertificateDer<'static>>), Error> {
    let unusable = |why: &str| Error::Certificate(why.to_owned());
    let decoded = answer.chain.iter().map(|text| BASE64.decode(text.as_bytes()));
    let chain: Vec<Vec<u8>> = decoded.collect::<Result<_, _>>().map_err(|_| unusable("it is not Base64"))?;
    if chain.last().is_none_or(|last| last != root.certificate.as_ref()) {
        return Err(unusable("its chain does not end with the relay's root"));
    }
    let camera =
        camera_certificate::verify(&chain, &root.certificate, &[] as &[&[u8]], now).map_err(|error| unusable(&error.to_string()))?;
    if camera.id.as_bytes() != key.verifying_key().as_bytes() {
        return Err(unusable("it is for another key"));
    }
    if camera.name.as_str() != answer.camera {
        return Err(unusable("it is for another name than the relay says"));
    }
    Ok((camera, chain.into_iter().map(CertificateDer::from).collect()))
}

/// Whether a waiting key has no future after this. When an answer may have been lost, now or in an earlier attempt, the relay may know
/// the key already, and then the token, or the name, is good for this key alone.
fn is_useless(error: &api::Error, fresh: bool) -> bool {
    match error {
        api::Error::Refused { code, .. } if code == "key-taken" => true,
        api::Error::Refused { status, .. } => fresh && *status < 500,
        api::Error::Unreachable { .. } | api::Error::Untrusted(_) | api::Error::Request(_) => fresh,
        api::Error::Late { .. } | api::Error::Broken { .. } | api::Error::TooLong(_) | api::Error::Unreadable(_) => false,
    }
}

fn explained(error: api::Error) -> Error {
    match error {
        api::Error::Untrusted(TrustError::RootChanged { pinned, seen }) => Error::OtherRoot { named: pinned, shown: seen },
        api::Error::Refused { status, code, message } if (400..500).contains(&status) && status != 429 => Error::Refused { code, message },
        other => Error::Relay(other),
    }
}

fn pem_of(key: &SigningKey) -> Result<String, Error> {
    let mut pair = KeypairBytes { secret_key: key.to_bytes(), public_key: None };
    let text = pair.to_pkcs8_pem(LineEnding::LF);
    pair.secret_key.zeroize();
    Ok(text.map_err(|_| Error::Request("the key cannot be encoded".to_owned()))?.to_string())
}

/// The camera's folder.
struct Place<'a>(&'a Path);

impl Place<'_> {
    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        file::read(&self.path(name), MAX_FILE).map_err(|source| Error::File { path: self.path(name), source })
    }

    /// The key of an attempt whose answer was lost, or a new one (then true); on disk before anybody hears of it.
    fn waiting_key(&self) -> Result<(SigningKey, bool), Error> {
        let path = self.path(NEW_KEY);
        let failed = |source| Error::File { path: path.clone(), source };
        match file::read(&path, MAX_FILE) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                let text = std::str::from_utf8(&bytes).map_err(|_| Error::Damaged(path.clone()))?;
                let key = SigningKey::from_pkcs8_pem(text).map_err(|_| Error::Damaged(path.clone()))?;
                return Ok((key, false));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(failed(source)),
        }
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|error| Error::Randomness(error.to_string()))?;
        let key = SigningKey::from_bytes(&seed);
        let pem = Zeroizing::new(pem_of(&key)?);
        file::private_folder(self.0).map_err(failed)?;
        file::create(&path, pem.as_bytes(), file::PRIVATE).map_err(failed)?;
        Ok((key, true))
    }

    /// The key gets its name last: until then, nothing is enrolled.
    fn keep(&self, enrolment: &Enrolment) -> Result<(), Error> {
        let camera = enrolment.name.to_string();
        let about = About { camera, relay: enrolment.relay.to_string(), root: enrolment.root.fingerprint.compact() };
        let about = toml::to_string(&about).map_err(|error| Error::Request(error.to_string()))?;
        let about = format!("# Written by camera-agent enroll.\n{about}");
        let chain: String = enrolment.chain.iter().map(|certificate| pem_certificate(certificate)).collect();
        for (name, text) in [(CERTIFICATE, chain), (ABOUT, about)] {
            file::replace(&self.path(name), text.as_bytes(), file::READABLE)
                .map_err(|source| Error::File { path: self.path(name), source })?;
        }
        let (from, to) = (self.path(NEW_KEY), self.path(KEY));
        // A link, unlike a rename, never overwrites.
        fs::hard_link(&from, &to).map_err(|source| Error::File { path: to, source })?;
        // Left behind, it is the same key; the next enrolment in this folder is refused anyway.
        let _ = fs::remove_file(from);
        fs::File::open(self.0).and_then(|folder| folder.sync_all()).map_err(|source| Error::File { path: self.0.to_owned(), source })
    }
}

fn pem_certificate(der: &[u8]) -> String {
    pem::encode_config(&pem::Pem::new("CERTIFICATE", der), pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

#[cfg(test)]
mod tests;
