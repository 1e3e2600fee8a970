//! People with accounts: who is let in, who sees what under the masks, and how each of that ends. Real programs throughout.

use std::path::PathBuf;

use celosia_tests::picture::{Luma, Rect};
use celosia_tests::program::{Ended, Running};
use celosia_tests::secrets::leaks;
use celosia_tests::site::Site;

const NAME: &str = "front-door";
const ANA: &str = "plough candle orbit 71 heron";
const BEN: &str = "velvet oyster 93 tundra lamp";
const NEW: &str = "gravel lantern 58 mosaic finch";

/// The sample, small and slow, with one fixed mask and no detector.
const CONFIG: &str = "[source]\nkind = \"sample\"\nwidth = 320\nheight = 192\nrate = 10.0\n[detect]\non = false\n\
                      [[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 96\nh = 64\n";

const TILL: Rect = Rect { x: 96, y: 48, w: 96, h: 64 };

/// A relay that hands sealed layers to accounts alone, and one camera, which knows nobody yet.
struct Place {
    site: Site,
    _relay: Running,
}

impl Place {
    fn new() -> Self {
        let site = Site::new();
        let config = site.path("relay/relay.toml");
        let text = std::fs::read_to_string(&config).unwrap();
        let changed = text
            .replace("sealed_access = \"anyone\"", "sealed_access = \"granted\"")
            .replace("registration = \"invite\"", "registration = \"open\"")
            .replace("dev_insecure_cheap_scrypt = false", "dev_insecure_cheap_scrypt = true");
        assert!(changed.contains("\"granted\"") && changed.contains("\"open\"") && changed.contains("scrypt = true"), "{text}");
        std::fs::write(config, changed).unwrap();
        let relay = site.start_relay();
        site.enroll(NAME, CONFIG);
        Self { site, _relay: relay }
    }

    fn password(&self, name: &str, password: &str) -> PathBuf {
        self.site.write(&format!("{name}.password"), password.as_bytes())
    }

    /// What somebody types about an account, at a machine of their own.
    fn account(&self, who: &str, command: &str) -> Ended {
        let home = self.site.path(&format!("home-{who}"));
        self.site.viewer(command).env("CELOSIA_HOME", home).args(&format!("--relay {}", self.site.address())).run()
    }

    fn register(&self, who: &str, password: &str) -> String {
        let file = self.password(who, password);
        let recovery = self.site.path(&format!("{who}.recovery"));
        let said = self.account(who, &format!("register {who} --password-file {} --recovery-file {}", file.display(), recovery.display()));
        said.expect(0);
        assert!(!said.stdout.contains(std::fs::read_to_string(recovery).unwrap().trim()), "the code went into the file alone: {said}");
        let (_, fingerprint) = said.stdout.split_once("compared by voice with a camera's owner:\n").unwrap();
        fingerprint.lines().next().unwrap().split_whitespace().collect()
    }

    fn sign_in(&self, who: &str) -> Ended {
        self.account(who, &format!("sign-in {who} --password-file {}", self.site.path(&format!("{who}.password")).display()))
    }

    /// A snapshot as somebody takes it: how it ended, and the part under the mask.
    fn snapshot(&self, who: &str, unlock: bool) -> (Ended, Option<Luma>) {
        let out = self.site.path("out.png");
        let _ = std::fs::remove_file(&out);
        let password = self.site.path(&format!("{who}.password"));
        let more = if unlock { format!("--unlock --password-file {}", password.display()) } else { String::new() };
        let home = self.site.path(&format!("home-{who}"));
        let viewer = self.site.viewer("snapshot").env("CELOSIA_HOME", home);
        let ended = viewer.arg(self.site.camera(NAME)).arg(&out).args(&more).run();
        (ended, out.exists().then(|| Luma::open(&out).part(TILL)))
    }

    fn sees_the_original(&self, who: &str) {
        let (ended, picture) = self.snapshot(who, true);
        ended.expect(0);
        assert!(!picture.unwrap().is_flat(), "{ended}");
    }
}

#[test]
fn who_is_named_unlocks_with_the_accounts_password_and_others_see_what_everybody_sees() {
    let place = Place::new();
    let fingerprint = place.register("ana", ANA);
    let other = place.register("ben", BEN);
    let add = |more: &str| place.site.agent(NAME, &format!("viewers add ana --owner --labels till {more}")).run();
    add(&format!("--fingerprint {other}")).expect(77).says(&["not the key that the relay has for ana"]);
    add("").expect(64).says(&["has to be compared", "--fingerprint"]);
    place.site.agent(NAME, "viewers add eve --labels till").run().says(&["viewer register"]);
    add(&format!("--fingerprint {fingerprint}")).expect(0);
    let _agent = place.site.start_agent(NAME);

    let (ended, picture) = place.snapshot("ana", true);
    ended.expect(77).says(&["nobody is signed in", "viewer sign-in"]);
    assert!(picture.is_none());
    place.sign_in("ana").expect(0);
    place.sign_in("ben").expect(0);
    place.sees_the_original("ana");
    // Ben has an account, a session, and a password; nobody named him.
    let (ended, picture) = place.snapshot("ben", true);
    ended.expect(77).says(&["till"]);
    assert!(picture.is_none_or(|picture| picture.is_flat()), "{ended}");
    let (ended, public) = place.snapshot("nobody", false);
    ended.expect(0);
    assert!(public.unwrap().is_flat());

    // The wrong password opens nothing, though she is signed in; nor does the right one once she is not.
    place.password("ana", BEN);
    let (ended, picture) = place.snapshot("ana", true);
    ended.expect(77).says(&["password is wrong"]);
    assert!(picture.is_none());
    place.password("ana", ANA);
    place.sees_the_original("ana");
    place.account("ana", "sign-out").expect(0);
    let (ended, picture) = place.snapshot("ana", true);
    ended.expect(77).says(&["nobody is signed in"]);
    assert!(picture.is_none());
}

#[test]
fn another_password_leaves_recordings_readable_and_the_old_one_worthless() {
    let place = Place::new();
    let fingerprint = place.register("ana", ANA);
    place.site.agent(NAME, &format!("viewers add ana --owner --labels till --fingerprint {fingerprint}")).run().expect(0);
    let _agent = place.site.start_agent(NAME);
    place.sign_in("ana").expect(0);
    place.sees_the_original("ana");

    let (old, new) = (place.password("old", ANA), place.password("new", NEW));
    let weak = place.password("weak", "password1234");
    let change = |old: &PathBuf, new: &PathBuf| {
        place.account("ana", &format!("password --password-file {} --new-password-file {}", old.display(), new.display()))
    };
    change(&old, &weak).expect(64).says(&["easy to guess"]);
    change(&new, &new).expect(77).says(&["password is wrong"]);
    change(&old, &new).expect(0);
    let (ended, _) = place.snapshot("ana", true);
    ended.expect(77).says(&["password is wrong"]);
    place.password("ana", NEW);
    place.sees_the_original("ana");
    place.password("ana", ANA);
    place.sign_in("ana").expect(77);

    // The recovery code sets another one, once.
    let code = place.site.path("ana.recovery");
    let again = place.site.path("ana.recovery2");
    let recover = |new: &PathBuf, out: &PathBuf| {
        let (code, new, out) = (code.display(), new.display(), out.display());
        place.account("ana", &format!("recover ana --code-file {code} --password-file {new} --recovery-file {out}"))
    };
    recover(&old, &again).expect(0);
    place.sign_in("ana").expect(0);
    place.sees_the_original("ana");
    recover(&new, &place.site.path("ana.recovery3")).expect(77);
    place.sees_the_original("ana");

    // A deleted account is gone, and its name too.
    place.account("ana", &format!("delete-account --password-file {}", place.site.path("ana.password").display())).expect(0);
    place.sign_in("ana").expect(77);
    let file = place.password("ana", ANA);
    place.account("ana", &format!("register ana --password-file {}", file.display())).says(&["another name"]);
}

#[test]
fn the_relay_never_gets_what_opens() {
    let place = Place::new();
    place.register("ana", ANA);
    place.sign_in("ana").expect(0);
    let code = std::fs::read_to_string(place.site.path("ana.recovery")).unwrap();
    let secrets = [("her password", ANA.as_bytes().to_vec()), ("her recovery code", code.trim().as_bytes().to_vec())];
    assert_eq!(leaks(&place.site, &["relay", "logs"], &secrets), Vec::<String>::new());
    // The control: what is planted there is found; and her name is there, so the right files were searched.
    let _ = place.site.write("relay/planted", &[b"...".as_slice(), ANA.as_bytes()].concat());
    assert_eq!(leaks(&place.site, &["relay", "logs"], &secrets).len(), 1);
    assert!(!leaks(&place.site, &["relay"], &[("her name", b"ana".to_vec())]).is_empty());
}
