//! `relay-server check`: everything that is wrong before the relay starts, at once.

use std::io;
use std::path::Path;

use link::exit::Code;
use link::file;
use link::settings::Problems;
use link::tls::Identity;
use rustls::pki_types::CertificateDer;
use serde::Serialize;
use time::{Duration, OffsetDateTime};
use wire::id::Micros;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::config::Config;
use crate::folder::{Folder, Pki, ROOT_KEY};
use crate::pki::authority::{self, Authority};
use crate::roster::{self, Roster};
use crate::run::{self, Sockets};

/// How long before its end a certificate that the relay cannot renew by itself is worth a word.
const SOON: Duration = Duration::days(60);

/// Bytes of free disk below which recording is about to stop.
const LITTLE: u64 = 1_000_000_000;

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The relay runs, but somebody should do something.
    Warning,
    /// The relay does not start, or is not safe.
    Error,
}

/// Something that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// What it is and what to do.
    pub text: String,
    /// The exit code that it calls for.
    #[serde(skip)]
    pub code: Code,
}

/// Everything that was found, the worst not necessarily first.
#[derive(Debug, Default)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// The exit code: of the first error, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<Code> {
        self.findings.iter().find(|finding| finding.weight == Weight::Error).map(|finding| finding.code)
    }

    /// The relay that runs says so.
    pub(crate) fn records_nothing(&mut self, problem: &str) {
        self.error(
            Code::Io,
            format!("the running relay records nothing at the moment: {problem}. Live goes on; agents keep what they capture"),
        );
    }

    fn error(&mut self, code: Code, text: impl ToString) {
        self.findings.push(Finding { weight: Weight::Error, text: text.to_string(), code });
    }

    fn warn(&mut self, text: impl ToString) {
        self.findings.push(Finding { weight: Weight::Warning, text: text.to_string(), code: Code::Usage });
    }
}

/// Looks at everything that the configuration in this file needs. It writes nothing.
#[must_use]
pub fn check(file: &Path, now: Micros) -> Report {
    let mut report = Report::default();
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(Problems(problems)) => {
            for problem in problems {
                report.error(Code::Usage, problem);
            }
            return report;
        }
    };
    let folder = Folder::at(&config.dir);
    let running = roster(&folder, &mut report);
    certificates(&folder, now, &mut report);
    names(&config, &folder, &mut report);
    files(&folder, &mut report);
    root_key(&folder, &mut report);
    if !running {
        port(&config, &mut report);
    }
    disk(&config, &folder, &mut report);
    report
}

/// Whether a relay runs here already, which is no fault.
fn roster(folder: &Folder, report: &mut Report) -> bool {
    let path = folder.roster();
    if !path.exists() {
        report
            .error(Code::NoInput, format!("{} is missing: restore it from a backup; without it the relay knows no camera", path.display()));
        return false;
    }
    match Roster::open(&path).and_then(|roster| roster.cameras()) {
        Ok(_) => false,
        Err(roster::Error::Busy(_)) => true,
        Err(error) => {
            report.error(Code::Io, error);
            false
        }
    }
}

/// Whether all belongs together, and what expires. Server certificate and camera list are renewed by the relay itself.
fn certificates(folder: &Folder, now: Micros, report: &mut Report) {
    if let Err(error) = Authority::inspect(folder, now) {
        let code = if matches!(error, authority::Error::Read { .. }) { Code::NoInput } else { Code::Data };
        report.error(code, error);
    }
    let Ok(now) = i64::try_from(now.0 / 1_000_000).map(OffsetDateTime::from_unix_timestamp) else { return };
    let Ok(now) = now else { return };
    for (file, what) in
        [(Pki::RootCertificate, "root CA"), (Pki::IssuingCertificate, "issuing CA"), (Pki::RelayCertificate, "relay key's certificate")]
    {
        // What cannot be read was said above.
        let Some((begins, ends)) = authority::certificate(&folder.pki(file)).ok().as_ref().and_then(validity) else { continue };
        if now < begins {
            report.error(Code::Data, format!("the {what} is valid only from {} on: is this machine's clock right?", begins.date()));
        } else if now >= ends {
            report.error(Code::Data, format!("the {what} expired on {}: it must be renewed with the root key", ends.date()));
        } else if now + SOON >= ends {
            report.warn(format!("the {what} expires on {}: renew it with the root key before", ends.date()));
        }
    }
}

fn validity(certificate: &CertificateDer<'static>) -> Option<(OffsetDateTime, OffsetDateTime)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some((parsed.validity().not_before.to_datetime(), parsed.validity().not_after.to_datetime()))
}

fn names(config: &Config, folder: &Folder, report: &mut Report) {
    let Ok(pem) = file::read(&folder.pki(Pki::Server), 1 << 20) else { return };
    let Ok(identity) = Identity::from_pem(&pem, &pem) else { return };
    let Some((hosts, _)) = identity.chain.first().and_then(authority::about) else { return };
    if let Err(error) = run::is_named(config, &hosts) {
        report.error(Code::Usage, error);
    }
}

fn files(folder: &Folder, report: &mut Report) {
    let secret = Pki::ALL.into_iter().filter(|file| file.is_secret()).map(|file| folder.pki(file));
    for path in secret.chain([folder.roster(), folder.root().join(ROOT_KEY)]) {
        // What is missing was said above, or need not be here.
        if file::is_exposed(&path).is_ok_and(|exposed| exposed) {
            report.error(Code::NotAllowed, format!("{0} can be read by others: chmod 600 {0}", path.display()));
        }
    }
}

fn root_key(folder: &Folder, report: &mut Report) {
    for path in [folder.root().join(ROOT_KEY), folder.pki_folder().join(ROOT_KEY)] {
        if path.exists() {
            let text = "the root key lies on the relay, whoever breaks in could speak for it for years: move";
            report.warn(format!("{text} {} to a medium that is kept offline", path.display()));
        }
    }
}

fn port(config: &Config, report: &mut Report) {
    if let Err(error) = Sockets::bind(config.listen) {
        report.error(Code::Unavailable, error);
    }
}

fn disk(config: &Config, folder: &Folder, report: &mut Report) {
    let used = size(&folder.archive());
    match free(folder.path()) {
        Ok(free) if free < LITTLE => report.warn(format!("the disk of {} has only {} MB left", folder.path().display(), free / 1_000_000)),
        Ok(free) if free.saturating_add(used) < config.archive.max_bytes => report.warn(format!(
            "the archive may grow to {} GB (archive.max_bytes), but {} has room for {} GB: the disk will fill up first",
            config.archive.max_bytes / 1_000_000_000,
            folder.path().display(),
            free.saturating_add(used) / 1_000_000_000
        )),
        Ok(_) => {}
        Err(error) => report.error(Code::Io, format!("the disk of {} cannot be asked for its room: {error}", folder.path().display())),
    }
}

fn free(path: &Path) -> io::Result<u64> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes of all files below a folder; what cannot be read counts nothing.
fn size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let of = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(about) if about.is_dir() => size(&entry.path()),
        Ok(about) => about.len(),
        Err(_) => 0,
    };
    entries.flatten().map(of).sum()
}

#[cfg(test)]
mod tests;
