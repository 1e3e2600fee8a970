//! For the tests of this crate: an operator's certificates, and a relay that does what the test says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use link::address::Relay;
use link::endpoint::{self, Limits, Transport};
use link::tls::{self, CertificateDer, Identity, PrivateKeyDer, RootFingerprint};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, SerialNumber,
};

use bytes::Bytes;
use wire::context::Codec;
use wire::epoch::{Link, SourceKind};
use wire::id::{Micros, SessionId};
use wire::label::Labels;
use wire::sign::SessionSigner;

use crate::encode::Encoded;
use crate::mask::{self, Meta, Planner};
use crate::picture::Size;
use crate::sealing::{Authorized, Sealer, Terms};
use crate::sign::Signed;

/// Longer than anything here takes.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// An operator: a root and an issuing CA.
pub(crate) struct Operator {
    root: CertifiedIssuer<'static, KeyPair>,
    issuing: CertifiedIssuer<'static, KeyPair>,
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let now = time::OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now - time::Duration::days(1), now + time::Duration::days(30));
    params
}

fn authority(name: &str, depth: u8) -> (CertificateParams, KeyPair) {
    let mut params = params(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(depth));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
}

impl Operator {
    pub(crate) fn new() -> Self {
        let (root, key) = authority("root", 1);
        let root = CertifiedIssuer::self_signed(root, key).unwrap();
        let (issuing, key) = authority("issuing", 0);
        let issuing = CertifiedIssuer::signed_by(issuing, key, &root).unwrap();
        Self { root, issuing }
    }

    pub(crate) fn fingerprint(&self) -> RootFingerprint {
        RootFingerprint::of(&self.root_der())
    }

    fn root_der(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    fn sign(&self, params: CertificateParams, key: &KeyPair) -> Identity {
        let certificate = params.signed_by(key, &self.issuing).unwrap();
        let chain = vec![certificate.der().clone(), self.issuing.der().clone(), self.root_der()];
        Identity { chain, key: PrivateKeyDer::try_from(key.serialize_der()).unwrap() }
    }

    pub(crate) fn camera(&self, name: &str, key: &SigningKey) -> Identity {
        let mut camera = params(name);
        camera.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let der = key.to_pkcs8_der().unwrap();
        self.sign(camera, &KeyPair::try_from(der.as_bytes()).unwrap())
    }

    fn server(&self) -> tls::Server {
        let mut server = params("server");
        server.subject_alt_names = vec![SanType::DnsName("localhost".try_into().unwrap())];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let identity = self.sign(server, &KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
        let now = time::OffsetDateTime::now_utc();
        let list = CertificateRevocationListParams {
            this_update: now - time::Duration::hours(1),
            next_update: now + time::Duration::days(1),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: Vec::new(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = list.signed_by(&self.issuing).unwrap().der().clone();
        tls::Server::new(&identity, self.root_der(), vec![list]).unwrap()
    }
}

/// A relay's endpoint on 127.0.0.1; what it does with connections is the test's business.
pub(crate) struct Fake {
    pub(crate) operator: Operator,
    pub(crate) endpoint: quinn::Endpoint,
    pub(crate) relay: Relay,
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::with(&Transport { receive_window: 4 << 20, uni_streams: 1024, ..Transport::RELAY })
    }

    /// With other bounds on what an agent may send.
    pub(crate) fn with(transport: &Transport) -> Self {
        let operator = Operator::new();
        let socket = endpoint::bind(([127, 0, 0, 1], 0).into(), 1 << 20).unwrap();
        let endpoint = endpoint::server(socket, operator.server().quic().unwrap(), transport, &Limits::RELAY).unwrap();
        let relay = Relay::new("localhost", endpoint.local_addr().unwrap().port()).unwrap();
        Self { operator, endpoint, relay }
    }

    pub(crate) async fn accept(&self) -> quinn::Connection {
        let incoming = tokio::time::timeout(SOON, self.endpoint.accept()).await.unwrap().unwrap();
        incoming.accept().unwrap().await.unwrap()
    }
}

/// Waits until it holds, and fails where it never does.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < SOON, "{what}: never");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A camera's key for tests.
pub(crate) fn camera_key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

/// The files of an enrolled camera, in that folder.
pub(crate) fn enrol(dir: &std::path::Path, operator: &Operator, relay: &Relay) {
    let identity = operator.camera("front-door", &camera_key());
    let pem: String = identity.chain.iter().map(|der| pem::encode(&pem::Pem::new("CERTIFICATE", der.to_vec()))).collect();
    let key = camera_key().to_pkcs8_pem(Default::default()).unwrap();
    let about = format!("camera = \"front-door\"\nrelay = \"{relay}\"\nroot = \"{}\"\n", operator.fingerprint().compact());
    link::file::replace(&dir.join("camera.crt"), pem.as_bytes(), link::file::READABLE).unwrap();
    link::file::replace(&dir.join("enrolment.toml"), about.as_bytes(), link::file::READABLE).unwrap();
    link::file::replace(&dir.join(crate::enroll::KEY), key.as_bytes(), link::file::PRIVATE).unwrap();
}

/// Nobody is authorized.
pub(crate) fn nobody() -> Arc<crate::viewers::Viewers> {
    Arc::new(crate::viewers::Viewers::nobody())
}

/// The layers of a small picture that nothing is masked in, of a key frame.
pub(crate) fn blank(codec: Codec, public: Bytes, at: Instant) -> Encoded {
    blank_under(Labels::default(), codec, public, at)
}

/// The same, for an epoch with these labels.
pub(crate) fn blank_under(labels: Labels, codec: Codec, public: Bytes, at: Instant) -> Encoded {
    let config = mask::Config { faces: None, labels: Arc::new(labels), ..mask::Config::default() };
    let mut planner = Planner::new(config);
    planner.push(Meta { number: 0, at, size: Size::new(64, 48).unwrap() }, ());
    let plan = planner.due(at).remove(0).plan;
    Encoded { number: 0, captured_at: Micros(1_800_000_000_000_000), at, codec, key: true, plan, public, sealed: Vec::new() }
}

/// Frames of one session, written as a stream: `K` opens a group, `p` continues it, `E` ends the session.
pub(crate) struct Camera {
    sealer: Sealer,
    signer: SessionSigner,
    size: usize,
}

impl Camera {
    pub(crate) fn new(size: usize) -> Self {
        Self::in_session(1, size)
    }

    pub(crate) fn in_session(number: u64, size: usize) -> Self {
        let terms = Arc::new(Terms {
            key: camera_key(),
            session: SessionId { number, nonce: [1; 16] },
            link: Link::First,
            source: SourceKind::Sample,
            labels: Labels::default(),
            detector: String::new(),
        });
        let signer = SessionSigner::new(terms.key.clone(), terms.session);
        let sealer = Sealer::new(terms, Authorized::new(nobody()), Duration::from_secs(3600), Instant::now()).unwrap();
        Self { sealer, signer, size }
    }

    pub(crate) fn frame(&mut self, kind: char) -> Signed {
        if kind == 'E' {
            let frame = self.signer.end(self.sealer.draw().unwrap(), Micros(2)).unwrap();
            return Signed { announcement: Arc::clone(self.sealer.announcement()), frame };
        }
        let encoded = Encoded { key: kind == 'K', ..blank(Codec::H264, Bytes::from(vec![1; self.size]), Instant::now()) };
        let (draft, announcement) = self.sealer.seal(encoded, self.signer.next_group()).unwrap().into_parts();
        Signed { announcement, frame: self.signer.sign(draft).unwrap() }
    }

    pub(crate) fn frames(&mut self, kinds: &str) -> Vec<Signed> {
        kinds.chars().map(|kind| self.frame(kind)).collect()
    }
}

/// Everything that this crate tells in this process, at every level.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<std::sync::Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to listen, for the whole process: once.
pub(crate) fn log() -> Log {
    let log = Log::default();
    let writer = log.clone();
    let format = link::telemetry::Format::Human;
    let subscriber = link::telemetry::subscriber(Some("camera_agent=trace"), format, false, move || writer.clone()).unwrap();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
}

/// What an agent's parts are made of in tests: a planted source and a detector that knows where the plant is.
pub(crate) mod plant {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Condvar, Mutex};
    use std::time::Duration;

    use wire::epoch::SourceKind;

    use crate::capture::{self, About, Opener, Source};
    use crate::detect::{Detector, Error, Found, Model, Small};
    use crate::picture::{Area, Planes, Pool, Size};

    /// Of the planted pictures.
    pub(crate) fn size() -> Size {
        Size::new(320, 240).unwrap()
    }

    /// Where something is that nobody may see: x, y, width, height.
    pub(crate) const PLANT: (usize, usize, usize, usize) = (96, 64, 80, 96);

    /// Its brightness: squares of 8 × 8 pixels, at random.
    pub(crate) fn brightness(x: usize, y: usize) -> u8 {
        let (column, row) = (x / 8, y / 8);
        let hash = (column as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (row as u64).wrapping_mul(0xd1b5_4a32_d192_ed03);
        if (hash ^ (hash >> 29)).count_ones().is_multiple_of(2) { 40 } else { 210 }
    }

    /// A smooth picture with the plant in it.
    pub(crate) fn draw(planes: &mut Planes) {
        let (left, top, width, height) = PLANT;
        let row_length = usize::from(planes.size().width());
        let [luma, ..] = planes.planes_mut();
        for (y, row) in luma.chunks_exact_mut(row_length).enumerate() {
            for (x, sample) in row.iter_mut().enumerate() {
                let inside = (left..left + width).contains(&x) && (top..top + height).contains(&y);
                *sample = if inside { brightness(x, y) } else { 60 + u8::try_from((x + y) / 8).unwrap() };
            }
        }
    }

    /// How much a picture's luma follows the plant where it was: 1 is all, 0 nothing.
    pub(crate) fn correlation(luma: &[u8], width: usize) -> f64 {
        let (left, top, across, down) = PLANT;
        let pairs: Vec<(f64, f64)> = (top..top + down)
            .flat_map(|y| (left..left + across).map(move |x| (x, y)))
            .map(|(x, y)| (f64::from(luma[y * width + x]), f64::from(brightness(x, y))))
            .collect();
        let count = pairs.len() as f64;
        let (a, b) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
        let (a, b) = (a / count, b / count);
        let sum = |of: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(of).sum::<f64>();
        let (both, aa, bb) = (sum(&|p| (p.0 - a) * (p.1 - b)), sum(&|p| (p.0 - a).powi(2)), sum(&|p| (p.1 - b).powi(2)));
        if aa < 1e-9 || bb < 1e-9 { 0.0 } else { both / (aa * bb).sqrt() }
    }

    struct Planted {
        live: bool,
        left: Option<u64>,
    }

    impl Source for Planted {
        fn about(&self) -> About {
            let interval = self.live.then(|| Duration::from_millis(10));
            let (kind, text) = (SourceKind::Sample, "plant".to_owned());
            About { kind, text, size: Some(size()), interval, live: self.live, reopen: false, shortfall: None }
        }

        fn next(&mut self, pool: &Pool) -> Result<Option<Planes>, capture::Error> {
            if let Some(left) = &mut self.left {
                match left.checked_sub(1) {
                    Some(less) => *left = less,
                    None => return Ok(None),
                }
            }
            let mut planes = pool.planes(size());
            draw(&mut planes);
            Ok(Some(planes))
        }
    }

    /// A hundred pictures a second, for ever.
    pub(crate) fn live() -> Arc<Opener> {
        Arc::new(|| Ok(Box::new(Planted { live: true, left: None })))
    }

    /// So many pictures, as fast as they are taken.
    pub(crate) fn clip(pictures: u64) -> Arc<Opener> {
        Arc::new(move || Ok(Box::new(Planted { live: false, left: Some(pictures) })))
    }

    /// What a fake detector does.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Behaviour {
        /// Finds the plant.
        Finds,
        /// Finds nothing, wrongly: the risk that remains, and the control.
        Blind,
        /// Panics at every picture.
        Panics,
        /// Never comes back.
        Hangs,
        /// Cannot say.
        Errs,
        /// Finds the plant, too late.
        Lags,
        /// Has no model.
        Missing,
        /// Finds the plant in so many pictures, then panics for ever.
        Dies(u64),
    }

    /// A fake detector's model.
    pub(crate) struct Fake {
        behaviour: Behaviour,
        looked: Arc<AtomicU64>,
    }

    impl Fake {
        pub(crate) fn new(behaviour: Behaviour) -> Arc<Self> {
            Arc::new(Self { behaviour, looked: Arc::default() })
        }
    }

    impl Model for Fake {
        fn name(&self) -> String {
            "fake 1".to_owned()
        }

        fn small(&self, picture: Size) -> Size {
            Size::new(usize::from(picture.width()) / 4, usize::from(picture.height()) / 4).unwrap()
        }

        fn load(&self) -> Result<Box<dyn Detector>, Error> {
            if self.behaviour == Behaviour::Missing {
                return Err(Error::Missing { path: "none.onnx".into(), why: std::io::ErrorKind::NotFound.into() });
            }
            Ok(Box::new(Looking { behaviour: self.behaviour, looked: Arc::clone(&self.looked) }))
        }
    }

    struct Looking {
        behaviour: Behaviour,
        looked: Arc<AtomicU64>,
    }

    impl Detector for Looking {
        fn detect(&mut self, _: &Small) -> Result<Vec<Found>, Error> {
            let (x, y, w, h) = PLANT;
            let [x, y, w, h] = [x, y, w, h].map(|length| length as f32 / 4.0);
            let found = vec![Found { area: Area { x, y, w, h }, score: 0.9 }];
            let looked = self.looked.fetch_add(1, Ordering::SeqCst);
            match self.behaviour {
                Behaviour::Finds | Behaviour::Missing => Ok(found),
                Behaviour::Blind => Ok(Vec::new()),
                Behaviour::Panics => panic!("a fake detector panics"),
                Behaviour::Errs => Err(Error::Failed("a fake detector errs".to_owned())),
                Behaviour::Lags => {
                    std::thread::sleep(Duration::from_millis(300));
                    Ok(found)
                }
                Behaviour::Hangs => {
                    let (lock, never) = (Mutex::new(()), Condvar::new());
                    let mut guard = lock.lock().unwrap();
                    loop {
                        guard = never.wait(guard).unwrap();
                    }
                }
                Behaviour::Dies(after) if looked < after => Ok(found),
                Behaviour::Dies(_) => panic!("a fake detector dies"),
            }
        }
    }
}
