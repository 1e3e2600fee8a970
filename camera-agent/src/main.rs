//! `camera-agent`: arguments, what they ask for, exit code.

use std::process::ExitCode;

use camera_agent::command::{Cli, carry_out};
use clap::Parser as _;
use link::exit::{Code, Error, report};

fn main() -> ExitCode {
    // Before anything is captured: a core dump would hold pictures that nobody masked, and keys.
    if let Err(error) = rlimit::setrlimit(rlimit::Resource::CORE, 0, 0) {
        return report(Err(Error::new(Code::Internal, format!("core dumps cannot be switched off: {error}"))));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; everything else is a usage error (64).
            let code = if error.use_stderr() { ExitCode::from(Code::Usage) } else { ExitCode::SUCCESS };
            let _ = error.print();
            return code;
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return report(Err(Error::of(Code::Internal, &error))),
    };
    let result = runtime.block_on(carry_out(cli));
    // A source or a detector that hangs in its device must not keep the program from ending.
    runtime.shutdown_background();
    report(result)
}
