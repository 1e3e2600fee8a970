//! IP cameras: a real RTSP server (GStreamer's) that is killed, started again, switched to another size, falls silent, and asks for
//! passwords.

use std::io::{BufRead as _, BufReader, Read as _, Seek as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use camera_agent::capture::{Error, Source};
use camera_agent::config::Config;
use camera_agent::picture::{Planes, Pool};
use celosia_tests::audience::{Ask, Audience, Shown};
use celosia_tests::patience::PATIENCE;
use celosia_tests::search::{files, position};
use celosia_tests::site::Site;
use celosia_tests::world::last;
use data_encoding::BASE64;
use link::settings;
use wire::epoch::SourceKind;
use wire::verdict::Verdict;

const NAME: &str = "front-door";

const LOGIN: &str = "owner:heron-71-orbit";

/// Debian's own: the packages of GStreamer are for no other.
const PYTHON: &str = "/usr/bin/python3";

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/rtsp/server.py");

/// A camera on 127.0.0.1.
struct Server {
    child: Child,
    orders: ChildStdin,
    said: BufReader<ChildStdout>,
    port: u16,
}

impl Server {
    fn start(arguments: &str) -> Self {
        Self::at(0, arguments)
    }

    fn at(port: u16, arguments: &str) -> Self {
        let mut errors = tempfile::tempfile().unwrap();
        let mut command = Command::new(PYTHON);
        command.arg(SCRIPT).arg("--port").arg(port.to_string()).args(arguments.split_whitespace());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors.try_clone().unwrap());
        let mut child = command.spawn().expect("Debian's python3, which scripts/test.sh installs");
        let (orders, mut said) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let Some(port) = line.strip_prefix("listening ").and_then(|port| port.trim().parse().ok()) else {
            let mut text = String::new();
            let _ = child.wait();
            errors.rewind().unwrap();
            errors.read_to_string(&mut text).unwrap();
            panic!("the RTSP server does not start (scripts/test.sh installs what it needs): {text}");
        };
        Self { child, orders, said, port }
    }

    /// Gives an order, and waits until it is carried out.
    fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
        let mut line = String::new();
        self.said.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), format!("done {order}"));
    }

    fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/stream", self.port)
    }

    /// The table of an agent's configuration.
    fn table(&self, more: &str) -> String {
        format!("[source]\nkind = \"rtsp\"\nurl = \"{}\"\n{more}\n[detect]\non = false\n", self.url())
    }

    /// Opened as the agent opens it.
    fn open(&self, more: &str) -> Result<Box<dyn Source>, Error> {
        let config: Config = settings::parse(&self.table(more), "agent.toml").unwrap();
        config.source.opener()()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The next pictures, every one of them.
fn pictures(source: &mut Box<dyn Source>, count: usize) -> Vec<Planes> {
    let pool = Pool::new(4);
    (0..count).map(|_| source.next(&pool).unwrap().expect("a camera never ends")).collect()
}

/// Y, U and V where a bar of the test picture is: seven stand side by side in the upper part.
fn bar(picture: &Planes, number: usize) -> [u8; 3] {
    let (width, height) = (usize::from(picture.size().width()), usize::from(picture.size().height()));
    let (x, y) = (width * (2 * number + 1) / 14, height / 3);
    let [luma, u, v] = picture.planes();
    let chroma = (y / 2) * u.width + x / 2;
    [luma.samples[y * luma.width + x], u.samples[chroma], v.samples[chroma]]
}

/// The bars of the test picture at three quarters of full colour, as JFIF has them.
fn bars() -> Vec<[u8; 3]> {
    let colours = [[1, 1, 1], [1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0], [0, 0, 1]];
    let jfif = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(|on| f64::from(on) * 191.0);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        [y, 128.0 + (b - y) / 1.772, 128.0 + (r - y) / 1.402].map(|value| value.round() as u8)
    };
    colours.map(jfif).to_vec()
}

#[test]
fn pictures_come_in_their_colours_over_tcp_and_udp_with_every_login() {
    let folder = tempfile::tempdir().unwrap();
    let login = folder.path().join("login");
    std::fs::write(&login, LOGIN).unwrap();
    let credentials = format!("credentials = \"{}\"", login.display());
    for (server, source) in [
        ("--encoder baseline --colour bt601", "transport = \"tcp\"".to_owned()),
        ("--encoder main --colour bt709", "transport = \"udp\"".to_owned()),
        (&format!("--auth basic --login {LOGIN}"), credentials.clone()),
        (&format!("--encoder main --auth digest --login {LOGIN}"), format!("{credentials}\ntransport = \"udp\"")),
        // A camera that says nothing of its colours, in HD: those of HD.
        ("--colour bt709 --size 1280 720", String::new()),
    ] {
        let server_said = server;
        let server = Server::start(server);
        let mut source = server.open(&source).unwrap();
        let about = source.about();
        assert_eq!(about.kind, SourceKind::Rtsp);
        let shown = pictures(&mut source, 4).pop().unwrap();
        assert_eq!(about.size, Some(shown.size()), "{}", about.text);
        for (number, expected) in bars().into_iter().enumerate() {
            let found = bar(&shown, number);
            assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 8), "{server_said}, bar {number}: {found:?}, {expected:?}");
        }
    }
}

#[test]
fn pictures_that_were_sent_in_another_order_come_in_the_right_one() {
    // Black and white in turn.
    for encoder in ["baseline", "main", "reordered"] {
        let server = Server::start(&format!("--pattern blink --encoder {encoder}"));
        let mut source = server.open("").unwrap();
        let white: Vec<bool> = pictures(&mut source, 16).iter().map(|picture| picture.planes()[0].samples[5000] > 128).collect();
        assert!(white.windows(2).all(|pair| pair[0] != pair[1]), "{encoder}: {white:?}");
    }
}

#[test]
fn a_wrong_password_is_said_and_no_password_ever_is() {
    let site = Site::new();
    let right = site.write("right.login", format!("{LOGIN}\n").as_bytes());
    let wrong = site.write("wrong.login", b"owner:heron-72-orbit\n");
    let nonsense = site.write("nonsense.login", b"heron-71-orbit\n");
    let snapshot = |config: &str| {
        site.configure(NAME, &format!("owner = \"none\"\n{config}"));
        site.agent(NAME, "--log trace snapshot now.jpg")
    };
    for auth in ["basic", "digest"] {
        let server = Server::start(&format!("--auth {auth} --login {LOGIN}"));
        let with = |file: &std::path::Path| server.table(&format!("credentials = \"{}\"", file.display()));
        snapshot(&with(&wrong)).run().expect(77).says(&["refuses the name or the password", "`credentials`"]);
        snapshot(&server.table("")).run().expect(77).says(&["asks for a name and a password", "CELOSIA_CAMERA_LOGIN"]);
        snapshot(&with(&nonsense)).run().expect(64).says(&["nonsense.login does not hold a name and a password"]);
        snapshot(&with(&site.path("none.login"))).run().expect(66).says(&["none.login"]);
        snapshot(&with(&right)).run().expect(0);
        snapshot(&server.table("")).env("CELOSIA_CAMERA_LOGIN", LOGIN).run().expect(0);
        let url = server.url().replace("rtsp://", &format!("rtsp://{LOGIN}@"));
        snapshot(&format!("[source]\nkind = \"rtsp\"\nurl = \"{url}\"\n"))
            .run()
            .expect(64)
            .says(&["source.url", "a password does not belong"]);
    }
    // Whatever the programs said, at their most talkative, in any form in which it goes over the line.
    let secrets =
        ["heron-71-orbit", "heron-72-orbit"].map(|secret| [secret.to_owned(), BASE64.encode(format!("owner:{secret}").as_bytes())]);
    let told = |needle: &str| files(&site.logs()).iter().any(|file| position(&std::fs::read(file).unwrap(), needle.as_bytes()).is_some());
    for secret in secrets.iter().flatten() {
        assert!(!told(secret), "{secret} was said");
    }
    // The control: the camera was talked to, and the search finds what was said.
    assert!(told("WWW-Authenticate") || told("127.0.0.1"), "the programs were talkative");
}

#[test]
fn what_cannot_be_decoded_is_refused_with_what_to_set_at_the_camera() {
    let site = Site::new();
    let snapshot = |config: &str| {
        site.configure(NAME, &format!("owner = \"none\"\n{config}"));
        site.agent(NAME, "snapshot now.jpg").run()
    };
    for (encoder, says) in [
        ("h265", ["H.265", "set this stream's video codec (encoding) to H.264"]),
        ("mjpeg", ["Motion JPEG", "set this stream's video codec (encoding) to H.264"]),
        ("interlaced", ["interlaced", "set the camera's scan mode to progressive"]),
    ] {
        let server = Server::start(&format!("--encoder {encoder}"));
        snapshot(&server.table("")).expect(65).says(&says);
    }
    let server = Server::start("");
    snapshot(&server.table("").replace("/stream", "/other")).expect(69).says(&["no stream at that path"]);
    let gone = server.table("");
    drop(server);
    snapshot(&gone).expect(69).says(&["cannot be used", "refused", "is it switched on"]);
    // The control: the same with a stream that can be decoded.
    snapshot(&Server::start("").table("")).expect(0);
}

/// The size of a frame.
fn size(shown: &Shown) -> (u16, u16) {
    (shown.frame.context().width, shown.frame.context().height)
}

/// Somebody who looks, as soon as there is something.
async fn watch(site: &Site, ask: Ask<'_>) -> Audience {
    let begun = Instant::now();
    loop {
        match Audience::open(&site.address(), site.root(), ask).await {
            Ok(audience) => return audience,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A camera's life: it changes its size, dies, comes back in another one, and falls silent; the agent follows all of it in one session.
fn life(transport: &str) {
    let site = Site::new();
    let relay = site.start_relay();
    let mut server = Server::start("--size 320 192");
    // Drawn for the first size; in every other one it and its scaled copy are hidden.
    let mask = "[[mask]]\nlabel = \"till\"\nx = 96\ny = 48\nw = 64\nh = 48\n";
    site.enroll(NAME, &format!("owner = \"none\"\n{}{mask}", server.table(&format!("transport = \"{transport}\""))));
    let mut agent = site.start_agent(NAME);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut live = runtime.block_on(watch(&site, Ask::live(NAME)));
    let mut seen = |wanted: (u16, u16)| {
        let arrived = |live: &Audience| live.shown.last().is_some_and(|shown| size(shown) == wanted);
        runtime.block_on(live.until(&format!("a picture of {wanted:?}"), arrived));
        assert!(arrived(&live), "{:?}", live.error);
    };
    seen((320, 192));
    server.order("size 416 240");
    seen((416, 240));

    let port = server.port;
    drop(server);
    agent.wait_for("the source is opened again");
    let mut server = Server::at(port, "--size 256 144");
    seen((256, 144));

    // It goes on answering, and shows nothing.
    server.order("pause");
    agent.wait_for("the source delivered nothing");
    server.order("size 160 96");
    seen((160, 96));

    agent.signal("TERM");
    let ended = agent.ended();
    ended.expect(0);
    let ask = Ask { span: last(Duration::from_secs(3000)), ..Ask::live(NAME) };
    let mut audience = runtime.block_on(watch(&site, ask));
    runtime.block_on(audience.to_the_end());
    assert_eq!(audience.error, None);
    let mut sizes: Vec<_> = audience.shown.iter().map(size).collect();
    sizes.dedup();
    // A size that a restarted stream begins with may come and go once more.
    for size in [(320, 192), (416, 240), (256, 144), (160, 96)] {
        assert!(sizes.contains(&size), "{sizes:?}");
    }
    assert_eq!(audience.verdict(), Verdict::Authentic, "{}", audience.reasons());
    assert_eq!((audience.gaps.as_slice(), audience.ends), (&[][..], 1));
    for shown in &audience.shown {
        assert_eq!(shown.record.record().source, SourceKind::Rtsp);
        let (width, height) = size(shown);
        assert_eq!((shown.picture.width, shown.picture.height), (width.into(), height.into()));
        let regions = &shown.frame.header().regions;
        let hidden = |x: u32, y: u32| {
            regions.iter().any(|region| (region.x.into()..region.right()).contains(&x) && (region.y.into()..region.bottom()).contains(&y))
        };
        let (x, y) = (128 * u32::from(width) / 320, 72 * u32::from(height) / 192);
        assert!(hidden(x, y) && (width <= 128 || height <= 72 || hidden(128, 72)), "{width}×{height}: {regions:?}");
    }
    drop(relay);
}

#[test]
fn a_cameras_life_over_tcp() {
    life("tcp");
}

#[test]
fn a_cameras_life_over_udp() {
    life("udp");
}
