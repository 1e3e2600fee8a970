//! `viewer cameras`: what a relay has.

use clap::Args;
use link::address::Relay;
use link::exit::{Code, Error, OrExit as _};
use serde::{Deserialize, Serialize};
use wire::id::{CameraId, Name};

use super::Accept;
use super::pass::{client, remember};
use crate::home::Home;
use crate::session::Session;

/// List a relay's cameras.
#[derive(Debug, Args)]
pub(super) struct Cameras {
    /// The relay.
    #[arg(value_name = "HOST:PORT")]
    relay: Relay,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    accept: Accept,
}

/// A camera, as the relay lists it.
#[derive(Debug, Serialize, Deserialize)]
struct Camera {
    name: String,
    id: String,
    live: bool,
    visible: String,
}

impl Camera {
    /// Whether nothing in it could move a terminal's cursor or pass for something else.
    fn is_plain(&self) -> bool {
        self.name.parse::<Name>().is_ok()
            && self.id.parse::<CameraId>().is_ok()
            && self.visible.len() <= 16
            && self.visible.bytes().all(|byte| byte.is_ascii_lowercase())
    }
}

impl Cameras {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let client = client(home, &self.relay, &self.accept)?;
        let client = match Session::load(home, &self.relay)? {
            Some(session) => client.with_token(&session.token.reveal()),
            None => client,
        };
        let cameras: Vec<Camera> = client.get_json("/api/v1/cameras").await?;
        remember(home, &client, &self.accept)?;
        if !cameras.iter().all(Camera::is_plain) {
            return Err(Error::new(Code::Data, format!("{} lists cameras in a way that no relay does", self.relay)));
        }
        if self.json {
            println!("{}", serde_json::to_string(&cameras).or_exit(Code::Internal)?);
        } else if cameras.is_empty() {
            println!("{} has no cameras yet.", self.relay);
        } else {
            for camera in &cameras {
                let state = if camera.live { "live" } else { "offline" };
                println!("{:<32} {state:<8} {:<9} {}", format!("{}@{}", camera.name, self.relay), camera.visible, camera.id);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_would_move_the_cursor_is_not_shown() {
        let camera = |name: &str, id: &str, visible: &str| Camera { name: name.into(), id: id.into(), live: true, visible: visible.into() };
        let id = "77".repeat(32);
        assert!(camera("front-door", &id, "public").is_plain());
        for evil in ["\u{1b}[2J", "a\nb", "\u{202e}", "public\u{7}"] {
            assert!(!camera(evil, &id, "public").is_plain() && !camera("front-door", evil, "public").is_plain(), "{evil:?}");
            assert!(!camera("front-door", &id, evil).is_plain(), "{evil:?}");
        }
    }
}
