//! Showing: files, a stream for other programs, and a line about how it stands.

pub mod output;
pub mod status;

pub use output::{Output, OutputError};
pub use status::Status;
