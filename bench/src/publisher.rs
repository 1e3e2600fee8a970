//! An agent that publishes signed frames at a steady pace.

use std::time::Duration;

use anyhow::{Context as _, bail};
use link::address::Relay;
use link::endpoint::{self, Transport};
use link::stream;
use link::tls;
use quinn::{Connection, RecvStream, SendStream};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use wire::message::{Hello, MAX_CONTROL, Message};

use crate::camera::{Camera, Shape};
use crate::child::Role;
use crate::clock;
use crate::site::{self, Site};

/// The number that it gives its publication.
const SUBSCRIPTION: u32 = 7;

/// How long it may take to connect.
const PATIENCE: Duration = Duration::from_secs(20);

/// A camera's agent that publishes. Dropping it ends it.
pub struct Publisher {
    tasks: JoinSet<anyhow::Result<()>>,
}

impl Publisher {
    /// Connects to the site's relay, or to whatever is there in its place, as its camera, and publishes frames at this pace.
    ///
    /// # Errors
    /// When it is not taken.
    pub async fn start(site: &Site, role: Role, port: u16, shape: Shape, every: Duration) -> anyhow::Result<Self> {
        let mut camera = Camera::new(site.key().clone(), shape)?;
        let endpoint = endpoint::client(&Transport::AGENT)?;
        let client = tls::Client::new(site.trust(), Some(site.identity()), tls::PEER)?;
        let relay = Relay::new(site::HOST, port)?;
        let (connection, _) = endpoint::connect(&endpoint, &client, &Transport::AGENT, &relay, PATIENCE).await?;
        let mut tasks = JoinSet::new();
        let control = match role {
            Role::Relay => {
                let (control, mut answers) = announce(&connection, &camera).await?;
                tasks.spawn(async move {
                    loop {
                        match stream::read(&mut answers, MAX_CONTROL).await?.map(Message::decode).transpose()? {
                            Some(Message::DurableAck(_)) => {}
                            Some(Message::Refused(refused)) => bail!("the relay refuses the agent: {}", refused.text),
                            _ => bail!("the relay left the agent"),
                        }
                    }
                });
                Some(control)
            }
            Role::Bare => None,
        };
        tasks.spawn(async move {
            // Held: without them the connection ends.
            let _held = (endpoint, control);
            publish(&connection, &mut camera, every).await
        });
        Ok(Self { tasks })
    }

    /// Whether it still publishes.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(&mut self) -> anyhow::Result<()> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => ended?.and_then(|()| bail!("the agent ended")),
        }
    }
}

/// Greets, and says what will be published.
async fn announce(connection: &Connection, camera: &Camera) -> anyhow::Result<(SendStream, RecvStream)> {
    let (mut control, mut answers) = connection.open_bi().await?;
    stream::write(&mut control, &[], Message::Hello(Hello::new(None)).encode()).await?;
    let answer = stream::read_within(&mut answers, MAX_CONTROL, PATIENCE).await?.context("the relay does not greet the agent")?;
    if !matches!(Message::decode(answer)?, Message::Hello(_)) {
        bail!("the relay does not greet the agent");
    }
    let record = Message::Record { subscription: SUBSCRIPTION, record: camera.record().clone() };
    for message in [Message::Publish { subscription: SUBSCRIPTION, backfill: 0 }, record] {
        stream::write(&mut control, &[], message.encode()).await?;
    }
    Ok((control, answers))
}

/// A stream for each group, as agents send them; finished with its last frame where groups have but one.
async fn publish(connection: &Connection, camera: &mut Camera, every: Duration) -> anyhow::Result<()> {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut group: Option<SendStream> = None;
    loop {
        ticks.tick().await;
        let frame = camera.frame(clock::now())?;
        if frame.header().flags.key {
            // The one before ends as it is dropped.
            group = Some(connection.open_uni().await?);
        }
        let head = Message::frame_head(SUBSCRIPTION, frame.context().session.number);
        let stream = group.as_mut().context("a session begins with a key frame")?;
        stream::write(stream, &head, frame.bytes().clone()).await?;
        if camera.shape().group == 1 {
            stream.finish()?;
        }
    }
}
