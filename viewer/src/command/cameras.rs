//! `viewer cameras`: what a relay has.

use clap::Args;
use link::address::Relay;
use link::exit::{Code, Error, OrExit as _};
use link::{api, tls};
use serde::{Deserialize, Serialize};

use super::Accept;
use super::target::{pin_relay, trust};
use crate::home::Home;

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

impl Cameras {
    pub(super) async fn run(&self, home: &Home) -> Result<(), Error> {
        let pins = home.pins();
        let tls = tls::Client::new(trust(&pins, &self.relay, &self.accept)?, None, tls::API).or_exit(Code::Internal)?;
        let client = api::Client::new(self.relay.clone(), tls);
        let cameras: Vec<Camera> = client.get_json("/api/v1/cameras").await?;
        if let Some(root) = client.root()
            && let Some(note) = pin_relay(&pins, &self.relay, &root, &self.accept)?
        {
            eprintln!("{note}");
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
