//! A relay, its cameras and their viewers in one process, in a folder that goes with them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use camera_agent::agent::{Agent, Parts};
use camera_agent::config::{self as agent, Config as AgentConfig};
use camera_agent::detect::Model;
use camera_agent::enroll::{Enrolment, Wish, enroll};

use camera_agent::viewers::{Editor, FILE, Viewer};
use link::address;
use link::retry::Pace;
use link::shutdown::Shutdown;
use link::tls::RootFingerprint;
use relay_server::clock::Clock;
use relay_server::config::metrics::Listen;
use relay_server::config::{Camera as Sharing, Config as RelayConfig, History, SealedAccess};
use relay_server::counters::Snapshot;
use relay_server::folder::Folder;
use relay_server::run::{Relay, Sockets};
use seal::public::PublicIdentity;
use tempfile::TempDir;
use wire::label::LabelName;
use wire::message::Span;

use crate::audience::{Ask, Audience};
use crate::camera::now;
use crate::evil_agent::EvilAgent;
use crate::operator::{HOST, Operator, found};
use crate::patience::{UNHURRIED, within};
use crate::person::Person;
use crate::source::Stage;
use crate::{camera, operator};

/// A relay and whoever belongs to it.
pub struct World {
    dir: TempDir,
    folder: Folder,
    root: RootFingerprint,
    config: RelayConfig,
    at: SocketAddr,
    relay: Option<Relay>,
}

impl World {
    /// A relay with the defaults, whose cameras everybody may look back on for an hour.
    pub async fn new() -> Self {
        Self::with(|config| {
            let sharing = Sharing { public_history: History::For(Duration::from_secs(3600)), ..Sharing::default() };
            ["front-door", "back-door"].iter().fold(config, |config, name| config.with_camera(&name.parse().unwrap(), sharing))
        })
        .await
    }

    /// With another configuration.
    pub async fn with(change: impl FnOnce(RelayConfig) -> RelayConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = found(&dir.path().join("relay"));
        // Its people have keys and no accounts, so that sealed layers go to whoever names a key.
        let mut config = RelayConfig::new(&HOST.parse().unwrap(), folder.path()).with_sealed_access(SealedAccess::Anyone);
        // Many relays run at one time here, and nobody watches over them.
        config.metrics.listen = Listen::None;
        let config = change(config);
        let root = Operator::of(&folder).root();
        let mut world = Self { dir, folder, root, config, at: SocketAddr::from(([127, 0, 0, 1], 0)), relay: None };
        world.start_relay().await;
        world
    }

    /// Starts the relay, where it was before if it ran before.
    pub async fn start_relay(&mut self) {
        let sockets = Sockets::bind(self.at).unwrap();
        let relay = Relay::start(self.config.clone(), sockets, Clock::system(), Shutdown::new()).await.unwrap();
        self.at = relay.address();
        self.relay = Some(relay);
    }

    /// Stops the relay as a first signal does, and waits until it has.
    pub async fn stop_relay(&mut self) {
        let relay = self.relay.take().unwrap();
        relay.base.stop.drain();
        within("the relay's end", relay.ended()).await.unwrap();
    }

    /// What the relay counted since it started.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        self.relay().parts.counters.snapshot()
    }

    /// The running relay.
    #[must_use]
    pub const fn relay(&self) -> &Relay {
        self.relay.as_ref().unwrap()
    }

    /// Where the relay keeps everything.
    #[must_use]
    pub const fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What everybody pins.
    #[must_use]
    pub const fn root(&self) -> RootFingerprint {
        self.root
    }

    /// The folder of everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Where an agent keeps its files.
    #[must_use]
    pub fn agent_dir(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Where the relay is.
    #[must_use]
    pub fn address(&self) -> address::Relay {
        address::Relay::new(HOST, self.at.port()).unwrap()
    }

    /// Enrols a camera as its owner does.
    pub async fn enroll(&self, name: &str) -> Enrolment {
        let (token, _) = self.relay().base.roster.invite(&name.parse().unwrap(), false, Duration::from_secs(60), now()).unwrap();
        let wish = Wish { relay: self.address(), root: self.root, token: token.to_string(), dir: self.agent_dir(name) };
        within("enrolment", enroll(&wish, now())).await.unwrap()
    }

    /// Names somebody in a camera's list of viewers; the first is its owner.
    pub fn authorize(&self, name: &str, who: &str, person: &Person, labels: &[&str]) {
        let dir = self.agent_dir(name);
        std::fs::create_dir_all(&dir).unwrap();
        let mut editor = Editor::open(&dir.join(FILE)).unwrap();
        let owner = editor.viewers().list().is_empty();
        let labels = labels.iter().map(|label| label.parse::<LabelName>().unwrap()).collect();
        let key = PublicIdentity::new(person.public()).unwrap();
        editor.add(&Viewer { name: who.parse().unwrap(), key, labels, owner }).unwrap();
    }

    /// An agent in front of a stage, enrolled if it is not yet.
    pub async fn agent(&self, name: &str, stage: &Stage, detector: Option<Arc<dyn Model>>) -> Setup {
        let dir = self.agent_dir(name);
        let enrolment = match Enrolment::load(&dir) {
            Ok(enrolment) => enrolment,
            Err(_) => self.enroll(name).await,
        };
        let mut config = AgentConfig::default();
        config.camera.dir = dir;
        config.camera.owner = agent::Owner::None;
        config.detect.on = detector.is_some();
        // A machine that does other things too must not make a detection late.
        config.detect.look_ahead = Duration::from_millis(1500);
        let mut parts = Parts::enrolled(&config, &enrolment).unwrap();
        (parts.source, parts.detector) = (stage.opener(), detector);
        if let camera_agent::agent::Destination::Relay(publish) = &mut parts.destination {
            publish.relay = self.address();
            // So that a test of reconnecting does not wait for a person's patience.
            let (first, longest) = (Duration::from_millis(50), Duration::from_millis(400));
            publish.pace = Pace { first, longest, ..publish.pace };
            publish.long = longest;
            // Nor does a busy machine make a hole where none is tested.
            publish.patience = UNHURRIED;
        }
        Setup { config, parts }
    }

    /// An agent with a camera's key that does what a test says; what it signs is a [`camera::Camera`]'s.
    pub async fn evil_agent(&self, name: &str, camera: camera::Camera) -> EvilAgent {
        let identity = self.admit(name, &camera.key);
        EvilAgent::connect(&self.address(), self.root, &identity, camera).await
    }

    /// Enrols a key that a test chose.
    #[must_use]
    pub fn admit(&self, name: &str, key: &ed25519_dalek::SigningKey) -> link::tls::Identity {
        let operator = Operator::of(&self.folder);
        let chain = operator.certify(name, key);
        let roster = &self.relay().base.roster;
        let id = wire::id::CameraId(key.verifying_key().to_bytes());
        if roster.holder(id).unwrap().is_none() {
            let (token, _) = roster.invite(&name.parse().unwrap(), true, Duration::from_secs(60), now()).unwrap();
            roster.enrol(&token.hash(), id, None, 100, now(), |_| Ok(chain.clone())).unwrap();
        }
        operator::identity(chain, key)
    }

    /// Somebody who looks.
    pub async fn watch(&self, ask: Ask<'_>) -> Audience {
        Audience::open(&self.address(), self.root, ask).await.unwrap()
    }

    /// Somebody who looks as soon as there is something live.
    pub async fn watch_when_live(&self, ask: Ask<'_>) -> Audience {
        let begun = std::time::Instant::now();
        loop {
            match Audience::open(&self.address(), self.root, ask).await {
                Ok(audience) => return audience,
                Err(error) => assert!(begun.elapsed() < crate::patience::PATIENCE, "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Everything that was recorded of a camera by now, and may be seen by everybody.
    pub async fn recording(&self, name: &str, person: Option<&Person>) -> Audience {
        let span = last(Duration::from_secs(3000));
        let mut audience = self.watch(Ask { person, span, ..Ask::live(name) }).await;
        audience.to_the_end().await;
        assert_eq!(audience.error, None);
        audience
    }
}

/// The span of the last so long.
#[must_use]
pub fn last(span: Duration) -> Span {
    Span::Range { from: camera::ago(span), to: now() }
}

/// An agent that has not started yet.
pub struct Setup {
    /// Its configuration.
    pub config: AgentConfig,
    /// What it is made of.
    pub parts: Parts,
}

impl Setup {
    /// Changes something.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Starts it.
    pub async fn start(self) -> Agent {
        Agent::start(&self.config, self.parts, Shutdown::new()).await.unwrap()
    }
}

/// Stops an agent in order, and waits until it has.
pub async fn stop(agent: Agent) {
    agent.stop();
    within("the agent's end", agent.ended()).await.unwrap();
}
