//! A relay that lies: it has the operator's real keys, greets as a relay does, and plays whatever tape the test put in.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use link::address;
use link::stream;
use quinn::{Connection, Endpoint, RecvStream, SendStream};
use tokio::task::JoinHandle;
use wire::message::{Hello, MAX_HELLO, Message, Span, Subscribe};

use crate::operator::{HOST, Operator};
use crate::tape::Tape;

type Chooser = dyn Fn(&Subscribe) -> Tape + Send + Sync;

/// A relay in this process; dropping it ends it.
pub struct EvilRelay {
    at: SocketAddr,
    endpoint: Endpoint,
    chooser: Arc<Mutex<Arc<Chooser>>>,
    task: JoinHandle<()>,
}

impl EvilRelay {
    /// Plays that tape to whoever subscribes.
    #[must_use]
    pub fn playing(operator: &Operator, tape: Tape) -> Self {
        Self::start(operator, move |_| tape.clone())
    }

    /// Plays what the chooser says.
    #[must_use]
    pub fn start(operator: &Operator, chooser: impl Fn(&Subscribe) -> Tape + Send + Sync + 'static) -> Self {
        let endpoint = operator.endpoint(SocketAddr::from(([127, 0, 0, 1], 0)));
        let at = endpoint.local_addr().unwrap();
        let chooser: Arc<Chooser> = Arc::new(chooser);
        let chooser = Arc::new(Mutex::new(chooser));
        let task = tokio::spawn(accept(endpoint.clone(), Arc::clone(&chooser)));
        Self { at, endpoint, chooser, task }
    }

    /// Plays another tape from the next subscription on.
    pub fn play(&self, tape: Tape) {
        *self.chooser.lock().unwrap() = Arc::new(move |_: &Subscribe| tape.clone());
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> address::Relay {
        address::Relay::new(HOST, self.at.port()).unwrap()
    }
}

impl Drop for EvilRelay {
    fn drop(&mut self) {
        self.task.abort();
        self.endpoint.close(0_u32.into(), b"");
    }
}

async fn accept(endpoint: Endpoint, chooser: Arc<Mutex<Arc<Chooser>>>) {
    while let Some(incoming) = endpoint.accept().await {
        let chooser = Arc::clone(&*chooser.lock().unwrap());
        tokio::spawn(async move {
            if let Ok(connection) = incoming.await {
                // The viewer may have had enough at any point.
                let _ = serve(connection, chooser).await;
            }
        });
    }
}

async fn serve(connection: Connection, chooser: Arc<Chooser>) -> Option<()> {
    let (mut send, mut receive) = connection.accept_bi().await.ok()?;
    let Message::Hello(_) = hear(&mut receive).await? else { return None };
    say(&mut send, &Message::Hello(Hello::new(None))).await?;
    let Message::Subscribe(subscribe) = hear(&mut receive).await? else { return None };
    let tape = chooser(&subscribe);
    match subscribe.span {
        Span::Live => live(&connection, &mut send, tape).await?,
        Span::Range { .. } => range(&connection, tape, subscribe.subscription).await?,
    }
    connection.closed().await;
    Some(())
}

/// Every frame on a stream of its own, everything else on the control stream.
async fn live(connection: &Connection, send: &mut SendStream, tape: Tape) -> Option<()> {
    for message in tape.0 {
        match message {
            Message::Frame { .. } => {
                let mut stream = connection.open_uni().await.ok()?;
                say(&mut stream, &message).await?;
                stream.finish().ok()?;
                // So that they arrive in the order of the tape: order is what some attacks are about.
                let _ = stream.stopped().await;
            }
            other => say(send, &other).await?,
        }
    }
    Some(())
}

/// Everything on one stream.
async fn range(connection: &Connection, tape: Tape, subscription: u32) -> Option<()> {
    let mut stream = connection.open_uni().await.ok()?;
    for message in tape.and(Message::EndOfRange { subscription }).0 {
        say(&mut stream, &message).await?;
    }
    stream.finish().ok()
}

async fn say(stream: &mut SendStream, message: &Message) -> Option<()> {
    stream::write(stream, &[], message.encode()).await.ok()
}

async fn hear(stream: &mut RecvStream) -> Option<Message> {
    let bytes = stream::read(stream, MAX_HELLO).await.ok()??;
    Message::decode(bytes).ok()
}
