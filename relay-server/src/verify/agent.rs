//! An agent's connection: it announces its camera, records and grants on the control stream, and every group comes on a stream of its
//! own. It is told which of its frames are on disk.

use std::sync::Arc;

use bytes::Bytes;
use link::shutdown::Shutdown;
use quinn::{Connection, RecvStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use wire::frame::MAX_FRAME;
use wire::message::{DurableAck, MAX_CONTROL, Message, Reason, Refused};

use super::camera::{Camera, Publisher};
use super::group::{Reader, Stopped};
use super::{Fault, News, Place, Run};
use crate::control::{self, Control, Silence, refused};
use crate::counters::Counters;
use crate::limits::{self, CONTROL_QUEUE, FAREWELL, HELLO};
use crate::parts::Parts;

/// Serves an agent to its end.
pub async fn run(connection: Connection, control: Control, camera: Arc<Camera>, parts: &Parts, shutdown: &Shutdown) {
    let Control { send, receive } = control;
    let (outbox, queue) = mpsc::channel(CONTROL_QUEUE);
    let mut writing = std::pin::pin!(control::write_queued(send, queue));
    let mut talking = std::pin::pin!(conversation(&connection, receive, outbox, camera, parts, shutdown));
    let end = tokio::select! {
        biased;
        end = &mut talking => end,
        _ = &mut writing => {
            if connection.close_reason().is_none() {
                return control::close(&connection, Reason::TooMany, "the control stream is not read");
            }
            // Nobody is there any more who could be told; what the agent sent before it left is still read.
            talking.await;
            return;
        }
    };
    let End::Refused(refused) = end else { return control::close(&connection, Reason::Stopping, "") };
    // A message that is half written comes first.
    match timeout(FAREWELL, writing).await {
        Ok(Some(send)) => control::farewell(&connection, send, refused).await,
        Ok(None) | Err(_) => control::close(&connection, refused.reason, &refused.text),
    }
}

enum End {
    /// The agent is gone.
    Left,
    /// It is told why, and disconnected.
    Refused(Refused),
}

async fn conversation(
    connection: &Connection,
    receive: RecvStream,
    outbox: mpsc::Sender<Bytes>,
    camera: Arc<Camera>,
    parts: &Parts,
    shutdown: &Shutdown,
) -> End {
    let counters = parts.counters.as_ref();
    let (receive, live, backfill) = match timeout(HELLO, control::next(receive, MAX_CONTROL)).await {
        Ok((receive, Ok(Message::Publish { subscription, backfill }))) => (receive, subscription, backfill),
        Ok((_, Ok(other))) => return fail(counters, &camera, Fault::OutOfTurn(other.name())),
        Ok((_, Err(silence))) => return silenced(counters, &camera, silence),
        Err(_) => return End::Refused(refused(0, Reason::OutOfTurn, "an agent must publish after its greeting, and did not")),
    };
    limits::agent().admit(connection);
    let publisher = camera.publish();
    camera.tidings().begin();
    let frame_bytes = usize::try_from(parts.config.limits.frame_bytes).unwrap_or(MAX_FRAME);
    let reader = Arc::new(Reader { camera: Arc::clone(&camera), live, backfill, frame_bytes });
    tracing::info!(camera = %camera.channel().name(), peer = %connection.remote_address(), "the camera is connected");

    let mut groups = JoinSet::new();
    let mut announcements = std::pin::pin!(announcements(receive, live, &camera, parts));
    let mut telling = std::pin::pin!(tell(&outbox, live, &camera));
    let end = loop {
        tokio::select! {
            biased;
            () = shutdown.draining() => break End::Refused(refused(0, Reason::Stopping, "this relay is shutting down")),
            fault = publisher.ended() => break fail(counters, &camera, fault),
            Some(group) = groups.join_next(), if !groups.is_empty() => ended(group, &publisher, counters),
            fault = &mut telling => break fail(counters, &camera, fault),
            end = &mut announcements => break match end {
                Announced::Fault(fault) => fail(counters, &camera, fault),
                Announced::Silence(silence) => silenced(counters, &camera, silence),
            },
            stream = connection.accept_uni() => match stream {
                Ok(stream) => {
                    let reader = Arc::clone(&reader);
                    groups.spawn(async move { reader.read(stream).await });
                }
                Err(_) => break End::Left,
            },
        }
    };
    if matches!(end, End::Left) {
        let rest = last_groups(connection, &reader, &mut groups, &publisher, counters);
        // One that says it leaves and stays is left behind.
        let _ = timeout(FAREWELL, rest).await;
    }
    // The camera is off line before anybody is told so.
    drop(publisher);
    tracing::info!(camera = %camera.channel().name(), "the camera is disconnected");
    end
}

/// Reads what came before the agent left: its last frames and the session's end are most often on their way through here just then.
async fn last_groups(
    connection: &Connection,
    reader: &Arc<Reader>,
    groups: &mut JoinSet<Result<(), Stopped>>,
    publisher: &Publisher,
    counters: &Counters,
) {
    // What has arrived on a connection is still given out when it is closed, and after that an error.
    while let Ok(stream) = connection.accept_uni().await {
        let reader = Arc::clone(reader);
        groups.spawn(async move { reader.read(stream).await });
    }
    while let Some(group) = groups.join_next().await {
        ended(group, publisher, counters);
    }
}

/// Tells the agent what became of its frames, until one of them turns out to be a fork.
async fn tell(outbox: &mpsc::Sender<Bytes>, subscription: u32, camera: &Camera) -> Fault {
    loop {
        let message = match camera.tidings().next().await {
            News::Durable(Run { session, first, last }) => Message::DurableAck(DurableAck { subscription, session, first, last }),
            News::NotStoring(problem) => {
                let text = format!("nothing is stored at the moment: {problem}. Live goes on");
                Message::Refused(refused(subscription, Reason::Storage, text))
            }
            News::Forked(Place { session, sequence }) => return Fault::Forked { session, sequence },
        };
        if outbox.send(message.encode()).await.is_err() {
            // Nobody writes any more: the connection is at its end.
            std::future::pending().await
        }
    }
}

/// What came of a group stream.
fn ended(group: Result<Result<(), Stopped>, tokio::task::JoinError>, publisher: &Publisher, counters: &Counters) {
    match group {
        Ok(Ok(()) | Err(Stopped::Broken)) => {}
        Ok(Err(Stopped::Fault(fault))) => publisher.end(fault),
        Ok(Err(Stopped::Late)) => counters.late_streams.one(),
        // A panic in our own code: nothing that came by this connection is believed any more.
        Err(error) => {
            tracing::error!(%error, "a group could not be read, by the relay's own fault");
            publisher.end(Fault::OutOfTurn("group"));
        }
    }
}

fn fail(counters: &Counters, camera: &Camera, fault: Fault) -> End {
    counters.cameras_disconnected.one(fault.name());
    let name = camera.channel().name();
    tracing::warn!(camera = %name, reason = fault.name(), "the camera is refused: {fault}");
    End::Refused(refused(0, fault.reason(), fault))
}

fn silenced(counters: &Counters, camera: &Camera, silence: Silence) -> End {
    match silence {
        Silence::Left => End::Left,
        Silence::TooLong => fail(counters, camera, Fault::TooLong),
        Silence::CutOff => fail(counters, camera, Fault::OutOfTurn("end of the control stream")),
        Silence::Malformed(malformed) => fail(counters, camera, malformed.into()),
    }
}

enum Announced {
    Fault(Fault),
    Silence(Silence),
}

/// Takes in records and grants until the agent does something else.
async fn announcements(mut receive: RecvStream, published: u32, camera: &Camera, parts: &Parts) -> Announced {
    loop {
        let message;
        (receive, message) = control::next(receive, MAX_CONTROL).await;
        let taken = match message {
            Ok(Message::Record { subscription, record }) if subscription == published => camera.record(record, parts.crls()),
            Ok(Message::Grants(grants)) if grants.subscription == published => camera.grants(grants, parts.crls()),
            Ok(other) => Err(Fault::OutOfTurn(other.name())),
            Err(silence) => return Announced::Silence(silence),
        };
        if let Err(fault) = taken {
            return Announced::Fault(fault);
        }
    }
}
