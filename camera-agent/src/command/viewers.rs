//! `camera-agent viewers`: who can unlock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use link::exit::{Code, Error, OrExit as _};
use link::file;
use seal::public::{PublicIdentity, spoken};
use serde::Serialize;
use wire::id::{Fingerprint, Name};
use wire::label::LabelName;

use super::{Place, say, say_json};
use crate::config::Config;
use crate::enroll::Enrolment;
use crate::person;
use crate::viewers::{self, Added, Editor, FILE, Viewer, Viewers, usual_labels};

/// What is done with the list.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show who can unlock, what they can see, and their keys' fingerprints.
    #[command(after_help = "Example:\n  camera-agent viewers list")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Let somebody unlock, or change what they can see. A running agent takes it over with its next epoch.
    #[command(after_help = "Examples:\n  camera-agent viewers add ana --owner\n  \
        camera-agent viewers add night-shift --key celosia1… --labels face,till\n\n\
        Without --key the relay is asked for the key of the account with that name, and you compare it with its owner.\n\n\
        Without --labels a viewer is granted every label of the configuration, `outside` and `face`, but not `whole-frame`: that one shows \
        the whole picture whenever face detection fails, so it is granted only when it is named, as in --labels face,whole-frame.\n\n\
        A name keeps its key: to give it another one, remove the name first.")]
    Add {
        /// What you call them, 3 to 32 of a-z, 0-9, dot, underscore and hyphen: their account's name, or any with --key.
        name: Name,
        /// Their public key, if they have no account: the line that `viewer keygen` prints, which begins with celosia1.
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// Their fingerprint as they told it (64 hexadecimal digits, spaces allowed), instead of being asked for a part of it.
        #[arg(long, value_name = "FINGERPRINT", conflicts_with = "key")]
        fingerprint: Option<String>,
        /// They own the camera: at least one owner must be named. Who is one stays one until the name is removed.
        #[arg(long)]
        owner: bool,
        /// What they can see, by label: face, whole-frame, and the labels of the configuration (see --config).
        #[arg(long, value_name = "LABEL,…", value_delimiter = ',')]
        labels: Option<Vec<LabelName>>,
    },
    /// Strike somebody out. What they were granted before stays granted.
    #[command(after_help = "Example:\n  camera-agent viewers remove night-shift")]
    Remove {
        /// Whom.
        name: Name,
    },
}

#[derive(Serialize)]
struct Listed<'a> {
    version: u64,
    digest: String,
    viewers: Vec<ListedViewer<'a>>,
}

#[derive(Serialize)]
struct ListedViewer<'a> {
    name: &'a str,
    owner: bool,
    labels: Vec<&'a str>,
    fingerprint: String,
    key: String,
}

impl Command {
    /// Does it.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let config = place.config()?;
        let dir = &config.camera.dir;
        let path = dir.join(FILE);
        match self {
            Self::List { json } => list(&Viewers::load(&path).map_err(exit)?, json),
            Self::Remove { name } => {
                let removed = Editor::open(&path).and_then(|mut editor| editor.remove(&name)).map_err(exit)?;
                say(&format!("removed {name} ({})", spoken(removed.key.keys().fingerprint())))?;
                say("What was granted before stays granted: a key once handed out cannot be taken back.")
            }
            Self::Add { name, key, fingerprint, owner, labels } => {
                // First what costs nobody a phone call.
                let labels = granted(&config, labels)?;
                let key = match key {
                    Some(key) => key.parse().or_exit(Code::Usage)?,
                    None => of_account(dir, &path, &name, fingerprint.as_deref()).await?,
                };
                // Other labels make nobody less of an owner, who would be missed only at the next start.
                let known = if path.exists() { Some(Viewers::load(&path).map_err(exit)?) } else { None };
                let owner = owner || known.iter().flat_map(Viewers::list).any(|viewer| viewer.name == name && viewer.owner);
                add(&config, path, Viewer { name, key, owner, labels })
            }
        }
    }
}

/// The key of somebody's account, which is compared unless it is the one that the list has already.
async fn of_account(dir: &Path, path: &Path, name: &Name, fingerprint: Option<&str>) -> Result<PublicIdentity, Error> {
    let digits = fingerprint.map(|text| text.split_whitespace().collect::<String>());
    let brought = digits.map(|digits| digits.parse::<Fingerprint>()).transpose().or_exit(Code::Usage)?;
    let key = person::ask(&Enrolment::load(dir)?, name).await?;
    let known = if path.exists() { Some(Viewers::load(path).map_err(exit)?) } else { None };
    match known.iter().flat_map(Viewers::list).find(|viewer| viewer.name == *name) {
        Some(viewer) if viewer.key == key => {}
        Some(_) => return Err(exit(viewers::Error::OtherKey(name.clone()))),
        None => person::compare(name, &key, brought)?,
    }
    Ok(key)
}

/// What is granted: what was named, if the camera knows it, or else the usual.
fn granted(config: &Config, named: Option<Vec<LabelName>>) -> Result<BTreeSet<LabelName>, Error> {
    let known = config.labels();
    let Some(named) = named else { return Ok(usual_labels(&known)) };
    if let Some(strange) = named.iter().find(|name| known.find(name.as_str()).is_none()) {
        let all: Vec<_> = known.all().map(|(_, name)| name).collect();
        let message = format!("the configuration of this camera has no label `{strange}`");
        return Err(
            Error::new(Code::Usage, message).with_help(format!("it has {}; name another configuration with --config", all.join(", ")))
        );
    }
    Ok(named.into_iter().collect())
}

fn add(config: &Config, path: PathBuf, viewer: Viewer) -> Result<(), Error> {
    if let Some(dir) = path.parent() {
        file::private_folder(dir).map_err(|error| Error::of(Code::of_output(&error), &error))?;
    }
    let mut editor = Editor::open(&path).map_err(exit)?;
    let added = editor.add(&viewer).map_err(exit)?;
    let verb = match added {
        Added::New => "added",
        Added::Changed => "changed",
        Added::Same => "unchanged:",
    };
    say(&format!("{verb} {}{}", viewer.name, if viewer.owner { ", an owner" } else { "" }))?;
    say(&format!("  fingerprint  {}", spoken(viewer.key.keys().fingerprint())))?;
    let labels: Vec<_> = viewer.labels.iter().map(LabelName::as_str).collect();
    say(&format!("  can see      {}", if labels.is_empty() { "nothing".to_owned() } else { labels.join(", ") }))?;
    let left: Vec<_> = config.labels().all().map(|(_, name)| name.to_owned()).filter(|name| !labels.contains(&name.as_str())).collect();
    if left.iter().any(|name| name == "whole-frame") {
        say("  not          whole-frame (the whole picture when detection fails): name it with --labels if they should")?;
    }
    Ok(())
}

fn list(viewers: &Viewers, json: bool) -> Result<(), Error> {
    if json {
        let entries = viewers.list().iter().map(|viewer| ListedViewer {
            name: viewer.name.as_str(),
            owner: viewer.owner,
            labels: viewer.labels.iter().map(LabelName::as_str).collect(),
            fingerprint: viewer.key.keys().fingerprint().to_string(),
            key: viewer.key.to_string(),
        });
        return say_json(&Listed { version: viewers.version(), digest: viewers.digest().to_string(), viewers: entries.collect() });
    }
    if viewers.list().is_empty() {
        return say("nobody can unlock: `camera-agent viewers add NAME --owner` names the first");
    }
    for viewer in viewers.list() {
        let labels: Vec<_> = viewer.labels.iter().map(LabelName::as_str).collect();
        say(&format!("{}{}", viewer.name, if viewer.owner { "  (owner)" } else { "" }))?;
        say(&format!("  can see      {}", if labels.is_empty() { "nothing".to_owned() } else { labels.join(", ") }))?;
        say(&format!("  fingerprint  {}", spoken(viewer.key.keys().fingerprint())))?;
    }
    Ok(())
}

/// The exit code of what went wrong with the list.
fn exit(error: viewers::Error) -> Error {
    let code = match &error {
        viewers::Error::Unreadable { why, .. } => Code::of_input(why),
        viewers::Error::Unwritable { why, .. } => Code::of_output(why),
        viewers::Error::OtherKey(_) | viewers::Error::OtherName(_) => Code::NotAllowed,
        viewers::Error::Wrong(_) | viewers::Error::Nobody(_) | viewers::Error::Full | viewers::Error::OwnersFull => Code::Usage,
    };
    Error::of(code, &error)
}
