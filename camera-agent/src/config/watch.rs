//! The file of a running agent: its masks are read anew when it changes, and kept when it cannot be used.

use std::path::PathBuf;

use link::file::Stamp;
use link::settings::Problems;

use super::Config;

/// What [`Watch::poll`] saw.
#[derive(Debug)]
pub enum Change {
    /// The file says what it said.
    Same,
    /// It says something else, and all of it is good.
    New {
        /// The running configuration with the file's masks, where these are others.
        masks: Option<Box<Config>>,
        /// Whether anything else differs from what is running: that needs a restart.
        rest: bool,
    },
    /// The file changed and cannot be used: the last good masks stay. Said once per change.
    Unusable(Problems),
    /// There is nothing in it, as if somebody were about to write it: the last good masks stay. Said once.
    Empty,
    /// The file is gone: the last good masks stay. Said once.
    Gone,
}

/// Watches the file that a configuration was read from.
#[derive(Debug)]
pub struct Watch {
    file: PathBuf,
    /// How the file was when it was last read; nothing at first, so that what changed since the program read it is seen.
    seen: Option<Stamp>,
    /// How it was at the last look.
    found: Option<Stamp>,
    running: Config,
}

impl Watch {
    /// For a running configuration; `None` where it was not read from a file.
    #[must_use]
    pub fn new(running: &Config) -> Option<Self> {
        let file = running.file.clone()?;
        Some(Self { file, seen: None, found: None, running: running.clone() })
    }

    /// Looks whether the file changed. One that changed is read at the next look, if it has stood still until then: whoever writes it may
    /// be at half, and half a file may well be a good one with fewer masks.
    pub fn poll(&mut self) -> Change {
        let stamp = Stamp::of(&self.file);
        let still = stamp == self.found;
        self.found = stamp;
        if !still || stamp == self.seen {
            return Change::Same;
        }
        self.seen = stamp;
        match stamp {
            None => return Change::Gone,
            Some(stamp) if stamp.is_empty() => return Change::Empty,
            Some(_) => {}
        }
        let config = match Config::load(Some(&self.file)) {
            Ok(config) => config,
            Err(problems) => return Change::Unusable(problems),
        };
        let running = self.running.masked_as(&config);
        let masks = (running != self.running).then(|| Box::new(running.clone()));
        let mut as_read = config;
        // The command line may have named another folder.
        as_read.camera.dir.clone_from(&running.camera.dir);
        let rest = as_read != running;
        self.running = running;
        if masks.is_some() || rest { Change::New { masks, rest } } else { Change::Same }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

    use std::fs;
    use std::path::Path;

    use super::*;

    const TILL: &str = "[[mask]]\nlabel = \"till\"\nx = 0\ny = 0\nw = 16\nh = 16\n";

    fn watch(dir: &Path, text: &str) -> (PathBuf, Watch) {
        let file = dir.join("agent.toml");
        fs::write(&file, text).unwrap();
        let watch = Watch::new(&Config::load(Some(&file)).unwrap()).unwrap();
        (file, watch)
    }

    /// Looks until the file has been read.
    fn settled(watch: &mut Watch) -> Change {
        assert!(matches!(watch.poll(), Change::Same), "not before it stood still");
        let change = watch.poll();
        assert!(matches!(watch.poll(), Change::Same), "said once");
        change
    }

    fn masks(change: Change) -> Config {
        let Change::New { masks: Some(masks), .. } = change else { panic!("{change:?}") };
        *masks
    }

    #[test]
    fn other_masks_are_taken_once_the_file_stands_still() {
        let dir = tempfile::tempdir().unwrap();
        let (file, mut watch) = watch(dir.path(), TILL);
        for _ in 0..4 {
            assert!(matches!(watch.poll(), Change::Same));
        }
        fs::write(&file, format!("{TILL}{}", TILL.replace("till", "window"))).unwrap();
        let changed = masks(settled(&mut watch));
        assert_eq!(changed.mask.len(), 2);
        // Comments change nothing.
        fs::write(&file, format!("# A word\n{TILL}{}", TILL.replace("till", "window"))).unwrap();
        assert!(matches!(settled(&mut watch), Change::Same));
        // A file that is being written, more of it at every look.
        for length in [10, 20, 40, 80] {
            fs::write(&file, "#".repeat(length)).unwrap();
            assert!(matches!(watch.poll(), Change::Same));
        }
        fs::write(&file, "[masking]\nmode = \"all\"").unwrap();
        assert_eq!(masks(settled(&mut watch)).masking.mode, super::super::Mode::All);
    }

    #[test]
    fn what_changed_while_the_agent_started_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let (file, _) = watch(dir.path(), "");
        let config = Config::load(Some(&file)).unwrap();
        fs::write(&file, TILL).unwrap();
        let mut watch = Watch::new(&config).unwrap();
        assert_eq!(masks(settled(&mut watch)).mask.len(), 1);
    }

    #[test]
    fn one_that_cannot_be_used_keeps_the_last_good_masks() {
        let dir = tempfile::tempdir().unwrap();
        let (file, mut watch) = watch(dir.path(), TILL);
        assert!(matches!(settled(&mut watch), Change::Same));
        for bad in ["[[mask]]\nlabel = \"till\"\nx = 0", "[masking]\nmood = \"all\"", "[[", &format!("{TILL}[encode]\nquality = 0")] {
            fs::write(&file, bad).unwrap();
            assert!(matches!(settled(&mut watch), Change::Unusable(_)), "{bad}");
        }
        fs::write(&file, "").unwrap();
        assert!(matches!(settled(&mut watch), Change::Empty));
        fs::remove_file(&file).unwrap();
        assert!(matches!(settled(&mut watch), Change::Gone));
        fs::write(&file, TILL).unwrap();
        assert!(matches!(settled(&mut watch), Change::Same), "the same masks as before");
    }

    #[test]
    fn the_rest_of_the_file_needs_a_restart_and_does_not_come_with_the_masks() {
        let dir = tempfile::tempdir().unwrap();
        let (file, mut watch) = watch(dir.path(), "# nothing");
        watch.running.camera.dir = "elsewhere".into();
        assert!(matches!(settled(&mut watch), Change::Same), "--dir is no change of the file");
        fs::write(&file, format!("[detect]\non = false\n{TILL}")).unwrap();
        let Change::New { masks: Some(masks), rest: true } = settled(&mut watch) else { panic!("a change") };
        assert!(masks.detect.on && masks.mask.len() == 1);
        fs::write(&file, format!("[detect]\non = false\nmargin = 2.0\n{TILL}")).unwrap();
        assert!(matches!(settled(&mut watch), Change::New { masks: None, rest: true }));
    }

    #[test]
    fn without_a_file_there_is_nothing_to_watch() {
        assert!(Watch::new(&Config::default()).is_none());
    }
}
