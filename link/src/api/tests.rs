#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::convert::Infallible;

use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::exit::Code;
use crate::tls::test_pki::{Operator, now};
use crate::tls::{API, PEER, Trust, TrustError};

type Pairs = BTreeMap<String, String>;

/// A relay named `localhost` at 127.0.0.1 that answers by path.
async fn relay() -> (Operator, Relay) {
    let operator = Operator::new(now());
    let identity = operator.server_with(|params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("localhost".try_into().unwrap())];
    });
    let server = tls::Server::new(&identity, operator.root_der(), vec![]).unwrap();
    let acceptor = TlsAcceptor::from(server.tcp().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(tcp).await else { return };
                let service = service_fn(|request| async { Ok::<_, Infallible>(answer(request).await) });
                let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (operator, Relay::new("localhost", port).unwrap())
}

async fn answer(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("").to_owned();
    let (status, text): (u16, Vec<u8>) = match head.uri.path() {
        "/seen" => {
            let seen = [
                ("method", head.method.to_string()),
                ("host", header("host")),
                ("authorization", header("authorization")),
                ("type", header("content-type")),
            ];
            (200, serde_json::to_vec(&BTreeMap::from(seen)).unwrap())
        }
        "/echo" => (200, body.collect().await.unwrap().to_bytes().to_vec()),
        "/nothing" => (204, vec![]),
        "/long" => (200, vec![b' '; 100_000]),
        "/hangs" => std::future::pending().await,
        "/no" => (403, br#"{"code": "not-yours", "message": "this is not\u001b[31m yours"}"#.to_vec()),
        "/busy" => (503, b"<html>".to_vec()),
        _ => (404, vec![]),
    };
    Response::builder().status(status).body(Full::new(text.into())).unwrap()
}

fn client(operator: &Operator, relay: &Relay) -> Client {
    Client::new(relay.clone(), tls::Client::new(Trust::Pinned(operator.fingerprint()), None, API).unwrap())
}

#[tokio::test]
async fn json_goes_out_and_comes_back() {
    let (operator, relay) = relay().await;
    let client = client(&operator, &relay);
    assert_eq!(client.root(), None);
    let seen: Pairs = client.get_json("/seen").await.unwrap();
    assert_eq!((seen["method"].as_str(), seen["host"].as_str()), ("GET", relay.to_string().as_str()));
    assert_eq!((seen["authorization"].as_str(), seen["type"].as_str()), ("", ""));
    assert_eq!(client.root().unwrap().fingerprint, operator.fingerprint());

    let body = Pairs::from([("name".to_owned(), "front-door".to_owned())]);
    let back: Pairs = client.post_json("/echo", &body).await.unwrap();
    assert_eq!(back, body);
    client.post_json::<_, ()>("/nothing", &body).await.unwrap();
    let seen: Pairs = client.clone().with_token("secret-token").send_json(Method::DELETE, "/seen", &()).await.unwrap();
    assert_eq!((seen["method"].as_str(), seen["authorization"].as_str()), ("DELETE", "Bearer secret-token"));
    assert_eq!(seen["type"], "application/json");
    assert!(!format!("{:?}", client.with_token("secret-token")).contains("secret-token"));
}

#[tokio::test]
async fn what_the_relay_refuses_is_told_in_its_words() {
    let (operator, relay) = relay().await;
    let client = client(&operator, &relay);
    let error = client.get_json::<()>("/no").await.unwrap_err();
    let message = "this is not[31m yours".to_owned();
    assert_eq!(error, Error::Refused { status: 403, code: "not-yours".to_owned(), message });
    assert_eq!(error.exit_code(), Code::NotAllowed);
    let error = client.get_json::<()>("/busy").await.unwrap_err();
    assert_eq!((error.exit_code(), error.to_string().as_str()), (Code::Unavailable, "the relay refuses: Service Unavailable"));
    assert_eq!(client.get_json::<()>("/else").await.unwrap_err().exit_code(), Code::Data);
}

#[tokio::test]
async fn answers_are_capped_and_awaited_only_so_long() {
    let (operator, relay) = relay().await;
    let client = client(&operator, &relay);
    assert_eq!(client.clone().with_cap(1000).request(Method::GET, "/long", None).await, Err(Error::TooLong(1000)));
    assert_eq!(client.request(Method::GET, "/long", None).await.unwrap().len(), 100_000);
    let late = client.clone().with_deadline(Duration::from_millis(200)).get_json::<()>("/hangs").await;
    assert!(matches!(late, Err(Error::Late { .. })));
    assert!(matches!(client.get_json::<Pairs>("/long").await, Err(Error::Unreadable(_))));
    assert!(matches!(client.get_json::<()>("no-slash").await, Err(Error::Request(_))));
    assert!(matches!(client.with_token("a\nb").get_json::<()>("/seen").await, Err(Error::Request(_))));
}

#[tokio::test]
async fn who_answers_is_checked_before_anything_is_sent() {
    let (operator, relay) = relay().await;
    let other = Operator::new(now()).fingerprint();
    let wrong = Client::new(relay.clone(), tls::Client::new(Trust::Pinned(other), None, API).unwrap());
    let error = wrong.get_json::<()>("/seen").await.unwrap_err();
    assert_eq!(error, Error::Untrusted(TrustError::RootChanged { pinned: other, seen: operator.fingerprint() }));
    assert_eq!((error.exit_code(), wrong.root()), (Code::NotAllowed, None));

    // Under the wrong protocol nobody answers.
    let trust = Trust::Pinned(operator.fingerprint());
    let quic = Client::new(relay, tls::Client::new(trust, None, PEER).unwrap());
    assert!(matches!(quic.get_json::<()>("/seen").await, Err(Error::Broken { .. })));
}

#[tokio::test]
async fn nobody_there_is_said() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let relay = Relay::new("127.0.0.1", port).unwrap();
    let client = Client::new(relay, tls::Client::new(Trust::FirstUse, None, API).unwrap());
    let error = client.get_json::<()>("/seen").await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert_eq!(error.exit_code(), Code::Unavailable);
}
