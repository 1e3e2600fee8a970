//! Asking a relay what is not a stream: HTTP/1.1 over TLS over TCP, under our own ALPN, so that it is the operator's chain that answers.
//!
//! What is said in JSON is in [`account`].

pub mod account;

mod encoded;
mod error;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

pub use error::Error;
pub use hyper::Method;

use crate::address::Relay;
use crate::tls::{self, Root};

/// The largest answer that is read unless [`Client::with_cap`] says otherwise, in bytes.
pub const CAP: usize = 1 << 20;

/// How long a request may take, from resolving the name to the last byte, unless [`Client::with_deadline`] says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Asks one relay; each request has its own connection, because few are made.
#[derive(Clone)]
pub struct Client {
    relay: Relay,
    tls: tls::Client,
    token: Option<Arc<Zeroizing<String>>>,
    cap: usize,
    deadline: Duration,
    root: Arc<Mutex<Option<Root>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("relay", &self.relay.to_string()).field("signed_in", &self.token.is_some()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the relay, on this side of TLS: made for [`tls::API`].
    #[must_use]
    pub fn new(relay: Relay, tls: tls::Client) -> Self {
        Self { relay, tls, token: None, cap: CAP, deadline: DEADLINE, root: Arc::default() }
    }

    /// Sends this bearer token (RFC 6750) with every request.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(Arc::new(Zeroizing::new(token.to_owned())));
        self
    }

    /// Reads answers of at most this many bytes.
    #[must_use]
    pub fn with_cap(mut self, cap: usize) -> Self {
        self.cap = cap;
        self
    }

    /// Gives each request this long.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The relay.
    #[must_use]
    pub fn relay(&self) -> &Relay {
        &self.relay
    }

    /// The root under which the last connection was verified, to be pinned at first use.
    #[must_use]
    pub fn root(&self) -> Option<Root> {
        self.root.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Gets JSON. The path begins with `/` and is already percent-encoded.
    ///
    /// # Errors
    /// The relay is not reached, not trusted, refuses, or answers something else.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        parse(&self.request(Method::GET, path, None).await?)
    }

    /// Sends JSON and gets JSON; an empty answer reads as `null`, thus as `()` or `None`.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn post_json<B: Serialize + ?Sized, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, Error> {
        self.send_json(Method::POST, path, body).await
    }

    /// [`Self::post_json`] with another method.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn send_json<B: Serialize + ?Sized, T: DeserializeOwned>(&self, method: Method, path: &str, body: &B) -> Result<T, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Request(error.to_string()))?;
        parse(&self.request(method, path, Some(body.into())).await?)
    }

    /// Sends a request without or with a JSON body, and gives the body of a successful answer as it is.
    ///
    /// # Errors
    /// As [`Self::get_json`].
    pub async fn request(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Bytes, Error> {
        let request = self.prepare(method, path, body)?;
        match timeout(self.deadline, self.exchange(request)).await {
            Ok(result) => result,
            Err(_) => Err(Error::Late { relay: self.relay.to_string(), within: self.deadline }),
        }
    }

    fn prepare(&self, method: Method, path: &str, body: Option<Bytes>) -> Result<Request<Full<Bytes>>, Error> {
        let invalid = |error: &dyn fmt::Display| Error::Request(error.to_string());
        if !path.starts_with('/') {
            return Err(invalid(&"the path must begin with a slash"));
        }
        let mut request =
            Request::builder().method(method).uri(path).header(HOST, self.relay.to_string()).header(ACCEPT, "application/json");
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            let text = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let mut value = HeaderValue::from_str(&text).map_err(|_| invalid(&"the token has characters that no token has"))?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        request.body(Full::new(body.unwrap_or_default())).map_err(|error| invalid(&error))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Error> {
        let unreachable = |error: std::io::Error| Error::Unreachable { relay: self.relay.to_string(), cause: error.to_string() };
        let broken = |error: hyper::Error| Error::Broken { relay: self.relay.to_string(), cause: error.to_string() };

        let tcp = TcpStream::connect((self.relay.host(), self.relay.port())).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let tls = self.tls.fresh();
        let stream = TlsConnector::from(tls.config()).connect(self.relay.server_name().clone(), tcp).await.map_err(|error| {
            match tls.outcome().refusal() {
                Some(refusal) => Error::Untrusted(refusal),
                None => Error::Broken { relay: self.relay.to_string(), cause: error.to_string() },
            }
        })?;
        *self.root.lock().unwrap_or_else(PoisonError::into_inner) = tls.outcome().root();

        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // The connection works only while it is polled; it ends with its sender, or with the deadline that drops both.
        let answer = async move {
            let response = sender.send_request(request).await.map_err(broken)?;
            self.read(response).await
        };
        tokio::pin!(answer, connection);
        tokio::select! {
            result = &mut answer => result,
            // The peer may close as soon as it has answered: what it sent is still read.
            _ = &mut connection => answer.await,
        }
    }

    async fn read(&self, response: Response<hyper::body::Incoming>) -> Result<Bytes, Error> {
        let status = response.status();
        let body = match Limited::new(response.into_body(), self.cap).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(Error::TooLong(self.cap)),
            Err(error) => return Err(Error::Broken { relay: self.relay.to_string(), cause: error.to_string() }),
        };
        if status.is_success() { Ok(body) } else { Err(Error::refused(status, &body)) }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| Error::Unreadable(error.to_string()))
}
