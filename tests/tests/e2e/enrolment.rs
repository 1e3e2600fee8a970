//! A camera becomes one of a relay's, or does not.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use camera_agent::enroll::{Enrolment, Error, Wish, enroll};
use link::exit::{self, Code};
use link::shutdown::Shutdown;
use link::tls::RootFingerprint;
use relay_server::clock::Clock;
use relay_server::config::Config;
use relay_server::init;
use relay_server::pki::host::Host;
use relay_server::run::{Relay, Sockets};
use wire::id::{Micros, Name};

const HOUR: Duration = Duration::from_secs(3600);

/// A relay with its operator, and a place for cameras.
struct Bench {
    dir: tempfile::TempDir,
    relay: Relay,
    root: RootFingerprint,
    time: Arc<AtomicU64>,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let name: Host = "127.0.0.1".parse().unwrap();
        let time = Arc::new(AtomicU64::new(Clock::system().now().0));
        let clock = {
            let time = Arc::clone(&time);
            Clock::of(move || Micros(time.load(Ordering::Relaxed)))
        };
        let wish = init::Wish { name: name.clone(), further: Vec::new(), dir: dir.path().join("relay"), root_dir: None };
        let made = init::init(&wish, clock.now()).unwrap();
        let sockets = Sockets::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let relay = Relay::start(Config::new(&name, made.folder.path()), sockets, clock, Shutdown::new()).await.unwrap();
        Self { dir, relay, root: made.fingerprint, time }
    }

    fn now(&self) -> Micros {
        Micros(self.time.load(Ordering::Relaxed))
    }

    fn invite(&self, name: &str, replace: bool) -> String {
        let name: Name = name.parse().unwrap();
        self.relay.base.roster.invite(&name, replace, HOUR, self.now()).unwrap().0.to_string()
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn wish(&self, token: &str, folder: &str) -> Wish {
        let relay = self.relay.address().to_string().parse().unwrap();
        Wish { relay, root: self.root, token: token.to_owned(), dir: self.folder(folder) }
    }

    async fn enroll(&self, token: &str, folder: &str) -> Result<Enrolment, Error> {
        enroll(&self.wish(token, folder), self.now()).await
    }
}

fn refused(result: Result<Enrolment, Error>) -> (String, exit::Error) {
    match result {
        Err(error) => {
            let name = if let Error::Refused { code, .. } = &error { code.clone() } else { panic!("{error}") };
            (name, error.into())
        }
        Ok(_) => panic!("it was enrolled"),
    }
}

#[tokio::test]
async fn a_camera_is_enrolled() {
    let bench = Bench::new().await;
    let enrolment = bench.enroll(&bench.invite("front-door", false), "one").await.unwrap();
    assert_eq!(enrolment.name.as_str(), "front-door");
    let known = bench.relay.base.roster.holder(enrolment.id()).unwrap().unwrap();
    assert_eq!((known.name, known.chain), (enrolment.name.clone(), enrolment.chain.clone()));
    let loaded = Enrolment::load(&bench.folder("one")).unwrap();
    assert_eq!((loaded.id(), loaded.root.fingerprint), (enrolment.id(), bench.root));
    assert!(matches!(bench.enroll("anything", "one").await, Err(Error::Already(_))));
}

#[tokio::test]
async fn another_root_than_the_one_that_was_named() {
    let bench = Bench::new().await;
    let token = bench.invite("front-door", false);
    let wish = Wish { root: RootFingerprint([7; 32]), ..bench.wish(&token, "one") };
    let error = enroll(&wish, bench.now()).await.err().unwrap();
    assert!(matches!(&error, Error::OtherRoot { shown, .. } if *shown == bench.root), "{error}");
    assert_eq!(exit::Error::from(error).code, Code::NotAllowed);
    assert_eq!(std::fs::read_dir(bench.folder("one")).unwrap().count(), 0, "nothing is left behind");
    // The token was not given away: it still enrols.
    bench.enroll(&token, "one").await.unwrap();
}

#[tokio::test]
async fn used_expired_and_unknown_tokens() {
    let bench = Bench::new().await;
    let token = bench.invite("front-door", false);
    bench.enroll(&token, "one").await.unwrap();
    let (name, error) = refused(bench.enroll(&token, "two").await);
    assert_eq!((name.as_str(), error.code), ("token-used", Code::NotAllowed));
    assert!(error.to_string().contains("used already"), "{error}");
    assert_eq!(refused(bench.enroll("aaaa-aaaa-aaaa-aaaa-aaaa-aaaa-aa", "two").await).0, "token-unknown");
    let (name, error) = refused(bench.enroll("what?", "two").await);
    assert_eq!((name.as_str(), error.code), ("token", Code::Usage));

    let late = bench.invite("back-door", false);
    bench.time.fetch_add(u64::try_from(HOUR.as_micros()).unwrap(), Ordering::Relaxed);
    let (name, error) = refused(bench.enroll(&late, "two").await);
    assert_eq!(name, "token-expired");
    assert!(error.to_string().contains("ask for a new invitation"), "{error}");
    assert_eq!(std::fs::read_dir(bench.folder("two")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_name_that_another_camera_has() {
    let bench = Bench::new().await;
    let (first, second) = (bench.invite("front-door", false), bench.invite("front-door", false));
    let holder = bench.enroll(&first, "one").await.unwrap().id();
    let (name, error) = refused(bench.enroll(&second, "two").await);
    assert_eq!((name.as_str(), error.code), ("name-taken", Code::NotAllowed));
    assert!(error.to_string().contains(&holder.to_string()), "{error}");
    // A person at the relay may decide otherwise.
    let other = bench.enroll(&bench.invite("front-door", true), "two").await.unwrap();
    assert_ne!(other.id(), holder);
    assert!(bench.relay.base.roster.holder(holder).unwrap().is_none());
}

/// The relay has used the token up, but its answer never arrived.
#[tokio::test]
async fn a_lost_answer_is_asked_for_again() {
    let bench = Bench::new().await;
    let token = bench.invite("front-door", false);
    let first = bench.enroll(&token, "one").await.unwrap();
    let folder = bench.folder("one");
    std::fs::rename(folder.join("camera.key"), folder.join("camera.key.new")).unwrap();
    std::fs::remove_file(folder.join("camera.crt")).unwrap();
    assert!(matches!(Enrolment::load(&folder), Err(Error::NotEnrolled(_))));
    let again = bench.enroll(&token, "one").await.unwrap();
    assert_eq!((again.id(), &again.chain), (first.id(), &first.chain));
    Enrolment::load(&folder).unwrap();
}

#[tokio::test]
async fn a_relay_that_has_stopped() {
    let bench = Bench::new().await;
    let token = bench.invite("front-door", false);
    let wish = bench.wish(&token, "one");
    bench.relay.base.stop.drain();
    bench.relay.ended().await.unwrap();
    let error = exit::Error::from(enroll(&wish, Clock::system().now()).await.err().unwrap());
    assert_eq!(error.code, Code::Unavailable);
    assert!(error.to_string().contains("type the same command again"), "{error}");
}
