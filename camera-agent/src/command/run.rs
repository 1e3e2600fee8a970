//! `camera-agent run`.

use link::exit::{Code, Error, OrExit as _};
use link::shutdown::Shutdown;

use super::{Place, say};
use crate::agent::{Agent, Parts};
use crate::enroll::Enrolment;

/// Runs until a signal, or until the source ends: the first signal lets the session end in order, the second ends at once.
pub(super) async fn carry_out(place: &Place) -> Result<(), Error> {
    let config = place.config()?;
    let enrolment = Enrolment::load(&config.camera.dir)?;
    let parts = Parts::enrolled(&config, &enrolment)?;
    let stop = Shutdown::new();
    stop.on_signals().or_exit(Code::Internal)?;
    let agent = Agent::start(&config, parts, stop).await?;
    say(&format!("camera     {}\n{}", enrolment.name, agent.intro()))?;
    agent.ended().await?;
    tracing::info!("the camera has stopped");
    Ok(())
}
