//! Who is let in with a password, and who is shown what the public is shown.

use std::path::Path;
use std::time::Duration;

use celosia_tests::audience::{Ask, Audience};
use celosia_tests::detector::FakeDetector;
use celosia_tests::person::Person;
use celosia_tests::picture::{Luma, Rect, correlation};
use celosia_tests::program::Ended;
use celosia_tests::site::{Site, unlocking};
use celosia_tests::source::Stage;
use celosia_tests::world::{World, stop};
use wire::verdict::Verdict;

const NAME: &str = "front-door";

/// The sample, small and slow, with one fixed mask and no detector.
const CONFIG: &str = "[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 10.0\n[detect]\non = false\n\
                      [[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 96\nh = 64\n";

const TILL: Rect = Rect { x: 96, y: 48, w: 96, h: 64 };

/// A snapshot by the real viewer: how it ended, and the part under the mask.
fn snapshot(site: &Site, out: &str, unlock: &str) -> (Ended, Option<Luma>) {
    let out = site.path(out);
    let ended = site.viewer("snapshot").arg(site.camera(NAME)).arg(&out).args(unlock).run();
    (ended, out.exists().then(|| Luma::open(&out).part(TILL)))
}

fn is_flat(picture: &Luma) -> bool {
    picture.samples.iter().all(|sample| sample.abs_diff(picture.samples[0]) < 6)
}

#[test]
fn only_the_right_password_of_the_right_person_unlocks() {
    let (site, ana, eve) = (Site::new(), Person::new(), Person::new());
    let relay = site.start_relay();
    site.enroll(NAME, CONFIG);
    site.authorize(NAME, "ana", &ana, "--owner --labels till");
    let agent = site.start_agent(NAME);
    let (ana_file, eve_file) = (site.keep("ana", &ana), site.keep("eve", &eve));

    // The control: the right one does.
    let (ended, open) = snapshot(&site, "ana.png", &unlocking(&ana_file));
    ended.expect(0);
    assert!(!is_flat(&open.unwrap()));

    let wrong = site.write("wrong.password", b"plough candle orbit 72 heron\n");
    let (ended, picture) = snapshot(&site, "wrong.png", &unlocking(&(ana_file.0.clone(), wrong)));
    ended.expect(77).says(&["password"]);
    assert_eq!(ended.errors().lines().filter(|line| line.starts_with("error:")).count(), 1, "one sentence: {ended}");
    assert!(picture.is_none(), "nothing is written");

    // Somebody with keys of her own, whom nobody named.
    let (ended, hers) = snapshot(&site, "eve.png", &unlocking(&eve_file));
    ended.expect(77).says(&["till", "the camera's owner has not named this key"]);
    let (ended, public) = snapshot(&site, "public.png", "");
    ended.expect(0);
    let (hers, public) = (hers.unwrap(), public.unwrap());
    assert!(is_flat(&hers) && is_flat(&public));
    assert!(hers.samples[0].abs_diff(public.samples[0]) < 6, "she sees exactly what everybody sees");

    damaged_identities(&site, &ana_file.0, &ana_file.1);
    drop((agent, relay));
}

/// Files that are no identity, or no longer.
fn damaged_identities(site: &Site, identity: &Path, password: &Path) {
    let text = std::fs::read_to_string(identity).unwrap();
    let flipped = {
        let at = text.find("wrapped = \"").unwrap() + 30;
        let mut bytes = text.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        bytes
    };
    for (what, content, code, says) in [
        ("changed", flipped.as_slice(), 77, "password"),
        ("cut off", &text.as_bytes()[..text.len() / 2], 65, "no identity file"),
        ("something else", b"GIF89a", 65, "no identity file"),
        ("too long", &[b'#'; 70_000], 74, "cannot be read"),
        ("of a later version", text.replace("version = 1", "version = 9").as_bytes(), 65, "update this program"),
    ] {
        let file = site.write("bad.identity", content);
        let (ended, picture) = snapshot(site, "bad.png", &unlocking(&(file, password.to_owned())));
        assert_eq!(ended.code, Some(code), "{what}: {ended}");
        ended.expect(code).says(&[says]);
        assert!(picture.is_none(), "{what}");
    }
    let missing = unlocking(&(site.path("missing.identity"), password.to_owned()));
    snapshot(site, "bad.png", &missing).0.expect(66).says(&["missing.identity cannot be read"]);
    let folder = unlocking(&(site.path("home"), password.to_owned()));
    snapshot(site, "bad.png", &folder).0.expect(66).says(&["cannot be read"]);
    let no_password = unlocking(&(identity.to_owned(), site.path("missing.password")));
    snapshot(site, "bad.png", &no_password).0.expect(66).says(&["missing.password cannot be read"]);
}

/// Somebody with one of two labels.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_label_opens_one_label() {
    let (world, ana, till) = (World::new().await, Person::new(), Person::new());
    world.authorize(NAME, "ana", &ana, &["face", "till"]);
    world.authorize(NAME, "night-shift", &till, &["till"]);
    let face = Rect { x: 16, y: 64, w: 64, h: 64 };
    let texture = Luma::texture(face.w, face.h, 8);
    let stage = Stage::planted(320, 192, Duration::from_millis(100), &texture, (face.x, face.y));
    let area = Rect { x: 208, y: 64, w: 64, h: 64 };
    let setup = world.agent(NAME, &stage, Some(FakeDetector::finding(&[face]).model())).await.with(|setup| {
        let mask = camera_agent::config::Mask::rectangle("till", [208, 64, 64, 64]);
        setup.config.mask.push(mask);
    });
    let agent = setup.start().await;
    let open = |shown: &celosia_tests::audience::Shown| !shown.frame.header().flags.fail_closed;
    let look = |person| {
        let world = &world;
        async move {
            let mut audience: Audience = world.watch_when_live(Ask { person, ..Ask::live(NAME) }).await;
            audience.until("frames with masks", |audience| audience.shown.iter().filter(|shown| open(shown)).count() >= 3).await;
            assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
            audience
        }
    };
    for (who, person, sees_face, sees_till) in
        [("ana", Some(&ana), true, true), ("the night shift", Some(&till), false, true), ("everybody", None, false, false)]
    {
        let audience = look(person).await;
        for shown in audience.shown.iter().filter(|shown| open(shown)) {
            let source = stage.luma(celosia_tests::source::number(&shown.picture).unwrap());
            for (what, rect, sees) in [("the face", face, sees_face), ("the till", area, sees_till)] {
                // Video smooths a few pixels across a mask's edge, with what is visible outside.
                let rect = Rect { x: rect.x + 8, y: rect.y + 8, w: rect.w - 16, h: rect.h - 16 };
                let alike = correlation(&source.part(rect), &shown.picture.part(rect));
                let hidden = || alike.abs() < 0.1 || shown.picture.part(rect).is_flat();
                assert!(if sees { alike > 0.9 } else { hidden() }, "{who} and {what}: {alike}");
            }
            if person.is_some() && !sees_face {
                let closed: Vec<_> = shown.opened.closed.iter().map(|(_, why)| why.to_string()).collect();
                assert!(closed.iter().any(|why| why.contains("has not named this key for it")), "{closed:?}");
            }
        }
    }
    stop(agent).await;
}
