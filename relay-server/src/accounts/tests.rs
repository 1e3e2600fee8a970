#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ed25519_dalek::SigningKey;
use link::api::account::{Base64, PublicKeys};
use tempfile::TempDir;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Accounts in a folder of their own, with a clock that stands until it is moved.
struct Bench {
    dir: TempDir,
    accounts: Accounts,
    time: Arc<AtomicU64>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicU64::new(1_700_000_000_000_000));
        let clock = {
            let time = Arc::clone(&time);
            Clock::of(move || Micros(time.load(Ordering::Relaxed)))
        };
        let config = config::Accounts { dev_insecure_cheap_scrypt: true, most: 3, ..config::Accounts::default() };
        Self { accounts: Accounts::open(&dir.path().join("accounts.redb"), config, clock).unwrap(), dir, time }
    }

    fn wait(&self, span: Duration) {
        self.time.fetch_add(u64::try_from(span.as_micros()).unwrap(), Ordering::Relaxed);
    }

    async fn new_account(&self, text: &str, seed: u8) -> New {
        let keep = async |number: u8| self.accounts.hasher.keep(&secret(number)).await.unwrap();
        let wrapped = WrappedKeys { x25519: Base64([0xb0 ^ seed; 76]), ed25519: Base64([0xb1 ^ seed; 76]) };
        let recovery = KeptRecovery { sign_in: keep(seed ^ 0x80).await, wrapped };
        New { name: name(text), keys: Keys { public: public(seed), wrapped }, sign_in: keep(seed).await, recovery }
    }

    async fn register(&self, text: &str, seed: u8) -> Record {
        self.accounts.register(self.new_account(text, seed).await, None).unwrap()
    }

    fn sign_in(&self, text: &str) -> (Secret, Session) {
        let version = self.accounts.account(&name(text)).unwrap().unwrap().version;
        self.accounts.begin(&name(text), version, false, "192.0.2.1").unwrap()
    }

    fn is_signed_in(&self, token: &Secret) -> bool {
        self.accounts.session(&TokenHash::of(token)).unwrap().is_some()
    }

    fn lease(&self, token: &Secret) -> Option<Lease> {
        let (ticket, _) = self.accounts.tickets.give(TokenHash::of(token), self.accounts.clock.now()).unwrap();
        self.accounts.redeem(&ticket).unwrap()
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn secret(seed: u8) -> Secret {
    Secret::new(&std::array::from_fn(|place| seed ^ u8::try_from(place).unwrap().wrapping_mul(151)))
}

fn public(seed: u8) -> PublicKeys {
    PublicKeys { x25519: Base64([seed; 32]), ed25519: Base64(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes()) }
}

async fn ends(lease: &Lease) -> bool {
    tokio::time::timeout(Duration::from_secs(20), lease.ended()).await.is_ok()
}

#[tokio::test]
async fn an_account_has_sessions_that_end() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let (one, first) = bench.sign_in("ada");
    let (other, _) = bench.sign_in("ada");
    assert!(bench.is_signed_in(&one) && bench.is_signed_in(&other));
    assert!(!bench.is_signed_in(&secret(9)), "control");
    assert!(bench.accounts.end(&name("ada"), first.id).unwrap());
    assert!(!bench.is_signed_in(&one) && bench.is_signed_in(&other));
    assert!(!bench.accounts.end(&name("ada"), first.id).unwrap());

    bench.wait(30 * DAY);
    assert!(!bench.is_signed_in(&other) && bench.accounts.sessions(&name("ada")).unwrap().is_empty());
    assert_eq!(bench.accounts.list().unwrap()[0].sessions, 1);
    bench.accounts.sweep().unwrap();
    assert_eq!(bench.accounts.list().unwrap()[0].sessions, 0);
}

#[tokio::test]
async fn nobody_ends_somebody_elses_session() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    bench.register("bob", 2).await;
    let (token, session) = bench.sign_in("ada");
    assert!(!bench.accounts.end(&name("bob"), session.id).unwrap());
    assert!(bench.is_signed_in(&token));
}

#[tokio::test]
async fn sessions_and_accounts_are_bounded() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let (first, _) = bench.sign_in("ada");
    for _ in 0..MAX_SESSIONS {
        bench.wait(Duration::from_secs(1));
        bench.sign_in("ada");
    }
    assert!(!bench.is_signed_in(&first), "the oldest made room");
    assert_eq!(bench.accounts.sessions(&name("ada")).unwrap().len(), MAX_SESSIONS);
    bench.register("bob", 2).await;
    bench.register("eve", 3).await;
    let full = bench.accounts.register(bench.new_account("joe", 4).await, None);
    assert!(matches!(full, Err(Error::Full(3))));
}

#[tokio::test]
async fn attack_register_a_name_again() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let again = bench.new_account("ada", 2).await;
    assert!(matches!(bench.accounts.register(again, None), Err(Error::NameTaken(_))));
    bench.accounts.delete(&name("ada"), None).unwrap();
    assert!(bench.accounts.account(&name("ada")).unwrap().is_none());
    let again = bench.new_account("ada", 2).await;
    assert!(matches!(bench.accounts.register(again, None), Err(Error::NameTaken(_))), "not after it was deleted either");
    bench.register("bob", 2).await;
    // Control: without the memory of deleted names it would be given out.
    transact(&bench.accounts.database, |write| Ok(write.open_table(DELETED)?.remove(&name_hash(&name("ada")))?.is_some())).unwrap();
    bench.register("ada", 2).await;
}

#[tokio::test]
async fn an_invitation_is_good_once_and_for_a_while() {
    let bench = Bench::new();
    let (invite, _) = bench.accounts.invite(DAY).unwrap();
    bench.accounts.admits(&invite).unwrap();
    bench.accounts.register(bench.new_account("ada", 1).await, Some(&invite)).unwrap();
    let used = bench.accounts.register(bench.new_account("bob", 2).await, Some(&invite));
    assert!(matches!(used, Err(Error::Invite)) && bench.accounts.admits(&invite).is_err());
    let (late, _) = bench.accounts.invite(DAY).unwrap();
    bench.wait(DAY);
    assert!(bench.accounts.admits(&late).is_err());
    assert!(bench.accounts.register(bench.new_account("bob", 2).await, Some(&late)).is_err());
    assert!(matches!(bench.accounts.invite(60 * DAY), Err(Error::Validity)));
}

#[tokio::test]
async fn an_invitation_that_was_of_no_use_stays_good() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let (invite, _) = bench.accounts.invite(DAY).unwrap();
    assert!(bench.accounts.register(bench.new_account("ada", 2).await, Some(&invite)).is_err());
    bench.accounts.register(bench.new_account("bob", 2).await, Some(&invite)).unwrap();
}

#[tokio::test]
async fn a_change_ends_other_sessions_and_their_live_connections() {
    let bench = Bench::new();
    let before = bench.register("ada", 1).await;
    let ((mine, session), (other, _)) = (bench.sign_in("ada"), bench.sign_in("ada"));
    let (mine_live, other_live) = (bench.lease(&mine).unwrap(), bench.lease(&other).unwrap());
    let sign_in = bench.accounts.hasher.keep(&secret(7)).await.unwrap();
    let change = Change::Password { sign_in, wrapped: before.keys.wrapped };
    let after = bench.accounts.change(&name("ada"), 0, change, Some(session.id)).unwrap();
    assert!(ends(&other_live).await && !bench.is_signed_in(&other));
    assert!(mine_live.holds() && bench.is_signed_in(&mine));
    assert_eq!(after.keys.public, before.keys.public);

    // Whoever checked the old secret, and comes too late with it, gets nothing.
    assert!(matches!(bench.accounts.begin(&name("ada"), 0, false, ""), Err(Error::Changed)));
    assert!(matches!(bench.accounts.delete(&name("ada"), Some(0)), Err(Error::Changed)));
    assert!(bench.accounts.begin(&name("ada"), 1, false, "").is_ok(), "control");

    let change = Change::Keys { keys: Keys { public: public(8), ..before.keys }, recovery: before.recovery };
    bench.accounts.change(&name("ada"), 1, change, Some(session.id)).unwrap();
    assert!(ends(&mine_live).await, "it was admitted under the old keys");
    assert_eq!(bench.lease(&mine).unwrap().account().fingerprint, public(8).fingerprint());
}

#[tokio::test]
async fn live_connections_end_with_their_session() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let ((one, session), (two, _)) = (bench.sign_in("ada"), bench.sign_in("ada"));
    let leases = [bench.lease(&one).unwrap(), bench.lease(&two).unwrap()];
    assert!(leases.iter().all(Lease::holds), "control");
    bench.accounts.end(&name("ada"), session.id).unwrap();
    assert!(ends(&leases[0]).await && leases[1].holds());
    // Time alone ends the other.
    bench.wait(30 * DAY);
    assert!(ends(&leases[1]).await);

    let (three, _) = bench.sign_in("ada");
    let lease = bench.lease(&three).unwrap();
    bench.accounts.delete(&name("ada"), None).unwrap();
    assert!(ends(&lease).await && bench.lease(&three).is_none());
}

#[tokio::test]
async fn attack_use_a_ticket_twice() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let (token, _) = bench.sign_in("ada");
    let give = || bench.accounts.tickets.give(TokenHash::of(&token), bench.accounts.clock.now()).unwrap().0;
    let ticket = give();
    assert_eq!(bench.accounts.redeem(&ticket).unwrap().unwrap().account().name, name("ada"));
    assert!(bench.accounts.redeem(&ticket).unwrap().is_none(), "a second time");
    let late = give();
    bench.wait(tickets::LIFE);
    assert!(bench.accounts.redeem(&late).unwrap().is_none(), "after its time");
    let ticket = give();
    bench.accounts.delete(&name("ada"), None).unwrap();
    assert!(bench.accounts.redeem(&ticket).unwrap().is_none(), "after its session");
    assert!(bench.accounts.redeem(&secret(3)).unwrap().is_none(), "made up");
}

#[tokio::test]
async fn tickets_are_bounded() {
    let bench = Bench::new();
    let give = |session: u8| bench.accounts.tickets.give(TokenHash([session; 32]), bench.accounts.clock.now());
    assert_eq!((0..100).filter(|_| give(1).is_ok()).count(), 64);
    assert!(give(2).is_ok(), "others have their own");
    bench.wait(tickets::LIFE);
    assert!(give(1).is_ok());
}

#[tokio::test]
async fn attack_steal_the_database() {
    let bench = Bench::new();
    bench.register("ada", 1).await;
    let (token, _) = bench.sign_in("ada");
    let bytes = std::fs::read(bench.dir.path().join("accounts.redb")).unwrap();
    let found = |secret: &[u8; 32]| {
        let texts = [Base64(*secret).to_string(), data_encoding::HEXLOWER.encode(secret), data_encoding::BASE64.encode(secret)];
        bytes.windows(32).any(|window| window == secret)
            || texts.iter().any(|text| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    };
    assert!(!found(secret(1).expose()), "the sign-in secret");
    assert!(!found(secret(1 ^ 0x80).expose()), "the recovery code's");
    assert!(!found(token.expose()), "the token");
    // Control: what is in it is found.
    assert!(found(&public(1).x25519.0) && found(&TokenHash::of(&token).0));
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(bench.dir.path().join("accounts.redb")).unwrap().permissions()) & 0o777,
        0o600
    );
}

#[tokio::test]
async fn weak_keys_are_none() {
    assert!(record::are_keys(&public(1)));
    let with = |ed25519: [u8; 32]| PublicKeys { ed25519: Base64(ed25519), ..public(1) };
    let mut one = [0; 32];
    one[0] = 1;
    for weak in [[0; 32], one, [0xff; 32]] {
        assert!(!record::are_keys(&with(weak)), "{weak:?}");
    }
    assert!(!record::are_keys(&PublicKeys { x25519: Base64([0; 32]), ..public(1) }));
}
