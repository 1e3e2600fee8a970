//! Searching files for secrets, in every form in which a program might have written them.

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};

use crate::search::{files, position};
use crate::site::Site;

/// A secret in every form.
#[must_use]
pub fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let encodings = [HEXLOWER, HEXUPPER, BASE64, BASE64_NOPAD, BASE64URL_NOPAD];
    let debug = secret.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let mut forms: Vec<Vec<u8>> = encodings.iter().map(|encoding| encoding.encode(secret).into_bytes()).collect();
    forms.extend([secret.to_vec(), debug.into_bytes()]);
    forms
}

/// The files below these folders of a site that hold one of the secrets in one of its forms.
#[must_use]
pub fn leaks(site: &Site, folders: &[&str], secrets: &[(&str, Vec<u8>)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in folders.iter().flat_map(|folder| files(&site.path(folder))) {
        let bytes = std::fs::read(&file).unwrap();
        for (what, secret) in secrets {
            if forms(secret).iter().any(|form| position(&bytes, form).is_some()) {
                found.push(format!("{what} in {}", file.display()));
            }
        }
    }
    found
}
