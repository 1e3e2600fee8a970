//! The page that shows cameras in a browser, as files inside the program that serves it.
//!
//! The page itself lies under `assets/`: plain ES modules, style sheets and texts, served as they are. Nothing is built or fetched for it,
//! and it asks nothing of any other host. `assets/vendor/` holds what others wrote, each with its licence; a test makes those anew.
//!
//! Who serves the page sends [`HEADERS`] with every file.

use std::borrow::Cow;

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

/// The file that a browser opens.
pub const INDEX: &str = "index.html";

/// What the page may do, for every answer that carries one of its files: its own scripts, styles, pictures and connections, and nothing
/// from or to anywhere else; no inline script, no frame around it, no form that leaves it.
pub const HEADERS: [(&str, &str); 7] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; worker-src 'self'; \
         manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    // Kept, but asked about each time: a page and its modules are always of one version.
    ("cache-control", "no-cache"),
];

/// One file of the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What is in it.
    pub bytes: Cow<'static, [u8]>,
    /// Its media type, with the character set where that matters.
    pub content_type: &'static str,
    /// Changes whenever the bytes do: the first half of their SHA-256, in quotation marks (RFC 9110, 8.8.3).
    pub etag: String,
}

/// The file at a path below the page's root (`index.html`, `wire/frame.js`), if the page has it.
#[must_use]
pub fn file(path: &str) -> Option<File> {
    let found = Assets::get(path)?;
    let digest = found.metadata.sha256_hash();
    let half: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    Some(File { bytes: found.data, content_type: content_type(path), etag: format!("\"{half}\"") })
}

/// The paths of all files.
pub fn files() -> impl Iterator<Item = Cow<'static, str>> {
    Assets::iter()
}

/// What kind of file it is, by its name. A kind that is not here is a download, never a script.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("txt" | "md") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
