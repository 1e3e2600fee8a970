//! Celosia from end to end, a module per subject.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod accounts;
mod bad_input;
mod chaos;
mod enrolment;
mod evil_agent;
mod evil_relay;
mod fail_closed;
mod live;
mod masked_means_gone;
mod recording;
mod rtsp;
mod services;
mod shutdown;
mod streaming;
mod structure;
mod unlock;
mod window;
