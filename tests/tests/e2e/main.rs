//! Celosia from end to end, a module per subject.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod enrolment;
mod evil_relay;
mod live;
