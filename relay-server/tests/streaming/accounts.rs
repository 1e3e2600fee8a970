//! Sealed layers by account: who is sent what, until when, and what the log says of it.

use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use link::api::Error;
use link::api::account::{self as api, Base64, Keys, PublicKeys, Recovery, Register, Registered, Secret, SignIn, SignedIn, WrappedKeys};
use relay_server::accounts::record::KeptRecovery;
use relay_server::accounts::session::{Session, TokenHash};
use relay_server::accounts::{Change, New};
use relay_server::config::{Config, History, SealedAccess, Visible};
use wire::id::{Fingerprint, Micros, Name};
use wire::message::{Layers, Message, Reason, Span, Subscribe};

use super::fakes::agent::Agent;
use super::fakes::camera::{Camera, START};
use super::fakes::viewer::{Viewer, live};
use super::fakes::{Relay, eventually};

fn granted(config: Config) -> Config {
    config.with_sealed_access(SealedAccess::Granted)
}

fn public(seed: u8) -> PublicKeys {
    PublicKeys { x25519: Base64([seed; 32]), ed25519: Base64(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()) }
}

fn fingerprint(seed: u8) -> Fingerprint {
    public(seed).fingerprint()
}

/// Somebody with an account.
struct Person<'a> {
    relay: &'a Relay,
    name: Name,
    token: Secret,
    session: Session,
}

impl<'a> Person<'a> {
    async fn new(relay: &'a Relay, name: &str, seed: u8) -> Self {
        let (accounts, name) = (&relay.parts.accounts, name.parse::<Name>().unwrap());
        let kept = accounts.hasher.keep(&Secret::new(&[seed; 32])).await.unwrap();
        let wrapped = WrappedKeys { x25519: Base64([seed; 76]), ed25519: Base64([seed; 76]) };
        let recovery = KeptRecovery { sign_in: kept.clone(), wrapped };
        let new = New { name: name.clone(), keys: Keys { public: public(seed), wrapped }, sign_in: kept, recovery };
        accounts.register(new, None).unwrap();
        let (token, session) = accounts.begin(&name, 0, false, "127.0.0.1").unwrap();
        Self { relay, name, token, session }
    }

    fn ticket(&self) -> Secret {
        self.relay.parts.accounts.tickets.give(TokenHash::of(&self.token), self.relay.parts.clock.now()).unwrap().0
    }

    /// Watches with sealed layers.
    async fn watch(&self, subscribe: Subscribe) -> Viewer {
        let mut viewer = Viewer::signed_in(self.relay, &self.ticket()).await;
        viewer.say(&Message::Subscribe(subscribe)).await;
        viewer
    }
}

fn sealed() -> Subscribe {
    Subscribe { layers: Layers::Sealed, ..live("front-door") }
}

fn past() -> Subscribe {
    Subscribe { span: Span::Range { from: Micros(START.0 - 1), to: Micros(START.0 + 10_000_000) }, ..sealed() }
}

/// Which of the sealed layers of the next frame are there.
async fn present(viewer: &mut Viewer) -> Vec<bool> {
    viewer.frames(1).await[0].layers[1..].iter().map(|layer| layer.present().is_some()).collect()
}

/// A relay and a camera with two sealed layers, of which “ada” is granted the first.
async fn site() -> (Relay, Agent) {
    let relay = Relay::with(granted);
    let mut camera = Camera::new(1, 1).granting_to(fingerprint(1));
    camera.whole = Some(300);
    let mut agent = Agent::start(&relay, "front-door", camera).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    (relay, agent)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_sent_the_labels_that_it_was_granted() {
    let (relay, mut agent) = site().await;
    let (ada, bob) = (Person::new(&relay, "ada", 1).await, Person::new(&relay, "bob", 2).await);
    let (mut hers, mut his) = (ada.watch(sealed()).await, bob.watch(sealed()).await);
    assert_eq!(present(&mut hers).await, [true, false], "her label, and no other");
    assert_eq!(present(&mut his).await, [false, false], "without a grant one sees what the public sees");
    // Nobody proves anything by naming a key.
    for key in [None, Some(1)] {
        let mut viewer = Viewer::connect(&relay, key).await;
        viewer.say(&Message::Subscribe(sealed())).await;
        assert_eq!(viewer.refusal().await.reason, Reason::NotAllowed);
        viewer.say(&Message::Subscribe(live("front-door"))).await;
        assert_eq!(present(&mut viewer).await, [false, false]);
    }
    // A grant that ends, ends with its epoch.
    agent.camera.grants.clear();
    agent.epoch().await;
    agent.send("K").await;
    assert_eq!(present(&mut hers).await, [false, false]);
    eventually("her hand-out ends", || relay.logged().len() == 2).await;
    let face = vec!["face".to_owned()];
    let entry = |kind: &str| ("ada".to_owned(), kind.to_owned(), face.clone());
    assert_eq!(relay.logged(), [entry("hand-out"), entry("hand-out-ended")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_holds_for_the_past() {
    let (relay, agent) = site().await;
    eventually("stored", || relay.memory.frames(agent.camera.id()).len() == 1).await;
    let (ada, bob) = (Person::new(&relay, "ada", 1).await, Person::new(&relay, "bob", 2).await);
    assert_eq!(present(&mut ada.watch(past()).await).await, [true, false]);
    assert_eq!(bob.watch(past()).await.refusal().await.reason, Reason::NotAllowed);
    assert_eq!(relay.logged(), [("ada".to_owned(), "hand-out".to_owned(), vec!["face".to_owned()])]);
    let entry = relay.parts.log.read(0).unwrap().remove(0);
    assert_eq!(entry.content.from, Some((START.0 - 1) / 1_000_000));
    assert_eq!(entry.personal.value("fingerprint"), Some(fingerprint(1).to_string().as_str()));

    // Where everybody may look back, one without a grant gets the public layer of the past too.
    let name: Name = "front-door".parse().unwrap();
    let everybody = |config: Config| {
        let back = History::For(Duration::from_secs(100 * 365 * 24 * 3600));
        granted(config).with_camera(&name, relay_server::config::Camera { public_history: back, ..Default::default() })
    };
    let relay = Relay::with(everybody);
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting_to(fingerprint(1))).await;
    agent.send("K").await;
    eventually("stored", || relay.memory.frames(agent.camera.id()).len() == 1).await;
    let bob = Person::new(&relay, "bob", 2).await;
    assert_eq!(present(&mut bob.watch(past()).await).await, [false]);
    assert!(relay.logged().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_takes_sealed_layers_off_live_connections() {
    type End = fn(&Person<'_>);
    let end: [(&str, End); 3] = [
        ("sign-out", |ada| assert!(ada.relay.parts.accounts.end(&ada.name, ada.session.id).unwrap())),
        ("another password", |ada| {
            let record = ada.relay.parts.accounts.account(&ada.name).unwrap().unwrap();
            let change = Change::Password { sign_in: record.sign_in, wrapped: record.keys.wrapped };
            ada.relay.parts.accounts.change(&ada.name, 0, change, None).unwrap();
        }),
        ("deletion", |ada| {
            ada.relay.parts.accounts.delete(&ada.name, None).unwrap();
        }),
    ];
    for (what, end) in end {
        let (relay, mut agent) = site().await;
        let ada = Person::new(&relay, "ada", 1).await;
        let mut viewer = ada.watch(sealed()).await;
        assert_eq!(present(&mut viewer).await, [true, false], "control");
        // What she watches as everybody does goes on.
        viewer.say(&Message::Subscribe(Subscribe { subscription: 2, ..live("front-door") })).await;
        assert_eq!(present(&mut viewer).await, [false, false]);
        let begun = Instant::now();
        end(&ada);
        let refused = viewer.refusal().await;
        assert_eq!((refused.subscription, refused.reason), (1, Reason::SignedOut), "{what}");
        println!("{what}: told after {:?}", begun.elapsed());
        agent.send("K").await;
        assert_eq!(present(&mut viewer).await, [false, false]);
        viewer.say(&Message::Subscribe(Subscribe { subscription: 3, ..sealed() })).await;
        assert_eq!(viewer.refusal().await.reason, Reason::SignedOut, "nor are they to be had again");
        eventually("the end is logged", || relay.logged().iter().any(|(_, kind, _)| kind == "hand-out-ended")).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_use_a_ticket_twice() {
    let (relay, _agent) = site().await;
    let ada = Person::new(&relay, "ada", 1).await;
    let ticket = ada.ticket();
    let mut first = Viewer::signed_in(&relay, &ticket).await;
    first.say(&Message::Subscribe(sealed())).await;
    assert_eq!(present(&mut first).await, [true, false], "control: the first time it is good");
    for ticket in [ticket, Secret::new(&[9; 32])] {
        let mut second = Viewer::signed_in(&relay, &ticket).await;
        assert_eq!(second.refusal().await.reason, Reason::SignedOut, "used, or made up");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attack_unlock_without_a_log_entry() {
    let (relay, agent) = site().await;
    eventually("stored", || relay.memory.frames(agent.camera.id()).len() == 1).await;
    let ada = Person::new(&relay, "ada", 1).await;
    let mut before = ada.watch(sealed()).await;
    assert_eq!(present(&mut before).await, [true, false], "control: while the log can be written");
    assert_eq!(relay.logged().len(), 1, "and it was, before the first byte");
    let log = relay.parts.log.clone();
    tokio::task::spawn_blocking(move || log.close()).await.unwrap();
    for subscribe in [sealed(), past()] {
        let mut viewer = ada.watch(subscribe).await;
        loop {
            match viewer.next().await.unwrap() {
                Message::Refused(refused) => break assert_eq!(refused.reason, Reason::Storage),
                Message::Frame { .. } | Message::Grants(_) => panic!("something was handed out"),
                _ => {}
            }
        }
    }
    let mut public = Viewer::watch(&relay, "front-door").await;
    assert_eq!(present(&mut public).await, [false, false], "the public layer needs no log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_for_named_people() {
    let name: Name = "front-door".parse().unwrap();
    let relay = Relay::with(|config| {
        granted(config).with_camera(&name, relay_server::config::Camera { visible: Visible::Named, ..Default::default() })
    });
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting_to(fingerprint(1))).await;
    agent.send("K").await;
    eventually("live", || relay.parts.counters.frames_live.get() == 1).await;
    let (ada, bob) = (Person::new(&relay, "ada", 1).await, Person::new(&relay, "bob", 2).await);
    let mut hers = ada.watch(live("front-door")).await;
    assert_eq!(present(&mut hers).await, [false]);
    assert_eq!(bob.watch(live("front-door")).await.refusal().await.reason, Reason::NotAllowed);
    assert_eq!(Viewer::watch(&relay, "front-door").await.refusal().await.reason, Reason::NotAllowed);
    // Whoever is named no more sees no more from the next epoch on.
    agent.camera.grants.clear();
    agent.epoch().await;
    agent.send("K").await;
    assert_eq!(hers.refusal().await.reason, Reason::NotAllowed);
}

/// The status of a refusal.
fn status<T: std::fmt::Debug>(answer: Result<T, Error>) -> u16 {
    match answer.unwrap_err() {
        Error::Refused { status, .. } => status,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_and_an_agent_use_the_api_of_a_whole_relay() {
    let relay = Relay::whole_with(granted).await;
    let mut agent = Agent::start(&relay, "front-door", Camera::new(1, 1).granting_to(fingerprint(1))).await;
    agent.send("K").await;
    let (invite, _) = relay.parts.accounts.invite(Duration::from_secs(3600)).unwrap();

    let nobody = relay.api(None);
    let wrapped = WrappedKeys { x25519: Base64([1; 76]), ed25519: Base64([2; 76]) };
    let register = Register {
        name: "ada".to_owned(),
        sign_in: Secret::new(&[1; 32]),
        keys: Keys { public: public(1), wrapped },
        recovery: Recovery { sign_in: Secret::new(&[2; 32]), wrapped },
        invite: Some(invite.to_string()),
    };
    let registered: Registered = nobody.post_json("/api/v1/accounts", &register).await.unwrap();
    assert_eq!(registered.fingerprint, fingerprint(1).to_string());
    let signed_in: SignedIn =
        nobody.post_json("/api/v1/sessions", &SignIn { name: "ada".to_owned(), sign_in: Secret::new(&[1; 32]) }).await.unwrap();
    let ada = relay.api(None).with_token(&signed_in.token.reveal());

    // A camera's agent looks people up by its certificate; whoever shows none does not.
    let person: api::Person = relay.api(Some(&agent.identity)).get_json("/api/v1/people/ada").await.unwrap();
    assert_eq!(person.public, public(1));
    assert_eq!(status(nobody.get_json::<api::Person>("/api/v1/people/ada").await), 401);
    assert_eq!(status(relay.api(Some(&agent.identity)).get_json::<api::Account>("/api/v1/account").await), 401);

    let ticket: api::Ticket = ada.post_json("/api/v1/tickets", &()).await.unwrap();
    let mut viewer = Viewer::signed_in(&relay, &ticket.ticket).await;
    viewer.say(&Message::Subscribe(sealed())).await;
    assert_eq!(present(&mut viewer).await, [true]);
    let () = ada.send_json("DELETE".parse().unwrap(), "/api/v1/sessions/current", &()).await.unwrap();
    assert_eq!(viewer.refusal().await.reason, Reason::SignedOut);
    assert_eq!(status(ada.get_json::<api::Account>("/api/v1/account").await), 401);

    // All of it survives a restart, and the log shows that nothing was changed.
    eventually("the end is logged", || relay.logged().iter().any(|(_, kind, _)| kind == "hand-out-ended")).await;
    let before = relay.logged();
    drop((agent, viewer));
    let relay = relay.restart().await;
    assert_eq!(relay.logged(), before);
    let kinds: Vec<&str> = before.iter().map(|(_, kind, _)| kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "hand-out").count(), 1, "{kinds:?}");
    assert!(relay.parts.accounts.account(&"ada".parse().unwrap()).unwrap().is_some());
    let report = relay.parts.log.verify(&relay.parts.authority.relay_key().verifying_key(), &[]).unwrap();
    assert!(report.wrong.is_empty() && report.head.is_some(), "{report:?}");
    relay.stop().await;
}
