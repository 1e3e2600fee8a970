//! Frames on their way through a relay: agents and viewers over QUIC, in one process.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod fakes;

mod accounts;
mod cameras;
mod strangers;
mod viewers;
mod whole;
