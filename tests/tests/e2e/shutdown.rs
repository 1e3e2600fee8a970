//! How programs stop, how they come back after they were killed, and what they never say.

use std::time::Duration;

use celosia_tests::audience::{Ask, Audience};
use celosia_tests::patience::eventually_blocking;
use celosia_tests::person::{PASSWORD, Person};
use celosia_tests::search::files;
use celosia_tests::secrets::{forms, leaks};
use celosia_tests::site::{Site, unlocking};
use celosia_tests::world::last;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use seal::grant::{self, Scope};
use wire::frame::SIGNATURE;
use wire::receipt::{Receipt, SignedReceipt};
use wire::verdict::Verdict;

const NAME: &str = "front-door";

const CONFIG: &str = "[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 10.0\n[detect]\non = false\n\
                      [[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 96\nh = 64\n";

/// Everything that the relay recorded in the last hour.
fn recording(site: &Site, person: Option<&Person>) -> Audience {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let ask = Ask { span: last(Duration::from_secs(3000)), person, ..Ask::live(NAME) };
        let mut audience = Audience::open(&site.address(), site.root(), ask).await.unwrap();
        audience.to_the_end().await;
        assert_eq!(audience.error, None);
        audience
    })
}

/// Waits until so many frames are recorded.
fn wait_for_frames(site: &Site, count: usize) {
    eventually_blocking("frames are recorded", || recording(site, None).shown.len() >= count);
}

#[test]
fn a_first_signal_drains() {
    let site = Site::new();
    let relay = site.start_relay();
    site.enroll(NAME, &format!("owner = \"none\"\n{CONFIG}"));
    for signal in ["TERM", "INT"] {
        let agent = site.start_agent(NAME);
        wait_for_frames(&site, 3);
        agent.signal(signal);
        agent.ended().expect(0);
    }
    let recorded = recording(&site, None);
    assert_eq!(recorded.ends, 2, "both sessions ended with their signed end");
    assert_eq!(recorded.verdict(), Verdict::Authentic, "{}", recorded.reasons());

    relay.signal("TERM");
    let ended = relay.ended();
    ended.expect(0);
    assert!(ended.stderr.contains("the relay has stopped"), "{ended}");
    // Every segment ends with its receipt, which the relay key signs: nothing has to be put in order.
    let key = std::fs::read_to_string(site.path("relay/pki/relay.key")).unwrap();
    let key = SigningKey::from_pkcs8_pem(&key).unwrap().verifying_key().to_bytes();
    let segments: Vec<_> =
        files(&site.path("relay/archive")).into_iter().filter(|file| file.extension().is_some_and(|end| end == "segment")).collect();
    assert!(!segments.is_empty());
    let mut leaves = 0;
    for segment in segments {
        let bytes = std::fs::read(&segment).unwrap();
        let receipt = SignedReceipt::decode(bytes[bytes.len() - Receipt::LENGTH - SIGNATURE..].to_vec().into()).unwrap();
        receipt.verify(&key).unwrap_or_else(|error| panic!("{}: {error}", segment.display()));
        leaves += receipt.receipt.leaves;
    }
    assert_eq!(leaves, recorded.shown.len() as u64 + 2, "every frame that was recorded, and both ends");
    let relay = site.start_relay();
    assert!(!relay.said().contains("left open by a crash"), "{}", relay.said());
    assert_eq!(recording(&site, None).places(), recorded.places());
}

#[test]
fn a_second_signal_ends_at_once() {
    let site = Site::new();
    let mut relay = site.start_relay();
    site.enroll(NAME, &format!("owner = \"none\"\n{CONFIG}"));
    let mut agent = site.start_agent(NAME);
    wait_for_frames(&site, 1);
    // A relay that is there and answers nothing: the agent would wait for it.
    relay.signal("STOP");
    agent.signal("TERM");
    agent.wait_for("finishing; once more ends at once");
    agent.signal("TERM");
    let ended = agent.ended();
    assert!(ended.code.is_some() && !ended.stderr.contains("panicked"), "{ended}");
    relay.signal("CONT");
    relay.wait_for("the camera is disconnected");
    relay.signal("TERM");
    relay.ended().expect(0);
}

#[test]
fn killed_programs_come_back_without_a_lie() {
    let site = Site::new();
    let mut relay = site.start_relay();
    site.enroll(NAME, &format!("owner = \"none\"\n{CONFIG}"));
    let mut agent = site.start_agent(NAME);
    wait_for_frames(&site, 5);
    agent.signal("KILL");
    assert_eq!(agent.status().or_else(|| Some(agent.wait())).and_then(|status| status.code()), None);

    let agent = site.start_agent(NAME);
    wait_for_frames(&site, 10);
    let before = recording(&site, None);
    assert_eq!(before.verdict(), Verdict::WithGaps, "never tampered: {}", before.reasons());
    assert!(before.reasons().contains("cannot be known") || before.reasons().contains("is missing"), "{}", before.reasons());
    assert!(before.places().iter().any(|place| place.0 == 1) && before.places().iter().any(|place| place.0 == 2));

    // The relay is killed in mid-stream: its archive is readable, and the agent comes back by itself.
    relay.signal("KILL");
    relay.wait();
    let mut relay = site.start_relay();
    relay.wait_for("the camera is connected");
    assert!(relay.said().contains("left open by a crash"), "it says what it found: {}", relay.said());
    let seen = before.places();
    eventually_blocking("frames after the crash", || recording(&site, None).places().last() > seen.last());
    let after = recording(&site, None);
    assert_eq!(after.verdict(), Verdict::WithGaps, "{}", after.reasons());
    assert!(seen.iter().all(|place| after.places().contains(place)), "what was recorded before the crash is still there");
    agent.signal("TERM");
    agent.ended().expect(0);
    relay.signal("TERM");
    relay.ended().expect(0);
}

#[test]
fn no_program_says_a_secret() {
    let (site, ana) = (Site::new(), Person::new());
    let chatty = |program: celosia_tests::program::Program| program.env("RUST_LOG", "trace");
    let mut relay = chatty(site.relay("run")).start();
    relay.wait_for("the relay runs");
    site.enroll(NAME, CONFIG);
    site.authorize(NAME, "ana", &ana, "--owner --labels till,whole-frame");
    let mut agent = chatty(site.agent(NAME, "run")).start();
    agent.wait_for("publishing");
    let unlock = unlocking(&site.keep("ana", &ana));
    let watch = chatty(site.viewer("--log trace watch").arg(site.camera(NAME)).args(&format!("--frames 5 {unlock}"))).run();
    watch.expect(0);
    let wrong = site.write("wrong.password", b"plough candle orbit 72 heron\n");
    let refused = unlocking(&(site.path("ana.identity"), wrong));
    chatty(site.viewer("--log trace snapshot").arg(site.camera(NAME)).arg("x.png").args(&refused)).run().expect(77);
    agent.signal("TERM");
    agent.ended().expect(0);

    // What was sealed with, as ana's grants give it back.
    let recorded = recording(&site, Some(&ana));
    let shown = recorded.shown.first().unwrap();
    let till = shown.record.record().labels.find("till").unwrap();
    let given = shown.grants.iter().find(|grant| grant.label == till).unwrap();
    let content = grant::open(&ana.identity(), given, &Scope::of(shown.record.record(), till).unwrap()).unwrap();
    let group = content.group(shown.frame.header().group);
    relay.signal("TERM");
    relay.ended().expect(0);

    let pem = |path: &str| std::fs::read_to_string(site.path(path)).unwrap();
    let camera = SigningKey::from_pkcs8_pem(&pem("front-door/camera.key")).unwrap().to_bytes().to_vec();
    let relay_key = SigningKey::from_pkcs8_pem(&pem("relay/pki/relay.key")).unwrap().to_bytes().to_vec();
    let line = |path: &str| pem(path).lines().nth(1).unwrap().as_bytes().to_vec();
    let [exchange, signing] = ana.secrets();
    let secrets = [
        ("the password", PASSWORD.as_bytes().to_vec()),
        ("ana's exchange key", exchange.to_vec()),
        ("ana's signing key", signing.to_vec()),
        ("the content key", content.expose().to_vec()),
        ("the group secret", group.expose().to_vec()),
        ("the layer key", group.layer_key().expose().to_vec()),
    ];
    let own = [("the camera key", camera), ("the relay key", relay_key), ("the issuing key", line("relay/pki/issuing.key"))];
    assert_eq!(leaks(&site, &["logs"], &[&secrets[..], &own].concat()), Vec::<String>::new(), "in what the programs said");
    // P3: nothing that opens a layer is on the relay's disk; nor on the agent's, once it has stopped.
    assert_eq!(leaks(&site, &["relay", NAME, "tmp", "home"], &secrets), Vec::<String>::new(), "on a disk");

    // The control: a program that said it would be caught, in any form.
    for (index, form) in forms(content.expose()).iter().enumerate() {
        let log = [b"a log line with ", form.as_slice(), b" in it"].concat();
        let _ = site.write("logs/leak", &log);
        assert_eq!(leaks(&site, &["logs"], &secrets).len(), 1, "form {index}");
    }
}
