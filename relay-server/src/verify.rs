//! Verifying: what an agent sends becomes [`wire::verify::Verified`] here or goes no further.
//!
//! In reading order: what may be wrong ([`fault`]); what is remembered of a camera, so that a frame can contradict an earlier one
//! ([`chain`]) and finds the record that it is sealed under ([`epoch`]); the camera itself, through whom every frame passes to the
//! archive and the hub ([`camera`]); what the archive tells of them ([`tidings`]); and the connection that its frames come by (`group`,
//! [`agent`]).

pub mod fault;

pub mod chain;
pub mod epoch;

pub mod tidings;

pub mod camera;

pub mod agent;
mod group;

pub use camera::{Camera, Cameras, Full, Store};
pub use chain::Place;
pub use epoch::Epoch;
pub use fault::Fault;
pub use tidings::{News, Run, Tidings};
