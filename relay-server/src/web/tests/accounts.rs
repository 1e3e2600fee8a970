use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, header};
use ed25519_dalek::SigningKey;
use http_body_util::BodyExt as _;
use link::api::account::{
    self as api, Base64, COOKIE, ChangePassword, CompleteRecovery, DeleteAccount, Keys, NewKeys, PAGE, PublicKeys, Recover, Recovery,
    Register, Secret, SignIn, WrappedKeys,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::config::Registration;
use crate::web::who::Shown;

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Answer {
    pub(super) fn code(&self) -> (u16, &str) {
        (self.status, self.body["code"].as_str().unwrap_or_default())
    }

    pub(super) fn read<T: DeserializeOwned>(self) -> T {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        serde_json::from_value(self.body).unwrap()
    }
}

/// Asks as a program does.
pub(super) struct Client<'a> {
    pub(super) bench: &'a Bench,
    pub(super) headers: Vec<(String, String)>,
    pub(super) from: SocketAddr,
    pub(super) shown: Shown,
}

impl<'a> Client<'a> {
    pub(super) fn nobody(bench: &'a Bench) -> Self {
        Self { bench, headers: Vec::new(), from: peer(1), shown: Shown::default() }
    }

    pub(super) fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn bearer(bench: &'a Bench, token: &Secret) -> Self {
        Self::nobody(bench).with("authorization", format!("Bearer {}", token.reveal().as_str()))
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: &impl Serialize) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "127.0.0.1");
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let bytes = serde_json::to_vec(body).unwrap();
        let mut request = request.header("content-type", "application/json").body(Body::from(bytes)).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.from));
        request.extensions_mut().insert(self.shown.clone());
        let response = router(Arc::clone(&self.bench.web)).oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &json!(null)).await
    }
}

pub(super) fn secret(seed: u8) -> Secret {
    Secret::new(&[seed; 32])
}

pub(super) fn keys(seed: u8) -> Keys {
    let ed25519 = Base64(SigningKey::from_bytes(&[seed; 32]).verifying_key().to_bytes());
    Keys { public: PublicKeys { x25519: Base64([seed; 32]), ed25519 }, wrapped: wrapped(seed) }
}

pub(super) fn wrapped(seed: u8) -> WrappedKeys {
    WrappedKeys { x25519: Base64([seed; 76]), ed25519: Base64([seed ^ 1; 76]) }
}

pub(super) fn recovery(seed: u8) -> Recovery {
    Recovery { sign_in: secret(seed), wrapped: wrapped(seed) }
}

pub(super) fn register(name: &str, seed: u8) -> Register {
    Register { name: name.to_owned(), sign_in: secret(seed), keys: keys(seed), recovery: recovery(seed ^ 0x80), invite: None }
}

/// A relay where whoever wants to may register.
pub(super) fn open() -> Bench {
    Bench::with(|mut config| {
        config.accounts.registration = Registration::Open;
        config
    })
}

/// Registers somebody.
pub(super) async fn person(bench: &Bench, name: &str, seed: u8) {
    let client = Client { from: peer(seed), ..Client::nobody(bench) };
    let registered: api::Registered = client.ask("POST", "/accounts", &register(name, seed)).await.read();
    assert_eq!((registered.name.as_str(), registered.fingerprint), (name, keys(seed).public.fingerprint().to_string()));
}

pub(super) async fn sign_in(bench: &Bench, name: &str, seed: u8) -> Secret {
    let signed_in: api::SignedIn = try_sign_in(bench, name, seed).await.read();
    signed_in.token
}

async fn try_sign_in(bench: &Bench, name: &str, seed: u8) -> Answer {
    let client = Client { from: peer(seed), ..Client::nobody(bench) };
    client.ask("POST", "/sessions", &SignIn { name: name.to_owned(), sign_in: secret(seed) }).await
}

fn logged(bench: &Bench) -> Vec<String> {
    bench.web.log.read(0).unwrap().into_iter().map(|entry| entry.content.kind.to_string()).collect()
}

#[tokio::test]
async fn somebody_registers_signs_in_and_out() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let token = sign_in(&bench, "ada", 1).await;
    let ada = Client::bearer(&bench, &token);
    let account: api::Account = ada.get("/account").await.read();
    assert_eq!((account.name.as_str(), account.keys), ("ada", keys(1)));
    let sessions: Vec<api::Session> = ada.get("/sessions").await.read();
    assert_eq!((sessions.len(), sessions[0].current, sessions[0].page, sessions[0].from.as_str()), (1, true, false, "192.0.2.1"));
    assert_eq!(ada.ask("DELETE", "/sessions/current", &()).await.status, 204);
    assert_eq!(ada.get("/account").await.code(), (401, "signed-out"));
    eventually(|| logged(&bench) == ["registration", "sign-in", "sign-out"]).await;
}

/// Waits for what is written soon.
async fn eventually(holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), waiting).await.is_ok());
}

#[tokio::test]
async fn attack_use_a_token_after_sign_out() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let (one, other) = (sign_in(&bench, "ada", 1).await, sign_in(&bench, "ada", 1).await);
    let sessions: Vec<api::Session> = Client::bearer(&bench, &one).get("/sessions").await.read();
    let id = &sessions.iter().find(|session| !session.current).unwrap().id;
    assert_eq!(Client::bearer(&bench, &one).ask("DELETE", &format!("/sessions/{id}"), &()).await.status, 204);
    for path in ["/account", "/sessions", "/people/ada"] {
        assert_eq!(Client::bearer(&bench, &other).get(path).await.code(), (401, "signed-out"), "{path}");
        assert_eq!(Client::bearer(&bench, &one).get(path).await.status, 200, "control");
    }
    assert_eq!(Client::bearer(&bench, &other).ask("POST", "/tickets", &()).await.code(), (401, "signed-out"));
    assert_eq!(Client::bearer(&bench, &one).ask("DELETE", &format!("/sessions/{id}"), &()).await.code(), (404, "not-found"));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_are_told_alike() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let (wrong, unknown) = (try_sign_in(&bench, "ada", 2).await, try_sign_in(&bench, "bob", 2).await);
    assert_eq!((wrong.code(), &wrong.body), ((401, "sign-in"), &unknown.body));
    assert_eq!(try_sign_in(&bench, "A", 2).await.code(), (400, "name"));
}

#[tokio::test]
async fn attack_guess_a_password() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let guess = async |from: u8| {
        let client = Client { from: peer(from), ..Client::nobody(&bench) };
        client.ask("POST", "/sessions", &SignIn { name: "ada".to_owned(), sign_in: secret(9) }).await
    };
    // From ever other addresses, so that it is the name that counts.
    let mut refused = None;
    for from in 100..120 {
        let answer = guess(from).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("guessing goes on and on");
    assert!(refused.headers.contains_key("retry-after") && refused.code() == (429, "too-many"));
    eventually(|| logged(&bench).iter().filter(|kind| *kind == "sign-in-failed").count() >= 5).await;
    // From one address with ever other names.
    let statuses = async {
        let mut statuses = Vec::new();
        for number in 0..40 {
            statuses.push(
                Client::nobody(&bench)
                    .ask("POST", "/sessions", &SignIn { name: format!("name-{number}"), sign_in: secret(9) })
                    .await
                    .status,
            );
        }
        statuses
    };
    assert!(statuses.await.contains(&429));
}

#[tokio::test]
async fn attack_replay_a_sign_in_secret_after_a_new_password() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let (mine, other) = (sign_in(&bench, "ada", 1).await, sign_in(&bench, "ada", 1).await);
    let change = ChangePassword { sign_in: secret(1), new_sign_in: secret(2), wrapped: wrapped(2) };
    let wrong = ChangePassword { sign_in: secret(9), ..change.clone() };
    let ada = Client::bearer(&bench, &mine);
    assert_eq!(ada.ask("PUT", "/account/password", &wrong).await.code(), (401, "sign-in"));
    assert_eq!(ada.ask("PUT", "/account/password", &change).await.status, 204);
    assert_eq!(try_sign_in(&bench, "ada", 1).await.code(), (401, "sign-in"), "the old secret");
    assert_eq!(try_sign_in(&bench, "ada", 2).await.status, 201, "control: the new one");
    assert_eq!(Client::bearer(&bench, &other).get("/account").await.code(), (401, "signed-out"), "other sessions have ended");
    let account: api::Account = ada.get("/account").await.read();
    assert_eq!(account.keys, Keys { public: keys(1).public, wrapped: wrapped(2) });
}

#[tokio::test]
async fn a_recovery_code_is_good_once() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let session = sign_in(&bench, "ada", 1).await;
    let recover = |code: u8| Recover { name: "ada".to_owned(), recovery_sign_in: secret(code) };
    let nobody = Client::nobody(&bench);
    assert_eq!(nobody.ask("POST", "/recoveries", &recover(1)).await.code(), (401, "sign-in"), "the password is no code");
    let found: api::Recoverable = nobody.ask("POST", "/recoveries", &recover(0x81)).await.read();
    assert_eq!((found.public, found.wrapped), (keys(1).public, wrapped(0x81)));
    let complete = CompleteRecovery {
        name: "ada".to_owned(),
        recovery_sign_in: secret(0x81),
        new_sign_in: secret(3),
        wrapped: wrapped(3),
        recovery: recovery(0x83),
    };
    assert_eq!(nobody.ask("POST", "/recoveries/complete", &complete).await.status, 204);
    assert_eq!(nobody.ask("POST", "/recoveries/complete", &complete).await.code(), (401, "sign-in"), "a second time");
    assert_eq!(nobody.ask("POST", "/recoveries", &recover(0x81)).await.code(), (401, "sign-in"));
    assert_eq!(nobody.ask("POST", "/recoveries", &recover(0x83)).await.status, 200, "the new code");
    assert_eq!(Client::bearer(&bench, &session).get("/account").await.status, 401, "sessions have ended");
    sign_in(&bench, "ada", 3).await;
}

#[tokio::test]
async fn new_keys_take_the_place_of_the_old() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let token = sign_in(&bench, "ada", 1).await;
    let ada = Client::bearer(&bench, &token);
    let new = NewKeys { sign_in: secret(1), keys: keys(5), recovery: recovery(0x85) };
    let weak = NewKeys { keys: Keys { public: PublicKeys { ed25519: Base64([0; 32]), ..keys(5).public }, ..keys(5) }, ..new.clone() };
    assert_eq!(ada.ask("PUT", "/account/keys", &weak).await.code(), (400, "keys"));
    let registered: api::Registered = ada.ask("PUT", "/account/keys", &new).await.read();
    assert_eq!(registered.fingerprint, keys(5).public.fingerprint().to_string());
    let person: api::Person = ada.get("/people/ada").await.read();
    assert_eq!(person.public, keys(5).public);
    assert_eq!(ada.get("/people/nobody").await.code(), (404, "not-found"));
}

#[tokio::test]
async fn a_deleted_account_is_gone_and_its_name_taken() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let token = sign_in(&bench, "ada", 1).await;
    let ada = Client::bearer(&bench, &token);
    assert_eq!(ada.ask("DELETE", "/account", &DeleteAccount { sign_in: secret(2) }).await.code(), (401, "sign-in"));
    let deleted: api::Deleted = ada.ask("DELETE", "/account", &DeleteAccount { sign_in: secret(1) }).await.read();
    assert!(deleted.stays.len() >= 3 && deleted.stays.iter().any(|text| text.contains("log")));
    assert_eq!(ada.get("/account").await.status, 401);
    assert_eq!(try_sign_in(&bench, "ada", 1).await.code(), (401, "sign-in"));
    assert_eq!(Client::nobody(&bench).ask("POST", "/accounts", &register("ada", 4)).await.code(), (409, "name-taken"));
    person(&bench, "eve", 4).await;
}

#[tokio::test]
async fn who_may_register_is_configured() {
    let closed = Bench::with(|mut config| {
        config.accounts.registration = Registration::Closed;
        config
    });
    assert_eq!(Client::nobody(&closed).ask("POST", "/accounts", &register("ada", 1)).await.code(), (403, "closed"));
    // By default one needs an invitation.
    let bench = Bench::new();
    let nobody = Client::nobody(&bench);
    assert_eq!(nobody.ask("POST", "/accounts", &register("ada", 1)).await.code(), (403, "invite"));
    let (invite, _) = bench.web.accounts.invite(HOUR).unwrap();
    let stranger = Register { invite: Some(Token::random().unwrap().to_string()), ..register("ada", 1) };
    assert_eq!(nobody.ask("POST", "/accounts", &stranger).await.code(), (403, "invite"));
    let invited = Register { invite: Some(invite.to_string()), ..register("ada", 1) };
    assert_eq!(nobody.ask("POST", "/accounts", &invited).await.status, 201);
    let again = Register { name: "bob".to_owned(), ..invited };
    assert_eq!(nobody.ask("POST", "/accounts", &again).await.code(), (403, "invite"));
}

/// A page's cookie, as the browser sends it back.
async fn page(bench: &Bench) -> String {
    let page = Client::nobody(bench).with(PAGE, 1).with("origin", "https://127.0.0.1").with("sec-fetch-site", "same-origin");
    let answer = page.ask("POST", "/sessions/cookie", &SignIn { name: "ada".to_owned(), sign_in: secret(1) }).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.body.get("token").is_none(), "no script reads the token");
    let set = answer.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for part in ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"] {
        assert!(set.contains(part), "{part} is not in {set}");
    }
    assert!(!set.contains("Domain") && set.starts_with(COOKIE));
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn attack_have_a_page_of_another_site_send_requests() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let cookie = page(&bench).await;
    let with = |headers: &[(&str, &str)]| {
        let client = Client::nobody(&bench).with("cookie", &cookie);
        headers.iter().fold(client, |client, (name, value)| client.with(name, value))
    };
    assert_eq!(with(&[]).get("/account").await.status, 200, "reading needs no more: another site cannot see the answer");
    for headers in [
        [].as_slice(),
        &[("origin", "https://evil.example")],
        &[("origin", "https://127.0.0.1")],
        &[(PAGE, "1"), ("origin", "https://evil.example")],
        &[(PAGE, "1"), ("origin", "null")],
        &[(PAGE, "1"), ("sec-fetch-site", "cross-site")],
        &[(PAGE, "1"), ("sec-fetch-site", "same-site")],
    ] {
        for (method, path) in [("POST", "/tickets"), ("DELETE", "/sessions/current"), ("DELETE", "/account")] {
            let answer = with(headers).ask(method, path, &DeleteAccount { sign_in: secret(1) }).await;
            assert_eq!(answer.code(), (403, "csrf"), "{method} {path} {headers:?}");
        }
        let sign_in = SignIn { name: "ada".to_owned(), sign_in: secret(1) };
        let answer = with(headers).ask("POST", "/sessions/cookie", &sign_in).await;
        assert_eq!(answer.code(), (403, "csrf"), "nor can it sign somebody in: {headers:?}");
    }
    let own = with(&[(PAGE, "1"), ("origin", "https://127.0.0.1")]);
    assert_eq!(own.ask("POST", "/tickets", &()).await.status, 201, "control: the relay's own page");
    let out = own.ask("DELETE", "/sessions/current", &()).await;
    assert!(out.status == 204 && out.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(own.get("/account").await.status, 401);
}

#[tokio::test]
async fn attack_fix_a_session() {
    let bench = open();
    person(&bench, "ada", 1).await;
    let planted = secret(77).reveal().to_string();
    let client = Client::nobody(&bench).with(PAGE, 1).with("cookie", format!("{COOKIE}={planted}"));
    let sign_in = SignIn { name: "ada".to_owned(), sign_in: secret(1) };
    let answer = client.ask("POST", "/sessions/cookie", &sign_in).await;
    assert!(answer.status == 201 && !answer.headers[header::SET_COOKIE].to_str().unwrap().contains(&planted));
    assert_eq!(Client::bearer(&bench, &secret(77)).get("/account").await.status, 401, "the planted token is worth nothing");
    // Two cookies of the name, one planted for a longer path: none counts.
    let cookie = page(&bench).await;
    let both = Client::nobody(&bench).with("cookie", format!("{COOKIE}={planted}; {cookie}"));
    assert_eq!(both.get("/account").await.status, 401);
    assert_eq!(Client::nobody(&bench).with("cookie", format!("theme=dark; {cookie}")).get("/account").await.status, 200, "control");
}

#[tokio::test]
async fn nothing_is_done_that_cannot_be_recorded() {
    let bench = open();
    person(&bench, "ada", 1).await;
    bench.web.log.close();
    assert_eq!(try_sign_in(&bench, "ada", 1).await.code(), (503, "log"));
    let sessions = bench.web.accounts.sessions(&"ada".parse().unwrap()).unwrap();
    assert!(sessions.is_empty(), "no session came of it");
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let bench = open();
    let nobody = Client::nobody(&bench);
    for body in [
        json!({}),
        json!({ "name": "ada", "sign_in": "AA" }),
        json!({ "name": "ada", "sign_in": secret(1), "admin": true }),
        json!({ "name": 7, "sign_in": secret(1) }),
    ] {
        let answer = nobody.ask("POST", "/sessions", &body).await;
        assert_eq!(answer.code(), (422, "body"), "{body}");
        assert!(!answer.body.to_string().contains(secret(1).reveal().as_str()), "a secret is not repeated");
    }
}
