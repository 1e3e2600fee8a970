//! Asking for a password: on the terminal, or from a file; never as an argument.

use std::fs::File;
use std::io::{IsTerminal as _, Read as _};
use std::path::Path;

use link::exit::{Code, Error, OrExit as _};
use seal::password::{MAX_BYTES, Password};
use zeroize::Zeroizing;

/// Reads the password from the file, or asks for it on the terminal.
pub(super) fn read(file: Option<&Path>, prompt: &str) -> Result<Password, Error> {
    let typed = read_text(file, prompt)?;
    Password::new(typed.to_string()).or_exit(Code::Usage)
}

/// Reads a secret text that is no password from the file, or asks for it on the terminal.
pub(super) fn read_text(file: Option<&Path>, prompt: &str) -> Result<Zeroizing<String>, Error> {
    Ok(Zeroizing::new(match file {
        Some(path) => from_file(path)?,
        None => ask(prompt)?,
    }))
}

/// Asks twice for a new password on the terminal, or reads it from the file.
pub(super) fn read_new(file: Option<&Path>, prompt: &str, known: &[&str]) -> Result<Password, Error> {
    let password = read(file, prompt)?;
    password.check(known).or_exit(Code::Usage)?;
    if file.is_none() {
        let again = read(None, "The same again: ")?;
        if again != password {
            return Err(Error::new(Code::Usage, "the two passwords differ").with_help("start again; nothing was written"));
        }
    }
    Ok(password)
}

fn from_file(path: &Path) -> Result<String, Error> {
    let open = File::open(path);
    let file =
        open.map_err(|error| Error::new(Code::of_input(&error), format!("the password file {} cannot be read: {error}", path.display())))?;
    let mut text = String::with_capacity(MAX_BYTES + 2);
    // One byte more than allowed, so that what is too long is noticed and not cut.
    let cap = u64::try_from(MAX_BYTES + 2).unwrap_or(u64::MAX);
    file.take(cap)
        .read_to_string(&mut text)
        .map_err(|error| Error::new(Code::Data, format!("the password file {} cannot be read: {error}", path.display())))?;
    // The line break that editors put at the end is not part of the password.
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

fn ask(prompt: &str) -> Result<String, Error> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(Code::Usage, "a password is needed, and there is no terminal to ask on")
            .with_help("name a file with --password-file FILE"));
    }
    rpassword::prompt_password(prompt).or_exit(Code::Io)
}
