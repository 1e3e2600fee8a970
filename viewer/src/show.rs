//! Showing: files, a stream for other programs, and a line about how it stands.

pub mod output;
pub mod recent;
pub mod status;

pub use output::{Output, OutputError};
pub use recent::Recent;
pub use status::Status;
