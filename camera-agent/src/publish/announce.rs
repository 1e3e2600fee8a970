//! What is said on the control stream before a group: its epoch, unless the relay was told lately.

use std::collections::VecDeque;
use std::time::Duration;

use link::stream::{self, WriteError};
use quinn::SendStream;
use tokio::sync::Mutex;
use wire::id::Digest;
use wire::message::Message;

/// The relay remembers at least the last 16 epochs that it was told. What was told so many ago is told again.
const REMEMBERED: usize = 8;

/// The control stream, for live frames and backfill alike.
pub(super) struct Announcer(Mutex<State>);

struct State {
    control: SendStream,
    told: VecDeque<Digest>,
}

impl Announcer {
    pub(super) const fn new(control: SendStream) -> Self {
        Self(Mutex::const_new(State { control, told: VecDeque::new() }))
    }

    /// Tells an epoch, if the relay may have forgotten it.
    pub(super) async fn announce(
        &self,
        record: Digest,
        messages: impl FnOnce() -> [Message; 2],
        within: Duration,
    ) -> Result<(), WriteError> {
        let mut state = self.0.lock().await;
        if state.told.contains(&record) {
            return Ok(());
        }
        for message in messages() {
            stream::write_within(&mut state.control, &[], message.encode(), within).await?;
        }
        state.told.push_back(record);
        if state.told.len() > REMEMBERED {
            state.told.pop_front();
        }
        Ok(())
    }
}
