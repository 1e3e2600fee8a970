//! The connection to a relay: verified under the pinned root, greeted, with one control stream.

use std::time::Duration;

use link::address;
use link::endpoint::{self, ConnectError, Transport, connect};
use link::exit::{Code, Error, OrExit as _};
use link::stream;
use link::tls::{self, Client, Root, Trust};
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::time::timeout;
use wire::context::VERSION;
use wire::message::{Hello, MAX_CONTROL, Message};

/// How long a relay may take to answer.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Frames that may be on their way or wait unread, one stream each: two seconds at 30 a second. Whoever shows them more slowly than they
/// come is then behind by so much and no more, since the relay sees that it may send no further one, and skips to the newest group.
const UNREAD: u32 = 64;

/// A greeted connection.
pub struct Relay {
    pub(crate) connection: Connection,
    pub(crate) send: SendStream,
    pub(crate) receive: RecvStream,
    /// The operator's root, under which the relay was verified.
    pub root: Root,
    pub(crate) endpoint: Endpoint,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay({})", self.connection.remote_address())
    }
}

impl Relay {
    /// Connects and greets with `hello`: its fingerprint says whose grants are wanted, its ticket who is signed in.
    ///
    /// # Errors
    /// When the relay cannot be reached or trusted, or speaks another version.
    pub async fn connect(relay: &address::Relay, trust: Trust, hello: Hello) -> Result<Self, Error> {
        let transport = Transport { uni_streams: UNREAD, ..Transport::VIEWER };
        let tls = Client::new(trust, None, tls::PEER).or_exit(Code::Internal)?;
        let endpoint = endpoint::client(&transport).or_exit(Code::Unavailable)?;
        let (connection, root) = connect(&endpoint, &tls, &transport, relay, PATIENCE).await.map_err(|error| unreachable(&error))?;
        let greeting = Self::greet(&connection, hello);
        let (send, receive) = match timeout(PATIENCE, greeting).await {
            Ok(greeted) => greeted?,
            Err(_) => return Err(Error::new(Code::Unavailable, format!("{relay} accepted the connection and then said nothing"))),
        };
        Ok(Self { connection, send, receive, root, endpoint })
    }

    async fn greet(connection: &Connection, hello: Hello) -> Result<(SendStream, RecvStream), Error> {
        let lost = |error: &quinn::ConnectionError| {
            Error::new(Code::Unavailable, format!("the relay closed the connection: {}", connect::explain(error)))
        };
        let (mut send, mut receive) = connection.open_bi().await.map_err(|error| lost(&error))?;
        let hello = Message::Hello(hello).encode();
        stream::write(&mut send, &[], hello).await.or_exit(Code::Unavailable)?;
        let answer = stream::read(&mut receive, MAX_CONTROL).await.or_exit(Code::Unavailable)?;
        match answer.map(Message::decode) {
            Some(Ok(Message::Hello(hello))) if hello.version == VERSION => Ok((send, receive)),
            Some(Ok(Message::Hello(hello))) => Err(Error::new(
                Code::Unavailable,
                format!("the relay speaks version {} of the format and this program version {VERSION}", hello.version),
            )
            .with_help("update the older one of the two")),
            Some(Ok(Message::Refused(refused))) => Err(refusal(&refused.text, refused.reason)),
            Some(Ok(_) | Err(_)) => Err(Error::new(Code::Data, "what answers there does not greet as a relay does")),
            None => Err(Error::new(Code::Unavailable, "the relay ended the conversation before it began")),
        }
    }
}

/// A relay's refusal, with the code that tells a script what to do.
#[must_use]
pub fn refusal(text: &str, reason: wire::message::Reason) -> Error {
    use wire::message::Reason as R;
    let code = match reason {
        R::NotAllowed | R::SignedOut => Code::NotAllowed,
        R::UnknownCamera => Code::NoInput,
        R::Malformed | R::OutOfTurn | R::NotVerified | R::Forked => Code::Data,
        R::Version | R::NotBuilt | R::TooMany | R::Replaced | R::Stopping | R::Storage | R::Offline => Code::Unavailable,
    };
    Error::new(code, format!("the relay refuses ({}): {text}", reason.name()))
}

fn unreachable(error: &ConnectError) -> Error {
    match error {
        ConnectError::Untrusted(tls::TrustError::RootChanged { .. }) => {
            Error::of(Code::NotAllowed, error).with_help("if the operator confirms the new fingerprint, accept it with --ca FINGERPRINT")
        }
        ConnectError::Untrusted(_) => Error::of(Code::NotAllowed, error),
        _ => Error::of(Code::Unavailable, error),
    }
}
