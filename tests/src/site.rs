//! The real programs side by side in one folder: a relay, agents, viewers, each with its files and what it said.

use std::path::{Path, PathBuf};

use link::address;
use link::tls::RootFingerprint;
use relay_server::run::Sockets;
use seal::public::PublicIdentity;
use tempfile::TempDir;

use crate::operator::HOST;
use crate::patience::UNHURRIED;
use crate::person::Person;
use crate::program::{Program, Running};

/// A place where programs run.
pub struct Site {
    dir: TempDir,
    port: u16,
    root: RootFingerprint,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// With a relay that was made and does not run yet. Everybody may look back for an hour.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["logs", "home", "tmp"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        // Free for both UDP and TCP; whoever takes it in between fails the test, which has not happened yet.
        let port = Sockets::bind(([127, 0, 0, 1], 0).into()).unwrap().tcp.local_addr().unwrap().port();
        let mut site = Self { dir, port, root: RootFingerprint([0; 32]) };
        let made = site.program("relay-server").args(&format!("init --name {HOST} --json --dir")).arg(site.path("relay")).run();
        made.expect(0);
        let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
        site.root = made["root"].as_str().unwrap().parse().unwrap();
        let config = std::fs::read_to_string(site.path("relay/relay.toml")).unwrap();
        let config = config
            .replace("listen = \"[::]:7443\"", &format!("listen = \"{HOST}:{port}\""))
            // Many relays run at one time here, and nobody watches over them.
            .replace("listen = \"127.0.0.1:7444\"", "listen = \"none\"");
        // Its people have keys and no accounts, so that sealed layers go to whoever names a key.
        let config = config.replace("sealed_access = \"granted\"", "sealed_access = \"anyone\"");
        std::fs::write(site.path("relay/relay.toml"), config + "\n[camera.front-door]\npublic_history = \"1h\"\n").unwrap();
        site
    }

    /// A path in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where everything is that programs said.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path("logs")
    }

    /// Where the relay is.
    #[must_use]
    pub fn address(&self) -> address::Relay {
        address::Relay::new(HOST, self.port).unwrap()
    }

    /// The camera of that name, as people write it.
    #[must_use]
    pub fn camera(&self, name: &str) -> String {
        format!("{name}@{}", self.address())
    }

    /// The operator's root.
    #[must_use]
    pub const fn root(&self) -> RootFingerprint {
        self.root
    }

    /// One of the programs.
    #[must_use]
    pub fn program(&self, name: &str) -> Program {
        Program::new(name, &self.logs()).env("TMPDIR", self.path("tmp")).env("CELOSIA_HOME", self.path("home"))
    }

    /// `relay-server`, with this relay's configuration.
    #[must_use]
    pub fn relay(&self, command: &str) -> Program {
        self.program("relay-server").args(command).arg("--config").arg(self.path("relay/relay.toml"))
    }

    /// `camera-agent`, with that camera's configuration.
    #[must_use]
    pub fn agent(&self, name: &str, command: &str) -> Program {
        self.program("camera-agent").args(command).arg("--config").arg(self.path(&format!("{name}.toml")))
    }

    /// `viewer`, which knows the relay's root.
    #[must_use]
    pub fn viewer(&self, command: &str) -> Program {
        self.program("viewer").args(command).args("--ca").arg(self.root.compact())
    }

    /// Starts the relay, and waits until it runs.
    #[must_use]
    pub fn start_relay(&self) -> Running {
        let mut relay = self.relay("run").start();
        relay.wait_for("the relay runs");
        relay
    }

    /// Invites and enrols a camera; its configuration is this text and the folder.
    pub fn enroll(&self, name: &str, config: &str) {
        let invited = self.relay(&format!("camera invite {name} --json")).run();
        invited.expect(0);
        let invited: serde_json::Value = serde_json::from_str(&invited.stdout).unwrap();
        self.configure(name, config);
        let token = invited["token"].as_str().unwrap();
        let enroll = self.agent(name, &format!("enroll --relay {} --ca {} --token {token}", self.address(), self.root.compact()));
        enroll.run().expect(0);
    }

    /// Writes a camera's configuration. `camera` is its first table, so that the text may go on with its keys; the last one is `publish`.
    pub fn configure(&self, name: &str, config: &str) {
        let text = format!("[camera]\ndir = \"{name}\"\n{config}\n[publish]\npatience = \"{}s\"\n", UNHURRIED.as_secs());
        std::fs::write(self.path(&format!("{name}.toml")), text).unwrap();
    }

    /// Names somebody who may unlock; `more` may say `--owner` or `--labels`.
    pub fn authorize(&self, name: &str, who: &str, person: &Person, more: &str) {
        let key = PublicIdentity::new(person.public()).unwrap();
        self.agent(name, &format!("viewers add {who} --key {key} {more}")).run().expect(0);
    }

    /// Starts an agent, and waits until it publishes.
    #[must_use]
    pub fn start_agent(&self, name: &str) -> Running {
        let mut agent = self.agent(name, "run").start();
        agent.wait_for("publishing");
        agent
    }

    /// Writes a file below its folder.
    #[must_use]
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Somebody's identity file, and the file with its password.
    #[must_use]
    pub fn keep(&self, who: &str, person: &Person) -> (PathBuf, PathBuf) {
        let file = self.path(&format!("{who}.identity"));
        let password = person.keep(&file);
        (file, password)
    }
}

/// The arguments that unlock with an identity.
#[must_use]
pub fn unlocking((identity, password): &(PathBuf, PathBuf)) -> String {
    format!("--unlock --identity {} --password-file {}", identity.display(), password.display())
}
