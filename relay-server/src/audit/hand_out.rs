//! A hand-out of sealed layers that is under way: on disk before its first byte, and its end when it is dropped.

use std::sync::Arc;

use wire::id::{Micros, Name};

use super::{Event, Kind, Log, Unwritten, Way};
use crate::accounts::lease::Account;

/// Sealed layers and grants are being handed out.
pub struct HandOut {
    log: Log,
    end: Event,
}

impl HandOut {
    /// Live layers, from now on.
    ///
    /// # Errors
    /// When it could not be recorded: then nothing may be handed out.
    pub async fn live(log: &Log, account: &Arc<Account>, address: &str, camera: &Name, labels: Vec<String>) -> Result<Self, Unwritten> {
        let begin = Event { way: Some(Way::Live), from: Some(log.clock().now()), labels, ..event(account, address, camera) };
        let number = log.write(begin.clone()).await?;
        Ok(Self { log: log.clone(), end: Event { kind: Kind::HandOutEnded, of: Some(number), ..begin } })
    }

    /// Layers from the past: of this range, whatever is sent of it.
    ///
    /// # Errors
    /// As [`Self::live`].
    pub async fn replay(
        log: &Log,
        account: &Arc<Account>,
        address: &str,
        camera: &Name,
        labels: Vec<String>,
        (from, to): (Micros, Micros),
    ) -> Result<(), Unwritten> {
        let event = Event { way: Some(Way::Replay), from: Some(from), to: Some(to), labels, ..event(account, address, camera) };
        log.write(event).await.map(|_| ())
    }
}

impl Drop for HandOut {
    fn drop(&mut self) {
        let end = Event { to: Some(self.log.clock().now()), ..self.end.clone() };
        self.log.write_soon(end);
    }
}

fn event(account: &Account, address: &str, camera: &Name) -> Event {
    Event::new(Kind::HandOut).of_account(&account.name, Some(account.fingerprint)).at(address).with_camera(camera)
}
