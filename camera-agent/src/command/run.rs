//! `camera-agent run`.

use std::path::PathBuf;

use clap::Args;
use link::exit::{Code, Error, OrExit as _};
use link::shutdown::Shutdown;

use super::{Place, say};
use crate::agent::{Agent, Parts};
use crate::enroll::Enrolment;

/// Where to.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Record into this new file instead of streaming to the relay: signed and sealed as ever. `viewer verify` reads it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Run {
    /// Runs until a signal, or until the source ends: the first signal lets the session end in order, the second ends at once.
    pub(super) async fn carry_out(self, place: &Place) -> Result<(), Error> {
        let config = place.config()?;
        let enrolment = Enrolment::load(&config.camera.dir)?;
        let parts = match &self.out {
            Some(file) => Parts::recording(&config, &enrolment, file)?,
            None => Parts::enrolled(&config, &enrolment)?,
        };
        let stop = Shutdown::new();
        stop.on_signals().or_exit(Code::Internal)?;
        let agent = Agent::start(&config, parts, stop).await?;
        say(&format!("camera     {}\n{}", enrolment.name, agent.intro()))?;
        agent.ended().await?;
        tracing::info!("the camera has stopped");
        Ok(())
    }
}
