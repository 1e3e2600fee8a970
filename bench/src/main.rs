//! `bench`: arguments → measuring → table.

use std::process::ExitCode;

use bench::command::Cli;
use clap::Parser as _;
use link::telemetry::{self, Format};

fn main() -> ExitCode {
    let cli = Cli::parse();
    // What a relay tells about every connection would be measured too.
    if let Err(error) = telemetry::init(Some("warn"), Format::Human) {
        eprintln!("{error}");
    }
    match cli.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
