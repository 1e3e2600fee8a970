//! Who may what: for every route of the table, the answer to everybody.

use std::collections::BTreeSet;

use link::api::account::{ChangePassword, CompleteRecovery, DeleteAccount, NewKeys, Recover, SignIn};
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use wire::verify;

use super::accounts::{Client, keys, person, recovery, register, secret, sign_in, wrapped};
use super::*;
use crate::config::{Camera, Visible};
use crate::fake;
use crate::verify::Epoch;
use crate::web::who::Shown;

/// Who asks.
const WHO: [&str; 5] = ["nobody", "signed in", "grant holder", "owner", "agent"];

/// A route, what is sent, and the status that each of [`WHO`] gets.
struct Row {
    method: &'static str,
    path: &'static str,
    body: Value,
    expected: [u16; 5],
}

fn rows() -> Vec<Row> {
    let row = |method, path, body: Value, expected| Row { method, path, body, expected };
    let sign_in = json!(SignIn { name: "eve".into(), sign_in: secret(3) });
    let nothing = || json!(null);
    vec![
        row("POST", "/enrol", json!({ "token": "abcd", "csr": "" }), [400; 5]),
        row("GET", "/cameras", nothing(), [200; 5]),
        row("GET", "/cameras/{name}/log", nothing(), [401, 403, 403, 200, 401]),
        row("GET", "/relay", nothing(), [200; 5]),
        row("GET", "/openapi.json", nothing(), [200; 5]),
        row("POST", "/accounts", json!(register("new-name", 40)), [201; 5]),
        row("POST", "/sessions", sign_in.clone(), [201; 5]),
        // Without the header that only a page of the relay can send.
        row("POST", "/sessions/cookie", sign_in, [403; 5]),
        row("GET", "/sessions", nothing(), [401, 200, 200, 200, 401]),
        row("DELETE", "/sessions/current", nothing(), [401, 204, 204, 204, 401]),
        row("DELETE", "/sessions/{id}", nothing(), [401, 404, 404, 404, 401]),
        row("GET", "/account", nothing(), [401, 200, 200, 200, 401]),
        row(
            "PUT",
            "/account/password",
            json!(ChangePassword { sign_in: secret(99), new_sign_in: secret(98), wrapped: wrapped(1) }),
            [401; 5],
        ),
        row("PUT", "/account/keys", json!(NewKeys { sign_in: secret(99), keys: keys(1), recovery: recovery(1) }), [401; 5]),
        row("DELETE", "/account", json!(DeleteAccount { sign_in: secret(99) }), [401; 5]),
        row("POST", "/recoveries", json!(Recover { name: "eve".into(), recovery_sign_in: secret(99) }), [401; 5]),
        row(
            "POST",
            "/recoveries/complete",
            json!(CompleteRecovery {
                name: "eve".into(),
                recovery_sign_in: secret(99),
                new_sign_in: secret(98),
                wrapped: wrapped(1),
                recovery: recovery(1),
            }),
            [401; 5],
        ),
        row("GET", "/people/{name}", nothing(), [401, 200, 200, 200, 200]),
        row("POST", "/tickets", nothing(), [401, 201, 201, 201, 401]),
    ]
}

/// A relay with a camera, whose newest epoch grants to “bob” and names “eve” its owner.
async fn site(visible: Visible) -> (Bench, Shown) {
    let bench = Bench::with(|mut config| {
        config.accounts.registration = crate::config::Registration::Open;
        config.with_camera(&"front-door".parse().unwrap(), Camera { visible, ..Camera::default() })
    });
    for (name, seed) in [("ada", 1), ("bob", 2), ("eve", 3)] {
        person(&bench, name, seed).await;
    }
    let key = camera_key();
    let certified: Certified =
        Client::nobody(&bench).ask("POST", "/enrol", &enrolment(&bench.invite("front-door", false), &key)).await.read();
    let chain = certified.chain.iter().map(|text| CertificateDer::from(BASE64.decode(text.as_bytes()).unwrap())).collect();

    let mut camera = fake::Camera::new(1, 1).granting_to(keys(2).public.fingerprint());
    camera.owners = vec![keys(3).public.into()];
    let record = verify::record(camera.begin_epoch(), camera.id()).unwrap();
    let grants = camera.grants(0);
    *bench.epoch.lock().unwrap() = Some(Arc::new(Epoch::new(Arc::new(record), grants.list, grants.grants).unwrap()));
    (bench, Shown(Some(Arc::new(chain))))
}

async fn client<'a>(bench: &'a Bench, who: &str, agent: &Shown) -> Client<'a> {
    let somebody = async |name, seed| Client::bearer(bench, &sign_in(bench, name, seed).await);
    match who {
        "signed in" => somebody("ada", 1).await,
        "grant holder" => somebody("bob", 2).await,
        "owner" => somebody("eve", 3).await,
        "agent" => Client { shown: agent.clone(), ..Client::nobody(bench) },
        _ => Client::nobody(bench),
    }
}

#[tokio::test]
async fn everybody_may_what_the_matrix_says() {
    for (place, who) in WHO.into_iter().enumerate() {
        let (bench, agent) = site(Visible::Public).await;
        for (number, row) in (10..).zip(rows()) {
            let path =
                row.path.replace("/cameras/{name}", "/cameras/front-door").replace("{name}", "eve").replace("{id}", &"00".repeat(16));
            // Each from an address of its own: how often one may try is another matter.
            let client = Client { from: peer(number), ..client(&bench, who, &agent).await };
            let answer = client.ask(row.method, &path, &row.body).await;
            assert_eq!(answer.status, row.expected[place], "{who}: {} {} {}", row.method, row.path, answer.body);
        }
    }
}

#[test]
fn every_route_has_a_row() {
    let routes: BTreeSet<(String, String)> =
        routes().iter().map(|route| (route.method.to_owned(), route.path.strip_prefix("/api/v1").unwrap().to_owned())).collect();
    let rows: BTreeSet<(String, String)> = rows().iter().map(|row| (row.method.to_owned(), row.path.to_owned())).collect();
    assert_eq!(routes, rows);
}

#[tokio::test]
async fn cameras_are_listed_for_whom_they_are_visible() {
    for (visible, expected) in [(Visible::Public, [1, 1, 1, 1, 1]), (Visible::Accounts, [0, 1, 1, 1, 0]), (Visible::Named, [0, 0, 1, 0, 0])]
    {
        let (bench, agent) = site(visible).await;
        for (who, expected) in WHO.into_iter().zip(expected) {
            let listed: Vec<Listed> = client(&bench, who, &agent).await.get("/cameras").await.read();
            assert_eq!(listed.len(), expected, "{visible} {who}");
        }
    }
}

#[tokio::test]
async fn a_certificate_of_another_relay_makes_no_agent() {
    let (bench, ours) = site(Visible::Public).await;
    let (_other, theirs) = site(Visible::Public).await;
    let ask = async |shown: &Shown| Client { shown: shown.clone(), ..Client::nobody(&bench) }.get("/people/eve").await.status;
    assert_eq!((ask(&ours).await, ask(&theirs).await), (200, 403));
    // One whose name was given to another key is none any more.
    let key = camera_key();
    let _: Certified = Client::nobody(&bench).ask("POST", "/enrol", &enrolment(&bench.invite("front-door", true), &key)).await.read();
    assert_eq!(ask(&ours).await, 403);
}
