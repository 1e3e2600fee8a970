//! `relay-server init`: makes a relay's folder, once.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{EncodePrivateKey as _, KeypairBytes};
use link::tls::RootFingerprint;
use wire::id::Micros;

use crate::folder::{Folder, Pki, ROOT_KEY};
use crate::pki::host::Host;
use crate::pki::issuing::Issuing;
use crate::pki::root::Root;
use crate::pki::{self, files};
use crate::{config, roster};

/// What a person decides.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The canonical name.
    pub name: Host,
    /// Further names under which the relay is reached.
    pub further: Vec<Host>,
    /// The relay's folder.
    pub dir: PathBuf,
    /// Where the root key goes; by default into the relay's folder, from where it should be moved.
    pub root_dir: Option<PathBuf>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The folder.
    pub folder: Folder,
    /// Where the root key lies.
    pub root_key: PathBuf,
    /// What agents and viewers pin.
    pub fingerprint: RootFingerprint,
    /// Whether the root key lies in the relay's own folder.
    pub root_is_here: bool,
}

/// Why no relay was made. Nothing of what was there was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a relay already.
    #[error(
        "{0} is there already: init never overwrites. Choose another --dir, or move it away if no camera and no viewer needs this relay any more"
    )]
    Exists(PathBuf),
    /// Something could not be written.
    #[error("{path} cannot be written: {source}")]
    Write {
        /// What.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] files::Error),
    /// Nothing could be certified.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// The operating system gave no random numbers.
    #[error("the operating system gave no random numbers: {0}")]
    Randomness(#[from] getrandom::Error),
    /// The relay key could not be written down.
    #[error("the relay key could not be encoded")]
    RelayKey,
    /// The roster could not be made.
    #[error(transparent)]
    Roster(#[from] roster::Error),
}

/// Makes the root CA, the issuing CA, the server certificate, the relay key, an empty roster and the commented configuration.
///
/// # Errors
/// When a relay is there already, or something cannot be written. What this call made is removed again then.
pub fn init(wish: &Wish, now: Micros) -> Result<Made, Error> {
    let folder = Folder::at(&wish.dir);
    let root_dir = wish.root_dir.clone().unwrap_or_else(|| folder.root());
    let root_key = root_dir.join(ROOT_KEY);
    for there in [folder.config(), folder.pki_folder(), folder.roster(), root_key.clone()] {
        if there.symlink_metadata().is_ok() {
            return Err(Error::Exists(there));
        }
    }
    let mut undo = Undo::default();
    let fingerprint = make(wish, &folder, &root_key, now, &mut undo)?;
    undo.keep();
    Ok(Made { folder, root_key, fingerprint, root_is_here: wish.root_dir.is_none() })
}

fn make(wish: &Wish, folder: &Folder, root_key: &Path, now: Micros, undo: &mut Undo) -> Result<RootFingerprint, Error> {
    let root = Root::create(&wish.name, &wish.further, now)?;
    let root_certificate = root.certificate().der().clone();
    let (issuing_certificate, issuing_key) = root.issuing(now)?;
    let issuing_pem = (issuing_certificate.pem(), issuing_key.serialize_pem());
    let issuing = Issuing::new(issuing_certificate.into(), issuing_key, root_certificate.clone())?;
    let hosts: Vec<Host> = std::iter::once(&wish.name).chain(&wish.further).cloned().collect();
    let (server, server_key) = issuing.server(&hosts, now)?;
    let relay_key = relay_key()?;
    let relay_certificate = root.relay_key(relay_key.verifying_key().as_bytes(), now)?;
    let relay_pem = KeypairBytes { secret_key: relay_key.to_bytes(), public_key: None };
    let relay_pem = relay_pem.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::RelayKey)?;

    private_folder(folder.path(), undo)?;
    private_folder(root_key.parent().unwrap_or(folder.path()), undo)?;
    private_folder(&folder.pki_folder(), undo)?;
    // The root first: without its key on disk nothing that it signed may be.
    for (path, text) in [
        (root_key.to_owned(), root.key_pem().as_str()),
        (folder.pki(Pki::RootCertificate), &root.certificate().pem()),
        (folder.pki(Pki::RootCrl), &root.crl(now)?.pem().map_err(pki::Error::Certificate)?),
        (folder.pki(Pki::IssuingCertificate), &issuing_pem.0),
        (folder.pki(Pki::IssuingKey), &issuing_pem.1),
        (folder.pki(Pki::Server), &files::server(&server, &server_key, &issuing)),
        (folder.pki(Pki::RelayCertificate), &relay_certificate.pem()),
        (folder.pki(Pki::RelayKey), &relay_pem),
    ] {
        files::create(&path, text)?;
        undo.file(path);
    }
    undo.file(folder.roster());
    roster::Roster::open(&folder.roster())?;
    // The configuration last: with it, the relay is whole.
    files::create(&folder.config(), &config::annotated(&wish.name))?;
    undo.file(folder.config());
    Ok(RootFingerprint::of(&root_certificate))
}

fn relay_key() -> Result<SigningKey, getrandom::Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;
    let key = SigningKey::from_bytes(&seed);
    seed.fill(0);
    Ok(key)
}

/// Makes a folder that only its owner may enter, and those above it; one that is there stays as it is.
fn private_folder(path: &Path, undo: &mut Undo) -> Result<(), Error> {
    let failed = |source| Error::Write { path: path.to_owned(), source };
    if path.is_dir() {
        return Ok(());
    }
    if let Some(above) = path.parent().filter(|above| !above.as_os_str().is_empty()) {
        fs::create_dir_all(above).map_err(failed)?;
    }
    DirBuilder::new().mode(0o700).create(path).map_err(failed)?;
    undo.0.push(path.to_owned());
    Ok(())
}

/// What to remove when something goes wrong on the way: only what this call made.
#[derive(Default)]
struct Undo(Vec<PathBuf>);

impl Undo {
    fn file(&mut self, path: PathBuf) {
        self.0.push(path);
    }

    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            // A folder goes only when it is empty. Nothing more can be done about what does not go.
            let _ = if path.is_dir() { fs::remove_dir(path) } else { fs::remove_file(path) };
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt as _;

    use link::settings;

    use super::*;
    use crate::config::Config;

    const NOON: Micros = Micros(1_800_000_000_000_000);

    fn wish(dir: &Path) -> Wish {
        Wish { name: "relay.example".parse().unwrap(), further: vec!["127.0.0.1".parse().unwrap()], dir: dir.join("relay"), root_dir: None }
    }

    /// Every file below a folder with its content.
    fn files_below(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { found.extend(files_below(&path)) } else { drop(found.insert(path.clone(), fs::read(&path).unwrap())) }
        }
        found
    }

    #[test]
    fn a_second_init_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        init(&wish(dir.path()), NOON).unwrap();
        let before = files_below(dir.path());
        assert!(matches!(init(&wish(dir.path()), NOON), Err(Error::Exists(_))));
        let elsewhere = Wish { root_dir: Some(dir.path().join("drawer")), ..wish(dir.path()) };
        assert!(matches!(init(&elsewhere, NOON), Err(Error::Exists(_))));
        assert_eq!(files_below(dir.path()), before);
    }

    #[test]
    fn a_root_key_is_not_overwritten_either() {
        let dir = tempfile::tempdir().unwrap();
        let drawer = dir.path().join("drawer");
        let first = Wish { root_dir: Some(drawer.clone()), ..wish(dir.path()) };
        let made = init(&first, NOON).unwrap();
        assert!(!made.root_is_here);
        assert_eq!(made.root_key, drawer.join("root.key"));
        assert!(!made.folder.root().exists());
        let second = Wish { dir: dir.path().join("second"), ..first };
        assert!(matches!(init(&second, NOON), Err(Error::Exists(path)) if path == made.root_key));
        assert!(!dir.path().join("second").exists());
    }

    #[test]
    fn everything_is_private_and_the_configuration_valid() {
        let dir = tempfile::tempdir().unwrap();
        let made = init(&wish(dir.path()), NOON).unwrap();
        assert!(made.root_is_here);
        let found = files_below(made.folder.path());
        assert_eq!(found.len(), Pki::ALL.len() + 3, "{:?}", found.keys());
        for path in found.keys() {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
        for folder in [made.folder.path().to_owned(), made.folder.pki_folder(), made.folder.root()] {
            assert_eq!(fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700, "{}", folder.display());
        }
        let text = fs::read_to_string(made.folder.config()).unwrap();
        assert_eq!(settings::parse::<Config>(&text, "relay.toml").unwrap().name(), "relay.example");
    }

    #[test]
    fn what_fails_half_way_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        // The configuration cannot be put where a folder is; `exists` is not asked, since it looks like something else's folder.
        let blocked = dir.path().join("relay");
        fs::create_dir(&blocked).unwrap();
        fs::write(dir.path().join("root"), "a file where the folder of the root key should be").unwrap();
        let wish = Wish { root_dir: Some(dir.path().join("root").join("below")), ..wish(dir.path()) };
        assert!(matches!(init(&wish, NOON), Err(Error::Write { .. })));
        assert!(files_below(&blocked).is_empty());
    }
}
