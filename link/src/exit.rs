//! How a program ends: one sentence and a code.
//!
//! The codes are those of sysexits(3), so that a script can tell a wrong password from a relay that is down.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::process::ExitCode;

/// Why a program ended (sysexits(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// 64: the command line or the configuration is wrong.
    Usage = 64,
    /// 65: data fails its verification, or is not what it claims to be.
    Data = 65,
    /// 66: an input file is missing or cannot be read.
    NoInput = 66,
    /// 69: the relay, the camera or another service is not there.
    Unavailable = 69,
    /// 70: a mistake in the program itself.
    Internal = 70,
    /// 73: an output file cannot be created.
    CannotCreate = 73,
    /// 74: reading or writing failed on the way.
    Io = 74,
    /// 77: not allowed: no permission, a wrong password, a changed key.
    NotAllowed = 77,
}

impl Code {
    /// The code for a failure to read an input.
    #[must_use]
    pub fn of_input(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::IsADirectory => Self::NoInput,
            io::ErrorKind::PermissionDenied => Self::NotAllowed,
            _ => Self::Io,
        }
    }

    /// The code for a failure to write an output.
    #[must_use]
    pub fn of_output(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Io,
            io::ErrorKind::PermissionDenied => Self::NotAllowed,
            _ => Self::CannotCreate,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// What `main` says when a program could not do what it was asked: what happened, and what to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The code to end with.
    pub code: Code,
    /// What happened, in one sentence.
    pub message: String,
    /// What the person can do about it.
    pub help: Option<String>,
}

impl Error {
    /// An error in the caller's own words.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), help: None }
    }

    /// Another error, with the causes that it does not already tell.
    pub fn of(code: Code, error: &(dyn StdError + 'static)) -> Self {
        let mut message = error.to_string();
        let mut next = error.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            next = cause.source();
        }
        Self { code, message, help: None }
    }

    /// The same, with advice.
    #[must_use]
    pub fn with_help(mut self, help: impl fmt::Display) -> Self {
        self.help = Some(help.to_string());
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Several lines (a list of problems) stay several lines, each marked.
        for (position, line) in self.message.lines().enumerate() {
            let newline = if position > 0 { "\n" } else { "" };
            write!(f, "{newline}error: {}", shown(line))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {help}")?;
        }
        Ok(())
    }
}

impl StdError for Error {}

/// A line as a terminal may be sent it: a peer's own words may be in it, and must not move the cursor or turn the direction of writing.
fn shown(line: &str) -> String {
    let harmless = |c: char| !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    line.chars().map(|c| if harmless(c) { c } else { ' ' }).collect()
}

/// Gives any error its exit code, on the way up to `main`.
pub trait OrExit<T> {
    /// With this code.
    ///
    /// # Errors
    /// The same error, with its code.
    fn or_exit(self, code: Code) -> Result<T, Error>;

    /// With this code and this advice.
    ///
    /// # Errors
    /// The same error, with its code and the advice.
    fn or_exit_with(self, code: Code, help: impl fmt::Display) -> Result<T, Error>;
}

impl<T, E: StdError + 'static> OrExit<T> for Result<T, E> {
    fn or_exit(self, code: Code) -> Result<T, Error> {
        self.map_err(|error| Error::of(code, &error))
    }

    fn or_exit_with(self, code: Code, help: impl fmt::Display) -> Result<T, Error> {
        self.map_err(|error| Error::of(code, &error).with_help(help))
    }
}

/// The last line of every `main`: says what went wrong on standard error, and gives the code to end with.
#[must_use]
pub fn report(result: Result<(), Error>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use io::Write as _;
            // Standard error may be closed; the code still tells.
            let _ = writeln!(io::stderr(), "{error}");
            error.code.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the key file cannot be read")]
    struct Outer(#[source] io::Error);

    #[test]
    fn the_report_tells_causes_once_and_what_to_do() {
        let cause = || io::Error::new(io::ErrorKind::PermissionDenied, "permission denied");
        let error = Err::<(), _>(Outer(cause())).or_exit_with(Code::NotAllowed, "chmod 600 it").map_err(|e| (e.code, e.to_string()));
        assert_eq!(error, Err((Code::NotAllowed, "error: the key file cannot be read: permission denied\nhelp: chmod 600 it".to_owned())));
        assert_eq!(Error::new(Code::Usage, "one\ntwo").to_string(), "error: one\nerror: two");
        let evil = Error::new(Code::Data, "the relay said \u{1b}[2J\u{9b}31m\u{202e}x\r");
        assert_eq!(evil.to_string(), "error: the relay said  [2J 31m x ");
        assert_eq!(Code::of_input(&cause()), Code::NotAllowed);
        assert_eq!(Code::of_output(&io::ErrorKind::NotFound.into()), Code::CannotCreate);
        assert_eq!(Code::Usage as u8, 64);
        assert_eq!(Code::NotAllowed as u8, 77);
    }
}
