//! The socket of a running relay: `admin.sock`, mode 0600.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use axum::Router;
use link::shutdown::Shutdown;
use tokio::net::UnixListener;

/// The longest path that the system takes for a socket (`sun_path` in unix(7) has 108 bytes with its end), less the name of the folder
/// in which it is made ready.
const MAX_PATH: usize = 107 - ".tmp123456/".len();

/// A socket that could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The path is too long for a socket.
    #[error("{0} is too long a path for a socket ({MAX_PATH} bytes at most): move the relay's folder to a shorter one")]
    TooLong(PathBuf),
    /// The system says no.
    #[error("the socket for commands, {path}, cannot be opened: {source}")]
    Socket {
        /// Where.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Opens the socket. Whoever calls has the roster open, so that no other relay can be using what lies there.
///
/// # Errors
/// When it cannot be made.
pub fn listen(path: &Path) -> Result<UnixListener, Error> {
    if path.as_os_str().len() > MAX_PATH {
        return Err(Error::TooLong(path.to_owned()));
    }
    ready(path).map_err(|source| Error::Socket { path: path.to_owned(), source })
}

/// Made ready in a folder that only this user may enter, then moved: at no time may anybody else connect.
fn ready(path: &Path) -> io::Result<UnixListener> {
    let folder = tempfile::Builder::new().tempdir_in(path.parent().unwrap_or(Path::new(".")))?;
    let inside = folder.path().join("s");
    let listener = UnixListener::bind(&inside)?;
    fs::set_permissions(&inside, fs::Permissions::from_mode(0o600))?;
    fs::rename(&inside, path)?;
    Ok(listener)
}

/// Takes commands until it is time to finish, then removes the socket.
///
/// # Errors
/// When the socket fails for good.
pub async fn serve(listener: UnixListener, path: PathBuf, app: Router, stop: Shutdown) -> io::Result<()> {
    let served = axum::serve(listener, app).with_graceful_shutdown(async move { stop.draining().await }).await;
    // One that stays is replaced at the next start.
    let _ = fs::remove_file(&path);
    served
}
