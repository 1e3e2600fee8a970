//! The archive from outside and inside: a camera's stream is a string, the disk can fail at every step.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod agent;
mod faults;
mod rig;

mod acknowledging;
mod backfill;
mod clocks;
mod crash;
mod damage;
mod failing;
mod measure;
mod pressure;
mod rebuilding;
mod retaining;
mod storing;
mod tearing;
