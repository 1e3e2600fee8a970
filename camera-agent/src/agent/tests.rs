#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod closed;
mod masks;
mod sizes;

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use link::settings;
use seal::grant::{self as wrapped, Scope};
use seal::identity::Identity;
use seal::layer::GroupOpener;
use seal::public::PublicIdentity;
use turbojpeg::{Decompressor, Image, PixelFormat};
use wire::epoch::Link;
use wire::frame::{Frame, LayerKind, SignedFrame};
use wire::id::Digest;
use wire::label::Label;
use wire::verify::{Group, Record, Verified};

use super::*;
use crate::sign::Signed;
use crate::testing::plant::{Behaviour, Fake, PLANT, clip, correlation, live};
use crate::testing::{Fake as FakeRelay, camera_key, until};
use crate::viewers::{Editor, Viewer};

/// Signed frames, kept.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Signed>>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, Vec<Signed>> {
        self.0.lock().unwrap()
    }

    fn count(&self) -> usize {
        self.lock().len()
    }
}

impl Outlet for Kept {
    fn send(&mut self, signed: Signed) {
        self.lock().push(signed);
    }
}

fn config(text: &str) -> Config {
    settings::parse(text, "f").unwrap()
}

/// Nobody need own the camera, and every frame shows itself.
const FREE: &str = "[camera]\nowner = \"none\"\n[encode]\ncodec = \"jpeg\"\n[detect]\nlook_ahead = \"100ms\"\n";

fn parts(dir: &tempfile::TempDir, source: Arc<Opener>, behaviour: Behaviour, outlet: impl Outlet + 'static) -> Parts {
    let worker = detect::Config {
        // At every picture.
        rhythm: detect::Rhythm { every: Duration::ZERO, thorough: Duration::ZERO },
        late: Duration::from_millis(150),
        give_up: Duration::from_millis(250),
        pause: Duration::from_millis(20),
        longest_pause: Duration::from_millis(50),
        ..detect::Config::default()
    };
    Parts {
        key: camera_key(),
        dir: dir.path().to_owned(),
        source,
        capture: capture::Config::default(),
        detector: Some(Fake::new(behaviour)),
        worker,
        clock: Clock::system(),
        destination: Destination::Outlet(Box::new(outlet), "nowhere".to_owned()),
    }
}

/// Runs an agent until so many frames were signed, then stops it in order. Gives all its frames.
async fn run(config: &Config, parts: impl FnOnce(Kept) -> Parts, frames: usize) -> Vec<Signed> {
    let kept = Kept::default();
    let agent = Agent::start(config, parts(kept.clone()), Shutdown::new()).await.unwrap();
    until("frames", || kept.count() >= frames).await;
    agent.stop();
    agent.ended().await.unwrap();
    kept.lock().clone()
}

/// Verifies everything as a viewer would: records, signatures, the chain without a hole, and the end.
fn verified(frames: &[Signed]) -> Vec<(Arc<Verified<Record>>, Verified<SignedFrame>)> {
    let camera = CameraId(camera_key().verifying_key().to_bytes());
    let mut previous = Digest::ZERO;
    let mut group: Option<Group> = None;
    let mut out = Vec::new();
    for (number, signed) in frames.iter().enumerate() {
        let record = Arc::new(wire::verify::record(signed.announcement.record.clone(), camera).unwrap());
        assert_eq!(record.digest(), signed.announcement.digest);
        assert_eq!(record.record().grants, signed.announcement.list.digest());
        let frame = Frame::decode(signed.frame.bytes().clone()).unwrap();
        let frame = match group.as_mut().filter(|_| !frame.header.flags.key) {
            Some(group) => group.next(frame).unwrap(),
            None => {
                let (opened, frame) = Group::open(&record, frame).unwrap();
                assert_eq!(frame.context().previous, previous, "frame {number} follows the one before");
                group = Some(opened);
                frame
            }
        };
        assert_eq!(frame.header().sequence, u64::try_from(number).unwrap(), "no sequence was drawn in vain");
        previous = frame.digest();
        out.push((record, frame));
    }
    out
}

/// The frames that show something: all but the end.
fn shown(frames: &[Signed]) -> Vec<(Arc<Verified<Record>>, Verified<SignedFrame>)> {
    verified(frames).into_iter().filter(|(_, frame)| !frame.header().flags.end).collect()
}

fn luma(jpeg: &[u8]) -> (Vec<u8>, usize) {
    let mut decompressor = Decompressor::new().unwrap();
    let header = decompressor.read_header(jpeg).unwrap();
    let mut pixels = vec![0; header.width * header.height];
    let image =
        Image { pixels: pixels.as_mut_slice(), width: header.width, pitch: header.width, height: header.height, format: PixelFormat::GRAY };
    decompressor.decompress(jpeg, image).unwrap();
    (pixels, header.width)
}

/// How much of the plant the public sees.
fn seen(frame: &SignedFrame) -> f64 {
    let (luma, width) = luma(frame.public().unwrap());
    correlation(&luma, width).abs()
}

/// Whether the regions with that label cover the plant.
fn covered(frame: &SignedFrame, label: Label) -> bool {
    let (left, top, width, height) = PLANT;
    let inside = |x: usize, y: usize| {
        frame.header().regions.iter().any(|region| {
            let (x, y) = (u32::try_from(x).unwrap(), u32::try_from(y).unwrap());
            region.label == label
                && (u32::from(region.x)..region.right()).contains(&x)
                && (u32::from(region.y)..region.bottom()).contains(&y)
        })
    };
    (top..top + height).all(|y| (left..left + width).all(|x| inside(x, y)))
}

fn authorize(dir: &tempfile::TempDir, name: &str, identity: &Identity, labels: &str) {
    let labels = labels.split_whitespace().map(|label| label.parse().unwrap()).collect();
    let key = PublicIdentity::new(identity.public()).unwrap();
    let viewer = Viewer { name: name.parse().unwrap(), key, labels, owner: true };
    Editor::open(&dir.path().join(FILE)).unwrap().add(&viewer).unwrap();
}

/// What a viewer reads in a label's layer of a frame.
fn open(identity: &Identity, signed: &Signed, record: &Record, label: Label) -> Option<Vec<u8>> {
    let recipient = identity.public().fingerprint();
    let grant = signed.announcement.grants.iter().find(|grant| grant.recipient == recipient && grant.label == label)?;
    let key = wrapped::open(identity, grant, &Scope::of(record.record(), label)?).ok()?;
    let (header, layers) = (signed.frame.header(), signed.frame.layers());
    let index = layers.iter().position(|layer| layer.kind == LayerKind::Sealed(label))?;
    let (bytes, index) = (layers[index].present()?, u32::try_from(index).unwrap());
    let mut out = Vec::new();
    let opener = GroupOpener::start(&key.group(header.group), header.sequence, index, bytes).ok()?;
    opener.open(header.sequence, index, bytes, &mut out).ok()?;
    Some(out)
}

#[tokio::test]
async fn who_is_named_sees_the_original_and_the_frame_holds_nothing_of_it_in_clear() {
    let dir = tempfile::tempdir().unwrap();
    let ana = Identity::generate().unwrap();
    authorize(&dir, "ana", &ana, "face");
    let config = config("[encode]\ncodec = \"jpeg\"\n[detect]\nlook_ahead = \"100ms\"\n");
    let frames = run(&config, |kept| parts(&dir, live(), Behaviour::Finds, kept), 40).await;
    let verified = verified(&frames);
    let vouched = frames.iter().zip(&verified).find(|(signed, _)| {
        let flags = signed.frame.header().flags;
        !flags.fail_closed && !flags.end
    });
    let (signed, (record, frame)) = vouched.unwrap();
    assert_eq!(record.record().owners, [ana.public()]);
    let original = open(&ana, signed, record, Label::FACE).unwrap();
    assert_eq!(open(&ana, signed, record, Label::WHOLE_FRAME), None, "she was not granted that");

    // One region, one patch: a count, a length, a JPEG.
    let region = frame.header().regions[0];
    assert_eq!((original[0], frame.header().regions.len()), (1, 1));
    let (patch, width) = luma(&original[5..]);
    let (left, top, across, down) = PLANT;
    let (x, y) = (left - usize::from(region.x), top - usize::from(region.y));
    let mut off = 0.0;
    for row in 0..down {
        for column in 0..across {
            let expected = crate::testing::plant::brightness(left + column, top + row);
            off += f64::from(patch[(y + row) * width + x + column].abs_diff(expected));
        }
    }
    assert!(off / ((across * down) as f64) < 4.0, "the original, up to the codec's loss: {}", off / ((across * down) as f64));

    // No sixteen bytes of it stand in any frame, in clear.
    let needles: BTreeSet<&[u8]> = original[5..].windows(16).step_by(16).collect();
    let found = |haystack: &[u8]| haystack.windows(16).any(|window| needles.contains(window));
    // JPEG's own tables are the same in every picture, so what the public layer has by itself is no find.
    let tables = signed.frame.public().unwrap();
    let needles: BTreeSet<&[u8]> = needles.iter().copied().filter(|needle| !tables.windows(16).any(|window| window == *needle)).collect();
    assert!(needles.len() > 20);
    assert!(found(&original), "control: the search finds what is there");
    for signed in &frames {
        assert!(!signed.frame.bytes().windows(16).any(|window| needles.contains(window)));
    }
}

#[tokio::test]
async fn a_changed_list_is_in_force_from_the_next_epoch_on() {
    let dir = tempfile::tempdir().unwrap();
    let (ana, ben) = (Identity::generate().unwrap(), Identity::generate().unwrap());
    authorize(&dir, "ana", &ana, "face whole-frame");
    let mut config = config("[encode]\ncodec = \"jpeg\"\n[detect]\nlook_ahead = \"100ms\"\n");
    config.camera.epoch = Duration::from_millis(300);
    let kept = Kept::default();
    let agent = Agent::start(&config, parts(&dir, live(), Behaviour::Finds, kept.clone()), Shutdown::new()).await.unwrap();
    let versions = |kept: &Kept| -> Vec<u64> {
        let camera = CameraId(camera_key().verifying_key().to_bytes());
        let mut versions: Vec<u64> = kept
            .lock()
            .iter()
            .map(|signed| wire::verify::record(signed.announcement.record.clone(), camera).unwrap().record().viewers_version)
            .collect();
        versions.dedup();
        versions
    };
    until("a frame", || kept.count() > 0).await;
    authorize(&dir, "ben", &ben, "face");
    until("the new list", || versions(&kept) == [1, 2]).await;
    // One that cannot be read changes nothing.
    std::fs::write(dir.path().join(FILE), "version = \"three\"").unwrap();
    let epochs = || agent.status().pipeline.epoch;
    let before = epochs();
    until("two more epochs", || epochs() >= before + 2).await;
    agent.stop();
    agent.ended().await.unwrap();

    let frames = kept.lock().clone();
    assert_eq!(versions(&kept), [1, 2], "the last good list stays");
    let mut epochs = BTreeSet::new();
    for (signed, (record, _)) in frames.iter().zip(verified(&frames)) {
        let recipients: BTreeSet<_> = signed.announcement.grants.iter().map(|grant| grant.recipient).collect();
        let knows_ben = recipients.contains(&ben.public().fingerprint());
        assert_eq!(knows_ben, record.record().viewers_version == 2);
        assert!(recipients.contains(&ana.public().fingerprint()));
        epochs.insert(record.record().epoch);
    }
    assert!(epochs.len() >= 3 && epochs.iter().copied().eq(0..epochs.len() as u64), "{epochs:?}");
}

#[tokio::test]
async fn each_session_says_how_the_one_before_ended() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(FREE);
    let first = run(&config, |kept| parts(&dir, live(), Behaviour::Finds, kept), 3).await;
    let end = verified(&first).pop().unwrap().1;

    // The second dies in the middle of a frame: by its own fault, and without an end.
    struct Dying(Kept, usize);
    impl Outlet for Dying {
        fn send(&mut self, signed: Signed) {
            self.0.send(signed);
            assert!(self.0.count() < self.1, "dying as asked");
        }
    }
    let kept = Kept::default();
    let dying = Dying(kept.clone(), 4);
    let agent = Agent::start(&config, parts(&dir, live(), Behaviour::Finds, dying), Shutdown::new()).await.unwrap();
    assert!(matches!(agent.ended().await, Err(Error::Broken)));
    let second = kept.lock().clone();
    let link = |frames: &[Signed]| verified(frames)[0].0.record().link;
    let Link::Ended(last) = link(&second) else { panic!("{:?}", link(&second)) };
    assert_eq!((last.session, last.sequence, last.digest), (end.context().session, end.header().sequence, end.digest()));

    let third = run(&config, |kept| parts(&dir, live(), Behaviour::Finds, kept), 1).await;
    let broken = verified(&second).pop().unwrap().1;
    let Link::Broken(last) = link(&third) else { panic!("{:?}", link(&third)) };
    assert_eq!((last.sequence, last.digest), (broken.header().sequence, broken.digest()));
    let sessions: Vec<u64> = [&first, &second, &third].map(|frames| frames[0].frame.context().session.number).to_vec();
    assert_eq!(sessions, [1, 2, 3]);
}

#[tokio::test]
async fn two_agents_cannot_share_a_folder() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(FREE);
    let agent = Agent::start(&config, parts(&dir, live(), Behaviour::Finds, Kept::default()), Shutdown::new()).await.unwrap();
    let second = Agent::start(&config, parts(&dir, live(), Behaviour::Finds, Kept::default()), Shutdown::new()).await;
    assert!(matches!(second.err().unwrap(), Error::Session(session::Error::Running(_))));
    agent.stop();
    agent.ended().await.unwrap();
}

#[tokio::test]
async fn overload_drops_pictures_before_a_sequence_is_drawn() {
    struct Slow(Kept);
    impl Outlet for Slow {
        fn send(&mut self, signed: Signed) {
            std::thread::sleep(Duration::from_millis(40));
            self.0.send(signed);
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let agent = Agent::start(&config(FREE), parts(&dir, live(), Behaviour::Finds, Slow(kept.clone())), Shutdown::new()).await.unwrap();
    until("frames", || kept.count() >= 15).await;
    let status = agent.status();
    assert!(status.pipeline.dropped.overload > 0, "{status:?}");
    agent.stop();
    agent.ended().await.unwrap();
    // The chain has no hole: what was dropped never had a number.
    verified(&kept.lock());
}

#[tokio::test]
async fn a_clip_is_worked_through_whole_and_ends_its_session() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::default();
    let agent = Agent::start(&config(FREE), parts(&dir, clip(50), Behaviour::Finds, kept.clone()), Shutdown::new()).await.unwrap();
    agent.ended().await.unwrap();
    let frames = verified(&kept.lock());
    assert_eq!(frames.len(), 51);
    assert!(frames[50].1.header().flags.end);
    assert!(frames.iter().all(|(_, frame)| frame.header().flags.end || seen(frame) < 0.1));
}

#[tokio::test]
async fn without_an_owner_nothing_is_captured() {
    let dir = tempfile::tempdir().unwrap();
    let config = Config::default();
    let start = || Agent::start(&config, parts(&dir, live(), Behaviour::Finds, Kept::default()), Shutdown::new());
    let stopped: exit::Error = start().await.err().unwrap().into();
    assert_eq!(stopped.code, Code::Usage);
    assert!(stopped.to_string().contains("viewers add NAME --owner"), "{stopped}");
    assert!(!dir.path().join("session").exists(), "no session was begun");
    authorize(&dir, "ana", &Identity::generate().unwrap(), "face");
    let agent = start().await.unwrap();
    agent.stop();
    agent.ended().await.unwrap();
}

#[tokio::test]
async fn the_first_lines_say_what_happens_from_now_on() {
    let dir = tempfile::tempdir().unwrap();
    let intro = |config: Config| {
        let parts = parts(&dir, live(), Behaviour::Finds, Kept::default());
        async move {
            let agent = Agent::start(&config, parts, Shutdown::new()).await.unwrap();
            let intro = agent.intro().clone();
            agent.stop();
            agent.ended().await.unwrap();
            intro
        }
    };
    let nothing = intro(config("[camera]\nowner = \"none\"\n[detect]\non = false\n")).await;
    assert_eq!(nothing.masks, "nothing");
    assert!(nothing.warnings.iter().any(|warning| warning.starts_with("NOTHING IS MASKED")), "{nothing:?}");
    assert!(nothing.warnings.iter().any(|warning| warning.starts_with("nobody can unlock")), "{nothing:?}");

    authorize(&dir, "ana", &Identity::generate().unwrap(), "face till");
    let area = |label: &str, x: u16| format!("[[mask]]\nlabel = \"{label}\"\nx = {x}\ny = 0\nw = 16\nh = 16\n");
    let text = intro(config(&[area("till", 0), area("window", 16), area("till", 400)].concat())).await.to_string();
    for part in [
        "camera id  ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
        "captures   plant",
        "masks      faces (fake 1), till (2 areas), window",
        "unlock     ana (owner): face, till",
        "streams    nowhere",
        "warning: an area of `till` lies outside the picture (320×240)",
        "warning: nobody can unlock window",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_session_reaches_the_relay_with_its_end() {
    let fake = FakeRelay::new();
    let dir = tempfile::tempdir().unwrap();
    let identity = fake.operator.camera("front-door", &camera_key());
    let publish = publish::Config::new(fake.relay.clone(), fake.operator.fingerprint(), identity);
    let parts = Parts { destination: Destination::Relay(Box::new(publish)), ..parts(&dir, live(), Behaviour::Finds, Kept::default()) };
    let agent = Agent::start(&config(FREE), parts, Shutdown::new()).await.unwrap();
    let connection = fake.accept().await;
    let (mut answer, _said) = connection.accept_bi().await.unwrap();
    let hello = wire::message::Message::Hello(wire::message::Hello::new(None));
    link::stream::write(&mut answer, &[], hello.encode()).await.unwrap();
    let mut frames = 0;
    let mut ended = false;
    while let Ok(mut stream) = connection.accept_uni().await {
        while let Ok(Some(message)) = link::stream::read(&mut stream, 1 << 20).await {
            let Ok(wire::message::Message::Frame { frame, .. }) = wire::message::Message::decode(message) else { panic!("no frame") };
            frames += 1;
            ended |= Frame::decode(frame).unwrap().header.flags.end;
        }
        if frames == 10 {
            assert!(agent.status().publish.unwrap().connected);
            agent.stop();
        }
    }
    assert!(ended, "the end arrives before the connection closes");
    agent.ended().await.unwrap();
}

#[tokio::test]
async fn no_key_and_no_pixel_reaches_a_log() {
    let log = crate::testing::log();
    let dir = tempfile::tempdir().unwrap();
    let ana = Identity::generate().unwrap();
    authorize(&dir, "ana", &ana, "face");
    let mut config = config("[encode]\ncodec = \"jpeg\"\n[detect]\nlook_ahead = \"100ms\"\n");
    config.camera.epoch = Duration::from_millis(100);
    let frames = run(&config, |kept| parts(&dir, live(), Behaviour::Dies(30), kept), 60).await;

    // What must not be there: the camera's key, layers in clear, and original pixels, however bytes may be printed.
    let (signed, (record, _)) = frames.iter().zip(verified(&frames)).find(|(signed, _)| !signed.frame.header().flags.fail_closed).unwrap();
    let layer = open(&ana, signed, &record, Label::FACE).unwrap();
    let key = camera_key().to_bytes();
    let (left, top, ..) = PLANT;
    let pixels: Vec<u8> = (left..left + 16).map(|x| crate::testing::plant::brightness(x, top)).collect();
    let printed = |bytes: &[u8]| {
        let list = format!("{bytes:?}");
        let list = list.trim_matches(['[', ']']).to_owned();
        [list, data_encoding::HEXLOWER.encode(bytes), data_encoding::HEXUPPER.encode(bytes), data_encoding::BASE64.encode(bytes)]
    };
    let needles: Vec<String> = [&key[..12], &layer[200..212], &pixels[..12]].iter().flat_map(|bytes| printed(bytes)).collect();
    let found = |text: &str| needles.iter().any(|needle| text.contains(needle));
    let text = log.text();
    assert!(text.contains("a new epoch begins") && text.contains("the detector is not available"), "the log says what happens");
    assert!(!found(&text));
    // The control: what is printed is found.
    tracing::debug!(key = ?key, "camera_agent tells too much, for the control");
    assert!(found(&log.text()));
}
