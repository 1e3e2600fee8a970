//! `viewer`: arguments, what they ask for, exit code.

use std::process::ExitCode;

use clap::Parser as _;
use link::exit::{Code, Error, report};
use viewer::command::{Cli, run};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is a usage error (64).
            let code = if error.use_stderr() { ExitCode::from(Code::Usage) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    if let Err(error) = link::telemetry::init(Some(&cli.log), link::telemetry::Format::Human) {
        return report(Err(Error::of(Code::Usage, &error)));
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(Err(Error::of(Code::Internal, &error))),
    };
    report(run(cli, &runtime))
}
