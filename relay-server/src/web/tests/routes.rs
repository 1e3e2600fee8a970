use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use http_body_util::BodyExt as _;
use link::camera_certificate::{self, Revocation};
use rcgen::PKCS_ECDSA_P256_SHA256;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;

async fn ask(bench: &Bench, from: SocketAddr, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Value) {
    let mut request = request;
    request.extensions_mut().insert(ConnectInfo(from));
    let response = router(Arc::clone(&bench.web)).oneshot(request).await.unwrap();
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    (head.status, head.headers, serde_json::from_slice(&bytes).unwrap())
}

async fn get(bench: &Bench, path: &str) -> (StatusCode, Value) {
    let (status, _, body) = ask(bench, peer(1), Request::get(path).body(Body::empty()).unwrap()).await;
    (status, body)
}

async fn post(bench: &Bench, from: SocketAddr, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post("/api/v1/enrol").header("content-type", "application/json").body(body.into()).unwrap();
    let (status, _, body) = ask(bench, from, request).await;
    (status, body)
}

async fn enrol(bench: &Bench, enrolment: &Enrolment) -> (StatusCode, Value) {
    post(bench, peer(1), serde_json::to_vec(enrolment).unwrap()).await
}

fn code(answer: &(StatusCode, Value)) -> (u16, &str) {
    (answer.0.as_u16(), answer.1["code"].as_str().unwrap())
}

#[tokio::test]
async fn a_camera_is_enrolled_and_listed() {
    let bench = Bench::new();
    let key = camera_key();
    let (status, body) = enrol(&bench, &enrolment(&bench.invite("front-door", false), &key)).await;
    assert_eq!((status, body["camera"].as_str()), (StatusCode::OK, Some("front-door")), "{body}");

    let certified: Certified = serde_json::from_value(body).unwrap();
    let chain: Vec<_> = certified.chain.iter().map(|text| BASE64.decode(text.as_bytes()).unwrap()).collect();
    let root = &bench.web.authority.root().certificate;
    let camera = camera_certificate::verify(&chain, root, &bench.web.authority.crls(), bench.web.clock.now()).unwrap();
    assert_eq!((camera.name.as_str(), camera.id.as_bytes().as_slice()), ("front-door", key.public_key_raw()));
    assert_eq!(camera.revocation, Revocation::NotRevoked);

    let (status, list) = get(&bench, "/api/v1/cameras").await;
    let since = crate::moment::text(bench.web.clock.now());
    let wanted = json!([{ "name": "front-door", "id": camera.id.to_string(), "live": true, "since": since, "visible": "public" }]);
    assert_eq!((status, list), (StatusCode::OK, wanted));
}

#[tokio::test]
async fn the_relay_says_who_it_is() {
    let bench = Bench::new();
    let (status, about) = get(&bench, "/api/v1/relay").await;
    let root = bench.web.authority.root().fingerprint.compact();
    let wanted = json!({ "name": "127.0.0.1", "version": env!("CARGO_PKG_VERSION"), "root": root });
    assert_eq!((status, about), (StatusCode::OK, wanted));
}

#[tokio::test]
async fn a_wrong_used_or_expired_token() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    let stranger = Token::random().unwrap();
    assert_eq!(code(&enrol(&bench, &enrolment(&stranger, &camera_key())).await), (403, "token-unknown"));
    let mistyped = Enrolment { token: "abcd".into(), ..enrolment(&token, &camera_key()) };
    assert_eq!(code(&enrol(&bench, &mistyped).await), (400, "token"));

    let first = enrolment(&token, &camera_key());
    let given = enrol(&bench, &first).await;
    assert_eq!(given.0, StatusCode::OK);
    assert_eq!(code(&enrol(&bench, &enrolment(&token, &camera_key())).await), (403, "token-used"));
    // The answer may have been lost on its way: the same key gets the same certificate.
    assert_eq!(enrol(&bench, &first).await, given);

    let late = bench.invite("back-door", false);
    bench.wait(HOUR);
    assert_eq!(code(&enrol(&bench, &enrolment(&late, &camera_key())).await), (403, "token-expired"));
}

#[tokio::test]
async fn a_name_has_one_key() {
    let bench = Bench::new();
    let (one, two) = (bench.invite("front-door", false), bench.invite("front-door", false));
    let key = camera_key();
    assert_eq!(enrol(&bench, &enrolment(&one, &key)).await.0, StatusCode::OK);
    assert_eq!(code(&enrol(&bench, &enrolment(&two, &camera_key())).await), (409, "name-taken"));
    let other = bench.invite("back-door", false);
    assert_eq!(code(&enrol(&bench, &enrolment(&other, &key)).await), (409, "key-taken"));
    let asking = Enrolment { name: Some("side-door".into()), ..enrolment(&other, &camera_key()) };
    assert_eq!(code(&enrol(&bench, &asking).await), (409, "other-name"));
    let replace = bench.invite("front-door", true);
    assert_eq!(enrol(&bench, &enrolment(&replace, &camera_key())).await.0, StatusCode::OK);
}

#[tokio::test]
async fn the_relay_takes_so_many_cameras() {
    let bench = Bench::with(|mut config| {
        config.limits.cameras = 1;
        config
    });
    assert_eq!(enrol(&bench, &enrolment(&bench.invite("front-door", false), &camera_key())).await.0, StatusCode::OK);
    assert_eq!(code(&enrol(&bench, &enrolment(&bench.invite("back-door", false), &camera_key())).await), (409, "full"));
}

/// Requests that prove nothing do not use the token up.
#[tokio::test]
async fn a_request_without_proof_of_possession() {
    let bench = Bench::new();
    let token = bench.invite("front-door", false);
    let honest = enrolment(&token, &camera_key());
    let mut der = BASE64.decode(honest.csr.as_bytes()).unwrap();
    *der.last_mut().unwrap() ^= 1;
    let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    for csr in [BASE64.encode(&der), enrolment(&token, &p256).csr, BASE64.encode(&[0x30; 4000]), String::new(), "?".into()] {
        assert_eq!(code(&enrol(&bench, &Enrolment { csr, ..honest.clone() }).await), (400, "request"));
    }
    assert!(bench.web.roster.cameras().unwrap().is_empty());
    // The control.
    assert_eq!(enrol(&bench, &honest).await.0, StatusCode::OK);
}

/// Without a token nothing else is looked at.
#[tokio::test]
async fn a_stranger_reaches_no_parser() {
    let bench = Bench::new();
    let garbage = Enrolment { name: Some("?".into()), token: Token::random().unwrap().to_string(), csr: "?".into() };
    assert_eq!(code(&enrol(&bench, &garbage).await), (403, "token-unknown"));
}

#[tokio::test]
async fn guessing_is_slow_and_hinders_nobody_else() {
    let bench = Bench::new();
    let guess = || async { enrol(&bench, &enrolment(&Token::random().unwrap(), &camera_key())).await };
    for _ in 0..ENROLMENTS_PER_MINUTE {
        assert_eq!(guess().await.0, StatusCode::FORBIDDEN);
    }
    let token = bench.invite("front-door", false);
    let body = serde_json::to_vec(&enrolment(&token, &camera_key())).unwrap();
    let request = Request::post("/api/v1/enrol").header("content-type", "application/json").body(Body::from(body.clone())).unwrap();
    let (status, headers, answer) = ask(&bench, peer(1), request).await;
    assert_eq!(code(&(status, answer)), (429, "too-many"));
    assert!(headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(post(&bench, peer(2), body).await.0, StatusCode::OK);
}

#[tokio::test]
async fn whatever_is_wrong_is_said_in_json() {
    let bench = Bench::new();
    for nothing in ["/nothing", "/assets/", "/assets/nothing.js", "/assets/../Cargo.toml"] {
        assert_eq!(code(&get(&bench, nothing).await), (404, "not-found"), "{nothing}");
    }
    assert_eq!(code(&get(&bench, "/api/v1/../../etc/passwd").await), (404, "not-found"));
    assert_eq!(code(&get(&bench, "/api/v1/enrol").await), (405, "method"));
    assert_eq!(code(&post(&bench, peer(3), "{").await), (400, "body"));
    assert_eq!(code(&post(&bench, peer(3), "{}").await), (422, "body"));
    assert_eq!(code(&post(&bench, peer(3), "{\"token\":\"a\",\"csr\":\"b\",\"admin\":true}").await), (422, "body"));
    assert_eq!(code(&post(&bench, peer(3), vec![b' '; MAX_BODY + 1]).await), (413, "body"));
    let untyped = Request::post("/api/v1/enrol").body(Body::from("{}")).unwrap();
    let (status, _, answer) = ask(&bench, peer(3), untyped).await;
    assert_eq!(code(&(status, answer)), (415, "body"));
}

#[tokio::test]
async fn the_page_is_served_with_its_policy_and_kept_while_it_is_the_same() {
    let bench = Bench::new();
    let ask = async |tag: Option<&str>| {
        let request = Request::get("/").header("if-none-match", tag.unwrap_or("\"another\"")).body(Body::empty()).unwrap();
        let mut request = request;
        request.extensions_mut().insert(ConnectInfo(peer(1)));
        let response = router(Arc::clone(&bench.web)).oneshot(request).await.unwrap();
        let header = |name: &str| response.headers().get(name).unwrap().to_str().unwrap().to_owned();
        (response.status(), header("content-security-policy"), header("etag"))
    };
    let (status, policy, tag) = ask(None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(policy.starts_with("default-src 'none'; script-src 'self'"), "{policy}");
    assert_eq!(ask(Some(&tag)).await.0, StatusCode::NOT_MODIFIED);
}

/// Sends nothing, for ever.
struct Silence;

impl hyper::body::Body for Silence {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_comes() {
    let bench = Bench::new();
    assert_eq!(code(&post(&bench, peer(1), Body::new(Silence)).await), (408, "too-slow"));
}
