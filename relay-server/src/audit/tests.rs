#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use wire::id::{Fingerprint, Micros, Name};

use super::verify::Report;
use super::*;

/// A log in a folder of its own, with a clock that stands until it is moved.
struct Bench {
    _dir: TempDir,
    path: PathBuf,
    key: SigningKey,
    time: Arc<AtomicU64>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let time = Arc::new(AtomicU64::new(1_700_000_000_000_000));
        Self { path: dir.path().join("log.redb"), _dir: dir, key: SigningKey::from_bytes(&[5; 32]), time }
    }

    fn open(&self) -> Log {
        let time = Arc::clone(&self.time);
        Log::open(&self.path, self.key.clone(), Clock::of(move || Micros(time.load(Ordering::Relaxed)))).unwrap()
    }

    /// A log with five entries, and the head that somebody kept of it.
    async fn five(&self) -> Head {
        let log = self.open();
        for number in 0..5 {
            assert_eq!(log.write(hand_out(&format!("person-{number}"))).await.unwrap(), number);
            self.time.fetch_add(1_000_000, Ordering::Relaxed);
        }
        drop(log);
        self.verify(&[]).head.unwrap().parse().unwrap()
    }

    fn verify(&self, kept: &[Head]) -> Report {
        let log = self.open();
        let report = log.verify(&self.key.verifying_key(), kept).unwrap();
        drop(log);
        report
    }

    /// What whoever has the disk may do.
    fn meddle<T>(&self, work: impl FnOnce(&redb::WriteTransaction) -> Result<T, Error>) -> T {
        transact(&open(&self.path).unwrap(), work).unwrap()
    }
}

fn hand_out(name: &str) -> Event {
    let name: Name = name.parse().unwrap();
    let event =
        Event::new(Kind::HandOut).of_account(&name, Some(Fingerprint([3; 32]))).at("192.0.2.7").with_camera(&"front-door".parse().unwrap());
    Event { labels: vec!["face".to_owned()], way: Some(Way::Live), from: Some(Micros(1_700_000_000_500_000)), ..event }
}

#[tokio::test]
async fn entries_are_kept_in_order_and_survive() {
    let bench = Bench::new();
    bench.five().await;
    let log = bench.open();
    let entries = log.read(0).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.number).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    let told = link::api::account::Entry::from(entries[2].clone());
    assert_eq!((told.kind.as_str(), told.name.as_deref(), told.address.as_deref()), ("hand-out", Some("person-2"), Some("192.0.2.7")));
    assert_eq!(
        (told.camera.as_deref(), told.labels.as_slice(), told.way.as_deref()),
        (Some("front-door"), ["face".to_owned()].as_slice(), Some("live"))
    );
    assert_eq!((told.from.as_deref(), told.to), (Some("2023-11-14T22:13:20Z"), None));
    assert_eq!(log.write(Event::new(Kind::SignIn)).await.unwrap(), 5, "numbers go on");
    assert_eq!(log.about("front-door").unwrap().len(), 5);
    assert!(log.about("back-door").unwrap().is_empty());
    log.close();
    assert_eq!(log.write(Event::new(Kind::SignIn)).await, Err(Unwritten), "a closed log takes nothing");
    drop(log);
    let report = bench.verify(&[]);
    assert_eq!((report.entries, report.wrong.as_slice()), (6, [].as_slice()));
}

#[tokio::test]
async fn many_writers_make_one_chain() {
    let bench = Bench::new();
    let log = bench.open();
    let all = (0..200).map(|_| log.write(Event::new(Kind::SignIn)));
    let mut numbers: Vec<u64> = futures_util::future::join_all(all).await.into_iter().map(Result::unwrap).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    drop(log);
    assert_eq!(bench.verify(&[]).wrong, Vec::<String>::new());
}

#[tokio::test]
async fn names_can_be_forgotten_and_the_chain_holds() {
    let bench = Bench::new();
    let kept = bench.five().await;
    let log = bench.open();
    bench.time.fetch_add(10_000_000, Ordering::Relaxed);
    assert_eq!(log.forget(Duration::from_secs(13)).unwrap(), 2, "the two oldest");
    let entries = log.read(0).unwrap();
    assert_eq!(entries.iter().map(|entry| entry.personal.value("name")).collect::<Vec<_>>()[1..3], [None, Some("person-2")]);
    drop(log);
    assert_eq!(bench.verify(&[kept]).wrong, Vec::<String>::new());
    // The entry itself tells nothing of the person, nor can names be tried: each has a salt of its own.
    let text = format!("{:?}", entries[0].content);
    assert!(!text.contains("person-0") && entries[0].content.fingerprint != entries[1].content.fingerprint);
}

/// What is found when the disk is meddled with, without and with the head that somebody kept.
async fn attacked(meddle: impl FnOnce(&redb::WriteTransaction) -> Result<(), Error>) -> (Vec<String>, Vec<String>) {
    let bench = Bench::new();
    let kept = bench.five().await;
    assert_eq!(bench.verify(&[kept]).wrong, Vec::<String>::new(), "control");
    bench.meddle(meddle);
    (bench.verify(&[]).wrong, bench.verify(&[kept]).wrong)
}

/// Writes the chain anew, as whoever knows how it is made can.
fn rechain(write: &redb::WriteTransaction, edit: impl Fn(u64, &[u8]) -> Option<Vec<u8>>) -> Result<u64, Error> {
    let mut entries = write.open_table(ENTRIES)?;
    let mut old = Vec::new();
    while let Some((number, bytes)) = entries.pop_first()? {
        old.push((number.value(), bytes.value()[32..].to_vec()));
    }
    let (mut next, mut previous) = (0, Digest::ZERO);
    for (number, content) in old {
        if let Some(content) = edit(number, &content) {
            previous = hash(next, previous, &content);
            entries.insert(next, [previous.as_bytes().as_slice(), &content].concat().as_slice())?;
            next += 1;
        }
    }
    Ok(next)
}

#[tokio::test]
async fn attack_change_an_entry() {
    let (alone, _) = attacked(|write| {
        let mut entries = write.open_table(ENTRIES)?;
        let bytes = entries.get(2)?.unwrap().value().to_vec();
        let changed = String::from_utf8_lossy(&bytes[32..]).replace("front-door", "back-doors");
        entries.insert(2, [&bytes[..32], changed.as_bytes()].concat().as_slice())?;
        Ok(())
    })
    .await;
    assert!(alone.iter().any(|text| text.contains("entry 2")), "{alone:?}");
}

#[tokio::test]
async fn attack_change_an_entry_and_write_the_chain_anew() {
    let edit = |_: u64, content: &[u8]| Some(String::from_utf8_lossy(content).replace("front-door", "back-doors").into_bytes());
    let (alone, _) = attacked(|write| rechain(write, edit).map(|_| ())).await;
    assert!(alone.iter().any(|text| text.contains("head was signed over 5")), "{alone:?}");
    // With the heads removed too, only a head that somebody else kept shows it.
    let (alone, with_kept) = attacked(|write| {
        write.open_table(HEADS)?.retain(|_, _| false)?;
        rechain(write, edit).map(|_| ())
    })
    .await;
    assert!(alone.is_empty() && with_kept.len() == 1, "{alone:?} {with_kept:?}");
}

#[tokio::test]
async fn attack_remove_an_entry() {
    let (alone, _) = attacked(|write| write.open_table(ENTRIES)?.remove(3).map(|_| ()).map_err(Into::into)).await;
    assert!(alone.iter().any(|text| text.contains("entries 3 to 3 are missing")), "{alone:?}");
    let (_, with_kept) = attacked(|write| {
        write.open_table(HEADS)?.retain(|_, _| false)?;
        write.open_table(PERSONAL)?.retain(|_, _| false)?;
        rechain(write, |number, content| (number != 3).then(|| content.to_vec())).map(|_| ())
    })
    .await;
    assert!(with_kept[0].contains("cut off"), "{with_kept:?}");
}

#[tokio::test]
async fn attack_cut_off_the_tail() {
    let cut = |write: &redb::WriteTransaction| -> Result<(), Error> {
        write.open_table(ENTRIES)?.retain(|number, _| number < 3)?;
        Ok(())
    };
    let (alone, _) = attacked(cut).await;
    assert!(alone[0].contains("there are 3") && alone[0].contains("over 5"), "{alone:?}");
    let (alone, with_kept) = attacked(|write| {
        write.open_table(HEADS)?.retain(|_, _| false)?;
        cut(write)
    })
    .await;
    assert!(alone.is_empty(), "nothing at the relay shows it: {alone:?}");
    assert!(with_kept[0].contains("cut off"), "a head that was kept elsewhere does: {with_kept:?}");
}

#[tokio::test]
async fn attack_change_a_name() {
    let (alone, _) = attacked(|write| {
        let mut personal = write.open_table(PERSONAL)?;
        let text = String::from_utf8_lossy(personal.get(1)?.unwrap().value()).replace("person-1", "somebody");
        personal.insert(1, text.as_bytes())?;
        Ok(())
    })
    .await;
    assert_eq!(alone, ["the name of entry 1 was changed"]);
}

#[tokio::test]
async fn attack_sign_a_head_with_another_key() {
    let bench = Bench::new();
    bench.five().await;
    let forged = Head::sign(&SigningKey::from_bytes(&[6; 32]), 5, Digest([1; 32]), Micros(1));
    let report = bench.verify(&[forged]);
    assert!(report.wrong.iter().any(|text| text.contains("was not signed by this relay's key")), "{report:?}");
    assert_eq!(forged.to_string().parse(), Ok(forged));
    assert_eq!("00".parse::<Head>(), Err(NotAHead));
}

#[tokio::test]
async fn a_hand_out_has_a_beginning_and_an_end() {
    let bench = Bench::new();
    let log = bench.open();
    let account = Arc::new(crate::accounts::lease::Account {
        name: "ada".parse().unwrap(),
        fingerprint: Fingerprint([3; 32]),
        session: crate::accounts::lease::SessionId([1; 16]),
    });
    let camera: Name = "front-door".parse().unwrap();
    let begun = HandOut::live(&log, &account, "192.0.2.7", &camera, vec!["face".to_owned()]).await.unwrap();
    assert_eq!(log.read(0).unwrap().len(), 1, "it is there before anything is sent");
    bench.time.fetch_add(90_000_000, Ordering::Relaxed);
    drop(begun);
    drop(log);
    let log = bench.open();
    let entries = log.read(0).unwrap();
    let end = &entries[1].content;
    assert_eq!((end.kind, end.of, end.to), (Kind::HandOutEnded, Some(0), Some(1_700_000_090)));
    assert_eq!(entries[1].personal.value("name"), Some("ada"));
}
